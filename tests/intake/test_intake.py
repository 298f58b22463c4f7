from __future__ import annotations

import asyncio
import itertools
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from satellite.errors import AccessDenied, BadReport, Overloaded, StoreFailed
from satellite.intake.arrivals import Arrivals
from satellite.intake.intake import LARGE_BYTES, TURN_BODY_BYTES, Intake
from satellite.intake.reporters import FIGURES_REMEMBERED
from satellite.intake.tokens import Tokens
from satellite.intake.writer import Writer
from satellite.model.report import Decoded, Receipt, Report
from satellite.model.reporter import Reporter
from satellite.model.spans import SpanBuilder
from satellite.pb import lightstep_collector_pb2 as pb
from satellite.protocols import PROTOCOLS, WireProtocol
from satellite.protocols.lightstep.protobuf import PROTOCOL
from satellite.protocols.otlp.protobuf import JSON_PROTOCOL as OTLP
from satellite.query.plan import ALL
from satellite.store.durable.directory import Directory
from satellite.store.recall.disk import Disk
from satellite.store.recall.engine import RecallStore
from tests.intake.disked import Disked

_IDS = itertools.count(1)


def body(token: str = "", spans: int = 1, *, reporter_id: int = 1, lost: int = 0) -> bytes:
    request = pb.ReportRequest()
    request.auth.access_token = token
    request.reporter.reporter_id = reporter_id
    for _ in range(spans):
        span = request.spans.add(operation_name="op")
        span.span_context.trace_id = span.span_context.span_id = next(_IDS)
        span.start_timestamp.seconds = 1_700_000_000
    if lost:
        request.internal_metrics.counts.add(name="spans.dropped", int_value=lost)
    return request.SerializeToString()


@pytest.fixture
def store() -> Iterator[RecallStore]:
    engine = RecallStore()
    yield engine
    engine.close()


CLOCK = itertools.count(1_700_000_000_000_000_000, 1_000)


def writing(store: RecallStore, tokens: Tokens | None = None, **options: Any) -> Writer:
    return Writer(store, tokens or Tokens.open(), Arrivals(), clock_ns=lambda: next(CLOCK), **options)


def make(to: RecallStore | Writer, **options: Any) -> Intake:
    settings: dict[str, Any] = {"clock_ns": lambda: next(CLOCK), "max_waiting_bytes": 1_000_000} | options
    return Intake(to if isinstance(to, Writer) else writing(to), **settings)


def submit(
    intake: Intake, *bodies: bytes, protocol: WireProtocol = PROTOCOL, **options: Any
) -> list[Receipt]:
    async def send() -> list[Receipt]:
        return await asyncio.gather(*[intake.submit(protocol, one, **options) for one in bodies])

    try:
        return asyncio.run(send())
    finally:
        assert intake.close(10)


def test_spans_are_visible_when_the_receipt_is_there(store: RecallStore) -> None:
    intake = make(store)

    async def check() -> None:
        for number in range(1, 20):
            receipt = await intake.submit(PROTOCOL, body("p"))
            assert (receipt.refusal, receipt.stored) == (None, 1)
            assert store.count("p", ALL) == number

    asyncio.run(check())
    assert intake.close(10)


def test_reports_of_several_projects_in_one_call(store: RecallStore) -> None:
    receipts = submit(make(store), body("a", 3), body("b", 2), b"\xff", body("a", 1), body("", 5))
    assert [receipt.stored for receipt in receipts] == [3, 2, 0, 1, 5]
    assert isinstance(receipts[2].refusal, BadReport)
    counts = {stats.project: stats.ledger.received for stats in store.projects()}
    assert counts == {"a": 4, "b": 2, "default": 5}
    assert store.find("b", ALL, order="arrival", limit=10).total == 2


def test_projects_of_one_call_wait_for_the_disk_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(Directory(tmp_path), segment_spans=1000, clock_seconds=lambda: 0.0)
    syncs: list[int] = []
    sync = os.fdatasync

    def slow(descriptor: int) -> None:
        syncs.append(descriptor)
        assert threading.Event().wait(0.05) is False
        sync(descriptor)

    monkeypatch.setattr(os, "fdatasync", slow)
    with closing(RecallStore(disk=disk)) as store:
        receipts = submit(make(writing(store, writers=8)), *[body(f"p{i}") for i in range(8)])
        assert all(receipt.refusal is None for receipt in receipts)
        assert [found.spans for found in store.projects()] == [1] * 8
        assert len(syncs) < 8


