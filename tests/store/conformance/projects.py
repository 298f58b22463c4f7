"""Ledger, recall window, reset and drop."""

from __future__ import annotations

from satellite.query.plan import ALL, Plan
from satellite.store import Store
from tests import bookinfo
from tests.store.asking import answers, assert_balanced, find, stats
from tests.store.rows import NOW_NS, SECOND_NS, Row, batch_of, one, tagged, write_bookinfo


class Projects:
    def test_ledger(self, store: Store) -> None:
        store.write("p", bookinfo.batch(), arrived_ns=NOW_NS, dropped={"no_context": 2, "no_id": 1})
        store.write("p", batch_of([]), arrived_ns=NOW_NS, dropped={"no_id": 4})
        ledger = stats(store).ledger
        assert (ledger.received, ledger.stored, ledger.evicted) == (95, 88, 0)
        assert {reason: count for reason, count in ledger.dropped.items() if count} == {
            "no_context": 2,
            "no_id": 5,
        }
        assert_balanced(store)

    def test_projects(self, store: Store) -> None:
        assert store.projects() == []
        for i, project in enumerate(["zoo", "ärger", "Bär", "alpha"]):
            rows: list[Row] = [{"span_id": n + 1, "operation": project} for n in range(i + 1)]
            store.write(project, batch_of(rows), arrived_ns=NOW_NS)
        found = store.projects()
        assert [(each.project, each.spans) for each in found] == [
            ("Bär", 3),
            ("alpha", 4),
            ("zoo", 1),
            ("ärger", 2),
        ]
        assert all(each.bytes > 0 for each in found)
        assert {name.value for name in store.suggest("Bär", "operation", ALL)} == {"Bär"}
        assert [span.operation for span in find(store, project="zoo")] == ["zoo"]
        assert len(store.traces("alpha", [(None, 1)])[0]) == 4
        assert_balanced(store)

    def test_projects_do_not_see_each_other(self, store: Store) -> None:
        store.write("p", bookinfo.batch(range(6)), arrived_ns=NOW_NS)
        before = answers(store, "p", ALL)
        mark = store.mark("p")
        store.write("q", bookinfo.batch(), arrived_ns=NOW_NS)
        store.write("q", tagged({"tag": "x"}), arrived_ns=NOW_NS)
        assert answers(store, "p", ALL) == before
        assert store.mark("p") == mark
        store.reset("q")
        store.drop("q")
        assert answers(store, "p", ALL) == before

    def test_recall_window(self, store: Store) -> None:
        store.write("p", one(span_id=1), arrived_ns=NOW_NS)
        assert (stats(store).recall_window_us, stats(store).oldest_arrived_us) == (0, NOW_NS // 1000)
        store.write("p", one(span_id=2), arrived_ns=NOW_NS + 3 * SECOND_NS + 7_000)
        assert (stats(store).recall_window_us, stats(store).oldest_arrived_us) == (3_000_007, NOW_NS // 1000)
        store.reset("p")
        assert (stats(store).recall_window_us, stats(store).oldest_arrived_us) == (0, None)

    def test_a_clock_moved_back_shows_no_negative_window(self, store: Store) -> None:
        store.write("p", one(span_id=1), arrived_ns=NOW_NS)
        store.write("p", one(span_id=2), arrived_ns=NOW_NS - 365 * 86_400 * SECOND_NS)
        shown = stats(store)
        assert (shown.recall_window_us, store.recall_window_us("p")) == (0, 0)
        assert {service.recall_window_us for service in shown.services} <= {0}
        assert shown.spans == 2
        assert store.mark("p") == shown.mark >= 2  # a satellite of a pool leaves some out

    def test_reset(self, store: Store) -> None:
        write_bookinfo(store, 5)
        store.write("p", bookinfo.batch(range(1)), arrived_ns=NOW_NS, dropped={"no_id": 1})
        mark = store.mark("p")
        assert store.reset("p") == 88
        assert store.reset("p") == 0
        assert store.count("p", ALL) == 0
        assert store.mark("p") == mark
        assert store.traces("p", [(None, bookinfo.trace_low(0))]) == [[]]
        ledger = stats(store).ledger
        assert (ledger.received, ledger.stored, ledger.evicted) == (95, 0, 88)
        assert ledger.dropped == {"duplicate": 6, "no_id": 1}
        written = store.write("p", bookinfo.batch(), arrived_ns=NOW_NS)
        assert (written.stored, written.duplicates) == (88, 0)
        assert store.count("p", Plan(since=mark)) == 88
        assert store.mark("p") > mark
        assert_balanced(store)

    def test_drop(self, store: Store) -> None:
        write_bookinfo(store)
        assert store.drop("p") is True
        assert store.drop("p") is False
        assert store.projects() == []
        assert store.count("p", ALL) == 0
        assert store.mark("p") == 0
        assert store.write("p", bookinfo.batch(), arrived_ns=NOW_NS).stored == 88
        assert stats(store).ledger.received == 88
