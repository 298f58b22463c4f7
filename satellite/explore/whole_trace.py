"""Whole traces as columns: all spans of one trace id, and those of traces that only a request id joins to it.

Applications that do not forward the tracing headers split a request into several traces; Envoy gives all their spans
the same `guid:x-request-id`, and LightStep showed them as one (istio-envoy.md §6.5).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from satellite.errors import BadRequest, NotFound
from satellite.explore.forest import Forest
from satellite.model import compute as pc
from satellite.model.ids import hex_digits
from satellite.model.span import counted
from satellite.model.spans import Kind, SpanBatch, trace_text
from satellite.model.tag import decode_tag, text_of
from satellite.query.plan import ALL, Field, Plan, Term
from satellite.store import Questions
from satellite.store.assembled import Ids, Ints, Mask, trace_numbers
from satellite.store.distinct import distinct

GUID = "guid:"
"""Tags whose equal values join spans."""

JOINED_MAX = 64
"""Traces with one value of such a tag (ours): a value that more have is no request's."""

TraceIds = list[tuple[int | None, int]]


def trace_ids(text: str) -> TraceIds:
    """The (upper half, lower half) that an id means; upper half None: any.

    Up to 16 hex digits name the lower half of the id, whatever its upper half. More name both; spans that a 64-bit
    tracer sent of the same trace (upper half 0) belong to it too (ours, as in queries: explorer.md §4.4). How else
    ids are written says `model.ids`.

    Raises:
        BadRequest: no trace id.
    """
    digits = hex_digits(text)
    if not digits:
        raise BadRequest("a trace id has 16 or 32 hex digits", hint="such as 00000000b00c0002")
    high, low = divmod(int(digits, 16), 2**64)
    if len(digits) <= 16:
        return [(None, low)]
    return [(high, low) for high in sorted({high, 0})]


@dataclass(frozen=True, slots=True, eq=False)
class WholeTrace:
    """Spans of one trace, or of several that are joined; one entry per row in order of arrival."""

    batch: SpanBatch
    marks: Ints
    trace: Ints
    """The number of each row's trace, from 0."""
    asked: Mask
    """Whether each row is of the trace that was asked for."""
    parent: Ints
    """The row above each; -1: none."""
    missing: Ids
    """The id of a parent that is not held; 0: there is none."""
    joined_by: dict[int, str]
    """The tag by which alone a row stands below its parent."""

    @property
    def trace_id(self) -> str:
        """The id that was asked for, at its longest."""
        return longest_id(*(self.batch.column(name)[self.asked] for name in ("trace_high", "trace_low")))

    def id_of(self, row: int) -> str:
        """The trace id of a row."""
        return trace_text(*(int(self.batch.column(name)[row]) for name in ("trace_high", "trace_low")))


def longest_id(high: Ids, low: Ids) -> str:
    """The trace id of spans of one trace, by the halves of each; in full if any of them has that."""
    row = int(np.argmax(high))
    return trace_text(int(high[row]), int(low[row]))


def rows_of_trace(
    source: Questions, project: str, trace_id: str, *, until: int | None = None
) -> tuple[SpanBatch, Ints]:
    """The spans of a trace as `Questions.trace_batch` gives them; arguments and errors as of `whole_trace`."""
    batch, marks = _until(until, *source.trace_batch(project, trace_ids(trace_id)))
    if not len(batch):
        raise NotFound(
            f"no span of trace {trace_id.strip().lower()} is held",
            hint=_kept(source, project) + "; it may have left the recall window, or went to another project",
        )
    return batch, marks


def _until(until: int | None, batch: SpanBatch, marks: Ints) -> tuple[SpanBatch, Ints]:
    if until is None:
        return batch, marks
    rows = np.flatnonzero(marks <= until)
    return batch.take(rows), marks[rows]


def whole_trace(
    source: Questions, project: str, trace_id: str, *, join: bool = True, until: int | None = None
) -> WholeTrace:
    """All spans of a trace.

    Args:
        source: who is asked.
        project: whose spans.
        trace_id: in any accepted spelling.
        join: also the traces that share a request id with it.
        until: only what arrived up to this mark.

    Raises:
        BadRequest: no trace id.
        NotFound: no span of it is held.
    """
    batch, marks = rows_of_trace(source, project, trace_id, until=until)
    batch = batch.compact()
    wanted = trace_ids(trace_id)
    lows = {low for _, low in wanted}
    others = _joined(source, project, batch, lows) if join else []
    if others:
        more = source.trace_batch(project, [*wanted, *((None, low) for low in others)])
        batch, marks = _until(until, *more)
        batch = batch.compact()
    asked = np.isin(batch.column("trace_low"), np.array(sorted(lows), np.uint64))
    trace = trace_numbers(batch.column("trace_high"), batch.column("trace_low"))
    forest = Forest.of(batch, trace)
    joined_by: dict[int, str] = {}
    if others:
        joined_by = _join(batch, trace, forest)
    return WholeTrace(batch, marks, trace, asked, forest.parent, forest.missing, joined_by)