def test_bodies_that_came_together_wait_as_one_group(store: RecallStore) -> None:
    calls: list[int] = []

    def decode(bodies: Sequence[bytes], arrived_ns: int) -> Decoded:
        calls.append(len(bodies))
        return PROTOCOL.decode(bodies, arrived_ns)

    async def send(intake: Intake) -> list[Receipt]:
        protocol = replace(PROTOCOL, decode=decode)
        together = [intake.submit(protocol, body("p", spans), peer="here") for spans in (1, 2, 3)]
        return await asyncio.gather(*together, intake.submit(protocol, b"\xff"))

    intake = make(store)
    receipts = asyncio.run(send(intake))
    assert intake.close(10)
    assert [receipt.stored for receipt in receipts] == [1, 2, 3, 0]
    assert isinstance(receipts[3].refusal, BadReport)
    assert calls == [4]


def test_of_a_group_what_does_not_fit_is_refused_alone(store: RecallStore) -> None:
    async def send(intake: Intake) -> list[Receipt]:
        bodies = [body("p"), body("p", 50), body("p")]
        return await asyncio.gather(*(intake.submit(PROTOCOL, one) for one in bodies))

    intake = make(store, max_waiting_bytes=500)
    receipts = asyncio.run(send(intake))
    assert intake.close(10)
    assert [receipt.stored for receipt in receipts] == [1, 0, 1]
    assert isinstance(receipts[1].refusal, Overloaded)


def test_the_body_names_the_project_before_the_header_does(store: RecallStore) -> None:
    submit(make(store), body("from-body"), body(""), header_token="from-header")
    assert [stats.project for stats in store.projects()] == ["from-body", "from-header"]


def test_an_unknown_token_is_refused_alone_and_never_repeated(store: RecallStore) -> None:
    writer = writing(store, Tokens.listed({"good": "shop"}))
    receipts = submit(make(writer), body("good"), body("s3cret-token"))
    assert receipts[0].refusal is None
    assert isinstance(receipts[1].refusal, AccessDenied)
    assert [refusal.code for refusal in writer.refusals] == ["access_denied"]
    assert "s3cret" not in repr(writer.refusals)


def test_dropped_spans_enter_the_ledger(store: RecallStore) -> None:
    request = pb.ReportRequest.FromString(body("p", 2))
    request.spans.add(operation_name="no ids")
    [receipt] = submit(make(store), request.SerializeToString())
    assert receipt.dropped == {"no_ids": 1}
    [stats] = store.projects()
    assert (stats.ledger.received, stats.ledger.stored, stats.ledger.dropped) == (3, 2, {"no_ids": 1})


def test_reporters_are_remembered_with_what_they_lost(store: RecallStore) -> None:
    writer = writing(store)
    submit(make(writer), body("p", 2, lost=3), body("p", 1, lost=4), body("p", 1, reporter_id=2))
    statuses = writer.reporters("p")
    assert [(status.id[-1], status.reports, status.spans, status.counters) for status in statuses] == [
        ("2", 1, 1, {}),
        ("1", 2, 3, {"spans.dropped": 7}),
    ]


def test_who_forwards_for_others_is_each_of_them(store: RecallStore) -> None:
    """A Collector's request has spans of many services; what was lost is said of the first."""

    def resource(service: str, spans: int) -> dict[str, Any]:
        made = [
            {"traceId": f"{next(_IDS):032x}", "spanId": f"{next(_IDS):016x}", "startTimeUnixNano": "1"}
            for _ in range(spans)
        ]
        attributes = [{"key": "service.name", "value": {"stringValue": service}}]
        return {"resource": {"attributes": attributes}, "scopeSpans": [{"spans": made}]}

    def request(*resources: dict[str, Any]) -> bytes:
        return msgspec.json.encode({"resourceSpans": resources})

    bad = resource("a", 1)
    bad["scopeSpans"][0]["spans"][0]["spanId"] = ""
    first = request(resource("a", 1), resource("b", 2), resource("a", 3), bad)
    alone = [request(resource("a", 4)), request(resource("c", 5))]
    for together in (True, False):
        writer = writing(store)
        for bodies in ([first, *alone],) if together else ([first], *([one] for one in alone)):
            submit(make(writer), *bodies, protocol=OTLP, header_token="p")
        told = {one.service: (one.reports, one.spans, one.dropped_here) for one in writer.reporters("p")}
        assert told == {"a": (2, 9, {"bad_ids": 1}), "b": (1, 2, {}), "c": (1, 5, {})}


