"""Reports of each protocol with an access token in every place that can hold a key and a value."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

import msgspec
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from satellite.pb import zipkin_pb2
from satellite.pb.lightstep_collector_pb2 import ReportRequest
from satellite.pb.lightstep_metrics_pb2 import IngestRequest
from satellite.protocols.jaeger import batches
from satellite.protocols.lightstep import crouton
from satellite.protocols.readers import thrift, tjson
from satellite.protocols.zipkin import v1
from tests.protocols.jaeger.test_batches import post, process, proto, text

START_US = 1_700_000_000_000_000

Keys = Sequence[str]
Json = dict[str, Any]


def _nested(keys: Keys, token: str) -> Json:
    """A map that holds it, deep inside too."""
    own = dict.fromkeys(keys, token)
    return {**own, "deep": [{"list": [own]}, "beside"], "text": json.dumps({"in": own}), "stays": "beside"}


# OTLP


def _any_value(value: Any) -> Json:
    if isinstance(value, dict):
        return {"kvlistValue": {"values": attributes(value)}}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_any_value(item) for item in value]}}
    return {"stringValue": value}


def attributes(values: Json) -> list[Json]:
    """OTLP's, as JSON."""
    return [{"key": key, "value": _any_value(value)} for key, value in values.items()]


def _otlp_attributes(keys: Keys, token: str) -> list[Json]:
    nested = _nested(keys, token)
    return attributes({**dict.fromkeys(keys, token), "map": nested, "json": json.dumps(nested)})


def _resource(tags: list[Json]) -> Json:
    return {"attributes": [{"key": "service.name", "value": {"stringValue": "checkout"}}, *tags]}


def otlp(keys: Keys, token: str) -> Json:
    """As a document of OTLP's JSON, but that its ids are for `json_format`, too."""
    tags = _otlp_attributes(keys, token)
    span = {
        "traceId": "0" * 31 + "1",
        "spanId": "0" * 15 + "1",
        "name": "pay",
        "startTimeUnixNano": START_US * 1000,
        "endTimeUnixNano": START_US * 1000 + 5,
        "attributes": tags,
        "events": [{"name": "e", "timeUnixNano": START_US * 1000, "attributes": tags}],
        "links": [{"traceId": "0" * 31 + "2", "spanId": "0" * 15 + "2", "attributes": tags}],
    }
    scope = {"scope": {"name": "s", "attributes": tags}, "spans": [span]}
    return {"resourceSpans": [{"resource": _resource(tags), "scopeSpans": [scope]}]}


