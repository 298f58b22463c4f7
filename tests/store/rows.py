"""Spans to write: a few of chosen fields, Bookinfo's, many of all sorts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict, Unpack

import numpy as np
import pyarrow as pa

from satellite.model.reporter import Reporter
from satellite.model.span import TagValue
from satellite.model.spans import SCHEMA, Kind, Marks, SpanBatch, SpanBuilder, Status
from satellite.model.tag import encode_tag
from satellite.store import Store
from tests import bookinfo

SECOND_NS = 1_000_000_000
NOW_NS = bookinfo.START_US * 1000
REPORTER = Reporter("lightstep", "shop", 0xF00D, (("host", "h1"), ("region", "eu"), ("weight", 7)))
OTHER_REPORTER = Reporter("lightstep", "bank", 2**64 - 2, (("host", "h2"),))


class Row(TypedDict, total=False):
    """What SpanBuilder.add takes; all of it has a default here."""

    reporter: Reporter
    operation: str
    trace_low: int
    trace_high: int
    span_id: int
    parent_id: int
    start_ns: int
    duration_ns: int
    kind: Kind
    status: Status
    marks: Marks
    tags: Sequence[tuple[str, TagValue]]
    logs: Sequence[bytes]
    references: Sequence[bytes]
    extra: dict[str, TagValue] | None


def batch_of(rows: Sequence[Row]) -> SpanBatch:
    """These rows; what a row does not say is the same for all."""
    builder = SpanBuilder()
    for row in rows:
        given: Row = {
            "reporter": REPORTER,
            "operation": "buy",
            "trace_low": 1,
            "span_id": 1,
            "start_ns": NOW_NS,
            "duration_ns": 1_000_000,
        }
        builder.add(**(given | row))
    return builder.build()


def one(**row: Unpack[Row]) -> SpanBatch:
    """A batch of one span."""
    return batch_of([row])


def tagged(*tags: dict[str, TagValue]) -> SpanBatch:
    """One span per dictionary of tags, span ids from 1."""
    return batch_of([{"span_id": i + 1, "tags": list(tags[i].items())} for i in range(len(tags))])


def write_bookinfo(store: Store, chunk: int = 12) -> None:
    """The fixture into project p, so many traces in a batch."""
    for first in range(0, bookinfo.TRACES, chunk):
        traces = range(first, min(first + chunk, bookinfo.TRACES))
        store.write("p", bookinfo.batch(traces), arrived_ns=NOW_NS + first * SECOND_NS)


def mixed(count: int) -> SpanBatch:
    """Spans of all sorts."""
    values: list[TagValue] = ["a", 3, 3.0, "3", None, True, "ä", 0.25, b"\x01", ["x"]]
    rows: list[Row] = [
        {
            "trace_low": i % 40 + 1,
            "trace_high": 6 if i % 40 == 7 else 0,
            "span_id": i + 1,
            "parent_id": i % 5,
            "start_ns": NOW_NS + i * 37 % 101,
            "duration_ns": (i * 7919 % 1009 - 10) * 5_003,
            "operation": f"op{i % 7}",
            "reporter": (REPORTER, OTHER_REPORTER, Reporter("otlp", "third"))[i % 3],
            "kind": Kind(i % 6),
            "status": Status(i % 3),
            "tags": [("tag", values[i % 10])] * (i % 4 > 0)
            + [("host", f"h{i % 6}")] * (i % 2)
            + [("tag", i % 3)] * (i % 11 == 0),
        }
        for i in range(count)
    ]
    return batch_of(rows)


def numbered(count: int) -> SpanBatch:
    """So many spans, made as columns: span i is in trace i // 7 + 1, lasts i µs, and has tag shard = i % 10."""
    i = np.arange(count, dtype=np.int64)
    zeros = np.zeros(count, np.int64)
    nothing = pa.ListArray.from_arrays(pa.array(np.zeros(count + 1, np.int32)), pa.array([], pa.binary()))
    codes = np.stack([i % 10, np.full(count, 10)], axis=1).ravel()
    offsets = np.arange(count + 1, dtype=np.int32) * 2
    columns = {
        "trace_high": zeros,
        "trace_low": i // 7 + 1,
        "span_id": i + 1,
        "parent_id": zeros,
        "start_ns": NOW_NS + i,
        "duration_ns": i * 1000,
        "name": zeros,
        "reporter": zeros,
        "extra": zeros,
        "kind": zeros,
        "status": zeros,
        "marks": zeros,
    }
    arrays = {name: pa.array(values).cast(SCHEMA.field(name).type) for name, values in columns.items()}
    arrays["tags"] = pa.ListArray.from_arrays(pa.array(offsets), pa.array(codes.astype(np.int32)))
    arrays["logs"] = arrays["references"] = nothing
    tags = [encode_tag("shard", n) for n in range(10)] + [encode_tag("every", "one")]
    return SpanBatch(
        rows=pa.RecordBatch.from_arrays([arrays[name] for name in SCHEMA.names], schema=SCHEMA),
        tags=pa.array(tags, pa.binary()),
        names=pa.array([b"count"], pa.binary()),
        reporters=pa.array([REPORTER.encoded], pa.binary()),
        extras=pa.array([b""], pa.binary()),
    )