def test_figures_of_a_reporter_have_a_bound(store: RecallStore) -> None:
    def decode(bodies: Sequence[bytes], _received_ns: int) -> Decoded:
        names = [f"{body.decode()}{number}" for body in bodies for number in range(FIGURES_REMEMBERED)]
        figures = dict.fromkeys(names, 1.0)
        reporter = Reporter("p", detail={"gauges": {"last": 2.0, **figures}})
        report = Report("p", reporter, slice(0, 0), counters={"spans.dropped": 1.0, **figures})
        return Decoded(SpanBuilder().build(), [report])

    protocol = replace(PROTOCOL, decode=decode)
    writer = writing(store)
    intake = make(writer)

    async def twice() -> None:
        for one in (b"a", b"b"):
            await intake.submit(protocol, one)

    asyncio.run(twice())
    assert intake.close(10)
    [status] = writer.reporters("p")
    assert len(status.counters) == len(status.gauges) == FIGURES_REMEMBERED
    assert (status.counters["spans.dropped"], status.counters["a1"], status.gauges["last"]) == (2, 1, 2)


def test_ingestion_tags_are_put_on_every_span(store: RecallStore) -> None:
    submit(make(writing(store, ingestion_tags={"region": "lab"})), body("p", 2))
    assert [span.tags for span in store.find("p", ALL, order="arrival", limit=5).spans] == [
        {"region": "lab"}
    ] * 2


def held_protocol(gate: threading.Event, entered: threading.Event) -> WireProtocol:
    """A codec that waits at the gate, so that a test can fill the queue behind it."""

    def decode(bodies: Any, now_ns: int) -> Decoded:
        entered.set()
        gate.wait()
        return PROTOCOL.decode(bodies, now_ns)

    return WireProtocol("held", (), (), (), decode, PROTOCOL.encode)


def test_a_full_queue_refuses_and_becomes_ready_again(disked: RecallStore) -> None:
    gate, entered = threading.Event(), threading.Event()
    intake, protocol = make(disked, max_waiting_bytes=1000), held_protocol(gate, entered)
    first, second = body("p", 30), body("p", 10)
    assert len(first) < 1000 < len(first) + 2 * len(second)

    async def check() -> None:
        async with asyncio.TaskGroup() as tasks:
            held = tasks.create_task(intake.submit(protocol, first))
            await asyncio.to_thread(entered.wait)
            waiting = tasks.create_task(intake.submit(protocol, second))
            await asyncio.sleep(0)
            refused = await intake.submit(protocol, second)
            assert isinstance(refused.refusal, Overloaded)
            assert not intake.ready
            assert intake.waiting_bytes == len(first) + len(second)
            gate.set()
        assert held.result().stored == 30
        assert waiting.result().stored == 10
        assert intake.ready
        assert intake.waiting_bytes == 0

    asyncio.run(check())
    assert intake.close(10)


def test_closing_finishes_what_waits_and_takes_nothing_more(disked: RecallStore) -> None:
    gate, entered = threading.Event(), threading.Event()
    intake, protocol = make(disked), held_protocol(gate, entered)

    async def check() -> None:
        async with asyncio.TaskGroup() as tasks:
            held = [tasks.create_task(intake.submit(protocol, body("p"))) for _ in range(3)]
            await asyncio.to_thread(entered.wait)
            assert not await asyncio.to_thread(intake.close, 0)
            late = await intake.submit(protocol, body("p"))
            assert isinstance(late.refusal, Overloaded)
            gate.set()
        assert [task.result().stored for task in held] == [1, 1, 1]

    asyncio.run(check())
    assert intake.close(10)


@pytest.fixture
def disked() -> Iterator[RecallStore]:
    engine = Disked()
    yield engine
    engine.close()


def seen_in(threads: list[int], *, before: Callable[[], object] = lambda: None) -> WireProtocol:
    """A codec that says which thread it was called in."""

    def decode(bodies: Any, now_ns: int) -> Decoded:
        threads.append(threading.get_ident())
        before()
        return PROTOCOL.decode(bodies, now_ns)

    return WireProtocol("seen", (), (), (), decode, PROTOCOL.encode)


