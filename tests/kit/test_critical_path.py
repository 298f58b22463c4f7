"""The critical path as a test asks for it is the one that the satellite's answers are made of."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given

from mock_lightstep_satellite.trace import Trace, TracedSpan
from satellite.model.spans import SpanBatch
from tests import bookinfo
from tests.explore.test_critical_path import path_of
from tests.explore.traces import batches


def trace_of(batch: SpanBatch) -> Trace:
    return Trace(msgspec.convert(msgspec.to_builtins(batch.spans()), list[TracedSpan]))


@pytest.mark.parametrize("number", [2, 5])
def test_the_worked_example(number: int) -> None:
    path = trace_of(bookinfo.batch(range(number, number + 1))).critical_path()
    whole_us = {2: 22_800, 5: 812_800}[number]
    assert sum(one.duration_us for one in path) == whole_us
    assert path[0].service == "ratings.default"
    assert path[0].share == pytest.approx({2: 0.4386, 5: 0.9843}[number], abs=1e-4)
    assert [one.duration_us for one in path] == sorted((one.duration_us for one in path), reverse=True)


@given(batches(traces=1))
def test_it_is_the_satellites(batch: SpanBatch) -> None:
    forest, path = path_of(batch)
    trace = trace_of(batch)
    durations = np.where(forest.tops(), batch.column("duration_ns"), -(2**62))
    longest = durations == durations.max()
    if longest.sum() > 1 or len(set(batch.column("span_id").tolist())) < len(batch):
        return  # which of them is meant is not said
    if trace.roots and max(trace.roots, key=lambda one: one.exact_duration_us).span_id != _id(batch, longest):
        return  # a root that is not the longest top
    expected = path.spent(longest.astype(np.float64)) / 1000
    found = {one.span.span_id: one.duration_us for one in trace.critical_path()}
    for row, spent in enumerate(expected.tolist()):
        assert found.get(f"{batch.column('span_id')[row]:016x}", 0) == pytest.approx(spent)


def _id(batch: SpanBatch, chosen: np.ndarray) -> str:
    return f"{batch.column('span_id')[np.flatnonzero(chosen)[0]]:016x}"


def test_of_nothing() -> None:
    assert Trace([]).critical_path() == []
