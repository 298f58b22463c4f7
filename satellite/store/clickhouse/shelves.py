"""Columns with few different texts, by which spans are grouped: the values of keys, and which keys a span has.

A shelf has the values of the keys whose CRC-32 leaves its number: mostly one key, so that the column's dictionary is that key's values, and
ClickHouse looks at each of them once in place of at each span. Keys that share a shelf stand behind each other, which takes an entry of the dictionary
for each combination.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from satellite.model import compute as pc
from satellite.store.clickhouse.literal import text

Ints = npt.NDArray[np.int64]

SHELVES = 32
"""Columns `shelf_0` and on (ours)."""

PRESENT = "="
"""Stands before a value, so that an empty one is told from none."""

_END = b"\xff"
"""No text has this byte."""

_LOOKED_UP_MAX = 1_000_000


def found_on_shelf(key: str) -> str:
    """PRESENT and the value of a key, "" for none: an expression that ClickHouse works out for each entry of a dictionary."""
    return f"simpleJSONExtractString(shelf_{_number(key)}, {text(_name(key))})"


def _number(key: str) -> int:
    return zlib.crc32(key.encode("utf-8", "surrogatepass")) % SHELVES


def _name(key: str) -> bytes:
    """A key as it stands on its shelf: without what ends a name there."""
    encoded = key.encode("utf-8", "surrogatepass")
    return encoded.replace(b"%", b"%25").replace(b'"', b"%22").replace(b"\\", b"%5C")


class Shelves:
    """The shelves of a batch; values are known by numbers from 0."""

    def __init__(self) -> None:
        self._texts: list[pa.Array] = [pa.array([], pa.binary())]
        self._numbers: list[npt.NDArray[np.uint8]] = [np.empty(0, np.uint8)]

    def know(self, key: str, texts: pa.BinaryArray) -> None:
        """Values of a key; they have the next numbers."""
        escaped = pc.replace_substring(pc.replace_substring(texts, "\\", "\\\\"), '"', '\\"')
        before = pa.scalar(b'%b"%b":"%b' % (_END, _name(key), PRESENT.encode()), pa.binary())
        after, nothing = pa.scalar(b'"', pa.binary()), pa.scalar(b"", pa.binary())
        self._texts.append(pc.binary_join_element_wise(before, escaped, after, nothing))
        self._numbers.append(np.full(len(texts), _number(key), np.uint8))

    def columns(self, rows: Ints, values: Ints, size: int) -> Iterator[tuple[str, pa.DictionaryArray]]:
        """Name and texts of each column that is not empty, of (row, value) pairs."""
        shelf = np.concatenate(self._numbers)[values]
        order = np.argsort(rows, kind="stable")
        order = order[np.argsort(shelf[order], kind="stable")]
        rows, values = rows[order], values[order]
        texts = pa.concat_arrays(self._texts)
        ends = np.cumsum(np.bincount(shelf, minlength=SHELVES)).tolist()
        for number, (start, end) in enumerate(pairwise([0, *ends])):
            if start < end:
                yield f"shelf_{number}", joined(rows[start:end], values[start:end], texts, size)


def key_sets(rows: Ints, keys: Ints, names: pa.BinaryArray, size: int) -> pa.DictionaryArray:
    """Which keys each row has, as `keys_in` reads them, of (row, key) pairs in the order of rows."""
    ended = pc.binary_join_element_wise(names, pa.scalar(_END, pa.binary()), pa.scalar(b"", pa.binary()))
    return joined(rows, keys, ended, size)


def keys_in(key_sets: pa.BinaryArray) -> tuple[pa.BinaryArray, Ints]:
    """The keys of texts of the column that `key_sets` makes, and the place of the set that each is of."""
    some = np.flatnonzero(np.asarray(pc.binary_length(key_sets)))
    lists = pc.split_pattern(pc.binary_slice(key_sets.take(pa.array(some)), 0, -1), _END)
    return lists.flatten(), np.repeat(some, np.diff(np.asarray(lists.offsets)))


def joined(rows: Ints, codes: Ints, texts: pa.BinaryArray, size: int) -> pa.DictionaryArray:
    """The texts of each row in one, of (row, code) pairs in the order of rows; each different one is made once."""
    counts = np.bincount(rows, minlength=size)
    starts = np.cumsum(counts) - counts
    same = np.zeros(size, np.int64)
    """A number for each combination so far."""
    known = 1
    for place in range(int(counts.max(initial=0))):
        going_on = np.flatnonzero(counts > place)
        found = _numbered(same[going_on] * len(texts) + codes[starts[going_on] + place])
        same[going_on] = known + found
        known += int(found.max()) + 1
    same = _numbered(same)
    example = np.zeros(int(same.max(initial=-1)) + 1, np.int64)
    example[same] = np.arange(size)
    sizes = counts[example]
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    which = np.repeat(starts[example] - offsets[:-1], sizes) + np.arange(offsets[-1])
    lists = pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), texts.take(pa.array(codes[which])))
    whole = pc.binary_join(lists, pa.scalar(b"", pa.binary()))
    return encoded(same, whole)


def encoded(codes: npt.NDArray[Any], texts: pa.BinaryArray) -> pa.DictionaryArray:
    """The texts at these places, each sent once; ClickHouse refuses a dictionary that has one twice."""
    known = texts.dictionary_encode()
    return pa.DictionaryArray.from_arrays(pa.array(known.indices.to_numpy()[codes]), known.dictionary)


def _numbered(values: Ints) -> Ints:
    """Small numbers for numbers, the same for the same."""
    most = int(values.max(initial=0)) + 1
    if most > _LOOKED_UP_MAX:
        found: Ints = np.unique(values, return_inverse=True)[1].astype(np.int64)
        return found
    there = np.zeros(most, np.bool_)
    there[values] = True
    return (np.cumsum(there) - 1)[values]
