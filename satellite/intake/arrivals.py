"""Who waits for spans, and how they are woken: by the arrival itself, never by looking again and again."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

REMEMBERED = 16
"""Projects that `latest` names at most (ours)."""


class Watch:
    """One waiter on one project; belongs to the event loop it was made in."""

    def __init__(self, *, reports: bool = False, told: Callable[[Watch], None] | None = None) -> None:
        self.reports = reports
        """Also woken by reports that bring no span."""
        self.dropped = False
        """The project was dropped since the watch began; nothing more will come."""
        self.closed = False
        """The satellite stops; nothing more will come."""
        self.emptied = 0
        """How often somebody removed all spans of the project since the watch began; what arrives counts from then on."""
        self.refused = 0
        """Reports of the project that were refused for good since the watch began."""
        self.refusal = ""
        """Why the latest of them was; "" without any."""
        self._told = told
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    async def wait(self, timeout_s: float) -> bool:
        """True when something arrived since the last call (or since the watch began), False when time ran out.

        What arrives between two calls is not lost: the next call returns at once.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True

    def wake(self) -> None:
        """End the wait, or the next one; from any thread."""
        if self._told is not None:
            self._told(self)
            return
        with suppress(RuntimeError):  # its loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._event.set)


class Arrivals:
    """Tells the watches of a project that it changed. Safe to call from any thread, for waiters in any loop."""

    def __init__(self, clock_seconds: Callable[[], float] = time.monotonic) -> None:
        self.clock_seconds = clock_seconds
        """For whoever measures how long something takes, in any thread."""
        self._lock = threading.Lock()
        self._watches: dict[str, set[Watch]] = {}
        self._latest: dict[str, None] = {}
        self._emptied: dict[str, int] = {}
        self._closed = False

    @contextmanager
    def watch(
        self, project: str, *, reports: bool = False, told: Callable[[Watch], None] | None = None
    ) -> Iterator[Watch]:
        """A watch that misses nothing which arrives within the block; with `reports` also those without a span.

        `told` is called at each arrival, in the thread that brings it and must not be kept waiting: for whoever does not `wait`.
        """
        watch = Watch(reports=reports, told=told)
        with self._lock:
            watch.closed = self._closed
            self._watches.setdefault(project, set()).add(watch)
        try:
            yield watch
        finally:
            with self._lock:
                others = self._watches[project]
                others.discard(watch)
                if not others:
                    del self._watches[project]

    def watched(self) -> list[str]:
        """Projects that somebody waits for."""
        with self._lock:
            return list(self._watches)

    def notify(self, project: str) -> None:
        """Spans of this project are visible to queries now."""
        with self._lock:
            self._latest.pop(project, None)
            self._latest[project] = None
            if len(self._latest) > REMEMBERED:
                del self._latest[next(iter(self._latest))]
            watches = list(self._watches.get(project, ()))
        for watch in watches:
            watch.wake()

    def reported(self, project: str) -> None:
        """A report of this project was taken, with spans or without, and it is known who sent it."""
        with self._lock:
            watches = [watch for watch in self._watches.get(project, ()) if watch.reports]
        for watch in watches:
            watch.wake()

    def refused(self, project: str, reason: str) -> None:
        """A report of this project was refused for good: its sender will not bring it again."""
        with self._lock:
            watches = list(self._watches.get(project, ()))
        for watch in watches:
            watch.refused, watch.refusal = watch.refused + 1, reason
            watch.wake()

    def emptied(self, project: str, mark: int) -> None:
        """All spans of the project up to this mark were removed; whoever waits for it waits on."""
        with self._lock:
            self._emptied[project] = mark
            for watch in self._watches.get(project, ()):
                watch.emptied += 1
        self.notify(project)

    def emptied_at(self, project: str) -> int:
        """Up to which mark all its spans were removed last; 0 before the first time."""
        with self._lock:
            return self._emptied.get(project, 0)

    def dropped(self, project: str) -> None:
        """The project is gone; whoever waits for it stops waiting."""
        with self._lock:
            self._emptied.pop(project, None)
            self._latest.pop(project, None)
            watches = list(self._watches.get(project, ()))
        for watch in watches:
            watch.dropped = True
            watch.wake()

    def close(self) -> None:
        """The satellite stops; every wait ends, and later ones end at once."""
        with self._lock:
            self._closed = True
            watches = [watch for watches in self._watches.values() for watch in watches]
        for watch in watches:
            watch.closed = True
            watch.wake()

    def latest(self) -> list[str]:
        """Projects that spans arrived for, the latest first, at most REMEMBERED."""
        with self._lock:
            return list(reversed(self._latest))
