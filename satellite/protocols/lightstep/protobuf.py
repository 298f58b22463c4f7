"""LightStep protobuf: `CollectorService/Report` over gRPC and `POST /api/v2/reports`, one codec for both.

The hot path. Bodies are parsed by ptars with a shallow schema (protos/lightstep_shallow.proto) into columns; no
statement here runs once per span or tag unless the span is out of the ordinary. Facts: wire-protocols of LightStep's
public collector interface and of its tracers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import pyarrow as pa
from google.protobuf.message import DecodeError

from satellite.errors import BadReport, SatelliteError, TooLarge
from satellite.model.access_tokens import without_tokens
from satellite.model.report import Decoded, Receipt, Report
from satellite.model.reporter import UNKNOWN_SERVICE, Reporter
from satellite.model.span import TagValue
from satellite.model.tag import text_of
from satellite.pb import lightstep_collector_pb2 as collector
from satellite.pb import lightstep_shallow_pb2 as shallow
from satellite.protocols.lightstep.columns import SpanColumns
from satellite.protocols.lightstep.stream import ReportSplitter
from satellite.protocols.readers.columns import (
    BROKEN_UNCOUNTED_BYTES,
    FREE,
    MOMENT_BYTES_MIN,
    MOMENTS_FREE,
    SMALL_BYTES,
    ColumnReader,
    Range,
    TextColumn,
    are_too_different,
    check_broken,
    hold_more,
    is_crowded,
    joined_bytes_of_each,
    messages_in,
)
from satellite.protocols.refused import is_final, status_of, text_reply
from satellite.protocols.wire import Reply, RequestHead, WireProtocol

NAME = "lightstep"
PROTOBUF = "application/octet-stream"

_CACHED_BYTES = 4096
"""Larger reporters and tokens are read again each time, so that the cache is bounded in bytes."""

MESSAGE_BYTES_MIN, ELEMENT_BYTES_MIN = 32, 8
"""A body may hold one span, reference or entry of baggage for each 32 of its bytes (the ids and the start of one take 40, and become 250 in
memory), and one tag or log for each 8. Ours."""

_READER = ColumnReader(shallow.Report, shape=shallow.ReportShape, name="a ReportRequest")


def decode(bodies: Sequence[bytes], received_ns: int) -> Decoded:
    """One Report or BadReport per body, and the spans of all good ones in one batch."""
    return without_tokens(decode_as_sent(bodies, received_ns))


def decode_as_sent(bodies: Sequence[bytes], received_ns: int) -> Decoded:
    """The same with tokens still among the tags: for codecs that add to it what they read."""
    outcomes: list[Report | SatelliteError]
    try:
        columns = _parse(bodies)
        outcomes = list(_reports(columns))
    except (BadReport, TooLarge) as refusal:
        # One of them is bad; the others must not notice. Each is tried alone, the good ones then decoded together.
        faults = [_fault(body) for body in bodies] if len(bodies) > 1 else [refusal]
        columns = _parse([body for body, fault in zip(bodies, faults, strict=True) if fault is None])
        good = _reports(columns)
        outcomes = [next(good) if fault is None else fault for fault in faults]
    reports = [outcome for outcome in outcomes if isinstance(outcome, Report)]
    return Decoded(SpanColumns(columns, reports, received_ns).batch(), outcomes)


def _parse(bodies: Sequence[bytes]) -> pa.RecordBatch:
    size_bytes = sum(map(len, bodies))
    is_small = size_bytes <= SMALL_BYTES
    if not is_small and hold_more(bodies, MESSAGE_BYTES_MIN, (3,), _spans_and_references):
        raise _too_many()
    columns = _READER.read(bodies)
    if size_bytes <= 2 * FREE:  # not even of empty messages, of two bytes each, can be too many
        return columns
    spans = columns.column("spans").values
    messages = len(spans) + len(spans.field("references").values)
    if is_small and messages > FREE and hold_more(bodies, MESSAGE_BYTES_MIN, (3,), _spans_and_references):
        raise _too_many()
    baggage = spans.field("span_context").field("baggage")
    elements = sum(len(lists.values) for lists in (spans.field("tags"), spans.field("logs"), baggage))
    if (
        elements > FREE + size_bytes // ELEMENT_BYTES_MIN
        or len(spans.field("logs").values) > MOMENTS_FREE + size_bytes // MOMENT_BYTES_MIN
        or len(baggage.values) > MOMENTS_FREE + size_bytes // MESSAGE_BYTES_MIN
    ):
        raise TooLarge("more tags or logs than a report of this size can hold")
    tags = spans.field("tags").values
    if are_too_different(tags, size_bytes):
        raise TooLarge("more different tags than a report of this size can hold")
    if size_bytes > BROKEN_UNCOUNTED_BYTES:
        check_broken(size_bytes, _texts(columns, spans))
    return columns


def _texts(columns: pa.RecordBatch, spans: pa.StructArray) -> list[TextColumn]:
    """All that may hold some; what else is in their messages is next to nothing."""
    return [
        TextColumn(columns.column("reporter").values),
        TextColumn(spans.field("operation_name")),
        TextColumn(spans.field("span_context").field("baggage").values),
        TextColumn(spans.field("tags").values),
        TextColumn(spans.field("logs").values),
    ]


def _too_many() -> TooLarge:
    return TooLarge("more spans or references than a report of this size can hold")


def _spans_and_references(body: bytes) -> Iterator[Range]:
    for span in messages_in(body, (0, len(body)), (3,)):
        yield span
        yield from messages_in(body, span, (3,))


def _fault(body: bytes) -> BadReport | TooLarge | None:
    try:
        _ = list(_reports(_parse([body])))
    except (BadReport, TooLarge) as fault:
        return fault
    return None


def _reports(columns: pa.RecordBatch) -> Iterator[Report]:
    parts = [joined_bytes_of_each(columns.column(name)) for name in ("auth", "reporter", "internal_metrics")]
    for auth, reporter, metrics in zip(*parts, strict=True):
        yield Report(_token(auth), _reporter(reporter), slice(0, 0), counters=_counters(metrics))


def _token(encoded: bytes) -> str:
    return _cached_token(encoded) if len(encoded) <= _CACHED_BYTES else _read_token(encoded)


def _read_token(encoded: bytes) -> str:
    return str(_read(shallow.Auth, encoded, "auth").access_token.decode("utf-8", "replace"))


_cached_token = lru_cache(maxsize=1024)(_read_token)


def _reporter(encoded: bytes) -> Reporter:
    """What a reporter says of itself; those of usual size are remembered."""
    return _cached_reporter(encoded) if len(encoded) <= _CACHED_BYTES else _read_reporter(encoded)


def _read_reporter(encoded: bytes) -> Reporter:
    message = _read(shallow.Reporter, encoded, "reporter")
    attributes = dict(_fields(message.tags))
    service = text_of(attributes.get("lightstep.component_name")) or UNKNOWN_SERVICE
    return Reporter(
        protocol=NAME, service=service, id=message.reporter_id, attributes=tuple(attributes.items())
    )


_cached_reporter = lru_cache(maxsize=1024)(_read_reporter)


def _counters(encoded: bytes) -> dict[str, float]:
    if not encoded:
        return {}
    message = _read(shallow.InternalMetrics, encoded, "internal_metrics")
    counters: dict[str, float] = {}
    for sample in message.counts:
        kind = sample.WhichOneof("value")
        if sample.name and kind:  # JavaScript sends seven empty samples with every report
            name = sample.name.decode("utf-8", "replace")
            counters[name] = counters.get(name, 0) + getattr(sample, kind)
    return counters


def _read(message: Any, encoded: bytes, what: str) -> Any:
    if is_crowded(encoded):
        raise TooLarge(f"{what}: more fields than can be meant")
    try:
        return message.FromString(encoded)
    except DecodeError as error:
        raise BadReport(f"not a ReportRequest: {what}: {error}") from error


def _fields(encoded: Sequence[Any]) -> Iterator[tuple[str, TagValue]]:
    for tag in encoded:
        kind = tag.WhichOneof("value")
        value = getattr(tag, kind) if kind else None
        key = tag.key.decode("utf-8", "replace")
        if key or kind:
            yield key, value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def sender(body: bytes) -> bytes:
    """The auth message as sent; b"" when there is none, or the body is none."""
    try:
        return bytes(shallow.Envelope.FromString(body).auth)
    except DecodeError:
        return b""


def encode(receipt: Receipt, _head: RequestHead) -> Reply:
    """A ReportResponse with both timestamps; plain text only for «try later», so that Python tracers keep the spans."""
    refusal = receipt.refusal
    if refusal is not None and not is_final(refusal):
        return text_reply(refusal)
    if refusal is None and receipt.fault is None and not receipt.warnings:
        return _usual(receipt.received_ns, receipt.answered_ns)
    response = response_of(receipt)
    if refusal is not None:
        response.errors.append(refusal.message.replace("%", "percent "))  # Go hands it to a format function
    return Reply(status_of(refusal), PROTOBUF, response.SerializeToString())


@lru_cache(maxsize=16)
def _usual(received_ns: int, answered_ns: int) -> Reply:
    """Of reports that came and were answered together, as many small ones are, the same one."""
    response = response_of(Receipt(received_ns, answered_ns))
    return Reply(status_of(None), PROTOBUF, response.SerializeToString())


def response_of(receipt: Receipt) -> collector.ReportResponse:
    """The answer but for a refusal: times, warnings, and what a fault has it say."""
    response = collector.ReportResponse(warnings=receipt.warnings)
    fault = receipt.fault
    if fault is None or not fault.no_timestamps:
        for timestamp, time_ns in (
            (response.receive_timestamp, receipt.received_ns),
            (response.transmit_timestamp, receipt.answered_ns),
        ):
            timestamp.seconds, timestamp.nanos = divmod(time_ns, 1_000_000_000)
    if fault is not None:
        response.errors.extend(fault.errors)
        response.infos.extend(fault.infos)
        for command in fault.commands:
            response.commands.add(**{command: True})
    return response


PROTOCOL = WireProtocol(
    name=NAME,
    http_routes=(("POST", "/api/v2/reports"), ("POST", "/api/v2/report")),
    grpc_methods=("/lightstep.collector.CollectorService/Report",),
    content_types=(PROTOBUF, "application/x-protobuf", "application/protobuf"),
    decode=decode,
    encode=encode,
    splitter=ReportSplitter,
    sender=sender,
)
