from __future__ import annotations

import xml.etree.ElementTree as ET
from contextlib import closing
from itertools import pairwise

import pytest
from hypothesis import given

from satellite.explore.diagram import Diagram, diagram
from satellite.explore.drawings import dot, mermaid, svg
from satellite.model.reporter import Reporter
from satellite.model.spans import Kind, SpanBatch, SpanBuilder
from satellite.query import parse
from satellite.query.plan import ALL
from satellite.store.recall.engine import RecallStore
from tests import bookinfo
from tests.explore import naive
from tests.explore.traces import batches, twins


def drawn(batch: SpanBatch, query: str = "", *, inferred: bool = False) -> Diagram:
    with closing(RecallStore()) as store:
        store.write("p", batch, arrived_ns=1)
        return diagram(store, "p", parse(query).plan, inferred=inferred)


def test_the_worked_example(store: RecallStore) -> None:
    found = diagram(store, "p", bookinfo.Q1.plan)
    assert [(edge.from_, edge.to, edge.calls) for edge in found.edges] == [
        (bookinfo.GATEWAY, bookinfo.PRODUCTPAGE, 12),
        (bookinfo.PRODUCTPAGE, bookinfo.DETAILS, 12),
        (bookinfo.PRODUCTPAGE, bookinfo.REVIEWS, 12),
        (bookinfo.REVIEWS, bookinfo.RATINGS, 8),
    ]
    assert [(node.layer, node.service_name) for node in found.nodes] == [
        (0, bookinfo.GATEWAY),
        (1, bookinfo.PRODUCTPAGE),
        (2, bookinfo.DETAILS),
        (2, bookinfo.REVIEWS),
        (3, bookinfo.RATINGS),
    ]
    failing = {node.service_name for node in found.nodes if node.error_count}
    assert failing == {bookinfo.REVIEWS, bookinfo.RATINGS}
    assert [node.service_name for node in found.nodes if node.queried] == [bookinfo.PRODUCTPAGE]
    assert max(found.nodes, key=lambda node: node.latency_contribution_pct).service_name == bookinfo.RATINGS
    assert sum(node.latency_contribution_pct for node in found.nodes) == pytest.approx(100)
    [slow] = [node for node in found.nodes if node.service_name == bookinfo.RATINGS]
    assert slow.operations[0].slowest_trace_id == f"{bookinfo.trace_low(8):016x}"  # the error first
    assert (found.spans, found.traces, found.traces_used) == (36, 12, 12)


def test_nobody_is_queried_by_an_empty_query(store: RecallStore) -> None:
    assert not any(node.queried for node in diagram(store, "p", ALL).nodes)


def test_nothing_matches() -> None:
    assert drawn(bookinfo.batch(), 'service IN ("x")') == Diagram([], [], 0, 0, 0)


def called(**tags: str) -> SpanBatch:
    builder = SpanBuilder()
    for i, kind in enumerate((Kind.SERVER, Kind.CLIENT)):
        builder.add(
            reporter=Reporter("otlp", "shop"),
            operation="buy",
            trace_low=1,
            span_id=i + 1,
            parent_id=i,
            start_ns=i,
            duration_ns=10_000,
            kind=kind,
            tags=tags.items(),
        )
    return builder.build()


def test_who_reports_no_spans_is_inferred_when_asked_for() -> None:
    batch = called(**{"db.system": "postgresql", "peer.service": "orders-db"})
    assert [node.service_name for node in drawn(batch).nodes] == ["shop"]
    found = drawn(batch, inferred=True)
    [edge] = found.edges
    assert (edge.from_, edge.to, edge.calls) == ("shop", "orders-db", 1)
    shop, inferred = found.nodes
    assert (inferred.service_name, inferred.inferred, inferred.span_count, inferred.layer) == (
        "orders-db",
        True,
        1,
        1,
    )
    assert not shop.inferred


