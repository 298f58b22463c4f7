from __future__ import annotations

import pytest

from satellite.errors import BadRequest
from satellite.explore.compare import Connection, compare
from satellite.explore.snapshots import Snapshots
from satellite.query import parse
from satellite.query.plan import ALL
from satellite.store import Questions
from satellite.store.recall.engine import RecallStore
from tests import bookinfo


def kept(store: RecallStore, snapshots: Snapshots, *revisions: str) -> tuple[str, Questions]:
    """A snapshot of the traces in which these revisions of reviews answered."""
    query = '"istio.canonical_revision" IN (' + ", ".join(f'"{revision}"' for revision in revisions) + ")"
    identifier = snapshots.run("p", query, parse(query).plan).snapshot.id
    return identifier, snapshots.source("p", identifier)[0]


@pytest.fixture
def snapshots(store: RecallStore) -> Snapshots:
    return Snapshots(store, lambda: 1)


def test_what_came_with_the_new_version(store: RecallStore, snapshots: Snapshots) -> None:
    before, after = kept(store, snapshots, "v1"), kept(store, snapshots, "v2", "v3")
    found = compare("p", before, after, by="istio.canonical_revision")
    assert (found.added_services, found.deleted_services) == ([bookinfo.RATINGS], [])
    assert found.added_connections == [Connection(bookinfo.REVIEWS, bookinfo.RATINGS)]
    assert found.deleted_connections == []
    reviews = {change.service: change for change in found.services}[bookinfo.REVIEWS]
    assert reviews.added_operations == [bookinfo.RATINGS_CALL]
    assert reviews.deleted_operations == []
    assert (reviews.count.before, reviews.count.after) == (4, 16)
    assert (reviews.error_ratio.before, reviews.error_ratio.after) == (0, 1 / 16)
    assert reviews.error_ratio.pct is None
    [operation] = reviews.operations
    assert operation.operation == bookinfo.REVIEWS_CALL
    assert operation.avg_latency_us.before == 4_000
    assert (operation.p99_us.before, operation.p99_us.after) == (4_000, 904_600)
    assert operation.avg_latency_us.diff == operation.avg_latency_us.after - 4_000 > 0
    assert found.group_by is not None
    assert (found.group_by.new, found.group_by.missing) == ([["v2"], ["v3"]], [["v1"]])
    assert [change.values for change in found.group_by.diffs] == [[None]]


def test_the_other_way_round(store: RecallStore, snapshots: Snapshots) -> None:
    found = compare("p", kept(store, snapshots, "v3"), kept(store, snapshots, "v1"))
    assert found.deleted_services == [bookinfo.RATINGS]
    assert found.deleted_connections == [Connection(bookinfo.REVIEWS, bookinfo.RATINGS)]
    assert found.group_by is None


def test_with_itself_nothing_changed(store: RecallStore, snapshots: Snapshots) -> None:
    same = kept(store, snapshots, "v3")
    found = compare("p", same, same)
    assert (found.added_services, found.deleted_services, found.added_connections) == ([], [], [])
    assert {change.avg_latency_us.diff for change in found.services} == {0}
    with pytest.raises(BadRequest):
        compare("p", same, same, by="a,a")


def test_with_an_empty_one(store: RecallStore, snapshots: Snapshots) -> None:
    found = compare("p", kept(store, snapshots, "v9"), kept(store, snapshots, "v1"))
    assert len(found.added_services) == 4
    assert found.services == []
    assert snapshots.run("p", "", ALL).snapshot.spans == bookinfo.SPANS
