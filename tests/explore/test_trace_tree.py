from __future__ import annotations

import html.parser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.errors import BadRequest, NotFound
from satellite.explore.span_detail import span_detail
from satellite.explore.trace_page import trace_page
from satellite.explore.trace_tree import TraceTree, Tree, TreeRow, trace_tree
from satellite.explore.whole_trace import trace_ids, whole_trace
from satellite.model.reporter import Reporter
from satellite.model.span import TagValue
from satellite.model.spans import Kind, Marks, SpanBatch, SpanBuilder, encode_reference
from satellite.query.plan import ALL
from satellite.store.recall.engine import RecallStore
from tests import bookinfo


def batch_of(*rows: dict[str, Any]) -> SpanBatch:
    """Spans of trace 1 by service a, one µs long, unless they say otherwise; times in µs."""
    builder = SpanBuilder()
    for row in rows:
        builder.add(
            reporter=Reporter("otlp", row.get("service", "a")),
            operation=row.get("operation", "op"),
            trace_low=row.get("trace", 1),
            span_id=row["id"],
            parent_id=row.get("parent", 0),
            start_ns=row.get("start", 0) * 1000,
            duration_ns=row.get("duration", 1) * 1000,
            kind=row.get("kind", Kind.UNSPECIFIED),
            marks=row.get("marks", Marks(0)),
            tags=row.get("tags", {}).items(),
            references=row.get("references", ()),
        )
    return builder.build()


@contextmanager
def holding(batch: SpanBatch) -> Iterator[RecallStore]:
    store = RecallStore()
    store.write("p", batch, arrived_ns=1)
    yield store
    store.close()


def tree_of(batch: SpanBatch, *, join: bool = True, **page: Any) -> TraceTree:
    with holding(batch) as store:
        return trace_tree(whole_trace(store, "p", "1", join=join), **page)


def shape(tree: TraceTree) -> str:
    """One line: ids with their depth; a missing span has a question mark."""
    return " ".join(f"{row.depth}:{int(row.span_id, 16)}{'?' if row.missing else ''}" for row in tree.rows)


def by_id(tree: TraceTree) -> dict[int, TreeRow]:
    return {int(row.span_id, 16): row for row in tree.rows}


# The tree


def test_the_worked_example(store: RecallStore) -> None:
    tree = trace_tree(whole_trace(store, "p", "00000000b00c0002"))
    assert [row.path_us for row in tree.rows] == [1000, 3000, 500, 3000, 700, 4000, 600, 10_000]
    shares = [round(100 * row.path_share, 2) for row in tree.rows]
    assert shares == [4.39, 13.16, 2.19, 13.16, 3.07, 17.54, 2.63, 43.86]
    assert [(one.service, one.path_us) for one in tree.services] == [
        (bookinfo.RATINGS, 10_000),
        (bookinfo.REVIEWS, 4_600),
        (bookinfo.PRODUCTPAGE, 4_200),
        (bookinfo.DETAILS, 3_000),
        (bookinfo.GATEWAY, 1_000),
    ]
    assert (tree.spans, tree.duration_us, tree.depth, tree.missing, tree.skewed) == (8, 22_800, 6, 0, 0)
    assert [row.depth for row in tree.rows] == [0, 1, 2, 3, 2, 3, 4, 5]
    assert [row.component for row in tree.rows] == ["proxy"] * 8


def test_the_slow_trace(store: RecallStore) -> None:
    tree = trace_tree(whole_trace(store, "p", "b00c0005"))
    assert (tree.rows[-1].path_us, round(100 * tree.rows[-1].path_share, 2)) == (800_000, 98.43)


