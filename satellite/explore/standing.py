"""Queries that somebody waits for: each distinct one is matched once against what arrived, however many wait for it."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from satellite.intake.arrivals import Arrivals, Watch
from satellite.query.plan import Plan
from satellite.store import Page, Store

T = TypeVar("T")

WORKERS = 2
"""Threads that only waits use (ours)."""

SHARE = 0.1
"""Of the time in which spans keep arriving, what their matching takes at most (issue: waits slow reports by at most 10 %)."""
REST_SECONDS_MAX = 1.0
"""Between two matches, however many different queries are waited for (ours)."""

_workers: WeakKeyDictionary[Arrivals, ThreadPoolExecutor] = WeakKeyDictionary()


def _workers_of(arrivals: Arrivals) -> ThreadPoolExecutor:
    workers = _workers.get(arrivals)
    if workers is None:
        workers = _workers[arrivals] = ThreadPoolExecutor(WORKERS, "waits")
    return workers


def in_worker(arrivals: Arrivals, work: Callable[[], T]) -> asyncio.Future[T]:
    """What it returns, worked out in a thread that only waits use, so that no question asked meanwhile is in the way."""
    return asyncio.get_running_loop().run_in_executor(_workers_of(arrivals), work)


def end_workers(arrivals: Arrivals) -> None:
    """Nobody waits any more."""
    workers = _workers.pop(arrivals, None)
    if workers is not None:
        workers.shutdown(wait=False)


def evicted(source: Store, project: str, since: int = 0) -> int:
    """Spans that have left a project to make room, or by a reset.

    With a mark those that had arrived after it. That is a bound where marks leave gaps: in a pool, and behind earlier versions
    of a span.
    """
    left = next((one.ledger.evicted for one in source.projects() if one.project == project), 0)
    if not (left and since):
        return left
    arrived = source.mark(project) - since
    return max(0, min(left, arrived - source.count(project, Plan(since=since))))


class Gone(NamedTuple):
    """Spans that a project held once."""

    evicted: int = 0
    """They had to make room."""
    reset: int = 0
    """They went when the project was reset last, or before."""


def gone(source: Store, arrivals: Arrivals, project: str, since: int) -> Gone:
    """What became of spans that arrived after a mark and are there no more."""
    left = evicted(source, project, since)
    since_reset = evicted(source, project, max(since, arrivals.emptied_at(project)))
    return Gone(since_reset, left - since_reset)


class Standing:
    """One query of one project, for all who wait for it.

    `count` is exact when it is first known and grows by what arrives. What leaves meanwhile (evicted, replaced by a later
    version, reset) still counts, until `page` finds out.
    """

    def __init__(self, crowd: _Crowd, plan: Plan, spans_max: int) -> None:
        self._crowd = crowd
        self._plan = plan
        self._spans_max = spans_max
        self._news = asyncio.Event()
        self._first: asyncio.Future[int] | None = None
        self._page: tuple[int, asyncio.Future[Page]] | None = None
        self._found: tuple[int, Page] | None = None
        """The page that was found with the match up to this mark."""
        self._enough: int | None = None
        """With so many somebody wants the page at once."""
        self._none_until = plan.since
        self.waiting = 0
        self.told = 0
        """How often there was news."""
        self.count = 0
        """Matching spans."""
        self.mark: int | None = None
        """Up to which mark they are counted; None before the first count."""

    @property
    def watch(self) -> Watch:
        """Says whether the project was dropped, or the satellite stops."""
        return self._crowd.watch

    async def begin(self, enough: int | None = None) -> int:
        """How many there are already, counted once for all who wait; with `enough` of them the page will be wanted at once."""
        if enough is not None:
            self._enough = enough if self._enough is None else min(enough, self._enough)
        if self._first is None:
            self._first = in_worker(self._crowd.arrivals, self._count)
        if self._first.done():
            return self.count
        count = await asyncio.shield(self._first)
        if self._crowd.source.mark(self._crowd.project) != self.mark:
            self._crowd.watch.wake()  # something arrived meanwhile
        return count

    def _count(self) -> int:
        source, project = self._crowd.source, self._crowd.project
        self._crowd.look()
        mark = source.mark(project)
        self.count = count = source.count(project, replace(self._plan, until=mark))
        self._none_until = self._plan.since if count else max(self._plan.since, mark)
        self.mark = mark
        return count

    async def some_were_evicted(self) -> bool:
        """Whether spans of the project have had to make room since somebody began to wait; not after a reset."""
        crowd = self._crowd
        if crowd.watch.emptied != crowd.emptied:
            return False
        now = await in_worker(crowd.arrivals, lambda: evicted(crowd.source, crowd.project))
        return now > (crowd.evicted or 0)

    def match(self, mark: int) -> bool:
        """Take in what arrived up to this mark. Whether there was anything; called in a worker, by one at a time."""
        if self.mark is None or self.mark >= mark:
            return False
        arrived = replace(self._plan, since=max(self._plan.since, self.mark), until=mark)
        lacking = math.inf if self._enough is None else self._enough - self.count
        # The page at once spares those who are woken the way here and back.
        page = None
        if not self.count and lacking <= mark - arrived.since:
            page = self._find(arrived)
        number = self._crowd.source.count(self._crowd.project, arrived) if page is None else page.total
        if not number and not self.count:
            self._none_until = max(self._plan.since, mark)
        if page is None and number and lacking <= number:
            page = self._find(replace(self._plan, since=self._none_until))
        if page is not None:
            self._found = mark, page
        self.count += number
        self.mark = mark
        return number > 0

    def tell(self) -> None:
        """Wake who waits for news."""
        self.told += 1
        self._news.set()
        self._news = asyncio.Event()

    async def news(self, told: int, timeout_s: float) -> None:
        """Return when there was news since it had been `told` so often, or time is up.

        That is when more matching spans have arrived, the project is gone, a report was refused, the satellite stops.
        """
        if self.told == told:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._news.wait()

    async def catch_up(self) -> None:
        """Take in what arrived and waits for its match."""
        if self._crowd.busy:
            await in_worker(self._crowd.arrivals, lambda: self._crowd.match([self]))

    async def page(self) -> Page:
        """The first matching spans in order of arrival, as many as are shown, and how many there really are."""
        mark = self.mark or 0
        if self._found is not None and self._found[0] == mark:
            page = self._found[1]
        else:
            if self._page is None or self._page[0] != mark:
                plan = replace(self._plan, since=self._none_until)
                self._page = mark, in_worker(self._crowd.arrivals, lambda: self._find(plan))
            page = await asyncio.shield(self._page[1])
        if page.total != self.count and mark == self.mark:
            self.count = page.total
            self._page = self._found = None  # it may change without an arrival
        return page

    def _find(self, plan: Plan) -> Page:
        return self._crowd.source.find(self._crowd.project, plan, order="arrival", limit=self._spans_max)


class _Crowd:
    """All who wait for spans of one project, in one event loop."""

    def __init__(self, source: Store, arrivals: Arrivals, project: str) -> None:
        self.source = source
        self.arrivals = arrivals
        self.project = project
        self.standings: dict[Plan, Standing] = {}
        self._loop = asyncio.get_running_loop()
        self._workers = _workers_of(arrivals)
        self._matching = threading.Lock()
        self._lock = threading.Lock()
        self.busy = False
        """Matching, or resting from it."""
        self._again = False
        self.evicted: int | None = None
        """How many spans had left the project when the first began to wait, or it was emptied since."""
        self.emptied = 0
        """How often it had been emptied by then."""
        self._entered = arrivals.watch(project, told=self._told)
        self.watch = self._entered.__enter__()

    def _told(self, watch: Watch) -> None:
        """Something arrived, or nothing will any more; in any thread.

        While one match goes on, and for a rest after it, what arrives waits for the next.
        """
        if watch.dropped or watch.closed or watch.refused:
            self._in_loop(_tell, list(self.standings.values()))
        with self._lock:
            self._again = self.busy
            self.busy = True
            if self._again:
                return
        with suppress(RuntimeError):  # the workers have ended: nobody waits any more
            self._workers.submit(self._match)

    def _in_loop(self, call: Callable[..., object], *arguments: object) -> None:
        with suppress(RuntimeError):  # it is closed: nobody waits any more
            self._loop.call_soon_threadsafe(call, *arguments)

    def look(self) -> None:
        """Learn how many spans have left the project; who joins later is not told of those. Called in a worker."""
        emptied = self.watch.emptied
        if self.evicted is None or emptied != self.emptied:
            self.evicted = evicted(self.source, self.project)
            self.emptied = emptied

    def match(self, standings: Iterable[Standing]) -> list[Standing]:
        """Take in what arrived; for whom there was anything. Called in a worker."""
        with self._matching:
            self.look()
            mark = self.source.mark(self.project)
            return [standing for standing in standings if standing.match(mark)]

    def _match(self) -> None:
        began = self.arrivals.clock_seconds()
        rest_seconds = REST_SECONDS_MAX
        try:
            self._in_loop(_tell, self.match(list(self.standings.values())))
            took = self.arrivals.clock_seconds() - began
            rest_seconds = min(took * (1 / SHARE - 1), rest_seconds)
        except Exception:  # noqa: BLE001 - the store's failure, of which those hear who ask it
            self._again = True
        self._in_loop(self._loop.call_later, rest_seconds, self._rested)

    def _rested(self) -> None:
        with self._lock:
            self.busy = False
            again = self._again
        if again and self.standings:
            self._told(self.watch)

    def leave(self) -> None:
        self._entered.__exit__(None, None, None)


def _tell(standings: Iterable[Standing]) -> None:
    for standing in standings:
        standing.tell()


_crowds: WeakKeyDictionary[Arrivals, dict[tuple[asyncio.AbstractEventLoop, str], _Crowd]] = (
    WeakKeyDictionary()
)


@contextmanager
def standing(
    source: Store, arrivals: Arrivals, project: str, plan: Plan, *, spans_max: int
) -> Iterator[Standing]:
    """The query, for one more who waits for it within the block."""
    crowds = _crowds.setdefault(arrivals, {})
    place = (asyncio.get_running_loop(), project)
    crowd = crowds.get(place)
    if crowd is None or crowd.watch.dropped:
        crowd = crowds[place] = _Crowd(source, arrivals, project)
    one = crowd.standings.setdefault(plan, Standing(crowd, plan, spans_max))
    one.waiting += 1
    try:
        yield one
    finally:
        one.waiting -= 1
        if not one.waiting:
            del crowd.standings[plan]
        if not crowd.standings:
            crowd.leave()
            if crowds.get(place) is crowd:
                del crowds[place]
