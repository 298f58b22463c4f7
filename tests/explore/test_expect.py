from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from satellite.errors import BadQuery, BadRequest, Exceeded, NotFound, NotMet, SatelliteError, StoreFailed
from satellite.explore.expect import TIMEOUT_MS_MAX, Expectation, Met, Range, expect
from satellite.explore.shape import Shape
from satellite.intake.arrivals import Arrivals, Watch
from satellite.query.plan import Plan
from satellite.store.recall.engine import RecallStore
from tests import bookinfo

LONG_MS = 30_000
"""A time that no wait takes here: each is ended by an arrival."""


class Announced(Arrivals):
    """Says when somebody waits."""

    def __init__(self) -> None:
        super().__init__()
        self.awaited = asyncio.Event()

    @contextmanager
    def watch(
        self, project: str, *, reports: bool = False, told: Callable[[Watch], None] | None = None
    ) -> Iterator[Watch]:
        with super().watch(project, reports=reports, told=told) as watch:
            self.awaited.set()
            yield watch


class Scene:
    """A store and who waits for it; spans arrive one trace at a time."""

    def __init__(self, store: RecallStore) -> None:
        self.store = store
        self.arrivals = Announced()

    def arrive(self, k: int, project: str = "q") -> None:
        self.store.write(project, bookinfo.batch(range(k, k + 1)), arrived_ns=1)
        self.arrivals.notify(project)

    async def expect(self, query: str = "", low: int = 1, high: int | None = None, **more: Any) -> Met:
        wanted = Expectation(query=query, count=Range(low, high), **{"timeout_ms": LONG_MS, **more})
        return await expect(self.store, self.arrivals, "q", wanted)


@pytest.fixture
def scene(store: RecallStore) -> Scene:
    return Scene(store)


def test_met_at_once_by_what_is_there(scene: Scene) -> None:
    scene.arrive(2)
    met = asyncio.run(scene.expect('service IN ("reviews.default")'))
    assert [span.operation for span in met.spans] == [bookinfo.REVIEWS_CALL, bookinfo.RATINGS_CALL]
    assert (met.total, met.mark) == (2, 8)
    assert not scene.arrivals._watches


def test_met_by_an_arrival(scene: Scene) -> None:
    async def play() -> Met:
        async with asyncio.TaskGroup() as group:
            wait = group.create_task(scene.expect('"error" IN ("true")', low=2, high=2))
            await scene.arrivals.awaited.wait()
            await asyncio.to_thread(scene.arrive, 1)
            await asyncio.to_thread(scene.arrive, 8)
        return wait.result()

    assert len(asyncio.run(play()).spans) == 2


def test_only_arrivals_after_the_mark_count(scene: Scene) -> None:
    scene.arrive(2)

    async def play() -> Met:
        async with asyncio.TaskGroup() as group:
            wait = group.create_task(
                scene.expect('service IN ("ratings.default")', since=scene.store.mark("q"))
            )
            await scene.arrivals.awaited.wait()
            scene.arrive(5)
        return wait.result()

    met = asyncio.run(play())
    assert [span.duration_us for span in met.spans] == [800_000]
    assert met.mark == 16


def test_too_many_fail_at_once(scene: Scene) -> None:
    scene.arrive(2)
    with pytest.raises(Exceeded, match=r"expected 1 span, got 3 \(project q\)") as failure:
        asyncio.run(scene.expect('service IN ("productpage.default")', high=1))
    assert failure.value.details["count"] == 3
    assert failure.value.details["expected"] == {"min": 1, "max": 1}


def test_too_few_in_time(scene: Scene) -> None:
    scene.arrive(2)
    with pytest.raises(NotMet, match=r"expected at least 4 spans, got 3 within 0.001 s") as failure:
        asyncio.run(scene.expect('service IN ("productpage.default")', low=4, timeout_ms=1))
    explanation = failure.value.details["explanation"]
    assert explanation["arrived"] == 8
    assert explanation["terms"] == [{"term": 'service IN ("productpage.default")', "spans": 3, "alone": 3}]


def test_nothing_arrived_but_elsewhere(scene: Scene) -> None:
    scene.arrive(2, "other")
    with pytest.raises(NotMet) as failure:
        asyncio.run(scene.expect('service IN ("productpage.default")', timeout_ms=0))
    assert failure.value.details["explanation"]["other_projects"] == ["other"]


def test_no_spans_for_a_quiet_time(scene: Scene) -> None:
    met = asyncio.run(scene.expect(low=0, high=0, quiet_ms=1))
    assert (met.spans, met.total, met.mark) == ([], 0, 0)


def test_quiet_may_last_as_long_as_the_timeout(scene: Scene) -> None:
    assert asyncio.run(scene.expect(low=0, high=0, quiet_ms=5, timeout_ms=5)).total == 0


def test_a_span_in_the_quiet_time_fails(scene: Scene) -> None:
    async def play() -> Met:
        async with asyncio.TaskGroup() as group:
            wait = group.create_task(scene.expect(low=0, high=0, quiet_ms=LONG_MS))
            await scene.arrivals.awaited.wait()
            scene.arrive(1)
        return wait.result()

    with pytest.raises(ExceptionGroup) as failure:
        asyncio.run(play())
    [error] = failure.value.exceptions
    assert isinstance(error, Exceeded)
    assert error.message == "expected no spans, got 8 (project q)"


