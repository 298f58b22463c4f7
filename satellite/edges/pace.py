"""How fast the body of a request comes: what is slower than the least rate holds memory and a connection for nothing."""

from __future__ import annotations

import math
from collections.abc import Callable

PACE = "satellite.pace"
"""Key in an ASGI scope's `extensions`: the Pace of the request's body."""

LEAST_BYTES_PER_SECOND = 500
"""A phone on a bad line is faster (ours)."""
SLOW_SECONDS = 30.0
"""After which a body's rate is looked at, and how long answers may stay untaken (ours)."""


class Pace:
    """Of one body."""

    __slots__ = ("_bytes", "_clock", "_since", "given_up")

    def __init__(self, clock: Callable[[], float]) -> None:
        """It begins to come now."""
        self._clock = clock
        self._since = clock()
        self._bytes = 0
        self.given_up = False
        """Whether it was too slow, and answered so."""

    def came(self, size: int) -> None:
        """So much more of it."""
        self._bytes += size
        if self._since == math.inf:
            self._since = self._clock()

    def progressed(self, *, rests: bool) -> None:
        """What came was of use by itself, as spans of a stream are: it is counted anew, and with `rests` from the next byte on."""
        self._bytes = 0
        self._since = math.inf if rests else self._clock()

    def is_too_slow(self, now: float, seconds: float, least_bytes_per_second: float) -> bool:
        """Whether more than these seconds brought less than the least rate."""
        passed = now - self._since
        return passed > seconds and self._bytes < passed * least_bytes_per_second
