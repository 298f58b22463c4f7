"""An HTTP/2 connection on its socket: what `http2` makes of its bytes goes to gRPC's engine or to an HTTP application."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from satellite.edges import http2
from satellite.edges.faulty import reset
from satellite.edges.grpc.engine import Engine
from satellite.edges.grpc.report_call import ReportCall
from satellite.edges.http2_request import Http2Request
from satellite.edges.pace import Pace
from satellite.edges.paths import may_be_web
from satellite.edges.peers import FLOOD
from satellite.edges.turns import SLICE, WORK_OF_READING_ON, WORK_OF_REQUEST
from satellite.errors import SatelliteError
from satellite.intake.intake import Delivery

if TYPE_CHECKING:
    from satellite.edges.listener import Listener

_PING_SECONDS = 60.0
"""Without a byte after which the client is asked for a sign of life; it may be idle for ever if it answers."""
_PONG_SECONDS = 20.0
_CLOSING_SECONDS = 1.0
"""How long a client may take to hear that it should begin no more streams."""
_SIGN_OF_LIFE, _LAST_CALLS = b"alive?\0\0", b"last one"
_USES = {http2.Request, http2.Data, http2.Trailers, http2.Drained}
"""What a connection is for; one that only pings, or goes on with what was refused, is idle."""
_TASKS_MAX = 2
"""Times the streams: of requests that were reset some may still run, but not any number."""


class Http2Connection(asyncio.Protocol):
    """One connection; see `grpc.call.Wire` for what its calls need of it."""

    def __init__(self, listener: Listener, engine: Engine, limits: http2.Limits) -> None:
        """Args: `listener` is the port it came to; `engine` takes its gRPC."""
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._engine = engine
        self.http2 = http2.Connection(limits)
        self.peer = ""
        self.port = listener.port
        self.stopping = False
        self._began = self._heard = self._used = self._loop.time()
        self._asked = False
        self._unfinished_since = 0.0
        self._write_paused_at = 0.0
        self._writable: asyncio.Event | None = None
        self._put_off = False
        """Whether what came waits for another turn of the loop."""
        self._reads = True
        self._later = False
        """Whether `_write` is about to run."""
        self._tasks: set[asyncio.Task[None]] = set()
        self.transport: asyncio.Transport

    # What the loop tells

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """It is open."""
        self.transport = transport
        host, port = (transport.get_extra_info("peername") or ("", 0))[:2]
        self.peer = f"{host}:{port}"
        self._host = str(host)
        self._server = (transport.get_extra_info("sockname") or ("", 0))[:2]
        self._scheme = "http" if transport.get_extra_info("sslcontext") is None else "https"
        transport.set_write_buffer_limits(high=256 * 1024)
        self._listener.connections.add(self)
        self._write()

    def data_received(self, data: bytes) -> None:
        """Some frames."""
        self._heard = self._loop.time()
        self._asked = False
        self._handle(data, self._listener.turns.came(self._host, len(data)))

    def go_on(self) -> int:
        """It is its turn again; the work that it was."""
        self._put_off = False
        if self.transport.is_closing() or self._writable is not None:
            return 0
        work = self._handle(b"", SLICE)
        self._read_or_not()
        return work + WORK_OF_READING_ON if self._reads else work

    def eof_received(self) -> bool:
        """The client says no more and may still listen; over TLS the connection ends."""
        return bool(self.http2.streams) and self._scheme == "http"

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over; reports in hand are stored all the same."""
        del exc
        self._listener.connections.discard(self)
        for stream in list(self.http2.streams.values()):
            if stream.owned is not None:
                stream.owned.reset()
        for task in self._tasks:
            task.cancel()
        self.resume_writing()
        self._listener.connection_closed(self.peer)

    def pause_writing(self) -> None:
        """The client reads slowly: nothing more is read from it, since what it asks for has to wait, too."""
        self._write_paused_at = self._loop.time()
        self._writable = asyncio.Event()
        self._read_or_not()

    def resume_writing(self) -> None:
        """It caught up."""
        if self._writable is not None:
            self._writable.set()
            self._writable = None
            self._write_paused_at = 0.0
            if self.http2.waits:
                self._wait_for_turn()
            self._read_or_not()

    # What its calls need

    def write_soon(self) -> None:
        """Something is to be written; once for all that happens now."""
        if not self._later:
            self._later = True
            self._loop.call_soon(self._write)

    def deliver(self, delivery: Delivery, call: ReportCall) -> None:
        """A report for the intake."""
        self._listener.intake.hand_over(delivery, call)

    def refused(self, protocol: str, refusal: SatelliteError) -> None:
        """A report that was refused before it could be delivered."""
        self._listener.intake.refuse(protocol, refusal, peer=self.peer)

    def later_wait_seconds(self) -> float:
        """How long a report waits before it is told to come later."""
        return self._listener.owner.later_wait_seconds()

    def is_too_slow(self, pace: Pace, now: float) -> bool:
        """Whether a body comes below the least rate."""
        return self._listener.is_too_slow(pace, now)

    def slow_body(self, path: str) -> None:
        """One was given up."""
        self._listener.slow_body(self.peer, path)

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
        """Run it; None when nothing is begun any more."""
        tasks = self._listener.tasks
        if tasks is None or len(self._tasks) >= _TASKS_MAX * self.http2.limits.streams_max:
            work.close()
            return None
        try:
            task = tasks.create_task(work)
        except RuntimeError:  # it is about to end
            work.close()
            return None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def writable(self) -> None:
        """Wait until the client takes what was written."""
        if self._writable is not None:
            await self._writable.wait()

    def cut(self) -> None:
        """End it with a reset."""
        reset(self.transport.get_extra_info("socket"))
        self.transport.abort()

    def end_soon(self) -> None:
        """Take no more streams; those in hand are finished."""
        self.http2.announce_end()
        self._take_no_more()

    # What the listener tells

    def tick(self, now: float) -> None:
        """A second passed: close what is overdue, ask who is silent."""
        self.http2.second_passed()
        owner = self._listener.owner
        for stream in list(self.http2.streams.values()):
            if stream.owned is not None:
                stream.owned.tick(now)
        silent = now - self._heard
        if self._write_paused_at and now - self._write_paused_at > owner.slow_seconds:
            self._give_up("slow_reader", "the client does not take its answers")
        elif self.http2.pending_bytes and silent > owner.slow_seconds:
            self._give_up("slow_reader", "the client opens no window for its answers")
        elif self._unfinished_since and now - self._unfinished_since > owner.slow_seconds:
            self._give_up("slow_body", "a frame comes too slowly")
        elif not self.http2.settled and now - self._began > owner.head_seconds:
            self._give_up("http2_fault", "no SETTINGS came")
        elif silent > _PING_SECONDS + _PONG_SECONDS:
            self._give_up("client_vanished", "no sign of life")
        elif silent > _PING_SECONDS and not self._asked:
            self._asked = True
            self.http2.ping(_SIGN_OF_LIFE)
        self._write()

    def idle_seconds(self, now: float) -> float:
        """For how long nothing was asked of us, and nothing is on its way; 0: it is busy."""
        return 0.0 if self.is_busy else now - self._used

    @property
    def is_busy(self) -> bool:
        """Whether something is left to answer or send."""
        transport: Any = self.transport
        return bool(self.http2.streams) or self.http2.waits or bool(transport.get_write_buffer_size())

    def shutdown(self) -> None:
        """We stop: calls in hand are answered, those on their way, too; then it closes."""
        self.stopping = True
        self.http2.announce_end()
        self.http2.ping(_LAST_CALLS)
        for stream in list(self.http2.streams.values()):
            if stream.owned is not None:
                stream.owned.stop()
        self._write()
        self._loop.call_later(_CLOSING_SECONDS, self._take_no_more)

    def refuse_connection(self) -> None:
        """There are too many connections."""
        self.http2.go_away(http2.ErrorCode.ENHANCE_YOUR_CALM, "too many connections")
        self._write()
        self.transport.close()

    # Within

    def _handle(self, data: bytes, work_max: int) -> int:
        """Frames, as far as the allowance goes; the work that it was."""
        for event in self.http2.receive(data, work_max):
            kind = type(event)
            if kind in _USES:
                self._used = self._heard
            if kind is http2.Data:
                event.stream.owned.data(event.data, ended=event.ended)  # type: ignore[union-attr]
            elif kind is http2.Request:
                self._request(event)  # type: ignore[arg-type]
            elif kind is http2.Reset:
                if event.stream.owned is not None:  # type: ignore[union-attr]
                    event.stream.owned.reset()  # type: ignore[union-attr]
            elif kind is http2.Trailers:
                event.stream.owned.ended()  # type: ignore[union-attr]
            elif kind is http2.Drained:
                event.stream.owned.drained()  # type: ignore[union-attr]
            elif kind is http2.PingAnswered:
                if event.payload == _LAST_CALLS:  # type: ignore[union-attr]
                    self._take_no_more()
            elif kind is http2.Ended:
                self._fault(event)  # type: ignore[arg-type]
        work = self.http2.work
        self._listener.turns.spend(self._host, work)
        if self.http2.waits or work >= work_max:
            self._wait_for_turn()
        self._write()
        if not self.http2.unfinished_bytes or self._put_off:
            self._unfinished_since = 0.0
        elif not self._unfinished_since:
            self._unfinished_since = self._heard
        return work

    def _wait_for_turn(self) -> None:
        if not self._put_off:
            self._put_off = True
            self._listener.turns.put_off(self._host, self)
            self._read_or_not()

    def _read_or_not(self) -> None:
        """Nothing is read while what came waits for its turn, or our answers for the client."""
        reads = not self._put_off and self._writable is None
        if reads is not self._reads and not self.transport.is_closing():
            self._reads = reads
            if reads:
                self.transport.resume_reading()
            else:
                self.transport.pause_reading()

    def _request(self, event: http2.Request) -> None:
        stream = event.stream
        head = stream.head
        if head.meaning is not None or (head.method == b"POST" and _is_grpc(head.fields)):
            call = stream.owned = self._engine.begin(self, stream)
            if event.ended:
                call.ended()
            return
        self._listener.turns.spend(self._host, WORK_OF_REQUEST)
        request = stream.owned = Http2Request(
            self,
            stream,
            self._listener.app,
            server=self._server,
            scheme=self._scheme,
            headers=self._listener.state.default_headers,
        )
        if head.too_large:
            request.refuse(431, b"the header list is too large\n")
        elif head.method == b"CONNECT":
            request.refuse(501, b"CONNECT is not served here\n")
        elif self._engine.serves(head.path) and not may_be_web(head.method, head.fields):
            request.refuse(415, b"this path is a gRPC method: its content type is application/grpc\n")
        else:
            request.begin()

    def _write(self) -> None:
        self._later = False
        if self.transport.is_closing():
            return
        data = self.http2.take()
        if data:
            self.transport.write(data)
        if self.http2.is_done:
            self.transport.close()

    def _take_no_more(self) -> None:
        self.http2.go_away()
        self._write()

    def _fault(self, event: http2.Ended) -> None:
        if event.code == http2.ErrorCode.ENHANCE_YOUR_CALM:
            self._listener.trap("http2_flood", self.peer, event.detail)
            self._listener.trouble(self.peer, FLOOD)
        else:
            self._listener.trap("http2_fault", self.peer, event.detail)
            self._listener.trouble(self.peer)

    def _give_up(self, kind: str, detail: str) -> None:
        self._listener.trap(kind, self.peer, detail)
        self.transport.abort()


def _is_grpc(fields: http2.Fields) -> bool:
    content_type = next((value for name, value in fields if name == b"content-type"), b"")
    return content_type.startswith(b"application/grpc") and content_type[16:17] in {b"", b"+", b";", b" "}
