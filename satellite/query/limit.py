"""How long one question may take: set where it is asked, looked at where it is answered, segment by segment."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from satellite.errors import TookTooLong

_limit: ContextVar[Limit | None] = ContextVar("limit", default=None)


class Limit:
    """How long one question may take."""

    def __init__(self, seconds: float, clock_seconds: Callable[[], float]) -> None:
        """From now on, by this clock."""
        self._seconds = seconds
        self._clock_seconds = clock_seconds
        self._until = clock_seconds() + seconds

    def give_up(self) -> None:
        """Its time is up: nobody waits for the answer any more."""
        self._until = -math.inf

    def seconds_left(self) -> float:
        """How long it may still take."""
        return self._until - self._clock_seconds()

    def check(self) -> None:
        """Go on, or raise TookTooLong when the time is up."""
        if self.seconds_left() < 0:
            raise TookTooLong(
                f"the question was given up after {self._seconds:g} s (question_seconds_max)",
                hint="narrow the query or the time window; a regular expression over long values costs most",
            )


@contextmanager
def limited(seconds: float, clock_seconds: Callable[[], float]) -> Iterator[Limit]:
    """What is asked within the block, in this context and in threads it is carried to, has so long by this clock."""
    limit = Limit(seconds, clock_seconds)
    token = _limit.set(limit)
    try:
        yield limit
    finally:
        _limit.reset(token)


def check() -> None:
    """Go on, or raise TookTooLong when the time of the question is up."""
    limit = _limit.get()
    if limit is not None:
        limit.check()


def seconds_left() -> float | None:
    """How long the question may still take; None: as long as it likes."""
    limit = _limit.get()
    return None if limit is None else limit.seconds_left()
