"""What is an error (K6): one meaning for counts, histogram, services and queries, whatever the sender wrote."""

from __future__ import annotations

import json
from typing import Any

import pytest

from satellite.pb import lightstep_collector_pb2 as collector
from satellite.query.plan import ALL
from tests.cases import case
from tests.cases.played import played


def zipkin(**tags: str) -> bytes:
    span = {"traceId": "1", "id": "2", "timestamp": 1_794_300_000_000_000, "duration": 5, "tags": tags}
    return json.dumps([span]).encode()


def lightstep(**tags: Any) -> bytes:
    request = collector.ReportRequest()
    span = request.spans.add(operation_name="x")
    span.span_context.trace_id = span.span_context.span_id = 1
    for key, value in tags.items():
        span.tags.add(key=key, string_value=value)
    return request.SerializeToString()


def otlp(*tags: tuple[str, Any], code: int = 0) -> bytes:
    kinds = {str: "stringValue", bool: "boolValue"}
    listed = [{"key": key, "value": {kinds[type(value)]: value}} for key, value in tags]
    span: dict[str, Any] = {
        "traceId": f"{1:032x}",
        "spanId": f"{2:016x}",
        "name": "x",
        "startTimeUnixNano": "5",
        "attributes": listed,
    }
    span |= {"status": {"code": code}} if code else {}
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()


def jaeger(**tags: Any) -> bytes:
    listed = [{"key": key, "type": "string", "value": value} for key, value in tags.items()]
    span = {"traceID": "1", "spanID": "2", "startTime": 1, "tags": listed}
    return json.dumps({"data": [{"spans": [span], "processes": {}}]}).encode()


CODE = "otel.status_code"


@pytest.mark.parametrize(
    ("protocol", "body", "failed"),
    [
        ("lightstep_json", case("lightstep-python-error.json"), True),
        ("otlp_json", case("otlp-arrays-events.json"), True),
        ("otlp_json", otlp(("otel.status_code", "ERROR")), True),
        ("otlp_json", otlp(("otel.status_code", "OK")), False),
        ("otlp_json", otlp(("otel.status_code", "ERROR"), ("error", False)), False),
        ("otlp_json", otlp(("otel.status_code", "ERROR"), code=1), False),
        ("zipkin", zipkin(error=""), True),
        ("zipkin", zipkin(error="connection reset"), True),
        ("zipkin", zipkin(error="false"), False),
        ("zipkin", zipkin(**{CODE: "ERROR"}), True),
        ("zipkin", zipkin(**{CODE: "OK"}), False),
        ("zipkin", zipkin(**{CODE: "ERROR", "error": "false"}), False),
        ("lightstep", lightstep(**{CODE: "ERROR"}), True),
        ("lightstep", lightstep(**{CODE: "ERROR", "error": "false"}), False),
        ("lightstep", lightstep(error="True"), True),
        ("lightstep", lightstep(error="no"), False),
        ("lightstep", lightstep(), False),
        ("jaeger_json", jaeger(**{CODE: "ERROR"}), True),
        ("jaeger_json", jaeger(error="TRUE"), True),
    ],
)
def test_an_error_has_one_meaning(protocol: str, body: bytes, failed: bool) -> None:
    with played(protocol, body) as satellite:
        (span,) = satellite.spans()
        assert span.error is failed
        assert len(satellite.spans('"error" IN ("true")')) == failed
        assert len(satellite.spans('"error" NOT IN ("true")')) == (not failed)
        assert satellite.store.histogram("p", ALL).errors == failed
        if isinstance(sent := span.tags.get("error"), str):  # the tag stays as it was sent
            assert len(satellite.spans(f'"error" IN ("{sent}")')) == 1
