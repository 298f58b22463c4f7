"""The pieces of the recall engine that are worth a look of their own."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.model.reporter import Reporter
from satellite.model.spans import SpanBuilder
from satellite.store.latency import EDGES_US, bounds_us, bucket_of, nearest_rank, rank
from satellite.store.recall.engine import RecallStore
from satellite.store.recall.recent import RecentIds, Remembered
from satellite.store.recall.row import merge_step

SECOND = 1_000_000_000


@given(st.integers(0, 10**15))
def test_a_duration_lies_within_its_bucket(duration_us: int) -> None:
    [index] = bucket_of(np.array([duration_us * 1000])).tolist()
    start, stop = bounds_us(index)
    assert start * (1 - 1e-12) <= max(duration_us, 1) < stop * (1 + 1e-12)


def test_edges_are_where_the_reference_says() -> None:
    assert [EDGES_US[i] for i in (0, 20, 73, 83, 119, 120)] == [1, 10, 4467, 14126, 891251, 1_000_000]
    assert bucket_of(np.array([999_999_000, 1_000_000_000, -5_000])).tolist() == [119, 120, 0]


@given(st.integers(1, 2000), st.sampled_from([50.0, 95.0, 99.0, 99.9, 100.0]))
def test_nearest_rank(count: int, percent: float) -> None:
    place = rank(percent, count)
    below = sum(1 for i in range(count) if (i + 1) * 1000 < round(percent * 10) * count)
    assert place == below
    assert nearest_rank(np.arange(count), percent) == place


@given(st.lists(st.integers(1, 40), max_size=60))
def test_merging_keeps_everything_and_leaves_few(arrivals: list[int]) -> None:
    loose: list[int] = []
    sealed: list[int] = []
    moved = 0
    for size in arrivals:
        loose.append(size)
        while (step := merge_step(loose, 100)) is not None:
            start, stop, seals = step
            merged = sum(loose[start:stop])
            assert 0 < merged <= 100
            moved += merged
            if seals:
                assert start == 0
                sealed.append(merged)
                del loose[:stop]
            else:
                loose[start:stop] = [merged]
    assert sum(loose) + sum(sealed) == sum(arrivals)
    assert len(loose) < 30
    assert moved <= 4 * sum(arrivals)


def keys(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.uint64)


def marks(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


def test_recent_ids_know_what_came_and_forget_in_time() -> None:
    recent = RecentIds(10 * SECOND, most=1000)
    for second in range(1, 30):
        assert not recent.marks(keys(second), second * SECOND).any()
        recent.add(keys(second, second + 1000), marks(2 * second, 2 * second + 1), second * SECOND)
        found = recent.marks(keys(second + 1000, second, 5000), second * SECOND)
        assert found.tolist() == [2 * second + 1, 2 * second, 0]
        assert recent.marks(keys(max(second - 9, 1)), second * SECOND).all()
    recent.clear()
    assert not recent.marks(keys(29), 0).any()


def test_of_a_key_added_again_the_later_mark_counts() -> None:
    recent = RecentIds(10 * SECOND, most=1000)
    for mark in range(1, 50):
        recent.add(keys(7, 100 + mark), marks(mark, mark), 0)
        assert recent.marks(keys(7), 0).tolist() == [mark]


def test_recent_ids_are_bounded() -> None:
    recent = RecentIds(10**6 * SECOND, most=400)
    for number in range(1, 2000):
        recent.add(keys(number), marks(number), 0)
    held = sum(len(run.keys) for run in recent._runs)
    assert 200 <= held <= 500
    assert recent.marks(keys(1999, 1900), 0).tolist() == [1999, 1900]


def test_all_together_are_bounded_and_who_rests_longest_forgets_first() -> None:
    together = Remembered(16 * 1000)
    many = [RecentIds(10 * SECOND, 1000, together) for _ in range(50)]
    for number, recent in enumerate(many):
        recent.add(keys(*range(100)), marks(*range(1, 101)), number)
        assert together.bytes == 16 * sum(map(len, many)) <= 16 * 1000
    assert [len(recent) for recent in many] == [0] * 40 + [100] * 10
    many[40].add(keys(500), marks(101), SECOND)
    assert len(many[40]) == 101
    assert not many[41]
    many[0].add(keys(7), marks(101), 12 * SECOND)  # nobody asks the others, and what they knew is too old
    assert (together.bytes, [len(recent) for recent in many]) == (16, [1] + [0] * 49)
    many[0].clear()
    assert together.bytes == 0


def test_a_store_counts_what_it_remembers_of_all_projects() -> None:
    with closing(RecallStore(bytes_per_project=2**30, bytes_in_total=2**24)) as store:
        remembered = store._account.remembered
        for number in range(30):
            builder = SpanBuilder()
            for span_id in range(1, 5001):
                builder.add(
                    reporter=Reporter("test", "a"),
                    operation="",
                    trace_low=1,
                    span_id=span_id,
                    start_ns=1,
                    duration_ns=1,
                )
            store.write(f"p{number}", builder.build(), arrived_ns=number)
            assert remembered.bytes <= 2**20
        assert remembered.bytes > 2**19
        store.drop("p29")
        assert remembered.bytes <= 2**20 - 80_000


@pytest.mark.parametrize("window_seconds", [0, 1])
def test_what_is_older_than_the_window_goes(window_seconds: int) -> None:
    recent = RecentIds(window_seconds * SECOND, most=1000)
    recent.add(keys(*range(100)), marks(*range(1, 101)), 0)
    assert recent.marks(keys(5), window_seconds * SECOND).all()
    assert not recent.marks(keys(5), 3 * SECOND).any()
    recent.add(keys(200), marks(101), 3 * SECOND)
    assert not recent.marks(keys(5), 0).any()
