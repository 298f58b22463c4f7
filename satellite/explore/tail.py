"""Live tail: matching spans as they arrive. A reader that is too slow misses some, and is told how many."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

import msgspec
from anyio import to_thread

from satellite.intake.arrivals import Arrivals
from satellite.model.span import Span
from satellite.query.plan import Plan
from satellite.store import Store

SPANS = 200
"""Spans that one piece of news holds at most (ours)."""

PAUSE_SECONDS = 0.05
"""Between two pieces of news, so that a busy project costs its readers' time, not the satellite's (ours)."""

HEARTBEAT_SECONDS = 15.0
"""Without news a word is said, so that proxies keep the connection and a reader that left is noticed (ours)."""


class News(msgspec.Struct, frozen=True):
    """What arrived since the news before; nothing at all in a heartbeat."""

    spans: list[Span]
    """In order of arrival, the first of them."""
    arrived: int
    """Matching spans since then."""
    missed: int
    """Those that are left out here, and will not be sent."""
    mark: int
    """`since` for whoever wants to go on from here."""


async def tail(
    store: Store,
    arrivals: Arrivals,
    project: str,
    plan: Plan,
    *,
    since: int | None = None,
    limit: int = SPANS,
    heartbeat_seconds: float = HEARTBEAT_SECONDS,
) -> AsyncGenerator[News]:
    """The news of a project, which need not exist yet, from a mark on (None: from now on), until it is dropped.

    Nothing is kept for a slow reader: what arrives while it does not ask for more comes as one piece, `limit` spans
    of it at most; with 0 only numbers.
    """
    with arrivals.watch(project) as watch:
        mark = store.mark(project) if since is None else since
        yield News([], 0, 0, mark)
        while not (watch.dropped or watch.closed):
            news = await to_thread.run_sync(_since, store, project, replace(plan, since=mark), limit)
            mark = news.mark
            if news.arrived:
                yield news
                await asyncio.sleep(PAUSE_SECONDS)
            if not await watch.wait(heartbeat_seconds):
                yield News([], 0, 0, mark)


def _since(store: Store, project: str, plan: Plan, limit: int) -> News:
    if not limit:
        mark = store.mark(project)
        count = store.count(project, replace(plan, until=mark))
        return News([], count, count, max(mark, plan.since))
    page = store.find(project, plan, order="arrival", limit=limit)
    return News(page.spans, page.total, page.total - len(page.spans), max(page.mark, plan.since))
