from __future__ import annotations

from collections import defaultdict

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.explore.row_order import RowOrder
from satellite.explore.trace_tree import trace_tree
from satellite.explore.whole_trace import WholeTrace, whole_trace
from satellite.model.reporter import Reporter
from satellite.model.spans import SpanBatch, SpanBuilder
from satellite.store.recall.engine import RecallStore

Walked = list[tuple[int, int, int, int, int]]


def one_by_one(whole: WholeTrace) -> tuple[Walked, dict[int, int]]:
    """(row of the batch, row above, depth, children, rows below) of each row of the tree; the missing ones' ids."""
    start, span_id = (whole.batch.column(name).tolist() for name in ("start_ns", "span_id"))
    order = sorted(range(len(start)), key=lambda row: (start[row], span_id[row], int(whole.marks[row])))
    below: dict[object, list[object]] = defaultdict(list)
    for row in order:
        above: object = int(whole.parent[row])
        if above == -1 and whole.missing[row]:
            above = ("missing", int(whole.missing[row]))
            if above not in below[-1]:
                below[-1].append(above)
        below[above].append(row)
    walked: Walked = []
    missing: dict[int, int] = {}

    def walk(node: object, above: int, depth: int) -> None:
        place = len(walked)
        walked.append((-1, above, depth, 0, 0))
        if isinstance(node, tuple):
            missing[place] = node[1]
        for child in below[node]:
            walk(child, place, depth + 1)
        row = node if isinstance(node, int) else -1
        walked[place] = (row, above, depth, len(below[node]), len(walked) - place - 1)

    for top in list(below[-1]):
        walk(top, -1, 0)
    return walked, missing


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3)), min_size=1, max_size=14))
def test_rows_stand_as_a_walk_one_by_one_finds_them(spans: list[tuple[int, int]]) -> None:
    """Each with its parent's number (0: none; those above 10 are held by nobody) and its start."""
    builder = SpanBuilder()
    for i, (parent, start) in enumerate(spans):
        builder.add(
            reporter=Reporter("otlp", "a"),
            operation="op",
            trace_low=1,
            span_id=i + 1,
            parent_id=parent,
            start_ns=start,
            duration_ns=1,
        )
    store = RecallStore()
    store.write("p", builder.build(), arrived_ns=1)
    whole = whole_trace(store, "p", "1")
    found = RowOrder.of_trace(whole)
    walked, missing = one_by_one(whole)
    rows = zip(found.of, found.above, found.depth, found.children, found.below, strict=True)
    assert list(rows) == walked
    assert found.missing == missing
    assert [found.of[place] for place in found.place] == list(range(len(spans)))
    store.close()


@pytest.mark.thorough
@pytest.mark.parametrize("deep", [True, False], ids=["one below the other", "all below one"])
def test_a_trace_of_200_000_spans_in_pages(deep: bool) -> None:
    size = 200_000
    numbers = np.arange(size)
    columns = {
        "span_id": numbers + 1,
        "parent_id": numbers if deep else np.minimum(numbers, 1),
        "start_ns": numbers * 1000,
        "duration_ns": np.where(deep | (numbers == 0), 2 * (size - numbers), 1) * 1000,
    }
    builder = SpanBuilder()
    builder.add(
        reporter=Reporter("otlp", "a"), operation="op", trace_low=1, span_id=1, start_ns=0, duration_ns=0
    )
    batch = builder.build().take(np.zeros(size, np.int64))
    rows = batch.rows
    for name, values in columns.items():
        field = rows.schema.field(name)
        rows = rows.set_column(rows.schema.get_field_index(name), field, pa.array(values).cast(field.type))
    store = RecallStore(4_000_000_000)
    store.write("p", SpanBatch(rows, batch.tags, batch.names, batch.reporters, batch.extras), arrived_ns=1)
    whole = whole_trace(store, "p", "1")
    page = trace_tree(whole, limit=4000)
    assert (page.spans, page.total, len(page.rows)) == (size, size, 4000)
    assert page.depth == (size if deep else 2)
    assert sum(one.path_us for one in page.services) == page.rows[0].duration_us == 2 * size
    assert page.next_cursor is not None
    place, mark = page.next_cursor.split(".")
    assert place == "4000"
    last = trace_tree(whole, limit=4000, cursor=f"{size - 1000}.{mark}")
    assert [row.row for row in last.rows] == list(range(size - 1000, size))
    assert last.next_cursor is None
    inner = trace_tree(whole, limit=10, below=page.rows[0].span_id)
    assert [row.row for row in inner.rows] == list(range(1, 11))
    store.close()
