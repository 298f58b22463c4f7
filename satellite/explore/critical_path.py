"""Critical path: on which spans the time of a trace was spent (explorer.md §11.1), for many traces at once.

Walk backwards from a span's end: the latest child that ended by then is on the path, what lies between belongs to the
span; go on from the child's start. Children that overlap one on the path, or outlive the span, are not on it.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from satellite.store.assembled import Ints, Weights
from satellite.store.distinct import distinct

Mask = npt.NDArray[np.bool_]


class CriticalPath:
    """The paths of a forest. Rows are those of its arrays; times are ns."""

    def __init__(
        self, parent: Ints, start_ns: Ints, duration_ns: Ints, span_id: npt.NDArray[np.uint64]
    ) -> None:
        """From the row above each (-1: none), and when each began, how long it lasted (less than 0 counts as 0)."""
        self.parent = parent
        self.start = start_ns
        self.end = start_ns + np.maximum(duration_ns, 0)
        # Children stand together, by end; of those that end together the longest comes last.
        children = np.flatnonzero(parent >= 0)
        self._order = children[
            np.lexsort((~span_id[children], -start_ns[children], self.end[children], parent[children]))
        ]
        self._times = distinct(np.concatenate([self.start, self.end]))
        self._keys = self._key(parent[self._order], self.end[self._order])
        self._on_path = self._walked()
        self.link = np.full(len(parent), -1, np.int64)
        """The row above, for rows on its path; else -1."""
        walked = self._order[self._on_path]
        self.link[walked] = parent[walked]
        lengths = np.where(self._on_path, (self.end - self.start)[self._order], 0)
        self._lengths = np.concatenate([[0], np.cumsum(lengths)])
        places = np.where(self._on_path, np.arange(len(self._order)), len(self._order))
        self._next_on_path = np.append(np.minimum.accumulate(places[::-1])[::-1], len(self._order))

    def _key(self, row: Ints, time: Ints) -> Ints:
        """One number that orders places by the row above, then time; `time`: that of some span."""
        key: Ints = row * (len(self._times) + 1) + np.searchsorted(self._times, time)
        return key

    def _last_by(self, row: Ints, time: Ints) -> Ints:
        """The place of the last child of a row that ended by then; or one that is no child of it."""
        place: Ints = np.searchsorted(self._keys, self._key(row, time), "right") - 1
        return place

    def _walked(self) -> Mask:
        """Which children, in their order, are on the path of the row above them."""
        order, size = self._order, len(self._order)
        above = self.parent[order]
        rows = distinct(above)
        heads = self._last_by(rows, self.end[rows])
        heads = heads[(heads >= 0) & (above[heads] == rows)]
        before = np.minimum(self._last_by(above, self.start[order]), np.arange(size) - 1)
        jump = np.where((before >= 0) & (above[before] == above), before, size)
        walked = np.zeros(size + 1, np.bool_)
        walked[heads] = True
        jump = np.append(jump, size)
        while (jump[:size] < size).any():  # twice as far each time
            walked[jump[walked]] = True
            jump = jump[jump]
        return walked[:size] & (self.end[order] > self.start[above])

    def own(self, rows: Ints, begin: Ints) -> Ints:
        """The time that belongs to each row itself, when its path is walked back to `begin` (the start of some span)."""
        first = self._last_by(rows, begin) + 1  # children that ended by then are out
        last = np.searchsorted(self._keys, self._key(rows, self.end[rows]), "right")
        first = np.minimum(first, last)
        covered = self._lengths[last] - self._lengths[first]
        place = self._next_on_path[first]
        cut = place < last
        covered[cut] -= np.maximum(begin[cut] - self.start[self._order[place[cut]]], 0)
        own: Ints = np.maximum(self.end[rows] - begin, 0) - covered
        return np.where(begin >= self.end[rows], 0, own)

    def climbed(self, values: npt.NDArray[np.float64], latest: Ints) -> tuple[npt.NDArray[np.float64], Ints]:
        """For each row (sum of values, greatest of `latest`) over itself and all rows above it along the path."""
        total, greatest, above = values.copy(), latest.copy(), self.link.copy()
        while (climbing := np.flatnonzero(above >= 0)).size:
            at = above[climbing]
            total[climbing] += total[at]
            greatest[climbing] = np.maximum(greatest[climbing], greatest[at])
            above[climbing] = above[at]
        return total, greatest

    def spent(self, weights: Weights) -> Weights:
        """The path time of each row, summed over the paths of all rows that have a weight, times that weight; ns."""
        total, begin = self.climbed(weights, self.start)
        found = np.zeros(len(total), np.float64)
        plain = np.flatnonzero((total > 0) & (begin <= self.start))
        found[plain] = total[plain] * self.own(plain, self.start[plain])
        # Rows that begin before one above them: how far back they are walked depends on where the path begins.
        rows = np.flatnonzero((total > 0) & (begin > self.start))
        at, since = rows, self.start[rows]
        while rows.size:
            settled = since >= begin[at]
            found[rows] += np.where(settled, total[at], weights[at]) * self.own(rows, since)
            at = self.link[at]
            going = ~settled & (at >= 0)
            rows, at, since = rows[going], at[going], since[going]
            since = np.maximum(since, self.start[at])
            going = since < self.end[rows]
            rows, at, since = rows[going], at[going], since[going]
        return found

    def segments(self, row: int, begin: int) -> list[tuple[int, int]]:
        """[from, to) of the times that belong to a row itself, walked back to `begin`, the latest first."""
        end, found = int(self.end[row]), []
        first, last = (
            int(np.searchsorted(self._keys, self._key(np.array([row]), np.array([time]))[0], "right"))
            for time in (begin, end)
        )
        for place in reversed(range(first, last)):
            if self._on_path[place]:
                child = self._order[place]
                if self.end[child] < end:
                    found.append((int(self.end[child]), end))
                end = max(begin, int(self.start[child]))
        return [*found, (begin, end)] if begin < end else found

    @cached_property
    def self_ns(self) -> Ints:
        """The time of each row in which no child of it runs."""
        order = self._order[np.lexsort((self.start[self._order], self.parent[self._order]))]
        above = self.parent[order]
        begin = np.maximum(self.start[order], self.start[above])
        end = np.maximum(np.minimum(self.end[order], self.end[above]), begin)
        # Within each row's children the greatest end so far, by rank, so that one pass serves all.
        groups = np.cumsum(np.append(True, above[1:] != above[:-1])) if len(above) else above
        rank = np.searchsorted(self._times, end)
        size = len(self._times) + 1
        reached = np.maximum.accumulate(groups * size + rank)
        before = np.append(0, reached[:-1])
        known = before // size == groups
        covered_to = (
            np.where(known, self._times[np.where(known, before % size, 0)], begin) if len(above) else begin
        )
        uncovered = np.maximum(end - np.maximum(begin, covered_to), 0)
        covered = np.zeros(len(self.parent), np.int64)
        np.add.at(covered, above, uncovered)
        own: Ints = self.end - self.start - covered
        return own
