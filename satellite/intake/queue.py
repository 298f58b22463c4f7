"""Bodies that wait to be decoded: fair between senders, bounded in bytes and in time.

Each sender (`Waiting.sender`) has a row of its own, and a call takes a little of each in turn, so that a sender of one small
report waits for little of another's thousand. How long a body would wait follows from what is before it and from how long
the protocol took lately for its bytes; one that would wait too long is better refused at once, while its sender listens.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Protocol

from satellite.intake.parcel import Origin
from satellite.model.report import Receipt
from satellite.protocols.wire import WireProtocol

REPORTS_PER_CALL = 512
BYTES_PER_CALL = 2**20
CALL_SECONDS = 0.1
"""What one decoding call takes at most (one body of any size apart), the time by what its protocol took lately: enough to spread
its fixed cost, little enough that nobody waits long behind it or within it, the event loop included: what reads protobuf keeps the
interpreter for 2 ms a MiB or more. Ours."""

TURN_BYTES = 64 * 2**10
"""What a sender's turn takes at least, when others wait, too. Ours."""

REPORT_BYTES = 4096
"""What a report costs beside its bytes, in bytes. Ours."""

SECONDS_PER_BYTE = 2e-8
"""Before anything of a protocol was measured."""

_NEWEST = 0.3
"""The share of the newest measurement in an average that moves."""

_LEAP = 4.0
"""What a measurement counts for at most, in terms of the average: the first call of a protocol takes its time, and so does
one during which the machine was elsewhere; those behind it should not be refused for that. Ours."""


class Waiter(Protocol):
    """Who waits for a receipt, in one event loop; an `asyncio.Future[Receipt]` is one."""

    def cancelled(self) -> bool:
        """Whether nobody waits any more; asked from any thread."""
        ...

    def set_result(self, receipt: Receipt, /) -> None:
        """Here it is."""
        ...


@dataclass(slots=True, eq=False)
class Waiting:
    """One body on its way."""

    protocol: WireProtocol
    body: bytes
    origin: Origin
    sender: str
    """Whose turn it takes; holds no token in the clear."""
    loop: asyncio.AbstractEventLoop
    waiter: Waiter

    @property
    def abandoned(self) -> bool:
        """Nobody waits for the answer any more."""
        return self.waiter.cancelled()


@dataclass(slots=True)
class _Row:
    items: deque[Waiting] = field(default_factory=deque)
    seconds: float = 0.0


class Queue:
    """See the module. Not safe for several threads: its owner has the lock."""

    def __init__(self) -> None:
        self._rows: OrderedDict[str, _Row] = OrderedDict()
        """In the order of their turns."""
        self._seconds = 0.0
        self._pace: dict[str, float] = {}
        self.waiting_bytes = 0
        self.began: float | None = None
        """When the call in hand was begun, by the clock of its owner; None: there is none."""

    def busy_seconds(self, now: float) -> float:
        """How long the call in hand has lasted."""
        began = self.began
        return 0.0 if began is None else now - began

    def __bool__(self) -> bool:
        """Whether anything waits."""
        return bool(self._rows)

    def seconds(self, item: Waiting) -> float:
        """How long its decoding and writing will take, going by the latest of its protocol."""
        return self.seconds_of(item.protocol.name, len(item.body))

    def seconds_of(self, protocol: str, size_bytes: int) -> float:
        """The same of a body of this protocol and size."""
        return (size_bytes + REPORT_BYTES) * self._pace.get(protocol, SECONDS_PER_BYTE)

    @property
    def wait_seconds(self) -> float:
        """How long all that waits will take."""
        return self._seconds

    def wait_seconds_of(self, sender: str, seconds: float) -> float:
        """How long something that takes so long would wait, were it put here now."""
        row = self._rows.get(sender)
        own = row.seconds if row else 0.0
        others = len(self._rows) - (row is not None)
        return min(self._seconds, own + others * max(own + seconds, TURN_BYTES * SECONDS_PER_BYTE))

    def put(self, item: Waiting) -> None:
        """At the end of its sender's row."""
        row = self._rows.setdefault(item.sender, _Row())
        row.items.append(item)
        self._count(row, self.seconds(item), len(item.body))

    def _count(self, row: _Row, seconds: float, size_bytes: int) -> None:
        row.seconds = max(0.0, row.seconds + seconds)
        self._seconds = max(0.0, self._seconds + seconds) if self._rows else 0.0
        self.waiting_bytes += size_bytes

    @property
    def next(self) -> Waiting:
        """What is taken first; something waits."""
        return next(iter(self._rows.values())).items[0]

    def take(self, seconds: float = CALL_SECONDS) -> list[Waiting]:
        """The next items, all of one protocol, those of each sender in order of arrival; [] when nothing waits.

        As many as take no longer than `seconds`, going by the latest of their protocol, and at least one.
        """
        taken: list[Waiting] = []
        left, seconds_left = BYTES_PER_CALL, seconds
        protocol = self.next.protocol if self._rows else None
        progress = True
        while progress:
            progress = False
            for sender in list(self._rows):
                row, turn = self._rows[sender], TURN_BYTES
                while row.items and turn > 0 and row.items[0].protocol is protocol:
                    size, seconds = len(row.items[0].body), self.seconds(row.items[0])
                    if len(taken) == REPORTS_PER_CALL or (taken and (size > left or seconds > seconds_left)):
                        return taken
                    taken.append(row.items.popleft())
                    left, turn, progress = left - size, turn - size, True
                    seconds_left -= seconds
                    self._count(row, -seconds, -size)
                if turn < TURN_BYTES:
                    self._rows.move_to_end(sender)
                if not row.items:
                    del self._rows[sender]
        if not self._rows:
            self._seconds = 0.0
        return taken

    def measured(self, items: list[Waiting], seconds: float) -> None:
        """Items of one protocol, taken together, took so long."""
        name = items[0].protocol.name
        before = self._pace.get(name, SECONDS_PER_BYTE)
        cost = sum(len(item.body) + REPORT_BYTES for item in items)
        pace = min(seconds / max(1, cost), before * _LEAP)
        self._pace[name] = pace * _NEWEST + before * (1 - _NEWEST)
