"""What our engine leaves to the request log: each message of a report method, and each call that failed before one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from satellite.edges.grpc.status import CallFailed
from satellite.edges.noted import became
from satellite.model.report import Receipt
from satellite.requests.entry import Entry, EntryTaker

if TYPE_CHECKING:
    from satellite.edges.grpc.call import Call

_PROTOBUF = "application/grpc"


class Notebook:
    """Writes entries; belongs to one event loop."""

    __slots__ = ("_add", "clock_ns")

    def __init__(self, log: EntryTaker, clock_ns: Callable[[], int]) -> None:
        self._add = log.add
        self.clock_ns = clock_ns

    def answered(
        self, call: Call, began_ns: int, body: bytes, encoding: str, receipt: Receipt, answer: bytes
    ) -> None:
        """A message was taken, and answered with another."""
        entry = self._entry(call, began_ns, body, encoding)
        entry.outcome, entry.status, entry.grpc_status = "stored", 200, "OK"
        entry.answer_type, entry.answer = _PROTOBUF, answer
        became(entry, receipt, answered=True)
        self._add(entry)

    def failed(
        self,
        call: Call,
        failure: CallFailed,
        began_ns: int = 0,
        body: bytes = b"",
        encoding: str = "",
        receipt: Receipt | None = None,
    ) -> None:
        """A message, or a call without one, was answered with a status that is not OK."""
        entry = self._entry(call, began_ns or self.clock_ns(), body, encoding)
        entry.outcome = "refused" if call.head.protocol is not None else "other"
        entry.status, entry.grpc_status = 200, failure.code.name
        entry.message, entry.answer_type = failure.message, _PROTOBUF
        if receipt is not None:
            became(entry, receipt, answered=True)
        self._add(entry)

    def aborted(
        self, call: Call, began_ns: int, body: bytes, encoding: str, receipt: Receipt | None = None
    ) -> None:
        """The client left, or was cut off, before it had an answer."""
        entry = self._entry(call, began_ns, body, encoding)
        if receipt is not None:
            became(entry, receipt, answered=False)
        self._add(entry)

    def _entry(self, call: Call, began_ns: int, body: bytes, encoding: str) -> Entry:
        protocol = call.head.protocol
        return Entry(
            began_ns,
            self.clock_ns(),
            "grpc",
            "POST",
            call.head.where.path,
            call.wire.port,
            call.wire.peer,
            call.head.noted,
            body,
            encoding,
            "aborted",
            protocol.name if protocol is not None else "",
        )
