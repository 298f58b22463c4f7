"""The rows of the trace view: a tree, and for each span what it cost, whose other half it is, how its clock differs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from satellite.errors import BadRequest, NotFound
from satellite.explore.calls import Calls
from satellite.explore.critical_path import CriticalPath
from satellite.explore.operations import kind_text, services_of
from satellite.explore.row_order import RowOrder
from satellite.explore.whole_trace import WholeTrace
from satellite.model.ids import hex_digits
from satellite.model.logs import decode_log
from satellite.model.spans import Kind, Marks, Status, decode_extra, id_text, trace_text
from satellite.model.tag import key_prefix
from satellite.model.tags import texts_of
from satellite.store.assembled import Ints, Weights

ROWS_MAX = 4000
"""Rows of a page, as many as Explorer loaded at once."""
LOGS_MAX = 50
"""Marks on the bar of one span: more cannot be told apart."""


class Pair(msgspec.Struct, frozen=True):
    """The other half of a call through two sidecars: a client span whose only child serves it."""

    role: str
    """client or server: which half this row is."""
    row: int
    """The other half's."""
    span_id: str
    between_us: int
    """The client's time that the server did not see: what lies between the two."""


class TreeRow(msgspec.Struct, frozen=True):
    """A span in its place, or one that is named as a parent and not held."""

    row: int
    """Its place: parents before children, children by start, then span id."""
    parent: int | None
    """The row above it."""
    depth: int
    children: int
    """Rows right below."""
    below: int
    """All rows below."""
    errors_below: int
    trace_id: str
    span_id: str
    service: str | None
    """None for a missing span, as are operation and kind."""
    operation: str | None
    kind: str | None
    component: str | None
    """The tag `component`: Envoy's spans say «proxy»."""
    start_us: int
    """Of a missing span: that of the earliest span that names it."""
    offset_us: int
    """From the start of the root; below 0: clocks differ."""
    duration_us: int
    error: bool
    missing: bool
    path_us: float
    """Time of the critical path that belongs to it."""
    path_share: float
    """Of the duration of the top of its tree."""
    segments: list[tuple[float, float]]
    """[from, to) of that time in µs from the start of the trace, the latest first."""
    self_us: float
    """Time in which no child of it runs."""
    self_share: float
    """Of its duration."""
    skew_us: int
    """How long before its parent it starts; 0: it does not."""
    shift_us: int
    """To be added to its start, so that what a service serves lies within the call."""
    pair: Pair | None
    joined_by: str | None
    """Only this tag, equal on both, says that it belongs below its parent."""
    duration_ns: int | None = None
    """The same as `duration_us`, where it is no whole number of µs."""
    logs_us: list[int] = []
    """When it logged, from the start of the trace: its first LOGS_MAX."""


class TraceService(msgspec.Struct, frozen=True):
    """A service's part in a trace."""

    service: str
    spans: int
    errors: int
    path_us: float
    """Of the critical path of the root."""
    path_share: float


class TraceTree(msgspec.Struct, frozen=True):
    """A trace, and some of its rows."""

    trace_id: str
    trace_ids: list[str]
    """All that are in it: more than one when a request id joins traces."""
    start_us: int
    """The earliest start."""
    duration_us: int
    """From there to the latest end."""
    root: int | None
    """The row that offsets and shares of services count from: the first that has no parent."""
    spans: int
    errors: int
    depth: int
    """Of the deepest row, from 1."""
    missing: int
    """Spans that are named as parents and not held."""
    duplicates: int
    """Spans that share their id with an earlier one."""
    skewed: int
    """Spans that start before their parents."""
    joined: int
    """Spans that only a request id joins to the rest."""
    services: list[TraceService]
    """By critical path, descending, then name."""
    notes: list[str]
    """What is odd about the trace, in words."""
    rows: list[TreeRow]
    total: int
    """Rows there are."""
    next_cursor: str | None


