from __future__ import annotations

import pytest

from satellite.errors import BadQuery, BadRequest, NotFound
from satellite.explore.streams import KEPT_US, MINUTE_US, Streams
from satellite.model.reporter import Reporter
from satellite.model.spans import SpanBatch, SpanBuilder
from satellite.store.durable.state import State
from satellite.store.recall.engine import RecallStore
from tests import bookinfo

NOW_US = bookinfo.START_US + 30_000_000
MINUTE = bookinfo.START_US // MINUTE_US


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.us = NOW_US

    def __call__(self) -> int:
        return self.us * 1000


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def streams(store: RecallStore, clock: Clock) -> Streams:
    return Streams(store, clock)


def spans(durations_us: list[int], start_us: int, first_id: int = 1) -> SpanBatch:
    builder = SpanBuilder()
    for i, duration_us in enumerate(durations_us):
        builder.add(
            reporter=Reporter("lightstep", "shop"),
            operation="buy",
            trace_low=first_id + i,
            span_id=first_id + i,
            start_ns=start_us * 1000,
            duration_ns=duration_us * 1000,
        )
    return builder.build()


def points(streams: Streams, identifier: str, **more: int) -> list[tuple[int, int, int]]:
    """(minute after the first, spans, p50) of the points that have any."""
    found = streams.series("p", identifier, **more).points
    return [
        ((point.from_us // MINUTE_US) - MINUTE, point.count, point.percentiles["p50"])
        for point in found
        if point.count
    ]


def test_backfill_takes_what_is_in_memory(streams: Streams) -> None:
    stream = streams.create("p", bookinfo.Q2.text, backfill=True)
    series = streams.series("p", stream.id, columns=12)
    assert (series.count, series.errors, len(series.points)) == (12, 0, 12)
    [point] = [point for point in series.points if point.count]
    assert point.percentiles == {"p50": 10_300, "p95": 905_300, "p99": 905_300, "p99.9": 905_300}
    assert point.ops_per_s == pytest.approx(12 / 300)
    assert {point.error_ratio for point in series.points} == {0.0}


@pytest.mark.parametrize(("later_hours", "shown_hours"), [(0, 1), (2, 6), (7, 24), (30, 24)])
def test_the_range_suits_what_is_there(
    streams: Streams, clock: Clock, later_hours: int, shown_hours: int
) -> None:
    stream = streams.create("p", bookinfo.Q2.text, backfill=True)
    clock.us += later_hours * 60 * MINUTE_US
    series = streams.series("p", stream.id)
    assert series.to_us - series.from_us == shown_hours * 60 * MINUTE_US
    assert (series.count > 0) == (later_hours < 24)


def test_it_gathers_from_its_creation_on(store: RecallStore, streams: Streams, clock: Clock) -> None:
    stream = streams.create("p", 'service IN ("shop")')
    assert streams.series("p", stream.id).count == 0
    for minute, durations in enumerate(([100, 200, 300], [5_000])):
        clock.us = NOW_US + minute * MINUTE_US
        store.write("p", spans(durations, clock.us, 100 * (minute + 1)), arrived_ns=1)
        streams.gather()
    assert points(streams, stream.id, columns=1440) == [(0, 3, 200), (1, 1, 5_000)]


def test_late_spans_join_their_minute_exactly_while_it_is_held(store: RecallStore, streams: Streams) -> None:
    stream = streams.create("p", 'service IN ("shop")')
    store.write("p", spans([100, 200], NOW_US), arrived_ns=1)
    streams.gather()
    store.write("p", spans([300, 400, 500], NOW_US, 50), arrived_ns=1)
    assert points(streams, stream.id, columns=1440) == [(0, 5, 300)]


def test_evicted_spans_stay_in_it(store: RecallStore, streams: Streams) -> None:
    stream = streams.create("p", 'service IN ("shop")')
    store.write("p", spans([100, 200, 1_000_000], NOW_US), arrived_ns=1)
    streams.gather()
    store.reset("p")
    assert points(streams, stream.id, columns=1440) == [(0, 3, 200)]
    store.write("p", spans([300, 400], NOW_US, 50), arrived_ns=1)
    [(minute, count, p50)] = points(streams, stream.id, columns=1440)
    assert (minute, count) == (0, 5)
    assert p50 == pytest.approx(300, rel=0.12)


def test_several_minutes_in_a_step(store: RecallStore, streams: Streams) -> None:
    stream = streams.create("p", 'service IN ("shop")')
    for minute in range(4):
        store.write("p", spans([1_000 * (minute + 1)], NOW_US - minute * MINUTE_US, minute + 1), arrived_ns=1)
    series = streams.series(
        "p", stream.id, oldest_us=NOW_US - 3 * MINUTE_US, youngest_us=NOW_US + MINUTE_US, columns=2
    )
    assert [point.count for point in series.points] == [3, 1]
    assert series.count == 4


def test_what_is_too_old_or_from_the_future_is_left_out(store: RecallStore, streams: Streams) -> None:
    stream = streams.create("p", 'service IN ("shop")')
    for i, start_us in enumerate((1, NOW_US - KEPT_US - MINUTE_US, NOW_US + 70 * MINUTE_US, NOW_US)):
        store.write("p", spans([100], start_us, i + 1), arrived_ns=1)
    streams.gather()
    assert streams.series("p", stream.id, oldest_us=0, youngest_us=NOW_US * 2, columns=1).count == 1


def test_points_are_kept_for_three_days(store: RecallStore, streams: Streams, clock: Clock) -> None:
    stream = streams.create("p", 'service IN ("shop")')
    store.write("p", spans([100], NOW_US), arrived_ns=1)
    streams.gather()
    clock.us += KEPT_US + 2 * MINUTE_US
    store.write("p", spans([100], clock.us, 7), arrived_ns=1)
    assert streams.series("p", stream.id, oldest_us=0, columns=1).count == 1


def test_the_same_query_is_the_same_stream(streams: Streams) -> None:
    one = streams.create("p", 'service IN ("a") AND operation IN ("b")')
    assert streams.create("p", 'operation IN ("b") AND service IN ("a")') == one
    assert streams.of("p", 'operation IN ("b") AND service IN ("a")') == [one]
    assert streams.of("q") == []


def test_bounds_and_what_is_none(streams: Streams, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = streams.create("p", "")
    for ask in ({"columns": 0}, {"oldest_us": 10 * MINUTE_US, "youngest_us": MINUTE_US}):
        with pytest.raises(BadRequest):
            streams.series("p", stream.id, **ask)
    with pytest.raises(BadQuery):
        streams.create("p", "error = true")
    monkeypatch.setattr("satellite.explore.streams.STREAMS_MAX", 1)
    with pytest.raises(BadRequest, match="at most"):
        streams.create("p", 'service IN ("a")')
    streams.delete("p", stream.id)
    with pytest.raises(NotFound):
        streams.series("p", stream.id)
    with pytest.raises(NotFound):
        streams.delete("p", stream.id)


def test_the_state_brings_them_back(store: RecallStore, clock: Clock, state: State) -> None:
    before = Streams(store, clock, state=state)
    stream = before.create("p", bookinfo.Q1.text, backfill=True)
    before.close()
    after = Streams(store, clock, state=state)
    assert after.of("p") == [stream]
    assert after.series("p", stream.id).count == 36
    store.write("p", bookinfo.batch(range(20, 21)), arrived_ns=1)
    after.gather()
    assert after.series("p", stream.id).count == 39
    after.drop("p")
    assert state.projects("stream") == []
