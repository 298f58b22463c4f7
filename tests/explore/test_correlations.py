from __future__ import annotations

from contextlib import closing

import pytest
from hypothesis import given

from satellite.explore.correlations import Correlation, Correlations, Inside, correlations
from satellite.model.span import Span
from satellite.model.spans import SpanBatch
from satellite.query import parse
from satellite.query.plan import ALL
from satellite.store.recall.engine import RecallStore
from tests import bookinfo
from tests.explore import naive
from tests.explore.traces import batches, twins

SLOW = Inside(from_us=100_000)


def row(found: Correlations, *names: str | None) -> Correlation:
    [one] = [
        one
        for one in found.correlations
        if (one.key, one.value, *([one.span_kind] * len(names[2:]))) == names
    ]
    return one


def test_the_worked_example(store: RecallStore) -> None:
    found = correlations(store, "p", bookinfo.Q2.plan, inside=SLOW)
    assert (found.in_traces, found.out_traces, found.traces, found.reason) == (2, 10, 12, None)
    for version, scored, marked in (("v1", -1.0, (0, 4)), ("v2", -1.0, (0, 4)), ("v3", 0.8, (2, 2))):
        one = row(found, "istio.canonical_revision", version)
        assert (one.kind, round(one.score, 2), one.in_traces, one.out_traces) == ("trace", scored, *marked)
    for service, operation, kind, ins, outs, score in (
        (bookinfo.RATINGS, bookinfo.RATINGS_CALL, "server", 99.38, 39.47, 0.60),
        (bookinfo.REVIEWS, bookinfo.REVIEWS_CALL, "server", 0.47, 47.85, -0.99),
        (bookinfo.PRODUCTPAGE, bookinfo.REVIEWS_CALL, "client", 0.08, 8.37, -0.99),
        (bookinfo.REVIEWS, bookinfo.RATINGS_CALL, "client", 0.07, 4.31, -0.98),
    ):
        one = row(found, service, operation, kind)
        shares = round(100 * one.in_share, 2), round(100 * one.out_share, 2)
        assert (one.kind, *shares, round(one.score, 2)) == ("operation", ins, outs, score)
    [flat] = [one for one in found.correlations if one.score == 0]
    marks = {(flat.key, flat.value), *((one.key, one.value) for one in flat.same)}
    assert marks == {
        ("component", "proxy"),
        ("http.method", "GET"),
        ("http.status_code", "200"),
        ("span.kind", "client"),
        ("span.kind", "server"),
    }
    scores = [abs(one.score) for one in found.correlations]
    assert scores == sorted(scores, reverse=True)


def test_without_a_limit_of_support_the_error_of_one_trace_is_there(store: RecallStore) -> None:
    found = correlations(store, "p", bookinfo.Q2.plan, inside=SLOW, min_support=1)
    [one] = [one for one in found.correlations if one.key in ("error", "http.status_code") and one.score]
    assert (one.score, one.value, [(other.key, other.value) for other in one.same]) == (
        -1.0,
        "500",
        [("error", "true")],
    )


def test_without_a_range_the_slowest_five_percent_are_inside(store: RecallStore) -> None:
    found = correlations(store, "p", bookinfo.Q2.plan)
    assert (found.in_traces, found.out_traces, found.from_us) == (1, 11, 905_300)


def test_a_box_has_a_time_too(store: RecallStore) -> None:
    box = Inside(from_us=100_000, oldest_us=bookinfo.START_US + 10_000_000)
    found = correlations(store, "p", bookinfo.Q2.plan, inside=box)
    assert (found.in_traces, found.out_traces) == (1, 11)


def test_errors(store: RecallStore) -> None:
    found = correlations(store, "p", ALL, of="errors", min_support=1)
    assert (found.in_traces, found.out_traces) == (1, 11)
    assert row(found, "http.status_code", "500").score == 1
    assert all(one.kind != "operation" and one.key != "error" for one in found.correlations)


def test_halves_that_share_an_id_are_told_apart() -> None:
    with closing(RecallStore()) as store:
        store.write("p", twins(100, 100, 100, 4000, 4000), arrived_ns=1)
        found = correlations(store, "p", parse('service IN ("shop")').plan, inside=Inside(from_us=1000))
    assert (found.in_traces, found.out_traces) == (2, 3)
    old = row(found, "stock", "old")
    assert (old.kind, old.in_traces, old.out_traces, old.score) == ("trace", 2, 0, 1.0)
    shares = {one.key: (one.in_share, one.out_share) for one in found.correlations if one.kind == "operation"}
    slow, fast = 4020, 120
    assert shares["shop"] == pytest.approx((20 / slow, 20 / fast))
    assert shares["stock"] == pytest.approx((2000 / slow, 50 / fast))
    assert shares["db"] == pytest.approx((2000 / slow, 50 / fast))


@pytest.mark.parametrize("query", ['service IN ("nobody")', 'lightstep.trace_id IN ("b00c0002")'])
def test_no_contrast(store: RecallStore, query: str) -> None:
    found = correlations(store, "p", parse(query).plan)
    assert (found.correlations, found.reason) == ([], "no_contrast")


@given(batches())
def test_as_the_definition_says(batch: SpanBatch) -> None:
    with closing(RecallStore()) as store:
        store.write("p", batch, arrived_ns=1)
        plan = parse('service IN ("a")').plan
        inside = Inside(from_us=8)
        found = correlations(store, "p", plan, inside=inside)
        by_trace: dict[str, list[Span]] = {}
        for span in batch.spans():
            by_trace.setdefault(span.trace_id, []).append(span)
        traces = [spans for spans in by_trace.values() if any(span.service == "a" for span in spans)]
        matching = {span.span_id for span in batch.spans() if span.service == "a"}
        is_in = [any(s.span_id in matching and s.duration_us >= 8 for s in spans) for spans in traces]
        assert (found.in_traces, found.out_traces) == (sum(is_in), len(is_in) - sum(is_in))
        if found.reason:
            return
        seen = {}
        for one in found.correlations:
            for key, value in [(one.key, one.value), *((same.key, same.value) for same in one.same)]:
                if one.kind != "operation":
                    seen[key, value] = (round(one.score, 9), one.in_traces, one.out_traces)
        assert seen == naive.correlations(traces, matching, is_in)
        shares = operation_shares(traces, matching, is_in)
        operations = {
            (one.key, one.value, one.span_kind): (one.in_share, one.out_share)
            for one in found.correlations
            if one.kind == "operation"
        }
        assert operations == {
            name: pytest.approx(pair) for name, pair in shares.items() if max(pair) >= 0.005
        }


def operation_shares(
    traces: list[list[Span]], matching: set[str], is_in: list[bool]
) -> dict[tuple[str, str, str | None], tuple[float, float]]:
    spent: dict[tuple[str, str, str | None], list[float]] = {}
    whole = [0.0, 0.0]
    for spans, inside in zip(traces, is_in, strict=True):
        for root in naive.forest(spans):
            if root.span.span_id in matching:
                whole[not inside] += max(root.span.duration_us, 0)
                for one, us in naive.critical_path(root).items():
                    name = (one.span.service, one.span.operation, one.span.kind)
                    spent.setdefault(name, [0.0, 0.0])[not inside] += us
    return {name: (one[0] / (whole[0] or 1), one[1] / (whole[1] or 1)) for name, one in spent.items()}
