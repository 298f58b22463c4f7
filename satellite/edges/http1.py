"""An HTTP/1.1 connection: uvicorn's protocol on httptools, with the limits and the strictness that it leaves to others."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from satellite.edges.faulty import CONNECTION, reset
from satellite.edges.pace import PACE, Pace
from satellite.edges.paths import may_be_web, shown
from satellite.edges.turns import SLICE, WORK_OF_READING_ON, WORK_OF_REQUEST

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    from satellite.edges.listener import Listener

HEAD_BYTES_MAX = 65_536
"""A request's line and headers (ours)."""

FIELDS_MAX = 256
"""Header fields of a request (ours), trailers counted with them."""

HOLD = "satellite.hold"
"""Key in an ASGI scope's `extensions`: a function that stops reading a request which will be refused, until it is answered, and
gives the bytes that are held of it meanwhile."""

UNREAD = "satellite.unread"
"""Key in an ASGI scope's `extensions`: a function that gives what came of a body and was never received, and whether
that was all of it. After a disconnect ASGI has no other way to it."""

_CHUNK_BYTES_MAX = 32
"""What a chunk may cost beside its content, on average: its length and line ends are ten or less; extensions, which mean
nothing here (RFC 9112 §7.1.1), may be some bytes more."""

_FIRST_LINE_BYTES = 256
"""How much of a connection's beginning tells whether it is HTTP/1."""

_LINGER_SECONDS = 1.0

HEAD_PIECE_BYTES = 4096
_BODY_PIECE_BYTES = 32_768
"""How much is parsed at a time, of what may be requests and of a body."""

_BODY_AT_ONCE_BYTES = 262_144
"""Of a body, before the application takes it: about what is read at once, so that it need not wait for several turns."""

_JOINED_BYTES = 65_536
"""What is larger is not copied to stand behind its head."""

_UPGRADE = re.compile(rb"\r\nupgrade:", re.IGNORECASE)


_HEAD_TOO_LARGE = (b"431 Request Header Fields Too Large", b"the head of the request is too large\n")
_TOO_MUCH_FRAMING = (b"400 Bad Request", b"too much of the body is chunk extensions and trailers\n")
_CODING = (b"501 Not Implemented", b"the one transfer coding here is chunked (RFC 9112, 6.1)\n")
_NOT_ONE_HOST = (b"400 Bad Request", b"a request has one Host field (RFC 9112, 3.2)\n")
_GRPC_PATH = (b"505 HTTP Version Not Supported", b"this path is a gRPC method, which needs HTTP/2\n")
_TOO_SLOW = (b"408 Request Timeout", b"the body comes too slowly\n")
_STOPPING = (b"503 Service Unavailable", b"the satellite is stopping; send again\n")
_TOO_MANY = (b"503 Service Unavailable", b"too many connections, try again later\n")


class _Refused(Exception):
    """Raised in a callback of the parser, which then stops."""


class _Flow(FlowControl):
    """Says when reading may go on."""

    def __init__(self, transport: asyncio.Transport, on_resume: Callable[[], None]) -> None:
        super().__init__(transport)
        self._on_resume = on_resume

    def resume_reading(self) -> None:
        paused = self.read_paused
        super().resume_reading()
        if paused:
            self._on_resume()


class _Answer:
    """The transport for one answer. Its head waits for what follows in the same turn of the loop, and goes out with it: one call of the
    kernel and one segment in place of two.
    """

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None] | None = None) -> None:
        """Args: `close` does what is to be done when the answer is the last of its connection."""
        self._transport = transport
        self._close = close or transport.close
        self._head = b""
        self.is_closing = transport.is_closing

    def write(self, data: bytes | memoryview) -> None:
        """A head, or some of the body."""
        head, self._head = self._head, b""
        if head and len(data) <= _JOINED_BYTES:
            self._transport.write(b"".join((head, data)))
        elif head:
            self._transport.write(head)
            self._transport.write(data)
        elif data[:5] == b"HTTP/" and data[-4:] == b"\r\n\r\n":
            self._head = bytes(data)
            asyncio.get_running_loop().call_soon(self._flush)
        else:
            self._transport.write(data)

    def _flush(self) -> None:
        head, self._head = self._head, b""
        if head and not self.is_closing():
            self._transport.write(head)

    def close(self) -> None:
        """Nothing follows."""
        self._flush()
        self._close()