def _kept(source: Questions, project: str) -> str:
    spans = source.count(project, ALL)
    seconds = source.recall_window_us(project) / 1e6
    within = f", which arrived within {seconds:,.0f} s," if seconds >= 1 else ""
    return f"{counted(spans, 'span')}{within} {'is' if spans == 1 else 'are'} held"


def _guids(batch: SpanBatch) -> dict[int, tuple[str, str]]:
    """Key and value of the tags that join, by their code."""
    codes = np.flatnonzero(np.asarray(pc.match_substring(batch.tags, GUID)))
    tags = zip(codes.tolist(), batch.tags.take(pa.array(codes)).to_pylist(), strict=True)
    found = {code: decode_tag(encoded) for code, encoded in tags}
    return {
        code: (key, text_of(value)) for code, (key, value) in found.items() if key.startswith(GUID) and value
    }


def _joined(source: Questions, project: str, batch: SpanBatch, lows: set[int]) -> list[int]:
    """Lower halves of the ids of other traces with the same request id, those joined to them too."""
    known, seen = set(lows), set[tuple[str, str]]()
    while True:
        fresh = set(_guids(batch).values()) - seen
        seen |= fresh
        found: set[int] = set()
        by_key: defaultdict[str, list[str]] = defaultdict(list)
        for key, value in sorted(fresh):
            by_key[key].append(value)
        for key, values in by_key.items():
            plan = Plan((Term(Field.TAG, key, tuple(values[:JOINED_MAX])),))
            having: set[int] = set()
            for part in source.batches(project, plan):
                having.update(distinct(part.column("trace_low")).tolist())
                if len(having) > JOINED_MAX:
                    break
            else:
                found |= having
        found -= known
        known |= found
        if not found or len(known) > JOINED_MAX:
            return sorted(known - lows)
        batch = source.trace_batch(project, [(None, low) for low in sorted(found)])[0].compact()


def _join(batch: SpanBatch, trace: Ints, forest: Forest) -> dict[int, str]:
    """Put roots below spans of other traces with the same request id; the key for each row that was.

    The parent is one that runs when the root begins: first one of the same service that is served there, or one that
    calls the same operation elsewhere; then the one that began last.
    """
    guids = _guids(batch)
    codes = [[code for code in row if code in guids] for row in batch.rows.column("tags").to_pylist()]
    holders: defaultdict[int, list[int]] = defaultdict(list)
    for row, own in enumerate(codes):
        for code in own:
            holders[code].append(row)
    start, reporter, name, kind = (batch.column(c) for c in ("start_ns", "reporter", "name", "kind"))
    end = start + np.maximum(batch.column("duration_ns"), 0)
    above = np.where(forest.parent >= 0, forest.parent, np.arange(len(batch))).tolist()

    def root_of(row: int) -> int:
        while above[row] != row:
            above[row] = above[above[row]]
            row = above[row]
        return row

    def nearness(row: int, root: int) -> tuple[bool, bool, int]:
        runs = bool(end[row] >= start[root])
        if reporter[row] == reporter[root]:
            fits = kind[row] != np.uint8(Kind.CLIENT)
        else:
            fits = kind[row] == np.uint8(Kind.CLIENT) and name[row] == name[root]
        return runs, bool(fits), int(start[row])

    joined: dict[int, str] = {}
    roots = np.flatnonzero((forest.parent < 0) & (forest.missing == 0))
    for root in sorted(roots.tolist(), key=lambda row: (int(start[row]), row)):
        candidates = [
            (row, code)
            for code in codes[root]
            for row in holders[code]
            if trace[row] != trace[root] and start[row] <= start[root] and root_of(row) != root
        ]
        if candidates:
            row, code = max(candidates, key=lambda one: nearness(one[0], root))
            forest.parent[root] = above[root] = row
            joined[root] = guids[code][0]
    return joined
