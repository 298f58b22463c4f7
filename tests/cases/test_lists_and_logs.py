"""Lists are found by their elements, logs and events by the prefix `log:`, whatever protocol brought them."""

from __future__ import annotations

import pytest

from tests.cases import case
from tests.cases.played import played

ZIPKIN = b"""[{"traceId": "1", "id": "2", "name": "x", "timestamp": 1794300000000000, "duration": 5,
  "annotations": [{"timestamp": 1794300000000001, "value": "cache.miss"}]}]"""
JAEGER = b"""{"data": [{"traceID": "1", "processes": {"p": {"serviceName": "s"}}, "spans": [{"traceID": "1", "spanID": "2",
  "operationName": "x", "processID": "p", "startTime": 1794300000000000, "duration": 5, "logs": [{"timestamp":
  1794300000000001, "fields": [{"key": "event", "type": "string", "value": "cache.miss"}]}]}]}]}"""


@pytest.mark.parametrize(
    ("query", "spans"),
    [
        ('"tags" IN ("sale")', 1),
        ('"tags" IN ("red", "blue")', 1),
        ('"tags" NOT IN ("sale")', 0),
        ('"tags" IN ("[\\"blue\\",\\"sale\\"]")', 1),
        ('"tags" MATCHES REGEXP ("s.le")', 1),
        ('"tags" MATCHES REGEXP ("s")', 0),
        ('"http.request.header.x_request_id" IN ("req-17")', 1),
        ('"log:exception.type" IN ("OutOfStock")', 1),
        ('tag:log:exception.type="OutOfStock"', 1),
        ('"log:event" IN ("exception")', 1),
        ('"log:exception.message" NOT MATCHES REGEXP ("none.*")', 0),
        ('"exception.type" IN ("OutOfStock")', 0),
    ],
)
def test_otlp(query: str, spans: int) -> None:
    with played("otlp_json", case("otlp-arrays-events.json")) as satellite:
        assert len(satellite.spans(query)) == spans


@pytest.mark.parametrize(("protocol", "body"), [("zipkin", ZIPKIN), ("jaeger_json", JAEGER)])
def test_logs_of_other_protocols(protocol: str, body: bytes) -> None:
    with played(protocol, body) as satellite:
        assert len(satellite.spans('"log:event" IN ("cache.miss")')) == 1
