from __future__ import annotations

import asyncio
import inspect
import math
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import httpx
import pytest

from mock_lightstep_satellite import calls
from mock_lightstep_satellite.async_client import AsyncClient
from mock_lightstep_satellite.calls import Count, count_range
from mock_lightstep_satellite.client import Client, Project
from mock_lightstep_satellite.errors import Unreachable
from satellite.errors import BadQuery, BadRequest, Exceeded, NotFound, NotMet, SatelliteError
from satellite.intake.arrivals import Arrivals
from satellite.model.span import Span
from satellite.store.recall.engine import RecallStore
from tests import bookinfo
from tests.serving import api_of, serving, silent_url


class Served:
    """A satellite's API at a URL; project p holds the Bookinfo spans."""

    def __init__(self, store: RecallStore, arrivals: Arrivals, url: str) -> None:
        self.store = store
        self.arrivals = arrivals
        self.url = url

    def arrive(self, project: str, k: int) -> None:
        self.store.write(project, bookinfo.batch(range(k, k + 1)), arrived_ns=1)
        self.arrivals.notify(project)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    store, arrivals = RecallStore(), Arrivals()
    store.write("p", bookinfo.batch(), arrived_ns=1)
    with serving(api_of(store, arrivals)) as url:
        yield Served(store, arrivals, url)
    store.close()


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    with Client(served.url) as client:
        yield client


