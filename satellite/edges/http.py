"""The HTTP edge for reports: an ASGI application with the routes of every protocol.

Owns the size limits and decompression; what it hands to the intake is still bytes. No framework stands between,
since a tracer's report of a few spans should cost little more than HTTP itself. Listeners, TLS and time limits are
in `listeners`.

A chunked body that pauses is taken apart from then on (`WireProtocol.splitter`): its spans are handed over as they
become complete. One that does not pause stays one report, however many chunks it has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Protocol

from satellite.edges import faulty, noted
from satellite.edges.budget import ReadingBudget
from satellite.edges.compression import inflate_aside
from satellite.edges.http_request import Body, BodyState, ReportRequest, Scope
from satellite.edges.other_requests import OnTrap, OtherRequests, Receive, Send, answer
from satellite.edges.paths import Paths, shown
from satellite.edges.pause import pause
from satellite.errors import BadReport, Overloaded, SatelliteError, TooLarge
from satellite.faults.book import EarlyFaults
from satellite.faults.decision import Decision
from satellite.faults.scope import Request
from satellite.intake.head import NOWHERE, Head
from satellite.model.report import Receipt
from satellite.protocols.files.binary_stream import JAEGER_AGENT
from satellite.protocols.files.recognition import recognised
from satellite.protocols.readers.compression import ENCODINGS, encoding_of
from satellite.protocols.refused import is_final
from satellite.protocols.wire import BodySplitter, Reply, RequestHead, WireProtocol
from satellite.requests.entry import EntryTaker

Headers = list[tuple[bytes, bytes]]

_BEFORE_SPLITTING_SECONDS = 1.0
"""How long a body may grow without a pause before it is taken apart all the same (ours)."""

_HAND_OVER_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
"""A full queue is tried again after these pauses for a body that is taken apart: its sender keeps nothing to send
again, and meanwhile is not read from. Together less than the 5 s that it waits to write."""

_WARNINGS_MAX = 20


class ReportIntake(Protocol):
    """What this edge needs of the intake."""

    async def submit(
        self,
        protocol: WireProtocol,
        body: bytes,
        *,
        header_token: str = "",
        peer: str = "",
        head: Head = NOWHERE,
        fences: int | None = None,
    ) -> Receipt:
        """Take one report; the receipt says what became of it."""
        ...

    def busy_for(
        self, protocol: WireProtocol, size_bytes: int, *, header_token: str = "", peer: str = ""
    ) -> Overloaded | None:
        """Why a body that is yet to be read would not be taken, as far as that is known."""
        ...

    def refuse(self, protocol: str, error: SatelliteError, *, size_bytes: int = 0, peer: str = "") -> None:
        """Count a report that this edge had to refuse before it was one."""
        ...


class ReportsApp:
    """Answers every report as its protocol does, `GET /ca.pem`, `GET /spans_received` where that is wanted, and 404 or 405 for the rest."""

    def __init__(
        self,
        intake: ReportIntake,
        *,
        protocols: Sequence[WireProtocol],
        clock_ns: Callable[[], int],
        body_bytes_max: int,
        budget: ReadingBudget,
        ca_pem: Callable[[], bytes | None],
        on_trap: OnTrap,
        vain_wait_seconds: Callable[[int, str], float] = lambda _port, _peer: 0.0,
        later_wait_seconds: Callable[[], float] = lambda: 0.0,
        faults: EarlyFaults,
        log: EntryTaker | None = None,
        spans_received: Callable[[], int] | None = None,
        pause_seconds: float = 0.1,
        fences: Callable[[], int] = lambda: 0,
    ) -> None:
        """An ASGI application.

        Args:
            intake: takes the bodies.
            protocols: whose routes are answered.
            clock_ns: ns since the epoch, for the answers to what is refused here.
            body_bytes_max: of one body, as sent and once more after decompression.
            budget: for all bodies that are being read; what exceeds it is told to try later.
            ca_pem: the certificate that clients should trust, for `/ca.pem`; None: there is none.
            on_trap: hears of what came to nothing: clients that left in mid-report, paths and methods that nobody takes.
            vain_wait_seconds: how long the answer to a request that brought nothing is to wait, by our port and the peer.
            later_wait_seconds: how long the answer to a report that is told to come later is to wait.
            faults: what is to go wrong before a body is read.
            log: keeps what came and what was answered.
            spans_received: what `GET /spans_received` says; None: there is no such path.
            pause_seconds: silence in a chunked body after which it is taken apart.
            fences: how many there are, see `explore/fence.py`.
        """
        self._intake = intake
        self._clock_ns = clock_ns
        self._body_bytes_max = body_bytes_max
        self._budget = budget
        self._on_trap = on_trap
        self._vain_wait_seconds = vain_wait_seconds
        self._later_wait_seconds = later_wait_seconds
        self._faults = faults
        self._log = log
        self._pause_seconds = pause_seconds
        self._fences = fences
        self._paths = Paths(protocols)
        self._others = OtherRequests(
            self._paths,
            clock_ns=clock_ns,
            ca_pem=ca_pem,
            on_trap=on_trap,
            vain_wait_seconds=vain_wait_seconds,
            spans_received=spans_received,
            log=log,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        found = self._paths.find(scope["method"], scope["path"])
        if found is not None:
            await self._report(*found, scope, receive, send)
        else:
            await self._others(scope, send)

    async def _report(
        self, path: str, candidates: Sequence[WireProtocol], scope: Scope, receive: Receive, send: Send
    ) -> None:
        request = ReportRequest(scope, path, candidates, self._clock_ns(), self._fences())
        if self._faults.early:
            slow = self._faults.of_head(Request("http", request.path, request.port, request.peer))
            await pause(slow.read_delay_s if slow else 0)
        body = Body(self._budget.share(request.peer, request.port))
        extra: Headers = []
        try:
            receipt = await self._receipt(candidates, request, body, receive)
        except SatelliteError as refusal:
            if request.expects_continue:
                extra.append((b"connection", b"close"))  # what follows may be the body or the next request
            receipt = self._refused(request, refusal.bare())
        finally:
            body.share.release()
        if receipt is None:
            self._note(scope, request, body, body.so_far, None)
            return
        if body.taken_apart:
            extra.append((b"connection", b"close"))  # its sender waits for that (wire-protocols.md §2.4)
        head = RequestHead(request.path, request.content_type, request.accept, request.user_agent)
        reply = request.protocol.encode(receipt, head)
        if receipt.fault is not None:
            note = partial(self._note, scope, request, body, receipt)
            await self._misbehave(receipt.fault, reply, extra, scope, send, note)
            return
        self._note(scope, request, body, receipt, reply)
        if receipt.refusal is not None and not is_final(receipt.refusal):
            await self._put_off(request, body)
        if reply.status in (429, 503):
            extra.append((b"retry-after", b"1"))
        elif reply.status >= 400 and (seconds := self._vain_wait_seconds(request.port, request.peer)):
            await pause(seconds)
        await answer(send, reply.status, reply.content_type.encode(), reply.body, *extra)

    async def _put_off(self, request: ReportRequest, body: Body) -> None:
        """Wait before it is told to come later, where many are, and there is room for what is held of it."""
        if seconds := self._later_wait_seconds():
            body.forget()
            with suppress(Overloaded):
                body.share.hold(request.hold())
                await pause(seconds)
            body.share.release()

    def _note(
        self,
        scope: Scope,
        request: ReportRequest,
        body: Body,
        receipt: Receipt | None,
        reply: Reply | None,
    ) -> None:
        """Keep it in the log."""
        if self._log is not None:
            encoding = body.encoding or ("" if request.encoding == "identity" else shown(request.encoding))
            entry = noted.over_http(
                scope, request.protocol.name, request.began_ns, self._clock_ns(), encoding, receipt, reply
            )
            entry.body = request.query if request.method == "GET" else body.as_sent()
            entry.body_bytes = body.size
            self._log.add(entry)

    async def _misbehave(
        self,
        fault: Decision,
        right: Reply,
        extra: Headers,
        scope: Scope,
        send: Send,
        note: Callable[[Reply | None], None],
    ) -> None:
        """Answer as a fault wants it, once the answer is noted; None: there is none."""
        await pause(fault.delay_s)
        connection: faulty.Breakable = scope["extensions"][faulty.CONNECTION]
        if fault.connection == "reset-after":
            note(None)
            connection.cut()
            return
        reply, wrong = faulty.reply(fault, right)
        half = fault.connection == "reset-mid-body"
        note(replace(reply, body=reply.body[: len(reply.body) // 2]) if half else reply)
        headers = [
            (b"content-type", reply.content_type.encode()),
            (b"content-length", b"%d" % len(reply.body)),
            *extra,
            *(one for one in wrong if one not in extra),
        ]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        if half:
            await send(
                {"type": "http.response.body", "body": reply.body[: len(reply.body) // 2], "more_body": True}
            )
            connection.cut()
            return
        async for piece in faulty.slices(fault, reply.body):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body"})
        if fault.connection == "goaway":
            connection.end_soon()

    async def _receipt(
        self, candidates: Sequence[WireProtocol], request: ReportRequest, body: Body, receive: Receive
    ) -> Receipt | None:
        """What became of the report; None when nobody is left to hear it.

        Raises:
            SatelliteError: it cannot become one.
        """
        self._check(candidates, request)
        if request.method == "GET":
            return await self._submit(request, request.query)
        splitter = request.protocol.splitter if request.encoding in ("", "identity") else None
        state = await self._read(body, request, receive, may_pause=splitter is not None and request.chunked)
        if state is not BodyState.COMPLETE and splitter is not None:
            return await self._take_apart(splitter(self._body_bytes_max), request, body, receive, state)
        if state is BodyState.LEFT:
            self._left(request)
            return None
        data = body.take()
        body.share.release()
        encoding = request.encoding if request.encoding in ENCODINGS else encoding_of(data)
        if encoding:
            body.encoding = encoding
            data = await inflate_aside(data, encoding, self._body_bytes_max)
        return await self._submit(request, data)

    def _check(self, candidates: Sequence[WireProtocol], request: ReportRequest) -> None:
        """Raises BadReport for a form or a compression that the path does not take."""
        if request.method == "GET":
            return
        understood = [content_type for protocol in candidates for content_type in protocol.content_types]
        if request.content_type and request.content_type not in understood:
            expected = ", ".join(dict.fromkeys(understood))
            came = f"{request.content_type} at {request.path}"
            self._on_trap("wrong_content_type", request.port, request.peer, shown(came), expected)
            raise BadReport(f"content type {shown(request.content_type)!r} is none of {expected}")
        if request.encoding not in ("", "identity", *ENCODINGS):
            expected = ", ".join(ENCODINGS)
            came = f"{request.encoding} at {request.path}"
            self._on_trap("wrong_content_encoding", request.port, request.peer, shown(came), expected)
            raise BadReport(f"content encoding {shown(request.encoding)!r} is none of {expected}")

    async def _submit(self, request: ReportRequest, data: bytes) -> Receipt:
        receipt = await self._intake.submit(
            request.protocol,
            data,
            header_token=request.token,
            peer=request.peer,
            head=Head("http", request.path, request.port),
            fences=request.fences,
        )
        if not receipt.stored and (receipt.refusal is None or isinstance(receipt.refusal, BadReport)):
            said = self._explained(request, data, receipt)
            if said and receipt.refusal is not None:
                receipt.refusal = BadReport(f"{receipt.refusal.message}; {said}")
            elif said:
                receipt.warnings.append(said)
        return receipt

    def _explained(self, request: ReportRequest, data: bytes, receipt: Receipt) -> str:
        """What to tell the sender of a body that came to nothing because it is of another protocol than its path's, or form; else ""."""
        refused = receipt.refusal is not None
        if request.protocol.name not in _EXPLAINED and not (refused and data[:1] in _OTHERS_BEGIN):
            return ""
        if (found := recognised(data)) is None:
            return ""
        title, reader = found
        if reader is request.protocol:
            return ""
        if reader is not None and request.path in [path for _, path in reader.http_routes]:
            return f"the body may be {title}, which is sent as {reader.content_types[0]}" if refused else ""
        right = _RIGHT.get(title, "") if reader is None else _route(reader)
        self._on_trap("wrong_protocol", request.port, request.peer, f"{title} at {request.path}", right)
        return f"the body may be {title}: {right}"

    def _refused(self, request: ReportRequest, refusal: SatelliteError, size_bytes: int = 0) -> Receipt:
        self._intake.refuse(request.protocol.name, refusal, size_bytes=size_bytes, peer=request.peer)
        now_ns = self._clock_ns()
        return Receipt(now_ns, now_ns, refusal)

    async def _read(
        self, body: Body, request: ReportRequest, receive: Receive, *, may_pause: bool
    ) -> BodyState:
        """Fill the body as sent.

        Raises:
            TooLarge: over the limit; before anything is read when its length was announced.
            Overloaded: the bodies being read exceed their bound together; before anything is read when a body of this length
                would wait for too long.
        """
        if request.length > self._body_bytes_max:
            raise self._too_large()
        if request.length:
            busy = self._intake.busy_for(
                request.protocol, request.length, header_token=request.token, peer=request.peer
            )
            if busy is not None:
                raise busy
        loop = asyncio.get_running_loop()
        whole_until = 0.0
        while True:
            if may_pause and body.parts:
                whole_until = whole_until or loop.time() + _BEFORE_SPLITTING_SECONDS
                try:
                    async with asyncio.timeout_at(min(loop.time() + self._pause_seconds, whole_until)):
                        message = await receive()
                except TimeoutError:
                    return BodyState.GROWING
            else:
                message = await receive()
            if message["type"] == "http.disconnect":
                chunk, complete = request.unread()
                body.add(chunk)
                return BodyState.COMPLETE if complete else BodyState.LEFT
            chunk = message.get("body", b"")
            if body.size + len(chunk) > self._body_bytes_max:
                raise self._too_large()
            body.add(chunk)
            body.share.hold(body.size)
            if not message.get("more_body", False):
                return BodyState.COMPLETE

    def _left(self, request: ReportRequest) -> None:
        if not request.pace.given_up:  # that has a line of its own
            self._on_trap("left_in_mid_report", request.port, request.peer, "")

    async def _take_apart(
        self, splitter: BodySplitter, request: ReportRequest, body: Body, receive: Receive, state: BodyState
    ) -> Receipt | None:
        """Hand over what is complete while the body grows; the receipt of all of it, None when the sender left."""
        body.taken_apart = True
        now_ns = self._clock_ns()
        total = body.so_far = Receipt(now_ns, now_ns)
        handed_over = False
        data = body.take()
        while True:
            if self._log is not None:
                body.keep(data)
            piece = splitter.feed(data) if total.refusal is None else None
            if piece is not None:
                _add(total, await self._hand_over(request, piece))
                handed_over = True
                if not splitter.unfinished_bytes:
                    request.fences = self._fences()  # of the next piece, which has not begun
                request.pace.progressed(rests=not splitter.unfinished_bytes)
            if splitter.fault is not None or state is not BodyState.GROWING:
                break
            body.share.hold(splitter.unfinished_bytes)
            message = await receive()
            if message["type"] == "http.disconnect":
                data, complete = request.unread()
                state = BodyState.COMPLETE if complete else BodyState.LEFT
            else:
                data = message.get("body", b"")
                if not message.get("more_body", False):
                    state = BodyState.COMPLETE
            body.size += len(data)
        if state is BodyState.LEFT:
            self._left(request)
            if not handed_over:
                return None
        fault = splitter.fault
        if fault is None and splitter.unfinished_bytes:
            fault = BadReport("the body ends in the middle of a field; what was complete before it is kept")
        if total.refusal is None and (rest := splitter.finish()) is not None:
            _add(total, await self._hand_over(request, rest))
        if total.refusal is None and fault is not None:
            total.refusal = self._refused(request, fault, splitter.unfinished_bytes).refusal
        return None if state is BodyState.LEFT else total

    async def _hand_over(self, request: ReportRequest, piece: bytes) -> Receipt:
        for seconds in _HAND_OVER_SECONDS:
            receipt = await self._submit(request, piece)
            if not isinstance(receipt.refusal, Overloaded):
                return receipt
            await asyncio.sleep(seconds)
        return await self._submit(request, piece)

    def _too_large(self) -> TooLarge:
        return TooLarge(f"the report is larger than {self._body_bytes_max} bytes")


