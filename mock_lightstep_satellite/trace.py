"""One trace as a test looks at it: its spans with their parents and children, and assertions that explain themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, Never, overload

from mock_lightstep_satellite.errors import is_told
from mock_lightstep_satellite.selector import Selector, q
from mock_lightstep_satellite.span import Span, counted, latency
from mock_lightstep_satellite.visible import in_one_line

_TREE_SPANS_MAX = 200
"""Spans that the tree in a failure's text shows."""

__tracebackhide__ = is_told


class TracedSpan(Span, frozen=True, dict=True):
    """A span that knows its trace, and so its relatives."""

    @property
    def trace(self) -> Trace:
        """The trace that it was read with."""
        trace: Trace = self.__dict__["trace"]
        return trace

    @property
    def parent(self) -> TracedSpan | None:
        """The span that it is a child of; None for a root, and for a span whose parent did not arrive."""
        return self.trace._parents[id(self)]

    @property
    def children(self) -> list[TracedSpan]:
        """The spans that name it as their parent, by start."""
        return list(self.trace._children[id(self)])

    @property
    def ancestors(self) -> list[TracedSpan]:
        """Its parent, that one's parent, and so on up to the top."""
        found: list[TracedSpan] = []
        at = self.parent
        while at is not None:
            found.append(at)
            at = at.parent
        return found

    @property
    def descendants(self) -> list[TracedSpan]:
        """All spans below it, each before those below it in turn."""
        found: list[TracedSpan] = []
        waiting = self.children[::-1]
        while waiting:
            found.append(waiting.pop())
            waiting += found[-1].children[::-1]
        return found

    @property
    def end_us(self) -> int:
        """When it ended, µs since the epoch."""
        return self.start_us + self.duration_us


class OnPath(NamedTuple):
    """What one span adds to a critical path."""

    span: TracedSpan
    duration_us: float
    share: float
    """Of the duration of the path's top span."""

    @property
    def service(self) -> str:
        """The span's."""
        return self.span.service

    @property
    def operation(self) -> str:
        """The span's."""
        return self.span.operation


