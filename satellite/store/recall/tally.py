"""Tallies: the groups of one segment, counted once, so that a question only adds up what each segment knows.

Percentiles stay exact: rows lie in order of group and histogram bucket, so that only the durations of the one bucket
which holds a rank are looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from satellite.store.distinct import distinct
from satellite.store.latency import ranks
from satellite.store.recall.distributions import Combinations, Hits, Ints
from satellite.store.recall.segment import Mask, Segment
from satellite.store.recall.traces import beyond, distinct_traces_by_group, shared_ids

PREPARED: tuple[tuple[str, ...], ...] = (("service",), ("service", "operation"))
"""Keys whose tallies a sealed segment has."""

GROUPS_MAX = 512
"""Of more groups than that the rows are looked at together, which then costs less than adding up."""

EXEMPLARS = 5

_BITS = 10  # a bucket number is below 1024


@dataclass(frozen=True, eq=False)
class Tally:
    """The groups of a segment; a cell is a group's bucket that holds rows, numbered group · 1024 + bucket."""

    values: Combinations
    group: npt.NDArray[np.uint16]
    """Of each row that was counted, in their order."""
    order: npt.NDArray[np.uint16]
    """The rows of the segment by cell."""
    cells: Ints
    """Ascending."""
    bounds: Ints
    """order[bounds[i] : bounds[i + 1]] are the rows of cells[i]."""
    errors: Ints
    """Of each cell."""
    sums_us: Ints
    """Of each group."""
    traces: Ints
    """Distinct ones of each group, within the segment."""
    exemplars: list[list[int]]
    """Of each group its slowest rows, in no order."""

    @staticmethod
    def of(segment: Segment, mask: Mask | None, by: Sequence[str]) -> Tally | None:
        """Count the rows, of which there is one at least; None when they are more than GROUPS_MAX groups."""
        hits = Hits([(segment, mask)])
        group, values = hits.combined(by)
        if len(values) > GROUPS_MAX:
            return None
        rows = np.arange(len(segment)) if mask is None else np.flatnonzero(mask)
        bucket = segment.bucket[rows].astype(np.uint64)
        packed = np.sort(
            (((group.astype(np.uint64) << np.uint64(_BITS)) | bucket) << np.uint64(16))
            | rows.astype(np.uint64)
        )
        order = (packed & np.uint64(0xFFFF)).astype(np.uint16)
        cell_of = (packed >> np.uint64(16)).astype(np.int64)
        begins = np.flatnonzero(np.append(True, cell_of[1:] != cell_of[:-1]))
        cells = cell_of[begins]
        owners = cells >> _BITS
        starts = begins[np.flatnonzero(np.append(True, owners[1:] != owners[:-1]))]
        durations_us = segment.duration_ns[order] // 1000
        bounds = np.append(begins, len(order))
        return Tally(
            values=values,
            group=group.astype(np.uint16),
            order=order,
            cells=cells,
            bounds=bounds,
            errors=np.add.reduceat(segment.is_error[order], begins, dtype=np.int64),
            sums_us=np.add.reduceat(durations_us, starts),
            traces=distinct_traces_by_group(hits.parts, group, len(values), None),
            exemplars=_exemplars(segment, order, owners, bounds, len(values)),
        )

    @property
    def nbytes(self) -> int:
        """Bytes it holds."""
        arrays = (self.group, self.order, self.cells, self.bounds, self.errors)
        return sum(int(array.nbytes) for array in arrays)

    @property
    def counts(self) -> Ints:
        """Rows of each cell."""
        return np.diff(self.bounds)


