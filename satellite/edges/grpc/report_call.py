"""A call of a report method: no task, no context, hardly an object, since reports come by the thousand a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import grpc

from satellite.edges import faulty, http2
from satellite.edges.budget import ReadingBudget
from satellite.edges.compression import INFLATE_IN_THREAD_BYTES, inflate_aside
from satellite.edges.grpc import status
from satellite.edges.grpc.call import HEADERS, ONE_MESSAGE, STOPPING, Call, CallHead, Wire
from satellite.edges.grpc.messages import PREFIX_BYTES, Messages, message
from satellite.edges.grpc.metadata import Metadata
from satellite.edges.grpc.notebook import Notebook
from satellite.edges.grpc.status import CallFailed
from satellite.errors import SatelliteError
from satellite.faults.decision import Decision
from satellite.intake.intake import Delivery
from satellite.model.report import Receipt
from satellite.protocols.readers.compression import inflate
from satellite.protocols.refused import is_final
from satellite.protocols.wire import RequestHead, WireProtocol

_HEADERS = http2.encode(HEADERS)
_OK = http2.encode([(b"grpc-status", b"0")])
_HEAD = RequestHead()
_HTML = http2.encode(((b":status", b"200"), (b"content-type", b"text/html")))
_TO_BE_READ_SECONDS = 0.05
"""For what was written before a reset, which would take it away from a client that has not read it."""


class ReportCall(Call):
    """Each message is a report, handed over when it is complete; the next one when it has its answer.

    A unary method has one; a method with streams (`WireProtocol.grpc_streams`) any number, and to a client that sends
    one message and reads one answer it is an ordinary unary call.
    """

    __slots__ = (
        "_answers",
        "_began_ns",
        "_count_fences",
        "_encoding",
        "_fences",
        "_held",
        "_message",
        "_notebook",
        "_protocol",
        "_put_off",
        "_waits",
    )

    def __init__(
        self,
        wire: Wire,
        stream: http2.Stream,
        head: CallHead,
        *,
        message_bytes_max: int,
        budget: ReadingBudget,
        protocol: WireProtocol,
        notebook: Notebook | None = None,
        fences: Callable[[], int],
        read_delay_s: float = 0.0,
    ) -> None:
        super().__init__(wire, stream, head, message_bytes_max=message_bytes_max, budget=budget)
        self._protocol = protocol
        self._notebook = notebook
        self._began_ns = 0 if notebook is None else notebook.clock_ns()
        self._count_fences = fences
        self._fences = fences()
        self._message = b""
        """The message in hand, as sent, for the notebook."""
        self._encoding = ""
        self._held: list[tuple[bytes, bool]] | None = None
        """What came while a fault has us wait before we read."""
        if read_delay_s:
            self._held = []
            asyncio.get_running_loop().call_later(read_delay_s, self._read_held)
        self._answers = 0
        self._waits = False
        """Whether a message is in hand."""
        self._put_off: CallFailed | None = None
        """Its status is known, and waits to be said."""

    def data(self, data: bytes, *, ended: bool) -> None:
        """A piece of the body."""
        if self.over or self._put_off is not None:
            return
        if self._held is not None:
            self._held.append((data, ended))
            return
        self.done = ended
        if ended and self._is_whole(data):
            self._waits = True
            self._message = body = data[PREFIX_BYTES:]
            self._submit(body)
            return
        try:
            self.feed(data)
        except SatelliteError as refusal:
            self._refuse(refusal)
            return
        if not self._waits:
            self._next()

    def _is_whole(self, data: bytes) -> bool:
        """Nearly every call: one message that is not compressed, in one piece."""
        return (
            len(data) >= PREFIX_BYTES
            and data[0] == 0
            and int.from_bytes(data[1:PREFIX_BYTES], "big")
            == len(data) - PREFIX_BYTES
            <= self.messages.limit_bytes
            and not (self._answers or self._waits)
            and self.messages.is_empty
        )

    def ended(self) -> None:
        """The client has said all."""
        if self._held is not None:
            self._held.append((b"", True))
            return
        self.done = True
        if not self.over and not self._waits:
            self._next()

    def _read_held(self) -> None:
        held, self._held = self._held or [], None
        for data, ended in held:
            if data:
                self.data(data, ended=ended)
            elif ended:
                self.ended()
        self.wire.write_soon()

    def reset(self) -> None:
        """The client is gone, perhaps in the middle."""
        if self._notebook is not None and self._began_ns and not (self.over or self._is_silent):
            self._notebook.aborted(self, self._began_ns, self._message, self._encoding)
        super().reset()

    @property
    def _is_silent(self) -> bool:
        """Whether a call with streams only waits for another message."""
        return bool(self._answers) and not self._waits and self.messages.is_empty

    def stop(self) -> None:
        """A call that is silent ends well; one with a message in hand or on its way when that is answered; one that waits to hear no, now."""
        if self._put_off is not None:
            super().fail(self._put_off)
        elif self._protocol.grpc_streams and not (self.over or self._waits) and self.messages.is_empty:
            self._finish()

    def _next(self) -> None:
        """Take the next message, or end."""
        if self.messages.whole:
            self._waits = True
            try:
                self._take()
            except CallFailed as failure:
                self.fail(failure)
            except SatelliteError as refusal:
                self._refuse(refusal, status.code_of_message(refusal))
        elif self.messages.fault is not None:
            self._refuse(self.messages.fault, status.code_of_message(self.messages.fault))
        elif self.done:
            if self.messages.unfinished_bytes:
                self.fail(CallFailed(grpc.StatusCode.INTERNAL, "the body ends in the middle of a message"))
            elif not self._answers and not self._protocol.grpc_streams:
                self.fail(CallFailed(grpc.StatusCode.INTERNAL, "a call without a message"))
            else:
                self._finish()
        elif self.wire.stopping:
            self.stop()

    def _take(self) -> None:
        compressed, body = self.take()
        if not self._protocol.grpc_streams:
            self.check_only()
        self._message, self._encoding = body, ""
        if not compressed:
            self._submit(body)
            return
        encoding = self._encoding = self.encoding()
        if len(body) <= INFLATE_IN_THREAD_BYTES:
            self._submit(inflate(body, encoding, self.messages.limit_bytes))
        elif self.wire.start(self._inflate(body, encoding)) is None:
            raise CallFailed(grpc.StatusCode.UNAVAILABLE, STOPPING)

    async def _inflate(self, body: bytes, encoding: str) -> None:
        try:
            self._submit(await inflate_aside(body, encoding, self.messages.limit_bytes))
        except SatelliteError as refusal:
            self._refuse(refusal, status.code_of_message(refusal))

    def _submit(self, body: bytes) -> None:
        head = self.head
        self.wire.deliver(
            Delivery(self._protocol, body, head.token, self.wire.peer, None, head.where, self._fences), self
        )

    # As the `Waiter` for the message in hand

    def cancelled(self) -> bool:
        """Whether nobody waits for it any more, and the intake may leave it."""
        return self.over or self._put_off is not None

    def set_result(self, receipt: Receipt) -> None:
        """What became of it."""
        self._waits = False
        if receipt.fault is not None:
            self._waits = True
            self.wire.start(self._misbehave(receipt, receipt.fault))
            return
        if receipt.refusal is not None:
            self._fail(receipt.refusal, receipt=receipt)
            return
        if not (self._protocol.grpc_streams or self.messages.is_empty):
            # It came while the first was in hand, which is kept: sent again, it is known.
            self._fail_with(CallFailed(grpc.StatusCode.INTERNAL, ONE_MESSAGE), receipt)
            return
        right = self._protocol.encode(receipt, _HEAD).body
        self._note(receipt, right)
        connection = self.wire.http2
        self._answers += 1
        if not self.sent_headers:
            self.sent_headers = True
            if not self._protocol.grpc_streams or (self.done and self.messages.is_empty):
                connection.send_answer(self.stream, _HEADERS, message(right), _OK)
                self.ended_by_us()
                return
            connection.send_block(self.stream, _HEADERS)
        connection.send_data(self.stream, message(right))
        if self.messages.is_empty:
            self._fences = self._count_fences()  # of the next one, which has not begun
        if not self._protocol.grpc_streams or (self.done and self.messages.is_empty):
            self._finish()
        else:
            self.wire.write_soon()
            self._next()

    def _note(self, receipt: Receipt, answer: bytes) -> None:
        if self._notebook is not None:
            self._notebook.answered(self, self._began_ns, self._message, self._encoding, receipt, answer)
            self._began_ns = self._notebook.clock_ns() if self._protocol.grpc_streams else 0
            self._message = b""

    async def _misbehave(self, receipt: Receipt, fault: Decision) -> None:
        """Answer as a fault wants it."""
        await asyncio.sleep(fault.delay_s)
        self._waits = False
        if fault.connection == "reset-after":
            if self._notebook is not None:
                self._notebook.aborted(self, self._began_ns, self._message, self._encoding, receipt)
                self._began_ns = 0
            self.wire.cut()
        elif self.over:
            return
        elif receipt.refusal is not None:
            code = grpc.StatusCode[fault.grpc_code] if fault.grpc_code else status.code_of(receipt.refusal)
            text = receipt.refusal.message
            usual = self._protocol.grpc_details(receipt.refusal)
            details = faulty.details(fault, status.number(code), text, usual)
            self._fail_with(CallFailed(code, text, details), receipt)
        else:
            await self._answer_wrongly(receipt, fault)
        if fault.connection == "goaway":
            self.wire.end_soon()

    async def _answer_wrongly(self, receipt: Receipt, fault: Decision) -> None:
        connection = self.wire.http2
        if not self.sent_headers:
            self.sent_headers = True
            block = _HTML if fault.body == "wrong-type" else _HEADERS
            connection.send_block(self.stream, block)
        right = self._protocol.encode(receipt, _HEAD).body
        data = message(faulty.body(fault.body, right, "protobuf"))
        if fault.body == "truncated":
            data = message(right)[: PREFIX_BYTES + len(right) // 2]
        elif fault.connection == "reset-mid-body":
            data = data[: PREFIX_BYTES + len(right) // 2]
        self._note(receipt, data[PREFIX_BYTES:])
        async for piece in faulty.slices(fault, data):
            if self.over:
                return
            connection.send_data(self.stream, piece)
            self.wire.write_soon()
        if fault.connection == "reset-mid-body":
            await asyncio.sleep(_TO_BE_READ_SECONDS)
            self.wire.cut()
            return
        self._answers += 1
        if not self._protocol.grpc_streams or (self.done and not self.messages.held_bytes):
            self._finish()
        else:
            self._next()

    def _finish(self) -> None:
        if not self.sent_headers:
            self.sent_headers = True
            self.wire.http2.send_block(self.stream, _HEADERS)
        self.end(_OK)

    def _refuse(self, refusal: SatelliteError, code: grpc.StatusCode | None = None) -> None:
        """It was no report for the intake to see."""
        self.wire.refused(self._protocol.name, refusal.bare())
        self._fail(refusal, code)

    def _fail(
        self, refusal: SatelliteError, code: grpc.StatusCode | None = None, receipt: Receipt | None = None
    ) -> None:
        details = self._protocol.grpc_details(refusal) if code is None else None
        failure = CallFailed(code or status.code_of(refusal), refusal.message, details)
        if is_final(refusal) or not (seconds := self.wire.later_wait_seconds()):
            self._fail_with(failure, receipt)
        else:
            self._fail_later(seconds, failure, receipt)

    def _fail_later(self, seconds: float, failure: CallFailed, receipt: Receipt | None) -> None:
        """The same in so many seconds; nothing of what came is kept till then."""
        self._note_failure(failure, receipt)
        self._put_off = failure
        self._waits = True
        self._message = b""
        self._pace = None
        self.messages = Messages(self.messages.limit_bytes)
        self._share.release()
        asyncio.get_running_loop().call_later(seconds, super().fail, failure)

    def _fail_with(self, failure: CallFailed, receipt: Receipt | None) -> None:
        """Answer with a status that is not OK, for what the intake said."""
        if self._put_off is None:
            self._note_failure(failure, receipt)
        super().fail(failure)

    def _note_failure(self, failure: CallFailed, receipt: Receipt | None) -> None:
        if self._notebook is not None and not self.over:
            self._notebook.failed(self, failure, self._began_ns, self._message, self._encoding, receipt)
            self._began_ns = 0

    def fail(self, failure: CallFailed, trailers: Metadata = ()) -> None:
        """Answer with a status that is not OK, for what was wrong with the call itself."""
        del trailers  # a report's have none
        self._fail_with(failure, None)
