"""Which rows of a segment carry which tag: by looking through the codes, or from postings made once.

Both answer the same questions. Of a key that a span repeats the last value counts, so each row is answered once.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from satellite.model import compute as pc
from satellite.model.spans import SpanBatch
from satellite.model.tag import key_prefix
from satellite.model.tags import order_by_key
from satellite.store.distinct import distinct, order_below
from satellite.store.recall import own_pages
from satellite.store.recall.fingerprints import (
    Fingerprints,
    Prints,
    by_fingerprint,
    fingerprints,
    places_like,
    sought,
)

Rows = npt.NDArray[np.integer[Any]]
Codes = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]


_SEVERAL = 64
"""Rows of more tags are looked for together; of no more tags of a key the texts are compared, without fingerprints."""

_FEW = 4
"""So many codes are sooner compared one by one."""


class TagIndex(Protocol):
    """What a segment asks about its tags; codes are positions in `batch.tags`."""

    @property
    def nbytes(self) -> int:
        """Bytes held besides the batch."""
        ...

    def keys(self) -> list[str]:
        """Distinct keys."""
        ...

    @property
    def repeated(self) -> frozenset[str]:
        """Keys that some span has more than once."""
        ...

    def codes_of(self, key: str) -> Codes:
        """The codes of all tags with this key, ascending."""
        ...

    def codes_like(self, key: str, values: tuple[str, ...]) -> Codes:
        """Codes of the key, all that have one of these texts, or an element with it, among them; ascending."""
        ...

    def occurrences(self, key: str) -> tuple[Rows, Codes]:
        """(rows that have the key, each once; the code of its last value in each)."""
        ...

    def rows_of(self, key: str, codes: Codes) -> Rows:
        """The rows whose last value of the key has one of these codes."""
        ...

    def key_counts(self, mask: Mask | None) -> Counts:
        """In how many of the rows (None: all) each of `keys()` occurs."""
        ...

    def value_counts(self, key: str, mask: Mask | None) -> Counts:
        """In how many of the rows each of `codes_of(key)` is the last value of the key."""
        ...

    def used(self, mask: Mask | None) -> Mask:
        """Whether each code is the last value of its key in any of the rows."""
        ...


def tag_rows(batch: SpanBatch) -> npt.NDArray[np.int32]:
    """The row that each entry of the flattened tags column belongs to."""
    counts = np.diff(batch.array("tags").offsets.to_numpy())
    return np.repeat(np.arange(len(batch), dtype=np.int32), counts)


def flat_codes(batch: SpanBatch) -> Codes:
    """The flattened tags column."""
    return np.asarray(batch.array("tags").flatten())


def few(mask: Mask) -> bool:
    """Whether rows are better looked at one by one than all together."""
    return bool(8 * np.count_nonzero(mask) < len(mask))


def entries(batch: SpanBatch, mask: Mask) -> Codes:
    """The entries of the flattened tags column that belong to the mask's rows."""
    if few(mask):
        return _entries_of(batch, np.flatnonzero(mask))[1]
    offsets, flat = batch.array("tags").offsets.to_numpy(), flat_codes(batch)
    return np.asarray(flat[np.repeat(mask, np.diff(offsets))], np.int32)


def _entries_of(batch: SpanBatch, rows: Rows) -> tuple[Rows, Codes]:
    """(the row of each, the entries) of the flattened tags column that belong to these rows."""
    offsets, flat = batch.array("tags").offsets.to_numpy(), flat_codes(batch)
    first, sizes = offsets[rows] - offsets[0], np.diff(offsets)[rows]
    ends = np.cumsum(sizes)
    places = np.repeat(first - (ends - sizes), sizes) + np.arange(sizes.sum())
    return np.repeat(rows, sizes), np.asarray(flat[places], np.int32)


def one_of(codes: npt.NDArray[Any], wanted: Rows, size: int) -> Mask:
    """Which of some codes, all below `size`, are wanted."""
    if len(wanted) > _FEW:
        table = np.zeros(size, np.bool_)
        table[wanted] = True
        return table.take(codes)
    found = np.zeros(len(codes), np.bool_)
    for code in wanted:
        found |= codes == code
    return found


