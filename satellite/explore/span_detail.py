"""One span looked at closely: all of it, its place in its trace, and how unusual it is among its operation's."""

from __future__ import annotations

import msgspec

from satellite.explore.trace_tree import Tree, TreeRow
from satellite.explore.whole_trace import WholeTrace
from satellite.model.span import Span
from satellite.query.forms import canonical
from satellite.query.plan import Field, Plan, Term
from satellite.store import Histogram, Questions


class AmongOperation(msgspec.Struct, frozen=True):
    """A span's duration among those of all held spans of its service and operation."""

    query: str
    """Which spans those are."""
    spans: int
    """How many, itself included."""
    faster: int
    """Those that took less time."""
    slower_than: float
    """Their share of the others: 0.994 is «slower than 99.4 %»."""
    p50_us: int
    histogram: Histogram
    slower: int
    """Those that took more time."""


class SpanDetail(msgspec.Struct, frozen=True):
    """A span in full."""

    span: Span
    row: TreeRow
    """Its row in the trace's tree."""
    comparison: AmongOperation


def span_detail(
    source: Questions, project: str, whole: WholeTrace, span_id: str, *, oldest_ns: int | None = None
) -> SpanDetail:
    """The span with this id in a trace; of several the last to arrive. Compared with spans since `oldest_ns`.

    Raises:
        NotFound: the trace has no such span.
        BadRequest: no span id.
    """
    tree = Tree(whole)
    place = tree.held(span_id)
    row = tree.drawn.of[place]
    [span] = whole.batch.spans([row], marks=[int(whole.marks[row])])
    plan = Plan(
        (
            Term(Field.SERVICE, "service", (span.service,)),
            Term(Field.OPERATION, "operation", (span.operation,)),
        )
    )
    seen = plan.bounded(oldest_ns=oldest_ns)
    histogram = source.histogram(project, seen)
    # Durations compare as they are shown, in whole µs.
    least_ns = span.duration_us * 1000
    faster = source.count(project, plan.bounded(oldest_ns=oldest_ns, max_duration_ns=least_ns))
    slower = source.count(project, plan.bounded(oldest_ns=oldest_ns, min_duration_ns=least_ns + 1000))
    itself = oldest_ns is None or int(tree.start[row]) >= oldest_ns
    others = histogram.count - itself
    comparison = AmongOperation(
        canonical(plan),
        histogram.count,
        faster,
        faster / others if others > 0 else 0.0,
        histogram.percentiles.get("p50", 0),
        histogram,
        slower,
    )
    return SpanDetail(span, tree.row(place), comparison)
