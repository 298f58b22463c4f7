"""Traces, whole ones and many at once."""

from __future__ import annotations

import msgspec
import pytest

from satellite.model.spans import Marks
from satellite.query.plan import ALL, Field
from satellite.store import Store
from tests import bookinfo
from tests.store.asking import ids, stats, tag, where
from tests.store.rows import NOW_NS, Row, batch_of, one, write_bookinfo


class Traces:
    # Traces

    def test_batches_hold_the_matches_whole(self, store: Store) -> None:
        write_bookinfo(store, 5)
        for plan in (ALL, tag("http.status_code", "500"), tag("no", "such")):
            batches = store.batches("p", plan)
            write_bookinfo(store, 1)  # of one moment, however often one goes through them
            assert [len(batch) for batch in batches] == [len(batches[i]) for i in range(len(batches))]
            found = [span for batch in batches for span in batch.spans()]
            page = store.find("p", plan, order="arrival", limit=1000).spans
            assert [msgspec.structs.replace(span, mark=0) for span in found] == [
                msgspec.structs.replace(span, mark=0) for span in page
            ]
        assert list(store.batches("unheard of", ALL)) == []

    def test_meta_events_count_only_where_they_are_asked_for(self, store: Store) -> None:
        rows: list[Row] = [
            {"span_id": 1},
            {"span_id": 2, "marks": Marks.META_EVENT, "tags": [("lightstep.meta_event", True)]},
        ]
        store.write("p", batch_of(rows), arrived_ns=NOW_NS)
        assert ids(store) == [1]
        assert ids(store, tag("lightstep.meta_event", "true")) == [2]
        assert store.funnel("p", tag("lightstep.meta_event", "true")) == [2, 1]
        assert store.histogram("p", ALL).count == 1
        assert len(store.traces("p", [(None, 1)])[0]) == 2
        assert stats(store).ledger.stored == 2

    def test_traces(self, store: Store) -> None:
        rows: list[Row] = [
            {"trace_low": 1, "span_id": 4, "start_ns": 20},
            {"trace_low": 2**63, "span_id": 1, "start_ns": 0, "trace_high": 7},
            {"trace_low": 1, "span_id": 3, "start_ns": 20},
            {"trace_low": 1, "span_id": 2**63, "start_ns": 10, "trace_high": 7},
            {"trace_low": 1, "span_id": 1, "start_ns": 30, "trace_high": 8},
        ]
        for row in rows:
            store.write("p", one(**row), arrived_ns=NOW_NS)
        asked: list[tuple[int | None, int]] = [
            (None, 1),
            (7, 1),
            (0, 1),
            (9, 1),
            (None, 2**63),
            (None, 2),
            (None, 1),
        ]
        found = [[int(span.span_id, 16) for span in trace] for trace in store.traces("p", asked)]
        assert found == [[2**63, 3, 4, 1], [2**63], [3, 4], [], [1], [], [2**63, 3, 4, 1]]
        assert store.traces("p", []) == []

    # Assembled traces

    def test_assembled_traces_are_whole(self, store: Store) -> None:
        store.write("p", bookinfo.batch(), arrived_ns=NOW_NS)
        found = store.assemble("p", bookinfo.Q3.plan, traces_max=3000)
        assert (found.spans, found.errors, found.traces, found.held) == (2, 2, 1, 1)
        assert len(found.batch) == 8
        assert found.matched.tolist() == [False] * 6 + [True] * 2
        assert found.weights.tolist() == [1.0] * 8
        bare = store.assemble("p", bookinfo.Q3.plan, traces_max=3000, bare=True)
        assert len(bare.batch.tags) == 0
        assert (bare.marks.tolist(), bare.weights.tolist()) == (found.marks.tolist(), found.weights.tolist())
        spans = [msgspec.structs.replace(span, tags={}, logs=[]) for span in found.batch.spans()]
        assert bare.batch.spans() == spans
        nothing = store.assemble("p", tag("no", "such"), traces_max=3000)
        assert (nothing.spans, nothing.traces, nothing.held, len(nothing.batch)) == (0, 0, 0, 0)
        assert store.assemble("nobody", ALL, traces_max=3000).spans == 0

    def test_of_too_many_traces_errors_and_every_latency_stay(self, store: Store) -> None:
        store.write("p", bookinfo.batch(), arrived_ns=NOW_NS)
        found = store.assemble("p", bookinfo.Q2.plan, traces_max=6)
        assert (found.spans, found.traces, found.held) == (12, 12, 6)
        latencies = found.batch.column("duration_ns")[found.matched] // 1000
        assert {905_300, 805_300, 15_300, 8_300} <= set(latencies.tolist())
        assert found.weights[found.matched].sum() == pytest.approx(12)
        again = store.assemble("p", bookinfo.Q2.plan, traces_max=6)
        assert found.marks.tolist() == again.marks.tolist()
        errors = store.assemble("p", ALL, traces_max=1)
        assert errors.batch.column("trace_low")[0] == bookinfo.trace_low(8)

    def test_both_widths_of_a_trace_id_are_one_trace(self, store: Store) -> None:
        rows: list[Row] = [{"trace_high": high, "span_id": i + 1} for i, high in enumerate((7, 0, 9))]
        store.write("p", batch_of(rows), arrived_ns=NOW_NS)
        assert store.assemble("p", ALL, traces_max=3000).trace.tolist() == [0, 0, 1]
        batch, marks = store.trace_batch("p", [(7, 1), (0, 1)])
        assert batch.column("span_id").tolist() == [1, 2]
        assert len(marks) == 2

    def test_traces_are_told_apart_by_their_whole_ids(self, store: Store) -> None:
        """A span without an upper half belongs to the trace with its lower half."""

        def write(project: str, *highs: int, at_once: bool = True) -> None:
            rows: list[Row] = [{"trace_high": high, "span_id": i + 1} for i, high in enumerate(highs)]
            for part in [rows] if at_once else [[row] for row in rows]:
                store.write(project, batch_of(part), arrived_ns=NOW_NS)

        for at_once in (True, False):
            for highs, traces in {
                (0, 0): 1,
                (7, 0): 1,
                (0, 2**64 - 1): 1,
                (7, 7): 1,
                (7, 9): 2,
                (9, 0, 7): 2,
                (7, 9, 0, 2**64 - 1, 9): 3,
            }.items():
                project = f"{highs} {at_once}"
                write(project, *highs, at_once=at_once)
                assert store.histogram(project, ALL).traces == traces
                assert [group.traces for group in store.groups(project, ALL, ["service"]).groups] == [traces]
                found = store.assemble(project, ALL, traces_max=3000)
                assert (found.traces, found.held) == (traces, traces)
                assert len(found.batch) == len(highs)
                again = store.over(project, found)
                assert again.histogram(project, ALL).traces == traces

    def test_groups_have_traces_of_their_own(self, store: Store) -> None:
        for i, (operation, high) in enumerate((("a", 7), ("a", 9), ("b", 9), ("b", 0), ("c", 0))):
            row: Row = {"operation": operation, "trace_high": high, "span_id": i + 1}
            store.write("p", batch_of([row]), arrived_ns=NOW_NS)
        found = store.groups("p", ALL, ["operation"], order="values").groups
        assert [group.traces for group in found] == [2, 1, 1]
        assert store.histogram("p", ALL).traces == 2

    def test_a_trace_with_the_same_lower_half_is_not_assembled(self, store: Store) -> None:
        for i, (operation, high) in enumerate((("a", 7), ("b", 9), ("b", 7), ("a", 11))):
            row: Row = {"operation": operation, "trace_high": high, "span_id": i + 1}
            store.write("p", batch_of([row]), arrived_ns=NOW_NS)
        found = store.assemble("p", where(Field.OPERATION, "a"), traces_max=3000)
        assert found.batch.column("span_id").tolist() == [1, 3, 4]
        assert (found.trace.tolist(), found.traces) == ([0, 0, 1], 2)
        fewer = store.assemble("p", where(Field.OPERATION, "a"), traces_max=1)
        assert fewer.batch.column("span_id").tolist() == [1, 3]
        assert (fewer.traces, fewer.held, fewer.weights.tolist()) == (2, 1, [2.0, 2.0])