def test_short_calls_are_worked_off_by_the_event_loop(store: RecallStore) -> None:
    threads: list[int] = []
    receipts = submit(make(store), *[body("p", 2) for _ in range(3)], protocol=seen_in(threads))
    assert [receipt.stored for receipt in receipts] == [2, 2, 2]
    assert threads == [threading.get_ident()]  # all that came in one turn, in one call


def test_the_event_loop_does_not_wait_for_a_disk(disked: RecallStore) -> None:
    threads: list[int] = []
    [receipt] = submit(make(disked), body("p"), protocol=seen_in(threads))
    assert receipt.stored == 1
    assert threading.get_ident() not in threads


def test_large_bodies_are_no_matter_for_the_event_loop(store: RecallStore) -> None:
    threads: list[int] = []
    large = body("p", TURN_BODY_BYTES // 10)
    assert TURN_BODY_BYTES < len(large) <= LARGE_BYTES
    submit(make(store, max_waiting_bytes=2**21), large, protocol=seen_in(threads))
    assert threading.get_ident() not in threads


def test_what_takes_long_leaves_the_event_loop_and_comes_back_when_it_is_quick_again(
    store: RecallStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = itertools.count()
    late = [0.0]
    monkeypatch.setattr("satellite.intake.intake.time.monotonic", lambda: next(clock) * 1e-6 + late[0])
    seconds = [0.0]
    threads: list[int] = []

    def take_time() -> None:
        late[0] += seconds[0]

    intake, protocol = make(store), seen_in(threads, before=take_time)

    async def check() -> None:
        here = threading.get_ident()
        seconds[0] = 1.0
        while threads[-1:] in ([], [here]):  # each call makes the next one look longer
            await intake.submit(protocol, body("p"))
        seconds[0] = 0.0
        while threads[-1] != here:
            await intake.submit(protocol, body("p"))

    asyncio.run(check())
    assert intake.close(10)


def test_reports_of_two_loops_are_answered_in_their_own(store: RecallStore) -> None:
    intake = make(store)

    async def send() -> int:
        receipts = await asyncio.gather(*[intake.submit(PROTOCOL, body("p")) for _ in range(50)])
        return sum(receipt.stored for receipt in receipts)

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(lambda _: asyncio.run(send()), range(8))) == 400
    assert intake.waiting_bytes == 0
    assert intake.close(10)


class Broken(RecallStore):
    def write(self, *_args: Any, **_options: Any) -> Any:
        raise RuntimeError("disk on fire")


def test_a_failing_store_is_told_to_the_sender_and_ends_nothing() -> None:
    engine = Broken()
    [receipt] = submit(make(engine), body("p"))
    assert isinstance(receipt.refusal, StoreFailed)
    assert "fire" not in receipt.refusal.message
    engine.close()


def test_a_failing_codec_ends_nothing(store: RecallStore) -> None:
    def decode(_bodies: Any, _now_ns: int) -> Decoded:
        raise RuntimeError("bug")

    intake = make(store)
    broken = WireProtocol("broken", (), (), (), decode, PROTOCOL.encode)

    async def check() -> None:
        assert isinstance((await intake.submit(broken, b"")).refusal, StoreFailed)
        assert (await intake.submit(PROTOCOL, body("p"))).stored == 1

    asyncio.run(check())
    assert intake.close(10)


@pytest.mark.parametrize("engine", [RecallStore, Disked])
def test_a_failure_beside_the_store_is_told_to_the_sender_and_ends_nothing(
    engine: type[RecallStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(engine()) as store:
        writer = writing(store)
        intake = make(writer)

        async def check() -> None:
            with monkeypatch.context() as broken:
                broken.setattr(writer._reporters, "heard", lambda *_: 1 / 0)
                assert isinstance((await intake.submit(PROTOCOL, body("p"))).refusal, StoreFailed)
            assert (await intake.submit(PROTOCOL, body("p"))).stored == 1

        asyncio.run(check())
        assert intake.waiting_bytes == 0
        assert intake.close(10)


def test_no_two_protocols_claim_the_same_call() -> None:
    methods = [method for protocol in PROTOCOLS for method in protocol.grpc_methods]
    bodies = [
        (route, content_type)
        for protocol in PROTOCOLS
        for route in protocol.http_routes
        for content_type in protocol.content_types
    ]
    assert len(set(methods)) == len(methods)
    assert len(set(bodies)) == len(bodies)