def _last_per_row(rows: Rows, codes: Codes) -> tuple[Rows, Codes]:
    """The last of each row's entries; rows ascend."""
    last = np.ones(len(rows), np.bool_)
    last[:-1] = rows[1:] != rows[:-1]
    return rows[last], codes[last]


class ScanIndex:
    """For a batch that just arrived: nothing is prepared, every question looks through all codes.

    Which tag has which key is remembered once somebody asked for keys, fingerprints once somebody asked for a value.
    """

    nbytes = 0

    def __init__(self, batch: SpanBatch) -> None:
        """Answer for this batch."""
        self._batch = batch

    @cached_property
    def _key_of(self) -> tuple[list[str], Codes]:
        """(the keys, the number of each tag's key)."""
        keys, starts, order = order_by_key(self._batch.tags)
        key_of = np.empty(len(order), np.int32)
        key_of[order] = np.repeat(np.arange(len(keys), dtype=np.int32), np.diff(starts))
        return keys, key_of

    def keys(self) -> list[str]:
        """Distinct keys."""
        return self._key_of[0]

    @cached_property
    def repeated(self) -> frozenset[str]:
        """Keys that some span has more than once."""
        keys, key_of = self._key_of
        return _repeated(keys, key_of[flat_codes(self._batch)], tag_rows(self._batch))

    def codes_of(self, key: str) -> Codes:
        """The codes of all tags with this key, ascending."""
        if "_key_of" in self.__dict__:
            keys, key_of = self._key_of
            has_key = key_of == (keys.index(key) if key in keys else -1)
        else:
            has_key = np.asarray(pc.starts_with(self._batch.tags, pattern=key_prefix(key)))
        return np.flatnonzero(has_key).astype(np.int32)

    @cached_property
    def _prints(self) -> Fingerprints:
        return fingerprints(self._batch.tags)

    def codes_like(self, key: str, values: tuple[str, ...]) -> Codes:
        """Codes of the key, all that have one of these texts, or an element with it, among them; ascending."""
        alike = np.isin(self._prints, sought(key, values), kind="sort")
        return self._with_key(key, np.flatnonzero(alike).astype(np.int32))

    def _with_key(self, key: str, codes: Codes) -> Codes:
        """Those of some codes whose tags have the key."""
        has_key = pc.starts_with(self._batch.tags.take(pa.array(codes)), pattern=key_prefix(key))
        return np.asarray(codes[np.asarray(has_key)], np.int32)

    def occurrences(self, key: str) -> tuple[Rows, Codes]:
        """(rows that have the key, each once; the code of its last value in each)."""
        return _scan(self._batch, self.codes_of(key))

    def rows_of(self, key: str, codes: Codes) -> Rows:
        """The rows whose last value of the key has one of these codes."""
        if not len(codes):
            return codes
        batch = self._batch
        offsets = batch.array("tags").offsets.to_numpy()
        places = np.flatnonzero(one_of(flat_codes(batch), codes, len(batch.tags)))
        if 8 * len(places) < len(batch):
            having = distinct(np.searchsorted(offsets, places + offsets[0], "right") - 1)
            owners, near = _entries_of(batch, having)
            mine = one_of(near, self._with_key(key, distinct(near)), len(batch.tags))
            rows, last = _last_per_row(owners[mine], near[mine])
        else:
            rows, last = self.occurrences(key)
        return rows[one_of(last, codes, len(batch.tags))]

    def key_counts(self, mask: Mask | None) -> Counts:
        """In how many of the rows (None: all) each of `keys()` occurs."""
        keys, key_of = self._key_of
        codes = flat_codes(self._batch) if mask is None else entries(self._batch, mask)
        counts = np.bincount(key_of[codes], minlength=len(keys))
        return _once_per_row(self, counts, mask)

    def value_counts(self, key: str, mask: Mask | None) -> Counts:
        """In how many of the rows each of `codes_of(key)` is the last value of the key."""
        return _counted(self.codes_of(key), *self.occurrences(key), mask)

    def used(self, mask: Mask | None) -> Mask:
        """Whether each code is the last value of its key in any of the rows."""
        used = np.zeros(len(self._batch.tags), np.bool_)
        used[flat_codes(self._batch) if mask is None else entries(self._batch, mask)] = True
        return _used_last(self, used, mask)


