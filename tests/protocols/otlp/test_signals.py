"""Metrics and logs: counted, answered, not stored."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.rpc.status_pb2 import Status as RpcStatus
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from satellite.errors import BadReport, Overloaded, SatelliteError
from satellite.model.report import Receipt, Report
from satellite.protocols.otlp.signals import (
    LOGS_JSON_PROTOCOL,
    LOGS_PROTOCOL,
    METRICS_JSON_PROTOCOL,
    METRICS_PROTOCOL,
)
from satellite.protocols.wire import RequestHead, WireProtocol
from tests.protocols.otlp_requests import NOW_NS, good, key_values

ALL = [METRICS_PROTOCOL, METRICS_JSON_PROTOCOL, LOGS_PROTOCOL, LOGS_JSON_PROTOCOL]


def metrics() -> ExportMetricsServiceRequest:
    made = ExportMetricsServiceRequest()
    resource = made.resource_metrics.add()
    resource.resource.attributes.extend(key_values([("service.name", "shop")]))
    found = resource.scope_metrics.add().metrics
    gauge = found.add(name="a").gauge
    gauge.data_points.add(as_int=1)
    gauge.data_points.add(as_double=1.5)
    found.add(name="b").sum.data_points.add(as_int=2)
    found.add(name="c").histogram.data_points.add(count=2)
    found.add(name="d").exponential_histogram.data_points.add(count=2)
    found.add(name="e").summary.data_points.add(count=2)
    found.add(name="f")
    return made


def logs() -> ExportLogsServiceRequest:
    made = ExportLogsServiceRequest()
    records = made.resource_logs.add().scope_logs.add().log_records
    records.add(severity_text="INFO")
    records.add(severity_text="WARN")
    return made


METRICS_JSON = {
    "resourceMetrics": [
        {
            "scopeMetrics": [
                {
                    "metrics": [
                        {"gauge": {"dataPoints": [{"asInt": "1"}, {}]}},
                        {"exponentialHistogram": {"dataPoints": [{}]}},
                        {"name": "none"},
                        {"summary": {}},
                    ]
                }
            ]
        }
    ]
}
LOGS_JSON: dict[str, Any] = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {}}, {}]}, {}]}]}


@pytest.mark.parametrize(
    ("protocol", "body", "counters"),
    [
        (METRICS_PROTOCOL, metrics().SerializeToString(), {"otlp.metrics.received": 6}),
        (METRICS_JSON_PROTOCOL, json.dumps(METRICS_JSON).encode(), {"otlp.metrics.received": 3}),
        (LOGS_PROTOCOL, logs().SerializeToString(), {"otlp.logs.received": 2}),
        (LOGS_JSON_PROTOCOL, json.dumps(LOGS_JSON).encode(), {"otlp.logs.received": 2}),
    ],
)
def test_they_are_counted(protocol: WireProtocol, body: bytes, counters: dict[str, float]) -> None:
    decoded = protocol.decode([body], NOW_NS)
    [said] = good(decoded)
    assert (said.counters, said.rows, len(decoded.batch)) == (counters, slice(0, 0), 0)


def test_the_sender_is_known() -> None:
    [said] = good(METRICS_PROTOCOL.decode([metrics().SerializeToString()], NOW_NS))
    assert (said.reporter.service, said.reporter.protocol) == ("shop", "otlp_metrics")


@pytest.mark.parametrize("protocol", ALL)
def test_a_bad_body_is_refused_alone(protocol: WireProtocol) -> None:
    fine = b"{}" if "json" in protocol.name else b""
    outcomes = protocol.decode([fine, b"\xff\xff", fine], NOW_NS).reports
    assert [type(outcome) for outcome in outcomes] == [Report, BadReport, Report]


@pytest.mark.parametrize("protocol", ALL)
@given(body=st.binary(max_size=50))
def test_any_bytes(protocol: WireProtocol, body: bytes) -> None:
    [outcome] = protocol.decode([body], NOW_NS).reports
    assert isinstance(outcome, Report | SatelliteError)


@pytest.mark.parametrize("protocol", ALL)
def test_answers(protocol: WireProtocol) -> None:
    fine = protocol.encode(Receipt(NOW_NS, NOW_NS), RequestHead())
    busy = protocol.encode(Receipt(NOW_NS, NOW_NS, Overloaded("later")), RequestHead())
    assert (fine.status, busy.status) == (200, 503)
    if "json" in protocol.name:
        assert (fine.body, json.loads(busy.body)["code"]) == (b"{}", 14)
    else:
        assert (fine.body, RpcStatus.FromString(busy.body).code) == (b"", 14)
