"""The real OpenTelemetry SDK and agent for Java report by OTLP, both with OkHttp; their spans are found by query.

Over TLS OkHttp offers `h2` and takes it, for plain HTTP too; without TLS its gRPC begins with HTTP/2 at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx
import pytest

from mock_lightstep_satellite.spans import Spans
from satellite import Satellite
from satellite.settings import ANY_FREE_PORT
from tests.interop.matrix import Proof, keep
from tests.interop.tracers import Program, installed, java, target

TRANSPORTS = {"grpc": "gRPC", "http/protobuf": "HTTP"}
Port = Callable[[Satellite], str]
PORTS: dict[str, tuple[bool, Port]] = {
    "tls, for gRPC": (True, lambda satellite: satellite.grpc_target),
    "plain, for gRPC": (False, lambda satellite: satellite.grpc_plain_target),
    "tls, for HTTP": (True, lambda satellite: target(satellite.https_url)),
    "plain, for HTTP": (False, lambda satellite: target(satellite.http_url)),
    "tls, for any": (True, lambda satellite: satellite.secure_target),
    "plain, for any": (False, lambda satellite: satellite.plain_target),
}
"""Whether it has TLS, and its `host:port`."""

transports = pytest.mark.parametrize("transport", TRANSPORTS, ids=TRANSPORTS.values())


SDK = ("Maven io.opentelemetry:opentelemetry-exporter-otlp", "1.54.1")
AGENT = ("Maven io.opentelemetry.javaagent:opentelemetry-javaagent", "2.31.0")


def environment(satellite: Satellite, transport: str, at: str, token: str, *, tls: bool) -> dict[str, str]:
    """What a program sets that reports to `at`."""
    trust = {"OTEL_EXPORTER_OTLP_CERTIFICATE": str(satellite.ca_file)} if tls else {}
    host = at.replace("127.0.0.1", "localhost")
    return {
        "OTEL_SERVICE_NAME": "shop",
        "OTEL_RESOURCE_ATTRIBUTES": "pod=shop-7d4",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_BSP_SCHEDULE_DELAY": "3600000",
        "OTEL_EXPORTER_OTLP_PROTOCOL": transport,
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"{'https' if tls else 'http'}://{host}",
        "OTEL_EXPORTER_OTLP_HEADERS": f"lightstep-access-token={token}",
        **trust,
    }


def started(satellite: Satellite, transport: str, at: str, token: str, *, tls: bool) -> Program:
    """A program whose SDK is set up by its environment alone."""
    told = environment(satellite, transport, at, token, tls=tls)
    return Program(java(installed("opentelemetry-java")), None, **told)


def proven(client: tuple[str, str], transport: str, aspect: str, *, tls: bool) -> None:
    keep(Proof(*client, "OTLP protobuf", TRANSPORTS[transport], tls, aspect))


@pytest.mark.parametrize("port", PORTS)
@transports
def test_a_trace_in_full(spans: Spans, transport: str, port: str) -> None:
    with Satellite(secure_port=ANY_FREE_PORT, plain_port=ANY_FREE_PORT) as satellite:
        tls, address = PORTS[port]
        before_us = time.time_ns() // 1000
        with started(satellite, transport, address(satellite), spans.token, tls=tls) as program:
            told = program.do("checkout")
            after_us = time.time_ns() // 1000
            assert program.do("flush")
            assert "Failed to export" not in program.said
            program.end()
        project = satellite.client.project(spans.token)
        charge, checkout = sorted(project.expect("", count=2), key=lambda span: span.operation)

        assert {"trace_id": checkout.trace_id, "span_id": checkout.span_id} == told["checkout"]
        assert {"trace_id": charge.trace_id, "span_id": charge.span_id} == told["charge"]
        assert (checkout.parent_span_id, charge.parent_span_id) == (None, checkout.span_id)
        assert (checkout.service, checkout.kind, charge.kind) == ("shop", "server", "client")
        assert (checkout.error, charge.error) == (False, True)
        assert before_us <= checkout.start_us <= charge.start_us
        assert checkout.start_us + checkout.duration_us <= after_us
        expected = {"http.status_code": 503, "retry": True, "ratio": 0.5, "note": "Grüße ☃"}
        assert {key: checkout.tags[key] for key in expected} == expected
        (miss,) = checkout.logs
        assert miss.fields == {"event": "cache.miss", "attempt": 2}
        (exception,) = charge.logs
        assert exception.fields["exception.message"] == "card declined"
        assert checkout.reporter.attributes["pod"] == "shop-7d4"
        shown = httpx.get(f"{satellite.url}/diagnostics?format=json", trust_env=False).raise_for_status()
        (one,) = shown.json()["projects"]
        assert one["ledger"] == {"received": 2, "stored": 2, "dropped": {}, "evicted": 0, "duplicates": 0}
    proven(SDK, transport, "full", tls=tls)


@transports
def test_an_unknown_token_is_refused(transport: str) -> None:
    with Satellite(access_tokens={"known-9a7e": "bookshop"}) as satellite:
        at = satellite.grpc_target if transport == "grpc" else target(satellite.https_url)
        for token, count, taken in (("unknown-4f1c", 3, False), ("known-9a7e", 2, True)):
            with started(satellite, transport, at, token, tls=True) as program:
                program.do("many", count, "tick")
                assert program.do("flush")
                assert ("unknown access token" in program.said) is not taken
                program.end()
        satellite.client.project("bookshop").expect("", count=2)
        assert [one["project"] for one in satellite.client.projects()] == ["bookshop"]
    proven(SDK, transport, "token", tls=True)


@pytest.mark.parametrize(
    ("transport", "port"),
    [
        ("grpc", "tls, for gRPC"),
        ("grpc", "plain, for gRPC"),
        ("http/protobuf", "tls, for HTTP"),
        ("http/protobuf", "plain, for HTTP"),
        *((transport, port) for transport in TRANSPORTS for port in ("tls, for any", "plain, for any")),
    ],
)
def test_the_agent(spans: Spans, transport: str, port: str) -> None:
    """The program knows nothing of tracing; the agent alone makes a span of the call and one of its answer.

    Not each port with each transport: its sender is the SDK's, and each start takes seconds.
    """
    folder = installed("opentelemetry-javaagent")
    agent = f"-javaagent:{folder}/lib/opentelemetry-javaagent-{AGENT[1]}.jar"
    only = {  # the agent starts in half the time
        "OTEL_INSTRUMENTATION_COMMON_DEFAULT_ENABLED": "false",
        "OTEL_INSTRUMENTATION_JAVA_HTTP_SERVER_ENABLED": "true",
        "OTEL_INSTRUMENTATION_JAVA_HTTP_CLIENT_ENABLED": "true",
    }
    with Satellite(secure_port=ANY_FREE_PORT, plain_port=ANY_FREE_PORT) as satellite:
        tls, address = PORTS[port]
        told = environment(satellite, transport, address(satellite), spans.token, tls=tls)
        with Program(java(folder, agent), None, **told, **only) as program:
            _, trace_id, client_id, _ = program.do("/broken").split("-")
            program.end()
            assert "Failed to export" not in program.said
        project = satellite.client.project(spans.token)
        client, server = sorted(project.expect("", count=2), key=lambda span: span.operation)
        assert (client.trace_id, server.trace_id) == (trace_id, trace_id)
        assert (client.span_id, server.parent_span_id) == (client_id, client_id)
        assert (client.kind, client.operation, client.error) == ("client", "GET", True)
        assert (server.kind, server.operation, server.error) == ("server", "GET /", True)
        assert client.tags["http.response.status_code"] == server.tags["http.response.status_code"] == 503
        assert server.reporter.attributes["pod"] == "shop-7d4"
        assert server.reporter.attributes["telemetry.distro.name"] == "opentelemetry-java-instrumentation"
    proven(AGENT, transport, "full", tls=tls)