class Http1Connection(HttpToolsProtocol):
    """One connection."""

    def __init__(self, listener: Listener) -> None:
        """Args: `listener` is the port it came to."""
        loop = asyncio.get_running_loop()
        super().__init__(config=listener.config, server_state=listener.state, app_state={}, _loop=loop)
        self.access_log = (
            False  # uvicorn's own setting changes the process's loggers, which are a program's around us
        )
        self._listener = listener
        self._heard = loop.time()
        self._head_since: float | None = None
        self._head_bytes = 0
        self._fields = 0
        self._hosts = 0
        self._is_coded = False
        """Whether the body has a transfer coding beside chunked: it would be taken with it still on."""
        self._chunks = 0
        self._began = b""
        self._framing_bytes = 0
        """Of the head, until it is complete; then of the body what is not its content, from the next read on."""
        self._counts = True
        self._quiet = True
        """Whether nothing but a head came in this read."""
        self._refusal: tuple[bytes, bytes] | None = None
        self._read_bytes = 0
        self._lingers = False
        """Whether something was refused, and what still comes is thrown away."""
        self._complete: RequestResponseCycle | None = None
        """The last request whose body is complete."""
        self._write_paused_at = 0.0
        self._host = ""
        self._came: deque[bytes] = deque()
        self._at = 0
        """What came, and from where on the first of it waits, for a turn of the loop or for the application."""
        self._put_off = False
        """Whether it waits for a turn."""
        self._pace = Pace(loop.time)
        self._requests = 0
        """That began in the piece that is parsed; at least 1 where one ended."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """It is open."""
        super().connection_made(transport)
        self.flow = _Flow(transport, self._flow_resumed)
        self._host = self.client[0] if self.client else ""

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over; a body in hand may yet become complete, if it was not refused."""
        while self._came and self._is_in_body() and not self._lingers:
            self._feed(self._next_piece())
        self._came.clear()
        super().connection_lost(exc)
        self._listener.connection_closed(self._peer())

    def data_received(self, data: bytes) -> None:
        """Some of a request, or more than one."""
        if self._is_over():
            return
        self._heard = self.loop.time()
        if len(self._began) < _FIRST_LINE_BYTES:
            self._began += data[:_FIRST_LINE_BYTES]
        if not self._is_in_body():
            data = _without_upgrade(data)
        self._came.append(data)
        allowance = self._listener.turns.came(self._host, len(data))
        if not self._put_off:
            self._read(allowance)

    def go_on(self) -> int:
        """It is its turn again; the work that it was."""
        self._put_off = False
        work = self._read(SLICE)
        if self._put_off or self.flow.read_paused or self.transport.is_closing():
            return work
        self.transport.resume_reading()
        return work + WORK_OF_READING_ON

    def _read(self, work_max: int) -> int:
        """Parse what came, as far as the allowance goes, and as the application takes it; the work that it was."""
        work = 0
        while work < work_max and self._came and not (self.flow.read_paused or self._is_over()):
            piece = self._next_piece()
            self._requests = 0
            self._feed(piece)
            work += 1 + WORK_OF_REQUEST * self._requests + (len(piece) >> 12)
        self._listener.turns.spend(self._host, work)
        if work >= work_max and not self._is_over():
            self._wait_for_turn()
        return work

    def _is_over(self) -> bool:
        """Whether nothing of what comes counts any more."""
        return self._lingers or self.transport.is_closing()

    def _wait_for_turn(self) -> None:
        self._put_off = True
        self._listener.turns.put_off(self._host, self)
        self.transport.pause_reading()

    def _flow_resumed(self) -> None:
        """The application took what there was."""
        if self.pipeline:  # what was read already is answered first, or ever more of it would be held
            self.flow.pause_reading()
        elif self._put_off:
            self.transport.pause_reading()
        elif self._came and not self.transport.is_closing():
            self._wait_for_turn()

    def _is_in_body(self) -> bool:
        return self.cycle is not None and self.cycle.more_body

    def _next_piece(self) -> bytes | memoryview:
        """Large pieces of bodies; little where thousands of requests could be."""
        size = _BODY_PIECE_BYTES if self._is_in_body() else HEAD_PIECE_BYTES
        came, at = self._came[0], self._at
        self._at += size
        if self._at >= len(came):
            self._came.popleft()
            self._at = 0
        return memoryview(came)[at : at + size] if at or len(came) > size else came

    def _feed(self, data: bytes | memoryview) -> None:
        self._counts = self._quiet = True
        self._framing_bytes += len(data)
        self._read_bytes = len(data)
        super().data_received(data)  # type: ignore[arg-type]
        if self._is_over():
            return
        if self._head_since is not None and self._framing_bytes > HEAD_BYTES_MAX:
            self._answer_and_close(*_HEAD_TOO_LARGE)
        elif self._framing_bytes > HEAD_BYTES_MAX + self._chunks * _CHUNK_BYTES_MAX:
            self._answer_and_close(*_TOO_MUCH_FRAMING)

    def shutdown(self) -> None:
        """We stop: what has come is answered, then it closes."""
        while self._came and not self._is_over():
            self._feed(self._next_piece())
        super().shutdown()

    def cut(self) -> None:
        """End it with a reset."""
        if self.cycle is not None:
            self.cycle.disconnected = True  # nobody misses the answer
        reset(self.transport.get_extra_info("socket"))
        self.transport.abort()

    def end_soon(self) -> None:
        """Its answer said so already (`connection: close`)."""

    # What the parser found

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._requests += 1
        self._pace = Pace(self.loop.time)
        self._head_since = self.loop.time()
        self._head_bytes = self._fields = self._hosts = self._chunks = 0
        self._is_coded = False
        self._framing_bytes = self._read_bytes if self._quiet else 0
        extensions: dict[str, Any] = {
            HOLD: self._hold,
            UNREAD: self._unread,
            CONNECTION: self,
            PACE: self._pace,
        }
        self.scope["extensions"] = extensions

    def on_url(self, url: bytes) -> None:
        """Its target, or a part of it."""
        self._head_bytes += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of its head or, later, a trailer, which means nothing here."""
        self._fields += 1
        self._head_bytes += len(name) + len(value) + 4  # ": " and the line's end
        if self._head_bytes > HEAD_BYTES_MAX or self._fields > FIELDS_MAX:
            self._refuse(_HEAD_TOO_LARGE)
        elif self._head_since is not None:
            super().on_header(name, value)
            match name.lower():
                case b"host":
                    self._hosts += 1
                case b"transfer-encoding":
                    self._is_coded |= value.strip().lower() != b"chunked"

    def on_headers_complete(self) -> None:
        """Its head is complete."""
        self._head_since = None
        self._framing_bytes = 0
        self._counts = False
        if self._hosts != 1 and (self._hosts or self.parser.get_http_version() != "1.0"):
            self._refuse(_NOT_ONE_HOST)
        if self._is_coded:
            self._refuse(_CODING)
        if self._listener.is_grpc_method(self.url) and not may_be_web(self.parser.get_method(), self.headers):
            self._listener.trap("http1_at_grpc_path", self._peer(), shown(self.url.decode("latin-1")))
            self._refuse(_GRPC_PATH)
        super().on_headers_complete()
        if self.cycle.keep_alive:
            self.cycle.transport = _Answer(self.transport)  # type: ignore[assignment]
        else:
            self._end_with(self.cycle)

    def on_chunk_header(self) -> None:
        """Of a body's chunk."""
        self._chunks += 1

    def on_body(self, body: bytes) -> None:
        """Some of its body."""
        self._quiet = False
        if self._counts:
            self._framing_bytes -= len(body)
        self._pace.came(len(body))
        if self.cycle.response_complete:
            return
        self.cycle.body += body
        if len(self.cycle.body) > _BODY_AT_ONCE_BYTES:
            self.flow.pause_reading()
        self.cycle.message_event.set()

    def send_400_response(self, msg: str) -> None:
        """What came is no HTTP, or a callback refused it."""
        if self._refusal is not None:
            self._answer_and_close(*self._refusal)
            return
        self._listener.trap("not_http", self._peer(), msg)
        if self._closes_when_answered():
            return
        if self._listener.takes_http2 and b" HTTP/1." not in self._began:
            self.transport.close()  # RFC 9113 §3.4: what is no HTTP at all does not understand an answer in HTTP/1
        else:
            super().send_400_response(msg)

    def on_message_complete(self) -> None:
        """Its body is complete."""
        self._quiet = False
        self._framing_bytes = 0
        self._requests = self._requests or 1
        super().on_message_complete()
        self._complete = self.cycle

    def _refuse(self, refusal: tuple[bytes, bytes]) -> NoReturn:
        """Within a callback of the parser: stop it."""
        self._refusal = refusal
        raise _Refused

    # Limits

    def pause_writing(self) -> None:
        """The client reads slowly."""
        super().pause_writing()
        self._write_paused_at = self.loop.time()

    def resume_writing(self) -> None:
        """It caught up."""
        super().resume_writing()
        self._write_paused_at = 0.0

    def tick(self, now: float) -> None:
        """A second passed: close what is overdue."""
        if self.is_overdue(now):
            self.transport.close()
        elif self._write_paused_at and now - self._write_paused_at > self._listener.owner.slow_seconds:
            self._listener.trap("slow_reader", self._peer(), "the client does not take its answer")
            self.transport.abort()
        elif self._is_too_slow(now):
            self._pace.given_up = True
            self._listener.slow_body(self._peer(), self.scope["path"])
            if self.cycle.response_started:
                self._end()
            else:
                self._answer_and_close(*_TOO_SLOW)

    def is_overdue(self, now: float) -> bool:
        """Whether it is the peer's turn, and has been for too long."""
        owner = self._listener.owner
        if self._head_since is not None:
            return now - self._head_since > owner.head_seconds
        ours = self.cycle is not None and not self.cycle.response_complete and not self.cycle.more_body
        return not ours and not self.flow.read_paused and now - self._heard > owner.idle_seconds

    def _is_too_slow(self, now: float) -> bool:
        if not self._is_in_body() or self._lingers or self._came or self.flow.read_paused:
            return False
        answers = self.cycle.response_started and not self.cycle.response_complete
        return not answers and self._listener.is_too_slow(self._pace, now)

    def idle_seconds(self, now: float) -> float:
        """For how long nothing was asked of us, and nothing is on its way; 0: it is busy."""
        done = self.cycle is None or (self.cycle.response_complete and not self.cycle.more_body)
        idle = done and self._head_since is None and not self._came and not self.is_busy
        return now - self._heard if idle else 0.0

    @property
    def is_busy(self) -> bool:
        """Whether something is left to send."""
        transport: Any = self.transport
        return bool(transport.get_write_buffer_size())

    def refuse_connection(self) -> None:
        """There are too many connections."""
        self._answer_and_close(*_TOO_MANY)

    def refuse_unfinished(self) -> None:
        """We stop, and wait no longer for the rest of a body."""
        if not self._is_in_body() or self._lingers or self.cycle.response_started:
            return
        cycle = self.cycle
        self._pace.given_up = True
        self._answer_and_close(*_STOPPING)
        cycle.disconnected = True  # for the application it is as if its sender had left
        cycle.message_event.set()

    def _hold(self) -> int:
        self.flow.pause_reading()
        return sum(map(len, self._came)) + len(self.cycle.body)

    def _unread(self) -> tuple[bytes, bool]:
        body, self.cycle.body = bytes(self.cycle.body), bytearray()
        return body, not self.cycle.more_body

    def _peer(self) -> str:
        return f"{self.client[0]}:{self.client[1]}" if self.client else ""

    def _closes_when_answered(self) -> bool:
        """Whether complete requests wait for their answers; then the last of these ends the connection.

        What follows them was refused, and must not answer for them: their spans may be kept already.
        """
        last = self._complete
        if last is None or last.response_complete:
            return False
        if self.pipeline and self.pipeline[0][0] is not last:
            self.pipeline.popleft()  # begun with a body that cannot be read
        last.keep_alive = False
        self._end_with(last)
        self.cycle = last
        self._head_since = None
        self._lingers = True
        return True

    def _answer_and_close(self, status: bytes, text: bytes) -> None:
        if self._closes_when_answered():
            return
        head = b"HTTP/1.1 %b\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n"
        more = b"".join(b"%b: %b\r\n" % header for header in self.server_state.default_headers)
        if status.startswith(b"503"):
            more += b"retry-after: 1\r\n"
        self.transport.write(head % (status, len(text)) + more + b"connection: close\r\n\r\n" + text)
        self._end()

    def _end_with(self, cycle: RequestResponseCycle) -> None:
        cycle.transport = _Answer(self.transport, self._end)  # type: ignore[assignment]

    def _end(self) -> None:
        """All is answered. What is closed while the peer still sends ends with a reset, which can overtake the answer."""
        if self.transport.can_write_eof() and not self.transport.is_closing():
            self._lingers = True
            self.transport.write_eof()
            self.loop.call_later(_LINGER_SECONDS, self.transport.close)
        else:
            self.transport.close()


def _without_upgrade(data: bytes) -> bytes:
    """A request without its wish for another protocol, which a server may ignore (RFC 9110 §7.8) and the parser cannot.

    Java's own client has it in every plain request.
    """
    end = data.find(b"\r\n\r\n")
    if end < 0:
        end = len(data)
    if data.find(b"pgrade:", 0, end) < 0:  # what follows may be a large body
        return data
    return _UPGRADE.sub(b"\r\nx-upgrade:", data[:end]) + data[end:]
