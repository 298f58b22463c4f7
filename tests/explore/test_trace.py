from __future__ import annotations

import msgspec

from satellite.explore.trace import Node, tree
from satellite.model.span import Reference, ReporterView, Span


def span(
    span_id: str, parent: str | None = None, start_us: int = 0, mark: int = 0, *, shared: bool = False
) -> Span:
    return Span(
        trace_id="00000000b00c0002",
        span_id=span_id,
        parent_span_id=parent,
        service="a",
        operation="b",
        kind=None,
        start_us=start_us,
        duration_us=1,
        error=False,
        tags={},
        logs=[],
        references=[],
        reporter=ReporterView("0", {}),
        protocol="lightstep",
        mark=mark,
        marks=["shared"] if shared else [],
    )


def shape(nodes: list[Node]) -> list[object]:
    """Nested [id, [children]]; the id of a missing span has a question mark."""
    return [[node.span_id + ("" if node.span else "?"), shape(node.children)] for node in nodes]


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
    here, there = ReporterView("1", {}), ReporterView("2", {})
    spans = [
        span("x"),
        *(
            msgspec.structs.replace(span("x", "x", start_us, shared=True), reporter=reporter)
            for start_us, reporter in ((1, here), (2, there))
        ),
        msgspec.structs.replace(span("c", "x", 5), reporter=here),
    ]
    assert shape(tree(spans)) == [["x", [["x", [["c", []]]], ["x", []]]]]


def linked(span_id: str, start_us: int, *links: tuple[str, str]) -> Span:
    """A span with references of its own, the first its parent."""
    references = [Reference(kind, "00000000b00c0002", target) for kind, target in links]
    return msgspec.structs.replace(span(span_id, links[0][1], start_us), references=references)


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
    spans = [span(f"{i:016x}", f"{i - 1:016x}" if i else None, i) for i in range(5000)]
    [node] = tree(spans)
    depth = 0
    while node.children:
        [node] = node.children
        depth += 1
    assert depth == 4999
