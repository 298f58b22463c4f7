"""Whose bytes are read in a turn of the event loop, so that who floods us waits for himself and not everybody for him.

Every read is worth some work, in units of about 2 µs. A client's address has a share of each turn for what it sends, a small one
where others send, too: a report of theirs needs four or five turns, which must be short. What is beyond the share waits, unread
by us, and is taken up in later turns, address after address and connection after connection of each; work that could not be
stopped at the share (a piece with many requests in it) is a debt, for which its address waits so many turns more. A turn with
nothing else to do is over in microseconds, so that nobody waits for an idle satellite.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from typing import Protocol

SLICE = 256
"""Of one connection at a time: about half a millisecond."""
SHARE = 128
"""Of one address in a turn where others were read lately."""
SHARE_ALONE = 2048
"""Of an address that is alone: the first report of another waits no longer than that."""
LATELY = 256
"""So many turns after another address was read, an address counts as alone again."""
PUT_OFF_SHARE = 2048
"""Of a turn for all that waits."""
WORK_OF_REQUEST = 75
"""Of what becomes of a request over HTTP beside the reading, be it only a 404; as much when it begins as when a body ends later."""
WORK_OF_CONNECTION = 100
"""To set one up, and for its first read."""
WORK_OF_HANDSHAKE = 400
"""Of TLS, beside that."""
_READ_BYTES = 2048
"""Read from a socket for one unit of work."""
WORK_OF_READING_ON = 64
"""What a connection is counted for, among all that waits, that is read again: half of what it may bring in the next turn."""
TURN = 16_384
"""Of a turn for all addresses together, should thousands of them come."""


class Reader(Protocol):
    """A connection with bytes that wait."""

    def go_on(self) -> int:
        """Read on, for about a SLICE; the work that it was, which it spends, and WORK_OF_READING_ON if it is read again.

        It puts itself off again when more is left.
        """
        ...


class LoopTurns:
    """Shares the turns of one event loop."""

    def __init__(self) -> None:
        """Nobody waits."""
        self._loop = asyncio.get_running_loop()
        self._used: dict[str, int] = {}
        """Of this turn and, as far as it is debt, of later ones; by address."""
        self._left = TURN
        self._number = 0
        self._last = ""
        """Who was read last."""
        self._crowded_until = -1
        """Up to this turn several addresses count as being there."""
        self._waiting: OrderedDict[str, deque[Reader]] = OrderedDict()
        self._scheduled = False

    def allowance(self, host: str) -> int:
        """How much work a connection from this address may do now; 0: it is to be put off."""
        if host in self._waiting:
            return 0
        return max(0, min(SLICE, self._share - self._used.get(host, 0), self._left))

    def came(self, host: str, size_bytes: int) -> int:
        """So many bytes were read of a connection from this address; the allowance for what is in them."""
        self.spend(host, size_bytes // _READ_BYTES)
        return self.allowance(host)

    async def turn(self, host: str, work: int) -> None:
        """Wait until an address may begin something that is so much work, which is spent then."""
        if self.allowance(host):
            self.spend(host, work)
            return
        gate = _Gate(self, host, work)
        self.put_off(host, gate)
        await gate.opened

    @property
    def _share(self) -> int:
        return SHARE if self._number <= self._crowded_until else SHARE_ALONE

    def spend(self, host: str, work: int) -> None:
        """So much was done for it."""
        self._used[host] = self._used.get(host, 0) + work
        self._left -= work
        if host != self._last:
            if self._last:
                self._crowded_until = self._number + LATELY
            self._last = host
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
        self._number += 1
        share = self._share
        self._used = {host: used - share for host, used in self._used.items() if used > share}
        self._left = TURN
        left = PUT_OFF_SHARE
        if not (self._waiting or self._used):
            return
        due = deque(host for host in self._waiting if host not in self._used)
        while due and left > 0:
            host = due.popleft()
            if self._used.get(host, 0) >= self._share:  # others came in this turn
                continue
            readers = self._waiting.pop(host)
            reader = readers.popleft()
            if readers:
                self._waiting[host] = readers  # behind the others
            left -= max(1, reader.go_on())
            if host in self._waiting:
                due.append(host)
        if self._waiting or self._used:
            self._schedule()


class _Gate:
    """Something that has not begun."""

    def __init__(self, turns: LoopTurns, host: str, work: int) -> None:
        self._turns, self._host, self._work = turns, host, work
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def go_on(self) -> int:
        if self.opened.done():  # nobody waits any more
            return 0
        self.opened.set_result(None)
        self._turns.spend(self._host, self._work)
        return self._work