class Trace(Sequence[TracedSpan]):
    """The spans of one trace, by start.

    Parents are found by span id within the trace. Where two spans share an id (Zipkin's two halves of a call), their
    children belong to the server's half, and that half to the client's. A cycle is cut at its latest span.
    """

    def __init__(self, spans: Iterable[TracedSpan]) -> None:
        self._spans = sorted(spans, key=lambda span: (span.start_us, span.span_id))
        self._parents: dict[int, TracedSpan | None] = {}
        self._children: dict[int, list[TracedSpan]] = {id(span): [] for span in self._spans}
        by_id: dict[str, list[TracedSpan]] = {}
        for span in self._spans:
            span.__dict__["trace"] = self
            by_id.setdefault(span.span_id, []).append(span)
        for span in self._spans:
            self._parents[id(span)] = _parent_of(span, by_id)
        self._cut_cycles()
        for span in self._spans:
            if (parent := self._parents[id(span)]) is not None:
                self._children[id(parent)].append(span)
        self._tops = [span for span in self._spans if self._parents[id(span)] is None]
        self._orphans = {
            id(span)
            for span in self._tops
            if span.parent_span_id is not None and span.parent_span_id not in by_id
        }

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, index: int) -> TracedSpan: ...
        @overload
        def __getitem__(self, index: slice) -> list[TracedSpan]: ...

    def __getitem__(self, index: int | slice) -> TracedSpan | list[TracedSpan]:
        return self._spans[index]

    def __len__(self) -> int:
        return len(self._spans)

    def __iter__(self) -> Iterator[TracedSpan]:
        return iter(self._spans)

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Trace {self.trace_id}: {len(self)} spans of {len(self.services)} services>"

    def __str__(self) -> str:
        return "\n".join([f"trace {self.trace_id}", *self._tree()])

    @property
    def trace_id(self) -> str:
        """Its id: 32 hex digits when any span has them, else 16; "" for no spans."""
        return max((span.trace_id for span in self._spans), key=len, default="")

    @property
    def roots(self) -> list[TracedSpan]:
        """The spans that have no parent and name none."""
        return [span for span in self._tops if id(span) not in self._orphans]

    @property
    def orphans(self) -> list[TracedSpan]:
        """The spans that name a parent which is not among the spans."""
        return [span for span in self._tops if id(span) in self._orphans]

    @property
    def services(self) -> list[str]:
        """The services in it, in the order in which they begin."""
        return list(dict.fromkeys(span.service for span in self._spans))

    def critical_path(self) -> list[OnPath]:
        """On which spans the time of the longest root was spent, the most first; what they add is its duration.

        Walked back from a span's end: the latest child that ended by then is on the path, what lies between is the span's
        own, and so on from that child's start. Children that overlap one on the path, or outlive their parent, are not.
        """
        if not self._tops:
            return []
        top = max(self.roots or self._tops, key=lambda span: span.exact_duration_us)
        found: list[OnPath] = []
        waiting = [(top, float(top.start_us))]
        while waiting:
            span, begin = waiting.pop()
            at, own = span.start_us + max(span.exact_duration_us, 0.0), 0.0
            for child in sorted(self._children[id(span)], key=_end_and_start, reverse=True):
                end, _ = _end_and_start(child)
                if begin < end <= at:
                    own += at - end
                    at = max(begin, float(child.start_us))
                    waiting.append((child, at))
            own += max(at - begin, 0.0)
            if own:
                found.append(OnPath(span, own, own / top.exact_duration_us))
        return sorted(found, key=lambda one: -one.duration_us)

    @property
    def duration_us(self) -> int:
        """From the first start to the last end."""
        return max((span.end_us for span in self._spans), default=0) - min(
            (span.start_us for span in self._spans), default=0
        )

    def spans(self, selector: Selector = q) -> list[TracedSpan]:
        """Those that meet the selector, by start."""
        matches = _checked(selector).matches
        return [span for span in self._spans if matches(span)]

    def span(self, selector: Selector = q) -> TracedSpan:
        """The one that meets the selector. Raises AssertionError when there is none, or another."""
        found = self.spans(selector)
        if len(found) != 1:
            self._fail(f"{len(found)} spans, not 1, are {selector or 'in the trace'}")
        return found[0]

    def assert_complete(self) -> None:
        """One root, no span whose parent is missing."""
        if orphans := self.orphans:
            named = ", ".join(
                f"{one.service}: {one.operation} (parent {one.parent_span_id})" for one in orphans[:5]
            )
            self._fail(f"the parents of {counted(len(orphans), 'span')} did not arrive: {named}")
        if len(self.roots) != 1:
            self._fail(f"{len(self.roots)} roots instead of 1")

    def assert_path(self, *steps: str | Selector) -> None:
        """A chain of calls goes through these services (or selectors), each directly below the one before.

        Several spans of one step in a row are one step: a service's inner spans, or a call's two halves.
        """
        if not steps:
            return
        wanted = [q.service(step) if isinstance(step, str) else _checked(step) for step in steps]
        best = 0
        waiting: list[tuple[TracedSpan, frozenset[int]]] = [(top, frozenset()) for top in self._tops]
        while waiting:
            span, before = waiting.pop()
            reached = {0} | {at for one in before for at in (one, one + 1)}
            here = frozenset(at for at in reached if at < len(wanted) and wanted[at].matches(span))
            best = max([best, *(at + 1 for at in here)])
            if best == len(wanted):
                return
            waiting += [(child, here) for child in span.children]
        shown = " → ".join(map(str, steps))
        got = " → ".join(map(str, steps[:best])) or "not even the first"
        self._fail(f"no call goes {shown}; as far as it goes: {got}")

    def assert_order(self, *selectors: Selector) -> None:
        """The first span of each selector starts no earlier than the first of the one before."""
        starts = []
        for selector in selectors:
            found = self.spans(selector)
            if not found:
                self._fail(f"no span is {selector}")
            starts.append((found[0].start_us, selector))
        for (earlier_us, before), (later_us, after) in pairwise(starts):
            if later_us < earlier_us:
                self._fail(f"{after} starts {earlier_us - later_us} µs before {before}")

    def assert_error_reaches(self, origin: Selector, reached: Selector) -> None:
        """The one span `origin` failed, and so did each span above it up to one that is `reached`."""
        span = self.span(origin)
        if not span.error:
            self._fail(f"{span.service}: {span.operation} did not fail")
        for above in span.ancestors:
            if not above.error:
                self._fail(f"the error stops below {above.service}: {above.operation}")
            if _checked(reached).matches(above):
                return
        self._fail(f"no span above {span.service}: {span.operation} is {reached}")

    def _cut_cycles(self) -> None:
        done: set[int] = set()
        for span in self._spans:
            path: list[TracedSpan] = []
            on_path: set[int] = set()
            at: TracedSpan | None = span
            while at is not None and id(at) not in done:
                if id(at) in on_path:
                    cycle = path[[id(one) for one in path].index(id(at)) :]
                    self._parents[id(max(cycle, key=lambda one: (one.start_us, one.span_id)))] = None
                    break
                path.append(at)
                on_path.add(id(at))
                at = self._parents[id(at)]
            done |= on_path

    def _tree(self) -> Iterator[str]:
        waiting = [(top, "", "") for top in self._tops[::-1]]
        shown = 0
        while waiting and shown < _TREE_SPANS_MAX:
            span, indent, branch = waiting.pop()
            shown += 1
            mark = "  ERROR" if span.error else ""
            lost = f"  (parent {span.parent_span_id} missing)" if id(span) in self._orphans else ""
            name = in_one_line(f"{span.service}: {span.operation}")
            yield f"  {indent}{branch}{name}  {latency(span.exact_duration_us)}{mark}{lost}"
            below = indent + {"├─ ": "│  ", "└─ ": "   "}.get(branch, "")
            children = span.children
            waiting += [
                (child, below, "└─ " if child is children[-1] else "├─ ") for child in reversed(children)
            ]
        if waiting:
            yield f"  … and {len(self) - shown} more"

    def _fail(self, what: str) -> Never:
        raise AssertionError(f"{what}\n{self}")