def test_roots_orphans_and_missing_parents() -> None:
    tree = tree_of(
        batch_of(
            {"id": 1, "start": 5},
            {"id": 2, "parent": 9, "start": 1},
            {"id": 3, "parent": 9, "start": 2},
            {"id": 4, "parent": 1, "start": 7},
            {"id": 5, "parent": 1, "start": 6},
        )
    )
    assert shape(tree) == "0:9? 1:2 1:3 0:1 1:5 1:4"
    assert (tree.missing, tree.total, tree.spans, tree.root) == (1, 6, 5, 3)
    missing = tree.rows[0]
    assert (missing.service, missing.children, missing.below, missing.start_us) == (None, 2, 2, 1)
    assert "named as parents" in tree.notes[0]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([{"id": 1, "parent": 1}, {"id": 2, "parent": 1}], "0:1 1:2"),
        (
            [
                {"id": 1, "parent": 3, "start": 1},
                {"id": 2, "parent": 1, "start": 2},
                {"id": 3, "parent": 2, "start": 3},
            ],
            "0:3 1:1 2:2",
        ),
        (
            [
                {
                    "id": 1,
                    "parent": 2,
                    "start": 1,
                    "references": [encode_reference(follows=True, trace_high=0, trace_low=0, span_id=2)],
                },
                {"id": 2, "parent": 1, "start": 2},
            ],
            "0:1 1:2",
        ),
        (
            [
                {"id": 1},
                {
                    "id": 2,
                    "parent": 2,
                    "references": [
                        encode_reference(follows=False, trace_high=0, trace_low=0, span_id=2),
                        encode_reference(follows=False, trace_high=0, trace_low=0, span_id=1),
                    ],
                },
            ],
            "0:1 1:2",
        ),
        (
            [
                {"id": 2, "parent": 1, "start": 1},
                {"id": 2, "parent": 2, "start": 2, "marks": Marks.SHARED},
                {"id": 1},
                {"id": 3, "parent": 2, "start": 3},
            ],
            "0:1 1:2 2:2 3:3",
        ),
        ([{"id": 2, "parent": 2, "marks": Marks.SHARED}, {"id": 3, "parent": 2}], "0:2? 1:2 2:3"),
        (
            [
                {"id": 1, "start": 1, "service": "b"},
                {"id": 1, "start": 2},
                {"id": 2, "parent": 1, "start": 3},
            ],
            "0:1 0:1 1:2",
        ),
    ],
    ids=["itself", "cycle", "follows", "second reference", "shared", "server half alone", "retries"],
)
def test_odd_links(rows: list[dict[str, Any]], expected: str) -> None:
    assert shape(tree_of(batch_of(*rows))) == expected


# What a row says


def call(**server: Any) -> SpanBatch:
    return batch_of(
        {"id": 1, "service": "a", "operation": "b/*", "kind": Kind.CLIENT, "start": 100, "duration": 50},
        {
            "id": 2,
            "parent": 1,
            "service": "b",
            "operation": "b/*",
            "kind": Kind.SERVER,
            "start": 110,
            "duration": 30,
        }
        | server,
        {
            "id": 3,
            "parent": 2,
            "service": "b",
            "operation": "x",
            "start": server.get("start", 110),
            "duration": 10,
        },
    )


def test_a_call_through_two_sidecars_is_a_pair() -> None:
    rows = by_id(tree_of(call()))
    client, server = rows[1].pair, rows[2].pair
    assert client is not None
    assert server is not None
    assert (client.role, client.row, client.between_us) == ("client", 1, 20)
    assert (server.role, server.span_id, server.between_us) == ("server", "0000000000000001", 20)
    assert rows[3].pair is None


@pytest.mark.parametrize("other", [{"operation": "c/*"}, {"service": "a"}, {"kind": Kind.INTERNAL}])
def test_what_is_no_pair(other: dict[str, Any]) -> None:
    assert by_id(tree_of(call(**other)))[1].pair is None


@pytest.mark.parametrize(
    ("start", "duration", "skew", "shift"),
    [(110, 30, 0, 0), (90, 30, 10, 20), (140, 30, 0, -30), (95, 60, 5, 5), (110, 60, 0, 0)],
)
def test_skew_is_an_amount_to_shift(start: int, duration: int, skew: int, shift: int) -> None:
    tree = tree_of(call(start=start, duration=duration))
    rows = by_id(tree)
    assert (rows[2].skew_us, rows[2].shift_us, rows[3].shift_us) == (skew, shift, shift)
    assert tree.skewed == (skew > 0)


