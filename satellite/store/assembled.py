"""Assembled: whole traces behind a query, and which of them when there are too many (explorer.md §6.2).

Engines find the rows; which traces to take, and what each exemplar stands for, is decided here, the same for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from satellite.model.spans import SpanBatch, SpanBuilder, Status
from satellite.store.distinct import distinct

TRACES_MAX = 3000
"""Traces that one run puts together, as in Explorer."""

SPANS_MAX = 1_000_000
"""Spans of all of them (ours): traces beyond it are left out, the last chosen first."""

Ints = npt.NDArray[np.int64]
Ids = npt.NDArray[np.uint64]
Strata = npt.NDArray[np.uint16]
Weights = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


class Candidates(NamedTuple):
    """Some of the matching spans, as an engine has them together; arrays have one entry per span."""

    trace_low: Ids
    """Lower halves of trace ids."""
    span_id: Ids
    stratum: Strata


@dataclass(frozen=True, eq=False)
class Assembled:
    """Traces, each with all its spans, in order of arrival. Arrays have one entry per row of all parts."""

    parts: Sequence[SpanBatch]
    """The spans, as the engine had them together: joining them costs as much as finding them, and few questions need it."""
    marks: Ints
    """Where each row stands in the order of arrival."""
    trace: Ints
    """The number of each row's trace, from 0."""
    matched: Mask
    """Whether each row matches the query."""
    weights: Weights
    """How many spans each row stands for; 1 when no trace was left out.

    A matching row: spans of its stratum (histogram bucket and whether it is an error) ÷ those of them that are here,
    so that the weights sum up to `spans`. Another row: the mean of its trace's matching rows.
    """
    spans: int
    """Matching spans, left out or not."""
    errors: int
    """Those of them that are errors."""
    traces: int
    """Distinct traces of the matching spans, left out or not."""

    @cached_property
    def batch(self) -> SpanBatch:
        """All parts as one. It is kept: whoever keeps the traces for long asks another one that `picked` made."""
        return joined(self.parts)

    def column(self, name: str) -> npt.NDArray[Any]:
        """A column of numbers of all parts."""
        return _column(self.parts, name)

    @property
    def held(self) -> int:
        """How many traces are here."""
        return int(self.trace.max()) + 1 if len(self.trace) else 0

    @property
    def is_error(self) -> Mask:
        """Whether each row is an error span."""
        wrong: Mask = self.column("status") == np.uint8(Status.ERROR)
        return wrong

    @property
    def nbytes(self) -> int:
        """Bytes it holds."""
        arrays = (self.marks, self.trace, self.matched, self.weights)
        return sum(part.nbytes for part in self.parts) + sum(array.nbytes for array in arrays)

    def trace_weights(self) -> Weights:
        """For each trace how many it stands for."""
        found = np.ones(self.held, np.float64)
        rows = np.bincount(self.trace[self.matched], minlength=self.held)
        sums = np.bincount(self.trace[self.matched], self.weights[self.matched], minlength=self.held)
        found[rows > 0] = sums[rows > 0] / rows[rows > 0]
        return found


def joined(parts: Sequence[SpanBatch]) -> SpanBatch:
    """All rows in order as one batch."""
    if len(parts) == 1:
        return parts[0]
    return SpanBatch.concat(parts) if parts else SpanBuilder().build()


def picked(parts: Sequence[SpanBatch], rows: Mask) -> list[SpanBatch]:
    """Some of the rows of all parts; parts of which all are picked as they are."""
    ends = np.cumsum([len(part) for part in parts])
    own = zip(parts, np.split(rows, ends[:-1]), strict=True) if parts else ()
    return [
        part if mine.all() else part.take(np.flatnonzero(mine)).compact() for part, mine in own if mine.any()
    ]


def _column(parts: Sequence[SpanBatch], name: str) -> npt.NDArray[Any]:
    return np.concatenate([part.column(name) for part in parts or [SpanBuilder().build()]])


def assembled(
    parts: Sequence[SpanBatch],
    marks: Ints,
    matched: Mask,
    stratum: Strata,
    sizes: Ints,
    traces: int,
    most: int,
) -> Assembled:
    """Put together what an engine found.

    Args:
        parts: the rows of the traces taken, in order of arrival; also of others with the same lower halves of ids.
        marks: of each row.
        matched: whether each row matches.
        stratum: of each row.
        sizes: matching spans of each stratum, their traces taken or not.
        traces: how many those are in.
        most: traces that may be taken.
    """
    low = _column(parts, "trace_low")
    trace = trace_numbers(_column(parts, "trace_high"), low)
    taken = _taken(trace, low, matched, most)
    if taken is not None:
        rows = np.isin(trace, taken)
        parts, trace = picked(parts, rows), np.searchsorted(taken, trace[rows])
        marks, matched, stratum = marks[rows], matched[rows], stratum[rows]
    found = np.ones(len(marks), np.float64)
    spans, errors = int(sizes.sum()), int(sizes[:_BUCKETS].sum())
    whole = Assembled(parts, marks, trace, matched, found, spans, errors, traces)
    if np.count_nonzero(matched) < spans:
        found[matched] = _weights(sizes, stratum[matched])
        found[~matched] = whole.trace_weights()[trace[~matched]]
    return whole


