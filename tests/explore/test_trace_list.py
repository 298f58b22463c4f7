from __future__ import annotations

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from satellite.explore.trace_list import TraceOrder, trace_list
from satellite.explore.trace_path import trace_path
from satellite.explore.whole_trace import whole_trace
from satellite.model.spans import SpanBatch
from satellite.query import parse
from satellite.query.plan import ALL
from satellite.store.recall.engine import RecallStore
from tests.explore import naive
from tests.explore.traces import batches


def held(batch: SpanBatch) -> RecallStore:
    store = RecallStore()
    store.write("p", batch, arrived_ns=1)
    return store


@given(batches())
def test_a_row_is_what_its_spans_say(batch: SpanBatch) -> None:
    store = held(batch)
    plan = parse('service IN ("a", "b")').plan
    found = trace_list(store, "p", plan, limit=1000)
    matching = store.find("p", plan, order="arrival", limit=1000).spans
    ids = {span.trace_id for span in matching}
    assert found.total == len(found.traces) == len(ids)
    assert {one.trace_id for one in found.traces} == ids
    for one in found.traces:
        [spans] = store.traces("p", [(None, int(one.trace_id, 16))])
        rows = naive.forest(spans)
        known = {span.span_id for span in spans}
        roots = [span for span in spans if span.parent_span_id is None]
        orphans = [span for span in spans if span.parent_span_id not in (None, *known)]
        first = min(roots or spans, key=lambda span: span.start_us)
        same = [span for span in roots or spans if span.start_us == first.start_us]
        assert (one.service, one.operation) in {(span.service, span.operation) for span in same}
        assert one.start_us == min(row.start for row in rows)
        assert one.duration_us == max(row.end for row in rows) - one.start_us
        assert (one.spans, one.errors) == (len(spans), sum(span.error for span in spans))
        assert one.matched == sum(span.service in "ab" for span in spans)
        assert one.services == len({span.service for span in spans})
        assert one.complete == (len(roots) == 1 and not orphans)
    store.close()


@given(st.sampled_from(get_args(TraceOrder)), batches())
def test_orders_and_pages(order: TraceOrder, batch: SpanBatch) -> None:
    store = held(batch)
    found = trace_list(store, "p", ALL, order=order, limit=1000).traces
    keys = [one.start_us if order.endswith("start") else one.duration_us for one in found]
    assert keys == sorted(keys, reverse=order.startswith("-"))
    paged = [trace_list(store, "p", ALL, order=order, limit=1, offset=i).traces for i in range(len(found))]
    assert [one for page in paged for one in page] == found
    assert trace_list(store, "p", ALL, order=order, limit=1, offset=len(found)).traces == []
    store.close()


@given(batches(traces=1))
def test_the_path_is_that_of_the_root(batch: SpanBatch) -> None:
    store = held(batch)
    path = trace_path(whole_trace(store, "p", "1"))
    [spans] = store.traces("p", [(None, 1)])
    [root] = [row for row in naive.forest(spans) if row.span.span_id == path.root]
    spent = {row.span.span_id: time for row, time in naive.critical_path(root).items() if time}
    assert {row.span_id: row.path_us for row in path.spans} == spent
    assert sorted(spent.values(), reverse=True) == [row.path_us for row in path.spans]
    assert path.duration_us == root.span.duration_us
    store.close()
