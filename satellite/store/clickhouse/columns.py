"""Spans as rows of the table `spans`, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from satellite.model import compute as pc
from satellite.model.reporter import decode_reporter
from satellite.model.spans import SCHEMA, SpanBatch, SpanBuilder
from satellite.model.tag import element_texts, key_prefix, text_of
from satellite.model.tags import elements_of, layout, order_by_key, texts_of
from satellite.query.plan import LOG_PREFIX
from satellite.store.clickhouse.shelves import Shelves, encoded, key_sets
from satellite.store.latency import bucket_of
from satellite.store.recall.log_fields import row_fields
from satellite.store.recall.tag_index import flat_codes, tag_rows
from satellite.store.recall.terms import FULL_TRACE_TAGS

Ints = npt.NDArray[np.int64]

_NUMBERS = (
    "trace_high",
    "trace_low",
    "span_id",
    "parent_id",
    "start_ns",
    "duration_ns",
    "kind",
    "status",
    "marks",
)
_COPIED = {name: name for name in _NUMBERS} | {"logs": "logs", "refs": "references"}

WHOLE = (*_NUMBERS, "name", "reporter", "extra", "tags", "logs", "refs")
"""The columns of the table that make a span."""

IDENTITY = (
    "trace_high, trace_low, span_id, 0 AS parent_id, start_ns, duration_ns, 0 AS kind, 0 AS status, marks, '' AS name, reporter, extra,"
    " emptyArrayString() AS tags, emptyArrayString() AS logs, emptyArrayString() AS refs"
)
"""Those of WHOLE by which a span is known when it comes again; the others are empty."""


def table_of(project: int, batch: SpanBatch, marks: Ints, arrived_ns: Ints) -> pa.Table:
    """The rows to insert; `marks` and `arrived_ns` have one entry per row."""
    size = len(batch)
    reporters = [decode_reporter(encoded) for encoded in batch.reporters.to_pylist()]
    of_reporter = batch.column("reporter")
    services = pa.array([one.service.encode() for one in reporters], pa.binary())
    columns: dict[str, Any] = {
        "project": pa.array(np.full(size, project, np.uint64)),
        "mark": pa.array(marks),
        "arrived_ns": pa.array(arrived_ns),
        "bucket": pa.array(bucket_of(batch.column("duration_ns"))),
        "service": encoded(of_reporter, services),
        "tracer": pa.array(np.array([one.id for one in reporters], np.uint64)[of_reporter]),
    }
    columns |= {column: batch.array(name) for column, name in _COPIED.items()}
    for name, dictionary in (("name", batch.names), ("reporter", batch.reporters), ("extra", batch.extras)):
        columns[name] = encoded(batch.column(name), dictionary)
    lists = batch.array("tags")
    columns["tags"] = pa.ListArray.from_arrays(
        _from_zero(lists.offsets), encoded(np.asarray(lists.flatten()), batch.tags)
    )
    columns |= _answers(batch)
    return pa.table(columns)


def batch_of(rows: pa.Table) -> SpanBatch:
    """Rows that were read, by the names of WHOLE; other columns do not matter."""
    if not rows.num_rows:
        return SpanBuilder().build()
    rows = rows.combine_chunks()
    columns: dict[str, Any] = {}
    for name in (*_NUMBERS, "logs", "refs"):
        target = {"refs": "references"}.get(name, name)
        columns[target] = _one(rows[name]).cast(SCHEMA.field(target).type)
    dictionaries = {}
    for name, dictionary in (("name", "names"), ("reporter", "reporters"), ("extra", "extras")):
        encoded = _one(rows[name]).dictionary_encode()
        columns[name], dictionaries[dictionary] = encoded.indices, encoded.dictionary
    lists = _one(rows["tags"])
    encoded = lists.flatten().dictionary_encode()
    columns["tags"] = pa.ListArray.from_arrays(_from_zero(lists.offsets), encoded.indices)
    return SpanBatch(
        pa.RecordBatch.from_arrays([columns[name] for name in SCHEMA.names], schema=SCHEMA),
        tags=encoded.dictionary,
        **dictionaries,
    )


def column_of(rows: pa.Table, name: str) -> pa.Array:
    """A column of rows that were read, in one piece."""
    column = rows[name]
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def numbers_of(rows: pa.Table, name: str) -> npt.NDArray[Any]:
    """A column of numbers."""
    return np.asarray(column_of(rows, name))


def _one(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)


def _from_zero(offsets: pa.Array) -> pa.Array:
    return pc.subtract(offsets, offsets[0])


# What a term finds a span by

RARE_SHARE = 512
"""A text is rare that no more than one of so many spans of an insert has, or just one (ours)."""

RARE_FROM_SPANS = 64
"""Of an insert; with fewer nothing is known to be rare (ours)."""

RARE_FROM_VALUES = 64
"""That a key has in an insert; with fewer they are no burden, and to group by the key no tag is read (ours)."""

FEW_KEYS = 512
"""Of an insert; with more of them the values of any key are a burden (ours)."""

TEXT = 0x12
"""What stands before the text of a canonical tag; see `protos/satellite_model.proto`."""


class _Pairs:
    """(row, entry) pairs that become one list column."""

    def __init__(self) -> None:
        self.rows: list[Ints] = []
        self.codes: list[Ints] = []
        self.entries: list[pa.Array] = []
        self._size = 0

    def know(self, entries: pa.Array) -> int:
        """Entries to point to; the code of the first."""
        first = self._size
        self.entries.append(entries)
        self._size += len(entries)
        return first

    def add(self, rows: npt.NDArray[Any], codes: npt.NDArray[Any]) -> None:
        """Each of these rows has the entry beside it."""
        self.rows.append(rows.astype(np.int64))
        self.codes.append(codes.astype(np.int64))

    def column(self, size: int) -> pa.ListArray:
        """The entries of each row, in the order in which they were added."""
        rows = np.concatenate([np.empty(0, np.int64), *self.rows])
        codes = np.concatenate([np.empty(0, np.int64), *self.codes])
        order = np.argsort(rows, kind="stable")
        entries = pa.concat_arrays([pa.array([], pa.binary()), *self.entries])
        offsets = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=size))])
        return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), encoded(codes[order], entries))


class _Values(_Pairs):
    """Whole values, which stand on shelves, too."""

    def __init__(self) -> None:
        super().__init__()
        self._shelves = Shelves()

    def know_values(self, key: str, texts: pa.BinaryArray) -> int:
        """Values of a key to point to; the code of the first."""
        self._shelves.know(key, texts)
        return self.know(_entries(key, texts))

    def shelf_columns(self, size: int) -> dict[str, pa.DictionaryArray]:
        """The shelves, when all values were added and nothing else."""
        rows, codes = (np.concatenate([np.empty(0, np.int64), *each]) for each in (self.rows, self.codes))
        return dict(self._shelves.columns(rows, codes, size))


def entry(key: str, text: str) -> bytes:
    """An entry of `answers`: the key, whose length is in front of it, then the text."""
    return key_prefix(key) + text.encode("utf-8", "surrogatepass")


def _entries(key: str, texts: pa.BinaryArray) -> pa.BinaryArray:
    prefix = pa.scalar(key_prefix(key), pa.binary())
    return pc.binary_join_element_wise(prefix, texts, pa.scalar(b"", pa.binary()))


def _answers(batch: SpanBatch) -> dict[str, pa.Array]:
    """The columns `keys`, `rare_keys`, `log_keys`, `valued`, `answers`, `key_set` and the shelves."""
    size = len(batch)
    names, starts, order = order_by_key(batch.tags)
    key_of = np.empty(len(batch.tags), np.int64)
    key_of[order] = np.repeat(np.arange(len(names)), np.diff(starts))
    all_rows, codes = tag_rows(batch).astype(np.int64), flat_codes(batch).astype(np.int64)
    rows, codes = _last_of_each_key(all_rows, codes, key_of, len(names))
    rare = _rare(batch.tags, names, key_of, codes, size)[codes]
    rare &= (np.bincount(all_rows, minlength=size) == np.bincount(rows, minlength=size))[rows]
    asked = np.zeros(len(batch.tags), np.bool_)
    asked[codes[~rare]] = True
    pairs, elements = _Values(), _Pairs()
    entry_of = np.empty(len(batch.tags), np.int64)
    owners: list[Ints] = []
    """Tags that are lists."""
    element_codes: list[Ints] = []
    for number, key in enumerate(names):
        places = order[starts[number] : starts[number + 1]]
        places = places[asked[places]]
        tags = batch.tags.take(pa.array(places))
        entry_of[places] = pairs.know_values(key, texts_of(tags, key).cast(pa.binary())) + np.arange(
            len(places)
        )
        found = elements_of(tags, key)
        if len(found.tags):
            first = elements.know(_entries(key, found.texts.cast(pa.binary())))
            owners.append(places[found.tags])
            element_codes.append(first + np.arange(len(found.tags)))
    pairs.add(rows[~rare], entry_of[codes[~rare]])
    key_lists, rare_keys = _Pairs(), _Pairs()
    known = pa.array([name.encode("utf-8", "surrogatepass") for name in names], pa.binary())
    for lists, which in ((key_lists, slice(None)), (rare_keys, rare)):
        lists.know(known)
        lists.add(rows[which], key_of[codes[which]])
    _add_lists(elements, rows, codes, owners, element_codes)
    _add_attributes(batch, pairs, elements, rows, key_of[codes], names)
    valued = (
        np.bincount(np.concatenate(pairs.rows), minlength=size) if pairs.rows else np.zeros(size, np.int64)
    )
    shelves = pairs.shelf_columns(size)
    log_keys = _add_logs(batch, elements)
    first = pairs.know(pa.concat_arrays([pa.array([], pa.binary()), *elements.entries]))
    for more_rows, more_codes in zip(elements.rows, elements.codes, strict=True):
        pairs.add(more_rows, first + more_codes)
    return {
        "keys": key_lists.column(size),
        "rare_keys": rare_keys.column(size),
        "log_keys": log_keys.column(size),
        "valued": pa.array(valued.astype(np.uint16)),
        "answers": pairs.column(size),
        "shelved": pa.array(np.ones(size, np.uint8)),
        "key_set": key_sets(rows, key_of[codes], known, size),
        **shelves,
    }


def _rare(
    tags: pa.BinaryArray, names: list[str], key_of: Ints, codes: Ints, size: int
) -> npt.NDArray[np.bool_]:
    """Of distinct tags those that are texts and that hardly any of `size` rows has."""
    if size < RARE_FROM_SPANS or not len(tags):
        return np.zeros(len(tags), np.bool_)
    start, end, data = layout(tags)
    value = np.array([len(key_prefix(name)) for name in names])[key_of]
    has_value = end - start > value
    text = has_value & (data[np.where(has_value, start + value, 0)] == TEXT)
    searched = np.array([name in FULL_TRACE_TAGS for name in names])[key_of]
    count = np.bincount(codes, minlength=len(tags))
    few = count <= max(1, size // RARE_SHARE)
    values = np.bincount(key_of[count > 0], minlength=len(names))
    many = ((values >= RARE_FROM_VALUES) | (len(names) > FEW_KEYS))[key_of]
    rare: npt.NDArray[np.bool_] = text & ~searched & few & many
    return rare


def _last_of_each_key(rows: Ints, codes: Ints, key_of: Ints, keys: int) -> tuple[Ints, Ints]:
    """Of a key that a row repeats, the last."""
    combined = rows * max(keys, 1) + key_of[codes]
    order = np.argsort(combined, kind="stable")
    last = np.ones(len(order), np.bool_)
    last[:-1] = combined[order[1:]] != combined[order[:-1]]
    kept = np.sort(order[last])
    return rows[kept], codes[kept]


def _add_lists(elements: _Pairs, rows: Ints, codes: Ints, owners: list[Ints], found: list[Ints]) -> None:
    """The elements of the rows' tags that are lists."""
    if not owners:
        return
    owner, code = np.concatenate(owners), np.concatenate(found)
    order = np.argsort(owner, kind="stable")
    owner, code = owner[order], code[order]
    begin, end = np.searchsorted(owner, codes), np.searchsorted(owner, codes, side="right")
    counts = end - begin
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    elements.add(np.repeat(rows, counts), code[np.repeat(begin, counts) + within])


