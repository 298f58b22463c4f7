"""The HTTP edge for reports: an ASGI application with the routes of every protocol.

Owns the size limits and decompression; what it hands to the intake is still bytes. No framework stands between,
since a tracer's report of a few spans should cost little more than HTTP itself. Listeners, TLS and time limits are
in `http_listeners`.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Protocol

from satellite.errors import BadReport, Overloaded, SatelliteError, TooLarge
from satellite.protocols.wire import RequestHead, WireProtocol
from satellite.report import Receipt

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

INFLATE_IN_THREAD_BYTES = 16_384
"""Compressed bodies beyond this are inflated in a worker thread; below, the change of thread costs more."""

_CHUNK_BYTES = 1 << 20
_TEXT = b"text/plain; charset=utf-8"
_GZIP = ("gzip", "x-gzip")
_ANY_ORIGIN = (b"access-control-allow-origin", b"*")


class ReportIntake(Protocol):
    """What this edge needs of the intake."""

    async def submit(
        self, protocol: WireProtocol, body: bytes, *, header_token: str = "", peer: str = ""
    ) -> Receipt:
        """Take one report; the receipt says what became of it."""
        ...

    def refuse(self, protocol: str, error: SatelliteError, *, size_bytes: int = 0, peer: str = "") -> None:
        """Count a report that this edge had to refuse before it was one."""
        ...


class ReportsApp:
    """Answers every report as its protocol does, `GET /ca.pem`, and 404 or 405 for the rest."""

    def __init__(
        self,
        intake: ReportIntake,
        *,
        protocols: Sequence[WireProtocol],
        clock_ns: Callable[[], int],
        body_bytes_max: int,
        reading_bytes_max: int,
        ca_pem: Callable[[], bytes | None],
        on_abort: Callable[[int, str], None],
    ) -> None:
        """An ASGI application.

        Args:
            intake: takes the bodies.
            protocols: whose routes are answered.
            clock_ns: ns since the epoch, for the answers to what is refused here.
            body_bytes_max: of one body, as sent and once more after decompression.
            reading_bytes_max: of all bodies that are being read; more are told to try later.
            ca_pem: the certificate that clients should trust, for `/ca.pem`; None: there is none.
            on_abort: hears of clients that left before their body was complete: our port, the client's address.
        """
        self._intake = intake
        self._clock_ns = clock_ns
        self._body_bytes_max = body_bytes_max
        self._reading_bytes_max = reading_bytes_max
        self._reading_bytes = 0
        self._ca_pem = ca_pem
        self._on_abort = on_abort
        self._routes: defaultdict[tuple[str, str], list[WireProtocol]] = defaultdict(list)
        for protocol in protocols:
            for route in protocol.http_routes:
                self._routes[route].append(protocol)
        self._methods: defaultdict[str, list[str]] = defaultdict(list, {"/ca.pem": ["GET", "HEAD"]})
        for method, path in self._routes:
            self._methods[path].append(method)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        candidates = self._routes.get((scope["method"], scope["path"]))
        if candidates is not None:
            await self._report(candidates, scope, receive, send)
        else:
            await self._rest(scope, send)

    async def _report(
        self, candidates: Sequence[WireProtocol], scope: Scope, receive: Receive, send: Send
    ) -> None:
        request = _RequestHeaders(scope["headers"])
        protocol = next(
            (one for one in candidates if request.content_type in one.content_types), candidates[0]
        )
        client = scope["client"]
        peer = f"{client[0]}:{client[1]}" if client else ""
        extra: Headers = []
        try:
            try:
                _check(candidates, request)
                body = await self._body(request, receive)
            except SatelliteError:
                if request.expects_continue:
                    extra.append(
                        (b"connection", b"close")
                    )  # what follows may be the body or the next request
                raise
            if request.encoding in _GZIP:
                body = await _inflate(body, self._body_bytes_max)
        except _Aborted:
            self._on_abort(scope["server"][1], peer)
            return
        except SatelliteError as refusal:
            self._intake.refuse(protocol.name, refusal, peer=peer)
            now_ns = self._clock_ns()
            receipt = Receipt(now_ns, now_ns, refusal)
        else:
            receipt = await self._intake.submit(protocol, body, header_token=request.token, peer=peer)
        head = RequestHead(scope["path"], request.content_type, request.accept, request.user_agent)
        reply = protocol.encode(receipt, head)
        if reply.status == 503:
            extra.append((b"retry-after", b"1"))
        await _answer(send, reply.status, reply.content_type.encode(), reply.body, *extra)

    async def _body(self, request: _RequestHeaders, receive: Receive) -> bytes:
        """The whole body as sent.

        Raises:
            TooLarge: over the limit; before anything is read when its length was announced.
            Overloaded: the bodies being read exceed their bound together.
            _Aborted: the client left.
        """
        if request.length > self._body_bytes_max:
            raise self._too_large()
        chunks: list[bytes] = []
        size = 0
        try:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _Aborted
                chunk = message.get("body", b"")
                size += len(chunk)
                if size > self._body_bytes_max:
                    raise self._too_large()
                self._reading_bytes += len(chunk)
                chunks.append(chunk)
                if self._reading_bytes > self._reading_bytes_max:
                    reason = "too many reports are arriving at once, try again later"
                    raise Overloaded(reason)
                if not message.get("more_body", False):
                    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
        finally:
            self._reading_bytes -= sum(map(len, chunks))

    def _too_large(self) -> TooLarge:
        return TooLarge(f"the report is larger than {self._body_bytes_max} bytes")

    async def _rest(self, scope: Scope, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        allowed = self._methods.get(path)
        if path == "/ca.pem" and method in ("GET", "HEAD"):
            pem = self._ca_pem()
            if pem is None:
                await _answer(send, 404, _TEXT, b"there is no CA to offer\n")
            else:
                await _answer(send, 200, b"application/x-pem-file", pem)
        elif allowed is None:
            await _answer(send, 404, _TEXT, b"no such path; this port takes reports of spans\n")
        elif method == "OPTIONS":
            wanted = dict(scope["headers"]).get(b"access-control-request-headers", b"*")
            allow = b", ".join(name.encode() for name in [*allowed, "OPTIONS"])
            await _answer(
                send,
                200,
                _TEXT,
                b"",
                (b"access-control-allow-methods", allow),
                (b"access-control-allow-headers", wanted),
                (b"access-control-max-age", b"86400"),
                (b"allow", allow),
            )
        else:
            allow = b", ".join(name.encode() for name in [*allowed, "OPTIONS"])
            await _answer(send, 405, _TEXT, b"method not allowed\n", (b"allow", allow))


class _Aborted(Exception):
    """The client left before its body was complete."""


class _RequestHeaders:
    """The few headers that matter, in one pass."""

    __slots__ = ("accept", "content_type", "encoding", "expects_continue", "length", "token", "user_agent")

    def __init__(self, headers: Headers) -> None:
        self.accept = self.content_type = self.encoding = self.token = self.user_agent = ""
        self.length = 0
        self.expects_continue = False
        for name, value in headers:
            if name == b"content-type":
                self.content_type = _media_type(value)
            elif name == b"lightstep-access-token":
                self.token = value.decode("latin-1").strip()
            elif name == b"content-length":
                self.length = int(value)  # the parser took digits only
            elif name == b"content-encoding":
                self.encoding = value.decode("latin-1").strip().lower()
            elif name == b"accept":
                self.accept = _media_type(value)
            elif name == b"user-agent":
                self.user_agent = value.decode("latin-1")
            elif name == b"expect":
                self.expects_continue = True


def _media_type(value: bytes) -> str:
    return value.split(b";", 1)[0].split(b",", 1)[0].strip().lower().decode("latin-1")


def _check(candidates: Sequence[WireProtocol], request: _RequestHeaders) -> None:
    understood = [content_type for protocol in candidates for content_type in protocol.content_types]
    if request.content_type and request.content_type not in understood:
        expected = ", ".join(understood)
        raise BadReport(f"content type {request.content_type[:80]!r} is none of {expected}")
    if request.encoding not in ("", "identity", *_GZIP):
        raise BadReport(f"content encoding {request.encoding[:80]!r} is not gzip")


async def _inflate(body: bytes, limit: int) -> bytes:
    if len(body) > INFLATE_IN_THREAD_BYTES:
        return await asyncio.to_thread(inflate, body, limit)
    return inflate(body, limit)


def inflate(body: bytes, limit: int) -> bytes:
    """What a gzip body (of one or more members) holds; never makes more than the limit and one piece of it.

    Raises:
        BadReport: not gzip, damaged, or cut off.
        TooLarge: more than `limit` bytes.
    """
    pieces: list[bytes] = []
    size = 0
    rest = body
    try:
        while rest:
            member = zlib.decompressobj(wbits=31)
            while not member.eof:
                piece = member.decompress(rest, _CHUNK_BYTES)
                rest = member.unconsumed_tail
                pieces.append(piece)
                size += len(piece)
                if size > limit:
                    raise TooLarge(f"the report is larger than {limit} bytes after decompression")
                if not piece and not rest and not member.eof:
                    message = "the gzip body is cut off"
                    raise BadReport(message)
            rest = member.unused_data.lstrip(b"\0")  # padding is legal
    except zlib.error as error:
        raise BadReport(f"not a gzip body: {error}") from error
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def _answer(
    send: Send, status: int, content_type: bytes, body: bytes, *extra: tuple[bytes, bytes]
) -> None:
    headers = [
        (b"content-type", content_type),
        (b"content-length", b"%d" % len(body)),
        _ANY_ORIGIN,
        *extra,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
