"""What may be in memory of bodies and messages that are still being read, over all connections and protocols.

An address may hold as much as is left for the others: alone half of it, one of two a third; and one body in any case. So
whoever begins many and ends none fills his own part, and there is always room for somebody else.
"""

from __future__ import annotations

from collections.abc import Callable

from satellite.errors import Overloaded


def _nothing(_kind: str, _port: int, _peer: str, _detail: str) -> None:
    """Nobody wants to know."""


class ReadingBudget:
    """Counts bytes; belongs to one event loop."""

    def __init__(self, bytes_max: int, on_trap: Callable[[str, int, str, str], None] = _nothing) -> None:
        """Nothing is held.

        Args:
            bytes_max: for all together; whoever exceeds it is told to try later.
            on_trap: hears of what was too much: kind, our port, the peer, and whose part was full.
        """
        self.bytes_max = bytes_max
        self.held_bytes = 0
        self._on_trap = on_trap
        self._held_by: dict[str, int] = {}
        """By address; only of those that hold something."""

    def share(self, peer: str = "", port: int = 0) -> Share:
        """For one body of this peer (`host:port`), which came to this port of ours."""
        return Share(self, peer, port)

    def _changed(self, share: Share, more_bytes: int) -> None:
        host = share.peer.rpartition(":")[0]
        held_by = self._held_by.get(host, 0) + more_bytes
        self.held_bytes += more_bytes
        if held_by:
            self._held_by[host] = held_by
        else:
            self._held_by.pop(host, None)
        if more_bytes <= 0:
            return
        left = self.bytes_max - self.held_bytes
        if left < 0:
            self._on_trap("reading_full", share.port, share.peer, "of all clients together")
            raise Overloaded("too many reports are arriving at once, try again later")
        if held_by > max(left, share.held_bytes):
            self._on_trap("reading_full", share.port, share.peer, "of one address")
            raise Overloaded("too many reports are arriving at once from this address, try again later")


class Share:
    """What one body holds of the budget."""

    __slots__ = ("_budget", "held_bytes", "peer", "port")

    def __init__(self, budget: ReadingBudget, peer: str, port: int) -> None:
        self._budget = budget
        self.peer = peer
        self.port = port
        self.held_bytes = 0

    def hold(self, size_bytes: int) -> None:
        """So much is in memory of it now.

        Raises Overloaded when it became more, and that is too much, with all others or with those of its address; it is held
        all the same.
        """
        more_bytes, self.held_bytes = size_bytes - self.held_bytes, size_bytes
        if more_bytes:
            self._budget._changed(self, more_bytes)

    def release(self) -> None:
        """Nothing is left of it."""
        self.hold(0)
