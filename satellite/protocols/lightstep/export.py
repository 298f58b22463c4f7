"""Spans written out as LightStep reports: what `lightstep.decode` reads again as the same spans.

What LightStep's protobuf has no place for becomes tags, as its satellites did (wire-protocols §10.4): the 128-bit
trace id `otel.trace_id`, the kind `span.kind`, an error `error`; ids that were no numbers `satellite.trace_id_text`,
`satellite.span_id_text`, `satellite.parent_id_text` (ours); bytes are base64 text, lists and maps JSON.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf.message import DecodeError

from satellite.model.reporter import UNKNOWN_SERVICE, Reporter, decode_reporter
from satellite.model.span import TagValue
from satellite.model.spans import Kind, Marks, SpanBatch, Status, decode_extra, trace_text
from satellite.model.tag import decode_tag, encode_tag, text_of
from satellite.pb import lightstep_collector_pb2 as collector
from satellite.pb import satellite_model_pb2 as model
from satellite.protocols.id_texts import OWN

SERVICE_ATTRIBUTE = "lightstep.component_name"
FULL_TRACE_TAG = "otel.trace_id"

_SCALARS = frozenset({"string_value", "int_value", "double_value", "bool_value", "json_value", None})


def encode_reports(batch: SpanBatch) -> list[bytes]:
    """One serialised ReportRequest per reporter and clock correction, spans in the order of the batch. No token."""
    requests: dict[tuple[int, int], collector.ReportRequest] = {}
    table = batch.rows.to_pydict()
    reporters = [decode_reporter(encoded) for encoded in batch.reporters.to_pylist()]
    for row in range(len(batch)):
        extra = decode_extra(batch.extras[table["extra"][row]].as_py())
        offset_us = int(extra.get("offset_us", 0))
        key = (table["reporter"][row], offset_us)
        if key not in requests:
            requests[key] = _request(reporters[key[0]], offset_us)
        values = {name: column[row] for name, column in table.items()}
        requests[key].spans.append(_span(batch, values, extra, offset_us))
    return [request.SerializeToString() for request in requests.values()]


def _request(reporter: Reporter, offset_us: int) -> collector.ReportRequest:
    request = collector.ReportRequest(timestamp_offset_micros=offset_us)
    request.reporter.reporter_id = reporter.id
    attributes = dict(reporter.attributes)
    if reporter.service not in (UNKNOWN_SERVICE, text_of(attributes.get(SERVICE_ATTRIBUTE))):
        attributes[SERVICE_ATTRIBUTE] = reporter.service
    request.reporter.tags.extend(_key_value(encode_tag(key, value)) for key, value in attributes.items())
    return request


def _span(
    batch: SpanBatch, values: dict[str, Any], extra: dict[str, TagValue], offset_us: int
) -> collector.Span:
    span = collector.Span(operation_name=batch.names[values["name"]].as_py().decode())
    span.span_context.trace_id, span.span_context.span_id = values["trace_low"], values["span_id"]
    for key, value in extra.get("baggage", {}).items():
        span.span_context.baggage[key] = text_of(value)
    if not values["marks"] & Marks.TIME_INVENTED:
        raw_ns = values["start_ns"] - offset_us * 1000
        span.start_timestamp.seconds, span.start_timestamp.nanos = divmod(raw_ns, 1_000_000_000)
    span.duration_micros = (values["duration_ns"] // 1000) & 0xFFFF_FFFF_FFFF_FFFF
    span.references.extend(_references(values, extra))
    span.tags.extend(_key_value(batch.tags[code].as_py()) for code in values["tags"])
    span.tags.extend(_missing_tags(values, {tag.key for tag in span.tags}))
    span.tags.extend(
        collector.KeyValue(key=f"satellite.{name}", string_value=text_of(extra[name]))
        for name in OWN
        if name in extra
    )
    span.logs.extend(_log(encoded) for encoded in values["logs"])
    return span


def _references(values: dict[str, Any], extra: dict[str, TagValue]) -> Iterator[collector.Reference]:
    for encoded in values["references"]:
        reference = model.Reference.FromString(encoded)
        told = reference.span_context
        trace_id = told.trace_id or values["trace_low"]
        context = collector.SpanContext(trace_id=trace_id, span_id=told.span_id)
        relationship = (
            collector.Reference.FOLLOWS_FROM if reference.relationship else collector.Reference.CHILD_OF
        )
        yield collector.Reference(relationship=relationship, span_context=context)
    parent_id = values["parent_id"]
    if (
        parent_id == values["span_id"]
    ):  # the server's half of a shared id: what both halves named, if anything
        parent_id = int(text_of(extra.get("shared_parent_id", "0")), 16)
    if parent_id and not values["references"]:
        parent = collector.SpanContext(trace_id=values["trace_low"], span_id=parent_id)
        yield collector.Reference(span_context=parent)


def _missing_tags(values: dict[str, Any], present: set[str]) -> Iterator[collector.KeyValue]:
    if values["kind"] and "span.kind" not in present:
        yield collector.KeyValue(key="span.kind", string_value=Kind(values["kind"]).name.lower())
    if values["status"] == Status.ERROR and "error" not in present:
        yield collector.KeyValue(key="error", bool_value=True)
    if values["trace_high"] and FULL_TRACE_TAG not in present:
        full = trace_text(values["trace_high"], values["trace_low"])
        yield collector.KeyValue(key=FULL_TRACE_TAG, string_value=full)


def _key_value(encoded: bytes) -> collector.KeyValue:
    """A canonical tag as a LightStep tag: the same bytes, but for the types LightStep does not have."""
    tag = model.Tag.FromString(encoded)
    kind = tag.WhichOneof("value")
    if kind in _SCALARS:
        return collector.KeyValue.FromString(encoded)
    key, value = decode_tag(encoded)
    if kind == "bytes_value":
        return collector.KeyValue(key=key, string_value=text_of(value))
    return collector.KeyValue(key=key, json_value=text_of(value))


def _log(encoded: bytes) -> collector.Log:
    made = collector.Log()
    try:
        log = model.Log.FromString(encoded)
        fields = [decode_tag(field) for field in log.fields]
    except DecodeError:  # it came broken (spans.py); this says so
        made.fields.add(key="satellite.malformed_log", string_value=text_of(encoded))
        return made
    if log.HasField("timestamp"):
        made.timestamp.seconds, made.timestamp.nanos = log.timestamp.seconds, log.timestamp.nanos
    if log.name:
        made.fields.add(key="event", string_value=log.name.decode("utf-8", "replace"))
    made.fields.extend(_key_value(encode_tag(key, value)) for key, value in fields)
    return made
