"""How much a peer may send that costs us and brings nothing: floods of resets, pings, settings, empty frames.

A purse that work fills and nuisance empties. Whoever has a clock fills it a little each second, so that a quiet
connection that only pings now and then lives for ever.
"""

from __future__ import annotations

FULL = 2000
AT_FIRST = 1200
"""Of a new connection: else a flood would only have to begin again and again."""
PER_SECOND = 200
PER_ANSWER = 8
"""For each answer: its own window updates and a ping or two are no nuisance."""

COST_OF_RESET = 3
"""A stream that was begun for nothing (CVE-2023-44487), also when a fault of the peer made us reset it (CVE-2025-8671). All
streams that may be open at a time can be given up at once, whatever their heads, not many more."""
COST_OF_SETTINGS = 10
COST_OF_PING = 1
COST_OF_EMPTY_FRAME = 1
COST_OF_PRIORITY = 1
COST_OF_WINDOW_UPDATE = 1
COST_OF_CONTINUATION = 10
"""More than one of them in a block is an unusual thing (CVE-2024-27316)."""
COST_OF_NEW_BLOCK = 1
"""A header block that had to be decoded."""
EARNED_BY_DATA_SENT = 2
"""Each DATA frame of ours may bring a window update for the stream and one for the connection."""
SMALL_DATA_BYTES = 16
"""A DATA frame with less than this is as good as empty, unless it ends its stream. Some clients send the five bytes before
a message of gRPC so; what answers earn is more."""
LATE_SECONDS = 60
"""For how long frames of a stream that we reset may still be on their way (RFC 9113 §5.1 allows a limit): behind it is who never
heard of the reset, and would keep the connection busy for ever."""


class Patience:
    """The purse of one connection."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = AT_FIRST

    def earn(self, worth: int) -> None:
        """Something useful happened, or time passed."""
        self.left = min(FULL, self.left + worth)

    def spend(self, cost: int) -> bool:
        """Something of no use happened; False when that is enough."""
        self.left -= cost
        return self.left >= 0