def test_self_time_and_offsets() -> None:
    rows = by_id(
        tree_of(
            batch_of(
                {"id": 1, "start": 10, "duration": 100},
                {"id": 2, "parent": 1, "start": 20, "duration": 30},
                {"id": 3, "parent": 1, "start": 40, "duration": 20},
                {"id": 4, "parent": 1, "start": 5, "duration": 10},
            )
        )
    )
    assert (rows[1].self_us, rows[1].self_share) == (55, 0.55)
    assert [rows[i].offset_us for i in (1, 2, 3, 4)] == [0, 10, 30, -5]


# Joined by a request id


def istio() -> SpanBatch:
    """productpage does not forward the headers: its calls begin traces of their own."""
    guid: dict[str, TagValue] = {"guid:x-request-id": "r1"}
    return batch_of(
        {
            "id": 1,
            "service": "gateway",
            "operation": "page",
            "kind": Kind.CLIENT,
            "duration": 100,
            "tags": guid,
        },
        {
            "id": 2,
            "parent": 1,
            "service": "productpage",
            "operation": "page",
            "kind": Kind.SERVER,
            "start": 5,
            "duration": 90,
            "tags": guid,
        },
        {
            "id": 3,
            "trace": 2,
            "service": "productpage",
            "operation": "details",
            "kind": Kind.CLIENT,
            "start": 10,
            "duration": 20,
            "tags": guid,
        },
        {
            "id": 4,
            "trace": 2,
            "parent": 3,
            "service": "details",
            "operation": "details",
            "kind": Kind.SERVER,
            "start": 12,
            "duration": 10,
            "tags": guid,
        },
        {"id": 9, "trace": 3, "service": "other", "tags": {"guid:x-request-id": "r2"}},
    )


def test_an_equal_request_id_joins_traces() -> None:
    tree = tree_of(istio())
    assert shape(tree) == "0:1 1:2 2:3 3:4"
    assert [row.joined_by for row in tree.rows] == [None, None, "guid:x-request-id", None]
    assert (tree.trace_ids, tree.joined) == (["0000000000000001", "0000000000000002"], 1)
    assert "productpage did not forward" in tree.notes[0]
    assert shape(tree_of(istio(), join=False)) == "0:1 1:2"


def test_a_value_that_everybody_has_joins_nothing() -> None:
    rows = [{"id": i, "trace": i, "tags": {"guid:tenant": "acme"}} for i in range(1, 100)]
    assert shape(tree_of(batch_of(*rows))) == "0:1"


# Pages


