"""What the tests of OTLP share: requests, and the plain reading of one, span by span, with protobuf's own classes."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from satellite.model.report import Decoded, Report
from satellite.model.spans import SpanBatch

NOW_NS = 1_700_000_001_000_000_000
START_NS = 1_700_000_000_000_000_000
TRACE, SPAN_ID = bytes(8) + bytes.fromhex("fedcba9876543210"), bytes.fromhex("0123456789abcdef")


def any_value(value: Any) -> AnyValue:
    match value:
        case None:
            return AnyValue()
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case bytes():
            return AnyValue(bytes_value=value)
        case list():
            return AnyValue(array_value=ArrayValue(values=map(any_value, value)))
        case dict():
            return AnyValue(kvlist_value=KeyValueList(values=key_values(value.items())))
        case _:
            return AnyValue(string_value=value)


def key_values(pairs: Any) -> list[KeyValue]:
    return [KeyValue(key=key, value=any_value(value)) for key, value in pairs]


def span(attributes: Any = (), **fields: Any) -> Any:
    """A span with ids and times, unless told otherwise."""
    pairs = attributes.items() if isinstance(attributes, dict) else attributes
    usual: dict[str, Any] = {
        "trace_id": TRACE,
        "span_id": SPAN_ID,
        "name": "op",
        "start_time_unix_nano": START_NS,
        "end_time_unix_nano": START_NS + 1500,
    }
    return Span(attributes=key_values(pairs), **(usual | fields))


def request(*spans: Span, resource: dict[str, Any] | None = None) -> ExportTraceServiceRequest:
    made = ExportTraceServiceRequest()
    resource_spans = made.resource_spans.add()
    resource_spans.resource.attributes.extend(key_values((resource or {"service.name": "shop"}).items()))
    resource_spans.scope_spans.add().spans.extend(spans)
    return made


def good(decoded: Decoded) -> list[Report]:
    assert all(isinstance(outcome, Report) for outcome in decoded.reports), decoded.reports
    return [outcome for outcome in decoded.reports if isinstance(outcome, Report)]


def rows_of(batch: SpanBatch) -> list[str]:
    """Everything each row says, codes resolved; comparable between batches, NaN included."""
    table = batch.rows.to_pydict()
    shown = []
    for i in range(len(batch)):
        row = {name: column[i] for name, column in table.items()}
        row["tags"] = [batch.tags[code].as_py() for code in row["tags"]]
        for column, dictionary in (("name", "names"), ("reporter", "reporters"), ("extra", "extras")):
            row[column] = getattr(batch, dictionary)[row[column]].as_py()
        shown.append(repr(row))
    return shown


def plain_value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    match kind:
        case None:
            return None
        case "array_value":
            return [plain_value(item) for item in value.array_value.values]
        case "kvlist_value":
            return {pair.key: plain_value(pair.value) for pair in value.kvlist_value.values}
        case _:
            return getattr(value, kind)


def plain_pairs(attributes: Any) -> list[tuple[str, Any]]:
    return [(one.key, plain_value(one.value)) for one in attributes]


def same(one: Any, other: Any) -> bool:
    """Equal in type and value; NaN equals itself, 0.0 is not -0.0."""
    return bool(_key(one) == _key(other))


def _key(value: Any) -> Any:
    match value:
        case float():
            return (float, "nan" if math.isnan(value) else value.hex())
        case list() | tuple():
            return [_key(item) for item in value]
        case dict():
            return [(key, _key(item)) for key, item in value.items()]
        case _:
            return (type(value), value)


# Requests as Hypothesis makes them

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
scalars = (
    texts
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.just(math.nan)  # of which JSON has but one
    | st.booleans()
    | st.none()
    | st.binary(max_size=5)
    | st.sampled_from(["x" * 127, "y" * 128, "é" * 9000])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=4,
)
keys = texts | st.sampled_from(
    ["error", "span.kind", "otel.status_code", "otel.scope.name", "k" * 130, "lightstep.meta_event"]
)
pairs = st.lists(
    st.tuples(keys, values)
    | st.tuples(st.just("error"), st.sampled_from([True, False, "true", "no", 1]))
    | st.tuples(st.just("span.kind"), st.sampled_from(["server", "client", "x"])),
    max_size=4,
)
counts = st.sampled_from([0, 0, 0, 1, 2**32 - 1])
flag_bits = st.sampled_from([0, 1, 0x101, 0x100, 0x300, 2**32 - 1])
times = st.sampled_from([0, 1, START_NS, 2**63, 2**64 - 1]) | st.integers(START_NS, START_NS + 10**10)


@st.composite
def events(draw: Any) -> Span.Event:
    return Span.Event(
        time_unix_nano=draw(times),
        name=draw(texts),
        attributes=key_values(draw(pairs)),
        dropped_attributes_count=draw(counts),
    )


@st.composite
def links(draw: Any) -> Span.Link:
    attributes = draw(pairs) + draw(
        st.sampled_from(
            [[], [("opentracing.ref_type", "child_of")], [("opentracing.ref_type", "follows_from")]]
        )
    )
    return Span.Link(
        trace_id=draw(st.binary(min_size=16, max_size=16) | st.sampled_from([TRACE, b""])),
        span_id=draw(st.binary(min_size=8, max_size=8) | st.just(b"")),
        trace_state=draw(texts),
        attributes=key_values(attributes),
        dropped_attributes_count=draw(counts),
        flags=draw(flag_bits),
    )


@st.composite
def spans(draw: Any) -> Span:
    made = Span(
        trace_id=draw(st.binary(min_size=16, max_size=16) | st.just(TRACE)),
        span_id=draw(st.binary(min_size=8, max_size=8)),
        parent_span_id=draw(st.binary(min_size=8, max_size=8) | st.sampled_from([b"", b"", b"odd"])),
        trace_state=draw(texts),
        name=draw(texts),
        kind=draw(st.sampled_from([0, 1, 2, 3, 4, 5, 9])),
        start_time_unix_nano=draw(times),
        end_time_unix_nano=draw(times),
        attributes=key_values(draw(pairs)),
        events=draw(st.lists(events(), max_size=2)),
        links=draw(st.lists(links(), max_size=2)),
        dropped_attributes_count=draw(counts),
        dropped_events_count=draw(counts),
        dropped_links_count=draw(counts),
        flags=draw(flag_bits),
    )
    if draw(st.booleans()):
        made.status.code = draw(st.sampled_from([0, 1, 2, 7]))
        made.status.message = draw(texts)
        if draw(st.booleans()):
            made.status.MergeFromString(b"\x08" + bytes([draw(st.integers(1, 16))]))
    return made


@st.composite
def requests(draw: Any) -> ExportTraceServiceRequest:
    made = ExportTraceServiceRequest()
    for _ in range(draw(st.integers(0, 2))):
        resource = made.resource_spans.add(schema_url=draw(texts))
        service = draw(st.sampled_from(["shop", "unknown_service:envoy", ""]))
        resource.resource.attributes.extend(key_values([("service.name", service), *draw(pairs)]))
        resource.resource.dropped_attributes_count = draw(counts)
        if draw(st.booleans()):
            resource.resource.entity_refs.add(type=draw(texts), id_keys=["a"], description_keys=["b", "c"])
        for _ in range(draw(st.integers(0, 2))):
            scope = resource.scope_spans.add(schema_url=draw(texts))
            scope.scope.name, scope.scope.version = draw(texts), draw(texts)
            scope.scope.attributes.extend(key_values(draw(pairs)))
            scope.scope.dropped_attributes_count = draw(counts)
            scope.spans.extend(draw(st.lists(spans(), max_size=3)))
    return made
