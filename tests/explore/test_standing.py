"""Many who wait: an arrival is matched once for each distinct query, on what arrived and nothing else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from satellite.errors import NotMet, StoreFailed
from satellite.explore import shape, standing
from satellite.explore.expect import Expectation, Met, Range, expect
from satellite.explore.shape import Shape
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
        if plan.until is not None:  # which counts, too
            self.counted.append((plan.since, plan.until))
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
    assert store.found <= 3  # and not a thousand times
    assert not arrivals._watches
    store.close()


def test_the_first_that_are_enough_cost_one_question() -> None:
    store, arrivals = Counting(), Arrivals()

    async def play() -> Met:
        async with asyncio.TaskGroup() as group:
            wait = group.create_task(expect(store, arrivals, "q", Expectation(timeout_ms=60_000)))
            await until(lambda: store.counted)
            store.write("q", some(0, 3), arrived_ns=1)
            arrivals.notify("q")
        return wait.result()

    assert asyncio.run(play()).total == 3
    assert store.found == 1
    assert store.counted[-1] == (0, 3)
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


def test_what_came_in_a_rest_counts_when_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    store, arrivals = Counting(), Arrivals()
    catch_up = standing.Standing.catch_up

    async def catch_up_in_a_rest(one: standing.Standing) -> None:
        one._crowd.busy = True
        store.write("q", some(0, 1), arrived_ns=1)
        arrivals.notify("q")
        assert one.count == 0
        await catch_up(one)

    monkeypatch.setattr(standing.Standing, "catch_up", catch_up_in_a_rest)
    assert asyncio.run(expect(store, arrivals, "q", Expectation(timeout_ms=1))).total == 1
    store.close()


def test_matches_that_failed_are_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    store, arrivals = Counting(), Arrivals()
    monkeypatch.setattr(standing, "REST_SECONDS_MAX", 0.001)
    fails = iter([True, True])

    def find(project: str, plan: Plan, **options: Any) -> Any:
        if plan.until is not None and next(fails, False):
            raise StoreFailed("away")
        return RecallStore.find(store, project, plan, **options)

    async def play() -> Met:
        async with asyncio.TaskGroup() as group:
            wait = group.create_task(expect(store, arrivals, "q", Expectation(timeout_ms=60_000)))
            await until(lambda: store.counted)
            monkeypatch.setattr(store, "find", find)
            store.write("q", some(0, 1), arrived_ns=1)
            arrivals.notify("q")
        return wait.result()

    assert asyncio.run(play()).total == 1
    assert next(fails, None) is None
    store.close()


def test_a_trace_that_is_completed_while_it_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    store, arrivals = Counting(), Arrivals()
    monkeypatch.setattr(standing, "SHARE", 1)  # no rest
    told = threading.Event()
    tell, lacking = standing.Standing.tell, shape.lacking
    whole = bookinfo.batch(range(2, 3))
    top = whole.column("parent_id") == 0

    def arrive(rows: Any) -> None:
        told.clear()
        store.write("q", whole.take(np.flatnonzero(rows)).compact(), arrived_ns=1)
        arrivals.notify("q")

    def heard(one: standing.Standing) -> None:
        tell(one)
        told.set()

    def lacking_at_first(*arguments: Any) -> tuple[str, str]:
        found = lacking(*arguments)
        if found[0]:
            arrive(top)
            assert told.wait(50)
        return found

    monkeypatch.setattr(standing.Standing, "tell", heard)
    monkeypatch.setattr("satellite.explore.expect.lacking", lacking_at_first)

    async def play() -> Met:
        async with asyncio.TaskGroup() as group:
            wanted = Expectation(
                query='service IN ("ratings.default")', trace=Shape(complete=True), timeout_ms=60_000
            )
            wait = group.create_task(expect(store, arrivals, "q", wanted))
            await until(lambda: len(store.counted) > 1)
            async with asyncio.timeout(50):
                await asyncio.to_thread(arrive, ~top)
                return await wait

    assert asyncio.run(play()).total == 1
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
            arrivals.emptied("q", 3)
            store.write("q", some(1, 3), arrived_ns=1)
            arrivals.notify("q")
            await until(lambda: store.found)
            assert not wait.done()
            store.write("q", some(2, 2), arrived_ns=1)
            arrivals.notify("q")
        return wait.result()

    assert asyncio.run(play()).total == 5
    store.close()


def test_an_emptied_project_s_later_evictions_are_told() -> None:
    store, arrivals = Counting(), Arrivals()

    async def play() -> None:
        wait = asyncio.create_task(
            expect(store, arrivals, "q", Expectation(count=Range(5), timeout_ms=60_000))
        )
        await until(lambda: store.counted)
        store.write("q", some(0, 3), arrived_ns=1)
        store.reset("q")
        arrivals.emptied("q", 3)
        await until(lambda: store.counted[-1][1] == 3)
        store.write("q", some(1, 3), arrived_ns=1)
        arrivals.notify("q")
        await until(lambda: store.counted[-1][1] == 6)
        store.reset("q")  # counts as evicted, as if memory were short
        store.write("q", some(2, 3), arrived_ns=1)
        arrivals.notify("q")
        with pytest.raises(NotMet, match="evicted before the last"):
            await wait

    asyncio.run(play())
    store.close()
