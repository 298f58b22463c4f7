"""A few keys that mean something, looked for among many distinct tags in one go."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from satellite.model.tag import key_prefix
from satellite.model.tags import layout

Places = npt.NDArray[np.int8]


class FewKeys:
    """Keys of which no two have the same length and first letter, all shorter than 128 bytes, 127 at most."""

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = tuple(keys)
        self._prefixes = [np.frombuffer(key_prefix(key), np.uint8) for key in keys]
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
        for place in np.bincount(likely)[1:].nonzero()[0].tolist():
            some = (likely == place + 1).nonzero()[0]
            prefix = self._prefixes[place]
            letters = data[np.minimum(start[some, None] + np.arange(len(prefix)), last)]
            places[some[(letters == prefix).all(axis=1)]] = place
        return places
