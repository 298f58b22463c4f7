"""Values of a key in the order of `satellite.store.ByValue`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from satellite.model import compute as pc
from satellite.store import COMPARED, NUMBER, NUMBER_MAX

Ints = npt.NDArray[np.int64]

_PIECE = 16_384


def texts(values: Sequence[str | None]) -> pa.ChunkedArray:
    """A column of them, made piece by piece: each holds the interpreter for a moment only."""
    pieces = [
        pa.array(values[start : start + _PIECE], pa.string()) for start in range(0, len(values), _PIECE)
    ]
    return pa.chunked_array(pieces, pa.string())


def ranks(values: Sequence[str | None], *, descending: bool) -> Ints:
    """The place of each value, from 0; values that compare as equal share theirs."""
    whole = texts(values).combine_chunks()
    text = pc.utf8_slice_codeunits(pc.fill_null(whole, ""), 0, COMPARED)
    is_number = pc.and_(
        pc.match_substring_regex(text, NUMBER), pc.less_equal(pc.binary_length(text), NUMBER_MAX)
    )
    columns = {
        "lacking": whole.is_null(),
        "other": pc.invert(is_number),
        "number": pc.cast(pc.if_else(is_number, text, "0"), pa.float64()),
        "text": text,
    }
    direction = "descending" if descending else "ascending"
    keys = [(name, "ascending" if name == "lacking" else direction) for name in columns]
    ranked = pc.sort_indices(pa.table(columns), sort_keys=keys).to_numpy()
    differs = np.zeros(max(len(ranked) - 1, 0), np.bool_)
    for column in columns.values():
        one = column.take(pa.array(ranked))
        differs |= pc.not_equal(one.slice(1), one.slice(0, len(differs))).to_numpy(zero_copy_only=False)
    found = np.empty(len(ranked), np.int64)
    found[ranked] = np.concatenate([[0], np.cumsum(differs)])[: len(ranked)]
    return found