def _otlp_protobuf(keys: Keys, token: str) -> bytes:
    sent = otlp(keys, token)
    ids = sent["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    for one in (ids, ids["links"][0]):
        del one["traceId"], one["spanId"]
    message = json_format.ParseDict(sent, ExportTraceServiceRequest())
    span = message.resource_spans[0].scope_spans[0].spans[0]
    span.trace_id, span.span_id = bytes(15) + b"\x01", bytes(7) + b"\x01"
    return message.SerializeToString()


def _metrics(keys: Keys, token: str) -> Json:
    tags = _otlp_attributes(keys, token)
    metric = {"name": "m", "gauge": {"dataPoints": [{"asInt": "1", "attributes": tags}]}}
    scope = {"scope": {"name": "s", "attributes": tags}, "metrics": [metric]}
    return {"resourceMetrics": [{"resource": _resource(tags), "scopeMetrics": [scope]}]}


def _logs(keys: Keys, token: str) -> Json:
    tags = _otlp_attributes(keys, token)
    record = {"attributes": tags, "body": {"kvlistValue": {"values": tags}}}
    scope = {"scope": {"name": "s", "attributes": tags}, "logRecords": [record]}
    return {"resourceLogs": [{"resource": _resource(tags), "scopeLogs": [scope]}]}


# LightStep


def _lightstep(keys: Keys, token: str) -> ReportRequest:
    report = ReportRequest()
    span = report.spans.add(operation_name="pay", duration_micros=5)
    span.span_context.trace_id = span.span_context.span_id = 1
    span.start_timestamp.seconds = START_US // 1_000_000
    reference = span.references.add()
    reference.span_context.trace_id, reference.span_context.span_id = 1, 2
    for key in keys:
        span.span_context.baggage[key] = reference.span_context.baggage[key] = token
    for fields in (
        report.reporter.tags,
        span.tags,
        span.logs.add().fields,
        report.internal_metrics.logs.add().fields,
    ):
        for key in keys:
            fields.add(key=key, string_value=token)
        fields.add(key="map", json_value=json.dumps(_nested(keys, token)))
    for points in (report.internal_metrics.counts, report.internal_metrics.gauges):
        points.add(name="spans.dropped", int_value=1)
    return report


def _thrift(keys: Keys, token: str) -> Json:
    tags = [{"Key": key, "Value": token} for key in keys]
    nested = json.dumps(_nested(keys, token))
    tags.append({"Key": "map", "Value": nested})
    log = {"timestamp_micros": START_US, "fields": tags, "payload_json": nested, "stable_name": "e"}
    span = {
        "span_guid": "1",
        "trace_guid": "1",
        "span_name": "pay",
        "oldest_micros": START_US,
        "youngest_micros": START_US + 5,
        "attributes": tags,
        "join_ids": [{"TraceKey": key, "Value": token} for key in keys],
        "log_records": [log],
    }
    beside = {**log, "span_guid": "1"}
    return {"runtime": {"guid": "1", "attrs": tags}, "span_records": [span], "log_records": [beside]}


_CALL = thrift.Message("Report", thrift.CALL, 7)


def _thrift_binary(keys: Keys, token: str) -> bytes:
    return thrift.write_message(
        _CALL, thrift.write_struct({"request": _thrift(keys, token)}, crouton.ARGUMENTS)
    )


def _tracer_metrics(keys: Keys, token: str) -> bytes:
    request = IngestRequest(reporter=[_lightstep(keys, token).reporter.SerializeToString()])
    labels = [tag.SerializeToString() for tag in _lightstep(keys, token).reporter.tags]
    for kind in (1, 2):
        request.points.add(kind=kind, metric_name=b"cpu", labels=labels, uint64_value=1)
    return request.SerializeToString()


# Others


def zipkin(keys: Keys, token: str) -> list[Json]:
    """Spans of Zipkin's v2 JSON."""
    nested = json.dumps(_nested(keys, token))
    span = {
        "traceId": "1",
        "id": "1",
        "name": "pay",
        "timestamp": START_US,
        "duration": 5,
        "tags": {**dict.fromkeys(keys, token), "map": nested},
        "annotations": [{"timestamp": START_US, "value": nested}],
    }
    return [span]


def _zipkin_protobuf(keys: Keys, token: str) -> bytes:
    nested = json.dumps(_nested(keys, token)).encode()
    span = zipkin_pb2.Span(
        trace_id=bytes(7) + b"\1", id=bytes(7) + b"\1", name=b"pay", timestamp=START_US, duration=5
    )
    for key in keys:
        span.tags.add(key=key.encode(), value=token.encode())
    span.tags.add(key=b"map", value=nested)
    span.annotations.add(timestamp=START_US, value=nested)
    return zipkin_pb2.ListOfSpans(spans=[span.SerializeToString()]).SerializeToString()


def _zipkin_v1(keys: Keys, token: str) -> list[Json]:
    here = {"serviceName": "web", "ipv4": "10.0.0.1"}
    nested = json.dumps(_nested(keys, token))
    pairs = {**dict.fromkeys(keys, token), "map": nested}
    values = ["cs", nested, "cr"]
    span = {
        "traceId": "1",
        "id": "1",
        "name": "pay",
        "timestamp": START_US,
        "duration": 5,
        "annotations": [{"timestamp": START_US, "value": value, "endpoint": here} for value in values],
        "binaryAnnotations": [{"key": key, "value": value, "endpoint": here} for key, value in pairs.items()],
    }
    return [span]


def _zipkin_v1_thrift(keys: Keys, token: str) -> bytes:
    nested = json.dumps(_nested(keys, token)).encode()
    pairs = {**dict.fromkeys(keys, token.encode()), "map": nested}
    here = {"serviceName": "web", "ipv4": 1}
    span = {
        "trace_id": 1,
        "id": 1,
        "name": "pay",
        "timestamp": START_US,
        "duration": 5,
        "annotations": [{"timestamp": START_US, "value": nested.decode(), "endpoint": here}],
        "binary_annotations": [
            {"key": key, "value": value, "type": 6, "endpoint": here} for key, value in pairs.items()
        ],
    }
    return thrift.write_list([span], v1.SPAN)


def _jaeger(keys: Keys, token: str) -> bytes:
    tags = [*(text(key, token) for key in keys), text("map", json.dumps(_nested(keys, token)))]
    span = proto(tags=tags)
    span.logs.add().fields.extend(tags)
    return post(span, by=process("shop", *tags))


def _jaeger_thrift(keys: Keys, token: str) -> bytes:
    pairs = {**dict.fromkeys(keys, token), "map": json.dumps(_nested(keys, token))}
    tags = [{"key": key, "type": 0, "text": value} for key, value in pairs.items()]
    span = {
        "trace_low": 1,
        "span_id": 1,
        "operation": "pay",
        "start": START_US,
        "duration": 5,
        "tags": tags,
        "logs": [{"timestamp": START_US, "fields": tags}],
    }
    return thrift.write_struct({"process": {"service": "shop", "tags": tags}, "spans": [span]}, batches.BATCH)


def _jaeger_json(keys: Keys, token: str) -> Json:
    pairs = {**dict.fromkeys(keys, token), "map": json.dumps(_nested(keys, token))}
    tags = [{"key": key, "type": "string", "value": value} for key, value in pairs.items()]
    span = {
        "traceID": "1",
        "spanID": "1",
        "operationName": "pay",
        "startTime": START_US,
        "duration": 5,
        "tags": tags,
        "logs": [{"timestamp": START_US, "fields": tags}],
        "processID": "p1",
    }
    return {
        "data": [{"traceID": "1", "spans": [span], "processes": {"p1": {"serviceName": "s", "tags": tags}}}]
    }


def _datadog(keys: Keys, token: str) -> bytes:
    nested = _nested(keys, token)
    span = {
        "trace_id": 1,
        "span_id": 1,
        "name": "pay",
        "service": "s",
        "start": START_US * 1000,
        "duration": 5,
        "meta": {**dict.fromkeys(keys, token), "map": json.dumps(nested)},
        "meta_struct": {"appsec": msgspec.msgpack.encode(nested)},
        "span_links": [{"trace_id": 1, "span_id": 2, "attributes": dict.fromkeys(keys, token)}],
        "span_events": [
            {"name": "e", "attributes": {key: {"type": 0, "string_value": token} for key in keys}}
        ],
    }
    return msgspec.msgpack.encode([[span]])


def _datadog_table(keys: Keys, token: str) -> bytes:
    texts = ["", "s", "pay", token, "map", json.dumps(_nested(keys, token)), *keys]
    meta = {texts.index(key): 3 for key in keys} | {4: 5}
    span = [1, 2, 2, 1, 1, 0, START_US * 1000, 5, 0, meta, {}, 0]
    return msgspec.msgpack.encode([texts, [[span]]])


def _console(keys: Keys, token: str) -> bytes:
    tags = {**dict.fromkeys(keys, token), "map": json.dumps(_nested(keys, token))}
    moment = "2023-11-14T22:13:20.000000Z"
    span = {
        "name": "pay",
        "context": {"trace_id": "0x" + "0" * 31 + "1", "span_id": "0x" + "0" * 15 + "1", "trace_state": "[]"},
        "kind": "SpanKind.INTERNAL",
        "parent_id": None,
        "start_time": moment,
        "end_time": moment,
        "status": {"status_code": "UNSET"},
        "attributes": tags,
        "events": [{"name": "e", "timestamp": moment, "attributes": tags}],
        "links": [],
        "resource": {"attributes": tags, "schema_url": ""},
    }
    return json.dumps(span, indent=4).encode()


def _as_json(write: Callable[[Keys, str], Any]) -> Callable[[Keys, str], bytes]:
    return lambda keys, token: json.dumps(write(keys, token)).encode()


class Way(NamedTuple):
    """How a protocol's report travels."""

    path: str
    """Of a POST; of gRPC for "grpc"."""
    content_type: str
    """"grpc" for a call; "query" for a GET whose query string is the body."""
    body: Callable[[Keys, str], bytes]
    """By the keys, all in each place, and the token."""
    strong_only: bool = False
    """A plain `access_token` is not the token here."""
    has_spans: bool = True


PROTOBUF, JSON, THRIFT = "application/x-protobuf", "application/json", "application/x-thrift"

WAYS: dict[str, Way] = {
    "otlp-json": Way("/v1/traces", JSON, _as_json(otlp)),
    "otlp-protobuf": Way("/v1/traces", PROTOBUF, _otlp_protobuf),
    "otlp-grpc": Way("/opentelemetry.proto.collector.trace.v1.TraceService/Export", "grpc", _otlp_protobuf),
    "otlp-metrics-json": Way("/v1/metrics", JSON, _as_json(_metrics), has_spans=False),
    "otlp-metrics": Way(
        "/v1/metrics",
        PROTOBUF,
        lambda keys, token: json_format.ParseDict(
            _metrics(keys, token), ExportMetricsServiceRequest()
        ).SerializeToString(),
        has_spans=False,
    ),
    "otlp-logs-json": Way("/v1/logs", JSON, _as_json(_logs), has_spans=False),
    "otlp-logs": Way(
        "/v1/logs",
        PROTOBUF,
        lambda keys, token: json_format.ParseDict(
            _logs(keys, token), ExportLogsServiceRequest()
        ).SerializeToString(),
        has_spans=False,
    ),
    "lightstep": Way(
        "/api/v2/reports",
        "application/octet-stream",
        lambda keys, token: _lightstep(keys, token).SerializeToString(),
    ),
    "lightstep-grpc": Way(
        "/lightstep.collector.CollectorService/Report",
        "grpc",
        lambda keys, token: _lightstep(keys, token).SerializeToString(),
    ),
    "lightstep-json": Way(
        "/api/v2/reports",
        JSON,
        lambda keys, token: json_format.MessageToJson(_lightstep(keys, token)).encode(),
    ),
    "lightstep-thrift-json": Way("/api/v0/reports", JSON, _as_json(_thrift)),
    "lightstep-thrift": Way("/_rpc/v1/reports/binary", THRIFT, _thrift_binary),
    "lightstep-tjson": Way(
        "/_rpc/v1/reports/json",
        JSON,
        lambda keys, token: tjson.write_message(_CALL, {"request": _thrift(keys, token)}, crouton.ARGUMENTS),
    ),
    "lightstep-uri": Way(
        "/_rpc/v1/reports/uri_encoded",
        "query",
        lambda keys, token: urlencode({"report": json.dumps(_thrift(keys, token))}).encode(),
    ),
    "tracer-metrics": Way("/metrics", "application/octet-stream", _tracer_metrics, has_spans=False),
    "zipkin-json": Way("/api/v2/spans", JSON, _as_json(zipkin)),
    "zipkin-protobuf": Way("/api/v2/spans", PROTOBUF, _zipkin_protobuf),
    "zipkin-v1-json": Way("/api/v1/spans", JSON, _as_json(_zipkin_v1)),
    "zipkin-v1-thrift": Way("/api/v1/spans", THRIFT, _zipkin_v1_thrift),
    "jaeger-grpc": Way("/jaeger.api_v2.CollectorService/PostSpans", "grpc", _jaeger),
    "jaeger-thrift": Way("/api/traces", THRIFT, _jaeger_thrift),
    "datadog-v0.3": Way("/v0.3/traces", "application/msgpack", _datadog),
    "datadog-v0.4": Way("/v0.4/traces", "application/msgpack", _datadog),
    "datadog-v0.5": Way("/v0.5/traces", "application/msgpack", _datadog_table),
}

FILES: dict[str, Callable[[Keys, str], bytes]] = {
    "otlp-json": _as_json(otlp),
    "otlp-protobuf": _otlp_protobuf,
    "jaeger-json": _as_json(_jaeger_json),
    "zipkin-json": _as_json(zipkin),
    "zipkin-v1": _as_json(_zipkin_v1),
    "lightstep": lambda keys, token: _lightstep(keys, token).SerializeToString(),
    "lightstep-json": lambda keys, token: json_format.MessageToJson(_lightstep(keys, token)).encode(),
    "console": _console,
}
"""Files that an import takes."""
