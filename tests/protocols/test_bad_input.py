"""Bad input for every protocol through a real satellite: refused in its own words, and nothing else is disturbed."""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import grpc
import httpx
import pytest
from google.rpc.status_pb2 import Status

from satellite import Satellite
from satellite.model.report import Report
from satellite.pb.lightstep_collector_pb2 import ReportResponse
from tests.cases import case
from tests.protocols.soundness import CODECS, NOW_NS, Codec

LIMIT = 50_000
POSTED = [name for name, codec in CODECS.items() if codec.protocol.http_routes and name != "lightstep_uri"]
CALLED = [name for name, codec in CODECS.items() if codec.protocol.grpc_methods]
EMPTY_IS_NONE = {  # for these an empty body is a report without spans, as protobuf says or as their clients send it
    "lightstep",
    "tracer_metrics",
    "otlp",
    "otlp_metrics",
    "otlp_logs",
    "zipkin",
    "jaeger",
    "jaeger_thrift",
    "datadog",
}


@pytest.fixture(scope="module")
def satellite() -> Iterator[Satellite]:
    with Satellite(max_msg_size_bytes=LIMIT) as started:
        yield started


@pytest.fixture(scope="module")
def http(satellite: Satellite) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=satellite.http_url, trust_env=False) as client:
        yield client


@pytest.fixture(autouse=True)
def ledgers_balance(satellite: Satellite) -> Iterator[None]:
    yield
    for project in satellite.client.projects():
        ledger = project["ledger"]
        assert ledger["stored"] == project["spans"]
        assert ledger["received"] == ledger["stored"] + sum(ledger["dropped"].values()) + ledger["evicted"], (
            ledger
        )


def received(satellite: Satellite) -> int:
    return sum(project["ledger"]["received"] for project in satellite.client.projects())


def check_good(satellite: Satellite, codec: Codec, send: Callable[[bytes], object]) -> None:
    """The next good report is taken, and all of its spans are found."""
    before = received(satellite)
    decoded = codec.protocol.decode([codec.good], NOW_NS)
    [report] = decoded.reports
    assert isinstance(report, Report)
    assert send(codec.good) in (200, 202, "OK")
    assert received(satellite) - before == len(decoded.batch) + sum(report.dropped.values())
    project = satellite.client.project(report.token or "default")
    for span in decoded.batch.spans():
        assert span.span_id in [found.span_id for found in project.trace(span.trace_id)]


def reason(reply: httpx.Response) -> str:
    """What a refusal says, read as its content type says it is to be read."""
    match reply.headers["content-type"].partition(";")[0]:
        case "application/json":
            return json.dumps(reply.json())
        case "application/octet-stream":
            return str(ReportResponse.FromString(reply.content).errors[0])
        case "application/x-protobuf":
            status = Status.FromString(reply.content)
            assert status.code
            return str(status.message)
        case "application/x-thrift":
            assert reply.content.startswith(b"\x80\1\0\3"), "not a TApplicationException"
            return reply.content.decode("latin-1")
        case other:
            assert other == "text/plain"
            return reply.text


def damaged(body: bytes) -> bytes:
    packed = bytearray(gzip.compress(body))
    packed[-4:] = (len(body) + 7).to_bytes(4, "little")  # the size that it says it has
    return bytes(packed)