def _once_per_row(index: TagIndex, counts: Counts, mask: Mask | None) -> Counts:
    """The counts of keys, put right for those that a row repeats."""
    for key in index.repeated:
        rows, _ = index.occurrences(key)
        counts[index.keys().index(key)] = len(rows) if mask is None else np.count_nonzero(mask[rows])
    return counts


def _used_last(index: TagIndex, used: Mask, mask: Mask | None) -> Mask:
    """Of the keys that a row repeats, only those codes that come last."""
    for key in index.repeated:
        used[index.codes_of(key)] = index.value_counts(key, mask) > 0
    return used


def _counted(codes: Codes, rows: Rows, last: Codes, mask: Mask | None) -> Counts:
    chosen = last if mask is None else last[mask[rows]]
    return np.bincount(np.searchsorted(codes, chosen), minlength=len(codes))


def _scan(batch: SpanBatch, codes: Codes) -> tuple[Rows, Codes]:
    flat = flat_codes(batch)
    places = np.flatnonzero(one_of(flat, codes, len(batch.tags)))
    return _last_per_row(tag_rows(batch)[places], flat[places])


_TABLE_MAX = 1 << 24


def _repeated(keys: list[str], key_of: npt.NDArray[np.integer[Any]], rows: Rows) -> frozenset[str]:
    """The keys that occur twice in a row; `key_of`: number of the key of each tag of each row, `rows`: that row, ascending."""
    width = len(keys)
    height = int(rows[-1]) + 1 if len(rows) else 0
    if width * height <= _TABLE_MAX:
        seen = np.zeros(width * height, np.bool_)
        seen[rows.astype(np.int64) * width + key_of] = True
        once = np.count_nonzero(seen.reshape(height, width), axis=0)
        counts = np.bincount(key_of, minlength=width)
        return frozenset(keys[i] for i in np.flatnonzero(counts > once).tolist())
    pairs = np.sort((rows.astype(np.uint64) << np.uint64(32)) | key_of.astype(np.uint64))
    again = pairs[1:][pairs[1:] == pairs[:-1]] & np.uint64(0xFFFFFFFF)
    return frozenset(keys[i] for i in np.unique(again).tolist())


