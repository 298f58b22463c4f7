"""One trace: all its spans, and the tree that they form (explorer.md §11)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from satellite.errors import BadRequest, NotFound
from satellite.model.span import Span
from satellite.store import Questions

_ID = re.compile(r"(?:[0-9a-fA-F]{16}){1,2}")


def trace(source: Questions, project: str, trace_id: str) -> list[Span]:
    """Every span of a trace, by start, then span id.

    16 hex digits name the lower half of the id, whatever its upper half. 32 digits name both; spans that a 64-bit
    tracer sent of the same trace (upper half 0) belong to it too (ours, as in queries: explorer.md §4.4).

    Raises:
        BadRequest: not 16 or 32 hex digits.
        NotFound: no span of it is held.
    """
    if not _ID.fullmatch(trace_id):
        raise BadRequest(
            "a trace id has 16 or 32 hex digits", hint="leading zeros count: 00000000b00c0002, not b00c0002"
        )
    low = int(trace_id[-16:], 16)
    if len(trace_id) == 16:
        wanted: list[tuple[int | None, int]] = [(None, low)]
    else:
        wanted = [(high, low) for high in sorted({int(trace_id[:16], 16), 0})]
    found = [span for spans in source.traces(project, wanted) for span in spans]
    if not found:
        raise NotFound(
            f"no span of trace {trace_id.lower()} is held",
            hint="it may have left the recall window, or went to another project",
        )
    return sorted(found, key=_by_start)


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

    Of several spans with one id the last to arrive counts; but the server half of an id that Zipkin's client and
    server share is a span of its own, below the client's half and above the children. A cycle is cut at its latest
    start: that span becomes a root.
    """
    latest: dict[_Key, Span] = {}
    for span in sorted(spans, key=lambda span: span.mark):
        latest[_key(span)] = span
    parents = {key: _parent_key(span, latest) for key, span in latest.items()}
    nodes = {key: Node(span, span.span_id) for key, span in latest.items()}
    cut = _cuts(latest, parents)
    top: list[Node] = []
    missing: dict[str, Node] = {}
    for key in sorted(latest, key=lambda key: _by_start(latest[key])):
        node, parent = nodes[key], parents[key]
        if parent is None or key in cut:
            top.append(node)
        elif parent in nodes:
            nodes[parent].children.append(node)
        else:
            if parent[0] not in missing:
                missing[parent[0]] = Node(None, parent[0])
                top.append(missing[parent[0]])
            missing[parent[0]].children.append(node)
    return top


_Key = tuple[str, bool]
"""A span id, and whether it is the server half of a shared one."""


def _key(span: Span) -> _Key:
    return span.span_id, "shared" in span.marks


def _parent_key(span: Span, spans: dict[_Key, Span]) -> _Key | None:
    if span.parent_span_id is None:
        return None
    served = (span.parent_span_id, True)
    return served if served in spans and _key(span) != served else (span.parent_span_id, False)


def _cuts(spans: dict[_Key, Span], parents: dict[_Key, _Key | None]) -> set[_Key]:
    """Of each cycle of parents the span with the latest start."""
    done: set[_Key] = set()
    cut: set[_Key] = set()
    for start in spans:
        path: list[_Key] = []
        at: _Key | None = start
        while at is not None and at in spans and at not in done:
            done.add(at)
            path.append(at)
            at = parents[at]
        if at in path:
            cycle = path[path.index(at) :]
            cut.add(max(cycle, key=lambda key: _by_start(spans[key])))
    return cut


def _by_start(span: Span) -> tuple[int, str]:
    return span.start_us, span.span_id
