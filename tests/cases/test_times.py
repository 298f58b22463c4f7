"""When a span was that does not say when it began: not when it arrived, if it says anything at all."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest

from satellite.pb import lightstep_collector_pb2 as collector
from tests.cases.played import played

TOLD_US = 1_794_300_000_000_000
LATER_US = TOLD_US + 7


def otlp(**fields: Any) -> bytes:
    span = {"traceId": f"{1:032x}", "spanId": f"{2:016x}", "name": "x", **fields}
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()


def zipkin(**fields: Any) -> bytes:
    at = [{"timestamp": LATER_US, "value": "b"}, {"timestamp": TOLD_US, "value": "a"}]
    return json.dumps([{"traceId": "1", "id": "2", "name": "x", "annotations": at, **fields}]).encode()


def zipkin_v1() -> bytes:
    at = [{"timestamp": TOLD_US, "value": "a", "endpoint": {"serviceName": "shop"}}]
    return json.dumps([{"traceId": "1", "id": "2", "name": "x", "annotations": at}]).encode()


def lightstep() -> bytes:
    request = collector.ReportRequest()
    span = request.spans.add(operation_name="x")
    span.span_context.trace_id = span.span_context.span_id = 1
    for time_us in (LATER_US, TOLD_US):
        span.logs.add().timestamp.FromMicroseconds(time_us)
    return request.SerializeToString()


def lightstep_json(**fields: Any) -> bytes:
    logs = [{"timestamp": "2026-11-10T08:40:00Z", "fields": []}]
    return json.dumps(
        {"spans": [{"spanContext": {"traceId": 1, "spanId": 2}, "logs": logs, **fields}]}
    ).encode()


def thrift_json() -> bytes:
    record = {"span_guid": "2", "trace_guid": "1", "log_records": [{"timestamp_micros": TOLD_US}]}
    return json.dumps({"runtime": {}, "span_records": [record]}).encode()


def jaeger_json(**fields: Any) -> bytes:
    logs = [{"timestamp": TOLD_US, "fields": [{"key": "event", "value": "a"}]}]
    return json.dumps(
        {"data": [{"spans": [{"traceID": "1", "spanID": "2", "logs": logs, **fields}]}]}
    ).encode()


def jaeger() -> bytes:
    ids = b"".join(b"\x0a\0%b" % bytes([field]) + struct.pack(">q", field) for field in (1, 2, 3))
    logs = b"\x0f\0\x0b\x0c\0\0\0\x01" + b"\x0a\0\x01" + struct.pack(">q", TOLD_US) + b"\0"
    return b"\x0c\0\x01\x0b\0\x01\0\0\0\x01s\0" + b"\x0f\0\x02\x0c\0\0\0\x01" + ids + logs + b"\0\0"


@pytest.mark.parametrize(
    ("protocol", "body"),
    [
        ("zipkin", zipkin()),
        ("zipkin", zipkin(timestamp=None)),
        ("zipkin", zipkin_v1()),
        ("lightstep", lightstep()),
        ("lightstep_json", lightstep_json()),
        ("lightstep_thrift_json", thrift_json()),
        ("jaeger_json", jaeger_json()),
        ("jaeger_thrift", jaeger()),
        ("otlp_json", otlp(endTimeUnixNano=str(TOLD_US * 1000))),
        ("otlp_json", otlp(events=[{"timeUnixNano": str(us * 1000)} for us in (LATER_US, TOLD_US)])),
    ],
)
def test_a_span_without_a_start_begins_with_what_it_tells(protocol: str, body: bytes) -> None:
    with played(protocol, body) as satellite:
        [span] = satellite.spans()
        assert (span.start_us, span.duration_us) == (TOLD_US, 0)
        assert "time_invented" in span.marks


def test_a_later_part_does_not_move_its_span() -> None:
    whole = zipkin(timestamp=LATER_US, duration=5)
    for bodies in ([whole, zipkin()], [zipkin(), whole]):
        with played("zipkin", *bodies) as satellite:
            [span] = satellite.spans()
            assert (span.start_us, span.duration_us) == (LATER_US, 5)
            assert "time_invented" not in span.marks


@pytest.mark.parametrize(
    ("protocol", "body"),
    [
        ("zipkin", zipkin(timestamp="2026-11-10T08:40:00.000007Z")),
        ("zipkin", zipkin(timestamp=str(LATER_US))),
        ("otlp_json", otlp(startTimeUnixNano="2026-11-10T08:40:00.000007Z")),
        ("otlp_json", otlp(startTime="2026-11-10T08:40:00.000007Z", endTime="2026-11-10T08:40:00.1Z")),
        ("otlp_json", otlp(startTimeUnixNano=f"{LATER_US}000.25")),
        ("otlp_json", otlp(startTimeUnixNano=[LATER_US // 10**6, 7000])),
        ("zipkin", zipkin(timestamp=f"{LATER_US}.5")),
        ("jaeger_json", jaeger_json(startTime="2026-11-10T09:40:00.000007+01:00")),
        ("lightstep_json", lightstep_json(startTimestamp="2026-11-10T08:40:00.000007Z")),
    ],
)
def test_a_start_may_be_written_otherwise(protocol: str, body: bytes) -> None:
    with played(protocol, body) as satellite:
        [span] = satellite.spans()
        assert (span.start_us, "time_invented" in span.marks) == (LATER_US, False)
