from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.explore.critical_path import CriticalPath
from satellite.explore.forest import Forest
from satellite.model.spans import SpanBatch
from tests import bookinfo
from tests.explore import naive
from tests.explore.traces import batches


def path_of(batch: SpanBatch) -> tuple[Forest, CriticalPath]:
    forest = Forest.of(batch, batch.column("trace_low").astype(np.int64))
    columns = (batch.column(name) for name in ("start_ns", "duration_ns", "span_id"))
    return forest, CriticalPath(forest.parent, *columns)


@pytest.mark.parametrize(
    ("trace", "spent_us"),
    [
        (2, [1000, 3000, 500, 3000, 700, 4000, 600, 10_000]),
        (5, [1000, 3000, 500, 3000, 700, 4000, 600, 800_000]),
    ],
)
def test_the_worked_example(trace: int, spent_us: list[int]) -> None:
    forest, path = path_of(bookinfo.batch(range(trace, trace + 1)))
    spent = path.spent(forest.tops().astype(np.float64))
    assert (spent / 1000).tolist() == spent_us


@given(batches(traces=2), st.data())
def test_as_the_definition_says(batch: SpanBatch, data: st.DataObject) -> None:
    weights = data.draw(st.lists(st.sampled_from([0, 0, 1, 3]), min_size=len(batch), max_size=len(batch)))
    rows = naive.forest(batch.spans())
    expected = [0.0] * len(rows)
    for row, weight in zip(rows, weights, strict=True):
        for one, spent in naive.critical_path(row).items():
            expected[rows.index(one)] += weight * spent
    _, path = path_of(batch)
    assert (path.spent(np.array(weights, np.float64)) / 1000).tolist() == expected
    assert (path.self_ns / 1000).tolist() == [naive.self_time(row) for row in rows]


@given(batches(traces=1))
def test_the_path_adds_up_to_the_root(batch: SpanBatch) -> None:
    forest, path = path_of(batch)
    for top in np.flatnonzero(forest.tops()).tolist():
        weights = np.zeros(len(batch))
        weights[top] = 1
        assert path.spent(weights).sum() == max(batch.column("duration_ns")[top], 0)


@given(batches(traces=1))
def test_segments_are_what_was_spent(batch: SpanBatch) -> None:
    forest, path = path_of(batch)
    tops = forest.tops().astype(np.float64)
    spent = path.spent(tops)
    total, begin = path.climbed(tops, path.start)
    for row in range(len(batch)):
        segments = path.segments(row, int(begin[row])) if total[row] else []
        assert sum(end - start for start, end in segments) == spent[row]
        assert segments == sorted(segments, reverse=True)