def assert_same_trace(*spans: Span) -> None:
    """All of these belong to one trace."""
    ids = {span.trace_id for span in spans}
    if len(ids) > 1:
        lines = [f"  {one.trace_id}  {one.service}: {one.operation}" for one in spans]
        raise AssertionError("\n".join([f"{len(ids)} traces instead of 1", *lines]))


def several(root: object, traces: Sequence[Trace]) -> str:
    """That one trace was meant and these have such a root."""
    shown = [
        f"  {trace.trace_id}  {trace.roots[0].service}: {trace.roots[0].operation}" for trace in traces[:5]
    ]
    more = [f"  … and {len(traces) - 5} more"] if len(traces) > 5 else []
    return "\n".join(
        [f"{len(traces)} traces, not 1, have a root that is {root or 'any span'}", *shown, *more]
    )


def _parent_of(span: TracedSpan, by_id: dict[str, list[TracedSpan]]) -> TracedSpan | None:
    shared = "shared" in span.marks
    if shared and (halves := [one for one in by_id[span.span_id] if "shared" not in one.marks]):
        return halves[0]
    if span.parent_span_id is None:
        return None
    candidates = [one for one in by_id.get(span.parent_span_id, ()) if one is not span]
    if span.parent_span_id == span.span_id:
        return None
    return next((one for one in candidates if "shared" in one.marks), candidates[0] if candidates else None)


def _end_and_start(span: TracedSpan) -> tuple[float, int]:
    """By which children of a span are on a critical path: the last end, and of those the longest."""
    return span.start_us + max(span.exact_duration_us, 0.0), -span.start_us


def _checked(selector: Selector) -> Selector:
    if not isinstance(selector, Selector):
        message = (
            f"a selector is wanted, such as q.service('…'), not {selector!r}: ask the satellite with a text"
        )
        raise TypeError(message)
    return selector
