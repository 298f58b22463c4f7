"""Jaeger: protobuf by gRPC (`PostSpans`), and Thrift over HTTP (`POST /api/traces`).

Facts: the wire reference, section 8; what a span means is `jaeger_model`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from google.protobuf.message import DecodeError

from satellite.errors import BadReport, TooLarge
from satellite.model.report import Decoded, Receipt, Report
from satellite.model.span import TagValue
from satellite.pb import jaeger_pb2 as pb
from satellite.protocols.jaeger.model import NAME, JaegerSpan, Process, SpanWriter
from satellite.protocols.readers.columns import (
    EVENT_BYTES_MIN,
    Range,
    hold_more,
    is_crowded_span,
    messages_in,
)
from satellite.protocols.readers.submessages import Submessages, read_submessages
from satellite.protocols.readers.thrift import (
    BOOL,
    DOUBLE,
    I32,
    I64,
    LIST,
    STRING,
    STRUCT,
    Field,
    Schema,
    read_parts,
)
from satellite.protocols.references import SentReference
from satellite.protocols.refused import plain_reply
from satellite.protocols.rows import SPAN_BYTES_MAX, check_spans, decode_rows
from satellite.protocols.values import MASK, SpanId, read_id
from satellite.protocols.wire import Reply, RequestHead, WireProtocol


def decode(bodies: Sequence[bytes], received_ns: int) -> Decoded:
    """One Report or BadReport per PostSpansRequest, and the spans of all good ones in one batch."""
    return decode_rows(bodies, lambda body, rows: _read_protobuf(body, SpanWriter(rows, received_ns)))


def decode_thrift(bodies: Sequence[bytes], received_ns: int) -> Decoded:
    """One Report or BadReport per bare Thrift Batch, and the spans of all good ones in one batch."""
    return decode_rows(bodies, lambda body, rows: _read_thrift(body, SpanWriter(rows, received_ns)))


# Protobuf


def _read_protobuf(body: bytes, writer: SpanWriter) -> Report:
    content = read_submessages(body, {1})[1].joined()
    batch = read_submessages(content, {1, 2})
    spans = batch[1]
    check_spans(len(spans), len(body))
    if hold_more([content], EVENT_BYTES_MIN, (2, 4, 9), _references_and_logs):
        raise TooLarge("more references, logs or fields of logs than a report of this size can hold")
    try:
        process = _process(batch[2])
    except DecodeError as error:
        raise BadReport(f"not a PostSpansRequest: {error}") from error
    reporter = writer.reporter_of(process)
    malformed = too_large = 0
    for encoded in spans:
        if len(encoded) > SPAN_BYTES_MAX:
            too_large += 1
            continue
        if is_crowded_span(encoded, (9, 10)):  # with the fields of its logs and its process
            raise TooLarge("a span has more values than one of its size can hold")
        try:
            span = pb.Span.FromString(encoded)
            own = writer.reporter_of(_process_of(b"".join(span.process))) if span.process else reporter
        except DecodeError:
            malformed += 1
        else:
            writer.add(_span(span), own)
    if malformed and malformed == len(spans):
        raise BadReport("not a PostSpansRequest: none of its spans can be read")
    return writer.report(malformed, too_large)


def _references_and_logs(batch: bytes) -> Iterator[Range]:
    for span in messages_in(batch, (0, len(batch)), (1,)):
        yield from messages_in(batch, span, (4,))
        for log in messages_in(batch, span, (9,)):
            yield log
            yield from messages_in(batch, log, (2,))


def _process(parts: Submessages) -> Process:
    encoded = parts.joined()
    if len(encoded) > SPAN_BYTES_MAX:
        raise TooLarge(f"a process has more than {SPAN_BYTES_MAX} bytes")
    if is_crowded_span(encoded):
        raise TooLarge("a process has more tags than one of its size can hold")
    return _process_of(encoded)


def _process_of(encoded: bytes) -> Process:
    process = pb.Process.FromString(encoded)
    return Process(_text(process.service_name), _tags(process.tags))


def _span(span: Any) -> JaegerSpan:
    return JaegerSpan(
        trace=_id(span.trace_id),
        span_id=_id(span.span_id),
        operation=_text(span.operation_name),
        start_ns=span.start_time.seconds * 1_000_000_000 + span.start_time.nanos,
        duration_ns=span.duration.seconds * 1_000_000_000 + span.duration.nanos,
        references=[
            SentReference(one.ref_type == 1, _id(one.trace_id), _id(one.span_id).low)
            for one in span.references
        ],
        flags=span.flags,
        tags=_tags(span.tags),
        logs=[
            (log.timestamp.seconds * 1_000_000_000 + log.timestamp.nanos, _tags(log.fields))
            for log in span.logs
        ],
        process_id=_text(span.process_id),
        warnings=[_text(warning) for warning in span.warnings],
    )


def _id(encoded: bytes) -> SpanId:
    """A big-endian number of up to 16 bytes, as it should be; of more bytes a hash."""
    if len(encoded) > 16:
        return read_id(encoded.hex())
    number = int.from_bytes(encoded, "big")
    return SpanId(number >> 64, number & MASK)


def _text(value: bytes) -> str:
    """Text; what is no UTF-8 stays visible as such, so that the span can be marked."""
    return value.decode("utf-8", "surrogateescape")


def _tags(tags: Iterable[Any]) -> list[tuple[str, TagValue]]:
    found: list[tuple[str, TagValue]] = []
    for tag in tags:
        value: TagValue
        match tag.v_type:
            case 1:
                value = tag.v_bool
            case 2:
                value = tag.v_int64
            case 3:
                value = tag.v_float64
            case 4:
                value = tag.v_binary
            case _:
                value = _text(tag.v_str)
        found.append((_text(tag.key), value))
    return found


# Thrift

_TAG: Schema = {
    1: Field("key", STRING),
    2: Field("type", I32),
    3: Field("text", STRING),
    4: Field("double", DOUBLE),
    5: Field("bool", BOOL),
    6: Field("long", I64),
    7: Field("binary", STRING, binary=True),
}
_TAG_FIELDS = {0: ("text", ""), 1: ("double", 0.0), 2: ("bool", False), 3: ("long", 0), 4: ("binary", b"")}
"""Type → where the value is, and what it is when there is none. Not the numbers of the protobuf form."""
_NO_VALUE = {"key", "type"}

_PROCESS: Schema = {1: Field("service", STRING), 2: Field("tags", LIST, _TAG)}
_REFERENCE: Schema = {
    1: Field("type", I32),
    2: Field("trace_low", I64),
    3: Field("trace_high", I64),
    4: Field("span_id", I64),
}
_LOG: Schema = {1: Field("timestamp", I64), 2: Field("fields", LIST, _TAG)}
_SPAN: Schema = {
    1: Field("trace_low", I64),
    2: Field("trace_high", I64),
    3: Field("span_id", I64),
    4: Field("parent", I64),
    5: Field("operation", STRING),
    6: Field("references", LIST, _REFERENCE),
    7: Field("flags", I32),
    8: Field("start", I64),
    9: Field("duration", I64),
    10: Field("tags", LIST, _TAG),
    11: Field("logs", LIST, _LOG),
}
BATCH: Schema = {1: Field("process", STRUCT, _PROCESS), 2: Field("spans", LIST, _SPAN)}
"""Its `stats` are left out: they are totals since the client's start, and sent by UDP only; our counters are sums."""


