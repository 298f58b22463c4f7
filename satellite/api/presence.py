"""Who asked may leave: then nobody works on the answer any more."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request

T = TypeVar("T")

LEFT = 499
"""In logs, for an answer that nobody reads; the number that nginx made usual."""


async def while_there(request: Request, answer: Coroutine[Any, Any, T]) -> T | None:
    """The answer; None when who asked has left before, and the work on it is cancelled. Raises as it does."""
    try:
        async with asyncio.timeout(None) as there, asyncio.TaskGroup() as tasks:
            leaving = tasks.create_task(_left(request, there))
            outcome = await answer
            leaving.cancel()
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    except TimeoutError:
        if not there.expired():
            raise
        return None
    return outcome


async def _left(request: Request, there: asyncio.Timeout) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    there.reschedule(0)  # now
