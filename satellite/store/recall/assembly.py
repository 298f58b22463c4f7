"""Whole traces out of segments: those of the spans that match a query, or those with certain ids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from satellite.model.spans import SpanBatch
from satellite.query.limit import check
from satellite.query.plan import Plan
from satellite.store.assembled import (
    SPANS_MAX,
    Assembled,
    Candidates,
    Ids,
    Ints,
    Strata,
    assembled,
    choose,
    joined,
    sizes_of,
    strata,
)
from satellite.store.distinct import distinct
from satellite.store.recall.matches import matches, of
from satellite.store.recall.segment import Mask, Segment
from satellite.store.recall.traces import distinct_traces

Number = TypeVar("Number", bound=np.generic)

PARTS_MAX = 32
"""Batches of an Assembled: each costs every question that is asked of it (ours)."""

_Rows = tuple[Segment, npt.NDArray[np.int64]]


def assemble(
    segments: Sequence[Segment], plan: Plan, traces_max: int, seed: int, *, bare: bool = False
) -> Assembled:
    """The traces of the matches; chosen ones when there are too many."""
    hits = dict(matches(segments, plan))
    candidates = [_candidates(segment, mask) for segment, mask in hits.items()]
    total = distinct_traces(list(hits.items()))
    chosen = choose(candidates, traces_max, seed, total)
    parts = [(segment, _rows(segment, np.sort(chosen), plan)) for segment in segments]
    affordable = _affordable(parts, chosen)
    if len(affordable) < len(chosen):
        parts = [(segment, _rows(segment, np.sort(affordable), plan)) for segment in segments]
    matched = _gathered((_matching(hits, segment, rows) for segment, rows in parts), np.bool_)
    taken = _gathered((_strata(segment, rows) for segment, rows in parts), np.uint16)
    batches, marks = _gathered_rows(parts, bare=bare)
    return assembled(_few(batches), marks, matched, taken, sizes_of(candidates), total, traces_max)


def trace_batch(
    segments: Sequence[Segment], trace_ids: Sequence[tuple[int | None, int]]
) -> tuple[SpanBatch, Ints]:
    """Every span of these traces, and the marks."""
    return _gathered_trace(_parts_of(segments, trace_ids))


def small_trace(
    segments: Sequence[Segment], trace_ids: Sequence[tuple[int | None, int]], spans_max: int
) -> tuple[SpanBatch, Ints] | None:
    """The same, unless there are more spans."""
    parts = _parts_of(segments, trace_ids)
    return None if sum(len(rows) for _, rows in parts) > spans_max else _gathered_trace(parts)


def _parts_of(segments: Sequence[Segment], trace_ids: Sequence[tuple[int | None, int]]) -> list[_Rows]:
    uppers: dict[int, list[int | None]] = {}
    for high, low in trace_ids:
        uppers.setdefault(low, []).append(high)
    found = (
        (segment, [row for low, highs in uppers.items() for row in _of_id(segment, low, highs)])
        for segment in segments
    )
    return [(segment, distinct(np.array(rows, np.int64))) for segment, rows in found if rows]


def _of_id(segment: Segment, low: int, highs: Sequence[int | None]) -> list[int]:
    """Live rows of the traces with this lower half and one of these upper ones (None: any): looked for once."""
    rows = segment.rows_of_trace(None, low)
    if not rows or None in highs:
        return rows
    high = segment.batch.column("trace_high")[rows].tolist()
    return [row for row, its in zip(rows, high, strict=True) if its in highs]


def _gathered_trace(parts: Sequence[_Rows]) -> tuple[SpanBatch, Ints]:
    if len(parts) == 1:  # as of most traces: nothing needs to be put together
        [(segment, mine)] = parts
        first, last = int(mine[0]), int(mine[-1])
        is_run = last - first + 1 == len(mine)  # which came in one report, as most do
        return segment.batch.slice(first, last + 1) if is_run else segment.batch.take(mine), segment.marks_of(
            mine
        )
    batches, marks = _gathered_rows(parts)
    return joined(batches), marks


def _gathered(arrays: Iterable[npt.NDArray[Number]], kind: type[Number]) -> npt.NDArray[Number]:
    """All in one; empty without any."""
    return np.concatenate([np.empty(0, kind), *arrays])


def _candidates(segment: Segment, mask: Mask | None) -> Candidates:
    low, span_id = (of(segment.batch.column(name), mask) for name in ("trace_low", "span_id"))
    return Candidates(low, span_id, _strata(segment, mask))


def _strata(segment: Segment, rows: Mask | Ints | None) -> Strata:
    if rows is None:
        return strata(segment.bucket, segment.is_error)
    return strata(segment.bucket[rows], segment.is_error[rows])


def _rows(segment: Segment, low: Ids, plan: Plan) -> Ints:
    """The live rows of these traces (ids ascending), ascending; meta events only if the plan asks for them."""
    check()
    if segment.sealed:
        ids, number = segment.trace_numbers
        wanted = np.zeros(len(ids), np.bool_)
        places = np.minimum(np.searchsorted(ids, low), len(ids) - 1)
        wanted[places[ids[places] == low]] = True
        rows: Ints = np.flatnonzero(wanted.take(number))
    else:
        mine = segment.batch.column("trace_low")
        places = np.minimum(np.searchsorted(low, mine), len(low) - 1)
        rows = np.flatnonzero(low[places] == mine) if len(low) else np.empty(0, np.int64)
    if len(segment.dead):
        rows = rows[~np.isin(rows, segment.dead)]
    if segment.meta_events is not None and not plan.meta_events:
        rows = rows[~segment.meta_events[rows]]
    return rows


def _matching(hits: dict[Segment, Mask | None], segment: Segment, rows: Ints) -> Mask:
    if segment not in hits:
        return np.zeros(len(rows), np.bool_)
    mask = hits[segment]
    return np.ones(len(rows), np.bool_) if mask is None else mask[rows]


def _affordable(parts: Sequence[_Rows], chosen: Ids) -> Ids:
    """The first of the chosen traces that together have no more than SPANS_MAX spans; one at least."""
    if sum(len(rows) for _, rows in parts) <= SPANS_MAX:
        return chosen
    ordered = np.argsort(chosen)
    sizes = np.zeros(len(chosen), np.int64)
    for segment, rows in parts:
        places = np.searchsorted(chosen[ordered], segment.batch.column("trace_low")[rows])
        sizes[ordered] += np.bincount(places, minlength=len(chosen))
    return chosen[: max(1, int(np.searchsorted(np.cumsum(sizes), SPANS_MAX, "right")))]


def _gathered_rows(parts: Sequence[_Rows], *, bare: bool = False) -> tuple[list[SpanBatch], Ints]:
    """The rows of each segment that has any, and the marks of all."""
    used = [(segment, rows) for segment, rows in parts if len(rows)]
    batches = [
        (segment.batch.bare() if bare else segment.batch).take(rows).compact() for segment, rows in used
    ]
    return batches, _gathered((segment.marks_of(rows) for segment, rows in used), np.int64)


def _few(batches: Sequence[SpanBatch]) -> list[SpanBatch]:
    """The same rows in no more than PARTS_MAX batches."""
    width = -(-len(batches) // PARTS_MAX) or 1
    return [joined(batches[start : start + width]) for start in range(0, len(batches), width)]
