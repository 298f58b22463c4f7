"""Turns: what costs much memory is done once at a time per project, and few at a time in all; who waits is served in order."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from satellite.errors import Overloaded


class Turns:
    """Belongs to one event loop."""

    def __init__(
        self, what: str, *, per_project: int = 1, in_all: int = 4, patience_seconds: float = 60
    ) -> None:
        """Args: `what` is taken in turns, for the message of those who waited in vain for `patience_seconds`."""
        self._what = what
        self._per_project = per_project
        self._in_all = in_all
        self._patience_seconds = patience_seconds
        self._running: Counter[str] = Counter()
        self._waiting: deque[tuple[str, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def turn(self, project: str) -> AsyncIterator[None]:
        """Wait for a turn, and have it. Raises Overloaded when none came in time."""
        await self.take(project)
        try:
            yield
        finally:
            self.leave(project)

    async def take(self, project: str) -> None:
        """Wait for a turn; `leave` ends it. Raises Overloaded when none came in time."""
        if self._has_room(project):  # then none of those who wait could have it
            self._running[project] += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((project, turn))
        try:
            await asyncio.wait_for(asyncio.shield(turn), self._patience_seconds)
        except BaseException as error:
            if turn.done():
                self.leave(project)
            else:
                self._waiting.remove((project, turn))
            if isinstance(error, TimeoutError):
                raise Overloaded(
                    f"other {self._what} are still running; they are done one at a time a project",
                    hint="try again later",
                ) from error
            raise

    def leave(self, project: str) -> None:
        """A turn is over."""
        self._running[project] -= 1
        if not self._running[project]:
            del self._running[project]
        self._admit()

    def _has_room(self, project: str) -> bool:
        return self._running.total() < self._in_all and self._running[project] < self._per_project

    def _admit(self) -> None:
        for project, turn in [*self._waiting]:
            if self._has_room(project):
                self._waiting.remove((project, turn))
                self._running[project] += 1
                turn.set_result(None)
