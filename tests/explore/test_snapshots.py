from __future__ import annotations

import itertools
from collections.abc import Iterator

import msgspec
import numpy as np
import pytest

from satellite.errors import BadRequest, NotFound
from satellite.explore.asked import Sources
from satellite.explore.snapshot import Kept, Run
from satellite.explore.snapshots import Snapshots
from satellite.query.plan import ALL, Plan
from satellite.store import Questions
from satellite.store.durable.state import State
from satellite.store.recall.engine import RecallStore
from tests import bookinfo
from tests.explore.traffic import spans_of_traces


def snapshots_of(store: RecallStore, **more: object) -> Snapshots:
    """Snapshots whose clock goes on by a second per look."""
    seconds = itertools.count(1_700_000_100)
    return Snapshots(store, lambda: next(seconds) * 10**9, **more)  # type: ignore[arg-type]


@pytest.fixture
def snapshots(store: RecallStore) -> Snapshots:
    return snapshots_of(store)


def run(snapshots: Snapshots, answer: bookinfo.Answer = bookinfo.Q2) -> Run:
    return snapshots.run("p", answer.text, answer.plan)


def everything(source: Questions, plan: Plan) -> bytes:
    """What a source says about a plan, as bytes."""
    asked = [
        source.histogram("p", plan),
        source.groups("p", plan, ["service", "operation"]),
        source.find("p", plan, order="-latency", limit=1000).spans,
        source.timeline("p", plan, from_ns=bookinfo.START_US * 1000, step_ns=10**9, columns=12)[()],
        source.suggest("p", "value", plan, key="http.status_code"),
    ]
    return msgspec.json.encode(asked)


def test_a_run_is_histogram_slowest_spans_and_snapshot(snapshots: Snapshots) -> None:
    found = run(snapshots)
    snapshot = found.snapshot
    assert (snapshot.spans, snapshot.traces, snapshot.errors) == (12, 12, 0)
    assert (snapshot.kept_traces, snapshot.kept_spans) == (12, 88)
    assert snapshot.canonical == bookinfo.Q2_CANONICAL
    assert snapshot.complete_us == snapshot.created_us
    assert {bucket.index: bucket.count for bucket in found.histogram.buckets} == bookinfo.Q2_BUCKETS
    assert [span.duration_us for span in found.page.spans][:2] == [905_300, 805_300]
    assert snapshot.url == f"/p/explorer?snapshot_id={snapshot.id}"
    assert snapshots.get("p", snapshot.id) == Kept(snapshot, found.histogram)


@pytest.mark.parametrize("answer", bookinfo.ANSWERS, ids=lambda answer: answer.name)
def test_a_snapshot_answers_as_the_store_did(
    store: RecallStore, snapshots: Snapshots, answer: bookinfo.Answer
) -> None:
    sources = Sources(store, snapshots)
    whole = snapshots.run("p", "", ALL).snapshot
    before = everything(store, answer.plan)
    where = sources.asked("p", answer.text, snapshot=whole.id)
    assert everything(where.source, where.plan) == before
    own = sources.asked("p", snapshot=run(snapshots, answer).snapshot.id)
    assert everything(own.source, own.plan) == before


def test_eviction_changes_nothing(store: RecallStore, snapshots: Snapshots) -> None:
    kept = run(snapshots).snapshot
    source, plan = snapshots.source("p", kept.id)
    before = everything(source, plan)
    store.reset("p")
    store.write("p", spans_of_traces(50), arrived_ns=2_000_000_000)
    assert everything(source, plan) == before
    assert len(source.traces("p", [(None, bookinfo.trace_low(2))])[0]) == 8


def test_another_project_sees_nothing_of_it(snapshots: Snapshots) -> None:
    source, plan = snapshots.source("p", run(snapshots).snapshot.id)
    assert source.count("q", plan) == source.histogram("q", plan).count == 0
    assert source.groups("q", plan, ["service"]).total == 0


def test_query_and_all_spans_of_its_traces(store: RecallStore, snapshots: Snapshots) -> None:
    sources = Sources(store, snapshots)
    identifier = run(snapshots, bookinfo.Q9).snapshot.id
    own = sources.asked("p", snapshot=identifier)
    assert own.source.count("p", own.plan) == 2
    whole = sources.asked("p", "", snapshot=identifier)
    assert whole.source.count("p", whole.plan) == 8
    narrowed = sources.asked("p", snapshot=identifier, min_latency_us=3_500)
    assert narrowed.source.count("p", narrowed.plan) == 1


def test_oldest_go_first_but_pinned_ones_stay(store: RecallStore) -> None:
    size = run(snapshots_of(store)).snapshot.bytes
    snapshots = snapshots_of(store, bytes_max=int(size * 3.5))
    first, second, third = (run(snapshots).snapshot.id for _ in range(3))
    snapshots.change("p", first, pinned=True)
    fourth = run(snapshots)
    assert fourth.removed == [second]
    assert [kept.id for kept in snapshots.of("p")] == [fourth.snapshot.id, third, first]
    with pytest.raises(NotFound, match="made room") as gone:
        snapshots.get("p", second)
    assert gone.value.details["kept"] == [fourth.snapshot.id, third, first]
    with pytest.raises(BadRequest, match="half"):
        snapshots.change("p", third, pinned=True)
    assert snapshots.change("p", first, pinned=False).pinned is False