def _exemplars(
    segment: Segment, order: npt.NDArray[np.uint16], owners: Ints, bounds: Ints, groups: int
) -> list[list[int]]:
    """Of each group what could be among the slowest EXEMPLARS, wherever the others are."""
    found: list[list[int]] = []
    firsts = np.searchsorted(owners, np.arange(groups))
    lasts = np.searchsorted(owners, np.arange(groups), side="right")
    for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
        stop = int(bounds[last])
        cell = last - 1
        while cell > first and stop - bounds[cell] < EXEMPLARS:
            cell -= 1
        rows = order[bounds[cell] : stop].astype(np.int64)
        durations, starts = segment.duration_ns[rows], segment.start_ns[rows]
        ranked = np.lexsort((segment.batch.column("span_id")[rows], -starts, -durations))
        found.append(rows[ranked[:EXEMPLARS]].tolist())
    return found


def tally_of(segment: Segment, mask: Mask | None, by: tuple[str, ...]) -> Tally | None:
    """The tally of these rows, see `Tally.of`; kept when it is of all rows and PREPARED."""
    if mask is not None or by not in PREPARED:
        return Tally.of(segment, mask, by)
    if by not in segment.tallies:
        segment.tallies[by] = Tally.of(segment, None, by)
    known: Tally | None = segment.tallies[by]
    return known


def prepare(segment: Segment) -> None:
    """Count now what questions ask of a sealed segment; not where some rows do not count."""
    if segment.bounded_by_nothing:
        for by in PREPARED:
            tally_of(segment, None, by)


@dataclass(frozen=True)
class Sum:
    """Several tallies as one."""

    values: Combinations
    table: dict[str, npt.NDArray[Any]]
    """Numbers of each group, by the names of Group's fields."""
    cells: Ints
    """As in Tally, ascending."""
    counts: Ints
    errors: Ints
    """Both of each cell."""
    exemplars: list[list[str]]
    """Span ids of each group, slowest first."""


def added_up(parts: Sequence[tuple[Segment, Mask | None]], by: tuple[str, ...]) -> Sum | None:
    """The groups of all parts; None when there are more than GROUPS_MAX."""
    tallies: list[Tally] = []
    moved: list[Ints] = []
    places: dict[tuple[str | None, ...], int] = {}
    for segment, mask in parts:
        tally = tally_of(segment, mask, by)
        if tally is None:
            return None
        named = [tuple(tally.values.values(number)) for number in range(len(tally.values))]
        moved.append(np.array([places.setdefault(name, len(places)) for name in named], np.int64))
        if len(places) > GROUPS_MAX:
            return None
        tallies.append(tally)
    numbers = [
        (place[tally.cells >> _BITS] << _BITS) | (tally.cells & ((1 << _BITS) - 1))
        for tally, place in zip(tallies, moved, strict=True)
    ]
    cells, of_cell = np.unique(np.concatenate(numbers), return_inverse=True)
    counts, errors = (
        _totals(of_cell, np.concatenate(found), len(cells))
        for found in ([tally.counts for tally in tallies], [tally.errors for tally in tallies])
    )
    owners, everybody = cells >> _BITS, np.concatenate(moved)
    count = _totals(owners, counts, len(places))
    error = _totals(owners, errors, len(places))
    sums_us = _totals(everybody, np.concatenate([tally.sums_us for tally in tallies]), len(places))
    segments = [segment for segment, _ in parts]
    percentiles = _percentiles(segments, tallies, numbers, cells, counts, count)
    return Sum(
        values=_as_columns(list(places)),
        table={
            "count": count,
            "exemplars": count,
            "errors": error,
            "error_ratio": error / count,
            "avg_latency_us": sums_us / count,
            "sum_us": sums_us,
            **percentiles,
            "traces": _traces(parts, tallies, moved, len(places)),
        },
        cells=cells,
        counts=counts,
        errors=errors,
        exemplars=_slowest(segments, tallies, moved, len(places)),
    )


def _as_columns(named: list[tuple[str | None, ...]]) -> Combinations:
    columns = [list(column) for column in zip(*named, strict=True)]
    places = np.repeat(np.arange(len(named))[:, None], len(columns), axis=1)
    return Combinations(columns, places)


def _totals(places: Ints, numbers: Ints, size: int) -> Ints:
    """The whole numbers at each place, added up without rounding."""
    totals = np.zeros(size, np.int64)
    np.add.at(totals, places, numbers)
    return totals


