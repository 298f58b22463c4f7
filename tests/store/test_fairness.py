"""Nobody is pushed out by somebody loud: services within a project, projects within the whole, errors last."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.model.reporter import Reporter
from satellite.model.spans import SpanBatch, Status
from satellite.query.plan import ALL, Field
from satellite.store import ServiceWindow
from satellite.store.recall.engine import RecallStore
from satellite.store.recall.fairness import over_share
from tests.store.asking import assert_balanced, find, stats, where
from tests.store.rows import NOW_NS, SECOND_NS, Row, batch_of
from tests.store.test_durable import opened

LOUD, QUIET = Reporter("lightstep", "loud", 1), Reporter("lightstep", "quiet", 2)

Make = Callable[..., RecallStore]


@pytest.fixture(params=["memory", "disk"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """A store with one budget, of memory or of disk."""

    def memory(budget: int, total: int = 2**60) -> RecallStore:
        return RecallStore(budget, bytes_in_total=total, segment_spans=1_000)

    def disk(budget: int, total: int = 2**60) -> RecallStore:
        return opened(tmp_path, segment_spans=1_000, disk_bytes_per_project=budget, disk_bytes_in_total=total)

    return memory if request.param == "memory" else disk


@cache
def mixed(number: int, *, size: int = 500, quiet: int = 5, errors: int = 0) -> SpanBatch:
    """Mostly loud spans, some quiet ones, some errors of the loud one; span ids go on from number * size."""
    rows: list[Row] = [
        {
            "span_id": number * size + i + 1,
            "reporter": QUIET if i < quiet else LOUD,
            "status": Status.ERROR if i >= size - errors else Status.UNSET,
            "tags": [("unique", f"{number}-{i}")],
        }
        for i in range(size)
    ]
    return batch_of(rows)


def fill(store: RecallStore, batches: int, **given: int) -> dict[str, ServiceWindow]:
    for number in range(batches):
        store.write("p", mixed(number, **given), arrived_ns=NOW_NS + number * SECOND_NS)
    store.settle()
    assert_balanced(store)
    return {window.service: window for window in stats(store).services}


def test_a_service_at_one_percent_is_seen_ten_times_as_far_back(make: Make) -> None:
    with closing(make(600_000)) as store:
        windows = fill(store, 120)
        assert windows["quiet"].recall_window_us >= 10 * windows["loud"].recall_window_us > 0
        assert windows["quiet"].spans == len(find(store, where(Field.SERVICE, "quiet"))) == 600
        found = stats(store)  # in one moment: what is put into a file meanwhile changes from one to the other
        assert found.bytes + found.disk_bytes <= 600_000


def test_a_quiet_service_keeps_its_spans_until_it_has_its_share(make: Make) -> None:
    with closing(make(1_200_000)) as store:
        windows = fill(store, 120, quiet=150)
        assert windows["quiet"].spans < 120 * 150
        assert 0.5 < windows["quiet"].spans / windows["loud"].spans < 2


def test_errors_go_last(make: Make) -> None:
    with closing(make(1_200_000)) as store:
        fill(store, 80, quiet=0, errors=5)
        (group,) = store.groups("p", ALL, ["service"]).groups
        assert group.errors == 400
        assert group.count < 20_000


def test_with_nothing_but_errors_the_oldest_go(make: Make) -> None:
    with closing(make(1_200_000)) as store:
        fill(store, 40, quiet=0, errors=500)
        held = stats(store)
        assert 0 < held.spans < 20_000
        assert held.bytes + held.disk_bytes <= 1_200_000
        assert store.count("p", where(Field.SERVICE, "loud")) == held.spans


def test_a_loud_project_does_not_push_out_a_quiet_one(make: Make) -> None:
    with closing(make(2**40, 2_000_000)) as store:
        store.write("quiet", mixed(0), arrived_ns=NOW_NS)
        for number in range(60):
            store.write("loud", mixed(number), arrived_ns=NOW_NS + number)
        store.settle()
        assert stats(store, "quiet").spans == 500
        assert stats(store, "loud").spans < 30_000
        assert_balanced(store)


def test_what_is_left_is_not_in_crumbs(make: Make) -> None:
    with closing(make(1_200_000)) as store:
        fill(store, 120)
        segments, _ = store.moment("p")
        assert len(segments) < 40


@given(st.dictionaries(st.text("abc", max_size=2), st.integers(0, 1000)), st.integers(0, 2000))
def test_shares_are_max_min_fair(totals: dict[str, int], budget: int) -> None:
    over = over_share(totals, budget)
    if sum(totals.values()) <= budget:
        return
    within = sum(size for name, size in totals.items() if name not in over)
    assert over
    share = (budget - within) / len(over)
    assert all(totals[name] > share for name in over)
    assert all(size <= share for name, size in totals.items() if name not in over)


def test_within_the_budget_only_the_largest_may_be_over_its_share() -> None:
    """As when somebody else has made room between the look and the sharing out."""
    assert over_share({"loud": 900, "quiet": 10}, 1000) == {"loud"}
    assert over_share({}, 1000) == frozenset()
