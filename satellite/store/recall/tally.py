"""Tallies: the groups of one segment, counted once, so that a question only adds up what each segment knows.

Percentiles stay exact: rows lie in order of group and histogram bucket, so that only the durations of the one bucket
which holds a rank are looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from satellite.store.distinct import distinct
from satellite.store.latency import ranks
from satellite.store.recall.distributions import Combinations, Hits, Ints, sorted_in_groups
from satellite.store.recall.segment import Mask, Segment
from satellite.store.recall.tag_index import one_of
from satellite.store.recall.traces import beyond, distinct_traces_by_group, shared_ids

PREPARED: tuple[tuple[str, ...], ...] = (("service",), ("service", "operation"))
"""Keys whose tallies a sealed segment has."""

GROUPS_MAX = 512
"""Of more groups than that the rows are looked at together, which then costs less than adding up."""

EXEMPLARS = 5

_BITS = 10  # a bucket number is below 1024
_BUCKET = (1 << _BITS) - 1


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
    slowest: Ints
    """Of each group its slowest rows, one a column: the group, the row, and what they are ranked by (`_ranked`)."""

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
            slowest=_slowest_of(segment, order, owners, bounds, len(values)),
        )

    @property
    def nbytes(self) -> int:
        """Bytes it holds."""
        arrays = (self.group, self.order, self.cells, self.bounds, self.errors, self.slowest)
        return sum(int(array.nbytes) for array in arrays)

    @property
    def counts(self) -> Ints:
        """Rows of each cell."""
        return np.diff(self.bounds)

    def by_bucket(self) -> tuple[Ints, Ints]:
        """(rows, errors) of each bucket of the histogram, all groups together."""
        bucket = self.cells & _BUCKET
        size = int(bucket.max()) + 1
        return _totals(bucket, self.counts, size), _totals(bucket, self.errors, size)

    def rows_in(self, cells: Ints) -> Ints:
        """The rows of these cells, given by their places, cell after cell."""
        sizes = self.counts[cells]
        ends = np.cumsum(sizes)
        places = np.repeat(self.bounds[cells] - (ends - sizes), sizes) + np.arange(sizes.sum())
        rows: Ints = self.order[places].astype(np.int64)
        return rows

    def rows_of_bucket(self, bucket: int) -> Ints:
        """The rows of a bucket, all groups together."""
        return self.rows_in(np.flatnonzero((self.cells & _BUCKET) == bucket))

    # As parts of a segment's file

    def arrays(self, segment: Segment, by: tuple[str, ...]) -> dict[str, npt.NDArray[Any]]:
        """It as two arrays by their names; `stored` reads it back."""
        codes = []
        for key, names, places in zip(by, self.values.names, self.values.places.T, strict=True):
            code = {name: i for i, name in reversed(list(enumerate(_names(segment, key))))}
            codes.append(np.array([code[name] for name in names], np.int64)[places])
        sizes = np.array([len(self.sums_us), len(self.cells)])
        numbers = (self.cells, self.bounds, self.errors, self.sums_us, self.traces, self.slowest.ravel())
        return {
            _name(by): np.concatenate([sizes, *codes, *numbers]),
            _name(by) + _ROWS: np.concatenate([self.group, self.order]),
        }

    @staticmethod
    def stored(segment: Segment, by: tuple[str, ...]) -> Tally | None:
        """That of all rows, as the segment's file has it; None: it has none."""
        file = segment.file
        if file is None or not file.has(_name(by)):
            return None
        numbers = file.numbers(_name(by))
        groups, used = numbers[:2].tolist()
        sizes = [2, len(by) * groups, used, used + 1, used, groups, groups]
        _, codes, cells, bounds, errors, sums_us, traces, slowest = np.split(numbers, np.cumsum(sizes))
        values = Combinations([_names(segment, key) for key in by], codes.reshape(len(by), -1).T)
        group, order = np.split(file.numbers(_name(by) + _ROWS), 2)
        slowest = slowest.reshape(_RANKED, -1)
        return Tally(values, group, order, cells, bounds, errors, sums_us, traces, slowest)


_ROWS = "_rows"


def _name(by: tuple[str, ...]) -> str:
    return "by_" + "_".join(by)


