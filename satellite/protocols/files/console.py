"""What OpenTelemetry's console exporters print as JSON, turned into OTLP's own JSON.

Python prints `ReadableSpan.to_json`, Go's `stdouttrace` its `SpanStub`, PHP its friendly form; JavaScript's prints objects of which
people make JSON. Python's and PHP's leave out the scope; nothing else is lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from satellite.errors import BadReport
from satellite.protocols.time_text import read_time

Json = dict[str, Any]

_STATE_ENTRY = re.compile(r"'key': '([^']*)', 'value': '([^']*)'")


def from_python(texts: Sequence[bytes]) -> list[bytes]:
    """One request with these spans, printed by Python's ConsoleSpanExporter."""
    return [_request(objects(texts), _python_resource, lambda _: {}, _python_span)]


def from_go(texts: Sequence[bytes]) -> list[bytes]:
    """One request with these spans, printed by Go's stdouttrace."""
    return [_request(objects(texts), _go_resource, _go_scope, _go_span)]


def from_javascript(texts: Sequence[bytes]) -> list[bytes]:
    """One request with these spans, as JavaScript's ConsoleSpanExporter has them (times in µs)."""
    return [_request(objects(texts), _javascript_resource, _javascript_scope, _javascript_span)]


def from_php(texts: Sequence[bytes]) -> list[bytes]:
    """One request with these spans, printed by PHP's ConsoleSpanExporter."""
    return [_request(objects(texts), _php_resource, lambda _: {}, _php_span)]


