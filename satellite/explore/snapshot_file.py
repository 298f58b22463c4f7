"""A snapshot as one file: JSON, with its spans as an Arrow stream in base64 that any program can read."""

from __future__ import annotations

import binascii
from typing import TypeVar

import msgspec
import numpy as np
import pyarrow as pa
from google.protobuf.message import DecodeError

from satellite.errors import BadRequest
from satellite.model.reporter import decode_reporter
from satellite.model.span_bytes import array_of, pack, unpack
from satellite.model.spans import SpanBatch, decode_extra
from satellite.model.tag import decode_tag
from satellite.store.assembled import Assembled, joined

FORMAT = "mock-lightstep-satellite snapshot"
VERSION = 1

T = TypeVar("T", bound=msgspec.Struct)


class _File(msgspec.Struct):
    format: str
    version: int
    kept: msgspec.Raw
    traces: int
    spans: int
    errors: int
    rows: bytes
    """Base64 in JSON."""


def encode(kept: msgspec.Struct, traces: Assembled) -> bytes:
    """The file of a snapshot."""
    beside = {
        "marks": traces.marks,
        "trace": traces.trace,
        "matched": traces.matched,
        "weights": traces.weights,
    }
    packed = pack(joined(traces.parts), beside)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, packed.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as stream:
        stream.write_batch(packed)
    return msgspec.json.encode(
        _File(
            FORMAT,
            VERSION,
            msgspec.Raw(msgspec.json.encode(kept)),
            traces.traces,
            traces.spans,
            traces.errors,
            sink.getvalue().to_pybytes(),
        )
    )


def decode(content: bytes, kind: type[T]) -> tuple[T, Assembled]:
    """What `encode` wrote. Raises BadRequest for what it did not, or what was damaged since."""
    try:
        file = msgspec.json.decode(content, type=_File)
        if (file.format, file.version) != (FORMAT, VERSION):
            raise ValueError(f"it is {file.format!r:.80}, version {file.version}")
        kept = msgspec.json.decode(file.kept, type=kind)
        with pa.ipc.open_stream(pa.py_buffer(file.rows)) as stream:
            packed = stream.read_next_batch()
        packed.validate(full=True)
        batch = unpack(packed)
        marks, trace, matched, weights = (
            np.array(array_of(packed, name)) for name in ("marks", "trace", "matched", "weights")
        )
        _check(batch)
        traces = Assembled(
            [batch], marks, trace, matched, weights, spans=file.spans, errors=file.errors, traces=file.traces
        )
        if not (
            all(len(array) == len(batch) for array in (marks, trace, matched, weights))
            and [array.dtype.char for array in (marks, trace, matched, weights)] == ["l", "l", "?", "d"]
            and (np.diff(marks) > 0).all()
            and (not len(batch) or (trace.min() >= 0 and trace.max() < len(batch)))
            and np.isfinite(weights).all()
        ):
            raise ValueError("its columns do not fit together")
    except (
        ValueError,
        KeyError,
        TypeError,
        StopIteration,
        OSError,
        OverflowError,
        binascii.Error,
        DecodeError,
        pa.ArrowException,
        msgspec.MsgspecError,
        UnicodeDecodeError,
    ) as error:
        raise BadRequest(f"this is no file of a snapshot: {error!s:.200}") from error
    return kept, traces


def _check(batch: SpanBatch) -> None:
    """Raises ValueError, DecodeError or MsgspecError unless every code leads to an entry that can be read."""
    for dictionary, column in (
        ("names", "name"),
        ("reporters", "reporter"),
        ("extras", "extra"),
        ("tags", "tags"),
    ):
        values = batch.rows.column(column)
        codes = np.asarray(values.flatten() if pa.types.is_list(values.type) else values)
        if len(codes) and not (codes.min() >= 0 and codes.max() < len(getattr(batch, dictionary))):
            raise ValueError(f"a code of {dictionary} leads nowhere")
    for name in batch.names.to_pylist():
        name.decode()
    for reporter in batch.reporters.to_pylist():
        decode_reporter(reporter)
    for extra in batch.extras.to_pylist():
        decode_extra(extra)
    for tag in batch.tags.to_pylist():
        decode_tag(tag)
