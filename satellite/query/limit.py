"""How long one question may take: set where it is asked, looked at where it is answered, segment by segment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from satellite.errors import TookTooLong

_limit: ContextVar[tuple[Callable[[], float], float, float] | None] = ContextVar("limit", default=None)


@contextmanager
def limited(seconds: float, clock_seconds: Callable[[], float]) -> Iterator[None]:
    """What is asked within the block, in this context and in threads it is carried to, has so long by this clock."""
    token = _limit.set((clock_seconds, clock_seconds() + seconds, seconds))
    try:
        yield
    finally:
        _limit.reset(token)


def check() -> None:
    """Go on, or raise TookTooLong when the time is up."""
    limit = _limit.get()
    if limit is None:
        return
    clock_seconds, until, seconds = limit
    if clock_seconds() > until:
        raise TookTooLong(
            f"the question was given up after {seconds:g} s (question_seconds_max)",
            hint="narrow the query or the time window; a regular expression over long values costs most",
        )


def seconds_left() -> float | None:
    """How long the question may still take; None: as long as it likes."""
    limit = _limit.get()
    return None if limit is None else limit[1] - limit[0]()