def objects(texts: Sequence[bytes]) -> Iterable[Json]:
    """The documents, read."""
    for text in texts:
        try:
            yield msgspec.json.decode(text, type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise BadReport(f"not what a console exporter prints: {error}") from error


def _request(
    printed: Iterable[Json],
    resource_of: Callable[[Json], Json],
    scope_of: Callable[[Json], Json],
    span_of: Callable[[Json], Json],
) -> bytes:
    return grouped((resource_of(one), scope_of(one), span_of(one)) for one in printed)


def grouped(spans: Iterable[tuple[Json, Json, Json]]) -> bytes:
    """One request with these spans, each behind its resource and scope."""
    resources: dict[bytes, Json] = {}
    for resource, scope, span in spans:
        entry = resources.setdefault(msgspec.json.encode(resource), resource | {"scopeSpans": {}})
        scope_spans = entry["scopeSpans"].setdefault(msgspec.json.encode(scope), scope | {"spans": []})
        scope_spans["spans"].append(span)
    complete = [entry | {"scopeSpans": [*entry["scopeSpans"].values()]} for entry in resources.values()]
    return msgspec.json.encode({"resourceSpans": complete})


# Python


def _python_resource(span: Json) -> Json:
    said = dict_of(span.get("resource"))
    attributes = said.get("attributes", said)  # before 1.10 the attributes stood there themselves
    return {
        "resource": {"attributes": attributes_of(dict_of(attributes))},
        "schemaUrl": said.get("schema_url") or "",
    }


def _python_span(span: Json) -> Json:
    context, status = dict_of(span.get("context")), dict_of(span.get("status"))
    return {
        "traceId": id_of(context.get("trace_id")),
        "spanId": id_of(context.get("span_id")),
        "traceState": ",".join(
            f"{key}={value}" for key, value in _STATE_ENTRY.findall(str(context.get("trace_state")))
        ),
        "parentSpanId": id_of(span.get("parent_id")),
        "name": span.get("name"),
        "kind": f"SPAN_KIND_{str(span.get('kind') or 'UNSPECIFIED').rpartition('.')[2]}",
        "startTimeUnixNano": time_ns(span.get("start_time")),
        "endTimeUnixNano": time_ns(span.get("end_time")),
        "status": {
            "code": f"STATUS_CODE_{str(status.get('status_code') or 'UNSET').rpartition('.')[2]}",
            "message": status.get("description"),
        },
    } | carried(span, "context", id_of, time_ns)


def carried(span: Json, context: str, id_: Callable[[Any], str], time: Callable[[Any], str]) -> Json:
    """Attributes, events and links, which Python, PHP and Ruby name alike but for what a link's `context` is called."""
    links = [(link, dict_of(link.get(context))) for link in dicts(span.get("links"))]
    return {
        "attributes": attributes_of(dict_of(span.get("attributes"))),
        "events": [
            {
                "name": event.get("name"),
                "timeUnixNano": time(event.get("timestamp")),
                "attributes": attributes_of(dict_of(event.get("attributes"))),
            }
            for event in dicts(span.get("events"))
        ],
        "links": [
            {
                "traceId": id_(whose.get("trace_id")),
                "spanId": id_(whose.get("span_id")),
                "attributes": attributes_of(dict_of(link.get("attributes"))),
            }
            for link, whose in links
        ],
    }


def attributes_of(values: Json) -> list[Json]:
    """Attributes as OTLP's JSON has them."""
    return [{"key": key, "value": _any_value(value)} for key, value in values.items()]


def _any_value(value: Any) -> Json:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case str():
            return {"stringValue": value}
        case list():
            return {"arrayValue": {"values": [_any_value(item) for item in value]}}
        case dict():
            return {"kvlistValue": {"values": attributes_of(value)}}
        case _:
            return {}


# Go


def _go_resource(span: Json) -> Json:
    return {"resource": {"attributes": _go_attributes(span.get("Resource"))}}


def _go_scope(span: Json) -> Json:
    scope = dict_of(span.get("InstrumentationScope") or span.get("InstrumentationLibrary"))
    said = {
        "name": scope.get("Name"),
        "version": scope.get("Version"),
        "attributes": _go_attributes(scope.get("Attributes")),
    }
    return {"scope": said, "schemaUrl": scope.get("SchemaURL") or ""}


def _go_span(span: Json) -> Json:
    context, status = dict_of(span.get("SpanContext")), dict_of(span.get("Status"))
    return {
        "traceId": id_of(context.get("TraceID")),
        "spanId": id_of(context.get("SpanID")),
        "traceState": context.get("TraceState"),
        "parentSpanId": id_of(dict_of(span.get("Parent")).get("SpanID")),
        "name": span.get("Name"),
        "kind": span.get("SpanKind"),
        "startTimeUnixNano": time_ns(span.get("StartTime")),
        "endTimeUnixNano": time_ns(span.get("EndTime")),
        "status": {
            "code": f"STATUS_CODE_{str(status.get('Code')).upper()}",
            "message": status.get("Description"),
        },
        "attributes": _go_attributes(span.get("Attributes")),
        "droppedAttributesCount": span.get("DroppedAttributes") or 0,
        "droppedEventsCount": span.get("DroppedEvents") or 0,
        "droppedLinksCount": span.get("DroppedLinks") or 0,
        "events": [
            {
                "name": event.get("Name"),
                "timeUnixNano": time_ns(event.get("Time")),
                "attributes": _go_attributes(event.get("Attributes")),
                "droppedAttributesCount": event.get("DroppedAttributeCount") or 0,
            }
            for event in dicts(span.get("Events"))
        ],
        "links": [
            {
                "traceId": id_of(dict_of(link.get("SpanContext")).get("TraceID")),
                "spanId": id_of(dict_of(link.get("SpanContext")).get("SpanID")),
                "traceState": dict_of(link.get("SpanContext")).get("TraceState"),
                "attributes": _go_attributes(link.get("Attributes")),
                "droppedAttributesCount": link.get("DroppedAttributeCount") or 0,
            }
            for link in dicts(span.get("Links"))
        ],
    }


def _go_attributes(said: Any) -> list[Json]:
    return [{"key": one.get("Key"), "value": _go_value(dict_of(one.get("Value")))} for one in dicts(said)]


def _go_value(said: Json) -> Json:
    """The type is named because JSON writes a whole double without its point."""
    kind, value = str(said.get("Type")), said.get("Value")
    if kind == "FLOAT64" and isinstance(value, int | float):
        return {"doubleValue": value}
    if kind == "FLOAT64SLICE" and isinstance(value, list):
        return {"arrayValue": {"values": [{"doubleValue": item} for item in value]}}
    return _any_value(value)


# JavaScript


def _javascript_resource(span: Json) -> Json:
    return {
        "resource": {"attributes": attributes_of(dict_of(dict_of(span.get("resource")).get("attributes")))}
    }


def _javascript_scope(span: Json) -> Json:
    scope = dict_of(span.get("instrumentationScope") or span.get("instrumentationLibrary"))
    said = {"name": scope.get("name"), "version": scope.get("version")}
    return {"scope": said, "schemaUrl": scope.get("schemaUrl") or ""}


def _javascript_span(span: Json) -> Json:
    kind, start_us, duration_us = span.get("kind"), span.get("timestamp"), span.get("duration")
    start_ns = _microseconds_ns(start_us)
    return {
        "traceId": id_of(span.get("traceId")),
        "spanId": id_of(span.get("id")),
        "traceState": span.get("traceState"),
        "parentSpanId": id_of(span.get("parentId") or dict_of(span.get("parentSpanContext")).get("spanId")),
        "name": span.get("name"),
        "kind": kind + 1 if isinstance(kind, int) else 0,  # its enum has no place for none
        "startTimeUnixNano": str(start_ns),
        "endTimeUnixNano": str(start_ns + _microseconds_ns(duration_us)) if start_ns else "0",
        "status": dict_of(span.get("status")),
        "attributes": attributes_of(dict_of(span.get("attributes"))),
        "events": [
            {
                "name": event.get("name"),
                "timeUnixNano": str(_pair_ns(event.get("time"))),
                "attributes": attributes_of(dict_of(event.get("attributes"))),
            }
            for event in dicts(span.get("events"))
        ],
        "links": [
            {
                "traceId": id_of(dict_of(link.get("context")).get("traceId")),
                "spanId": id_of(dict_of(link.get("context")).get("spanId")),
                "attributes": attributes_of(dict_of(link.get("attributes"))),
            }
            for link in dicts(span.get("links"))
        ],
    }


# PHP


def _php_resource(span: Json) -> Json:
    return {"resource": {"attributes": attributes_of(dict_of(span.get("resource")))}}


def _php_span(span: Json) -> Json:
    context, status = dict_of(span.get("context")), dict_of(span.get("status"))
    return {
        "traceId": id_of(context.get("trace_id")),
        "spanId": id_of(context.get("span_id")),
        "traceState": context.get("trace_state"),
        "parentSpanId": id_of(span.get("parent_span_id")),
        "name": span.get("name"),
        "kind": str(span.get("kind") or "").removeprefix("KIND_"),
        "startTimeUnixNano": _nanoseconds(span.get("start")),
        "endTimeUnixNano": _nanoseconds(span.get("end")),
        "status": {"code": status.get("code") or "Unset", "message": status.get("description")},
    } | carried(span, "context", id_of, _nanoseconds)


def _nanoseconds(value: Any) -> str:
    return str(value) if isinstance(value, int) and value >= 0 else "0"


# JavaScript's times


def _microseconds_ns(value: Any) -> int:
    """µs with a fraction as ns, which a double of today's µs holds to a quarter of one."""
    return round(value * 1000) if isinstance(value, int | float) else 0


def _pair_ns(value: Any) -> int:
    """JavaScript's `[seconds, nanoseconds]` as ns; 0 for anything else."""
    match value:
        case [int(seconds), int(nanoseconds)]:
            return seconds * 10**9 + nanoseconds
        case _:
            return 0


# All


def dict_of(value: Any) -> Json:
    """The object that it is, else an empty one."""
    return value if isinstance(value, dict) else {}


def dicts(value: Any) -> list[Json]:
    """The objects in a list; none of anything else."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def id_of(value: Any) -> str:
    """The hex digits; "" for none: Go writes zeros."""
    text = str(value or "").removeprefix("0x")
    return text if text.strip("0") else ""


def time_ns(value: Any) -> str:
    """A moment as OTLP's JSON writes it, ns since the epoch; "0" for what is none."""
    found = read_time(value, zoned=False) if isinstance(value, str) else None
    return str(max(0, found or 0))
