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
from satellite.model.tags import layout
from satellite.pb import otlp_shallow_pb2 as shallow
from satellite.protocols.otlp import texts
from satellite.protocols.otlp.tags import count_odd
from satellite.protocols.readers.columns import (
    BROKEN_UNCOUNTED_BYTES,
    EVENT_BYTES_MIN,
    FREE,
    MOMENT_BYTES_MIN,
    MOMENTS_FREE,
    SMALL_BYTES,
    ColumnReader,
    Range,
    TextColumn,
    are_too_different,
    check_broken,
    crowded_values,
    hold_more,
    lengths_of,
    messages_in,
)

CALL_BYTES = 4 * 2**20
"""What one call of ptars reads, but for a body that is longer: an empty span of 2 bytes becomes 100 (ours)."""

SPAN_BYTES_MIN, ELEMENT_BYTES_MIN = 48, 8
"""A body may hold one resource, scope or span for each 48 of its bytes (the ids, times and name of a span take 54), and one
attribute for each 8 (of one letter and a number it takes 11)."""

PARTS_FREE, PART_BYTES_MIN, HEAD_ATTRIBUTE_BYTES_MIN, ODD_BYTES_MIN = 2**14, 256, 32, 128
"""For each 256 bytes one resource or scope, for each 32 one attribute of these, for each 128 one thing that few spans have and no other
has the same (a trace state, the text of a status); so many more of each are free."""

_ENTITIES = (3,)

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
        if sum(map(len, bodies)) > SMALL_BYTES and _hold_too_many(bodies):
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
    heads = resource.field("resource").values
    parts = (
        scope.field("scope").values,
        *(span.field(name).values for name in ("events", "links", "status")),
    )
    if crowded_values(heads, _ENTITIES) or any(map(crowded_values, parts)):
        raise too_many()
    size_bytes = sum(map(len, bodies))
    if size_bytes > COUNTED_BYTES and _hold_many_attributes(resource, scope, span, size_bytes):
        raise too_many()
    if size_bytes > BROKEN_UNCOUNTED_BYTES:
        check_broken(size_bytes, _texts(columns))
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
    if len(resource) + len(scope) > PARTS_FREE + size_bytes // PART_BYTES_MIN or _are_odd(span, size_bytes):
        raise too_many()
    if not crowded.any() and are_too_different(span.field("attributes").values, size_bytes, count_odd):
        raise too_many()
    return list(crowded.tolist())


def _are_odd(span: pa.StructArray, size_bytes: int) -> bool:
    """Whether there is more that few spans have than bodies of this size have a use for: each such thing becomes an object."""
    limit = PARTS_FREE + size_bytes // ODD_BYTES_MIN
    if len(span) <= limit:
        return False
    start, end, _ = layout(span.field("parent_span_id"))
    odd = int(np.count_nonzero((end - start != 8) & (end > start)))
    first, last = (np.asarray(span.field(f"{name}_time_unix_nano")) for name in ("start", "end"))
    odd += int(np.count_nonzero((first == 0) | (last == 0) | (first >> 63 | last >> 63).astype(np.bool_)))
    columns = [span.field(name) for name in _FEW_HAVE]
    return odd + sum(len(column.unique()) for column in (*columns, span.field("status").values)) > limit


_FEW_HAVE = (
    "trace_state",
    "kind",
    "flags",
    "dropped_attributes_count",
    "dropped_events_count",
    "dropped_links_count",
)


def _hold_many_attributes(
    resource: pa.StructArray, scope: pa.StructArray, span: pa.StructArray, size_bytes: int
) -> bool:
    """Whether what is no span has more attributes than it may; each becomes an object."""
    heads = [(resource.field("resource").values, 1), (scope.field("scope").values, 3)]
    moments = [(span.field("events").values, 3), (span.field("links").values, 4)]
    return _hold_more(heads, PARTS_FREE + size_bytes // HEAD_ATTRIBUTE_BYTES_MIN) or _hold_more(
        moments, FREE + size_bytes // ELEMENT_BYTES_MIN
    )


def _hold_more(messages: Sequence[tuple[pa.BinaryArray, int]], limit: int) -> bool:
    """Whether the messages have more than so many submessages, each column's with a field number of its own."""
    possible = 0
    for values, number in messages:
        start, end, data = layout(values)
        if len(start):
            possible += int(np.count_nonzero(data[start[0] : end[-1]] == number << 3 | 2))
    if possible <= limit:
        return False
    encoded = ((value.as_py(), number) for values, number in messages for value in values)
    found = (one for part, number in encoded for one in messages_in(part, (0, len(part)), (number,)))
    return any(seen >= limit for seen, _ in enumerate(found))


def _texts(columns: pa.RecordBatch) -> list[TextColumn]:
    """All that may hold some."""
    resource = columns.column("resource_spans").values
    scope = resource.field("scope_spans").values
    span = scope.field("spans").values
    return [
        TextColumn(resource.field("resource").values, texts.of_resource),
        TextColumn(resource.field("schema_url")),
        TextColumn(scope.field("scope").values, texts.of_scope),
        TextColumn(scope.field("schema_url")),
        TextColumn(span.field("name")),
        TextColumn(span.field("trace_state")),
        TextColumn(span.field("status").values, texts.of_status),
        TextColumn(span.field("attributes").values, texts.of_attribute),
        TextColumn(span.field("events").values, texts.of_event),
        TextColumn(span.field("links").values, texts.of_link),
    ]


def _within(*levels: pa.ListArray) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """How many elements of the last level are in each list of the first, each level's lists lying in the one before."""
    ends = np.asarray(levels[0].offsets)
    for level in levels[1:]:
        ends = np.asarray(level.offsets)[ends] if len(level) else np.zeros(len(ends), np.int32)
    return np.diff(ends).astype(np.int64)


COUNTED_BYTES = 2**16
"""Of so many bytes upb counts the messages in a tenth of the time; of more it would take too much memory. Bodies of so many bytes
together may have what attributes they like: at worst they take 8 MiB. Ours."""


def _hold_too_many(bodies: Sequence[bytes]) -> bool:
    large = [body for body in bodies if len(body) > COUNTED_BYTES]
    return any(
        _count(body) > FREE + len(body) // SPAN_BYTES_MIN
        for body in bodies
        if 2 * FREE < len(body) <= COUNTED_BYTES
    ) or hold_more(large, SPAN_BYTES_MIN, (1, 2), _messages)


def _count(body: bytes) -> int:
    """How many resources, scopes and spans there are; 0 when it is no request, which is told later."""
    try:
        resources = shallow.RequestOutline.FromString(body).resource_spans
    except DecodeError:
        return 0
    scopes = [
        scope
        for one in resources
        for scopes in (one.scope_spans, one.instrumentation_library_spans)
        for scope in scopes
    ]
    return len(resources) + len(scopes) + sum(len(scope.spans) for scope in scopes)


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