def _percentiles(
    segments: Sequence[Segment],
    tallies: Sequence[Tally],
    numbers: Sequence[Ints],
    cells: Ints,
    counts: Ints,
    count: Ints,
) -> dict[str, Ints]:
    ends = np.cumsum(counts)
    before = np.cumsum(count) - count
    wanted = {name: before + ranks(percent, count) for name, percent in _PERCENTILES.items()}
    holding = {name: np.searchsorted(ends, places, side="right") for name, places in wanted.items()}
    ordered: dict[int, Ints] = {}
    needed = sorted({int(at) for found in holding.values() for at in found})
    pieces: dict[int, list[Ints]] = {at: [] for at in needed}
    for segment, tally, mine in zip(segments, tallies, numbers, strict=True):
        by_number = np.argsort(mine)
        spots = np.searchsorted(mine, cells[needed], sorter=by_number)
        for at, spot in zip(needed, spots.tolist(), strict=True):
            if spot < len(mine) and mine[cell := by_number[spot]] == cells[at]:
                rows = tally.order[tally.bounds[cell] : tally.bounds[cell + 1]]
                pieces[at].append(segment.duration_ns[rows] // 1000)
    for at in needed:
        ordered[at] = np.sort(np.concatenate(pieces[at]))
    return {
        name: np.array(
            [
                ordered[at][place - (ends[at] - counts[at])]
                for at, place in zip(holding[name].tolist(), wanted[name].tolist(), strict=True)
            ],
            np.int64,
        )
        for name in wanted
    }


_PERCENTILES = {"p50_us": 50.0, "p95_us": 95.0, "p99_us": 99.0}


_NONE = np.empty(0, np.uint64)


def _traces(
    parts: Sequence[tuple[Segment, Mask | None]], tallies: Sequence[Tally], moved: Sequence[Ints], groups: int
) -> Ints:
    """Distinct traces of each group; those that lie in several segments once."""
    totals = np.zeros(groups, np.int64)
    shared = shared_ids(parts)
    pairs: list[Ints] = []
    group_of = (
        [place[tally.group] for tally, place in zip(tallies, moved, strict=True)] if len(shared) else []
    )
    for at, ((segment, mask), tally, place) in enumerate(zip(parts, tallies, moved, strict=True)):
        totals[place] += tally.traces
        if not len(shared):
            continue
        totals -= beyond([(segment, mask)], _NONE, group_of[at], groups)  # told again below
        ids, number = segment.trace_numbers
        spots = np.minimum(np.searchsorted(shared, ids), len(shared) - 1)
        known = shared[spots] == ids
        number = number if mask is None else number[mask]
        rows = np.flatnonzero(known[number])
        mine = distinct(group_of[at][rows] * len(shared) + spots[number[rows]])
        totals -= np.bincount(mine // len(shared), minlength=groups)
        pairs.append(mine)
    if pairs:
        totals += np.bincount(distinct(np.concatenate(pairs)) // len(shared), minlength=groups)
        totals += beyond(parts, shared, np.concatenate(group_of), groups)
    return totals


def _slowest(
    segments: Sequence[Segment], tallies: Sequence[Tally], moved: Sequence[Ints], groups: int
) -> list[list[str]]:
    found: list[list[tuple[int, int, int, int]]] = [[] for _ in range(groups)]
    for segment, tally, place in zip(segments, tallies, moved, strict=True):
        span_id = segment.batch.column("span_id")
        for group, rows in zip(place.tolist(), tally.exemplars, strict=True):
            marks = segment.marks_of(np.array(rows, np.int64)).tolist()
            found[group] += [
                (-int(segment.duration_ns[row]), -int(segment.start_ns[row]), int(span_id[row]), mark)
                for row, mark in zip(rows, marks, strict=True)
            ]
    return [[f"{span_id:016x}" for _, _, span_id, _ in sorted(rows)[:EXEMPLARS]] for rows in found]
