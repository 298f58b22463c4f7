"""Which spans came lately: identities and marks of the last minutes, for finding what is sent again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from satellite.store.distinct import distinct
from satellite.store.identity import SPAN_BITS, Keys, span_of

Marked = npt.NDArray[np.int64]

_FANOUT = 4


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
            if hit.any():
                found[hit] = run.marks[place[hit]]
        return found

    def __len__(self) -> int:
        """How many are remembered; a key that was added twice may count twice."""
        return sum(len(run.keys) for run in self._runs)

    def knows_spans(self, spans: Keys) -> npt.NDArray[np.bool_]:
        """For each of `span_of` some keys whether any key of that span id is remembered."""
        known = np.zeros(len(spans), np.bool_)
        for run in self._runs:
            place = np.minimum(np.searchsorted(run.keys, spans), len(run.keys) - 1)
            known |= span_of(run.keys[place]) == spans
        return known

    def marks_of_spans(self, spans: Keys, most: int) -> Marked:
        """The last marks, `most` of each, of keys of these span ids; ascending."""
        found = [np.empty(0, np.int64)]
        for span in spans:
            last = span + np.uint64(2 ** (64 - SPAN_BITS) - 1)
            mine = [
                run.marks[np.searchsorted(run.keys, span) : np.searchsorted(run.keys, last, side="right")]
                for run in self._runs
            ]
            found.append(distinct(np.concatenate(mine))[-most:] if mine else found[0])
        return distinct(np.concatenate(found))

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
