"""Many who wait: an arrival is matched once for each distinct query, on what arrived and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from satellite.errors import NotMet
from satellite.explore import standing
from satellite.explore.expect import Expectation, Met, Range, expect
from satellite.intake.arrivals import Arrivals
from satellite.model.spans import SpanBatch
from satellite.query.plan import Plan
from satellite.store.recall.engine import RecallStore
from tests import bookinfo


async def until(happened: Callable[[], object]) -> None:
    while not happened():  # noqa: ASYNC110 - a thread makes it happen
        await asyncio.sleep(0)


def some(k: int, spans: int) -> SpanBatch:
    return bookinfo.batch(range(k, k + 1)).take(np.arange(spans)).compact()


class Counting(RecallStore):
    """Remembers which marks it was asked to count."""

    def __init__(self) -> None:
        super().__init__()
        self.counted: list[tuple[int, int | None]] = []
        self.found = 0

    def count(self, project: str, plan: Plan) -> int:
        self.counted.append((plan.since, plan.until))
        return super().count(project, plan)

    def find(self, project: str, plan: Plan, **options: Any) -> Any:
        self.found += 1
        return super().find(project, plan, **options)


def test_a_thousand_who_wait_for_the_same() -> None:
    store, arrivals = Counting(), Arrivals()

    def arrive(k: int) -> None:
        store.write("q", bookinfo.batch(range(k, k + 1)), arrived_ns=1)
        arrivals.notify("q")

    async def play() -> list[Met]:
        async with asyncio.TaskGroup() as group:
            wanted = Expectation(query='"error" IN ("true")', count=Range(2), timeout_ms=60_000)
            waits = [group.create_task(expect(store, arrivals, "q", wanted)) for _ in range(1000)]
            await until(lambda: store.counted)
            await asyncio.to_thread(arrive, 1)
            await until(lambda: store.counted[-1][1] == store.mark("q"))
            await asyncio.to_thread(arrive, 8)
        return [wait.result() for wait in waits]

    arrive(0)
    begun = store.mark("q")
    met = asyncio.run(play())
    assert {(one.total, one.mark) for one in met} == {(met[0].total, store.mark("q"))}
    assert store.counted[0] == (0, begun)
    assert all(since >= begun for since, _ in store.counted[1:])
    assert len(store.counted) <= 4
    assert store.found == 1
    assert not arrivals._watches
    store.close()


def test_matching_rests_while_spans_keep_arriving(monkeypatch: pytest.MonkeyPatch) -> None:
    store, arrivals = Counting(), Arrivals()
    monkeypatch.setattr(standing, "SHARE", 1e-9)  # any match is followed by the longest rest
    monkeypatch.setattr(standing, "REST_SECONDS_MAX", 0.5)

    def arrive(k: int) -> None:
        store.write("q", some(k, 1), arrived_ns=1)
        arrivals.notify("q")

    async def play() -> Met:
        async with asyncio.TaskGroup() as group:
            wait = group.create_task(
                expect(store, arrivals, "q", Expectation(count=Range(9), timeout_ms=60_000))
            )
            await until(lambda: store.counted)
            arrive(0)
            await until(lambda: len(store.counted) > 1)
            for k in range(1, 9):
                arrive(k)
        return wait.result()

    assert asyncio.run(play()).total == 9
    assert len(store.counted) <= 4  # at first, after the first, and after a rest all others together
    store.close()


def test_what_was_evicted_meanwhile_ends_the_wait() -> None:
    store, arrivals = Counting(), Arrivals()

    async def play() -> None:
        wait = asyncio.create_task(
            expect(store, arrivals, "q", Expectation(count=Range(5), timeout_ms=60_000))
        )
        await until(lambda: store.counted)
        store.write("q", some(0, 3), arrived_ns=1)
        arrivals.notify("q")
        await until(lambda: store.counted[-1][1] == 3)
        store.reset("q")  # counts as evicted, as if memory were short
        store.write("q", some(1, 3), arrived_ns=1)
        arrivals.notify("q")
        with pytest.raises(NotMet, match="evicted before the last"):
            await wait

    asyncio.run(play())
    store.close()


def test_what_left_meanwhile_is_noticed_in_the_end() -> None:
    store, arrivals = Counting(), Arrivals()

    async def play() -> Met:
        async with asyncio.TaskGroup() as group:
            wait = group.create_task(
                expect(store, arrivals, "q", Expectation(count=Range(5), timeout_ms=60_000))
            )
            await until(lambda: store.counted)
            store.write("q", some(0, 3), arrived_ns=1)
            arrivals.notify("q")
            await until(lambda: store.counted[-1][1] == 3)
            store.reset("q")
            arrivals.emptied("q")
            store.write("q", some(1, 3), arrived_ns=1)
            arrivals.notify("q")
            await until(lambda: store.found)
            assert not wait.done()
            store.write("q", some(2, 2), arrived_ns=1)
            arrivals.notify("q")
        return wait.result()

    assert asyncio.run(play()).total == 5
    store.close()
