from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest

from satellite.errors import BadRequest, NotFound, NotMet, SatelliteError, StoreFailed
from satellite.explore.expect import Expectation, Range, expect
from satellite.explore.fence import Fence, Fenced, Fences, Whose
from satellite.intake.arrivals import Arrivals
from satellite.intake.reporters import Reporters
from satellite.model.report import Report
from satellite.model.reporter import Reporter
from satellite.receivers.page import Page
from satellite.requests.log import RequestLog
from satellite.store.recall.engine import RecallStore
from tests import bookinfo

LONG_MS = 30_000
"""A time that no wait takes here: each is ended by a report."""
NOW_NS = 1_700_000_000_000_000_000


class Scene:
    """Who reports to project q, and who waits for it."""

    def __init__(self, store: RecallStore) -> None:
        self.store = store
        self.arrivals = Arrivals()
        self.reporters = Reporters()
        log = RequestLog(bytes_per_project=0, bytes_in_total=0)
        self.page = Page.create(0)
        self.fences = Fences(
            store,
            self.arrivals,
            self.reporters.of,
            self.reporters.behind,
            self.page.begin_fence,
            lambda: NOW_NS,
            log,
        )

    def report(self, service: str, *, early: int = 0, identifier: int = 1, spans: int = 0) -> None:
        """One that began so many fences ago."""
        if spans:
            self.store.write("q", bookinfo.batch(range(spans)), arrived_ns=1)
            self.arrivals.notify("q")
        sender = Reporter("lightstep", service, identifier)
        heard = [(Report("", sender, slice(0, 0)), 0, self.page.fences - early)]
        self.reporters.heard("q", heard, NOW_NS - 3_000_000_000)
        self.arrivals.reported("q")

    def fence(self, *services: str, timeout_ms: int = LONG_MS) -> Coroutine[Any, Any, Fenced]:
        return self.fences.passed("q", Fence(list(services), timeout_ms))


@pytest.fixture
def scene(store: RecallStore) -> Iterator[Scene]:
    made = Scene(store)
    yield made
    made.page.close()


async def still_waits(fence: asyncio.Task[Any]) -> bool:
    """After everything that is due in the loop is done."""
    for _ in range(20):
        await asyncio.sleep(0)
    return not fence.done()


def test_each_that_was_heard_of_must_begin_anew(scene: Scene) -> None:
    async def check() -> None:
        scene.report("shop")
        scene.report("shop", identifier=2)
        fence = asyncio.create_task(scene.fence())
        assert await still_waits(fence)
        scene.report("shop", early=1)  # it was under way already
        scene.report("shop", identifier=2)
        scene.report("new")
        assert await still_waits(fence)
        scene.report("shop")
        assert [(one.service, one.id[-1]) for one in (await fence).reporters] == [
            ("shop", "1"),
            ("new", "1"),
            ("shop", "2"),
        ]

    asyncio.run(check())


def test_nobody_was_heard_of_yet(scene: Scene) -> None:
    async def check() -> None:
        fence = asyncio.create_task(scene.fence())
        assert await still_waits(fence)
        scene.report("shop", spans=1)
        assert (await fence).mark == 6
        with pytest.raises(
            NotMet, match=r"no report was begun within 0.001 s by anybody \(project p\)"
        ) as error:
            await scene.fences.passed("p", Fence(timeout_ms=1))
        assert error.value.details["waiting_for"] == ["anybody"]

    asyncio.run(check())


def test_named_services(scene: Scene) -> None:
    async def check() -> None:
        scene.report("shop")  # of a process that has ended
        scene.report("idle")
        fence = asyncio.create_task(scene.fence("shop"))
        assert await still_waits(fence)
        scene.report("shop", identifier=2)
        await fence
        words = r"within 0.001 s by idle, shop, nobody \(project q\)"
        with pytest.raises(NotMet, match=words):
            await scene.fence("idle", "shop", "nobody", timeout_ms=1)

    asyncio.run(check())


def test_who_is_waited_for_is_said(scene: Scene) -> None:
    for number in range(7):
        scene.report("shop", identifier=number + 1)
    with pytest.raises(NotMet) as error:
        asyncio.run(scene.fence(timeout_ms=1))
    assert "shop (lightstep, last heard 3.0 s ago)" in error.value.message
    assert error.value.message.endswith("and 2 more (project q)")
    assert len(error.value.details["waiting_for"]) == 7


@pytest.mark.parametrize(
    ("end", "raised", "words"),
    [
        (lambda arrivals: arrivals.dropped("q"), NotFound, "was dropped"),
        (lambda arrivals: arrivals.close(), StoreFailed, "stops"),
        (lambda arrivals: arrivals.refused("q", "no report"), NotMet, "refused for good: no report"),
    ],
)
def test_what_ends_it(scene: Scene, end: Any, raised: type[SatelliteError], words: str) -> None:
    async def check() -> None:
        scene.report("shop")
        fence = asyncio.create_task(scene.fence())
        assert await still_waits(fence)
        end(scene.arrivals)
        with pytest.raises(raised, match=words):
            await fence

    asyncio.run(check())


def test_no_span_by_then(scene: Scene) -> None:
    async def wait(**how: Any) -> int:
        wanted = Expectation(count=Range(0, 0), timeout_ms=LONG_MS, fence=Whose(), **how)
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(
                expect(scene.store, scene.arrivals, "q", wanted, scene.fences.log, scene.fences)
            )
            assert await still_waits(task)
            scene.report("shop")
        return task.result().total

    assert asyncio.run(wait()) == 0
    scene.report("shop", spans=1)
    with pytest.raises(ExceptionGroup) as error:
        asyncio.run(wait())
    assert "expected no spans, got 6" in str(error.value.exceptions[0])


def test_a_fence_that_could_outlive_a_proxy(scene: Scene) -> None:
    with pytest.raises(BadRequest, match="timeout_ms is at most 60000"):
        asyncio.run(scene.fence(timeout_ms=60_001))
