"""A token sent in every place of every protocol, and everything that comes out looked through for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import httpx
import msgspec
import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from satellite import Satellite
from satellite.model.access_tokens import is_secret
from satellite.pb.lightstep_collector_pb2 import ReportRequest
from satellite.protocols.files.formats import FILE_FORMATS
from satellite.protocols.lightstep import crouton
from satellite.protocols.readers import thrift
from tests.protocols.jaeger.test_batches import post, process, proto, text

TOKEN = "Zq8sEcretToken41aXb"
START_US = 1_700_000_000_000_000
SPELLINGS = (
    "lightstep.access_token",
    "lightstep.accessToken",
    "LIGHTSTEP_ACCESS_TOKEN",
    "lightstep-access-token",
    "Lightstep Access Token",
    "ls.access.token",
)
REMOVED = (
    *SPELLINGS,
    "access_token",
    "accessToken",
    "Access-Token",
    "http.request.header.lightstep-access-token",
)


def _otlp(key: str) -> dict[str, Any]:
    tags = [
        {"key": key, "value": {"stringValue": TOKEN}},
        {"key": "map", "value": {"kvlistValue": {"values": [{"key": key, "value": {"stringValue": TOKEN}}]}}},
    ]
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
    name = {"key": "service.name", "value": {"stringValue": "checkout"}}
    return {"resourceSpans": [{"resource": {"attributes": [name, *tags]}, "scopeSpans": [scope]}]}


def _otlp_protobuf(key: str) -> bytes:
    sent = _otlp(key)
    ids = sent["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    for one in (ids, ids["links"][0]):
        del one["traceId"], one["spanId"]
    message = json_format.ParseDict(sent, ExportTraceServiceRequest())
    span = message.resource_spans[0].scope_spans[0].spans[0]
    span.trace_id, span.span_id = bytes(15) + b"\x01", bytes(7) + b"\x01"
    return message.SerializeToString()


def _lightstep(key: str) -> bytes:
    report = ReportRequest()
    span = report.spans.add(operation_name="pay", duration_micros=5)
    span.span_context.trace_id = span.span_context.span_id = 1
    span.start_timestamp.seconds = START_US // 1_000_000
    for fields in (report.reporter.tags, span.tags, span.logs.add().fields):
        fields.add(key=key, string_value=TOKEN)
    return report.SerializeToString()


def _thrift(key: str) -> dict[str, Any]:
    tags = [{"Key": key, "Value": TOKEN}]
    span = {
        "span_guid": "1",
        "trace_guid": "1",
        "span_name": "pay",
        "oldest_micros": START_US,
        "youngest_micros": START_US + 5,
        "attributes": tags,
        "join_ids": [{"TraceKey": key, "Value": TOKEN}],
        "log_records": [{"timestamp_micros": START_US, "fields": tags}],
    }
    return {"runtime": {"guid": "1", "attrs": tags}, "span_records": [span]}


def _thrift_binary(key: str) -> bytes:
    content = thrift.write_struct({"request": _thrift(key)}, crouton.ARGUMENTS)
    return thrift.write_message(thrift.Message("Report", thrift.CALL, 7), content)


def _zipkin(key: str) -> bytes:
    span = {
        "traceId": "1",
        "id": "1",
        "name": "pay",
        "timestamp": START_US,
        "duration": 5,
        "tags": {key: TOKEN},
    }
    return json.dumps([span]).encode()


def _datadog(key: str) -> bytes:
    span = {
        "trace_id": 1,
        "span_id": 1,
        "name": "pay",
        "service": "s",
        "start": START_US * 1000,
        "duration": 5,
    }
    return msgspec.msgpack.encode([[span | {"meta": {key: TOKEN}}]])


def _jaeger(key: str) -> bytes:
    log = proto(tags=[text(key, TOKEN)])
    entry = log.logs.add()
    entry.fields.append(text(key, TOKEN))
    return post(log, by=process("shop", text(key, TOKEN)))


HTTP: dict[str, tuple[str, str, Callable[[str], bytes]]] = {
    "otlp json": ("/v1/traces", "application/json", lambda key: json.dumps(_otlp(key)).encode()),
    "otlp protobuf": ("/v1/traces", "application/x-protobuf", _otlp_protobuf),
    "lightstep protobuf": ("/api/v2/reports", "application/octet-stream", _lightstep),
    "lightstep json": ("/api/v0/reports", "application/json", lambda key: json.dumps(_thrift(key)).encode()),
    "lightstep thrift": ("/_rpc/v1/reports/binary", "application/x-thrift", _thrift_binary),
    "zipkin": ("/api/v2/spans", "application/json", _zipkin),
    "datadog": ("/v0.4/traces", "application/msgpack", _datadog),
}


def _send(running: Satellite, protocol: str, key: str) -> None:
    if protocol == "jaeger":
        with grpc.insecure_channel(running.grpc_plain_target) as channel:
            channel.unary_unary("/jaeger.api_v2.CollectorService/PostSpans")(_jaeger(key), timeout=20)  # type: ignore[arg-type]
        return
    path, media_type, body = HTTP[protocol]
    answer = httpx.post(f"{running.http_url}{path}", content=body(key), headers={"content-type": media_type})
    assert answer.status_code < 300, (protocol, key, answer.text)
    assert TOKEN not in answer.text


def _everything(running: Satellite) -> Iterator[tuple[str, str]]:
    """(where, the text) of all that tells of spans."""
    project = f"{running.url}/api/v1/projects/shop"
    paths = [f"/export?format={name}" for name in FILE_FORMATS]
    paths += ["/spans?limit=500", "/services", "/explain?query=service%20IN%20(%22nobody%22)", "/checks"]
    trace = running.client.project("shop").spans()[0].trace_id
    paths += [
        f"/traces/{trace}",
        f"/traces/{trace}/tree",
        f"/traces/{trace}/html",
        "/suggest?kind=key",
        "/snapshots",
    ]
    paths += [f"/suggest?kind=value&key={key}" for key in REMOVED]
    made = httpx.post(f"{project}/snapshots", json={"query": ""})
    yield "snapshot", made.text
    for path in paths:
        answer = httpx.get(project + path)
        assert answer.status_code == 200 or "suggest" in path, (path, answer.text)
        yield path, answer.content.decode("latin-1")
    for url in (
        f"{running.url}/diagnostics",
        f"{running.url}/diagnostics?format=json",
        f"{running.admin_url}/metrics",
    ):
        yield url, httpx.get(url).text


@pytest.mark.parametrize("protocol", [*HTTP, "jaeger"])
def test_it_is_used_and_nothing_shows_it(protocol: str, capfd: pytest.CaptureFixture[str]) -> None:
    with Satellite(access_tokens={TOKEN: "shop"}, logging_level="debug") as running:
        for key in SPELLINGS:
            _send(running, protocol, key)
        httpx.post(f"{running.http_url}/api/v2/spans", content=_zipkin("no token"))
        assert running.client.project("shop").spans(), "the tag was the token"
        shown = dict(_everything(running))
    printed = capfd.readouterr()
    shown["log"] = printed.out + printed.err
    assert [where for where, text_ in shown.items() if TOKEN in text_] == []


@pytest.mark.parametrize("protocol", [*HTTP, "jaeger"])
def test_other_spellings_go_too(protocol: str) -> None:
    with Satellite(disable_access_token_checking=True, project_name="shop") as running:
        for key in REMOVED:
            _send(running, protocol, key)
        assert [where for where, text_ in _everything(running) if TOKEN in text_] == []


@pytest.mark.parametrize(
    "key", ["access_tokens", "access_token_count", "token", "github.access_token", "accession"]
)
def test_other_keys_stay(key: str) -> None:
    assert not is_secret(key)
