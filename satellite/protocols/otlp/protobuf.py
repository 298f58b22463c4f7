"""OTLP traces: `TraceService/Export` over gRPC, and over HTTP as protobuf and as JSON.

The second hot path: ptars reads bodies with a shallow schema (protos/otlp_shallow.proto) into columns (`otlp_request`),
which `otlp_spans` turns into a SpanBatch; JSON is first written as protobuf (`otlp_json`). Metrics and logs are in
`otlp_signals`, the way back in `otlp_export`. Facts: wire-protocols.md §6, opentelemetry-proto v1.11.0.

An attribute `lightstep.access_token` of a resource or a span is used as the token and removed; `access_token` is only
removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status as RpcStatus
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from satellite.errors import SatelliteError
from satellite.model.access_tokens import without_tokens
from satellite.model.report import Decoded, Receipt, Report
from satellite.model.reporter import Reporter
from satellite.protocols.otlp.json import to_protobuf
from satellite.protocols.otlp.parts import PROTOCOL as NAME
from satellite.protocols.otlp.request import read_requests
from satellite.protocols.otlp.spans import TraceColumns
from satellite.protocols.refused import UNAVAILABLE, grpc_code_of, status_of
from satellite.protocols.rows import say_dropped
from satellite.protocols.wire import Reply, RequestHead, WireProtocol

PROTOBUF = "application/x-protobuf"
JSON = "application/json"

ROUTES = tuple(
    ("POST", path)
    for path in (
        "/v1/traces",
        "/traces/otlp/v0.5",
        "/traces/otlp/v0.6",
        "/traces/otlp/v0.9",
        "/api/v2/otel/trace",
    )
)

RETRY_SECONDS = 1
"""What a refused sender is told to wait when it may send again (ours)."""


def decode(bodies: Sequence[bytes], received_ns: int) -> Decoded:
    """One Report or BadReport per body, and the spans of all good ones in one batch."""
    columns, faults = read_requests(bodies)
    reports = [Report("", Reporter(NAME), slice(0, 0)) for _ in range(columns.num_rows)]
    batch = TraceColumns(columns, reports, received_ns).batch()
    good = iter(reports)
    return without_tokens(Decoded(batch, [fault or next(good) for fault in faults]))


def decode_json(bodies: Sequence[bytes], received_ns: int) -> Decoded:
    """As `decode`, for requests in JSON."""
    written = [_written(body) for body in bodies]
    read = [outcome for outcome in written if not isinstance(outcome, SatelliteError)]
    decoded = decode([encoded for encoded, _, _ in read], received_ns)
    for report, (_, warnings, malformed) in zip(decoded.reports, read, strict=True):
        if isinstance(report, Report):
            say_dropped(report, "malformed", malformed, "that cannot be read")
            report.warnings.extend(warnings)
    good = iter(decoded.reports)
    reports = [outcome if isinstance(outcome, SatelliteError) else next(good) for outcome in written]
    return Decoded(decoded.batch, reports)


def _written(body: bytes) -> tuple[bytes, list[str], int] | SatelliteError:
    try:
        return to_protobuf(body)
    except SatelliteError as fault:
        return fault


# Answers


_ACCEPTED = Reply(200, PROTOBUF, b"")
"""An ExportTraceServiceResponse without a word."""


def encode(receipt: Receipt, _head: RequestHead) -> Reply:
    """ExportTraceServiceResponse or google.rpc.Status, as protobuf."""
    if receipt.refusal is not None:
        return refusal_reply(receipt.refusal)
    if not receipt.dropped and not receipt.warnings:
        return _ACCEPTED
    rejected, message = partial_success(receipt)
    response = ExportTraceServiceResponse()
    if message:
        response.partial_success.rejected_spans = rejected
        response.partial_success.error_message = message
    return Reply(200, PROTOBUF, response.SerializeToString())


def encode_json(receipt: Receipt, _head: RequestHead) -> Reply:
    """The same as JSON."""
    if receipt.refusal is not None:
        return refusal_reply_json(receipt.refusal)
    rejected, message = partial_success(receipt)
    partial: dict[str, Any] = {"rejectedSpans": str(rejected)} if rejected else {}
    body = {"partialSuccess": partial | {"errorMessage": message}} if message else {}
    return Reply(200, JSON, msgspec.json.encode(body))


def partial_success(receipt: Receipt) -> tuple[int, str]:
    """(spans refused, what to say about them and of what else was out of order); "" when there is nothing to say."""
    rejected = sum(receipt.dropped.values())
    reasons = ", ".join(f"{count} {reason}" for reason, count in receipt.dropped.items())
    return rejected, "; ".join(receipt.warnings) or reasons


def refusal_reply(refusal: SatelliteError) -> Reply:
    """A refusal over HTTP, a google.rpc.Status as protobuf."""
    return Reply(
        status_of(refusal), PROTOBUF, _rpc_status(refusal, grpc_code_of(refusal)).SerializeToString()
    )


def refusal_reply_json(refusal: SatelliteError) -> Reply:
    """The same as JSON."""
    code = grpc_code_of(refusal)
    body: dict[str, Any] = {"code": code, "message": refusal.message}
    if code == UNAVAILABLE:
        retry = {
            "@type": "type.googleapis.com/google.rpc.RetryInfo",
            "retryDelay": f"{RETRY_SECONDS}s",
        }
        body["details"] = [retry]
    return Reply(status_of(refusal), JSON, msgspec.json.encode(body))


def grpc_details(refusal: SatelliteError) -> bytes | None:
    """A google.rpc.Status with RetryInfo for what may be sent again (`grpc-status-details-bin`); None otherwise."""
    code = grpc_code_of(refusal)
    return _rpc_status(refusal, code).SerializeToString() if code == UNAVAILABLE else None


def _rpc_status(refusal: SatelliteError, code: int) -> RpcStatus:
    status = RpcStatus(code=code, message=refusal.message)
    if code == UNAVAILABLE:
        detail = AnyMessage()
        detail.Pack(RetryInfo(retry_delay=Duration(seconds=RETRY_SECONDS)))
        status.details.append(detail)
    return status


PROTOCOL = WireProtocol(
    name=NAME,
    http_routes=ROUTES,
    grpc_methods=("/opentelemetry.proto.collector.trace.v1.TraceService/Export",),
    content_types=(PROTOBUF, "application/protobuf"),
    decode=decode,
    encode=encode,
    grpc_streams=True,  # Envoy 1.23 to 1.29 keep one call open
    grpc_details=grpc_details,
)

JSON_PROTOCOL = WireProtocol(
    name="otlp_json",
    http_routes=ROUTES,
    grpc_methods=(),
    content_types=(JSON,),
    decode=decode_json,
    encode=encode_json,
)
