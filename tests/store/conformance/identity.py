"""Spans that come again: repeats, versions and parts."""

from __future__ import annotations

import pytest

from satellite.model.reporter import Reporter
from satellite.model.spans import Kind, Marks, SpanBatch, Status, encode_log, encode_reference
from satellite.query.plan import ALL, Field, Plan
from satellite.store import Store, Suggestion
from tests import bookinfo
from tests.store.asking import assert_balanced, fates, find, ids, stats, tag, where
from tests.store.rows import NOW_NS, OTHER_REPORTER, REPORTER, SECOND_NS, Row, batch_of, one


class Identity:
    @pytest.mark.parametrize("between", [0, 1, 40])
    def test_the_same_again_is_left_out(self, store: Store, between: int) -> None:
        first = store.write("p", bookinfo.batch(), arrived_ns=NOW_NS)
        assert (first.stored, first.duplicates) == (88, 0)
        for i in range(between):
            store.write("p", one(span_id=i + 1), arrived_ns=NOW_NS)
        mark = store.mark("p")
        again = store.write("p", bookinfo.batch(), arrived_ns=NOW_NS + SECOND_NS)
        assert (again.stored, again.duplicates) == (0, 88)
        assert again.mark == store.mark("p") >= mark
        assert store.count("p", Plan(since=mark)) == 0
        assert store.count("p", ALL) == 88 + between
        assert stats(store).ledger.dropped == {"duplicate": 88}
        assert stats(store).ledger.received == 176 + between
        assert_balanced(store)

    @pytest.mark.parametrize("between", [0, 1, 40])
    def test_another_version_takes_the_place(self, store: Store, between: int) -> None:
        store.write("p", one(span_id=99, tags=[("v", 1)]), arrived_ns=NOW_NS)
        for i in range(between):
            store.write("p", one(span_id=i + 1), arrived_ns=NOW_NS)
        mark = store.mark("p")
        row: Row = {"span_id": 99, "tags": [("v", 2)], "duration_ns": 5_000, "operation": "sell"}
        written = store.write("p", one(**row), arrived_ns=NOW_NS)
        assert fates(written) == (0, 0, 1, 0)
        assert store.mark("p") > mark
        assert ids(store) == [*range(1, between + 1), 99]
        assert ids(store, Plan(since=mark)) == [99]
        assert store.count("p", tag("v", "1")) == 0
        assert store.count("p", tag("v", "2")) == 1
        assert store.suggest("p", "value", ALL, key="v") == [Suggestion("2", 1)]
        assert Suggestion("sell", 1) in store.suggest("p", "operation", ALL)
        assert len(store.traces("p", [(None, 1)])[0]) == between + 1
        assert store.histogram("p", tag("v", "2")).percentiles["p50"] == 5
        assert stats(store).ledger.dropped == {"replaced": 1}
        assert_balanced(store)

    def test_duplicates_within_a_batch(self, store: Store) -> None:
        rows: list[Row] = [
            {"span_id": 1},
            {"span_id": 2, "tags": [("v", 1)]},
            {"span_id": 1},
            {"span_id": 3},
            {"span_id": 2, "tags": [("v", 2)]},
            {"span_id": 2, "tags": [("v", 3)]},
        ]
        written = store.write("p", batch_of(rows), arrived_ns=NOW_NS)
        assert fates(written) == (3, 1, 2, 0)
        assert sorted(ids(store)) == [1, 2, 3]
        assert ids(store)[-1] == 2
        assert [span.tags for span in find(store, where(Field.SPAN_ID, "2"))] == [{"v": 3}]
        assert stats(store).ledger.dropped == {"duplicate": 1, "replaced": 2}
        assert_balanced(store)

    @pytest.mark.parametrize(
        "change",
        [
            {"operation": "other"},
            {"duration_ns": 1_000_001},
            {"parent_id": 3},
            {"kind": Kind.CLIENT},
            {"status": Status.ERROR},
            {"tags": [("a", 1), ("b", 3)]},
            {"tags": [("a", 1)]},
            {"tags": [("a", "1"), ("b", 2)]},
            {"logs": [encode_log(NOW_NS + 1, [("event", "x")])]},
            {"references": [encode_reference(follows=False, trace_high=0, trace_low=1, span_id=9)]},
            {"extra": {"state": "y"}},
            {"marks": Marks.BAD_UTF8},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_whatever_differs_makes_another_version(self, store: Store, change: Row) -> None:
        row: Row = {
            "tags": [("a", 1), ("b", 2)],
            "logs": [encode_log(NOW_NS, [("event", "x")])],
            "references": [encode_reference(follows=False, trace_high=0, trace_low=1, span_id=8)],
            "extra": {"state": "x"},
        }
        store.write("p", batch_of([{"span_id": 7}, row]), arrived_ns=NOW_NS)
        mark = store.mark("p")
        store.write("p", batch_of([{"span_id": 8}, row]), arrived_ns=NOW_NS)
        assert ids(store, Plan(since=mark)) == [8]
        mark = store.mark("p")
        changed = one(**(row | change))
        written = store.write("p", changed, arrived_ns=NOW_NS)
        assert fates(written) == (0, 0, 1, 0)
        (kept,) = find(store, Plan(since=mark))
        assert kept == changed.spans(first_mark=kept.mark)[0]
        assert store.count("p", ALL) == 3

    @pytest.mark.parametrize(
        "change",
        [
            {"trace_high": 4},
            {"trace_low": 2},
            {"trace_low": 0, "trace_high": 1},
            {"span_id": 8},
            {"marks": Marks.SHARED},
            {"reporter": OTHER_REPORTER},
            {"reporter": Reporter("lightstep", "shop", 0xF00E, REPORTER.attributes)},
            {"reporter": Reporter("lightstep", "shop", 0xF00D, (("host", "h2"), *REPORTER.attributes[1:]))},
            {"start_ns": NOW_NS + 1},
            {"trace_low": 1 ^ Marks.SHARED},
        ],
        ids=str,
    )
    def test_what_differs_in_its_identity_is_another_span(self, store: Store, change: Row) -> None:
        row: Row = {"span_id": 7, "tags": [("status", "503")]}
        both = batch_of([row, row | change, row | change | {"trace_high": 9, "trace_low": 0}, row])
        assert fates(store.write("p", both, arrived_ns=NOW_NS)) == (3, 1, 0, 0)
        assert fates(store.write("p", both, arrived_ns=NOW_NS)) == (0, 4, 0, 0)
        for each in (row, row | change):
            assert fates(store.write("q", one(**each), arrived_ns=NOW_NS)) == (1, 0, 0, 0)
        for project, kept in (("p", 3), ("q", 2)):
            assert len(find(store, project=project)) == kept
        assert_balanced(store)

    @pytest.mark.parametrize(
        "change",
        [
            {"reporter": Reporter("lightstep", "shop", 0xF00D, REPORTER.attributes[::-1])},
            {"reporter": Reporter("otlp", "shop", 0xF00D, REPORTER.attributes, {"schema_url": "x"})},
            {"start_ns": NOW_NS + 3_000, "marks": Marks.OFFSET_APPLIED, "extra": {"offset_us": 3}},
            {
                "start_ns": NOW_NS - 2_000,
                "marks": Marks.OFFSET_APPLIED | Marks.FUTURE,
                "extra": {"offset_us": -2},
            },
        ],
        ids=["order", "protocol", "clock", "clock back"],
    )
    def test_what_belongs_to_the_sending_is_not_the_spans(self, store: Store, change: Row) -> None:
        store.write("p", one(span_id=7), arrived_ns=NOW_NS)
        row: Row = {"span_id": 7}
        again = one(**(row | change))
        assert fates(store.write("p", again, arrived_ns=NOW_NS)) == (0, 1, 0, 0)
        assert fates(store.write("q", SpanBatch.concat([again, one(span_id=7)]), arrived_ns=NOW_NS)) == (
            1,
            1,
            0,
            0,
        )
        longer_row: Row = {"span_id": 7, "duration_ns": 5_000_000}
        longer = one(**(longer_row | change))
        assert fates(store.write("p", longer, arrived_ns=NOW_NS)) == (0, 0, 1, 0)
        assert [span.duration_us for span in find(store)] == [5_000]

    @pytest.mark.parametrize("marks", [Marks(0), Marks.OFFSET_APPLIED])
    def test_how_far_a_span_was_moved_is_no_content(self, store: Store, marks: Marks) -> None:
        moved: Row = {"extra": {"offset_us": 3, "state": "x"}}
        plain: Row = {"extra": {"state": "x"}}
        neighbour: Row = {"span_id": 8, "marks": marks}  # what one says is read without a look at others
        store.write("p", batch_of([plain, neighbour]), arrived_ns=NOW_NS)
        for rows in ([moved, neighbour], [neighbour, plain], [plain, moved]):
            assert fates(store.write("p", batch_of(rows), arrived_ns=NOW_NS)) == (0, 2, 0, 0)
        assert fates(store.write("q", batch_of([moved, plain, moved]), arrived_ns=NOW_NS)) == (1, 2, 0, 0)
        assert_balanced(store)

    def test_a_part_moves_nothing(self, store: Store) -> None:
        part: Row = {
            "marks": Marks.TIME_INVENTED,
            "tags": [("late", 1)],
            "extra": {"offset_us": 3, "state": "x"},
        }
        moved: Row = {"start_ns": NOW_NS + 9_000, "marks": Marks.OFFSET_APPLIED}
        for project, offset_us in (("p", 9), ("q", None)):
            span: Row = moved | {"extra": {"offset_us": offset_us} if offset_us else {}}
            store.write(project, one(**span), arrived_ns=NOW_NS)
            assert fates(store.write(project, one(**part), arrived_ns=NOW_NS)) == (0, 0, 0, 1)
            (kept,) = find(store, project=project)
            assert kept.extra == {"state": "x"} | ({"offset_us": offset_us} if offset_us else {})
            assert fates(store.write(project, one(**span), arrived_ns=NOW_NS)) == (0, 1, 0, 0)
            assert fates(store.write(project, batch_of([span, part]), arrived_ns=NOW_NS)) == (0, 2, 0, 0)
            assert len(find(store, project=project)) == 1
        assert_balanced(store)

    def test_progress_and_its_end_are_one_in_any_order(self, store: Store) -> None:
        begun: Row = {"span_id": 7, "duration_ns": 0, "tags": [("done", 10)]}
        further: Row = begun | {"tags": [("done", 50)]}
        ended: Row = {"span_id": 7, "tags": [("done", 100)]}
        for row in (begun, further, ended, begun, ended, further):
            store.write("p", one(**row), arrived_ns=NOW_NS)
        rows = [further, ended, begun, begun, ended]
        assert fates(store.write("q", batch_of(rows), arrived_ns=NOW_NS)) == (1, 1, 3, 0)
        for project in ("p", "q"):
            (kept,) = find(store, project=project)
            assert (kept.tags, kept.duration_us) == ({"done": 100}, 1_000)
        assert stats(store).ledger.dropped == {"duplicate": 1, "replaced": 4}
        assert_balanced(store)

    @pytest.mark.parametrize("together", [True, False])
    @pytest.mark.parametrize("order", ["span first", "part first", "part between"])
    @pytest.mark.parametrize(
        "sent_by",
        [
            REPORTER,
            Reporter("zipkin"),
            Reporter("zipkin", "shop"),
            Reporter("zipkin", "shop", 0, (("host", "h1"),)),
        ],
    )
    def test_a_part_without_a_time_adds_to_its_span(
        self, store: Store, sent_by: Reporter, order: str, together: bool
    ) -> None:
        span: Row = {"span_id": 7, "tags": [("path", "/")], "kind": Kind.CLIENT}
        part: Row = {
            "span_id": 7,
            "operation": "",
            "start_ns": NOW_NS + 77,
            "duration_ns": 0,
            "marks": Marks.TIME_INVENTED,
            "reporter": sent_by,
            "tags": [("error", "reset")],
            "logs": [encode_log(NOW_NS, [("event", "x")])],
            "status": Status.ERROR,
            "extra": {"debug": True},
        }
        rows = {
            "span first": [span, part, part, span],
            "part first": [part, span, part, span],
            "part between": [span, part, span, part],
        }[order]
        others: list[Row] = [{"span_id": 8}, part | {"span_id": 9}, {"trace_low": 5, "span_id": 7}]
        if together:
            store.write("p", batch_of([*others[:1], *rows, *others[1:]]), arrived_ns=NOW_NS)
        else:
            for row in (*others, *rows):
                store.write("p", one(**row), arrived_ns=NOW_NS)
        (found,) = find(store, Plan((*where(Field.SPAN_ID, "7").terms, *where(Field.TRACE_ID, "1").terms)))
        assert (found.operation, found.start_us, found.duration_us) == ("buy", NOW_NS // 1000, 1_000)
        assert found.tags == {"path": "/", "error": "reset"}
        assert (found.kind, found.error, len(found.logs)) == ("client", True, 1)
        assert (found.marks, found.extra) == (["merged"], {"debug": True})
        assert found.service == "shop"
        assert stats(store).ledger.dropped == {"merged": 1, "duplicate": 2}
        assert store.count("p", ALL) == 4
        longer = one(**(span | {"duration_ns": 9_000_000, "tags": [("path", "/end")]}))
        assert fates(store.write("p", longer, arrived_ns=NOW_NS)) == (0, 0, 1, 0)
        (found,) = find(store, tag("path", "/end"))
        assert (found.tags["error"], found.duration_us) == ("reset", 9_000)
        assert_balanced(store)

    def test_a_part_goes_to_the_span_of_its_own_reporter(self, store: Store) -> None:
        part: Row = {"duration_ns": 0, "marks": Marks.TIME_INVENTED, "tags": [("late", 1)]}
        spans: list[Row] = [
            {},
            {"reporter": OTHER_REPORTER},
            {"marks": Marks.SHARED},
            {"start_ns": NOW_NS + 5},
        ]
        store.write("p", batch_of(spans), arrived_ns=NOW_NS)
        for late in (
            part | {"reporter": OTHER_REPORTER},
            part | {"reporter": Reporter("zipkin", "nobody")},
            part,
        ):
            store.write("p", one(**late), arrived_ns=NOW_NS + 9)
        kept = find(store)
        assert len(kept) == 5
        assert [(span.service, span.tags) for span in kept[2:]] == [
            ("bank", {"late": 1}),
            ("nobody", {"late": 1}),
            ("shop", {"late": 1}),
        ]
        assert kept[-1].start_us == spans[3]["start_ns"] // 1000
        assert stats(store).ledger.dropped == {"merged": 2}

    def test_a_replaced_version_may_come_back(self, store: Store) -> None:
        for version in (1, 2, 1, 1, 2, 2, 2, 1):
            store.write("p", one(tags=[("v", version)]), arrived_ns=NOW_NS)
        assert [span.tags for span in find(store)] == [{"v": 1}]
        assert stats(store).ledger.dropped == {"duplicate": 3, "replaced": 4}
        assert_balanced(store)
