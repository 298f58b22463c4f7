"""The tree that the spans of a trace form, from spans as objects (explorer.md §11)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from satellite.model.span import Span


@dataclass(slots=True)
class Node:
    """A row of the trace view with the rows below it."""

    span: Span | None
    """None for a span that is not held but named as a parent."""
    span_id: str
    children: list[Node] = field(default_factory=list)
    """By start, then span id."""


def tree(spans: Iterable[Span]) -> list[Node]:
    """The top-level rows, by start, then span id: roots, and one «missing span» row per parent that is not held.

    A span stands below the parent that it is a child of, else below one that it follows from, never below itself. The
    server half of an id that Zipkin's client and server share stands below the client's half and above the children.
    Of several spans with the parent's id (retries) the parent is one of the child's own reporter, then the last that
    began before the child. A cycle is cut at its weakest link: one that only follows, else the one of its latest start.
    """
    rows = sorted(spans, key=lambda span: (*_by_start(span), span.mark))
    nodes = [Node(span, span.span_id) for span in rows]
    top: list[Node] = []
    missing: dict[str, Node] = {}
    for node, parent in zip(nodes, _parents(rows), strict=True):
        match parent:
            case None:
                top.append(node)
            case int():
                nodes[parent].children.append(node)
            case str():
                if parent not in missing:
                    missing[parent] = Node(None, parent)
                    top.append(missing[parent])
                missing[parent].children.append(node)
    return top


class _Held:
    """The rows of a trace by id, in order of start."""

    def __init__(self, rows: list[Span]) -> None:
        self._rows = rows
        self._by_id: dict[tuple[str, bool], list[int]] = {}
        for i, span in enumerate(rows):
            self._by_id.setdefault((span.span_id, _is_shared(span)), []).append(i)

    def parent(self, i: int, span_id: str) -> int | None:
        """The row with this id that row `i` stands below; None when there is none but itself."""
        child = self._rows[i]
        itself = span_id == child.span_id
        found = [] if itself else self._by_id.get((span_id, True), [])
        if not itself or _is_shared(child):
            found = found or self._by_id.get((span_id, False), [])
        return max(found, key=lambda row: self._nearness(row, child), default=None)

    def _nearness(self, row: int, child: Span) -> tuple[bool, bool, int]:
        parent = self._rows[row]
        own = (parent.service, parent.reporter) == (child.service, child.reporter)
        before = parent.start_us <= child.start_us
        return own, before, row if before else -row


def _is_shared(span: Span) -> bool:
    return "shared" in span.marks


def _links(span: Span) -> tuple[list[str], list[str]]:
    """(ids of the spans that it is a child of, of those that it only follows), the one named as parent first."""
    here = [one for one in span.references if one.trace_id == span.trace_id]
    weak = [one.span_id for one in here if one.kind == "follows_from"]
    strong = [one.span_id for one in here if one.kind != "follows_from"]
    first = span.parent_span_id
    if first is not None and (first in strong or first not in weak):
        strong.insert(0, first)
    return strong, sorted(weak, key=lambda span_id: span_id != first)


def _parents(rows: list[Span]) -> list[int | str | None]:
    """For each row the row above it, the id of one that is not held, or None.

    Rows are in order of start. Strong links are laid first, and no link that would close a cycle.
    """
    held = _Held(rows)
    parents: list[int | str | None] = [None] * len(rows)
    above = list(range(len(rows)))  # a shortcut to the root of each row

    def root_of(row: int) -> int:
        while above[row] != row:
            above[row] = above[above[row]]
            row = above[row]
        return row

    links = [_links(span) for span in rows]
    for strength in (0, 1):
        for i, span in enumerate(rows):
            if parents[i] is not None:
                continue
            for span_id in links[i][strength]:
                parent = held.parent(i, span_id)
                if parent is not None and root_of(parent) != i:
                    parents[i] = above[i] = parent
                    break
                unheld = parent is None and span_id == span.parent_span_id
                if unheld and (span_id != span.span_id or _is_shared(span)):
                    parents[i] = span_id
                    break
    return parents


def _by_start(span: Span) -> tuple[int, str]:
    return span.start_us, span.span_id
