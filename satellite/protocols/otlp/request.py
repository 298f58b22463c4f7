"""OTLP's trace requests as columns: bytes to Arrow by ptars, with bounds on what a body may unfold to.

A bad body fails alone. Field 1000 of releases 0.15 to 0.18 is read in the place of field 2 where that is empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from google.protobuf.message import DecodeError

from satellite.errors import BadReport, TooLarge
from satellite.pb import otlp_shallow_pb2 as shallow
from satellite.protocols.readers.columns import (
    FREE,
    MOMENT_BYTES_MIN,
    MOMENTS_FREE,
    SMALL_BYTES,
    ColumnReader,
    Range,
    are_too_different,
    check_broken,
    crowded_values,
    hold_more,
    lengths_of,
    messages_in,
)

CALL_BYTES = 4 * 2**20
"""What one call of ptars reads, but for a body that is longer: an empty span of 2 bytes becomes 100 (ours)."""

SPAN_BYTES_MIN, EVENT_BYTES_MIN, ELEMENT_BYTES_MIN = 48, 24, 8
"""A body may hold one resource, scope or span for each 48 of its bytes (the ids, times and name of a span take 54), one event
or link for each 24 (time and name of one take 20), and one attribute for each 8 (of one letter and a number it takes 11)."""

_READER = ColumnReader(shallow.Request, shape=shallow.RequestShape, name="an ExportTraceServiceRequest")

Fault = BadReport | TooLarge


class Requests(NamedTuple):
    """What `read_requests` made of several bodies."""

    columns: pa.RecordBatch
    """`satellite.otlp.Request` as columns, a row for each good body, in order."""
    faults: list[Fault | None]
    """One per body; None for a good one."""


def read_requests(bodies: Sequence[bytes]) -> Requests:
    """Every good body's columns; never raises for what a body holds."""
    parts: list[pa.RecordBatch] = []
    faults: list[Fault | None] = []
    for group in _groups(bodies):
        columns, found = _read(group)
        parts.append(columns)
        faults.extend(found)
    if len(parts) == 1:
        return Requests(parts[0], faults)
    if not parts:
        return Requests(_READER.read([]), faults)
    table = pa.Table.from_batches(parts).combine_chunks()
    return Requests(table.to_batches()[0] if len(table) else parts[0], faults)


def _groups(bodies: Sequence[bytes]) -> Iterable[list[bytes]]:
    """The bodies in order, as many together as one call takes."""
    group: list[bytes] = []
    size_bytes = 0
    for body in bodies:
        if group and size_bytes + len(body) > CALL_BYTES:
            yield group
            group, size_bytes = [], 0
        group.append(body)
        size_bytes += len(body)
    if group:
        yield group


def _read(bodies: list[bytes]) -> Requests:
    try:
        if sum(map(len, bodies)) > SMALL_BYTES and hold_more(bodies, SPAN_BYTES_MIN, (1, 2), _messages):
            raise too_many()
        columns = _parse(bodies)
        crowded = _crowded(columns, bodies)
        if not any(crowded):
            return Requests(columns, [None] * len(bodies))
        faults: list[Fault | None] = [too_many() if found else None for found in crowded]
    except (BadReport, TooLarge) as fault:
        if len(bodies) == 1:
            return Requests(_READER.read([]), [fault])
        faults = [_fault(body) for body in bodies]
    # One of them is bad; the others must not notice. The good ones are read again, together.
    return Requests(
        _parse([body for body, fault in zip(bodies, faults, strict=True) if fault is None]), faults
    )


def _fault(body: bytes) -> Fault | None:
    return _read([body]).faults[0]


def _parse(bodies: list[bytes]) -> pa.RecordBatch:
    columns = _READER.read(bodies)
    old = columns.column("resource_spans").values.field("instrumentation_library_spans")
    if len(old.values):
        return _parse([_modernised(body) for body in bodies])
    return columns


def _modernised(body: bytes) -> bytes:
    """The request with field 1000 in the place of field 2, where that is empty."""
    try:
        request = shallow.OldRequest.FromString(body)
    except DecodeError as error:
        raise BadReport(f"not an ExportTraceServiceRequest: {error}") from error
    for spans in request.resource_spans:
        if not spans.scope_spans:
            spans.scope_spans.extend(spans.instrumentation_library_spans)
        del spans.instrumentation_library_spans[:]
    return bytes(request.SerializeToString())


def _crowded(columns: pa.RecordBatch, bodies: Sequence[bytes]) -> list[bool]:
    """Which bodies hold more messages than so many bytes can have a use for."""
    resources = columns.column("resource_spans")
    resource = resources.values  # ptars' lists begin at 0 and none is null
    scopes = resource.field("scope_spans")
    scope = scopes.values
    spans = scope.field("spans")
    span = spans.values
    lists = [span.field(name) for name in ("attributes", "events", "links", "status")]
    if any(
        map(
            crowded_values,
            (
                resource.field("resource").values,
                scope.field("scope").values,
                *(span.field(name).values for name in ("events", "links", "status")),
            ),
        )
    ):
        raise too_many()
    check_broken(span.field("attributes").values, sum(map(len, bodies)), _is_text)
    messages, elements = len(resource) + len(scope) + len(span), sum(len(one.values) for one in lists)
    if messages <= FREE and elements <= FREE:
        return [False] * len(bodies)
    scopes_of = _within(resources, scopes)
    spans_of = _within(resources, scopes, spans)
    messages_of = lengths_of(resources) + scopes_of + spans_of
    elements_of = sum(
        (_within(resources, scopes, spans, one) for one in lists), np.zeros(len(bodies), np.int64)
    )
    sizes = np.array([len(body) for body in bodies])
    events_of = sum(_within(resources, scopes, spans, span.field(name)) for name in ("events", "links"))
    crowded = (
        (messages_of > FREE + sizes // SPAN_BYTES_MIN)
        | (events_of > FREE + sizes // EVENT_BYTES_MIN)
        | (events_of > MOMENTS_FREE + sizes // MOMENT_BYTES_MIN)
        | (elements_of > FREE + sizes // ELEMENT_BYTES_MIN)
    )
    if not crowded.any() and are_too_different(span.field("attributes").values, int(sizes.sum())):
        raise too_many()
    return list(crowded.tolist())


def _is_text(attribute: bytes) -> bool:
    """Whether an attribute may hold texts."""
    try:
        return bool(shallow.KeyValue.FromString(attribute).value.WhichOneof("value") != "bytes_value")
    except DecodeError:
        return False


def _within(*levels: pa.ListArray) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """How many elements of the last level are in each list of the first, each level's lists lying in the one before."""
    ends = np.asarray(levels[0].offsets)
    for level in levels[1:]:
        ends = np.asarray(level.offsets)[ends] if len(level) else np.zeros(len(ends), np.int32)
    return np.diff(ends).astype(np.int64)


def too_many() -> TooLarge:
    """The refusal of a request of very many small things."""
    return TooLarge("more spans, attributes, events or links than a request of this size can hold")


def _messages(body: bytes) -> Iterator[Range]:
    """A value for each resource, scope and span."""
    for resource in messages_in(body, (0, len(body)), (1,)):
        yield resource
        for scope in messages_in(body, resource, (2, 1000)):
            yield scope
            yield from messages_in(body, scope, (2,))
