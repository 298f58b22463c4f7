"""Groups added up from tallies and groups of all rows together are the same, and weights count."""

from __future__ import annotations

from contextlib import closing
from typing import get_args
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from satellite.query.plan import ALL, Plan
from satellite.store import GroupOrder, Questions
from satellite.store.assembled import Assembled
from satellite.store.recall.engine import RecallStore
from satellite.store.recall.held import HeldSpans
from tests import bookinfo
from tests.store.asking import rounded
from tests.store.rows import NOW_NS, batch_of
from tests.store.strategies import Question, Step, play, questions, steps

COMPARED = settings(suppress_health_check=[HealthCheck.too_slow])


@COMPARED
@given(steps, questions, st.sampled_from(get_args(GroupOrder)), st.sampled_from((5, 65_536)))
def test_few_groups_and_many(
    history: list[Step], asked: Question, order: GroupOrder, segment_spans: int
) -> None:
    with closing(RecallStore(segment_spans=segment_spans)) as store:
        plan = asked.for_marks(play(store, "p", history))
        for by in (["service", "operation"], ["service"], ["tag"], ["tag", "operation"]):
            few = store.groups("p", plan, by, order=order, limit=3, offset=1)
            with patch("satellite.store.recall.tally.GROUPS_MAX", 0):
                assert store.groups("p", plan, by, order=order, limit=3, offset=1) == few


def test_more_groups_than_are_tallied() -> None:
    with closing(RecallStore()) as store:
        rows = [
            {"span_id": i + 1, "trace_low": i + 1, "operation": f"o{i:04}", "duration_ns": 1000 * (i % 7)}
            for i in range(2_000)
        ]
        store.write("p", batch_of(rows), arrived_ns=NOW_NS)  # type: ignore[arg-type]
        found = store.groups("p", ALL, ["operation"], order="-p50_us", limit=3, offset=2)
        assert found.total == 2_000
        assert [group.values for group in found.groups] == [["o0020"], ["o0027"], ["o0034"]]
        last = store.groups("p", ALL, ["operation"], order="values", limit=5, offset=1_998)
        assert [group.values for group in last.groups] == [["o1998"], ["o1999"]]
        assert store.groups("p", ALL, ["operation"], limit=5, offset=3_000).groups == []


# Weights


def held(weight: float) -> Questions:
    """The Bookinfo spans, each of which stands for so many."""
    batch = bookinfo.batch()
    size = len(batch)
    low = batch.column("trace_low")
    whole = Assembled(
        parts=[batch],
        marks=np.arange(1, size + 1),
        trace=np.searchsorted(np.unique(low), low),
        matched=np.ones(size, np.bool_),
        weights=np.full(size, weight),
        spans=int(size * weight),
        errors=int(2 * weight),
        traces=int(12 * weight),
    )
    return HeldSpans("p", whole, {}, 0)


@pytest.mark.parametrize("plan", [ALL, bookinfo.Q2.plan, bookinfo.Q5.plan], ids=["all", "Q2", "Q5"])
def test_equal_weights_change_counts_only(plan: Plan) -> None:
    one, three = held(1), held(3)
    plain, tripled = one.histogram("p", plan), three.histogram("p", plan)
    assert tripled.percentiles == plain.percentiles
    assert [bucket.count for bucket in tripled.buckets] == [bucket.count * 3 for bucket in plain.buckets]
    assert (tripled.count, tripled.errors, tripled.traces) == (
        plain.count * 3,
        plain.errors * 3,
        plain.traces * 3,
    )
    for by in (["service"], ["service", "operation"], ["istio.canonical_revision"]):
        pairs = zip(one.groups("p", plan, by).groups, three.groups("p", plan, by).groups, strict=True)
        for before, after in pairs:
            assert after.values == before.values
            assert (after.count, after.exemplars, after.errors) == (
                before.count * 3,
                before.count,
                before.errors * 3,
            )
            assert rounded(after.avg_latency_us) == rounded(before.avg_latency_us)
            assert (after.p50_us, after.p95_us, after.p99_us) == (before.p50_us, before.p95_us, before.p99_us)
            assert after.exemplar_span_ids == before.exemplar_span_ids
            assert after.traces == before.traces * 3
