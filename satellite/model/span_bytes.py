"""Spans as bytes: a SpanBatch, and arrays beside it, as one Arrow record batch of one row, each array a list in it.

So one message holds arrays of different lengths, and any program that reads Arrow IPC can read our files.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from satellite.model.spans import SCHEMA, SpanBatch

DICTIONARIES = ("tags", "names", "reporters", "extras")
ROWS = "rows"
PACKED = pa.schema(
    [
        pa.field(ROWS, pa.list_(pa.struct(list(SCHEMA)))),
        *(pa.field(name, pa.list_(pa.binary())) for name in DICTIONARIES),
    ]
)
"""What `pack` makes of a SpanBatch alone."""


def pack(batch: SpanBatch, beside: Mapping[str, npt.NDArray[Any]] | None = None) -> pa.RecordBatch:
    """A batch and the arrays beside it as one row; nothing is copied."""
    rows = pa.StructArray.from_arrays([batch.rows.column(name) for name in SCHEMA.names], fields=list(SCHEMA))
    arrays = {ROWS: rows, **{name: getattr(batch, name) for name in DICTIONARIES}}
    arrays |= {name: pa.array(values) for name, values in (beside or {}).items()}
    return pa.RecordBatch.from_arrays([_listed(array) for array in arrays.values()], names=list(arrays))


def _listed(array: pa.Array) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array([0, len(array)], pa.int32()), array)


def array_of(packed: pa.RecordBatch, name: str) -> pa.Array:
    """One of the packed arrays, without copying."""
    return packed.column(name).values


def rows_of(packed: pa.RecordBatch) -> pa.RecordBatch:
    """`SpanBatch.rows`; a column that an older format did not have is filled with zeros."""
    struct = array_of(packed, ROWS)
    known = {field.name: i for i, field in enumerate(struct.type)}
    columns = [
        struct.field(known[field.name]) if field.name in known else _zeros(field.type, len(struct))
        for field in SCHEMA
    ]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


def _zeros(kind: pa.DataType, size: int) -> pa.Array:
    if pa.types.is_list(kind):
        return pa.ListArray.from_arrays(pa.array(np.zeros(size + 1, np.int32)), pa.array([], kind.value_type))
    return pa.array(np.zeros(size, kind.to_pandas_dtype()), kind)


def unpack(packed: pa.RecordBatch) -> SpanBatch:
    """The batch; its buffers are those that were read."""
    return SpanBatch(rows_of(packed), *(array_of(packed, name) for name in DICTIONARIES))


def to_bytes(batch: SpanBatch) -> pa.Buffer:
    """A batch as an Arrow IPC stream, dictionaries and all."""
    packed = pack(batch)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, packed.schema) as stream:
        stream.write_batch(packed)
    return sink.getvalue()


def from_bytes(data: Any) -> SpanBatch:
    """What `to_bytes` made; holds on to the bytes.

    Raises:
        ValueError: the bytes are something else, or damaged in a way that can be seen without a checksum.
    """
    try:
        with pa.ipc.open_stream(pa.py_buffer(data)) as stream:
            packed = stream.read_next_batch()
        packed.validate(full=True)
        return unpack(packed)
    except (pa.ArrowException, KeyError, OSError, StopIteration) as error:
        raise ValueError(f"no span batch: {error}") from error


def checksum(array: pa.Array) -> int:
    """CRC-32 of an array's buffers as they lie in the file; the array is whole, no slice."""
    value = 0
    for buffer in array.buffers():
        if buffer is not None:
            value = zlib.crc32(buffer, value)
    return value
