"""The default engine: the suite, the same answers as the oracle's, and its own promises (budget, window, merging)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from satellite.errors import Overloaded
from satellite.explore.window import plan_of
from satellite.model.reporter import Reporter
from satellite.model.spans import SpanBuilder
from satellite.query.plan import ALL, Field, Plan
from satellite.store import Store
from satellite.store.recall import terms
from satellite.store.recall.assembly import PARTS_MAX, assemble
from satellite.store.recall.engine import RecallStore
from satellite.store.recall.held import HeldSpans
from satellite.store.recall.segment import Segment
from satellite.store.recall.suggested import ANSWER_CHARACTERS_MAX, ANSWERS_MAX
from tests import bookinfo
from tests.store.asking import answers, assert_balanced, find, stats, tag, unmarked, where
from tests.store.conformance import StoreConformance
from tests.store.naive import NaiveStore
from tests.store.rows import NOW_NS, SECOND_NS, numbered, one, tagged
from tests.store.strategies import TRACES, Question, Step, play, questions, steps

MIB = 2**20


class TestRecall(StoreConformance):
    """The suite on the engine as it is used."""

    @pytest.fixture
    def store(self) -> Iterator[Store]:
        """An empty engine, closed afterwards."""
        with closing(RecallStore()) as store:
            yield store


class TestRecallInSmallSegments(StoreConformance):
    """The suite again, with segments so small that they are sealed and merged all the time."""

    many_spans = 7_000

    @pytest.fixture
    def store(self) -> Iterator[Store]:
        """An empty engine, closed afterwards."""
        with closing(RecallStore(segment_spans=50)) as store:
            yield store


def test_what_no_service_and_no_operation_is_called_is_decided_without_a_look_at_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def looked(*_: object) -> None:
        raise AssertionError("rows were looked at")

    with closing(RecallStore()) as store:
        store.write("p", bookinfo.batch(), arrived_ns=NOW_NS)
        monkeypatch.setattr(terms, "bounded", looked)
        for query in (
            'service IN ("never")',
            'operation IN ("never") AND "k" IN ("v")',
            'operation NOT IN ("x") AND service IN ("y")',
        ):
            assert store.count("p", plan_of(query)) == 0
        for query in ('service NOT IN ("never")', f'service IN ("never", "{bookinfo.REVIEWS}")'):
            with pytest.raises(AssertionError, match="rows were looked at"):
                store.count("p", plan_of(query))


# The oracle

COMPARED = settings(suppress_health_check=[HealthCheck.too_slow])


@COMPARED
@given(steps, st.lists(questions, min_size=1, max_size=4), st.sampled_from((5, 50, 65_536)), st.booleans())
def test_answers_are_the_oracle_s(
    history: list[Step], asked: list[Question], segment_spans: int, settled: bool
) -> None:
    oracle = NaiveStore()
    expected_marks = play(oracle, "p", history)
    with closing(RecallStore(segment_spans=segment_spans)) as store:
        marks = play(store, "p", history)
        if settled:
            store.settle()
        for question in [Question(ALL, None, None), *asked]:
            expected = answers(oracle, "p", question.for_marks(expected_marks))
            assert answers(store, "p", question.for_marks(marks)) == expected
        ids: list[tuple[int | None, int]] = [(high, low) for low in TRACES for high in (None, 0, 7)]
        assert unmarked(store.traces("p", ids)) == unmarked(oracle.traces("p", ids))
        assert [found.ledger for found in store.projects()] == [found.ledger for found in oracle.projects()]
        assert_balanced(store)


def test_merging_changes_no_answer() -> None:
    plans = (ALL, bookinfo.Q2.plan, bookinfo.Q6.plan, tag("http.status_code", "500"))
    with closing(RecallStore(segment_spans=50)) as store:
        whole = bookinfo.batch()
        for i in range(len(whole)):
            store.write("p", whole.slice(i, i + 1), arrived_ns=NOW_NS)
        before = [answers(store, "p", plan) for plan in plans]
        marks = [span.mark for span in find(store)]
        store.settle()
        assert [answers(store, "p", plan) for plan in plans] == before
        assert [span.mark for span in find(store)] == marks


# The byte budget


def test_the_oldest_go_when_the_budget_is_full() -> None:
    with closing(RecallStore(bytes_per_project=2 * MIB, segment_spans=1_000)) as store:
        whole = numbered(50_000)
        for i in range(0, len(whole), 500):
            arrived_ns = NOW_NS + i * SECOND_NS // 500
            store.write("p", whole.slice(i, i + 500).compact(), arrived_ns=arrived_ns)
            store.settle()  # until it has let go, a merge may take more than there is room for
            now = stats(store)
            assert now.bytes <= 2 * MIB
            assert now.ledger.received == now.spans + now.ledger.evicted == i + 500
            assert_balanced(store)
        store.settle()
        now = stats(store)
        assert 0 < now.spans < 50_000
        assert now.bytes <= 2 * MIB
        kept = store.find("p", ALL, order="arrival", limit=1)
        assert kept.spans[0].duration_us == 50_000 - now.spans
        newest = store.find("p", ALL, order="-latency", limit=1)
        assert newest.spans[0].duration_us == 49_999
        assert newest.total == now.spans
        assert 0 < now.recall_window_us < 99 * 1_000_000
        assert now.recall_window_us >= (now.spans // 500 - 1) * 1_000_000
        assert now.mark == 50_000
        assert store.count("p", where(Field.SPAN_ID, "1")) == 0
        assert store.traces("p", [(None, 1)]) == [[]]
        assert store.count("p", Plan(until=1)) == 0


def test_traces_out_of_many_segments_are_a_few_parts() -> None:
    whole = numbered(140)
    segments = [Segment.of(whole.slice(i, i + 1).compact(), i + 1, NOW_NS) for i in range(len(whole))]
    found = assemble(segments, ALL, 3000, 0)
    assert 1 < len(found.parts) <= PARTS_MAX
    assert found.marks.tolist() == [*range(1, 141)]
    assert unmarked([found.batch.spans()]) == unmarked([whole.spans()])
    # Of 20 traces of seven spans those with shard 3 in them: some parts are taken as they are, some in part, some not at all.
    plan = tag("shard", "3").lasting(None, 50_000)
    held = HeldSpans("p", found, {}, 0)
    some = held.assemble("p", plan, traces_max=3000)
    with closing(RecallStore()) as store:
        store.write("p", whole, arrived_ns=NOW_NS)
        wanted = store.assemble("p", plan, traces_max=3000)
    assert some.marks.tolist() == wanted.marks.tolist()
    assert some.matched.tolist() == wanted.matched.tolist()
    assert unmarked([some.batch.spans()]) == unmarked([wanted.batch.spans()])


def test_of_what_is_suggested_long_names_are_not_kept() -> None:
    with closing(RecallStore()) as store:
        store.write("p", tagged({"short": "a" * 10, "long": "b" * ANSWER_CHARACTERS_MAX}), arrived_ns=NOW_NS)
        for key, is_kept in (("short", True), ("long", False)):
            found = store.suggest("p", "value", ALL, key=key)
            assert found
            assert (store.suggest("p", "value", ALL, key=key)[0] is found[0]) == is_kept
            found.clear()  # whoever asked may do with it what he likes
            assert store.suggest("p", "value", ALL, key=key)
        found = store.suggest("p", "key", ALL)
        for number in range(ANSWERS_MAX):
            store.suggest("p", "key", ALL, text=str(number))
        assert store.suggest("p", "key", ALL)[0] is not found[0]


def test_what_is_suggested_is_kept_until_something_changes() -> None:
    with closing(RecallStore()) as store:

        def services() -> dict[str, int]:
            found = store.suggest("p", "service", ALL)
            assert not found or store.suggest("p", "service", ALL)[0] is found[0]
            return {one.value: one.spans for one in found}

        def row(span_id: int, service: str, arrived_ns: int, **more: int) -> None:
            reporter = Reporter("lightstep", service)
            store.write("p", one(span_id=span_id, reporter=reporter, **more), arrived_ns=arrived_ns)  # type: ignore[arg-type]

        assert services() == {}
        row(1, "shop", NOW_NS)
        row(2, "bank", NOW_NS)
        assert services() == {"shop": 1, "bank": 1}
        row(3, "shop", NOW_NS)
        assert services() == {"shop": 2, "bank": 1}
        row(3, "shop", NOW_NS, duration_ns=7)
        assert services() == {"shop": 2, "bank": 1}
        store.settle()
        assert services() == {"shop": 2, "bank": 1}
        assert store.suggest("p", "service", ALL, text="ban") != store.suggest("p", "service", ALL)
        store.reset("p")
        assert services() == {}
        row(4, "bank", NOW_NS)
        assert services() == {"bank": 1}
        store.drop("p")
        assert store.suggest("p", "service", ALL) == []
        row(5, "shop", NOW_NS)
        assert services() == {"shop": 1}


def test_an_evicted_span_may_come_again() -> None:
    with closing(RecallStore(bytes_per_project=MIB, segment_spans=1_000)) as store:
        whole = numbered(30_000)
        for i in range(0, len(whole), 500):
            store.write("p", whole.slice(i, i + 500).compact(), arrived_ns=NOW_NS)
        assert store.count("p", where(Field.SPAN_ID, "1")) == 0
        written = store.write("p", whole.slice(0, 1).compact(), arrived_ns=NOW_NS)
        assert (written.stored, written.duplicates) == (1, 0)
        assert store.count("p", where(Field.SPAN_ID, "1")) == 1
        assert_balanced(store)


def test_a_batch_larger_than_the_budget_is_kept_until_the_next() -> None:
    with closing(RecallStore(bytes_per_project=1)) as store:
        store.write("p", bookinfo.batch(range(6)), arrived_ns=NOW_NS)
        assert stats(store).spans == 44
        store.write("p", bookinfo.batch(range(6, 12)), arrived_ns=NOW_NS)
        assert stats(store).spans == 44
        assert stats(store).ledger.evicted == 44
        assert store.traces("p", [(None, bookinfo.trace_low(0))]) == [[]]
        assert_balanced(store)


def test_no_segment_is_a_large_part_of_the_budget() -> None:
    """Sealing and letting go take several times a segment for a moment, which no budget counts."""
    with closing(RecallStore(bytes_per_project=16 * MIB)) as store:
        for report in range(60):
            builder = SpanBuilder()
            for i in range(50 * report, 50 * report + 50):
                builder.add(
                    reporter=Reporter("lightstep", "shop", 7),
                    operation="buy",
                    trace_low=i + 1,
                    span_id=i + 1,
                    start_ns=NOW_NS,
                    duration_ns=1,
                    tags=[(f"key{t}", f"{i}-{t}-" * 100) for t in range(10)],
                )
            store.write("p", builder.build(), arrived_ns=NOW_NS)
        store.settle()
        segments, _ = store.moment("p")
        assert len(segments) > 4
        assert max(segment.nbytes for segment in segments) < 16 * MIB // 6


def test_some_projects_have_budgets_of_their_own() -> None:
    with closing(RecallStore(MIB, {"small": MIB // 8, "large": 64 * MIB}, segment_spans=1_000)) as store:
        whole = numbered(20_000)
        for i in range(0, len(whole), 200):
            for project in ("small", "other", "large"):
                store.write(project, whole.slice(i, i + 200).compact(), arrived_ns=NOW_NS)
        store.settle()
        spans = {found.project: found.spans for found in store.projects()}
        assert 0 < spans["small"] < spans["other"] < spans["large"] == 20_000
        assert stats(store, "small").bytes <= MIB // 8
        assert stats(store, "other").bytes <= MIB
        assert_balanced(store)


def test_the_largest_project_gives_way_when_all_together_are_too_large() -> None:
    with closing(RecallStore(64 * MIB, bytes_in_total=3 * MIB, segment_spans=1_000)) as store:
        store.write("quiet", bookinfo.batch(), arrived_ns=NOW_NS)
        whole = numbered(40_000)
        for i in range(0, len(whole), 500):
            for project in ("a", "b"):
                store.write(project, whole.slice(i, i + 500).compact(), arrived_ns=NOW_NS)
            store.settle()
            assert sum(found.bytes for found in store.projects()) <= 3 * MIB
        assert stats(store, "quiet").spans == 88
        for project in ("a", "b"):
            now = stats(store, project)
            assert 0 < now.spans < 40_000
            assert now.ledger.evicted == 40_000 - now.spans
        assert_balanced(store)


# The duplicate window


@pytest.mark.parametrize("between", [0, 300])
def test_duplicates_are_found_within_the_window_only(between: int) -> None:
    with closing(RecallStore(duplicate_window_seconds=10, segment_spans=50)) as store:
        store.write("p", one(trace_low=9), arrived_ns=NOW_NS)
        for i in range(between):
            store.write("p", one(span_id=i + 2), arrived_ns=NOW_NS + i * SECOND_NS // 100)
        store.write("p", one(span_id=1_000), arrived_ns=NOW_NS + 8 * SECOND_NS)
        again = store.write("p", one(trace_low=9), arrived_ns=NOW_NS + 9 * SECOND_NS)
        assert (again.stored, again.duplicates) == (0, 1)
        for i in range(5):
            store.write("p", one(trace_low=7, span_id=i + 1), arrived_ns=NOW_NS + (60 + i * 20) * SECOND_NS)
        late = store.write("p", one(trace_low=9), arrived_ns=NOW_NS + 200 * SECOND_NS)
        assert (late.stored, late.duplicates) == (1, 0)
        assert store.count("p", where(Field.TRACE_ID, "9")) == 2
        assert_balanced(store)


def test_without_a_window_what_is_sent_again_is_kept_again() -> None:
    store = RecallStore(duplicate_window_seconds=0)
    try:
        for _ in range(2):
            assert store.write("p", bookinfo.batch(), arrived_ns=1).duplicates == 0
        assert store.projects()[0].ledger.stored == 2 * 88
    finally:
        store.close()


def test_projects_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("satellite.store.recall.engine.MOST_PROJECTS", 2)
    with closing(RecallStore()) as store:
        for project in ("a", "b", "a"):
            store.write(project, bookinfo.batch(range(1)), arrived_ns=1)
        with pytest.raises(Overloaded, match="2 projects already"):
            store.write("c", bookinfo.batch(range(1)), arrived_ns=1)
        assert [stats.project for stats in store.projects()] == ["a", "b"]
        assert store.drop("a")
        assert store.write("c", bookinfo.batch(range(1)), arrived_ns=1).stored == 6


def test_a_merge_that_fails_is_told_and_the_next_one_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, str]] = []
    merged = Segment.merged
    failing = True

    def now_and_then(parts: Sequence[Segment], *, sealed: bool) -> Segment:
        if failing:
            raise ZeroDivisionError("never seen before")
        return merged(parts, sealed=sealed)

    monkeypatch.setattr(Segment, "merged", now_and_then)
    with closing(RecallStore(failed=lambda what, error: told.append((what, str(error))))) as store:
        for number in range(20):
            store.write("shop", one(span_id=number + 1), arrived_ns=NOW_NS)
        store.settle()
        assert set(told) == {("merging", "never seen before")}
        assert len(store.moment("shop")[0]) == 20
        failing = False
        store.write("shop", one(span_id=21), arrived_ns=NOW_NS)
        store.settle()
        assert len(store.moment("shop")[0]) < 20
        assert store.count("shop", ALL) == 21
