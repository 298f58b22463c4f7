"""Which spans came lately: identities and marks of the last minutes, for finding what is sent again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from satellite.model.spans import Marks, SpanBatch

Keys = npt.NDArray[np.uint64]
Marked = npt.NDArray[np.int64]

_FANOUT = 4


def identities(batch: SpanBatch) -> Keys:
    """One number per span, equal for the same (trace, span id, half of a shared id).

    A mixed hash of 64 bits: among ten million spans two differing ones share it with a chance of 1 in 370,000.
    """
    shared = (batch.column("marks") & np.uint16(Marks.SHARED)).astype(np.uint64)
    key: Keys = batch.column("trace_low")
    for salt in (batch.column("span_id"), shared):
        key = (key ^ (key >> np.uint64(31))) * np.uint64(0x9E3779B97F4A7C15)
        key = (key ^ (key >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9) + salt
    return key


@dataclass(slots=True)
class _Run:
    keys: Keys
    """Ascending."""
    marks: Marked
    newest_ns: int


class RecentIds:
    """The marks of identities, for a while; sorted runs, merged geometrically, 16 bytes a span."""

    def __init__(self, window_ns: int, most: int) -> None:
        """Remembers for at least `window_ns` after arrival, but no more than about `most` identities."""
        self._window_ns = window_ns
        self._most = most
        self._runs: list[_Run] = []

    def marks(self, keys: Keys, now_ns: int) -> Marked:
        """The mark that each key was last added with; 0 for those that are not remembered."""
        self._forget(now_ns)
        found = np.zeros(len(keys), np.int64)
        for run in self._runs:  # oldest first: a later mark overwrites
            place = np.searchsorted(run.keys, keys, side="right") - 1
            hit = run.keys[place] == keys
            found[hit] = run.marks[place[hit]]
        return found

    def add(self, keys: Keys, marks: Marked, arrived_ns: int) -> None:
        """Remember these, and forget what is too old; marks are higher than all before."""
        order = np.argsort(keys, kind="stable")
        self._runs.append(_Run(keys[order], marks[order], arrived_ns))
        while len(self._runs) > 1 and len(self._runs[-2].keys) <= _FANOUT * len(self._runs[-1].keys):
            newer, older = self._runs.pop(), self._runs.pop()
            if len(newer.keys) + len(older.keys) > self._most // _FANOUT:
                self._runs += [
                    older,
                    newer,
                ]  # runs stay small beside the whole, so that they can be forgotten
                break
            keys, marks = np.concatenate([older.keys, newer.keys]), np.concatenate([older.marks, newer.marks])
            order = np.argsort(keys, kind="stable")  # of equal keys the later mark stays last
            self._runs.append(_Run(keys[order], marks[order], newer.newest_ns))
        self._forget(arrived_ns)

    def _forget(self, now_ns: int) -> None:
        while self._runs and self._runs[0].newest_ns < now_ns - self._window_ns:
            self._runs.pop(0)
        while sum(len(run.keys) for run in self._runs) > self._most and len(self._runs) > 1:
            self._runs.pop(0)

    def clear(self) -> None:
        """Forget everything."""
        self._runs.clear()
