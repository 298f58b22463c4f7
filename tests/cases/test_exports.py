"""What goes out again."""

from __future__ import annotations

import json

import pytest

from satellite.model.spans import SpanBatch
from satellite.pb import lightstep_collector_pb2 as collector
from satellite.protocols.jaeger.json import write_traces
from satellite.protocols.lightstep.export import encode_reports
from satellite.protocols.otlp.export import encode_request_json
from satellite.protocols.zipkin.export import encode_spans
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


ZIPKIN_ODD = b"""[{"traceId": "order-77", "id": "step-1", "name": "order", "timestamp": 1794300000000000, "duration": 5},
  {"traceId": "order-77", "id": "step-2", "parentId": "step-1", "name": "pay", "timestamp": 1794300000000001, "duration": 2}]"""
JAEGER_LINKS = b"""{"data": [{"traceID": "order-77", "processes": {"p": {"serviceName": "s"}}, "spans": [{"traceID": "order-77",
  "spanID": "step-2", "processID": "p", "operationName": "pay", "startTime": 1794300000000000, "duration": 5, "references": [
  {"refType": "CHILD_OF", "traceID": "order-77", "spanID": "step-1"},
  {"refType": "FOLLOWS_FROM", "traceID": "order-76", "spanID": "step-9"}]}]}]}"""


def held(protocol: str, body: bytes) -> SpanBatch:
    """What is kept of a body, in order of arrival."""
    with played(protocol, body) as satellite:
        return SpanBatch.concat([*satellite.store.batches("p", ALL)])


@pytest.mark.parametrize(
    ("protocol", "body"), [("jaeger_json", case("jaeger-odd-ids.json")), ("zipkin", ZIPKIN_ODD)]
)
def test_odd_ids_go_out_as_they_came(protocol: str, body: bytes) -> None:
    batch = held(protocol, body)
    (trace,) = json.loads(b"".join(write_traces([batch])))["data"]
    assert trace["traceID"] == "order-77"
    order, pay = trace["spans"]
    assert (order["traceID"], order["spanID"], order["references"]) == ("order-77", "step-1", [])
    assert (pay["traceID"], pay["spanID"]) == ("order-77", "step-2")
    assert pay["references"] == [{"refType": "CHILD_OF", "traceID": "order-77", "spanID": "step-1"}]

    zipkin = [(one["traceId"], one["id"], one.get("parentId")) for one in json.loads(encode_spans(batch))]
    assert zipkin == [("order-77", "step-1", None), ("order-77", "step-2", "step-1")]

    texts = {"trace_id_text": "order-77", "span_id_text": "step-2", "parent_id_text": "step-1"}
    assert texts.items() <= batch.spans()[1].extra.items()  # in the API

    (report,) = encode_reports(batch)
    tags = {tag.key: tag.string_value for tag in collector.ReportRequest.FromString(report).spans[1].tags}
    assert {f"satellite.{name}": text for name, text in texts.items()}.items() <= tags.items()
    with played("otlp_json", encode_request_json(batch)) as satellite:  # which has only numbers for ids
        spans = satellite.spans('lightstep.trace_id IN ("order-77")')
        assert texts.items() <= spans[1].tags["satellite.extra"].items()


def test_odd_ids_of_other_references_go_out_as_they_came() -> None:
    for body in (JAEGER_LINKS, b"".join(write_traces([held("jaeger_json", JAEGER_LINKS)]))):
        (trace,) = json.loads(b"".join(write_traces([held("jaeger_json", body)])))["data"]
        assert trace["spans"][0]["references"] == [
            {"refType": "CHILD_OF", "traceID": "order-77", "spanID": "step-1"},
            {"refType": "FOLLOWS_FROM", "traceID": "order-76", "spanID": "step-9"},
        ]
