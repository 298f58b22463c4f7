"""A few keys that mean something, looked for among many distinct tags in one go."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from satellite.model.tag import key_prefix
from satellite.model.tags import layout

Places = npt.NDArray[np.int8]

_AT_ONCE = 2**14
"""So many tags are compared at a time, which takes eight bytes for each letter."""


class FewKeys:
    """Keys of which no two have the same length and first letter, all shorter than 128 bytes, 127 at most."""

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = tuple(keys)
        prefixes = [key_prefix(key) for key in keys]
        width = max(map(len, prefixes))
        self._letters = np.array([[*prefix.ljust(width)] for prefix in prefixes], np.uint8)
        """What a tag of each begins with, filled up with what is `_beyond`."""
        self._beyond = np.arange(width) >= np.array([[len(prefix)] for prefix in prefixes])
        self._begins = np.zeros((256, 256), np.uint8)
        """Length and first letter of a key → 1 + its place in `keys`; 0: none begins so."""
        for place, key in enumerate(keys, 1):
            assert not self._begins[len(key), ord(key[0])], key
            self._begins[len(key), ord(key[0])] = place

    def places(self, tags: pa.BinaryArray) -> Places:
        """Which of `keys` each canonical tag has, as its place there; -1 for any other."""
        start, _, data = layout(tags)
        places = np.full(len(start), -1, np.int8)
        if not len(start):
            return places
        # Canonical tags begin with a mark and the key's length; few have those and the first letter of one of ours.
        last = len(data) - 1
        likely = self._begins[data[np.minimum(start + 1, last)], data[np.minimum(start + 2, last)]]
        found = likely.nonzero()[0]
        for first in range(0, len(found), _AT_ONCE):
            some = found[first : first + _AT_ONCE]
            place = likely[some] - np.uint8(1)
            letters = data[np.minimum(start[some, None] + np.arange(self._letters.shape[1]), last)]
            same = ((letters == self._letters[place]) | self._beyond[place]).all(axis=1)
            places[some[same]] = place[same]
        return places
