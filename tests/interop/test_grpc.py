"""Reports over gRPC: as Envoy's driver sends them, and from a plain grpcio client with generated stubs."""

from __future__ import annotations

import importlib.util
import logging
import random
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc
import httpx
import pytest

from mock_lightstep_satellite.spans import Spans
from satellite import Satellite
from satellite.pb import lightstep_collector_pb2 as pb
from tests.interop.envoy import Worker
from tests.interop.processes import PATIENCE_S, ROOT

METHOD = "/lightstep.collector.CollectorService/Report"
SERVICE = "productpage.default"


@pytest.fixture(scope="module")
def stubs(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """What protoc makes of our .proto for users of grpcio."""
    folder = tmp_path_factory.mktemp("stubs")
    name = "lightstep_collector_pb2_grpc"
    protoc = [sys.executable, "-m", "grpc_tools.protoc", "-I", str(ROOT / "protos")]
    subprocess.run([*protoc, f"--grpc_python_out={folder}", "lightstep_collector.proto"], check=True)
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(sys.modules, "lightstep_collector_pb2", pb)
        spec.loader.exec_module(module)
    return module


def report(token: str, count: int = 1, *, reporter: int = 7, first: int = 1, **tags: str) -> Any:
    """A report of so many spans with ids from `first` on, as Envoy's driver makes them: every tag is text."""
    request = pb.ReportRequest()
    request.reporter.reporter_id = reporter
    request.reporter.tags.add(key="lightstep.component_name", string_value=SERVICE)
    request.reporter.tags.add(key="lightstep.tracer_platform", string_value="c++")
    request.reporter.tags.add(key="lightstep.tracer_platform_version", int_value=201402)
    request.auth.access_token = token
    for i in range(first, first + count):
        span = request.spans.add(
            operation_name="reviews.default.svc.cluster.local:9080/*", duration_micros=1500
        )
        span.span_context.trace_id = (reporter << 32) + i
        span.span_context.span_id = i
        span.start_timestamp.FromNanoseconds(time.time_ns())
        common = {"span.kind": "client", "http.status_code": "503", "error": "true", "component": "proxy"}
        for key, value in (common | tags).items():
            span.tags.add(key=key, string_value=value)
    return request


@contextmanager
def channel(target: str, ca_file: Path | None, **options: Any) -> Iterator[grpc.Channel]:
    """A connection of its own (others to the same target would be shared); plain without a CA."""
    arguments = [
        ("grpc.use_local_subchannel_pool", 1),
        *((f"grpc.{name}", value) for name, value in options.items()),
    ]
    if ca_file is None:
        opened = grpc.insecure_channel(target, options=arguments)
    else:
        opened = grpc.secure_channel(
            target, grpc.ssl_channel_credentials(ca_file.read_bytes()), options=arguments
        )
    with opened:
        yield opened


def send(opened: grpc.Channel, body: bytes, **more: Any) -> Any:
    """The satellite's answer to these bytes; raises grpc.RpcError when it refuses them."""
    call: Any = opened.unary_unary(METHOD, response_deserializer=pb.ReportResponse.FromString)
    return call(body, timeout=PATIENCE_S, **more)


def refusal(opened: grpc.Channel, body: bytes, **more: Any) -> tuple[grpc.StatusCode, str]:
    """Status and text of a refused report."""
    with pytest.raises(grpc.RpcError) as refused:
        send(opened, body, **more)
    error: Any = refused.value
    return error.code(), error.details()


def diagnostics(url: str) -> dict[str, Any]:
    shown: dict[str, Any] = (
        httpx.get(f"{url}/diagnostics?format=json", trust_env=False).raise_for_status().json()
    )
    return shown


# Envoy


@pytest.mark.parametrize("sni", [None, "nobody.example"])
def test_a_worker_of_envoy_is_understood(spans: Spans, sni: str | None) -> None:
    port = int(spans.grpc_target.rpartition(":")[2])
    with Worker(port, spans.ca_file, sni=sni) as worker:
        assert worker.socket.selected_alpn_protocol() == "h2"
        assert worker.socket.version() in {"TLSv1.2", "TLSv1.3"}
        answer = worker.report(report(spans.token, 200).SerializeToString())
        assert answer.headers.startswith(b"\x88")  # :status 200 (RFC 7541, appendix A)
        assert b"grpc-status\x010" in answer.trailers
        response = pb.ReportResponse.FromString(answer.message)
        assert response.HasField("receive_timestamp")
        assert response.HasField("transmit_timestamp")
        assert not response.errors
        assert not response.commands
        for flush in (1, 2, 3):
            message = report(spans.token, 1, first=1000 + flush).SerializeToString()
            assert pb.ReportResponse.FromString(worker.report(message).message).HasField("receive_timestamp")
    spans.expect(f'service IN ("{SERVICE}") AND "http.status_code" IN ("503")', count=203)
    (span,) = spans.find(limit=1)
    assert span.error
    assert span.kind == "client"
    assert span.tags["http.status_code"] == "503"
    assert span.reporter.attributes["lightstep.tracer_platform_version"] == 201402


def test_an_envoy_of_its_time_speaks_tls_1_2(spans: Spans) -> None:
    port = int(spans.grpc_target.rpartition(":")[2])
    with Worker(port, spans.ca_file, tls_max=ssl.TLSVersion.TLSv1_2) as worker:
        assert worker.socket.version() == "TLSv1.2"
        worker.report(report(spans.token).SerializeToString())
    assert len(spans.find()) == 1


# grpcio


def test_generated_stubs_report_over_tls(stubs: ModuleType, spans: Spans) -> None:
    # The name that is checked is that of Istio's setting, not that of this machine.
    name = "lightstep-satellite.lightstep.svc.cluster.local"
    with channel(spans.grpc_target, spans.ca_file, ssl_target_name_override=name) as opened:
        stub = stubs.CollectorServiceStub(opened)
        before_ns = time.time_ns()
        response = stub.Report(report(spans.token, 3), timeout=5)
        after_ns = time.time_ns()
    received_ns = response.receive_timestamp.ToNanoseconds()
    assert before_ns <= received_ns <= response.transmit_timestamp.ToNanoseconds() <= after_ns
    assert len(spans.find()) == 3  # what was acknowledged can be asked for


def test_the_authority_need_not_be_the_host(stubs: ModuleType, spans: Spans) -> None:
    with channel(spans.grpc_plain_target, None, default_authority="lightstep") as opened:
        stubs.CollectorServiceStub(opened).Report(report(spans.token), timeout=5)
    assert len(spans.find()) == 1


def test_names_that_the_user_adds_are_in_the_certificate(stubs: ModuleType) -> None:
    names = ("collector-grpc.lightstep.com", "lightstep")
    with Satellite(san=names) as satellite:
        for name in names:
            options = {"ssl_target_name_override": name, "default_authority": name}
            with channel(satellite.grpc_target, satellite.ca_file, **options) as opened:
                stubs.CollectorServiceStub(opened).Report(report(name), timeout=5)
            assert len(satellite.client.project(name).spans()) == 1


def test_each_worker_thread_has_a_connection_and_a_reporter(stubs: ModuleType, spans: Spans) -> None:
    workers, flushes = 8, 25

    def work(number: int) -> None:
        with channel(spans.grpc_target, spans.ca_file) as opened:
            stub = stubs.CollectorServiceStub(opened)
            for flush in range(flushes):
                request = report(spans.token, 4, reporter=number, first=1 + flush * 4)
                if flush == 0:
                    request.internal_metrics.counts.add(name="spans.dropped", int_value=number)
                stub.Report(request, timeout=PATIENCE_S)

    with ThreadPoolExecutor(workers) as threads:
        list(threads.map(work, range(1, workers + 1)))
    assert len(spans.find()) == workers * flushes * 4
    (project,) = (
        one for one in diagnostics(spans.satellite.url)["projects"] if one["project"] == spans.project
    )
    assert {one["id"]: (one["reports"], one["spans"]) for one in project["reporters"]} == {
        f"{number:016x}": (flushes, flushes * 4) for number in range(1, workers + 1)
    }
    assert {one["id"]: one["counters"] for one in project["reporters"]} == {
        f"{number:016x}": {"spans.dropped": number} for number in range(1, workers + 1)
    }


def test_compressed_messages(stubs: ModuleType, spans: Spans) -> None:
    with channel(spans.grpc_target, spans.ca_file) as opened:
        stub = stubs.CollectorServiceStub(opened)
        for first, compression in enumerate([grpc.Compression.Gzip, grpc.Compression.Deflate]):
            request = report(spans.token, 100, first=1 + first * 100)
            stub.Report(request, timeout=PATIENCE_S, compression=compression)
    assert len(spans.find()) == 200


def test_a_report_of_twenty_megabytes(stubs: ModuleType, spans: Spans) -> None:
    request = report(spans.token, 5000)
    for span in request.spans:
        span.tags.add(
            key="payload", string_value=random.Random(span.span_context.span_id).randbytes(2000).hex()
        )
    assert request.ByteSize() > 20_000_000
    with channel(spans.grpc_target, spans.ca_file) as opened:
        stubs.CollectorServiceStub(opened).Report(request, timeout=PATIENCE_S)
    wanted = request.spans[4321]
    payload = wanted.tags[-1].string_value
    (found,) = spans.find(f'"payload" IN ("{payload}")')
    assert int(found.span_id, 16) == wanted.span_context.span_id
    groups = spans.satellite.client.project(spans.project).groups("service")
    assert [(group["count"]) for group in groups] == [5000]


def test_broken_utf_8_costs_only_its_own_value(spans: Spans) -> None:
    body = report(spans.token, 3, user_agent="curl").SerializeToString()
    body = body.replace(b"curl", b"\xff\xfeok", 1)  # the first span's
    with channel(spans.grpc_target, spans.ca_file) as opened:
        response = send(opened, body)
    assert not response.errors
    assert any("UTF-8" in warning for warning in response.warnings)
    found = spans.find()
    assert [span.tags["user_agent"] for span in found] == ["\ufffd\ufffdok", "curl", "curl"]
    assert {span.tags["http.status_code"] for span in found} == {"503"}


def test_what_is_no_report_is_refused_and_its_neighbours_are_not(spans: Spans) -> None:
    bad = b"\x0a\xff\xff\xff\xff\x0f not a report"
    cut_off = report(spans.token).SerializeToString()[:-7]

    def work(number: int) -> list[tuple[grpc.StatusCode, str]]:
        with channel(spans.grpc_target, spans.ca_file) as opened:
            if number % 2:
                return [refusal(opened, body) for body in [bad, cut_off] * 5]
            for first in range(1, 11):
                send(opened, report(spans.token, reporter=number, first=first).SerializeToString())
            return []

    with ThreadPoolExecutor(4) as threads:
        refusals = [one for of_worker in threads.map(work, range(4)) for one in of_worker]
    assert {code for code, _ in refusals} == {grpc.StatusCode.INVALID_ARGUMENT}
    assert all("not a ReportRequest" in text for _, text in refusals)
    assert len(spans.find()) == 20
    codes = [one["code"] for one in diagnostics(spans.satellite.url)["refusals"]]
    assert codes.count("bad_report") == 10  # the newest of a kind


@pytest.mark.parametrize("compression", [None, grpc.Compression.Gzip])
def test_what_is_too_large_is_refused(compression: grpc.Compression | None) -> None:
    with Satellite(max_msg_size_bytes=1_000_000) as satellite:
        bomb = report("shop", padding="x" * 30_000_000).SerializeToString()
        with channel(satellite.grpc_target, satellite.ca_file) as opened:
            code, _ = refusal(opened, bomb, compression=compression)
            assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
            send(opened, report("shop").SerializeToString())
        assert len(satellite.client.project("shop").spans()) == 1


def test_an_unknown_token_is_refused_and_shown_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    unknown, known = "unknown-4f1c", "known-9a7e"
    with (
        caplog.at_level(logging.DEBUG, "satellite"),
        Satellite(access_tokens={known: "bookshop"}) as satellite,
        channel(satellite.grpc_target, satellite.ca_file) as opened,
    ):
        for body in (report(unknown), report("")):
            code, text = refusal(opened, body.SerializeToString())
            assert code is grpc.StatusCode.INVALID_ARGUMENT
            assert "access token" in text
            assert unknown not in text
        # The message is the authority; metadata counts when it names none.
        code, _ = refusal(
            opened, report(unknown).SerializeToString(), metadata=[("lightstep-access-token", known)]
        )
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        send(opened, report(known).SerializeToString())
        send(opened, report("", first=2).SerializeToString(), metadata=[("lightstep-access-token", known)])
        assert len(satellite.client.project("bookshop").spans()) == 2
        shown = diagnostics(satellite.url)
    assert [one["code"] for one in shown["refusals"]] == ["access_denied"] * 3
    assert "report.refused" in caplog.text
    for text in (str(shown), caplog.text):
        assert unknown not in text
        assert known not in text


def test_clients_at_the_wrong_port_do_no_harm(spans: Spans) -> None:
    plain, secure = spans.grpc_plain_target, spans.grpc_target
    with channel(plain.replace("127.0.0.1", "localhost"), spans.ca_file) as opened:
        assert refusal(opened, report(spans.token).SerializeToString())[0] is grpc.StatusCode.UNAVAILABLE
    with channel(secure, None) as opened:
        assert refusal(opened, report(spans.token).SerializeToString())[0] is grpc.StatusCode.UNAVAILABLE
    for first, target, ca_file in ((1, plain, None), (2, secure, spans.ca_file)):
        with channel(target, ca_file) as opened:
            send(opened, report(spans.token, first=first).SerializeToString())
    assert len(spans.find()) == 2
