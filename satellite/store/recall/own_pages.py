"""Columns that stay in pages of their own: in the heap they would lie among what goes soon, and keep its pages."""

from __future__ import annotations

import mmap
import sys
from collections.abc import Sequence
from itertools import pairwise

import pyarrow as pa

from satellite.model.spans import SpanBatch

LEAST_BYTES = 2**18
"""Less is not worth a mapping. Ours."""

_DICTIONARIES = ("tags", "names", "reporters", "extras")


def moved(batch: SpanBatch) -> SpanBatch:
    """The same spans, in one mapping that goes back to the operating system as a whole; small batches stay where they are."""
    if batch.nbytes < LEAST_BYTES:
        return batch
    dictionaries = [pa.record_batch([getattr(batch, name)], names=[name]) for name in _DICTIONARIES]
    try:
        rows, *kept = _copied([batch.rows, *dictionaries])
    except OSError:  # a process may have so many mappings only
        return batch
    return SpanBatch(rows, **{one.schema.names[0]: one.column(0) for one in kept})


def _copied(tables: Sequence[pa.RecordBatch]) -> list[pa.RecordBatch]:
    counted = pa.MockOutputStream()
    ends = [0, *(_write(counted, table) for table in tables)]
    pages = pa.py_buffer(_mapping(ends[-1]))
    sink = pa.FixedSizeBufferWriter(pages)
    for table in tables:
        _write(sink, table)
    return [
        pa.ipc.open_stream(pages.slice(start, end - start)).read_next_batch() for start, end in pairwise(ends)
    ]


def _mapping(size_bytes: int) -> mmap.mmap:
    if sys.platform == "win32":
        return mmap.mmap(-1, size_bytes)
    return mmap.mmap(-1, size_bytes, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


def _write(sink: pa.NativeFile, table: pa.RecordBatch) -> int:
    """Where it ends."""
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_batch(table)
    return int(sink.tell() if not isinstance(sink, pa.MockOutputStream) else sink.size())