@pytest.fixture
def project(client: Client) -> Project:
    return client.project("p")


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_who_asks_this_machine_in_plain_text_reads_no_authorities(
    served: Served, kind: type[Client | AsyncClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes longer than most questions, and `async_spans` has a client for each."""
    read = ssl.SSLContext.load_verify_locations
    monkeypatch.setattr(
        ssl.SSLContext, "load_verify_locations", lambda *_, **__: pytest.fail("they were read")
    )
    for url in (served.url, served.url.replace("127.0.0.1", "localhost")):
        kind(url)
    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", read)
    context = calls.options("http://satellite.example:8000", None).get("verify", True)
    assert context is True  # a proxy may be in between


def test_projects(client: Client) -> None:
    assert {project["project"]: project["spans"] for project in client.projects()}["p"] == bookinfo.SPANS


def test_spans_of_all_pages_or_the_first(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mock_lightstep_satellite.calls.PAGE", 10)
    spans = project.spans(order="arrival")
    assert [span.mark for span in spans] == list(range(1, 89))
    assert project.spans(order="arrival", limit=15) == spans[:15]
    assert project.spans(limit=0) == []


def test_spans_are_typed(project: Project) -> None:
    [span] = project.spans(bookinfo.Q11.text)
    assert isinstance(span, Span)
    assert span.tags["span.kind"] == "client"
    assert span.reporter.attributes["lightstep.tracer_platform_version"] == 201402


def test_bounds(project: Project) -> None:
    assert len(project.spans(min_latency_us=800_000, max_latency_us=None)) == 12
    assert project.spans(since=project.mark()) == []


def test_questions(project: Project) -> None:
    assert len(project.services()) == 5
    assert len(project.trace("00000000b00c0002")) == 8
    assert project.histogram(bookinfo.Q2.text)["percentiles"]["p95"] == 905_300
    assert project.groups("service")[0]["values"] == [bookinfo.RATINGS]
    assert project.suggest("value", key="error") == [
        {"value": "true", "spans": 2, "errors": 2, "distinct": None}
    ]


def test_snapshots_there_and_back(project: Project) -> None:
    run = project.run(bookinfo.Q2.text, name="slow tail", limit=5)
    identifier = run["snapshot"]["id"]
    assert project.snapshots()[0] == run["snapshot"]
    assert project.snapshot(identifier)["histogram"] == run["histogram"]
    assert len(project.spans(snapshot=identifier)) == 12
    assert len(project.spans("", snapshot=identifier)) == 88
    assert project.histogram(snapshot=identifier, percentile="p95")["count"] == 1
    assert project.groups("service", snapshot=identifier, whole=True)[0]["values"] == [bookinfo.RATINGS]
    assert project.change_snapshot(identifier, pinned=True)["pinned"]
    content = project.export_snapshot(identifier)
    project.delete_snapshot(identifier)
    assert project.import_snapshot(content)["snapshot"]["id"] == identifier
    project.delete_snapshot(identifier)


def test_compare_and_streams(project: Project) -> None:
    one, other = (
        project.run(f'"istio.canonical_revision" IN ("{revision}")')["snapshot"]["id"]
        for revision in ("v1", "v3")
    )
    assert project.compare(one, other, by="service")["added_services"] == [bookinfo.RATINGS]
    stream = project.create_stream(bookinfo.Q1.text, name="pages", backfill=True)
    assert project.streams(bookinfo.Q1.text) == [stream]
    day_us = {"oldest_us": bookinfo.START_US, "youngest_us": bookinfo.START_US + 60_000_000}
    assert project.stream_series(stream["id"], **day_us)["stream"] == stream
    project.delete_stream(stream["id"])
    for snapshot in (one, other):
        project.delete_snapshot(snapshot)


def test_latency_over_time_and_one_service(project: Project) -> None:
    assert [column["count"] for column in project.heat_map(bookinfo.Q2.text, columns=2)["columns"]] == [6, 6]
    assert project.service(bookinfo.REVIEWS, series=3)["platforms"] == ["c++"]


def test_tail(project: Project) -> None:
    news = project.tail(bookinfo.Q1.text, since=0)
    assert [span.mark for _, span in zip(range(3), news, strict=False) if isinstance(span, Span)] == [2, 3, 5]


def test_expect_is_met_by_what_is_there(project: Project) -> None:
    assert len(project.expect(bookinfo.Q3.text, 2)) == 2


def test_expect_is_met_by_an_arrival(client: Client, served: Served) -> None:
    project = client.project("arriving")
    since = project.mark()
    thread = threading.Thread(target=served.arrive, args=("arriving", 2))
    thread.start()
    spans = project.expect('service IN ("ratings.default")', 1, timeout=30, since=since)
    thread.join()
    assert [span.duration_us for span in spans] == [10_000]


def test_none_for_a_while(project: Project) -> None:
    assert project.expect(count=0, query='service IN ("nobody")', quiet=0.001) == []
    with pytest.raises(BadRequest, match="quiet_ms"):
        project.expect('service IN ("nobody")', 0)


def test_a_wait_in_vain_explains_itself(project: Project) -> None:
    query = 'service IN ("reviews.default") AND "http.status_code" IN ("201")'
    with pytest.raises(NotMet) as failure:
        project.expect(query, 1, timeout=0)
    assert str(failure.value).split("\n")[:4] == [
        "expected 1 span, got 0 within 0 s (project p)",
        '  service IN ("reviews.default")     ->   20 spans',
        '  AND "http.status_code" IN ("201")  ->    0 spans   <- fails here',
        '      values seen for "http.status_code": 200 (19), 500 (1)',
    ]
    assert failure.value.details["explanation"]["arrived"] == bookinfo.SPANS
    with pytest.raises(Exceeded, match="expected 1 span, got 2"):
        project.expect(bookinfo.Q3.text, 1)


def test_errors_are_those_of_the_satellite(client: Client, project: Project) -> None:
    with pytest.raises(BadQuery) as failure:
        project.spans("error = true")
    assert failure.value.details["column"] == 7
    with pytest.raises(NotFound, match="nobody"):
        client.project("nobody").services()
    with pytest.raises(NotFound):
        project.trace("00000000deadbeef")
    with pytest.raises(NotFound, match="order-77"):  # a text may be an id
        project.trace("order-77")
    with pytest.raises(BadRequest):
        project.trace(" ")


def test_a_tree_of_several_pages_ends_wherever_it_begins(project: Project) -> None:
    trace = max(project.traces(), key=len)
    whole = project.trace_tree(trace.trace_id, join=False)["rows"]
    assert len(whole) > 4
    assert project.trace_tree(trace.trace_id, join=False, limit=2)["rows"] == whole
    for begin in ({"row": 2}, {"span": whole[2]["span_id"]}):
        rows = project.trace_tree(trace.trace_id, join=False, limit=2, **begin)["rows"]
        assert rows[-1] == whole[-1]
        assert whole[2] in rows


def test_reset_and_drop(client: Client, served: Served) -> None:
    served.arrive("passing", 2)
    project = client.project("passing")
    assert project.reset() == 8
    assert project.spans() == []
    project.drop()
    with pytest.raises(NotFound):
        project.drop()


def test_nobody_there() -> None:
    with silent_url() as url, Client(url) as client, pytest.raises(Unreachable, match=url):
        client.projects()


def answering(*replies: httpx.Response | Exception) -> httpx.MockTransport:
    waiting = list(replies)

    def answer(request: httpx.Request) -> httpx.Response:
        reply = waiting.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply

    return httpx.MockTransport(answer)


@pytest.mark.parametrize(
    "reply",
    [
        httpx.Response(502, text="<html>"),
        httpx.Response(404, json={"detail": "Not Found"}),
        httpx.Response(404, json=[]),
        httpx.Response(404, json={"error": "no such thing"}),
        httpx.Response(302, headers={"location": "http://login"}),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json={"mark": 7}),
        httpx.Response(200, json={"mark": "high"}, headers={"x-satellite": "mock-lightstep-satellite"}),
    ],
)
@pytest.mark.parametrize(
    "ask",
    [
        lambda project: project.mark(),
        lambda project: project.services(),
        lambda project: project.export(),
        lambda project: list(project.tail()),
    ],
    ids=["mark", "services", "export", "tail"],
)
def test_something_else_answers(reply: httpx.Response, ask: Callable[[Project], object]) -> None:
    if reply.headers.get("x-satellite"):
        ask = Project.mark  # of what a satellite says, not all can be recognised as wrong
    with (
        Client("http://satellite", transport=answering(reply)) as client,
        pytest.raises(Unreachable, match="not as a satellite does"),
    ):
        ask(client.project("p"))


def test_an_error_that_this_version_does_not_know() -> None:
    reply = httpx.Response(418, json={"error": {"code": "teapot", "message": "short and stout", "pot": 1}})
    with (
        Client("http://satellite", transport=answering(reply)) as client,
        pytest.raises(SatelliteError, match="short and stout") as failure,
    ):
        client.projects()
    assert failure.value.details == {"pot": 1}


def test_no_answer_in_time() -> None:
    with (
        Client("http://satellite", transport=answering(httpx.ReadTimeout("slow"))) as client,
        pytest.raises(Unreachable, match=r"did not answer in time \(slow\)"),
    ):
        client.projects()


def test_what_is_no_url() -> None:
    with pytest.raises(BadRequest, match="localhost"):
        Client("localhost")


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, (1, 1)),
        (0, (0, 0)),
        ("3", (3, 3)),
        ("==3", (3, 3)),
        (">= 2", (2, None)),
        ("<=4", (0, 4)),
        ((1, 4), (1, 4)),
        ((2, None), (2, None)),
    ],
)
def test_counts(count: Count, expected: tuple[int, int | None]) -> None:
    assert count_range(count) == expected


@pytest.mark.parametrize("count", ["", "many", "-1", -1, ">1", "1..2"])
def test_what_is_no_count(count: Count) -> None:
    with pytest.raises(BadRequest, match="not a count"):
        count_range(count)


def test_the_async_client_asks_the_same(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mock_lightstep_satellite.calls.PAGE", 50)

    async def ask() -> dict[str, Any]:
        async with AsyncClient(served.url) as client:
            project = client.project("p")
            other = client.project("elsewhere")
            served.arrive("elsewhere", 1)
            found: dict[str, Any] = {
                "projects": await client.projects(),
                "services": await project.services(),
                "spans": await project.spans(),
                "trace": await project.trace("00000000b00c0002"),
                "histogram": await project.histogram(),
                "groups": await project.groups("operation"),
                "suggest": await project.suggest("service"),
                "mark": await project.mark(),
                "heat_map": await project.heat_map(),
                "service": await project.service(bookinfo.REVIEWS),
                "run": await project.run(bookinfo.Q2.text),
                "tail": await anext(project.tail(since=0)),
                "expect": await project.expect(bookinfo.Q3.text, 2),
                "reset": await other.reset(),
            }
            identifier = found["run"]["snapshot"]["id"]
            assert (await project.change_snapshot(identifier, name="x"))["name"] == "x"
            assert (await project.snapshots())[0]["id"] == identifier
            content = await project.export_snapshot(identifier)
            await project.delete_snapshot(identifier)
            assert (await project.import_snapshot(content))["snapshot"]["id"] == identifier
            assert (await project.snapshot(identifier))["snapshot"]["spans"] == 12
            assert (await project.compare(identifier, identifier))["added_services"] == []
            await project.delete_snapshot(identifier)
            stream = await project.create_stream(bookinfo.Q1.text)
            assert await project.streams() == [stream]
            assert (await project.stream_series(stream["id"]))["count"] == 0
            await project.delete_stream(stream["id"])
            await other.drop()
            with pytest.raises(NotMet):
                await project.expect(bookinfo.Q3.text, 3, timeout=0)
            return found

    found = asyncio.run(ask())
    with Client(served.url) as client:
        project = client.project("p")
        assert found["services"] == project.services()
        assert found["spans"] == project.spans()
        assert found["trace"] == project.trace("00000000b00c0002")
        assert found["histogram"] == project.histogram()
        assert found["groups"] == project.groups("operation")
        assert found["suggest"] == project.suggest("service")
        assert found["mark"] == project.mark()
        assert found["heat_map"] == project.heat_map()
        assert found["service"] == project.service(bookinfo.REVIEWS)
        assert found["tail"] == next(project.tail(since=0))
        assert found["expect"] == project.expect(bookinfo.Q3.text, 2)
        assert found["reset"] == 8
        assert "elsewhere" in {stats["project"] for stats in found["projects"]}


def test_the_async_client_with_nobody_there() -> None:
    async def ask() -> None:
        with silent_url() as url:
            async with AsyncClient(url) as client:
                with pytest.raises(Unreachable, match=url):
                    await client.projects()

    asyncio.run(ask())


def test_both_clients_have_the_same_methods() -> None:
    def public(one: object) -> dict[str, tuple[str, str | None]]:
        """Parameters and docstring of each method; "" of what is none."""
        found = {name: getattr(one, name) for name in dir(one) if not name.startswith("_")}
        return {
            name: (str(inspect.signature(value).replace(return_annotation="")), value.__doc__)
            if callable(value)
            else ("", None)
            for name, value in found.items()
        }

    with Client() as client:
        aside = AsyncClient()
        assert public(client) == public(aside)
        here, there = public(client.project("p")), public(aside.project("p"))
        assert here == there
        assert here["spans"][0].startswith("(query: 'Query | None' = None, *, order: 'str' = '-latency',")
        assert "all of them or the first `limit`" in (here["spans"][1] or "")
        assert not [
            name
            for name, (_, docstring) in here.items()
            if docstring is None and name not in {"client", "name"}
        ]
    asyncio.run(aside.close())


def test_a_client_that_blocks_within_an_event_loop(served: Served) -> None:
    async def ask() -> Sequence[dict[str, Any]]:
        with Client(served.url) as client:
            return client.project("p").services()

    assert len(asyncio.run(ask())) == 5


def test_a_tail_that_is_left_ends(served: Served) -> None:
    with Client(served.url) as client:
        tail = client.project("p").tail(since=0)
        next(tail)
        tail.close()  # type: ignore[attr-defined] # a generator
        with pytest.raises(StopIteration):
            next(tail)


def test_what_fails_within_the_block_of_a_fault_comes_out_of_it(client: Client) -> None:
    project = client.project("p")
    with pytest.raises(ZeroDivisionError), project.fault(status=503):
        _ = 1 / len(project.faults()[1:])
    assert project.faults() == []


def test_notes_on_a_query_are_told(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    project = client.project("p")
    project.spans("service NOT IN ('shop')")
    assert [('write service NOT IN ("shop")' in note) for note in client.notes] == [True]
    assert "write service NOT IN" in caplog.text
    project.spans('service IN ("shop")')
    assert client.notes == []


@pytest.mark.parametrize("count", [(4, 1), (-1, 2), (1, 2, 3), (), ("a", 2), (1, "b"), (None, 3)])
def test_a_range_that_holds_no_number(project: Project, count: Any) -> None:
    with pytest.raises(BadRequest, match=r"no number of spans is in \("):
        project.expect("", count)


@pytest.mark.parametrize("seconds", [-1, math.nan, math.inf, "3", None])
def test_times_that_are_none(project: Project, seconds: Any) -> None:
    with pytest.raises(BadRequest, match="timeout is a number of seconds, 0 or more, not"):
        project.expect("", timeout=seconds)
    with pytest.raises(BadRequest, match="quiet is a number of seconds, 0 or more, not"):
        project.expect("", quiet=seconds)
    with pytest.raises(BadRequest, match="timeout_ms is at most 60000"):
        project.expect("", timeout=61)


async def _async_faults(url: str) -> None:
    async with AsyncClient(url) as client:
        async with client.fault(streams=3) as added:
            assert [one["id"] for one in await client.faults()] == added
        assert await client.faults() == []
        assert await client.canonical('service:"a"') == 'service IN ("a")'


def test_faults_of_the_whole_satellite(client: Client) -> None:
    with client.fault(streams=3) as added:
        assert [one["id"] for one in client.faults()] == added
    assert client.faults() == []
    assert client.canonical("http.status_code IN (200)") == '"http.status_code" IN ("200")'
    asyncio.run(_async_faults(client.url))
