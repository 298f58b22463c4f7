"""The threads that answer questions."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any

from anyio import CapacityLimiter, to_thread

from satellite.api.turns import Turns
from satellite.query.limit import limited

AT_ONCE, PER_PROJECT = 4, 2
"""Questions that are answered at a time, and of one project (ours)."""


class Workers:
    """Threads for questions, and for nothing else: some at once, of one project no more than its share."""

    def __init__(self, *, seconds_max: float) -> None:
        """Args: `seconds_max` for one question, the wait for its turn apart; which may be as long once more."""
        self._seconds_max = seconds_max
        self._turns = Turns(
            "questions", per_project=PER_PROJECT, in_all=AT_ONCE, patience_seconds=seconds_max
        )
        self._threads: CapacityLimiter | None = None

    async def answer(self, project: str, question: Callable[[], Any]) -> Any:
        """What the question returns; cancelled, it leaves its turn to the next as soon as its thread has noticed.

        Raises Overloaded when its turn does not come, TookTooLong when it takes too long.
        """
        async with self._turns.turn(project):
            if self._threads is None:
                self._threads = CapacityLimiter(AT_ONCE)
            with limited(self._seconds_max, monotonic) as limit:
                begun, ended = threading.Event(), asyncio.Event()
                over = partial(asyncio.get_running_loop().call_soon_threadsafe, ended.set)

                def work() -> Any:
                    begun.set()
                    try:
                        return question()
                    finally:
                        over()

                try:
                    return await to_thread.run_sync(work, limiter=self._threads)
                except asyncio.CancelledError:
                    limit.give_up()
                    if begun.is_set():
                        await ended.wait()
                    raise