PACKED = {"content-encoding": "gzip"}
BAD: dict[str, tuple[Callable[[bytes], bytes], dict[str, str], int, str]] = {
    "wrong content type": (lambda good: good, {"content-type": "text/html"}, 400, "text/html"),
    "unknown content encoding": (lambda good: good, {"content-encoding": "br"}, 400, "br"),
    "no gzip": (lambda good: b"not " + good, PACKED, 400, "gzip"),
    "gzip cut off": (lambda good: gzip.compress(good)[:-9], PACKED, 400, "gzip"),
    "gzip that lies about its size": (damaged, PACKED, 400, "gzip"),
    "gzip with something behind it": (lambda good: gzip.compress(good) + b"?", PACKED, 400, "gzip"),
    "gzip bomb": (lambda _good: gzip.compress(bytes(20 * LIMIT)), PACKED, 413, str(LIMIT)),
    "gzip bombs in a row": (lambda good: gzip.compress(good + bytes(9999)) * 9, PACKED, 413, str(LIMIT)),
    "over the limit": (lambda _good: bytes(LIMIT + 1), {}, 413, str(LIMIT)),
    "not of this protocol": (lambda _good: b"\xff\xfe nothing of the kind", {}, 400, ""),
    "cut in the middle": (lambda good: good[: len(good) // 2], {}, 400, ""),
}


@pytest.mark.parametrize("name", POSTED)
def test_over_http(name: str, satellite: Satellite, http: httpx.Client) -> None:
    codec = CODECS[name]
    protocol = codec.protocol
    method, path = protocol.http_routes[0]

    def send(body: bytes, headers: dict[str, str]) -> httpx.Response:
        typed = {"content-type": protocol.content_types[0]} | headers
        return http.request(method, path, content=body, headers=typed)

    before = received(satellite)
    for what, (spoil, headers, status, said) in BAD.items():
        reply = send(spoil(codec.good), headers)
        if what == "cut in the middle" and reply.status_code in (200, 202):  # cut between two fields
            continue
        assert reply.status_code == status, what
        assert reply.headers["access-control-allow-origin"] == "*"
        assert said in reason(reply), what
        assert len(reply.content) < 1000, what
    reply = send(b"", {})
    assert reply.status_code in ((200, 202) if name in EMPTY_IS_NONE else (400,))
    chunked = http.request(  # larger than it may be, and nobody said so before
        method,
        path,
        content=iter([bytes(LIMIT // 2)] * 3),
        headers={"content-type": protocol.content_types[0]},
    )
    assert chunked.status_code in ((400, 413) if protocol.splitter else (413,))  # taken apart, or not yet
    assert received(satellite) == before
    check_good(satellite, codec, lambda body: send(body, {}).status_code)
    check_good(satellite, codec, lambda body: send(gzip.compress(body), PACKED).status_code)


def test_over_the_query_string(satellite: Satellite, http: httpx.Client) -> None:
    codec = CODECS["lightstep_uri"]
    [(_, path)] = codec.protocol.http_routes

    def send(query: bytes) -> httpx.Response:
        return http.get(f"{path}?{query.decode()}")

    for bad in (b"", b"report", b"report=%7B", b"report=%FF", b"report=" + b"%5B" * 5000, b"&" * 5000):
        reply = send(bad)
        assert reply.status_code == 400
        assert reply.text.startswith("/* ")
        assert reply.text.endswith(" */")
    check_good(satellite, codec, lambda query: send(query).status_code)


@pytest.mark.parametrize("name", CALLED)
def test_over_grpc(name: str, satellite: Satellite) -> None:
    codec = CODECS[name]
    protocol = codec.protocol
    channel: Any  # its stubs know nothing of calls without a serializer
    with grpc.insecure_channel(satellite.grpc_plain_target) as channel:

        def send(body: bytes, **how: Any) -> str:
            call: Any
            if protocol.grpc_streams:
                call = channel.stream_stream(protocol.grpc_methods[0])(iter([body]), timeout=10, **how)
                with suppress(grpc.RpcError):
                    list(call)
            else:
                call = channel.unary_unary(protocol.grpc_methods[0]).future(body, timeout=10, **how)
            code: str = call.code().name
            assert (code == "OK") or call.details()
            return code

        before = received(satellite)
        assert send(b"\xff\xfe nothing of the kind") == "INVALID_ARGUMENT"
        assert send(b"\x0b" * 9999) == "INVALID_ARGUMENT"
        assert send(codec.good[: len(codec.good) // 2]) == "INVALID_ARGUMENT"
        assert send(bytes(LIMIT + 1)) == "RESOURCE_EXHAUSTED"
        assert send(bytes(20 * LIMIT), compression=grpc.Compression.Gzip) == "RESOURCE_EXHAUSTED"
        assert send(b"") == "OK"
        assert received(satellite) == before
        check_good(satellite, codec, send)
        check_good(satellite, codec, lambda body: send(body, compression=grpc.Compression.Gzip))


@pytest.mark.parametrize(
    ("sent", "path", "content_type", "said"),
    [
        ("otlp-plain.json", "/v1/traces", "", "the body may be OTLP JSON, which is sent as application/json"),
        ("otlp-plain.json", "/api/v2/reports", "", "the body may be OTLP JSON: POST /v1/traces"),
        (
            "otlp-plain.json",
            "/api/v2/reports",
            "application/json",
            "the body may be OTLP JSON: POST /v1/traces",
        ),
        (
            "otlp-plain.json",
            "/api/v2/spans",
            "application/json",
            "the body may be OTLP JSON: POST /v1/traces",
        ),
        ("otlp-logs.json", "/v1/traces", "application/json", "the body may be logs: POST /v1/logs"),
        (
            "lightstep-python-error.json",
            "/api/v2/reports",
            "",
            "LightStep's reports as JSON, which is sent as",
        ),
    ],
)
def test_the_sender_is_told_what_the_body_may_be(
    http: httpx.Client, sent: str, path: str, content_type: str, said: str
) -> None:
    headers = {"content-type": content_type} if content_type else {}
    reply = http.post(path, content=case(sent), headers=headers)
    assert said in reply.content.decode("latin-1")


NAME = b"emitBatch"
AGENT_CALLS = {
    "strict": b"\x80\1\0\4" + struct.pack(">i", len(NAME)) + NAME + bytes(4),
    "without a version": struct.pack(">i", len(NAME)) + NAME + b"\4" + bytes(4),
    "compact": b"\x82\x81\0" + bytes([len(NAME)]) + NAME,
}
"""How a client's message to Jaeger's agent begins, before the struct of its arguments."""


@pytest.mark.parametrize("form", AGENT_CALLS)
@pytest.mark.parametrize("path", ["/api/traces", "/api/v1/spans", "/_rpc/v1/reports/binary"])
def test_what_is_meant_for_jaeger_s_agent(http: httpx.Client, form: str, path: str) -> None:
    body = AGENT_CALLS[form] + b"\x0c\0\1" + CODECS["jaeger_thrift"].good + b"\0"
    reply = http.post(path, content=body, headers={"content-type": "application/x-thrift"})
    said = "the body may be a batch for Jaeger's agent (emitBatch): the client's HTTP sender"
    assert said in reply.content.decode("latin-1")
    assert reply.status_code == 400
