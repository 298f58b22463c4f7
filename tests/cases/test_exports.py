"""What goes out again."""

from __future__ import annotations

import json

import pytest

from satellite.model.spans import SpanBatch
from satellite.pb import lightstep_collector_pb2 as collector
from satellite.protocols.lightstep.export import encode_reports
from satellite.protocols.otlp.export import encode_request_json
from satellite.query.plan import ALL
from tests.cases import case
from tests.cases.played import played


@pytest.mark.parametrize("file", ["zipkin-retries.json", "zipkin-plain.json"])
def test_no_span_is_its_own_parent(file: str) -> None:
    with played("zipkin", case(file)) as satellite:
        batch = SpanBatch.concat([*satellite.store.batches("p", ALL)])
    parents = []
    for resource in json.loads(encode_request_json(batch))["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                assert span.get("parentSpanId") != span["spanId"]
                parents.append(span.get("parentSpanId"))
    if file == "zipkin-plain.json":
        assert parents == [None, "00000000000000c1", "00000000000000c1"]  # both halves named it
    for report in encode_reports(batch):
        for span in collector.ReportRequest.FromString(report).spans:
            assert span.span_context.span_id not in {one.span_context.span_id for one in span.references}
