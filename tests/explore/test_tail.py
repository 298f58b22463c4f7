from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from satellite.explore.tail import News, tail
from satellite.intake.arrivals import Arrivals
from satellite.query.plan import ALL, Plan
from satellite.store.recall.engine import RecallStore
from tests import bookinfo
from tests.serving import api_of, serving


def gathered(
    store: RecallStore, arrivals: Arrivals, between: Callable[[], None], plan: Plan = ALL, **more: Any
) -> tuple[News, News]:
    """The first word, and the news after something happened."""

    async def read() -> tuple[News, News]:
        news = tail(store, arrivals, "p", plan, **more)
        try:
            first = await anext(news)
            between()
            return first, await anext(news)
        finally:
            await news.aclose()

    return asyncio.run(read())


@pytest.fixture
def arrivals() -> Arrivals:
    return Arrivals()


def test_what_arrives_from_now_on(store: RecallStore, arrivals: Arrivals) -> None:
    def arrive() -> None:
        store.write("p", bookinfo.batch(range(20, 21)), arrived_ns=2)
        arrivals.notify("p")

    hello, news = gathered(store, arrivals, arrive, bookinfo.Q1.plan)
    assert hello == News([], 0, 0, 88)
    assert [span.operation for span in news.spans] == [
        bookinfo.PAGE_CALL,
        bookinfo.DETAILS_CALL,
        bookinfo.REVIEWS_CALL,
    ]
    assert (news.arrived, news.missed, news.mark) == (3, 0, 96)
    assert not arrivals._watches


def test_who_is_too_slow_is_told_what_it_missed(store: RecallStore, arrivals: Arrivals) -> None:
    _, news = gathered(store, arrivals, lambda: None, since=0, limit=10)
    assert (len(news.spans), news.arrived, news.missed, news.mark) == (10, 88, 78, 88)


def test_numbers_only(store: RecallStore, arrivals: Arrivals) -> None:
    _, news = gathered(store, arrivals, lambda: None, since=80, limit=0)
    assert (news.spans, news.arrived, news.mark) == ([], 8, 88)


def test_a_word_from_time_to_time(store: RecallStore, arrivals: Arrivals) -> None:
    _, news = gathered(store, arrivals, lambda: None, heartbeat_seconds=0.01)
    assert news == News([], 0, 0, 88)


@pytest.mark.parametrize("how", ["drop", "close"])
def test_it_ends_with_the_project_and_with_the_satellite(
    store: RecallStore, arrivals: Arrivals, how: str
) -> None:
    async def read() -> list[News]:
        news = []
        async for piece in tail(store, arrivals, "p", ALL):
            news.append(piece)
            arrivals.dropped("p") if how == "drop" else arrivals.close()
        return news

    assert len(asyncio.run(read())) == 1


# Over HTTP


def test_server_sent_events_and_lines(store: RecallStore, arrivals: Arrivals) -> None:
    with (
        serving(api_of(store, arrivals)) as url,
        httpx.Client(base_url=f"{url}/api/v1/projects/p", timeout=20) as http,
    ):
        asked = {"since": "7"}  # as the browser asked at first; its last event says where it is
        with http.stream("GET", "/tail", params=asked, headers={"last-event-id": "80"}) as reply:
            assert reply.headers["content-type"].startswith("text/event-stream")
            lines = reply.iter_lines()
            assert [next(lines) for _ in range(3)] == [": nothing new", "id: 80", ""]
            assert [next(lines) for _ in range(2)] == ["event: spans", "id: 88"]
            assert json.loads(next(lines).removeprefix("data: "))["arrived"] == 8
        asked = {"since": "0", "limit": "2"}
        with http.stream("GET", "/tail", params=asked, headers={"accept": "application/x-ndjson"}) as reply:
            lines = (line for line in reply.iter_lines() if line)
            assert [json.loads(next(lines))["mark"] for _ in range(2)] == [1, 2]
            assert json.loads(next(lines)) == {"missed": 86, "mark": 88}
        assert http.get("/tail", params={"query": "error = true"}).status_code == 400
        assert http.get("/tail", params={"limit": "1001"}).status_code == 400
        arrivals.close()
