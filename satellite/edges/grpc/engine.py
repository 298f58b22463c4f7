"""Our engine: which call a request of `application/grpc` begins. See `call` for what becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import grpc

from satellite.edges import http2
from satellite.edges.budget import ReadingBudget
from satellite.edges.grpc import status
from satellite.edges.grpc.call import Call, CallHead, Wire
from satellite.edges.grpc.notebook import Notebook
from satellite.edges.grpc.report_call import ReportCall
from satellite.edges.grpc.servicer_call import ServicerCall
from satellite.edges.grpc.services import Services
from satellite.edges.grpc.status import CallFailed
from satellite.edges.paths import shown
from satellite.faults.book import EarlyFaults
from satellite.faults.scope import Request
from satellite.intake.head import Head
from satellite.protocols.readers.compression import GRPC_ENCODINGS
from satellite.protocols.wire import WireProtocol
from satellite.requests.entry import EntryTaker, packed

TOKEN = b"lightstep-access-token"


class Engine:
    """Knows the methods; belongs to one event loop."""

    def __init__(
        self,
        *,
        protocols: Sequence[WireProtocol],
        services: Services,
        message_bytes_max: int,
        budget: ReadingBudget,
        on_unknown: Callable[[Wire, str], float],
        faults: EarlyFaults,
        clock_ns: Callable[[], int] = lambda: 0,
        log: EntryTaker | None = None,
        fences: Callable[[], int] = lambda: 0,
    ) -> None:
        """Serves at once.

        Args:
            protocols: whose report methods are served.
            services: what else is served.
            message_bytes_max: of one message, as sent and once more after decompression.
            budget: for messages that are not complete.
            on_unknown: hears of calls to methods that nobody serves, and says how many seconds the answer is to wait.
            faults: what is to go wrong before a report is read.
            clock_ns: ns since the epoch, for the log.
            log: keeps what came and what was answered.
            fences: how many there are, see `explore/fence.py`.
        """
        self._reports = {path.encode(): protocol for protocol in protocols for path in protocol.grpc_methods}
        self._handlers = {
            f"/{service}/{name}".encode(): handler
            for service, handlers in services.handlers.items()
            for name, handler in handlers.items()
        }
        self._message_bytes_max = message_bytes_max
        self._budget = budget
        self._on_unknown = on_unknown
        self._faults = faults
        self._fences = fences
        self._notebook = None if log is None else Notebook(log, clock_ns)

    def serves(self, path: bytes) -> bool:
        """Whether there is such a method."""
        return path in self._reports or path in self._handlers

    def begin(self, wire: Wire, stream: http2.Stream) -> Call:
        """The call that this stream is."""
        head = stream.head.meaning
        if head is None:
            head = stream.head.meaning = self._read(stream.head, wire.port)
        if head.failure is not None:
            wait_seconds = 0.0
            if head.failure.code is grpc.StatusCode.UNIMPLEMENTED and not self.serves(stream.head.path):
                wait_seconds = self._on_unknown(wire, stream.head.path.decode("latin-1"))
            call = Call(wire, stream, head, message_bytes_max=self._message_bytes_max, budget=self._budget)
            if self._notebook is not None:
                self._notebook.failed(call, head.failure)
            if wait_seconds:
                asyncio.get_running_loop().call_later(wait_seconds, call.fail, head.failure)
            else:
                call.fail(head.failure)
            return call
        if head.protocol is not None:
            read_delay_s = 0.0
            if self._faults.early:
                request = Request("grpc", stream.head.path.decode("latin-1"), wire.port, wire.peer)
                slow = self._faults.of_head(request)
                read_delay_s = slow.read_delay_s if slow else 0.0
            return ReportCall(
                wire,
                stream,
                head,
                protocol=head.protocol,
                notebook=self._notebook,
                fences=self._fences,
                message_bytes_max=self._message_bytes_max,
                budget=self._budget,
                read_delay_s=read_delay_s,
            )
        return ServicerCall(
            wire,
            stream,
            head,
            handler=head.handler,
            message_bytes_max=self._message_bytes_max,
            budget=self._budget,
        )

    def _read(self, head: http2.Head, port: int) -> CallHead:
        token = encoding = ""
        timeout: float | None = None
        failure: CallFailed | None = None
        for name, value in head.fields:
            if name == TOKEN:
                token = value.decode("latin-1")
            elif name == b"grpc-encoding":
                encoding = value.decode("latin-1").lower()
            elif name == b"grpc-timeout":
                timeout = status.timeout_seconds(value)
                if timeout is None:
                    failure = CallFailed(grpc.StatusCode.INTERNAL, "a grpc-timeout that is none")
        if not self.serves(head.path):
            known = f"{shown(head.path.decode('latin-1'))} is not served here"
            failure = CallFailed(grpc.StatusCode.UNIMPLEMENTED, known)
        elif encoding not in {"", "identity", *GRPC_ENCODINGS}:
            names = ", ".join(("identity", *GRPC_ENCODINGS))
            failure = CallFailed(
                grpc.StatusCode.UNIMPLEMENTED, f"grpc-encoding {shown(encoding)!r} is none of {names}"
            )
        elif head.too_large:
            failure = CallFailed(grpc.StatusCode.RESOURCE_EXHAUSTED, "the header list is too large")
        return CallHead(
            self._reports.get(head.path),
            self._handlers.get(head.path),
            head.fields,
            token,
            encoding,
            timeout,
            failure,
            b"" if self._notebook is None else packed(head.fields),
            Head("grpc", head.path.decode("latin-1"), port),
        )