_EXPLAINED = frozenset(
    {"lightstep_json", "lightstep_thrift_json", "otlp", "otlp_json", "zipkin", "jaeger", "datadog"}
)
"""Protocols whose empty or refused bodies are looked at; reports of others are often empty, or hold no spans."""

_OTHERS_BEGIN = (b"{", b"[", b"\x80", b"\x82", b"\0")
"""And what is refused and begins so, by whichever: JSON, a call in Thrift."""

_RIGHT = {
    "logs": "POST /v1/logs",
    "metrics": "POST /v1/metrics",
    JAEGER_AGENT.title: "the client's HTTP sender (JAEGER_ENDPOINT, HttpSender) sends it as POST /api/traces",
}


def _route(reader: WireProtocol) -> str:
    if not reader.http_routes:
        return "no path takes it; `satellite import` does"
    method, path = reader.http_routes[0]
    return f"{method} {path}"


def _add(total: Receipt, piece: Receipt) -> None:
    total.answered_ns = piece.answered_ns
    total.stored += piece.stored
    for reason, number in piece.dropped.items():
        total.dropped[reason] = total.dropped.get(reason, 0) + number
    total.warnings += piece.warnings[: _WARNINGS_MAX - len(total.warnings)]
    total.refusal = piece.refusal
    total.project, total.service = piece.project or total.project, piece.service or total.service
    total.reporter_id = piece.reporter_id or total.reporter_id
    total.mark, total.fault = piece.mark or total.mark, piece.fault or total.fault
