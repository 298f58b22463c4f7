"""Who asked may leave: then nobody works on the answer any more."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request

T = TypeVar("T")

LEFT = 499
"""In logs, for an answer that nobody reads; the number that nginx made usual."""

_SOON_SECONDS = 0.02
"""An answer that comes so soon is given also to who has left: to look out for that would cost most of them more (ours)."""


async def while_there(request: Request, answer: Coroutine[Any, Any, T]) -> T | None:
    """The answer; None when who asked has left before, and the work on it is cancelled. Raises as it does."""
    try:
        async with asyncio.timeout(None) as there, asyncio.TaskGroup() as tasks:
            watched: list[asyncio.Task[None]] = []
            later = asyncio.get_running_loop().call_later(
                _SOON_SECONDS, lambda: watched.append(tasks.create_task(_left(request, there)))
            )
            try:
                outcome = await answer
            finally:
                later.cancel()
            for leaving in watched:
                leaving.cancel()
    except ExceptionGroup as failed:
        raise failed.with_traceback(None).exceptions[0] from None  # the group would keep itself by it
    except TimeoutError:
        if not there.expired():
            raise
        return None
    return outcome


async def _left(request: Request, there: asyncio.Timeout) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    there.reschedule(0)  # now
