"""Fingerprints of tags: 16 bits that hardly any two of a segment's tags share, so that a value need not be looked for in all."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from satellite.model.tag import encodings_of
from satellite.model.tags import are_complex, layout

Digests = npt.NDArray[np.uint64]
Fingerprints = npt.NDArray[np.uint16]
Prints = npt.NDArray[np.uint32]
Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]

COMPLEX = 0
"""Of bytes, lists and maps, which are found by other texts than their encoding."""

_ANY_PLACE = np.uint32(0xFFFF)
_MANY = 64
"""More fingerprints than that are looked for together (ours)."""

_NONE = np.empty(0, np.uint32)
_MIX, _FOLD, _UNUSED = np.uint64(0x9E3779B97F4A7C15), np.uint64(29), np.uint64(48)


def digests(values: pa.BinaryArray | pa.StringArray) -> Digests:
    """64 bits of each value, equal for equal ones: of its length, its last 8 bytes and 8 in its middle."""
    start, end, data = layout(values)
    if not len(start):
        return np.empty(0, np.uint64)
    size = end - start
    padded = np.concatenate([np.zeros(8, np.uint8), data[start[0] : end[-1]]])
    # The number at each place is the eight bytes before it; of a value with fewer the others are shifted out.
    words = np.ndarray((len(padded) - 7,), "<u8", padded.data, strides=(1,))
    found = size.astype(np.uint64)
    for reach in (size, np.minimum(size // 2 + 4, size)):
        foreign = np.maximum(8 - reach, 0).astype(np.uint64)
        found = (found ^ (words[start - start[0] + reach] >> (np.uint64(8) * foreign))) * _MIX
        found ^= found >> _FOLD
    return found


def fingerprints(tags: pa.BinaryArray) -> Fingerprints:
    """Of each canonical tag."""
    prints = np.maximum((digests(tags) >> _UNUSED).astype(np.uint16), COMPLEX + 1)
    prints[are_complex(tags)] = COMPLEX
    return prints


def by_fingerprint(tags: pa.BinaryArray, key_of: Ints, place: Ints) -> Prints | None:
    """(fingerprint, place) of each tag as one number, ascending for each key, keys in their order.

    `key_of`: the number of each tag's key; `place`: among those of its key. None: some key has more tags than 16 bits count.
    """
    if place.max(initial=0) >= 1 << 16:
        return None
    parts = (key_of << 32, fingerprints(tags).astype(np.int64) << 16, place)
    return np.sort(parts[0] | parts[1] | parts[2]).astype(np.uint32)


def places_like(own: Prints, key: str, values: tuple[str, ...]) -> Codes:
    """The places, ascending, of all tags of a key that may have one of these texts, or an element with it."""
    wanted = _least(key, values)
    if len(wanted) >= len(own):
        return np.arange(len(own), dtype=np.int32)
    if len(wanted) > _MANY:
        found = own[np.isin(own & ~_ANY_PLACE, wanted)]
    else:
        begins, ends = own.searchsorted(wanted), own.searchsorted(wanted | _ANY_PLACE, "right")
        ranges = zip(begins.tolist(), ends.tolist(), strict=True)
        found = np.concatenate([_NONE, *(own[begin:end] for begin, end in ranges if begin < end)])
    return np.sort(found & _ANY_PLACE).astype(np.int32)


@lru_cache(maxsize=32)
def sought(key: str, values: tuple[str, ...]) -> Fingerprints:
    """Those of all tags of a key that may have one of these texts, or an element with it; ascending."""
    encoded = pa.array([encoding for value in values for encoding in encodings_of(key, value)], pa.binary())
    return np.unique(np.append(fingerprints(encoded), np.uint16(COMPLEX)))


@lru_cache(maxsize=32)
def _least(key: str, values: tuple[str, ...]) -> Prints:
    """The same, as the least number that `by_fingerprint` makes of each."""
    return sought(key, values).astype(np.uint32) << np.uint32(16)