def _read_thrift(body: bytes, writer: SpanWriter) -> Report:
    if not body:
        return writer.report()
    # Whoever writes the process where it belongs, before the spans, has them read once.
    process = next((part for name, part in read_parts(body, BATCH) if name == "process"), {})
    reporter = writer.reporter_of(Process(process.get("service", ""), _thrift_tags(process.get("tags", ()))))
    count = 0
    for name, part in read_parts(body, BATCH):
        if name == "spans":
            count += 1
            check_spans(count, len(body))
            writer.add(_thrift_span(part), reporter)
    if not process and not count:
        raise BadReport("not a Thrift Batch: it has neither process nor spans")
    return writer.report()


def _thrift_span(span: dict[str, Any]) -> JaegerSpan:
    return JaegerSpan(
        trace=_thrift_id(span),
        span_id=SpanId(0, span.get("span_id", 0) & MASK),
        operation=span.get("operation", ""),
        start_ns=span.get("start", 0) * 1000,
        duration_ns=span.get("duration", 0) * 1000,
        references=[
            SentReference(one.get("type") == 1, _thrift_id(one), one.get("span_id", 0) & MASK)
            for one in span.get("references", ())
        ],
        parent=span.get("parent", 0) & MASK,
        flags=span.get("flags", 0) & 0xFFFF_FFFF,
        tags=_thrift_tags(span.get("tags", ())),
        logs=[
            (log.get("timestamp", 0) * 1000, _thrift_tags(log.get("fields", ())))
            for log in span.get("logs", ())
        ],
    )


def _thrift_id(found: dict[str, Any]) -> SpanId:
    return SpanId(found.get("trace_high", 0) & MASK, found.get("trace_low", 0) & MASK)


def _thrift_tags(tags: Iterable[dict[str, Any]]) -> list[tuple[str, TagValue]]:
    found: list[tuple[str, TagValue]] = []
    for tag in tags:
        field, value = _TAG_FIELDS.get(tag.get("type", 0), ("text", ""))
        if field in tag or not tag.keys() <= _NO_VALUE:  # some clients name another type than they send
            value = tag[field] if field in tag else next(tag[name] for name in tag if name not in _NO_VALUE)
        found.append((tag.get("key", ""), value))
    return found


# Answers


def encode(receipt: Receipt, head: RequestHead) -> Reply:
    """202 as Jaeger's collector says it, with the warnings as text; over gRPC an empty PostSpansResponse."""
    if not head.path and receipt.refusal is None:
        return Reply(200, "application/grpc", b"")
    return plain_reply(receipt, 202)


PROTOCOL = WireProtocol(
    name=NAME,
    http_routes=(),
    grpc_methods=("/jaeger.api_v2.CollectorService/PostSpans",),
    content_types=(),
    decode=decode,
    encode=encode,
)

THRIFT_PROTOCOL = WireProtocol(
    name=NAME,
    http_routes=(("POST", "/api/traces"),),
    grpc_methods=(),
    content_types=(
        "application/x-thrift",
        "application/vnd.apache.thrift.binary",
        "application/octet-stream",
    ),
    decode=decode_thrift,
    encode=encode,
)
