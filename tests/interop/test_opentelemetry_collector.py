"""The Collector's own exporters report with each compression that they know; their spans are found by query."""

from __future__ import annotations

import pytest

from mock_lightstep_satellite.spans import Spans
from satellite import Satellite
from tests.interop.matrix import Proof, keep
from tests.interop.tracers import Program, installed, target

COLLECTOR = "opentelemetry-collector"
VERSION = "0.165.0"

OVER_HTTP = [
    *(
        ("proto", name)
        for name in ("none", "gzip", "zlib", "deflate", "snappy", "x-snappy-framed", "zstd", "lz4")
    ),
    ("json", "gzip"),
]
OVER_GRPC = ("none", "gzip", "snappy", "zstd")


def started(satellite: Satellite, exporter: str, token: str, *, tls: bool, **config: str) -> Program:
    """A Collector's exporter with `config`, that says of each request at once what became of it."""
    if exporter == "otlp":
        at = satellite.grpc_target if tls else satellite.grpc_plain_target
        endpoint = at.replace("127.0.0.1", "localhost")
    else:
        at = target(satellite.https_url if tls else satellite.http_url)
        endpoint = f"{'https' if tls else 'http'}://{at.replace('127.0.0.1', 'localhost')}"
    file = {
        "endpoint": endpoint,
        "headers": {"lightstep-access-token": token},
        "tls": {"ca_file": str(satellite.ca_file)} if tls else {"insecure": True},
        "retry_on_failure": {"enabled": False},
        "sending_queue": {"enabled": False},
        **config,
    }
    return Program([installed(COLLECTOR) / COLLECTOR], {"exporter": exporter, "config": file})


def checked(spans: Spans, program: Program) -> None:
    """Its trace arrived in full."""
    told = program.do("checkout")
    assert told["failed"] == ""
    program.end()
    charge, checkout = sorted(spans.expect(count=2), key=lambda span: span.operation)
    assert {"trace_id": checkout.trace_id, "span_id": checkout.span_id} == told["checkout"]
    assert {"trace_id": charge.trace_id, "span_id": charge.span_id} == told["charge"]
    assert (checkout.parent_span_id, charge.parent_span_id) == (None, checkout.span_id)
    assert (checkout.service, checkout.kind, charge.kind) == ("shop", "server", "client")
    assert (checkout.error, charge.error) == (False, True)
    expected = {"http.status_code": 503, "retry": True, "ratio": 0.5, "note": "Grüße ☃"}
    assert {key: checkout.tags[key] for key in expected} == expected
    (miss,) = checkout.logs
    assert miss.fields == {"event": "cache.miss", "attempt": 2}
    assert checkout.reporter.attributes["pod"] == "shop-7d4"


@pytest.mark.parametrize("tls", [True, False], ids=["tls", "plain"])
@pytest.mark.parametrize(("encoding", "compression"), OVER_HTTP)
def test_over_http(satellite: Satellite, spans: Spans, encoding: str, compression: str, tls: bool) -> None:
    config = {"encoding": encoding, "compression": compression}
    with started(satellite, "otlphttp", spans.token, tls=tls, **config) as program:
        checked(spans, program)
    proven("OTLP protobuf" if encoding == "proto" else "OTLP JSON", "HTTP", compression, tls=tls)


@pytest.mark.parametrize("tls", [True, False], ids=["tls", "plain"])
@pytest.mark.parametrize("compression", OVER_GRPC)
def test_over_grpc(satellite: Satellite, spans: Spans, compression: str, tls: bool) -> None:
    with started(satellite, "otlp", spans.token, tls=tls, compression=compression) as program:
        checked(spans, program)
    proven("OTLP protobuf", "gRPC", compression, tls=tls)


def proven(protocol: str, transport: str, compression: str, *, tls: bool) -> None:
    client = "Go go.opentelemetry.io/collector/exporter"
    keep(Proof(client, VERSION, protocol, f"{transport}, {compression}", tls, "full"))
