"""Which spans came lately: identities and marks of the last minutes, for finding what is sent again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
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

    @property
    def nbytes(self) -> int:
        return self.keys.nbytes + self.marks.nbytes


REMEMBERED_BYTES = 256 * 2**20
"""For the recent ids of all projects together (ours): 16 million spans."""


class Remembered:
    """What the recent ids of all projects take together. Whose latest came longest ago forgets first. For any thread."""

    def __init__(self, most_bytes: int = REMEMBERED_BYTES) -> None:
        """At most so many bytes."""
        self.bytes_max = most_bytes
        self._lock = threading.Lock()
        self._owners: OrderedDict[RecentIds, None] = OrderedDict()
        """In the order in which something was last added to them."""
        self.bytes = 0

    def changed(self, owner: RecentIds, more_bytes: int) -> None:
        """One takes so much more, or less."""
        with self._lock:
            self.bytes += more_bytes
            if not owner:
                self._owners.pop(owner, None)
            elif more_bytes > 0:
                self._owners[owner] = None
                self._owners.move_to_end(owner)

    def make_room(self, now_ns: int) -> None:
        """Forget what nobody asked for since it became too old, and what is too much."""
        while (oldest := self._next(now_ns)) is not None:
            oldest.forget_oldest()

    def _next(self, now_ns: int) -> RecentIds | None:
        with self._lock:
            oldest = next(iter(self._owners), None)
            if oldest is None or not (self.bytes > self.bytes_max or oldest.is_over(now_ns)):
                return None
            return oldest


class RecentIds:
    """The marks of identities, for a while; sorted runs, merged geometrically, 16 bytes a span.

    Used by one thread at a time; `forget_oldest` and `is_over` may be called by any.
    """

    def __init__(self, window_ns: int, most: int, together: Remembered | None = None) -> None:
        """Remembers for at least `window_ns` after arrival, but no more than about `most` identities.

        `together` is the account of all, which may have less remembered.
        """
        self._window_ns = window_ns
        self._most = most
        self._together = together or Remembered()
        self._lock = threading.Lock()
        """Held while the runs change; who reads them takes the tuple as it is."""
        self._runs: tuple[_Run, ...] = ()

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
        with self._lock:
            order = np.argsort(keys, kind="stable")
            runs = [*self._runs, _Run(keys[order], marks[order], arrived_ns)]
            while len(runs) > 1 and len(runs[-2].keys) <= _FANOUT * len(runs[-1].keys):
                older, newer = runs[-2:]
                if len(newer.keys) + len(older.keys) > self._most // _FANOUT:
                    break  # runs stay small beside the whole, so that they can be forgotten
                keys = np.concatenate([older.keys, newer.keys])
                marks = np.concatenate([older.marks, newer.marks])
                order = np.argsort(keys, kind="stable")  # of equal keys the later mark stays last
                runs[-2:] = [_Run(keys[order], marks[order], newer.newest_ns)]
            self._keep(self._young(runs, arrived_ns))
        self._together.make_room(arrived_ns)

    def _forget(self, now_ns: int) -> None:
        with self._lock:
            young = self._young(self._runs, now_ns)
            if len(young) < len(self._runs):
                self._keep(young)

    def _young(self, runs: Sequence[_Run], now_ns: int) -> Sequence[_Run]:
        """Without what is too old, or too much."""
        first, left = 0, sum(len(run.keys) for run in runs)
        while first < len(runs) and (
            runs[first].newest_ns < now_ns - self._window_ns or (left > self._most and first + 1 < len(runs))
        ):
            left -= len(runs[first].keys)
            first += 1
        return runs[first:]

    def _keep(self, runs: Sequence[_Run]) -> None:
        """These are the runs now; with the lock."""
        more = sum(run.nbytes for run in runs) - sum(run.nbytes for run in self._runs)
        self._runs = tuple(runs)
        self._together.changed(self, more)

    def is_over(self, now_ns: int) -> bool:
        """Whether all that is remembered is too old."""
        runs = self._runs
        return not runs or runs[-1].newest_ns < now_ns - self._window_ns

    def forget_oldest(self) -> None:
        """Forget a part: what came longest ago."""
        with self._lock:
            self._keep(self._runs[1:])

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._keep(())