def test_one_that_never_was(snapshots: Snapshots) -> None:
    with pytest.raises(NotFound, match="no snapshot"):
        snapshots.get("p", "nothinghere")


def test_delete_and_drop(snapshots: Snapshots) -> None:
    one, other = run(snapshots).snapshot.id, run(snapshots).snapshot.id
    snapshots.delete("p", one)
    with pytest.raises(NotFound):
        snapshots.delete("p", one)
    assert [kept.id for kept in snapshots.of("p")] == [other]
    snapshots.drop("p")
    assert snapshots.of("p") == []


def test_a_file_brings_it_to_another_satellite(store: RecallStore, snapshots: Snapshots) -> None:
    kept = run(snapshots, bookinfo.Q6).snapshot
    content = snapshots.export("p", kept.id)
    elsewhere = RecallStore()
    try:
        others = snapshots_of(elsewhere)
        imported, _ = others.import_("p", content)
        assert imported.id == kept.id
        again, _ = others.import_("p", content)
        assert again.id != kept.id
        for identifier in (imported.id, again.id):
            source, plan = others.source("p", identifier)
            assert everything(source, plan) == everything(store, bookinfo.Q6.plan)
        moved, _ = others.import_("q", content)
        assert moved.project == "q"
    finally:
        elsewhere.close()


def broken(content: bytes) -> Iterator[bytes]:
    """Files that are none."""
    document = msgspec.json.decode(content)
    yield b""
    yield b"{}"
    yield content[: len(content) // 2]
    yield msgspec.json.encode(document | {"version": 2})
    yield msgspec.json.encode(document | {"rows": "AAAA"})
    yield msgspec.json.encode(document | {"rows": document["rows"][:4000]})
    yield msgspec.json.encode(document | {"kept": {"snapshot": 1}})


def test_what_is_no_file(snapshots: Snapshots) -> None:
    content = snapshots.export("p", run(snapshots).snapshot.id)
    for other in broken(content):
        with pytest.raises(BadRequest):
            snapshots.import_("p", other)


def test_the_state_brings_them_back(store: RecallStore, state: State) -> None:
    before = snapshots_of(store, state=state)
    pinned = run(before).snapshot.id
    before.change("p", pinned, pinned=True, name="slow tail")
    run(before)
    before.close()
    after = snapshots_of(store, state=state)
    assert after.get("p", pinned).snapshot.name == "slow tail"
    assert len(after.of("p")) == 2
    source, plan = after.source("p", pinned)
    assert everything(source, plan) == everything(store, bookinfo.Q2.plan)


# More than 3,000 traces


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> Iterator[RecallStore]:
    """5,000 traces of two spans, of which a run keeps 300."""
    monkeypatch.setattr("satellite.explore.snapshots.TRACES_MAX", 300)
    store = RecallStore()
    store.write("p", spans_of_traces(5_000), arrived_ns=1_000_000_000)
    yield store
    store.close()


def test_exemplars_stand_for_all_spans(many: RecallStore) -> None:
    snapshots = snapshots_of(many)
    found = snapshots.run("p", "", ALL)
    assert found.snapshot.traces == 5_000
    assert found.snapshot.kept_traces == 300
    source, plan = snapshots.source("p", found.snapshot.id)
    exact = many.histogram("p", ALL)
    kept = source.histogram("p", plan)
    assert (kept.count, kept.percentiles) == (found.histogram.count, found.histogram.percentiles)
    weighed = source.histogram(
        "p", Plan(since=-1)
    )  # another plan with the same spans: told from the exemplars
    assert [(b.index, b.count, b.errors) for b in weighed.buckets] == [
        (b.index, b.count, b.errors) for b in exact.buckets
    ]
    assert weighed.count == exact.count
    assert weighed.percentiles["p50"] == pytest.approx(exact.percentiles["p50"], rel=0.13)
    rows = source.groups("p", plan, ["service"])
    assert sum(row.count for row in rows.groups) == pytest.approx(10_000, abs=2)
    assert sum(row.exemplars for row in rows.groups) == found.snapshot.kept_spans == 600
    assert sum(row.errors for row in rows.groups) == pytest.approx(exact.errors, abs=2)
    steps = source.timeline("p", plan, from_ns=0, step_ns=2**62, columns=1)[()]
    assert steps[0].count == pytest.approx(10_000, abs=2)


def test_a_part_of_the_exemplars_can_be_put_together_again(many: RecallStore) -> None:
    snapshots = snapshots_of(many)
    source, _ = snapshots.source("p", snapshots.run("p", "", ALL).snapshot.id)
    whole = source.assemble("p", ALL, traces_max=3000)
    errors = source.assemble("p", bookinfo.Q9.plan, traces_max=3000)
    assert whole.held == 300
    assert errors.held < whole.held
    assert errors.matched.sum() == (whole.is_error).sum()
    assert np.isin(errors.marks, whole.marks).all()
    assert errors.spans == pytest.approx(many.count("p", bookinfo.Q9.plan), abs=2)
