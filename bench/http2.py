"""As much of HTTP/2 as a client needs for one gRPC method, many calls at a time: RFC 9113 and gRPC's own framing.

A client from a library costs more per call than the server under test. This one keeps to what Envoy sends (the same
headers, DATA frames of 16 KiB, the server's windows), looks at the answer's status, and leaves its body alone.
"""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

PATH = "/lightstep.collector.CollectorService/Report"
FRAME_BYTES = 16_384

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE, _CONTINUATION = (
    0,
    1,
    3,
    4,
    6,
    7,
    8,
    9,
)
_END_STREAM, _END_HEADERS, _ACK = 1, 4, 1
_HEADER_TABLE_SIZE, _ENABLE_PUSH, _INITIAL_WINDOW_SIZE = 1, 2, 4
_WINDOW = 65_535
_OUR_WINDOW = 2**30
_GOOD = (b"\x0bgrpc-status\x010", b"\x88\x9a\xca\xc8\xb2\x12\x34\xda\x8f\x010")
"""How servers write `grpc-status: 0`: we allow no table, and Go's write the name in Huffman's code (RFC 7541)."""


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">HBBBI", len(payload) >> 8, len(payload) & 0xFF, kind, flags, stream) + payload


def _text(value: str) -> bytes:
    return bytes([len(value)]) + value.encode()


def _headers(path: str, token: str, *, secure: bool) -> tuple[bytes, bytes]:
    """(the first call's header block, which fills the server's table; that of every later call, which uses it)."""
    scheme = b"\x87" if secure else b"\x86"
    first = (
        b"\x83"  # :method POST
        + scheme
        + b"\x44" + _text(path)  # :path
        + b"\x41" + _text("lightstep")  # :authority is the name of Envoy's cluster
        + b"\x5f" + _text("application/grpc")  # content-type
        + b"\x40" + _text("te") + _text("trailers")
        + b"\x40" + _text("grpc-timeout") + _text("30000m")
    )  # fmt: skip
    known = b"\xc2\xc1\xc0\xbf\xbe"
    if token:
        first += b"\x40" + _text("lightstep-access-token") + _text(token)
        known = b"\xc3" + known
    return first, b"\x83" + scheme + known


@dataclass
class _Sending:
    """A message that did not fit the windows yet."""

    stream: int
    rest: memoryview