class PostingIndex:
    """For a sealed segment: tags stand in order of their keys, and each knows its rows."""

    def __init__(self, batch: SpanBatch, keys: list[str], starts: Codes) -> None:
        """Use `PostingIndex.seal`."""
        self._batch = batch
        self._keys = keys
        self._position = {key: i for i, key in enumerate(keys)}
        self._starts = starts
        flat, rows = flat_codes(batch), tag_rows(batch)
        self._rows = rows.astype(np.uint16)[order_below(flat, len(batch.tags))]
        self._offsets = np.concatenate([[0], np.cumsum(np.bincount(flat, minlength=len(batch.tags)))]).astype(
            np.int32
        )
        key_of = np.repeat(np.arange(len(keys)), np.diff(starts))
        self._prints = by_fingerprint(batch.tags, key_of, np.arange(len(key_of)) - starts[key_of])
        self.repeated = _repeated(keys, key_of[flat], rows)
        """Keys that some span has more than once."""

    @staticmethod
    def seal(batch: SpanBatch) -> tuple[SpanBatch, PostingIndex]:
        """(the batch with its tags put in order of their keys, the index over it); at most 65,536 rows."""
        names, starts, order = order_by_key(batch.tags)
        rank = np.empty(len(order), np.int32)
        rank[order] = np.arange(len(order), dtype=np.int32)
        lists = batch.rows.column("tags")
        offsets = lists.offsets.to_numpy()
        codes = pa.array(rank[flat_codes(batch)], pa.int32())
        column = pa.ListArray.from_arrays(pa.array(offsets - offsets[0], pa.int32()), codes)
        rows = batch.rows.set_column(batch.rows.schema.get_field_index("tags"), "tags", column)
        tags = batch.tags.take(pa.array(order))
        ordered = own_pages.moved(SpanBatch(rows, tags, batch.names, batch.reporters, batch.extras))
        return ordered, PostingIndex(ordered, names, starts)

    @property
    def nbytes(self) -> int:
        """Bytes held besides the batch."""
        return sum(int(array.nbytes) for array in self.arrays().values())

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """What cannot be made quickly from the batch; `StoredIndex` reads it back."""
        made: dict[str, npt.NDArray[Any]] = {
            "posting_rows": self._rows,
            "posting_offsets": self._offsets,
            "key_starts": self._starts,
        }
        return made if self._prints is None else {**made, "tag_prints": self._prints}

    def keys(self) -> list[str]:
        """Distinct keys."""
        return self._keys

    def codes_of(self, key: str) -> Codes:
        """The codes of all tags with this key, ascending."""
        i = self._position.get(key)
        if i is None:
            return np.empty(0, np.int32)
        return np.arange(self._starts[i], self._starts[i + 1], dtype=np.int32)

    def codes_like(self, key: str, values: tuple[str, ...]) -> Codes:
        """Codes of the key, all that have one of these texts, or an element with it, among them; ascending."""
        codes = self.codes_of(key)
        prints = self._prints_between(int(codes[0]), int(codes[-1]) + 1) if len(codes) > _SEVERAL else None
        return codes if prints is None else places_like(prints, key, values) + codes[0]

    def occurrences(self, key: str) -> tuple[Rows, Codes]:
        """(rows that have the key, each once; the code of its last value in each)."""
        codes = self.codes_of(key)
        if key in self.repeated:
            return _scan(self._batch, codes)
        if not len(codes):
            return np.empty(0, np.int32), codes
        bounds = self._bounds(int(codes[0]), int(codes[-1]) + 1)
        return self._rows_between(bounds[0], bounds[-1]), np.repeat(codes, np.diff(bounds))

    def rows_of(self, key: str, codes: Codes) -> Rows:
        """The rows whose last value of the key has one of these codes."""
        if key in self.repeated or len(codes) > _SEVERAL:
            rows, last = self.occurrences(key)
            return rows[one_of(last, codes, self._size())]
        parts = [self._rows_between(*self._bounds(code, code + 1)) for code in codes.tolist()]
        return np.concatenate(parts) if parts else np.empty(0, np.uint16)

    def key_counts(self, mask: Mask | None) -> Counts:
        """In how many of the rows (None: all) each of `keys()` occurs."""
        if mask is not None and few(mask):  # by their own tags
            keys = np.searchsorted(self._starts, entries(self._batch, mask), "right") - 1
            counts = np.bincount(keys, minlength=len(self._keys))
        else:
            counts = self._counted_between(self._offsets[self._starts], mask)
        return _once_per_row(self, counts, mask)

    def value_counts(self, key: str, mask: Mask | None) -> Counts:
        """In how many of the rows each of `codes_of(key)` is the last value of the key."""
        if key in self.repeated:
            return _counted(self.codes_of(key), *self.occurrences(key), mask)
        i = self._position.get(key)
        if i is None:
            return np.empty(0, np.int64)
        return self._counted_between(self._bounds(self._starts[i], self._starts[i + 1]), mask)

    def used(self, mask: Mask | None) -> Mask:
        """Whether each code is the last value of its key in any of the rows."""
        if mask is None:
            used = np.diff(self._offsets) > 0
        else:
            used = np.zeros(self._size(), np.bool_)
            used[entries(self._batch, mask)] = True
        return _used_last(self, used, mask)

    def _size(self) -> int:
        """How many tags there are."""
        return len(self._offsets) - 1

    def _bounds(self, first: int, last: int) -> npt.NDArray[np.int32]:
        """Where the postings of the tags first … last begin, and where those of the last end."""
        return self._offsets[first : last + 1]

    def _prints_between(self, first: int, last: int) -> Prints | None:
        """The fingerprints of the tags first … last, which are those of a key."""
        return None if self._prints is None else self._prints[first:last]

    def _rows_between(self, first: int, last: int) -> Rows:
        """The postings at first … last."""
        return self._rows[first:last]

    def _counted_between(self, bounds: npt.NDArray[np.int32], mask: Mask | None) -> Counts:
        """How many of the postings at bounds[i] … bounds[i + 1] are rows of the mask (None: all), for each i."""
        counts = np.diff(bounds).astype(np.int64)
        if mask is not None and counts.any():
            used = np.flatnonzero(counts)
            hits = mask[self._rows_between(bounds[0], bounds[-1])]
            counts[used] = np.add.reduceat(hits, bounds[:-1][used] - bounds[0], dtype=np.int64)
        return counts
