"""The trees that spans form, many traces at once: for each row the row above it (explorer.md §11).

Works on columns. Only what is out of the ordinary is looked at row by row: several spans with the parent's id, a
parent known from a reference alone, cycles.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from satellite.model.spans import Marks, SpanBatch
from satellite.pb import satellite_model_pb2 as pb
from satellite.query.limit import check
from satellite.store.assembled import Ids, Ints

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """One entry per row of a batch."""

    parent: Ints
    """The row above; -1: none."""
    missing: Ids
    """The id of the parent that is not held; 0: there is no such parent."""

    @staticmethod
    def of(batch: SpanBatch, trace: Ints) -> Forest:
        """The forest of these spans; `trace`: a number for each row's trace. Links between traces do not count.

        A span stands below the parent that it is a child of, else below one that it follows from, never below itself.
        The server half of an id that Zipkin's client and server share stands below the client's half and above the
        children. Of several spans with the parent's id the parent is one of the child's own reporter, then the last
        that began before the child. A cycle is cut at its weakest link: one that only follows, else the one of its
        latest start. Raises TookTooLong when the question's time is up.
        """
        check()
        parent, missing = _Links(batch, trace).laid()
        return Forest(parent, missing)

    def tops(self) -> Mask:
        """Rows with nothing held above them."""
        return self.parent < 0

    def depths(self) -> Ints:
        """How many rows stand above each."""
        depth, above = (self.parent >= 0).astype(np.int64), self.parent.copy()
        while (climbing := np.flatnonzero(above >= 0)).size:
            at = above[climbing]
            depth[climbing] += depth[at]
            above[climbing] = above[at]
        return depth


class _Links:
    """Finds the parents; rows with one id in one trace stand together in `order`, from `first` to `last`."""

    def __init__(self, batch: SpanBatch, trace: Ints) -> None:
        self.batch = batch
        self.trace = trace
        self.span_id: Ids = batch.column("span_id")
        self.parent_id: Ids = batch.column("parent_id")
        self.start: Ints = batch.column("start_ns")
        self.reporter: Ints = batch.column("reporter")
        self.shared: Mask = (batch.column("marks") & np.uint16(Marks.SHARED)) > 0
        self.ids, codes = np.unique(np.concatenate([self.span_id, self.parent_id]), return_inverse=True)
        """All ids; the place of each row's own among them, then of its parent's."""
        self.parent_code: Ints = codes[len(batch) :]
        keys = self._keys(trace, codes[: len(batch)], shared=self.shared)
        self.order = np.lexsort((self.span_id, self.start, keys))
        self.keys, counts = np.unique(keys, return_counts=True)
        self.ends = np.append(0, np.cumsum(counts))

    def _keys(self, trace: Ints, code: Ints, *, shared: Mask | bool) -> Ints:
        """One number for trace, id and half."""
        keys: Ints = (trace * len(self.ids) + code) * 2 + shared
        return keys

    def laid(self) -> tuple[Ints, Ids]:
        """(the row above each, the id of a parent that is not held)."""
        itself = self.parent_id == self.span_id
        named = (self.parent_id != 0) & (~itself | self.shared)
        first, count = self._found(self.trace, self.parent_code, shared=False)
        if self.shared.any():
            upper, upper_count = self._found(self.trace, self.parent_code, shared=True)
            served = (upper_count > 0) & ~itself
            first[served], count[served] = upper[served], upper_count[served]
        count[~named] = 0
        parent = np.where(count > 0, self.order[np.minimum(first, len(self.order) - 1)], -1)
        for row in np.flatnonzero(count > 1).tolist():
            parent[row] = self._nearest(row, self.order[first[row] : first[row] + count[row]].tolist())
        missing = np.where(named & (count == 0), self.parent_id, 0).astype(np.uint64)
        for row in np.flatnonzero((parent < 0) & (missing == 0) & self._refers()).tolist():
            parent[row] = self._referred(row)
        circling = _circling(parent)
        if circling.any():
            self._cut(parent, missing, np.flatnonzero(np.isin(self.trace, self.trace[circling])).tolist())
        return parent, missing

    def _found(self, trace: Ints, code: Ints, *, shared: bool) -> tuple[Ints, Ints]:
        """(where in `order` the rows with this trace, id and half begin, how many they are)."""
        keys = self._keys(trace, code, shared=shared)
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        first = self.ends[at]
        return first, np.where(self.keys[at] == keys, self.ends[at + 1] - first, 0)

    def _nearest(self, child: int, rows: list[int]) -> int:
        def nearness(row: int) -> tuple[bool, bool, int]:
            before = bool(self.start[row] <= self.start[child])
            distance = abs(int(self.start[child]) - int(self.start[row]))
            return bool(self.reporter[row] == self.reporter[child]), before, -distance

        return max((row for row in rows if row != child), key=nearness, default=-1)

    def _refers(self) -> Mask:
        """Which rows have references beside their parent."""
        counts: Ints = np.diff(self.batch.rows.column("references").offsets.to_numpy())
        return counts > 0

    def _references(self, row: int) -> Iterable[tuple[bool, int]]:
        """(whether it only follows, span id) of each reference within the trace."""
        low, high = self.batch.column("trace_low")[row], self.batch.column("trace_high")[row]
        for encoded in self.batch.rows.column("references")[row].as_py():
            reference = pb.Reference.FromString(encoded)
            context = reference.span_context
            if not context.trace_id or (context.trace_id == low and context.trace_id_high in (0, high)):
                yield bool(reference.relationship), context.span_id

    def _candidates(self, row: int, span_id: int) -> int:
        """The row with this id that a row stands below; -1: none but itself."""
        code = np.searchsorted(self.ids, np.array([span_id], np.uint64)) % len(self.ids)
        if int(self.ids[code[0]]) != span_id:
            return -1
        itself = span_id == int(self.span_id[row])
        for shared in (True, False):
            if itself and (shared or not self.shared[row]):
                continue
            first, count = self._found(self.trace[row : row + 1], code, shared=shared)
            found = self._nearest(row, self.order[int(first[0]) : int(first[0] + count[0])].tolist())
            if found >= 0:
                return found
        return -1

    def _links_of(self, row: int) -> list[tuple[bool, int]]:
        """(whether it only follows, the row) of all links of a row that could be laid, strong ones first."""
        references = list(self._references(row))
        named = int(self.parent_id[row])
        if named and (False, named) not in references:
            follows = (True, named) in references
            references.insert(0, (follows, named))
        found = [(follows, self._candidates(row, span_id)) for follows, span_id in references]
        return sorted(((follows, at) for follows, at in found if at >= 0), key=lambda link: link[0])

    def _referred(self, row: int) -> int:
        return next((at for _, at in self._links_of(row)), -1)

    def _cut(self, parent: Ints, missing: Ids, rows: list[int]) -> None:
        """Lay the links of traces with a cycle again: strong ones first, by start, and none that closes a cycle."""
        rows.sort(key=lambda row: (int(self.start[row]), int(self.span_id[row])))
        above = {row: row for row in rows}  # a shortcut to the root of each row

        def root_of(row: int) -> int:
            while above[row] != row:
                above[row] = above[above[row]]
                row = above[row]
            return row

        links = {row: self._links_of(row) for row in rows}
        parent[rows] = -1
        for weak in (False, True):
            for row in rows:
                if parent[row] >= 0 or missing[row]:
                    continue
                for follows, at in links[row]:
                    if follows == weak and root_of(at) != row:
                        parent[row] = above[row] = at
                        break


def _circling(parent: Ints) -> Mask:
    """Rows above which there is no top: those of cycles, and all below them."""
    above = parent.copy()
    for _ in range(max(1, len(parent)).bit_length()):
        climbing = np.flatnonzero(above >= 0)
        if not climbing.size:
            break
        above[climbing] = above[above[climbing]]
    return above >= 0
