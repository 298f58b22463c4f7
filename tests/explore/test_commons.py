"""Snapshots and streams of a pool: each satellite has those of all."""

from __future__ import annotations

import itertools

import pytest

from satellite.errors import BadRequest, NotFound
from satellite.explore.snapshot import Run
from satellite.explore.snapshots import BYTES_MAX, Snapshots
from satellite.explore.streams import MINUTE_US, Streams
from satellite.query.plan import ALL
from satellite.store.recall.engine import RecallStore
from tests import bookinfo
from tests.explore.commons import MemoryCommons, check

NOW_US = bookinfo.START_US + 30_000_000


def test_it_is_in_common() -> None:
    commons = MemoryCommons()
    check(commons, commons)


# Snapshots


def pool_of(store: RecallStore, bytes_max: int = BYTES_MAX) -> tuple[Snapshots, Snapshots]:
    """Those of two satellites, whose clocks go on by a second per look."""
    seconds = itertools.count(1_700_000_100)
    commons = MemoryCommons()
    one, two = (
        Snapshots(store, lambda: next(seconds) * 10**9, commons=commons, bytes_max=bytes_max)
        for _ in range(2)
    )
    return one, two


def run(snapshots: Snapshots) -> Run:
    return snapshots.run("p", bookinfo.Q2.text, bookinfo.Q2.plan)


def test_a_snapshot_of_one_is_asked_of_the_other(store: RecallStore) -> None:
    one, other = pool_of(store)
    found = run(one)
    store.reset("p")
    kept = other.get("p", found.snapshot.id)
    assert (kept.snapshot, kept.histogram) == (found.snapshot, found.histogram)
    source, plan = other.source("p", found.snapshot.id)
    assert source.find("p", plan, order="-latency", limit=50).spans == found.page.spans
    assert other.of("p") == one.of("p") == [found.snapshot]
    assert other.export("p", found.snapshot.id) == one.export("p", found.snapshot.id)


def test_what_one_changes_and_deletes_the_other_sees(store: RecallStore) -> None:
    one, other = pool_of(store)
    kept = run(one).snapshot
    changed = other.change("p", kept.id, name="slow", pinned=True, screen={"open": [1]})
    assert one.get("p", kept.id).snapshot == changed
    one.change("p", kept.id, pinned=False)
    assert not other.of("p")[0].pinned
    one.delete("p", kept.id)
    for snapshots in (one, other):
        assert snapshots.of("p") == []
        with pytest.raises(NotFound):
            snapshots.source("p", kept.id)
    assert other._entries == {}


def test_the_oldest_of_all_go_first_but_pinned_ones_stay(store: RecallStore) -> None:
    size = run(pool_of(store)[0]).snapshot.bytes
    one, other = pool_of(store, bytes_max=int(size * 3.5))
    first, second, third = (run(snapshots).snapshot.id for snapshots in (one, one, other))
    other.change("p", first, pinned=True)
    fourth = run(other)
    assert fourth.removed == [second]
    assert [kept.id for kept in one.of("p")] == [fourth.snapshot.id, third, first]
    with pytest.raises(BadRequest, match="more than half"):
        one.change("p", third, pinned=True)
    other.drop("p")
    assert one.of("p") == []


def test_a_snapshot_that_comes_back_as_a_file_takes_no_other_s_place(store: RecallStore) -> None:
    one, other = pool_of(store)
    kept = run(one).snapshot
    content = one.export("p", kept.id)
    twin, _ = other.import_("p", content)
    assert twin.id != kept.id
    one.delete("p", kept.id)
    back, _ = other.import_("p", content)
    assert back.id == kept.id
    assert {snapshot.id for snapshot in one.of("p")} == {twin.id, kept.id}


def test_one_deleted_while_it_was_changed_elsewhere_is_gone(store: RecallStore) -> None:
    one, other = pool_of(store)
    kept = run(one).snapshot
    other.delete("p", kept.id)
    one._share(kept)  # as `change` does that had found it before
    with pytest.raises(NotFound):
        other.get("p", kept.id)
    assert other.of("p") == []


# Streams


class Pool:
    """Streams of two satellites, and their clock."""

    def __init__(self, store: RecallStore) -> None:
        self.us = NOW_US
        commons = MemoryCommons(lambda: self.us / 1e6)
        self.one, self.other = (Streams(store, lambda: self.us * 1000, commons=commons) for _ in range(2))


def test_a_stream_of_one_is_asked_of_the_other(store: RecallStore) -> None:
    pool = Pool(store)
    stream = pool.one.create("p", bookinfo.Q2.text, backfill=True)
    assert pool.other.of("p") == [stream]
    assert pool.other.create("p", bookinfo.Q2.text) == stream
    assert pool.other.series("p", stream.id) == pool.one.series("p", stream.id)
    assert pool.other.series("p", stream.id).count == bookinfo.Q2.spans
    pool.other.delete("p", stream.id)
    assert pool.one.of("p") == []
    with pytest.raises(NotFound):
        pool.one.series("p", stream.id)


def test_one_gathers_a_minute_and_all_have_it(store: RecallStore, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Pool(store)
    stream = pool.one.create("p", "", backfill=True)
    store.write("p", bookinfo.batch(range(1)).with_tags({"again": 1}), arrived_ns=10**18)
    asked: list[str] = []
    gather = Streams._gather

    def noted(streams: Streams, gathering: object) -> None:
        asked.append("one" if streams is pool.one else "other")
        gather(streams, gathering)  # type: ignore[arg-type]

    monkeypatch.setattr(Streams, "_gather", noted)
    for streams in (pool.one, pool.other):
        streams.gather()
    assert asked == []  # it was saved less than a minute ago
    pool.us += MINUTE_US
    for streams in (pool.other, pool.one):
        streams.gather()
    assert asked == ["other"]
    held = store.count("p", ALL)
    store.reset("p")  # its spans are gone: what the other gathered is there all the same
    assert pool.one.series("p", stream.id).count == held
    pool.one.close()
