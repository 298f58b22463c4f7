"""Pieces of columns that OTLP's spans are made of: lists, ids, and the distinct maps of what few spans have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from satellite.model.span import TagValue
from satellite.model.tags import Codes, layout
from satellite.protocols.otlp.tags import NOWHERE, Ints, Mask, Occurrences
from satellite.protocols.readers.columns import lengths_of

Numbers = npt.NDArray[np.uint64]
Extra = dict[str, TagValue]
"""What few spans have (`extra` of a span), or a part of it."""


def parents(lists: pa.ListArray) -> Ints:
    """For each element of all lists the position of its list."""
    counts = lengths_of(lists)
    return np.repeat(np.arange(len(counts)), counts)


def offsets_of(lists: pa.ListArray) -> Ints:
    """Where each list begins in their values, and the end; from 0."""
    offsets: Ints = lists.offsets.to_numpy().astype(np.int64) if len(lists) else np.zeros(1, np.int64)
    return offsets


def joined(lists: pa.ListArray) -> pa.BinaryArray:
    """The bytes of each list's values in a row, which is how protobuf merges a message's occurrences."""
    values = lists.values
    start, end, data = layout(values)
    offsets = lists.offsets.to_numpy() if len(lists) else np.zeros(1, np.int32)
    edges = np.append(start, end[-1:])[offsets] if len(start) else np.zeros(len(offsets), np.int64)
    buffers = [None, pa.py_buffer(edges.astype(np.int32)), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.binary(), len(lists), buffers)


def list_array(offsets: Ints, values: pa.Array | Codes) -> pa.ListArray:
    """Lists of these values, or of positions in a dictionary."""
    values = pa.array(values, pa.int32()) if isinstance(values, np.ndarray) else values
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), values)


def ids_of(column: pa.BinaryArray, width: int) -> tuple[Numbers, Mask]:
    """(64-bit parts of each id, highest first, in rows; whether it has this many bytes)."""
    start, end, data = layout(column)
    whole = end - start == width
    if whole.all():
        chosen = data[start[0] : end[-1]] if len(start) else data
    else:
        places = np.where(whole, start, len(data))[:, None] + np.arange(width)
        chosen = np.concatenate([data, np.zeros(width, np.uint8)])[places]
    return np.frombuffer(chosen.tobytes(), ">u8").reshape(-1, width // 8).astype(np.uint64), whole


@dataclass(frozen=True, slots=True)
class FlatTags:
    """The tags of all spans in one flat list."""

    codes: Codes
    row: Ints
    """The span each belongs to."""
    offsets: Ints
    """Where each span's begin, and the end."""
    known: Mapping[str, Occurrences]
    """Those whose keys mean something to this codec, by key."""

    def of(self, key: str) -> Occurrences:
        """Those with one of these keys."""
        return self.known.get(key, NOWHERE)


class Extras:
    """Distinct combinations of what few spans have, from columns that each say which of a few maps a span has."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._parts: list[tuple[Ints, list[Extra]]] = []

    def add(self, codes: Ints, maps: list[Extra], *, first: bool = False) -> None:
        """A column of positions in `maps`; later columns win over earlier ones, `first` loses to all."""
        if any(maps):
            self._parts.insert(0 if first else len(self._parts), (codes, maps))

    def add_some(self, rows: Mask, maps: list[Extra]) -> None:
        """One map for each of some rows."""
        codes = np.zeros(self._rows, np.int64)
        codes[rows] = np.arange(1, len(maps) + 1)
        self.add(codes, [{}, *maps])

    def number(self, name: str, values: npt.NDArray[Any]) -> None:
        """A column of numbers, of which 0 goes without saying."""
        if values.any():
            encoded = pa.array(values).dictionary_encode()
            maps: list[Extra] = [{name: value} if value else {} for value in encoded.dictionary.to_pylist()]
            self.add(encoded.indices.to_numpy().astype(np.int64), maps)

    def encoded(self) -> tuple[Codes, pa.BinaryArray]:
        """(position of each span's map, the distinct maps as MessagePack)."""
        if not self._parts:
            return np.zeros(self._rows, np.int32), pa.array([b""] if self._rows else [], pa.binary())
        combined = np.zeros(self._rows, np.int64)
        for codes, maps in self._parts:
            # Brought back to few numbers each time, so that the products stay far from 2^63.
            combined = pa.array(combined * len(maps) + codes).dictionary_encode().indices.to_numpy()
            combined = combined.astype(np.int64)
        rows = np.empty(combined.max(initial=-1) + 1, np.int64)
        rows[combined[::-1]] = np.arange(self._rows)[::-1]  # the first that has each
        packed = [self._packed(rows[at : at + _AT_ONCE]) for at in range(0, len(rows), _AT_ONCE)]
        distinct = pa.concat_arrays(packed or [pa.array([], pa.binary())]).dictionary_encode()
        return distinct.indices.to_numpy()[combined], distinct.dictionary

    def _packed(self, rows: Ints) -> pa.BinaryArray:
        """The maps of these spans as MessagePack."""
        merged: list[Extra] = [{} for _ in range(len(rows))]
        for codes, maps in self._parts:
            for extra, code in zip(merged, codes[rows].tolist(), strict=True):
                extra.update(maps[code])
        return pa.array([msgspec.msgpack.encode(extra) if extra else b"" for extra in merged], pa.binary())


_AT_ONCE = 2**14
"""So many maps are put together at a time, whatever a body holds."""