def test_pages_and_subtrees() -> None:
    batch = batch_of(*({"id": i, "parent": (i - 1) // 2 if i > 2 else 0, "start": i} for i in range(1, 40)))
    with holding(batch) as store:
        whole = whole_trace(store, "p", "1")
        every = trace_tree(whole)
        rows, cursor = [], None
        while True:
            page = trace_tree(whole, limit=7, cursor=cursor)
            rows += page.rows
            cursor = page.next_cursor
            if cursor is None:
                break
        assert rows == every.rows
        # From any place, of the moment that a cursor names.
        cursor = trace_tree(whole, limit=7).next_cursor
        assert trace_tree(whole, limit=5, cursor=cursor, first=20).rows == every.rows[20:25]
        assert trace_tree(whole, first=len(every.rows)).rows == trace_tree(whole, first=10**6).rows == []
        below = trace_tree(whole, below="3")
        assert [row.row for row in below.rows] == list(
            range(below.rows[0].row, below.rows[0].row + len(below.rows))
        )
        assert len(below.rows) == by_id(every)[3].below
        with pytest.raises(NotFound, match="no span"):
            trace_tree(whole, below="ffff")
        with pytest.raises(BadRequest, match="cursor"):
            trace_tree(whole, cursor="x")


@given(st.integers(1, 39), st.integers(1, 45))
def test_the_rows_around_a_span_hang_together(wanted: int, limit: int) -> None:
    batch = batch_of(*({"id": i, "parent": i // 3, "start": i} for i in range(1, 40)))
    with holding(batch) as store:
        tree = Tree(whole_trace(store, "p", "1"))
        every = tree.page(limit=100).rows
        found = tree.around(f"{wanted:x}", limit=limit).rows
    places = [row.row for row in found]
    assert found == [every[place] for place in places]
    assert places == sorted(set(places))
    assert f"{wanted:016x}" in [row.span_id for row in found]
    size = min(limit, len(every))
    assert places[-size:] == list(range(places[-1] - size + 1, places[-1] + 1))
    if limit >= 4:  # no deeper than that
        assert {row.parent for row in found} <= {*places, None}


@pytest.mark.parametrize(
    "text",
    [
        "b00c0002",
        "00000000B00C0002",
        "0xb00c0002",
        "0" * 24 + "b00c0002",
        "00000000-0000-0000-0000-0000b00c0002",
        "00-000000000000000000000000b00c0002-00000000000000a1-01",
        "AAAAAAAAAAAAAAAAsAwAAg==",
    ],
)
def test_a_trace_id_in_any_spelling(store: RecallStore, text: str) -> None:
    assert len(whole_trace(store, "p", text).batch) == 8


@pytest.mark.parametrize("text", ["", " "])
def test_what_is_no_trace_id(text: str) -> None:
    with pytest.raises(BadRequest, match="16 or 32"):
        trace_ids(text)


def test_a_trace_that_is_gone(store: RecallStore) -> None:
    with pytest.raises(NotFound, match="00000000deadbeef") as failure:
        whole_trace(store, "p", "00000000DEADBEEF")
    assert failure.value.hint is not None
    assert "are held" in failure.value.hint


# One span


def test_how_unusual_a_span_is(store: RecallStore) -> None:
    whole = whole_trace(store, "p", "b00c0005")
    found = span_detail(store, "p", whole, "0000000b00c00058")
    among = found.comparison
    assert (among.spans, among.faster, among.slower, among.slower_than) == (8, 6, 1, 6 / 7)
    fastest = span_detail(store, "p", whole_trace(store, "p", "b00c0008"), "0000000b00c00088").comparison
    assert (fastest.spans, fastest.faster, fastest.slower, fastest.slower_than) == (8, 0, 7, 0)
    later = span_detail(store, "p", whole, "0000000b00c00058", oldest_ns=found.span.start_us * 1000 + 1000)
    assert (later.comparison.spans, later.comparison.slower_than) == (4, 3 / 4)
    assert (found.span.duration_us, found.row.path_us) == (800_000, 800_000)
    with pytest.raises(NotFound):
        span_detail(store, "p", whole, "1")
    with pytest.raises(BadRequest):
        span_detail(store, "p", whole, " ")


# The page


class Elements(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href")]


def test_less_than_a_microsecond_is_not_nothing() -> None:
    builder = SpanBuilder()
    for number, duration_ns in enumerate((999, 1_500, 2_000), 1):
        reporter = Reporter("otlp", "shop")
        builder.add(
            reporter=reporter,
            operation=f"o{number}",
            trace_low=number,
            span_id=number,
            start_ns=5,
            duration_ns=duration_ns,
        )
    with holding(builder.build()) as store:
        rows = [Tree(whole_trace(store, "p", str(trace))).row(0) for trace in (1, 2, 3)]
        assert [(row.duration_us, row.duration_ns) for row in rows] == [(0, 999), (1, 1500), (2, None)]
        page = trace_page(whole_trace(store, "p", "1"))
        spans = store.find("p", ALL, order="arrival", limit=9).spans
    assert '<span class="took">999 ns</span>' in page
    assert "1 services, 999 ns, depth 1" in page
    assert [span.exact_duration_us for span in spans] == [0.999, 1.5, 2]
    assert b"duration_ns" not in msgspec.json.encode(spans[2])


def test_the_page_needs_nothing_and_runs_nothing() -> None:
    hostile = "<script>alert(1)</script>\"'&\x00"
    batch = batch_of(
        {"id": 1, "service": hostile, "operation": hostile, "tags": {hostile: hostile}},
        {"id": 2, "parent": 7, "tags": {"big": "x" * 1_000_000}},
    )
    with holding(batch) as store:
        page = trace_page(whole_trace(store, "p", "1"))
    seen = Elements()
    seen.feed(page)
    assert "script" not in seen.tags
    assert not seen.addresses
    assert "missing span 0000000000000007" in page
    assert len(page) < 50_000
