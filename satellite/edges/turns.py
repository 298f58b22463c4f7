"""Whose bytes are read in a turn of the event loop, so that who floods us waits for himself and not everybody for him.

Every read is worth some work, in units of about 2 µs. A client's address has a share of each turn for what it sends; what is
beyond it waits, unread by us, and is taken up in later turns: address after address, and connection after connection of
each.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from typing import Protocol

SLICE = 256
"""Of one connection at a time: about half a millisecond."""
SHARE = 512
"""Of one address in a turn, before it has to wait."""
PUT_OFF_SHARE = 1024
"""Of a turn for all that waits."""
TURN = 16_384
"""Of a turn for all addresses together, should thousands of them come."""


class Reader(Protocol):
    """A connection with bytes that wait."""

    def go_on(self) -> int:
        """Read on, for about a SLICE; the work that it was. It puts itself off again when more is left."""
        ...


class LoopTurns:
    """Shares the turns of one event loop."""

    def __init__(self) -> None:
        """Nobody waits."""
        self._loop = asyncio.get_running_loop()
        self._used: dict[str, int] = {}
        """In this turn, by address."""
        self._left = TURN
        self._waiting: OrderedDict[str, deque[Reader]] = OrderedDict()
        self._scheduled = False

    def allowance(self, host: str) -> int:
        """How much work a connection from this address may do now; 0: it is to be put off."""
        if host in self._waiting:
            return 0
        return max(0, min(SLICE, SHARE - self._used.get(host, 0), self._left))

    def spend(self, host: str, work: int) -> None:
        """So much was done for it."""
        self._used[host] = self._used.get(host, 0) + work
        self._left -= work
        self._schedule()

    def put_off(self, host: str, reader: Reader) -> None:
        """Let it go on when it is its turn; once for each that waits."""
        self._waiting.setdefault(host, deque()).append(reader)
        self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._scheduled = False
        self._used.clear()
        self._left = TURN
        left = PUT_OFF_SHARE
        while self._waiting and left > 0:
            host, readers = self._waiting.popitem(last=False)
            reader = readers.popleft()
            if readers:
                self._waiting[host] = readers
            left -= max(1, reader.go_on())
        if self._waiting:
            self._schedule()
