from __future__ import annotations

import pytest

from satellite.errors import BadRequest
from satellite.explore.groups import groups
from satellite.query.plan import ALL
from satellite.store.recall.engine import RecallStore
from tests import bookinfo


def test_rate_over_the_given_window(store: RecallStore) -> None:
    begin = bookinfo.START_US * 1000
    plan = ALL.bounded(oldest_ns=begin, youngest_ns=begin + 20 * 10**9)
    rates = {row.values[0]: row.ops_per_s for row in groups(store, "p", plan, "service").groups}
    assert rates[bookinfo.PRODUCTPAGE] == pytest.approx(36 / 20)


def test_rate_over_the_recall_window(store: RecallStore) -> None:
    assert {row.ops_per_s for row in groups(store, "p", ALL, "service").groups} == {
        None
    }  # all arrived at once
    for second, k in enumerate((0, 1)):
        store.write("q", bookinfo.batch(range(k, k + 1)), arrived_ns=second * 4 * 10**9)
    rates = {row.values[0]: row.ops_per_s for row in groups(store, "q", ALL, "service").groups}
    assert rates[bookinfo.PRODUCTPAGE] == pytest.approx(6 / 4)


def test_several_keys_with_spaces(store: RecallStore) -> None:
    rows = groups(store, "p", ALL, "service , istio.canonical_revision").groups
    assert [bookinfo.RATINGS, None] in [row.values for row in rows]
    assert sum(row.count for row in rows) == bookinfo.SPANS


@pytest.mark.parametrize("by", ["", "service,", "service,service", "a,b,c,d,e"])
def test_what_is_no_list_of_keys(store: RecallStore, by: str) -> None:
    with pytest.raises(BadRequest):
        groups(store, "p", ALL, by)