def test_enough_spans_but_one_more_within_the_quiet_time(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = scene.store.count
    late = iter([1])

    def count_and_let_more_arrive(project: str, plan: Plan) -> int:
        counted = count(project, plan)
        for k in late:
            scene.arrive(k)
        return counted

    scene.arrive(0)
    monkeypatch.setattr(scene.store, "count", count_and_let_more_arrive)
    with pytest.raises(NotMet, match=r"enough, but never for 0\.05 s without another"):
        asyncio.run(scene.expect(quiet_ms=50, timeout_ms=50))


@pytest.mark.parametrize(("end", "kind"), [("dropped", NotFound), ("closed", StoreFailed)])
def test_a_wait_ends_when_its_project_is_dropped_or_the_satellite_stops(
    scene: Scene, end: str, kind: type[SatelliteError]
) -> None:
    async def play() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(scene.expect())
            await scene.arrivals.awaited.wait()
            if end == "dropped":
                scene.arrivals.dropped("q")
            else:
                scene.arrivals.close()

    with pytest.raises(ExceptionGroup) as failure:
        asyncio.run(play())
    assert isinstance(failure.value.exceptions[0], kind)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (Expectation(timeout_ms=TIMEOUT_MS_MAX + 1), "at most 60000"),
        (Expectation(count=Range(2, 1)), "less than count.min"),
        (Expectation(count=Range(0, 0)), "needs quiet_ms"),
        (Expectation(quiet_ms=2, timeout_ms=1), "longer than timeout_ms"),
    ],
)
def test_what_can_never_be_met(scene: Scene, wanted: Expectation, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        asyncio.run(expect(scene.store, scene.arrivals, "q", wanted))


def test_a_bad_query(scene: Scene) -> None:
    with pytest.raises(BadQuery):
        asyncio.run(scene.expect("error = true"))


def test_a_report_that_was_refused_for_good_ends_the_wait_at_once(scene: Scene) -> None:
    async def play() -> None:
        wait = asyncio.create_task(scene.expect())
        await scene.arrivals.awaited.wait()
        scene.arrivals.refused("other", "not a report of ours")
        scene.arrivals.refused("q", "not a report")
        with pytest.raises(NotMet, match="refused for good: not a report"):
            await wait

    asyncio.run(play())


def test_a_refusal_before_a_wait_is_not_its_own(scene: Scene) -> None:
    async def play() -> None:
        scene.arrive(1)
        others = asyncio.create_task(scene.expect(quiet_ms=LONG_MS))  # has its spans, and waits on
        await scene.arrivals.awaited.wait()
        scene.arrivals.refused("q", "not a report")
        await asyncio.sleep(0)
        wait = asyncio.create_task(scene.expect('operation IN ("never")', timeout_ms=1))
        with pytest.raises(NotMet, match=r"within 0\.001 s"):
            await wait
        refused = asyncio.create_task(scene.expect('operation IN ("never")'))
        while not refused.done():  # from its beginning on
            scene.arrivals.refused("q", "nor is this")
            await asyncio.sleep(0)
        with pytest.raises(NotMet, match="refused for good: nor is this"):
            await refused
        others.cancel()

    asyncio.run(play())


class TestTraces:
    def test_complete_and_through_a_path(self, scene: Scene) -> None:
        scene.arrive(2)
        shape = Shape(complete=True, path=("productpage.default", "reviews.default", "ratings.default"))
        met = asyncio.run(scene.expect('service IN ("ratings.default")', trace=shape))
        assert met.total == 1

    def test_it_is_completed_by_a_span_that_does_not_match(self, scene: Scene) -> None:
        whole = bookinfo.batch(range(2, 3))
        top = whole.column("parent_id") == 0

        async def play() -> Met:
            async with asyncio.TaskGroup() as group:
                wanted = scene.expect('service IN ("ratings.default")', trace=Shape(complete=True))
                wait = group.create_task(wanted)
                await scene.arrivals.awaited.wait()
                for rows in (~top, top):
                    part = whole.take(np.flatnonzero(rows)).compact()
                    await asyncio.to_thread(scene.store.write, "q", part, arrived_ns=1)
                    scene.arrivals.notify("q")
            return wait.result()

        assert asyncio.run(play()).total == 1

    def test_a_refusal_ends_the_wait_for_what_a_trace_lacks(self, scene: Scene) -> None:
        whole = bookinfo.batch(range(2, 3))
        part = whole.take(np.flatnonzero(whole.column("parent_id") != 0)).compact()

        async def play() -> None:
            scene.store.write("q", part, arrived_ns=1)
            wanted = scene.expect('service IN ("ratings.default")', trace=Shape(complete=True))
            wait = asyncio.create_task(wanted)
            await scene.arrivals.awaited.wait()
            scene.arrivals.refused("q", "not a report")
            with pytest.raises(NotMet, match=r"got 1, but .*: a report was refused for good: not a report"):
                await wait

        asyncio.run(play())

    @pytest.mark.parametrize(
        ("shape", "why"),
        [
            (Shape(path=("ratings.default", "reviews.default")), "as far as it goes: ratings.default"),
            (Shape(path=("nobody",)), "not even the first"),
        ],
    )
    def test_what_is_lacking_is_told(self, scene: Scene, shape: Shape, why: str) -> None:
        scene.arrive(2)
        with pytest.raises(NotMet, match=why):
            asyncio.run(scene.expect('service IN ("ratings.default")', trace=shape, timeout_ms=1))