def trace_tree(
    whole: WholeTrace,
    *,
    limit: int = ROWS_MAX,
    cursor: str | None = None,
    below: str | None = None,
    first: int | None = None,
) -> TraceTree:
    """The tree of a trace and one page of its rows.

    Args:
        whole: the trace.
        limit: rows of the page.
        cursor: `next_cursor` of the page before.
        below: only rows below the span with this id.
        first: the place that the page begins at, whatever the cursor says.

    Raises:
        BadRequest: a cursor that is none.
        NotFound: no such span.
    """
    return Tree(whole).page(limit=limit, cursor=cursor, below=below, begin=first)


class Tree:
    """The tree of a trace; rows are made when asked for."""

    def __init__(self, whole: WholeTrace) -> None:
        """Find every row's place and numbers."""
        self.whole = whole
        batch = whole.batch
        self.start: Ints = batch.column("start_ns")
        self.duration: Ints = batch.column("duration_ns")
        self.failed = batch.column("status") == np.uint8(Status.ERROR)
        self.kind = batch.column("kind")
        self.span_id = batch.column("span_id")
        self.name = batch.column("name")
        self.names = [name.decode() for name in batch.names.to_pylist()]
        self.high, self.low = batch.column("trace_high"), batch.column("trace_low")
        self.service, self.services = services_of(batch)
        self.path = CriticalPath(whole.parent, self.start, self.duration, batch.column("span_id"))
        tops = (whole.parent < 0).astype(np.float64)
        self.spent: Weights = self.path.spent(tops)
        self.on_path, self.begin = self.path.climbed(tops, self.path.start)
        self.drawn = RowOrder.of_trace(whole)
        of = np.array(self.drawn.of)
        self.errors = np.append(0, np.cumsum(self.failed[of] & (of >= 0)))
        """Among the first so many rows of the tree."""
        self.zero = int(self.start.min())
        self.top = _tops(whole.parent)
        firsts = np.flatnonzero((whole.parent < 0) & (whole.missing == 0))
        self.root = int(firsts[np.argmin(self.start[firsts])]) if len(firsts) else int(np.argmin(self.start))
        calls = Calls(batch, whole.parent, self.service)
        self.pairs = calls.halves()
        self.shifts = calls.shifts_ns(self.drawn.of)

    def page(
        self, *, limit: int, cursor: str | None = None, below: str | None = None, begin: int | None = None
    ) -> TraceTree:
        """The head, and some rows."""
        first, last = 0, len(self.drawn.of)
        if below is not None:
            above = self.place_of(below)
            first, last = above + 1, above + 1 + self.drawn.below[above]
        if begin is None and cursor is not None:
            begin = _place(cursor)
        first = min(max(first, begin or 0), last)
        return self._shown(range(first, min(first + limit, last)), last)

    def around(self, span_id: str, *, limit: int) -> TraceTree:
        """The head, and `limit` rows with a span among them; before them the rows above the first, `limit` at most.

        Raises NotFound.
        """
        place, last = self.place_of(span_id), len(self.drawn.of)
        first = max(0, min(place - limit // 2, last - limit))
        above: list[int] = []
        up = self.drawn.above[first]
        while up >= 0 and len(above) < limit:
            above.append(up)
            up = self.drawn.above[up]
        return self._shown(range(first, min(first + limit, last)), last, above[::-1])

    def _shown(self, shown: range, last: int, above: Sequence[int] = ()) -> TraceTree:
        components = self._components(shown) | self._components(above)
        rows = [self.row(place, components) for place in (*above, *shown)]
        until = int(self.whole.marks.max())
        following = f"{shown.stop}.{until}" if shown.stop < last else None
        return self._head(rows, following)

    def place_of(self, span_id: str) -> int:
        """The row of the span with this id, of several the last to arrive. Raises NotFound."""
        digits = hex_digits(span_id, of_span=True)
        if not digits:
            raise BadRequest("a span id has 16 hex digits", parameter="span_id")
        number = int(digits, 16)
        found = np.flatnonzero(self.whole.batch.column("span_id") == np.uint64(number & (2**64 - 1)))
        if len(found):
            own = found[self.whole.asked[found]]
            return self.drawn.place[int((own if len(own) else found)[-1])]
        place = next((place for place, missing in self.drawn.missing.items() if missing == number), None)
        if place is None:
            raise NotFound(f"trace {self.whole.trace_id} has no span {span_id.strip().lower()}")
        return place

    def held(self, span_id: str) -> int:
        """The same, of a span that is held."""
        place = self.place_of(span_id)
        if place in self.drawn.missing:
            raise NotFound(f"span {span_id} is named as a parent and not held")
        return place

    def _components(self, shown: Sequence[int]) -> dict[int, str]:
        """The tag `component` of the rows shown that have it, by row of the batch."""
        batch = self.whole.batch
        prefix = key_prefix("component")
        texts: dict[int, str] = {}
        found: dict[int, str] = {}
        tags = batch.rows.column("tags")
        for row in (self.drawn.of[place] for place in shown):
            for code in tags[row].as_py() if row >= 0 else ():
                if code not in texts:
                    encoded = batch.tags[code].as_py()
                    own = encoded.startswith(prefix)
                    texts[code] = texts_of(batch.tags.slice(code, 1), "component")[0].as_py() if own else ""
                if texts[code]:
                    found[row] = texts[code]
        return found

    def row(self, place: int, components: dict[int, str] | None = None) -> TreeRow:
        """One row."""
        drawn, row = self.drawn, self.drawn.of[place]
        named = self._components(range(place, place + 1)) if components is None else components
        origin = int(self.start[self.root]) // 1000
        common: dict[str, Any] = {
            "row": place,
            "parent": drawn.above[place] if drawn.above[place] >= 0 else None,
            "depth": drawn.depth[place],
            "children": drawn.children[place],
            "below": drawn.below[place],
            "errors_below": int(self.errors[place + 1 + drawn.below[place]] - self.errors[place + 1]),
        }
        if row < 0:
            child = drawn.of[place + 1]
            start_us = int(self.start[child]) // 1000
            return TreeRow(
                **common,
                trace_id=self.whole.id_of(child),
                span_id=id_text(drawn.missing[place]),
                service=None,
                operation=None,
                kind=None,
                component=None,
                start_us=start_us,
                offset_us=start_us - origin,
                duration_us=0,
                error=False,
                missing=True,
                path_us=0,
                path_share=0,
                segments=[],
                self_us=0,
                self_share=0,
                skew_us=0,
                shift_us=0,
                pair=None,
                joined_by=None,
            )
        start_us, duration = int(self.start[row]) // 1000, max(int(self.duration[row]), 0)
        whole_ns = max(int(self.duration[self.top[row]]), 0)
        segments = self.path.segments(row, int(self.begin[row])) if self.on_path[row] else []
        return TreeRow(
            **common,
            trace_id=trace_text(int(self.high[row]), int(self.low[row])),
            span_id=id_text(int(self.span_id[row])),
            service=self.services[self.service[row]],
            operation=self.names[self.name[row]],
            kind=kind_text(int(self.kind[row])),
            component=named.get(row),
            start_us=start_us,
            offset_us=start_us - origin,
            duration_us=int(self.duration[row]) // 1000,
            error=bool(self.failed[row]),
            missing=False,
            path_us=float(self.spent[row]) / 1000,
            path_share=float(self.spent[row]) / whole_ns if whole_ns else 0.0,
            segments=[((begin - self.zero) / 1000, (end - self.zero) / 1000) for begin, end in segments],
            self_us=int(self.path.self_ns[row]) / 1000,
            self_share=int(self.path.self_ns[row]) / duration if duration else 0.0,
            skew_us=self._skew_ns(row) // 1000,
            shift_us=self.shifts[row] // 1000,
            pair=self._pair(row),
            joined_by=self.whole.joined_by.get(row),
            duration_ns=int(self.duration[row]) if self.duration[row] % 1000 else None,
            logs_us=self._logs_us(row),
        )

    def _logs_us(self, row: int) -> list[int]:
        batch = self.whole.batch
        logs = batch.rows.column("logs")[row].values[:LOGS_MAX].to_pylist()
        if not logs:
            return []
        extra = decode_extra(batch.extras[batch.rows.column("extra")[row].as_py()].as_py())
        origin_us = self.zero // 1000
        return [decode_log(one, extra.get("offset_us", 0)).time_us - origin_us for one in logs]

    def _skew_ns(self, row: int) -> int:
        above = int(self.whole.parent[row])
        return max(int(self.start[above]) - int(self.start[row]), 0) if above >= 0 else 0

    def _pair(self, row: int) -> Pair | None:
        other = self.pairs.get(row)
        if other is None:
            return None
        serves = self.kind[row] == np.uint8(Kind.SERVER)
        client, server = (other, row) if serves else (row, other)
        return Pair(
            "server" if serves else "client",
            self.drawn.place[other],
            id_text(int(self.span_id[other])),
            int(self.duration[client]) // 1000 - int(self.duration[server]) // 1000,
        )

    def _head(self, rows: list[TreeRow], following: str | None) -> TraceTree:
        whole, batch = self.whole, self.whole.batch
        of_root = self.top == self.root
        path = np.bincount(self.service[of_root], self.spent[of_root], len(self.services)) / 1000
        root_us = max(int(self.duration[self.root]), 0) / 1000
        spans = np.bincount(self.service, minlength=len(self.services))
        errors = np.bincount(self.service[self.failed], minlength=len(self.services))
        services = [
            TraceService(
                name,
                int(spans[i]),
                int(errors[i]),
                float(path[i]),
                float(path[i]) / root_us if root_us else 0.0,
            )
            for i, name in enumerate(self.services)
        ]
        services.sort(key=lambda one: (-one.path_us, one.service))
        held = whole.parent >= 0
        skewed = self.start[held] < self.start[whole.parent[held]]
        _, firsts = np.unique(whole.trace, return_index=True)
        end = int(self.path.end.max())
        return TraceTree(
            whole.trace_id,
            [whole.trace_id, *sorted({whole.id_of(row) for row in firsts.tolist()} - {whole.trace_id})],
            self.zero // 1000,
            (end - self.zero) // 1000,
            self.drawn.place[self.root],
            len(batch),
            int(np.count_nonzero(self.failed)),
            max(self.drawn.depth) + 1,
            len(self.drawn.missing),
            self._duplicates(),
            int(np.count_nonzero(skewed)),
            len(whole.joined_by),
            services,
            self._notes(),
            rows,
            len(self.drawn.of),
            following,
        )

    def _duplicates(self) -> int:
        """Spans beyond the first with their id; the halves of a shared id are two."""
        shared = (self.whole.batch.column("marks") & np.uint16(Marks.SHARED)) > 0
        keys = (shared, self.span_id, self.whole.trace)
        order = np.lexsort(keys)
        again = np.logical_and.reduce([key[order][1:] == key[order][:-1] for key in keys])
        return int(np.count_nonzero(again))

    def _notes(self) -> list[str]:
        notes = []
        joined = sorted({self.services[self.service[row]] for row in self.whole.joined_by})
        if joined:
            notes.append(
                f"{', '.join(joined)} did not forward the tracing headers: only an equal request id joins its"
                " spans to the rest"
            )
        if self.drawn.missing:
            notes.append(f"{len(self.drawn.missing)} spans are named as parents and not held")
        return notes


def _place(cursor: str) -> int:
    place, _, mark = cursor.partition(".")
    if not (place.isdecimal() and mark.isdecimal()):
        raise BadRequest("cursor: not one that this satellite made", hint="pass next_cursor as it was given")
    return int(place)


def until_of(cursor: str | None) -> int | None:
    """The mark that the first page was made at. Raises BadRequest."""
    if cursor is None:
        return None
    _place(cursor)
    return int(cursor.partition(".")[2])


def _tops(parent: Ints) -> Ints:
    """For each row the one at the top of its tree."""
    top = np.where(parent >= 0, parent, np.arange(len(parent)))
    while (top != top[top]).any():
        top = top[top]
    return top
