"""The threads that answer questions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from time import monotonic
from typing import Any

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
        self._threads = ThreadPoolExecutor(AT_ONCE, "question")

    async def answer(self, project: str, question: Callable[[], Any]) -> Any:
        """What the question returns; cancelled, it leaves its turn to the next as soon as its thread has noticed.

        Raises Overloaded when its turn does not come, TookTooLong when it takes too long.
        """
        async with self._turns.turn(project):
            with limited(self._seconds_max, monotonic) as limit:
                answering = self._threads.submit(copy_context().run, question)
            awaited = asyncio.wrap_future(answering)
            try:
                return await asyncio.shield(awaited)
            except asyncio.CancelledError:
                limit.give_up()
                if not answering.cancel():
                    await asyncio.wait([awaited])
                    awaited.exception()  # that it was given up is no news for the log
                raise

    def close(self) -> None:
        """End the threads, each as soon as its question is answered."""
        self._threads.shutdown(wait=False)
