"""Columns of codes: each code is a place in a dictionary of distinct values; a list column has a list of them in a row."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Codes = npt.NDArray[np.int32]


def picked(values: pa.BinaryArray, codes: Codes) -> pa.BinaryArray:
    """The values at ascending places; without copying where they are neighbours."""
    if len(codes) and int(codes[-1]) - int(codes[0]) + 1 == len(codes):
        return values.slice(int(codes[0]), len(codes))
    return values.take(pa.array(codes))


def codes_of(column: pa.Array) -> Codes:
    """The codes of a column, of all lists together for a list column."""
    values = column.flatten() if pa.types.is_list(column.type) else column
    return np.asarray(values)


def used_of(codes: Codes, size: int) -> tuple[Codes, Codes]:
    """(those of `size` codes that occur, ascending; of each occurrence the place in them)."""
    if 8 * len(codes) < size:  # few rows of many: what they do not use is not touched
        ordered = np.sort(codes)
        used = ordered[np.append(True, ordered[1:] != ordered[:-1])] if len(codes) else ordered
        return used, np.searchsorted(used, codes).astype(np.int32)
    occurs = np.zeros(size, np.bool_)
    occurs[codes] = True
    used = np.flatnonzero(occurs).astype(np.int32)
    place = np.empty(size, np.int32)
    place[used] = np.arange(len(used), dtype=np.int32)
    return used, place.take(codes)


def recoded(column: pa.Array, codes: Codes) -> pa.Array:
    """The column with other codes, same lists."""
    values = pa.array(codes, pa.int32())
    if not pa.types.is_list(column.type):
        return values
    offsets = column.offsets.to_numpy()
    return pa.ListArray.from_arrays(pa.array(offsets - offsets[0], pa.int32()), values)


def same_lists(column: pa.ListArray, size: int) -> npt.NDArray[np.bool_]:
    """For each of the first `size` lists whether it equals the one `size` further on."""
    values = column.flatten()
    if not pa.types.is_integer(values.type):
        values = values.dictionary_encode().indices
    flat = np.asarray(values)
    offsets = column.offsets.to_numpy().astype(np.int64)
    offsets -= offsets[0]
    lengths = np.diff(offsets)
    equal: npt.NDArray[np.bool_] = lengths[:size] == lengths[size:]
    rows = np.repeat(np.arange(size), np.where(equal, lengths[:size], 0))
    starts = np.cumsum(np.where(equal, lengths[:size], 0)) - np.where(equal, lengths[:size], 0)
    within = np.arange(len(rows)) - starts[rows]
    differs = flat[offsets[rows] + within] != flat[offsets[rows + size] + within]
    equal[rows[differs]] = False
    return equal
