"""Whose turn it is, how long it would take, and what is remembered of reporters and refusals."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from satellite.errors import Overloaded
from satellite.intake.arrivals import Arrivals
from satellite.intake.intake import LARGE_BYTES, WAIT_SECONDS_MAX, Intake
from satellite.intake.parcel import Origin
from satellite.intake.queue import BYTES_PER_CALL, CALL_SECONDS, REPORT_BYTES, TURN_BYTES, Queue, Waiting
from satellite.intake.refusals import KEPT_OF_A_KIND, KINDS_KEPT, Refusal, Refusals
from satellite.intake.reporters import NAME_CHARACTERS, Reporters
from satellite.intake.tokens import Tokens
from satellite.intake.writer import Writer
from satellite.model.report import Decoded, Report
from satellite.model.reporter import Reporter
from satellite.model.spans import SpanBuilder
from satellite.protocols.lightstep import protobuf as lightstep
from satellite.protocols.wire import WireProtocol
from satellite.protocols.zipkin import v2 as zipkin
from tests.intake.disked import Disked


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def waiting(
    loop: asyncio.AbstractEventLoop, sender: str, size: int, protocol: WireProtocol = lightstep.PROTOCOL
) -> Waiting:
    return Waiting(protocol, bytes(size), Origin(size), sender, loop, loop.create_future())


def test_a_small_report_waits_for_little_of_anothers_many(loop: asyncio.AbstractEventLoop) -> None:
    queue = Queue()
    for _ in range(1000):
        queue.put(waiting(loop, "loud", TURN_BYTES))
    queue.put(waiting(loop, "quiet", 100))
    taken = queue.take()
    assert [item.sender for item in taken[:2]] == ["loud", "quiet"]
    assert sum(len(item.body) for item in taken) <= BYTES_PER_CALL


def test_a_call_takes_less_of_a_protocol_that_takes_its_time(loop: asyncio.AbstractEventLoop) -> None:
    queue = Queue()
    size = 10_000 - REPORT_BYTES
    for _ in range(60):  # an average that moves
        queue.measured([waiting(loop, "a", size)], CALL_SECONDS / 4)
    for _ in range(6):
        queue.put(waiting(loop, "a", size))
    assert len(queue.take()) in (3, 4)  # the average comes near, from below
    for _ in range(60):
        queue.measured([waiting(loop, "a", size)], CALL_SECONDS * 2)
    assert len(queue.take()) == 1  # one in any case


def test_everything_is_taken_once_and_each_senders_in_order(loop: asyncio.AbstractEventLoop) -> None:
    queue = Queue()
    protocols = itertools.cycle([lightstep.PROTOCOL, lightstep.PROTOCOL, zipkin.PROTOCOL])
    put = [waiting(loop, f"s{i % 7}", i * 100, next(protocols)) for i in range(300)]
    for item in put:
        queue.put(item)
    calls = list(iter(queue.take, []))
    assert all(len({item.protocol.name for item in call}) == 1 for call in calls)
    taken = [item for call in calls for item in call]
    assert sorted(map(id, taken)) == sorted(map(id, put))
    for sender in {item.sender for item in put}:
        assert [item for item in taken if item.sender == sender] == [i for i in put if i.sender == sender]
    assert (queue.wait_seconds, queue.waiting_bytes, bool(queue)) == (0, 0, False)


def test_the_wait_follows_from_what_was_measured(loop: asyncio.AbstractEventLoop) -> None:
    queue = Queue()
    for _ in range(60):  # an average that moves
        queue.measured([waiting(loop, "a", 10_000 - REPORT_BYTES)], 1.0)
    item = waiting(loop, "a", 10_000 - REPORT_BYTES)
    assert queue.seconds(item) == pytest.approx(1)
    for _ in range(3):
        queue.put(waiting(loop, "a", 10_000 - REPORT_BYTES))
    assert queue.wait_seconds_of("a", 1) == pytest.approx(3)
    assert queue.wait_seconds_of("b", 0.1) == pytest.approx(0.1)  # one turn of a's


def test_one_slow_call_does_not_have_those_behind_it_refused(loop: asyncio.AbstractEventLoop) -> None:
    queue = Queue()
    queue.measured([waiting(loop, "a", 10_000)], 3.0)  # the first of a fresh satellite
    for _ in range(50):
        queue.put(waiting(loop, "a", 10_000))
    assert queue.wait_seconds_of("a", queue.seconds(waiting(loop, "a", 10_000))) < 0.1


def held(gate: threading.Event, entered: threading.Event, decoded: list[int]) -> WireProtocol:
    def decode(bodies: Any, _now_ns: int) -> Decoded:
        entered.set()
        gate.wait()
        decoded.append(len(bodies))
        return Decoded(SpanBuilder().build(), [Report("", Reporter("held"), slice(0, 0)) for _ in bodies])

    return WireProtocol("held", (), (), (), decode, lightstep.encode)


def writing() -> Writer:
    return Writer(Disked(), Tokens.open(), Arrivals(), clock_ns=lambda: 1)


def intake(writer: Writer | None = None) -> Intake:
    return Intake(writer or writing(), clock_ns=lambda: 1, max_waiting_bytes=2**30)


def test_what_nobody_waits_for_is_not_decoded() -> None:
    gate, entered, decoded = threading.Event(), threading.Event(), list[int]()
    protocol = held(gate, entered, decoded)

    async def check() -> None:
        writer = writing()
        made = intake(writer)
        first = asyncio.ensure_future(made.submit(protocol, b"1"))
        await asyncio.to_thread(entered.wait)
        given_up = [asyncio.ensure_future(made.submit(protocol, b"x")) for _ in range(50)]
        patient = asyncio.ensure_future(made.submit(protocol, b"2"))
        await asyncio.sleep(0)
        for task in given_up:
            task.cancel()
        await asyncio.sleep(0)
        gate.set()
        assert (await first).refusal is None
        assert (await patient).refusal is None
        assert decoded == [1, 1]
        assert made.waiting_bytes == 0
        made.close(5)
        assert len(writer.refusals) == KEPT_OF_A_KIND

    asyncio.run(check())


def test_what_would_wait_too_long_is_refused_at_once() -> None:
    gate, entered = threading.Event(), threading.Event()
    protocol = held(gate, entered, [])

    async def check() -> None:
        made = intake()
        first = asyncio.ensure_future(made.submit(protocol, b"1"))
        await asyncio.to_thread(entered.wait)
        assert made.busy_for(protocol, 1000, header_token="token") is None
        item = waiting(asyncio.get_running_loop(), "", 0, protocol)
        for _ in range(60):
            made._small.queue.measured([item], WAIT_SECONDS_MAX)  # so long takes each report
        futures = [asyncio.ensure_future(made.submit(protocol, b"", header_token="token")) for _ in range(4)]
        await asyncio.sleep(0)  # they begin
        await asyncio.sleep(0)  # they are handed over together
        await asyncio.sleep(0)  # those that were refused go on
        refused = [future.result().refusal for future in futures if future.done()]
        assert len(refused) == 2
        assert all(isinstance(refusal, Overloaded) for refusal in refused)
        assert not made.ready
        assert isinstance(made.busy_for(protocol, 1000, header_token="token"), Overloaded)
        assert made.busy_for(protocol, 0, header_token="other") is None  # whose turn comes before
        gate.set()
        await first
        assert [(await future).refusal is None for future in futures] == [True, True, False, False]
        assert made.ready
        made.close(5)

    asyncio.run(check())


def test_a_large_body_does_not_hold_up_small_ones() -> None:
    gate, entered = threading.Event(), threading.Event()

    async def check() -> None:
        made = intake()
        large = asyncio.ensure_future(made.submit(held(gate, entered, []), bytes(LARGE_BYTES + 1)))
        await asyncio.to_thread(entered.wait)
        assert (await made.submit(lightstep.PROTOCOL, b"")).refusal is None
        gate.set()
        assert (await large).refusal is None
        made.close(5)

    asyncio.run(check())


def test_a_noisy_stranger_hides_no_other_refusal() -> None:
    refusals = Refusals()
    refusals.add(Refusal(1, "otlp", "bad_report", "the one looked for", "peer", "mine"))
    for i in range(10_000):
        refusals.add(Refusal(2 + i, "otlp", "bad_report", "x" * 10_000, "stranger"))
    shown = refusals.all()
    assert shown[0].message == "the one looked for"
    assert len(shown) == 1 + KEPT_OF_A_KIND
    assert shown[-1].time_ns == 10_001
    for i in range(2 * KINDS_KEPT):
        refusals.add(Refusal(i, "otlp", "bad_report", "", "", f"project{i}"))
    assert len(refusals.all()) == KINDS_KEPT


def test_reporters_are_bounded_in_bytes_over_all_projects() -> None:
    reporters = Reporters(bytes_max=100_000)
    for i in range(500):
        counters = {f"{'n' * 1000}{n}": 1.0 for n in range(3)}
        report = Report("", Reporter("otlp", service="s" * 100_000, id=i), slice(0, 1), counters=counters)
        reporters.heard(f"project{i % 50}", [(report, 0, i)], i)
    assert reporters.bytes <= 100_000
    newest = reporters.of("project49")[0]
    assert (newest.service, list(newest.counters)) == ("s" * NAME_CHARACTERS, ["n" * NAME_CHARACTERS])
    for i in range(50):
        reporters.drop(f"project{i}")
    assert reporters.bytes == 0
