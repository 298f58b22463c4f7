"""Latencies of the matching spans: the histogram and its percentiles, exact over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from satellite.query.plan import Plan
from satellite.store import Bucket, Histogram
from satellite.store.latency import PERCENTILES, bounds_us, rank
from satellite.store.recall.distributions import Hits
from satellite.store.recall.matches import of
from satellite.store.recall.segment import Mask, Segment
from satellite.store.recall.tally import Tally, tally_of
from satellite.store.recall.traces import distinct_traces, distinct_traces_by_group

Ints = npt.NDArray[np.int64]

_TALLY = ("service",)
"""Whose tally of a segment has all rows by bucket."""


def histogram(segments: Sequence[Segment], plan: Plan) -> Histogram:
    """Exact, over all matches: counts from the prepared buckets, percentiles from the durations of one bucket."""
    hits = Hits.of(segments, plan)
    if hits.weights is not None:
        return _weighted(hits, hits.weights)
    return _exact(hits.parts)


def _exact(hits: Sequence[tuple[Segment, Mask | None]]) -> Histogram:
    counts = np.zeros(1, np.int64)
    errors = np.zeros(1, np.int64)
    tallies = [
        tally_of(segment, None, _TALLY) if mask is None and segment.sealed else None for segment, mask in hits
    ]
    for (segment, mask), tally in zip(hits, tallies, strict=True):
        if tally is not None:
            mine, failing = tally.by_bucket()
            counts, errors = _sum(counts, mine), _sum(errors, failing)
            continue
        buckets = of(segment.bucket, mask)
        counts = _sum(counts, np.bincount(buckets))
        wrong = segment.is_error if mask is None else segment.is_error & mask
        if wrong.any():
            errors = _sum(errors, np.bincount(segment.bucket[wrong]))
    total = int(counts.sum())
    errors = _sum(errors, np.zeros(len(counts), np.int64))
    shown = [
        Bucket(i, *bounds_us(i), count=int(counts[i]), errors=int(errors[i]))
        for i in np.flatnonzero(counts).tolist()
    ]
    starts = all_start_bounds_ns(hits)
    percentiles: dict[str, int] = {}
    cumulated = np.cumsum(counts)
    ordered: dict[int, npt.NDArray[Any]] = {}
    for name, percent in PERCENTILES.items() if total else ():
        place = rank(percent, total)
        bucket = int(np.searchsorted(cumulated, place, side="right"))
        if bucket not in ordered:
            inside = [_durations_in(*part, tally, bucket) for part, tally in zip(hits, tallies, strict=True)]
            ordered[bucket] = np.sort(np.concatenate(inside))
        percentiles[name] = int(ordered[bucket][place - (int(cumulated[bucket - 1]) if bucket else 0)])
    return Histogram(
        shown,
        percentiles,
        total,
        int(errors.sum()),
        distinct_traces(hits),
        None if starts is None else starts[0] // 1000,
        None if starts is None else starts[1] // 1000,
    )


def _weighted(hits: Hits, weights: npt.NDArray[np.float64]) -> Histogram:
    """Of exemplars: each row counts as often as it stands for; percentiles are those of the weighted durations."""
    everything = np.zeros(len(weights), np.int64)
    rows = hits.distributions(everything, 1)
    (cells,) = rows.cells([0])
    (traces,) = distinct_traces_by_group(hits.parts, everything, 1, weights).tolist()
    starts = hits.column("start_ns") // 1000
    return Histogram(
        buckets=[Bucket(cell.index, *bounds_us(cell.index), cell.count, cell.errors) for cell in cells],
        percentiles={name: int(rows.percentile(percent)[0]) for name, percent in PERCENTILES.items()},
        count=int(rows.counts[0]),
        errors=int(rows.errors[0]),
        traces=traces,
        oldest_us=int(starts.min()),
        newest_us=int(starts.max()),
    )


def all_start_bounds_ns(hits: Sequence[tuple[Segment, Mask | None]]) -> tuple[int, int] | None:
    """Least and greatest start of the matches of all segments; only those are looked at whose rows may lie beyond what was found."""
    oldest: int | None = None
    newest: int | None = None
    for part in sorted(hits, key=lambda part: part[0].start_bounds_ns[0]):
        if oldest is not None and part[0].start_bounds_ns[0] >= oldest:
            break
        found = start_bounds_ns(*part)[0]
        oldest = found if oldest is None else min(oldest, found)
    for part in sorted(hits, key=lambda part: -part[0].start_bounds_ns[1]):
        if newest is not None and part[0].start_bounds_ns[1] <= newest:
            break
        found = start_bounds_ns(*part)[1]
        newest = found if newest is None else max(newest, found)
    return None if oldest is None or newest is None else (oldest, newest)


def start_bounds_ns(segment: Segment, mask: Mask | None) -> tuple[int, int]:
    """Least and greatest start of the matches, of which there is one at least."""
    if mask is None:
        return segment.start_bounds_ns
    starts = segment.start_ns[mask]
    return int(starts.min()), int(starts.max())


def _durations_in(segment: Segment, mask: Mask | None, tally: Tally | None, bucket: int) -> Ints:
    """Durations in µs of the matches in one bucket."""
    if tally is not None:
        rows = tally.rows_of_bucket(bucket)
    else:
        inside = segment.bucket == bucket
        rows = np.flatnonzero(inside if mask is None else inside & mask)
    duration_us: Ints = segment.duration_ns[rows] // 1000
    return duration_us


def _sum(left: Ints, right: npt.NDArray[Any]) -> Ints:
    """Element by element, the shorter one padded with zeros."""
    total = np.zeros(max(len(left), len(right)), np.int64)
    total[: len(left)] += left
    total[: len(right)] += right
    return total
