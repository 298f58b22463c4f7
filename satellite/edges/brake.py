"""Answers that would cost more than they bring, were they given as fast as they are asked for: so many at once, then so many a second.

Beyond that each waits for its turn, and with it a client that asks again as soon as it is answered.
"""

from __future__ import annotations

LATER_AT_ONCE = 100
LATER_PER_SECOND = 50.0
"""Reports that are told to come later. Each costs both sides nearly as much as taking a small one, and senders that do not heed
`Retry-After` send again at once: where thousands a second are refused, little is left for what could be kept. Ours."""
LATER_WAIT_SECONDS_MAX = 2.0
"""Senders give up after a few seconds."""


class Brake:
    """For one kind of answer."""

    __slots__ = ("_at_once_seconds", "_seconds_each", "_until", "_wait_seconds_max")

    def __init__(self, *, at_once: int, per_second: float, wait_seconds_max: float) -> None:
        """Nothing was asked yet."""
        self._seconds_each = 1 / per_second
        self._at_once_seconds = at_once / per_second
        self._wait_seconds_max = wait_seconds_max
        self._until = 0.0
        """When the answers so far would all be given, at their rate."""

    def wait_seconds(self, now: float) -> float:
        """How long one more is to wait; nearly always 0. `now`: seconds, only ever forward."""
        since = max(self._until, now - self._at_once_seconds)
        self._until = min(since + self._seconds_each, now + self._wait_seconds_max)
        return max(0.0, self._until - now)