def _taken(trace: Ints, low: Ids, matched: Mask, most: int) -> Ints | None:
    """The traces that have a match, not more than `most`, ascending: first one of each lower half. None: all."""
    traces = np.bincount(trace)
    hits = np.flatnonzero(np.bincount(trace[matched], minlength=len(traces)))
    if len(hits) == len(traces) and len(hits) <= most:
        return None
    low_of = np.empty(len(traces), np.uint64)
    low_of[trace] = low
    first = np.ones(len(hits), np.bool_)
    first[1:] = low_of[hits[1:]] != low_of[hits[:-1]]
    turn = np.arange(len(hits)) - np.flatnonzero(first)[np.cumsum(first) - 1]
    return np.sort(hits[np.argsort(turn, kind="stable")[:most]])


def _weights(sizes: Ints, taken: Strata) -> Weights:
    """What each taken span stands for: spans of its stratum ÷ those of them that were taken."""
    share: Weights = (sizes / np.maximum(np.bincount(taken, minlength=len(sizes)), 1))[taken]
    return share


def trace_numbers(high: Ids, low: Ids, group: Ints | None = None) -> Ints:
    """The number of the trace that each row belongs to, from 0, in order of the ids' lower halves, then the upper.

    With groups: of the trace in its group, in order of the groups first. What a trace is says `satellite.store`.
    """
    if not len(low):
        return np.empty(0, np.int64)
    order = np.lexsort((high, low) if group is None else (high, low, group))
    lows, highs = low[order], high[order]
    first = np.ones(len(order), np.bool_)
    first[1:] = (lows[1:] != lows[:-1]) | ((highs[1:] != highs[:-1]) & (highs[:-1] != 0))
    if group is not None:
        first[1:] |= group[order][1:] != group[order][:-1]
    numbers = np.empty(len(order), np.int64)
    numbers[order] = np.cumsum(first) - 1
    return numbers


def strata(bucket: npt.NDArray[Any], is_error: Mask) -> Strata:
    """The stratum of each span: its histogram bucket and whether it is an error; ascending is the order of turns."""
    numbers: Strata = np.uint16(2 * _BUCKETS - 1) - bucket.astype(np.uint16)
    numbers[is_error] -= np.uint16(_BUCKETS)
    return numbers


_BUCKETS = 1024
"""More than there are (latency.py)."""


def sizes_of(parts: Sequence[Candidates]) -> Ints:
    """How many spans each stratum has."""
    sizes = np.zeros(2 * _BUCKETS, np.int64)
    for part in parts:
        sizes += np.bincount(part.stratum, minlength=len(sizes))
    return sizes


def choose(parts: Sequence[Candidates], most: int, seed: int, traces: int) -> Ids:
    """Lower halves of the ids of the traces to take, in the order in which they were chosen; `traces` there are.

    All when they are not more than `most`. Otherwise strata give one span in turn, those of errors first, then from
    the slowest bucket down, until there are `most` traces. Inside a stratum the smallest hash of seed and span id
    comes first: same seed and spans, same choice.
    """
    if traces <= most:
        return distinct(np.concatenate([np.empty(0, np.uint64), *(part.trace_low for part in parts)]))
    sizes = sizes_of(parts)
    seeded = mixed(np.array([seed & _ALL], np.uint64))
    turns = max(8, 4 * -(-most // int(np.count_nonzero(sizes))))
    while True:
        # Only what could have its turn in time is sorted: of each stratum some of its smallest hashes.
        with np.errstate(divide="ignore"):
            bar = np.minimum(2.0**64 / sizes * turns, _BELOW).astype(np.uint64)
        bar[sizes <= turns] = _ALL
        near, hashes = _below(parts, seeded, bar)
        order = np.lexsort((near.span_id, hashes, near.stratum))
        stratum, trace_low = near.stratum[order], near.trace_low[order]
        given = np.bincount(stratum, minlength=len(sizes))
        turn = np.arange(len(order)) - (np.cumsum(given) - given)[stratum]
        # Where a stratum has more than it was asked for, later turns are not known.
        known = turn < min((int(n) for n in given[given < sizes]), default=len(order))
        picked = trace_low[known][np.lexsort((stratum[known], turn[known]))]
        _, places = np.unique(picked, return_index=True)
        if len(places) >= most or len(order) == sizes.sum():
            return picked[np.sort(places)[:most]]
        turns *= 4


def _below(parts: Sequence[Candidates], seeded: Ids, bar: Ids) -> tuple[Candidates, Ids]:
    """The spans whose hash does not exceed the bar of their stratum, and those hashes."""
    found = []
    for part in parts:
        hashes = mixed(part.span_id ^ seeded)
        near = np.flatnonzero(hashes <= bar.take(part.stratum.astype(np.intp)))
        found.append((*(column[near] for column in part), hashes[near]))
    *columns, hashes = (np.concatenate(column) for column in zip(*found, strict=True))
    return Candidates(*columns), hashes


_ALL = 2**64 - 1
_CHUNK = 16_384
_BELOW = 2.0**64 - 2048
"""The largest float that a 64-bit number holds."""


def mixed(numbers: Ids) -> Ids:
    """64 well-mixed bits for each number (splitmix64)."""
    bits = numbers + np.uint64(0x9E3779B97F4A7C15)
    for start in range(0, len(bits), _CHUNK):  # in pieces that stay in the processor's cache
        mix = bits[start : start + _CHUNK]
        mix ^= mix >> np.uint64(30)
        mix *= np.uint64(0xBF58476D1CE4E5B9)
        mix ^= mix >> np.uint64(27)
        mix *= np.uint64(0x94D049BB133111EB)
        mix ^= mix >> np.uint64(31)
    return bits
