"""Orders, and pages that make the whole."""

from __future__ import annotations

import pytest

from satellite.errors import BadRequest
from satellite.query.plan import ALL
from satellite.store import ByValue, Order, Store
from tests import bookinfo
from tests.store.asking import ORDERS, find, ids, paged
from tests.store.rows import NOW_NS, Row, batch_of, one, tagged, write_bookinfo


class Pages:
    @pytest.mark.parametrize(
        ("order", "expected"),
        [
            ("-latency", [5, 4, 3, 2, 1, 2**63 + 9, 6]),
            ("latency", [6, 1, 2**63 + 9, 2, 3, 4, 5]),
            ("-start", [4, 2, 1, 2**63 + 9, 6, 3, 5]),
            ("start", [5, 3, 6, 1, 2**63 + 9, 2, 4]),
            ("arrival", [2**63 + 9, 6, 5, 4, 3, 2, 1]),
            ("-arrival", [1, 2, 3, 4, 5, 6, 2**63 + 9]),
        ],
    )
    def test_orders_and_their_ties(self, store: Store, order: Order, expected: list[int]) -> None:
        rows: list[Row] = [
            {"span_id": 2**63 + 9, "start_ns": 50, "duration_ns": 1},
            {"span_id": 6, "start_ns": 40, "duration_ns": -8},
            {"span_id": 5, "start_ns": 10, "duration_ns": 2**62},
            {"span_id": 4, "start_ns": 50, "duration_ns": 9},
            {"span_id": 3, "start_ns": 20, "duration_ns": 9},
            {"span_id": 2, "start_ns": 50, "duration_ns": 2},
            {"span_id": 1, "start_ns": 50, "duration_ns": 1},
        ]
        for row in rows:
            store.write("p", one(**row), arrived_ns=NOW_NS)
        assert ids(store, ALL, order) == expected
        both = [int(span.span_id, 16) for span in paged(store, "p", ALL, order, limit=2)]
        assert both == expected

    def test_order_by_value(self, store: Store) -> None:
        numbers = ["-3", "-0.5", "0.25", "7", "40", "1234567890123456"]
        texts = ["", "+5", "12345678901234567", "1e3", "7 apples", "Ä", "é", "\U0001f600"]
        not_finite = [float("inf"), float("nan")]  # by their texts
        # Of two texts the first COMPARED characters count: these three are one value, the slowest first.
        long = ["x" * 256 + end for end in ("c", "a", "b")]
        wanted: list[Row] = [
            {"tags": [] if value is None else [("k", value)], "duration_ns": 1000 - i}
            for i, value in enumerate([*numbers, *texts[:5], *not_finite, *long, *texts[5:], None, None])
        ]
        rows = [row | Row(span_id=i + 1) for i, row in enumerate(wanted)]
        for row in [*rows[1::2], *rows[::2]]:
            store.write("p", one(**row), arrived_ns=NOW_NS)
        ascending = [*range(1, len(rows) + 1)]
        assert ids(store, ALL, ByValue("k")) == ascending
        long_ids = [14, 15, 16]
        descending = [19, 18, 17, *long_ids, *range(13, 0, -1), 20, 21]
        assert ids(store, ALL, ByValue("k", descending=True)) == descending
        for order, expected in ((ByValue("k"), ascending), (ByValue("k", descending=True), descending)):
            for limit in (1, 2, 7):
                both = [int(span.span_id, 16) for span in paged(store, "p", ALL, order, limit)]
                assert both == expected

    def test_an_order_by_value_has_cursors_of_its_own(self, store: Store) -> None:
        store.write("p", tagged({"k": "a"}, {"k": "b"}), arrived_ns=NOW_NS)
        cursor = store.find("p", ALL, order=ByValue("k"), limit=1).next_cursor
        others: tuple[Order | ByValue, ...] = ("-latency", ByValue("k", descending=True), ByValue("other"))
        for order in others:
            with pytest.raises(BadRequest):
                store.find("p", ALL, order=order, limit=1, cursor=cursor)
        assert store.find("nobody", ALL, order=ByValue("k"), limit=1).spans == []

    @pytest.mark.parametrize("order", ORDERS)
    def test_the_mark_decides_what_is_left(self, store: Store, order: Order | ByValue) -> None:
        arrived = [7, 3, 9, 1, 2**63]
        for trace in arrived:
            store.write("p", one(trace_low=trace), arrived_ns=NOW_NS)
        expected = arrived[::-1] if order == "-arrival" else arrived
        assert [int(span.trace_id, 16) for span in find(store, ALL, order)] == expected
        assert [int(span.trace_id, 16) for span in paged(store, "p", ALL, order, 1)] == expected

    @pytest.mark.parametrize("order", ORDERS)
    @pytest.mark.parametrize("limit", [1, 12, 35, 36, 1000])
    def test_pages_make_the_whole(self, store: Store, order: Order | ByValue, limit: int) -> None:
        write_bookinfo(store, 5)
        plan = bookinfo.Q1.plan
        assert paged(store, "p", plan, order, limit) == find(store, plan, order)

    @pytest.mark.parametrize("order", ORDERS)
    def test_later_arrivals_are_on_no_page(self, store: Store, order: Order | ByValue) -> None:
        write_bookinfo(store, 12)
        whole = find(store, ALL, order)
        first = store.find("p", ALL, order=order, limit=30)
        extreme: list[Row] = [
            {"span_id": i + 1, "start_ns": NOW_NS + sign * 10**15, "duration_ns": sign * 10**15}
            for i, sign in enumerate((-1, 1))
        ]
        store.write("p", batch_of(extreme), arrived_ns=NOW_NS)
        second = store.find("p", ALL, order=order, limit=30, cursor=first.next_cursor)
        store.write("p", one(span_id=3), arrived_ns=NOW_NS)
        third = store.find("p", ALL, order=order, limit=30, cursor=second.next_cursor)
        assert first.spans + second.spans + third.spans == whole
        assert third.next_cursor is None
        assert [page.total for page in (first, second, third)] == [88, 88, 88]
        assert first.mark == second.mark == third.mark < store.mark("p")

    @pytest.mark.parametrize("cursor", ["nonsense", "AAAA", "{}", "☃", "1", "-1:-1"])
    def test_a_cursor_of_somebody_else(self, store: Store, cursor: str) -> None:
        store.write("p", one(), arrived_ns=NOW_NS)
        with pytest.raises(BadRequest):
            store.find("p", ALL, order="-latency", limit=10, cursor=cursor)