def test_a_missing_parent_is_said() -> None:
    builder = SpanBuilder()
    builder.add(
        reporter=Reporter("otlp", "shop"),
        operation="buy",
        trace_low=1,
        span_id=2,
        parent_id=1,
        start_ns=0,
        duration_ns=1,
    )
    [node] = drawn(builder.build()).nodes
    assert node.has_missing_parent


def test_many_that_call_each_other_are_no_chain() -> None:
    builder = SpanBuilder()
    names = ["hub", *(f"s{n:02}" for n in range(30))]
    calls = [("hub", name) for name in names[1:]] + list(pairwise(names[1:]))
    for n, pair in enumerate(calls):
        for half, service in enumerate(pair):
            builder.add(
                reporter=Reporter(protocol="otlp", service=service, id=names.index(service)),
                operation="call",
                trace_low=n + 1,
                span_id=2 * n + half + 1,
                parent_id=2 * n + 1 if half else 0,
                start_ns=half,
                duration_ns=10 - half,
            )
    found = drawn(builder.build())
    assert {node.service_name: node.layer for node in found.nodes} == {
        name: int(name != "hub") for name in names
    }


@given(batches())
def test_as_the_definition_says(batch: SpanBatch) -> None:
    found = drawn(batch, 'service IN ("a")')
    spans = batch.spans()
    asked = {span.trace_id for span in spans if span.service == "a"}
    rows = naive.forest(span for span in spans if span.trace_id in asked)
    assert {(edge.from_, edge.to): edge.calls for edge in found.edges} == naive.calls(rows)
    for node in found.nodes:
        own = [row.span for row in rows if row.span.service == node.service_name]
        assert (node.span_count, node.error_count) == (len(own), sum(span.error for span in own))
        assert node.avg_latency_us == pytest.approx(sum(span.duration_us for span in own) / len(own))
        spent = sum(
            us
            for root in rows
            if root.span.service == "a"
            for row, us in naive.critical_path(root).items()
            if row.span.service == node.service_name
        )
        assert node.latency_contribution_us == pytest.approx(spent)
    layers = {node.service_name: node.layer for node in found.nodes}
    assert set(layers.values()) == set(range(max(layers.values(), default=-1) + 1))


def test_a_call_whose_halves_share_an_id_is_one_call() -> None:
    found = drawn(twins(100, 200), 'service IN ("shop")')
    assert [(edge.from_, edge.to, edge.calls) for edge in found.edges] == [
        ("shop", "stock", 2),
        ("stock", "db", 2),
    ]
    spent = {node.service_name: node.latency_contribution_us for node in found.nodes}
    assert spent == pytest.approx({"shop": 2 * 20, "stock": 50 + 100, "db": 50 + 100})


HOSTILE = '<script>"x"\\ & ]--> \x00\x1b\n{|}`'


@pytest.mark.parametrize("name", ["plain", HOSTILE, ""])
def test_drawings_hold_any_name(name: str) -> None:
    builder = SpanBuilder()
    for i, service in enumerate((name, "other")):
        builder.add(
            reporter=Reporter("otlp", service),
            operation="buy",
            trace_low=1,
            span_id=i + 1,
            parent_id=i,
            start_ns=i,
            duration_ns=10_000,
        )
    found = drawn(builder.build())
    root = ET.fromstring(svg(found))
    assert len(root.findall(".//{http://www.w3.org/2000/svg}circle")) == 4
    assert not root.findall(".//{http://www.w3.org/2000/svg}script")
    graph = dot(found)
    assert graph.count(" -> ") == 1
    assert graph.count("\n") == graph.replace("\\n", "").count("\n")
    assert len(mermaid(found).splitlines()) == 6


def test_a_drawing_is_the_same_every_time(store: RecallStore) -> None:
    first, second = (diagram(store, "p", ALL) for _ in range(2))
    for draw in (svg, dot, mermaid):
        assert draw(first) == draw(second)
    assert "reviews.default" in mermaid(first)
