"""Distributions: rows that fall into numbered groups, and what each group's latencies look like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from satellite.query.plan import Plan
from satellite.store import Cell
from satellite.store.distinct import distinct_below
from satellite.store.latency import ranks
from satellite.store.recall.matches import matches, of, size
from satellite.store.recall.segment import Mask, Segment

Ints = npt.NDArray[np.int64]
Values = list[str | None]
Weights = npt.NDArray[np.float64]

_TABLE_CELLS_MAX = 1 << 22
"""Groups × buckets that are counted in one dense table; more are sorted instead."""


@dataclass(frozen=True)
class Combinations:
    """Values of several keys, as columns: a million of them are no million objects, which all had to be collected."""

    names: list[Values]
    """Of each key the distinct values."""
    places: Ints
    """A row a combination: the position in `names` of its value of each key."""

    def __len__(self) -> int:
        """How many there are."""
        return len(self.places)

    def all(self) -> list[tuple[str | None, ...]]:
        """All of them."""
        columns = [
            [names[at] for at in places.tolist()]
            for names, places in zip(self.names, self.places.T, strict=True)
        ]
        return list(zip(*columns, strict=True))

    def values(self, number: int) -> Values:
        """One combination."""
        return [names[at] for names, at in zip(self.names, self.places[number].tolist(), strict=True)]


@dataclass(frozen=True)
class Distributions:
    """Rows of one or more segments beside the number of the group that each belongs to; no group is empty."""

    group: Ints
    groups: int
    bucket: npt.NDArray[np.uint16]
    duration_us: Ints
    is_error: Mask
    weights: Weights | None
    """How many spans each row stands for; None: itself."""

    @cached_property
    def rows(self) -> Ints:
        """Rows per group."""
        return np.bincount(self.group, minlength=self.groups)

    @cached_property
    def counts(self) -> Ints:
        """Spans per group."""
        return self.rows if self.weights is None else _rounded(self._sums(None, self.weights))

    @cached_property
    def errors(self) -> Ints:
        """Error spans per group."""
        if self.weights is None:
            return np.bincount(self.group[self.is_error], minlength=self.groups)
        return _rounded(self._sums(self.is_error, self.weights))

    def _sums(self, where: Mask | None, values: Weights) -> Weights:
        rows, shares = (self.group, values) if where is None else (self.group[where], values[where])
        return _summed(rows, shares, self.groups)

    @cached_property
    def _ordered(self) -> Ints:
        return sorted_in_groups(self.group, self.duration_us)

    @cached_property
    def sums_us(self) -> Ints:
        """Durations per group, added up."""
        if self.weights is not None:
            return _rounded(self._sums(None, self.weights * self.duration_us))
        totals = np.concatenate([[0], np.cumsum(self._ordered)])
        ends = np.cumsum(self.counts)
        summed: Ints = totals[ends] - totals[ends - self.counts]
        return summed

    def percentile(self, percent: float) -> Ints:
        """Nearest rank of each group, µs."""
        if self.weights is not None:
            return self._weighted_percentile(percent, self.weights)
        begins = np.cumsum(self.counts) - self.counts
        found: Ints = self._ordered[begins + ranks(percent, self.counts)]
        return found

    def _weighted_percentile(self, percent: float, weights: Weights) -> Ints:
        """The least duration of each group that so many percent of its weight do not exceed."""
        order = np.lexsort((self.duration_us, self.group))
        cumulated = np.cumsum(weights[order])
        ends = np.cumsum(self.rows)
        before = np.concatenate([[0.0], cumulated])[ends - self.rows]
        share = (cumulated[ends - 1] - before) * (percent / 100)
        # A hair less, so that sums of weights which should be whole numbers do not miss by their rounding.
        places = np.searchsorted(cumulated, (before + share) * (1 - 1e-12), side="left")
        found: Ints = self.duration_us[order][np.clip(places, ends - self.rows, ends - 1)]
        return found

    def cells(self, chosen: Sequence[int]) -> list[list[Cell]]:
        """The distribution of each of these groups."""
        place = np.full(self.groups, -1, np.int64)
        place[chosen] = np.arange(len(chosen))
        group, bucket, is_error = place[self.group], self.bucket, self.is_error
        weights = self.weights
        if len(chosen) < self.groups:
            shown = group >= 0
            group, bucket, is_error = group[shown], bucket[shown], is_error[shown]
            weights = None if weights is None else weights[shown]
        width = int(bucket.max()) + 1 if len(bucket) else 1
        packed = group * width + bucket
        if weights is not None:
            sums = _summed(packed, weights, 1)
            used = np.flatnonzero(sums)
            counts = _rounded(sums[used])
            errors = _rounded(_summed(packed[is_error], weights[is_error], len(sums))[used])
        elif len(chosen) * width <= _TABLE_CELLS_MAX:
            table = np.bincount(packed, minlength=1)
            used = np.flatnonzero(table)
            counts = table[used]
            errors = np.bincount(packed[is_error], minlength=len(table))[used]
        else:
            used, counts = np.unique(packed, return_counts=True)
            errors = np.bincount(np.searchsorted(used, packed[is_error]), minlength=len(used))
        found: list[list[Cell]] = [[] for _ in chosen]
        for at, count, wrong in zip(used.tolist(), counts.tolist(), errors.tolist(), strict=True):
            found[at // width].append(Cell(at % width, count, wrong))
        return found


@dataclass(frozen=True)
class Hits:
    """The rows that match a plan, segment by segment."""

    parts: list[tuple[Segment, Mask | None]]

    @staticmethod
    def of(segments: Sequence[Segment], plan: Plan) -> Hits:
        """All that match."""
        return Hits(list(matches(segments, plan)))

    def column(self, name: str) -> npt.NDArray[Any]:
        """A column of the batches."""
        return np.concatenate([of(segment.batch.column(name), mask) for segment, mask in self.parts])

    def numbered(self, key: str) -> tuple[Ints, list[str | None]]:
        """(for each row the number of its value of the key, the values)."""
        known: dict[str | None, int] = {}
        columns = [_numbered(segment, mask, key, known) for segment, mask in self.parts]
        return np.concatenate(columns), list(known)

    def combined(self, by: Sequence[str]) -> tuple[Ints, Combinations]:
        """(for each row the number of its combination of values of these keys, the combinations)."""
        group = np.zeros(sum(size(segment, mask) for segment, mask in self.parts), np.int64)
        found = Combinations([], np.zeros((1, 0), np.int64))
        for key in by:
            number, names = self.numbered(key)
            group, used = dense(group * len(names) + number, len(found) * len(names))
            places = np.column_stack([found.places[used // len(names)], used % len(names)])
            found = Combinations([*found.names, names], places)
        return group, found

    def distributions(self, group: Ints, groups: int) -> Distributions:
        """These rows in those groups."""
        duration_ns = np.concatenate([of(segment.duration_ns, mask) for segment, mask in self.parts])
        return Distributions(
            group=group,
            groups=groups,
            bucket=np.concatenate([of(segment.bucket, mask) for segment, mask in self.parts]),
            duration_us=duration_ns // 1000,
            is_error=np.concatenate([of(segment.is_error, mask) for segment, mask in self.parts]),
            weights=self.weights,
        )

    @property
    def weights(self) -> Weights | None:
        """How many spans each row stands for; None: itself."""
        found = [of(segment.weights, mask) for segment, mask in self.parts if segment.weights is not None]
        return np.concatenate(found) if found else None


def _summed(places: Ints, weights: Weights, size: int) -> Weights:
    """The weights at each place, added up."""
    sums: Any = np.bincount(places, weights, minlength=size)
    return np.asarray(sums, np.float64)


def _rounded(sums: Weights) -> Ints:
    return np.rint(sums).astype(np.int64)


def _numbered(segment: Segment, mask: Mask | None, key: str, known: dict[str | None, int]) -> Ints:
    """Per matching row the number of its value in `known`, which learns the values it did not know."""
    place, values = segment.values(key)
    place = of(place, mask)
    used = np.flatnonzero(np.bincount(place, minlength=len(values)))
    number = np.zeros(len(values), np.int64)
    number[used] = [known.setdefault(values[i], len(known)) for i in used.tolist()]
    numbered: Ints = number[place]
    return numbered


def dense(combined: Ints, most: int) -> tuple[Ints, Ints]:
    """(for each row the place of its number among those that occur, ascending; those numbers, all below `most`)."""
    if most <= _TABLE_CELLS_MAX:
        used = distinct_below(combined, most)
        place = np.zeros(most, np.int64)
        place[used] = np.arange(len(used))
        return place[combined], used
    used, dense_numbers = np.unique(combined, return_inverse=True)
    return dense_numbers, used


def sorted_in_groups(group: Ints, values: Ints) -> Ints:
    """The values, group after group, ascending in each."""
    least = int(values.min())
    width = (int(values.max()) - least).bit_length()
    if width + int(group.max()).bit_length() > 62:
        return values[np.lexsort((values, group))]
    # One number per row sorts with vector instructions, which an indirect sort by two keys does not.
    packed = np.sort((group << width) | (values - least))
    unpacked: Ints = (packed & ((1 << width) - 1)) + least
    return unpacked
