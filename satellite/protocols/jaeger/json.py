"""Traces as the JSON that Jaeger's UI and API speak: `{"data": [{"traceID", "spans", "processes"}]}`, both ways.

Times are µs. What it has no place for: a reporter's number, the difference between no value and an empty text, lists
(they become JSON text), marks.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Sequence
from math import isfinite
from typing import Any

import msgspec

from satellite.errors import BadReport
from satellite.model.report import Decoded, Receipt, Report
from satellite.model.reporter import Reporter
from satellite.model.span import Reference, Span, TagValue
from satellite.model.spans import Kind, SpanBatch
from satellite.model.tag import text_of
from satellite.protocols.halves import SHARED_PARENT
from satellite.protocols.id_texts import id_texts
from satellite.protocols.jaeger.model import (
    NAME,
    JaegerSpan,
    Process,
    SpanWriter,
)
from satellite.protocols.readers.json_document import (
    BYTE_ORDER_MARK,
    UNCOUNTED_BYTES,
    VALUE_BYTES_MIN,
    check_values,
    read_json,
)
from satellite.protocols.readers.json_parts import Elements, cut_array, read_members, read_part
from satellite.protocols.references import SentReference
from satellite.protocols.refused import plain_reply
from satellite.protocols.rows import Rows, decode_rows
from satellite.protocols.values import is_true, kind_of, moment_us, plain_value, read_id, whole_number
from satellite.protocols.wire import Reply, RequestHead, WireProtocol

Json = dict[str, Any]


# Written


def write_traces(batches: Iterable[SpanBatch]) -> Iterator[bytes]:
    """The document with all spans of these batches, a piece for each. All spans of a trace stand together in them.

    No token.
    """
    processes: dict[tuple[str, str], str] = {}
    used: dict[str, Json] = {}
    current, before = "", b'{"data":['
    for batch in batches:
        parts = []
        for span in batch.spans():
            if span.trace_id != current:
                parts += [_end_of_trace(used), b","] if current else []
                current, used = span.trace_id, {}
                trace_id = span.extra.get("trace_id_text", current)
                parts.append(b'{"traceID":%b,"spans":[' % msgspec.json.encode(trace_id))
            else:
                parts.append(b",")
            key = (span.service, repr(span.reporter.attributes))
            process_id = processes.setdefault(key, f"p{len(processes) + 1}")
            if process_id not in used:
                tags = [_tag(*item) for item in span.reporter.attributes.items()]
                used[process_id] = {"serviceName": span.service, "tags": tags}
            parts.append(msgspec.json.encode(_span(span, process_id)))
        yield before + b"".join(parts)
        before = b""
    yield (
        before
        + (_end_of_trace(used) if current else b"")
        + b'],"total":0,"limit":0,"offset":0,"errors":null}'
    )


def _end_of_trace(processes: dict[str, Json]) -> bytes:
    return b'],"processes":%b,"warnings":null}' % msgspec.json.encode(processes)


def _span(span: Span, process_id: str) -> Json:
    tags = dict(span.tags)
    if span.kind and kind_of(tags.get("span.kind")) != Kind[span.kind.upper()]:
        tags["span.kind"] = span.kind
    if span.error != is_true(tags.get("error")):
        tags["error"] = span.error
    references, parent = span.references, span.parent_span_id
    if "shared" in span.marks:
        parent = span.extra.get(SHARED_PARENT)
        references = [Reference("child_of", span.trace_id, text_of(parent))] if parent else []
    elif parent and all(one.span_id != parent or one.trace_id != span.trace_id for one in references):
        references = [
            Reference("child_of", span.trace_id, parent),
            *references,
        ]  # only a tag named the parent
    texts = id_texts(span)
    return {
        "traceID": texts.get(span.trace_id, span.trace_id),
        "spanID": texts.get(span.span_id, span.span_id),
        "flags": span.extra.get("flags", 0),
        "operationName": span.operation,
        "references": [
            {
                "refType": one.kind.upper(),
                "traceID": texts.get(one.trace_id, one.trace_id),
                "spanID": texts.get(one.span_id, one.span_id),
            }
            for one in references
        ],
        "startTime": 0 if "time_invented" in span.marks else span.start_us,
        "duration": span.duration_us,
        "tags": [_tag(*item) for item in tags.items()],
        "logs": [
            {"timestamp": log.time_us, "fields": [_tag(*item) for item in log.fields.items()]}
            for log in span.logs
        ],
        "processID": process_id,
        "warnings": span.extra.get("warnings"),
    }


def _tag(key: str, value: TagValue) -> Json:
    match value:
        case bool():
            return {"key": key, "type": "bool", "value": value}
        case int():
            return {"key": key, "type": "int64", "value": value}
        case float():
            return {"key": key, "type": "float64", "value": value if isfinite(value) else text_of(value)}
        case bytes():
            return {"key": key, "type": "binary", "value": base64.b64encode(value).decode()}
        case _:
            return {"key": key, "type": "string", "value": text_of(value)}


# Read


def decode(bodies: Sequence[bytes], received_ns: int) -> Decoded:
    """One Report or BadReport per document, and the spans of all good ones in one batch.

    A document may also be a list of traces, or a single trace.
    """

    def read(body: bytes, rows: Rows) -> Report:
        writer = SpanWriter(rows, received_ns)
        malformed = sum(_read_trace(trace, writer) for trace in _traces(body))
        # One id may stand for both halves of a call, as Zipkin's spans do; the server's is the one that shares it.
        writer.share()
        return writer.report(malformed)

    return decode_rows(bodies, read)


def _traces(body: bytes) -> Iterator[tuple[Json, Iterable[Any]]]:
    """Each trace and its spans. Of a large body one trace at a time is in memory, of a large trace one span."""
    if len(body) <= UNCOUNTED_BYTES:
        document = read_json(body)
    else:
        check_values(body, VALUE_BYTES_MIN)
        if body.removeprefix(BYTE_ORDER_MARK).lstrip()[:1] == b"[":
            body = b'{"data":%b}' % body.removeprefix(BYTE_ORDER_MARK)
        rest, traces = cut_array(body, ("data",), read=_trace)
        document = _trace(body) if traces is None else read_part(rest) | {"data": traces}
    if isinstance(document, dict):
        document = document.get("data", [document])
    for trace in document if isinstance(document, list | Elements) else [None]:
        if not isinstance(trace, dict) or not isinstance(spans := trace.get("spans"), list | Elements):
            raise BadReport(
                'not Jaeger\'s JSON: {"data": [{"spans": [...], "processes": {...}}]} is expected'
            )
        yield trace, spans


def _trace(part: bytes) -> Any:
    """A trace; the spans of a large one are Elements."""
    return read_members(part, "spans")


def _read_trace(trace: tuple[Json, Iterable[Any]], writer: SpanWriter) -> int:
    """Add the spans of a trace; the number of those that are none."""
    members, spans = trace
    processes = members.get("processes")
    processes = processes if isinstance(processes, dict) else {}
    known: dict[str, Reporter] = {}
    malformed = 0
    for span in spans:
        if not isinstance(span, dict):
            malformed += 1
            continue
        process_id = span.get("processID")
        if isinstance(span.get("process"), dict) or not isinstance(process_id, str):
            reporter = writer.reporter_of(_process(span.get("process")))
        else:
            if process_id not in known:
                known[process_id] = writer.reporter_of(_process(processes.get(process_id)))
            reporter = known[process_id]
        writer.add(_read_span(span, members), reporter)
    return malformed


def _process(process: Any) -> Process:
    if not isinstance(process, dict):
        return Process()
    return Process(text_of(plain_value(process.get("serviceName"))), _read_tags(process))


def _read_span(span: Json, trace: Json) -> JaegerSpan:
    parent = read_id(span.get("parentSpanID"))
    return JaegerSpan(
        trace=read_id(span.get("traceID") or trace.get("traceID")),
        span_id=read_id(span.get("spanID")),
        operation=text_of(plain_value(span.get("operationName"))),
        start_ns=moment_us(span.get("startTime")) * 1000,
        duration_ns=whole_number(span.get("duration")) * 1000,
        references=[
            SentReference(
                one.get("refType") == "FOLLOWS_FROM",
                read_id(one.get("traceID")),
                (named := read_id(one.get("spanID"))).low,
                named.text,
            )
            for one in _objects(span.get("references"))
        ],
        parent=parent.low,
        parent_text=parent.text,
        flags=whole_number(span.get("flags")) & 0xFFFF_FFFF,
        tags=_read_tags(span),
        logs=[
            (moment_us(log.get("timestamp")) * 1000, _read_list(log.get("fields")))
            for log in _objects(span.get("logs"))
        ],
        warnings=[text for text in _list(span.get("warnings")) if isinstance(text, str)],
    )


def _read_tags(holder: Json) -> list[tuple[str, TagValue]]:
    """The tags of a span or process. In Elasticsearch some or all are members of `tag`, with @ where a dot was
    (Jaeger's `es.tags-as-fields`).
    """
    fields, tags = holder.get("tag"), holder.get("tags")
    named = fields.items() if isinstance(fields, dict) else ()
    keyed = tags.items() if isinstance(tags, dict) else ()  # as Zipkin has them
    return [
        *_read_list(tags),
        *((key, plain_value(value)) for key, value in keyed),
        *((key.replace("@", "."), plain_value(value)) for key, value in named),
    ]


def _read_list(tags: Any) -> list[tuple[str, TagValue]]:
    return [(text_of(plain_value(tag.get("key"))), _value(tag)) for tag in _objects(tags)]


def _value(tag: Json) -> TagValue:
    """The value in the type that the tag names, if it is one of it."""
    value, kind = plain_value(tag.get("value")), tag.get("type")
    if kind == "float64" and isinstance(value, str | int) and not isinstance(value, bool):
        try:
            return float(value)
        except (ValueError, OverflowError):
            return value
    if kind == "int64" and isinstance(value, str):
        return plain_value(whole_number(value)) if value.lstrip("-").isdecimal() else value
    if kind == "bool" and value in ("true", "false"):
        return value == "true"
    if kind == "binary" and isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            return value
    return value


def _objects(value: Any) -> Iterable[Json]:
    return (one for one in _list(value) if isinstance(one, dict))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _encode(receipt: Receipt, _head: RequestHead) -> Reply:
    return plain_reply(receipt, 200)


PROTOCOL = WireProtocol(
    name=NAME,
    http_routes=(),
    grpc_methods=(),
    content_types=("application/json",),
    decode=decode,
    encode=_encode,
)
"""For imports; no client sends it."""