class ReportConnection(asyncio.Protocol):
    """One connection with a number of calls in flight, each replaced by the next as soon as it is answered."""

    def __init__(
        self,
        next_message: Callable[[], memoryview | None],
        on_answer: Callable[[bool], None],
        *,
        in_flight: int,
        secure: bool = True,
        path: str = PATH,
        token: str = "",
    ) -> None:
        """Calls nothing yet.

        Args:
            next_message: a gRPC message with its prefix; None when there are no more.
            on_answer: told of each answered call whether it was a success.
            in_flight: calls at a time.
            secure: what to write as the scheme.
            path: the method.
            token: the access token as metadata; "" where messages have it.
        """
        self._next_message = next_message
        self._on_answer = on_answer
        self._in_flight = in_flight
        self._first_headers, self._headers = _headers(path, token, secure=secure)
        self._transport: asyncio.WriteTransport | None = None
        self._received = b""
        self._next_stream = 1
        self._window = _WINDOW
        self._stream_window = _WINDOW
        self._windows: dict[int, int] = {}
        self._sending: deque[_Sending] = deque()
        self._uncredited = 0
        self._greeted = False
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Set when there are no more messages and all calls are answered; an error when the connection broke."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet; calls begin with the server's settings, so that its windows are known."""
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's are not subclasses
        settings = struct.pack(
            ">HIHIHI", _HEADER_TABLE_SIZE, 0, _ENABLE_PUSH, 0, _INITIAL_WINDOW_SIZE, _OUR_WINDOW
        )
        window = struct.pack(">I", _OUR_WINDOW)
        self._write(_PREFACE + _frame(_SETTINGS, 0, 0, settings) + _frame(_WINDOW_UPDATE, 0, 0, window))

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever waits for the end hears it."""
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server closed the connection"))

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def more(self) -> None:
        """Begin calls until enough are in flight or there are no more messages."""
        while len(self._windows) < self._in_flight:
            message = self._next_message()
            if message is None:
                break
            stream = self._next_stream
            self._next_stream += 2
            self._windows[stream] = self._stream_window
            block = self._first_headers if stream == 1 else self._headers
            self._write(_frame(_HEADERS, _END_HEADERS, stream, block))
            self._sending.append(_Sending(stream, message))
        self._pump()
        if not self._windows and self._greeted and not self.done.done():
            self.done.set_result(None)

    def _write(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)

    def _pump(self) -> None:
        """Send what the windows allow."""
        pieces: list[bytes | memoryview] = []
        blocked: deque[_Sending] = deque()
        while self._sending and self._window > 0:
            sending = self._sending.popleft()
            stream, rest = sending.stream, sending.rest
            allowed = self._windows.get(stream, 0)
            while len(rest) and (size := min(len(rest), allowed, self._window, FRAME_BYTES)) > 0:
                flags = _END_STREAM if size == len(rest) else 0
                pieces += [struct.pack(">HBBBI", size >> 8, size & 0xFF, _DATA, flags, stream), rest[:size]]
                rest = rest[size:]
                allowed -= size
                self._window -= size
            if stream in self._windows:
                self._windows[stream] = allowed
                if len(rest):
                    sending.rest = rest
                    blocked.append(sending)
        self._sending.extendleft(reversed(blocked))
        if pieces:
            self._write(b"".join(pieces))

    def data_received(self, data: bytes) -> None:
        """Take the frames apart."""
        received = self._received + data if self._received else data
        at, end = 0, len(received)
        answered = False
        while end - at >= 9:
            high, low, kind, flags, stream = struct.unpack_from(">HBBBI", received, at)
            size = high << 8 | low
            if end - at < 9 + size:
                break
            answered |= self._take(kind, flags, stream, received[at + 9 : at + 9 + size])
            at += 9 + size
        self._received = received[at:]
        if answered:
            self.more()
        elif self._sending:
            self._pump()

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> bool:
        """True when calls may begin."""
        if kind == _HEADERS:
            if flags & _END_STREAM:
                del self._windows[stream]
                self._on_answer(any(good in payload for good in _GOOD))
                return True
        elif kind == _DATA:
            self._uncredited += len(payload)
            if self._uncredited > _OUR_WINDOW // 2:
                self._write(_frame(_WINDOW_UPDATE, 0, 0, struct.pack(">I", self._uncredited)))
                self._uncredited = 0
        elif kind == _WINDOW_UPDATE:
            more = int.from_bytes(payload, "big")
            if stream == 0:
                self._window += more
            elif stream in self._windows:
                self._windows[stream] += more
        elif kind == _PING and not flags & _ACK:
            self._write(_frame(_PING, _ACK, 0, payload))
        elif kind == _SETTINGS and not flags & _ACK:
            return self._settings(payload)
        elif kind == _RST_STREAM and stream in self._windows:
            del self._windows[stream]
            self._on_answer(False)
            return True
        elif kind in {_GOAWAY, _CONTINUATION}:
            raise ConnectionError(f"the server sent a frame of kind {kind}: {payload[8:]!r}")
        return False

    def _settings(self, payload: bytes) -> bool:
        for name, value in struct.iter_unpack(">HI", payload):
            if name == _INITIAL_WINDOW_SIZE:
                for stream in self._windows:
                    self._windows[stream] += value - self._stream_window
                self._stream_window = value
        self._write(_frame(_SETTINGS, _ACK, 0))
        self._greeted = True
        return True


def tls_context(ca_file: str, *, alpn: str = "h2") -> ssl.SSLContext:
    """Trusts that CA only, and speaks HTTP/2 or what else is named."""
    context = ssl.create_default_context(cafile=ca_file)
    context.set_alpn_protocols([alpn])
    return context