def _names(segment: Segment, key: str) -> list[str | None]:
    """All that the segment knows of a key which is PREPARED."""
    return [*segment.services[0]] if key == "service" else segment.operations.to_pylist()


_RANKED = 5


def _slowest_of(
    segment: Segment, order: npt.NDArray[np.uint16], owners: Ints, bounds: Ints, groups: int
) -> Ints:
    """See Tally: of each group what could be among the slowest EXEMPLARS, wherever the others are."""
    found: list[Ints] = []
    firsts = np.searchsorted(owners, np.arange(groups))
    lasts = np.searchsorted(owners, np.arange(groups), side="right")
    for group, (first, last) in enumerate(zip(firsts.tolist(), lasts.tolist(), strict=True)):
        stop = int(bounds[last])
        cell = last - 1
        while cell > first and stop - bounds[cell] < EXEMPLARS:
            cell -= 1
        rows = order[bounds[cell] : stop].astype(np.int64)
        span_ids = segment.batch.column("span_id")[rows].view(np.int64)
        those = np.stack(
            [np.full(len(rows), group), rows, -segment.duration_ns[rows], -segment.start_ns[rows], span_ids]
        )
        found.append(those[:, _ranked(*those)[:EXEMPLARS]])
    return np.concatenate(found, axis=1)


def _ranked(group: Ints, then: Ints, slowness: Ints, lateness: Ints, span_id: Ints) -> Ints:
    """The order of the slowest: of a group the longest first, the latest, the smallest span id; then by `then`."""
    return np.lexsort((then, span_id.view(np.uint64), lateness, slowness, group))


def tally_of(segment: Segment, mask: Mask | None, by: tuple[str, ...]) -> Tally | None:
    """The tally of these rows, see `Tally.of`; kept when it is of all rows and PREPARED."""
    if mask is not None or by not in PREPARED:
        return Tally.of(segment, mask, by)
    if by not in segment.tallies:
        stored = Tally.stored(segment, by)
        if stored is not None:
            return stored
        segment.tallies[by] = Tally.of(segment, None, by)
    known: Tally | None = segment.tallies[by]
    return known


def prepare(segment: Segment) -> None:
    """Count now what questions ask of a sealed segment; not where some rows do not count."""
    if segment.sealed and segment.bounded_by_nothing:
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
        named = tally.values.all()
        moved.append(np.array([places.setdefault(name, len(places)) for name in named], np.int64))
        if len(places) > GROUPS_MAX:
            return None
        tallies.append(tally)
    numbers = [
        (place[tally.cells >> _BITS] << _BITS) | (tally.cells & _BUCKET)
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
    needed = distinct(np.concatenate(list(holding.values())))
    durations_us, owners = [], []
    for segment, tally, mine in zip(segments, tallies, numbers, strict=True):
        spots = np.minimum(np.searchsorted(cells[needed], mine), len(needed) - 1)
        chosen = np.flatnonzero(cells[needed[spots]] == mine)
        durations_us.append(segment.duration_ns[tally.rows_in(chosen)] // 1000)
        owners.append(np.repeat(spots[chosen], tally.counts[chosen]))
    ordered = sorted_in_groups(np.concatenate(owners), np.concatenate(durations_us))
    begins = np.cumsum(counts[needed]) - counts[needed]
    before = (ends - counts)[needed]
    found = {}
    for name, places in wanted.items():
        spots = np.searchsorted(needed, holding[name])
        found[name] = ordered[begins[spots] + places - before[spots]]
    return found


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
        rows = np.flatnonzero(one_of(number, np.flatnonzero(known), len(ids)))
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
    parts = []
    for segment, tally, place in zip(segments, tallies, moved, strict=True):
        group, rows, *ranked_by = tally.slowest
        parts.append(np.stack([place[group], segment.marks_of(rows), *ranked_by]))
    together = np.concatenate(parts, axis=1)
    together = together[:, _ranked(*together)]
    span_ids = together[4].view(np.uint64).tolist()
    bounds = np.searchsorted(together[0], np.arange(groups + 1)).tolist()
    return [
        [f"{span_id:016x}" for span_id in span_ids[first : min(first + EXEMPLARS, last)]]
        for first, last in pairwise(bounds)
    ]