def _add_attributes(
    batch: SpanBatch, pairs: _Values, elements: _Pairs, rows: Ints, keys: Ints, names: list[str]
) -> None:
    """The attributes of each row's reporter, where the row has no such tag."""
    number = {name: i for i, name in enumerate(names)}
    of_reporter = batch.column("reporter")
    everything = np.arange(len(batch))
    for place, reporter in enumerate(batch.reporters.to_pylist()):
        attributes = dict(decode_reporter(reporter).attributes)
        if not attributes:
            continue
        mine = everything[of_reporter == place]
        for key, value in attributes.items():
            lacking = mine
            if key in number:
                lacking = np.setdiff1d(mine, rows[keys == number[key]], assume_unique=True)
            text = text_of(value).encode("utf-8", "surrogatepass")
            code = pairs.know_values(key, pa.array([text], pa.binary()))
            pairs.add(lacking, np.full(len(lacking), code))
            for element in element_texts(value):
                code = elements.know(pa.array([entry(key, element)], pa.binary()))
                elements.add(lacking, np.full(len(lacking), code))


def _add_logs(batch: SpanBatch, elements: _Pairs) -> _Pairs:
    """The fields of logs, as tags with LOG_PREFIX; the keys of each row."""
    keys = _Pairs()
    everything = row_fields(batch)
    names = order_by_key(everything.tags).keys
    keys.know(pa.array([name.encode("utf-8", "surrogatepass") for name in names], pa.binary()))
    for number, name in enumerate(names):
        fields = row_fields(batch, name)
        if not len(fields.rows):
            continue
        with_it = np.unique(fields.rows)
        keys.add(with_it, np.full(len(with_it), number))
        key = LOG_PREFIX + name
        first = elements.know(_entries(key, texts_of(fields.tags, name).cast(pa.binary())))
        elements.add(fields.rows, first + fields.codes)
        found = elements_of(fields.tags, name)
        if len(found.tags):
            first = elements.know(_entries(key, found.texts.cast(pa.binary())))
            codes = fields.codes.astype(np.int64)
            _add_lists(
                elements,
                fields.rows,
                codes,
                [found.tags.astype(np.int64)],
                [first + np.arange(len(found.tags))],
            )
    return keys
