"""Which rows of a segment satisfy the terms that were asked for last.

A page asks several questions about one query, and who reads it changes one term at a time; a segment's rows stay what they are.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

import numpy as np
import numpy.typing as npt

from satellite.query.plan import Term

TERMS = 8
"""So many terms are remembered of a segment, a bit a row each: 64 KiB beside the 24 MB of a full one (ours)."""


class Satisfied:
    """The rows of one segment; for any thread."""

    def __init__(self) -> None:
        """Nothing was asked yet."""
        self._lock = threading.Lock()
        self._bits: OrderedDict[Term, npt.NDArray[np.uint8]] = OrderedDict()

    def rows(self, term: Term, size: int) -> npt.NDArray[np.bool_] | None:
        """For each of `size` rows whether it satisfies the term; None: not remembered."""
        with self._lock:
            bits = self._bits.get(term)
            if bits is None:
                return None
            self._bits.move_to_end(term)
        return np.unpackbits(bits, count=size).view(np.bool_)

    def remember(self, term: Term, hit: npt.NDArray[np.bool_]) -> None:
        """Which rows it is that satisfy a term."""
        bits = np.packbits(hit)
        with self._lock:
            self._bits[term] = bits
            if len(self._bits) > TERMS:
                self._bits.popitem(last=False)
