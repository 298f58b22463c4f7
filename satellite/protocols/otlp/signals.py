"""OTLP's metrics and logs: accepted and counted, not stored.

A report of them has no spans, and one counter: `otlp.metrics.received` (data points) or `otlp.logs.received` (records).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
from google.protobuf.message import DecodeError

from satellite.errors import BadReport, SatelliteError
from satellite.model.access_tokens import without_tokens
from satellite.model.report import Decoded, Receipt, Report
from satellite.model.spans import SpanBuilder
from satellite.pb import otlp_shallow_pb2 as shallow
from satellite.protocols.otlp.json import to_protobuf
from satellite.protocols.otlp.json_request import sound
from satellite.protocols.otlp.parts import read_resource
from satellite.protocols.otlp.protobuf import JSON, PROTOBUF, grpc_details, refusal_reply, refusal_reply_json
from satellite.protocols.wire import Reply, RequestHead, WireProtocol

_POINTS = ("gauge", "sum", "histogram", "exponential_histogram", "summary")


class _Counted(NamedTuple):
    """What a request held."""

    number: int
    resource: bytes
    """The first one, serialised; b"" when there is none."""


def _count_metrics(body: bytes) -> _Counted:
    request = shallow.MetricsRequest.FromString(body)
    number = sum(
        len(getattr(metric, kind).data_points)
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for kind in _POINTS
        if metric.HasField(kind)
    )
    return _Counted(number, _first(request.resource_metrics))


def _count_logs(body: bytes) -> _Counted:
    request = shallow.LogsRequest.FromString(body)
    number = sum(
        len(scope.log_records) for resource in request.resource_logs for scope in resource.scope_logs
    )
    return _Counted(number, _first(request.resource_logs))


def _first(resources: Sequence[Any]) -> bytes:
    return b"".join(resources[0].resource) if resources else b""


class _Points(msgspec.Struct, rename="camel"):
    data_points: list[msgspec.Raw] | None = None


class _Metric(msgspec.Struct, rename="camel"):
    gauge: _Points | None = None
    sum: _Points | None = None
    histogram: _Points | None = None
    exponential_histogram: _Points | None = None
    summary: _Points | None = None


class _ScopeMetrics(msgspec.Struct):
    metrics: list[_Metric] | None = None


class _ResourceMetrics(msgspec.Struct, rename="camel"):
    resource: msgspec.Raw = msgspec.Raw(b"null")
    scope_metrics: list[_ScopeMetrics] | None = None


class _MetricsRequest(msgspec.Struct, rename="camel"):
    resource_metrics: list[_ResourceMetrics] | None = None


class _ScopeLogs(msgspec.Struct, rename="camel"):
    log_records: list[msgspec.Raw] | None = None


class _ResourceLogs(msgspec.Struct, rename="camel"):
    resource: msgspec.Raw = msgspec.Raw(b"null")
    scope_logs: list[_ScopeLogs] | None = None


class _LogsRequest(msgspec.Struct, rename="camel"):
    resource_logs: list[_ResourceLogs] | None = None


VALUE_BYTES_MIN = 3
"""The buckets of a histogram are many short numbers, none of which becomes an object. Ours."""


def _count_metrics_json(body: bytes) -> _Counted:
    request = msgspec.json.decode(sound(body, VALUE_BYTES_MIN)[0], type=_MetricsRequest)
    number = 0
    for resource in request.resource_metrics or ():
        for scope in resource.scope_metrics or ():
            for metric in scope.metrics or ():
                points = (getattr(metric, kind) for kind in _POINTS)
                number += sum(len(one.data_points or ()) for one in points if one is not None)
    return _Counted(number, _first_json(request.resource_metrics))


def _count_logs_json(body: bytes) -> _Counted:
    request = msgspec.json.decode(sound(body, VALUE_BYTES_MIN)[0], type=_LogsRequest)
    scopes = [scope for resource in request.resource_logs or () for scope in resource.scope_logs or ()]
    return _Counted(sum(len(scope.log_records or ()) for scope in scopes), _first_json(request.resource_logs))


def _first_json(resources: Sequence[_ResourceMetrics | _ResourceLogs] | None) -> bytes:
    if not resources:
        return b""
    # Traces have the same resources, and a reader of them that forgives what clients get wrong.
    body, _, _ = to_protobuf(b'{"resourceSpans":[{"resource":%b}]}' % bytes(resources[0].resource))
    return _first(shallow.Request.FromString(body).resource_spans)


def _decoder(signal: str, count: Callable[[bytes], _Counted]) -> Callable[[Sequence[bytes], int], Decoded]:
    """A protocol's `decode` that keeps nothing but the number of what came."""

    def one(body: bytes) -> Report | SatelliteError:
        try:
            counted = count(body)
        except SatelliteError as fault:
            return fault
        except (DecodeError, msgspec.MsgspecError, RecursionError) as error:
            return BadReport(f"not an OTLP request of {signal}: {error}")
        resource = read_resource(counted.resource, b"")
        reporter = msgspec.structs.replace(resource.reporter, protocol=f"otlp_{signal}")
        counters = {f"otlp.{signal}.received": float(counted.number)}
        return Report("", reporter, slice(0, 0), counters=counters)

    def decode(bodies: Sequence[bytes], _received_ns: int) -> Decoded:
        return without_tokens(Decoded(SpanBuilder().build(), [one(body) for body in bodies]))

    return decode


def _encode(receipt: Receipt, _head: RequestHead) -> Reply:
    """An empty response: all was accepted."""
    return refusal_reply(receipt.refusal) if receipt.refusal is not None else Reply(200, PROTOBUF, b"")


def _encode_json(receipt: Receipt, _head: RequestHead) -> Reply:
    return refusal_reply_json(receipt.refusal) if receipt.refusal is not None else Reply(200, JSON, b"{}")


_METRIC_ROUTES = tuple(("POST", path) for path in ("/v1/metrics", "/metrics/otlp/v0.6", "/metrics/otlp/v0.9"))
_LOG_ROUTES = (("POST", "/v1/logs"),)

METRICS_PROTOCOL = WireProtocol(
    name="otlp_metrics",
    http_routes=_METRIC_ROUTES,
    grpc_methods=("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",),
    content_types=(PROTOBUF, "application/protobuf"),
    decode=_decoder("metrics", _count_metrics),
    encode=_encode,
    grpc_streams=True,
    grpc_details=grpc_details,
)

METRICS_JSON_PROTOCOL = WireProtocol(
    name="otlp_metrics_json",
    http_routes=_METRIC_ROUTES,
    grpc_methods=(),
    content_types=(JSON,),
    decode=_decoder("metrics", _count_metrics_json),
    encode=_encode_json,
)

LOGS_PROTOCOL = WireProtocol(
    name="otlp_logs",
    http_routes=_LOG_ROUTES,
    grpc_methods=("/opentelemetry.proto.collector.logs.v1.LogsService/Export",),
    content_types=(PROTOBUF, "application/protobuf"),
    decode=_decoder("logs", _count_logs),
    encode=_encode,
    grpc_streams=True,
    grpc_details=grpc_details,
)

LOGS_JSON_PROTOCOL = WireProtocol(
    name="otlp_logs_json",
    http_routes=_LOG_ROUTES,
    grpc_methods=(),
    content_types=(JSON,),
    decode=_decoder("logs", _count_logs_json),
    encode=_encode_json,
)
