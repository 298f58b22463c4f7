"""One trace: all its spans, and the tree that they form (explorer.md §11)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from satellite.errors import BadRequest, NotFound
from satellite.span import Span
from satellite.store import Store

_ID = re.compile(r"(?:[0-9a-fA-F]{16}){1,2}")


def trace(store: Store, project: str, trace_id: str) -> list[Span]:
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
    found = [span for spans in store.traces(project, wanted) for span in spans]
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

    Of several spans with one id the last to arrive counts. A cycle is cut at its latest start: that span becomes
    a root.
    """
    latest: dict[str, Span] = {}
    for span in sorted(spans, key=lambda span: span.mark):
        latest[span.span_id] = span
    nodes = {span_id: Node(span, span_id) for span_id, span in latest.items()}
    cut = _cuts(latest)
    top: list[Node] = []
    missing: dict[str, Node] = {}
    for span in sorted(latest.values(), key=_by_start):
        node = nodes[span.span_id]
        parent_id = span.parent_span_id
        if parent_id is None or span.span_id in cut:
            top.append(node)
        elif parent_id in nodes:
            nodes[parent_id].children.append(node)
        else:
            if parent_id not in missing:
                missing[parent_id] = Node(None, parent_id)
                top.append(missing[parent_id])
            missing[parent_id].children.append(node)
    return top


def _cuts(spans: dict[str, Span]) -> set[str]:
    """Of each cycle of parents the span with the latest start."""
    done: set[str] = set()
    cut: set[str] = set()
    for start in spans:
        path: list[str] = []
        at: str | None = start
        while at is not None and at in spans and at not in done:
            done.add(at)
            path.append(at)
            at = spans[at].parent_span_id
        if at in path:
            cycle = path[path.index(at) :]
            cut.add(max(cycle, key=lambda span_id: _by_start(spans[span_id])))
    return cut


def _by_start(span: Span) -> tuple[int, str]:
    return span.start_us, span.span_id
