"""Which span stands below which: odd links, cycles, halves of one id, attempts."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from satellite.explore.trace_tree import trace_tree
from satellite.explore.whole_trace import whole_trace
from satellite.model.reporter import Reporter
from satellite.model.spans import Marks, SpanBuilder, encode_reference
from satellite.store.recall.engine import RecallStore


@dataclass(frozen=True)
class Row:
    """A span; ids are letters, or numbers as text."""

    span_id: str
    parent: str | None = None
    start_us: int = 0
    shared: bool = False
    links: tuple[tuple[str, str], ...] = ()
    reporter: int = 0


def number(letter: str | None) -> int:
    """The id that a letter, or a number, stands for."""
    return 0 if letter is None else ord(letter) if letter.isalpha() else int(letter) + 1


def span(span_id: str, parent: str | None = None, start_us: int = 0, *, shared: bool = False) -> Row:
    return Row(span_id, parent, start_us, shared)


def tree(rows: list[Row], limit: int = 4000) -> Any:
    """The answer about a trace of these spans."""
    builder = SpanBuilder()
    for row in rows:
        builder.add(
            reporter=Reporter("lightstep", "a", row.reporter),
            operation="b",
            trace_low=1,
            span_id=number(row.span_id),
            parent_id=number(row.parent),
            start_ns=row.start_us * 1000,
            duration_ns=1000,
            marks=Marks.SHARED if row.shared else Marks(0),
            references=[
                encode_reference(follows=kind == FOLLOWS, trace_high=0, trace_low=1, span_id=number(target))
                for kind, target in row.links
            ],
        )
    with closing(RecallStore()) as store:
        store.write("p", builder.build(), arrived_ns=1)
        return trace_tree(whole_trace(store, "p", "1"), limit=limit)


def shape(found: Any) -> list[Any]:
    """Nested [id, [children]]; the id of a missing span has a question mark."""
    tops: list[Any] = []
    places: list[list[Any]] = []
    for row in found.rows:
        node: list[Any] = [chr(int(row.span_id, 16)) + "?" * row.missing, []]
        places.append(node[1])
        (tops if row.parent is None else places[row.parent]).append(node)
    return tops


def test_children_stand_below_their_parent_by_start() -> None:
    spans = [span("c", "a", 2), span("b", "a", 1), span("a"), span("d", "b", 3)]
    assert shape(tree(spans)) == [["a", [["b", [["d", []]]], ["c", []]]]]


def test_several_roots_by_start_then_id() -> None:
    assert shape(tree([span("b", start_us=1), span("c"), span("a", start_us=1)])) == [
        ["c", []],
        ["a", []],
        ["b", []],
    ]


def test_orphans_share_the_row_of_their_missing_parent() -> None:
    spans = [span("a", start_us=5), span("b", "x", 1), span("c", "x", 2), span("d", "y", 9)]
    assert shape(tree(spans)) == [["x?", [["b", []], ["c", []]]], ["a", []], ["y?", [["d", []]]]]


def test_several_spans_with_one_id_are_all_shown() -> None:
    spans = [
        span("a", start_us=1),
        span("a", start_us=5),
        span("b", "a", 3),
        span("c", "a", 6),
        span("d", "a", 0),
    ]
    assert shape(tree(spans)) == [["a", [["d", []], ["b", []]]], ["a", [["c", []]]]]


def test_a_child_stands_below_the_attempt_of_its_own_process() -> None:
    spans = [
        span("x"),
        *(replace(span("x", "x", at, shared=True), reporter=at) for at in (1, 2)),
        replace(span("c", "x", 5), reporter=1),
    ]
    assert shape(tree(spans)) == [["x", [["x", [["c", []]]], ["x", []]]]]


def linked(span_id: str, start_us: int, *links: tuple[str, str]) -> Row:
    """A span with references of its own, the first its parent."""
    return Row(span_id, links[0][1], start_us, links=links)


FOLLOWS, CHILD = "follows_from", "child_of"


def test_a_parent_that_follows_from_its_child_stays_above_it() -> None:
    spans = [linked("p", 1, (FOLLOWS, "c")), linked("c", 2, (CHILD, "p"))]
    assert shape(tree(spans)) == [["p", [["c", []]]]]
    spans = [linked("p", 3, (FOLLOWS, "c")), linked("c", 2, (CHILD, "p"))]  # whatever the clocks say
    assert shape(tree(spans)) == [["p", [["c", []]]]]


def test_a_reference_to_itself_does_not_cost_the_parent() -> None:
    spans = [
        span("p"),
        linked("c", 1, (CHILD, "c"), (CHILD, "p")),
        linked("d", 2, (CHILD, "d"), (FOLLOWS, "p")),
    ]
    assert shape(tree(spans)) == [["p", [["c", []], ["d", []]]]]


def test_a_cycle_is_cut_at_its_weakest_link_then_by_start() -> None:
    spans = [linked("a", 3, (CHILD, "c")), linked("b", 1, (FOLLOWS, "a")), linked("c", 2, (CHILD, "b"))]
    assert shape(tree(spans)) == [["b", [["c", [["a", []]]]]]]
    spans = [linked("a", 3, (FOLLOWS, "c")), linked("b", 1, (FOLLOWS, "a")), linked("c", 2, (CHILD, "b"))]
    assert shape(tree(spans)) == [["a", [["b", [["c", []]]]]]]


def test_a_span_cut_from_a_cycle_may_have_another_parent() -> None:
    spans = [span("r"), linked("p", 2, (CHILD, "c"), (FOLLOWS, "r")), linked("c", 1, (CHILD, "p"))]
    assert shape(tree(spans)) == [["r", [["p", [["c", []]]]]]]


def test_the_server_half_of_a_shared_id_stands_between_the_client_half_and_the_children() -> None:
    spans = [span("b", "a", 1), span("b", "b", 2, shared=True), span("a"), span("c", "b", 3)]
    assert shape(tree(spans)) == [["a", [["b", [["b", [["c", []]]]]]]]]
    assert shape(tree([span("b", "b", shared=True), span("c", "b")])) == [["b?", [["b", [["c", []]]]]]]


def test_a_cycle_is_cut_at_its_latest_start() -> None:
    spans = [span("a", "c", 1), span("b", "a", 2), span("c", "b", 3), span("d", "a", 4)]
    assert shape(tree(spans)) == [["c", [["a", [["b", []], ["d", []]]]]]]


def test_a_span_that_is_its_own_parent_is_a_root() -> None:
    assert shape(tree([span("a", "a"), span("b", "a")])) == [["a", [["b", []]]]]


def test_a_chain_deeper_than_the_interpreter_recurses() -> None:
    found = tree([span(str(i), str(i - 1) if i else None, i) for i in range(5000)], limit=10)
    assert (found.depth, found.total) == (5000, 5000)
