"""The whole satellite in this process: started, used over real sockets, stopped."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import re
import socket
import ssl
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from satellite import Satellite
from satellite.app import App
from satellite.pb.lightstep_collector_pb2 import ReportRequest, ReportResponse
from satellite.pb.lightstep_metrics_pb2 import IngestRequest
from satellite.ports import PURPOSES, CannotListen
from satellite.protocols import PROTOCOLS
from satellite.settings import ANY_FREE_PORT, OFF, SECOND_PORTS, BadSetting, load

METHOD = "/lightstep.collector.CollectorService/Report"


def request(token: str = "shop", spans: int = 1, first_id: int = 1) -> bytes:
    report = ReportRequest()
    report.auth.access_token = token
    tag = report.reporter.tags.add()
    tag.key, tag.string_value = "lightstep.component_name", "checkout"
    for number in range(first_id, first_id + spans):
        span = report.spans.add()
        span.span_context.trace_id, span.span_context.span_id = 7, number
        span.operation_name = "pay"
        span.start_timestamp.seconds = 1_700_000_000
        span.duration_micros = 1000
    return report.SerializeToString()


def call(target: str, body: bytes, ca: bytes | None = None, **options: Any) -> ReportResponse:
    """As Envoy does it: `:authority` is the cluster's name."""
    arguments = [("grpc.default_authority", "lightstep")]
    if ca is None:
        channel = grpc.insecure_channel(target, options=arguments)
    else:
        arguments += [("grpc.ssl_target_name_override", "lightstep-satellite.lightstep")]
        channel = grpc.secure_channel(target, grpc.ssl_channel_credentials(ca), options=arguments)
    with channel:
        answer: bytes = channel.unary_unary(METHOD)(body, timeout=20, **options)  # type: ignore[arg-type]
        return ReportResponse.FromString(answer)


@pytest.fixture(scope="module")
def shared() -> Any:
    with Satellite() as running:
        yield running


def ca_of(running: Satellite) -> Path:
    assert running.ca_file is not None
    return running.ca_file


def test_grpc_over_tls_as_envoy_does_it(shared: Satellite) -> None:
    answer = call(shared.grpc_target, request("tls", 3), ca_of(shared).read_bytes())
    assert answer.receive_timestamp.seconds > 0
    assert not answer.errors
    spans = shared.client.project("tls").expect('service IN ("checkout") AND operation IN ("pay")', count=3)
    assert {span.operation for span in spans} == {"pay"}


def test_grpc_plain_and_gzip(shared: Satellite) -> None:
    call(shared.grpc_plain_target, request("plain", 2), compression=grpc.Compression.Gzip)
    assert len(shared.client.project("plain").spans()) == 2


def test_http_plain_tls_and_gzip(shared: Satellite) -> None:
    trusted = ssl.create_default_context(cafile=str(ca_of(shared)))
    headers = {"content-type": "application/octet-stream", "content-encoding": "gzip"}
    with httpx.Client(verify=trusted, trust_env=False) as client:
        for number, base in enumerate((shared.http_url, shared.https_url)):
            body = gzip.compress(request("http", 1, number + 1))
            answer = client.post(f"{base}/api/v2/reports", content=body, headers=headers)
            assert answer.status_code == 200
            assert ReportResponse.FromString(answer.content).HasField("transmit_timestamp")
            assert client.get(f"{base}/ca.pem").content == ca_of(shared).read_bytes()
    assert len(shared.client.project("http").spans()) == 2


STREAM_HEAD = (
    b"POST /api/v2/reports HTTP/1.1\r\nConnection:close\r\nContent-Type:application/octet-stream\r\n"
)
STREAM_HEAD += b"Transfer-Encoding:chunked\r\nHost:      satellite.example\r\n\r\n"
STREAM_FIRST = b"20\r\n" + bytes.fromhex("0a02080712050a03746f6b321322110a0d7370616e732e64726f707065641000")
STREAM_SPAN = b"0000000b\r\n" + bytes.fromhex("1a090a0408011002120161") + b"\r\n"
"""As wire-protocols.md B.3 has them."""


def test_a_streaming_tracer(shared: Satellite) -> None:
    """Its spans are there while its request goes on; it gets a status line with a reason, then the end."""
    host, port = shared.http_url.removeprefix("http://").split(":")
    project = shared.client.project("tok")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(STREAM_HEAD + STREAM_FIRST + b"\r\n")
        for number in range(1, 4):
            second = STREAM_SPAN.replace(b"\x10\x02", bytes((0x10, number)))
            connection.sendall(second[:15])
            connection.sendall(second[15:])
            spans = project.expect('operation IN ("a")', count=number)
            assert {int(span.span_id, 16) for span in spans} == set(range(1, number + 1))
        connection.sendall(b"0\r\n\r\n")
        with connection.makefile("rb") as answer:
            assert answer.read().startswith(b"HTTP/1.1 200 OK\r\n")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(
            STREAM_HEAD + STREAM_FIRST + b"\r\n" + STREAM_SPAN.replace(b"\x10\x02", b"\x10\x09")
        )
        connection.sendall(STREAM_SPAN[:15])
    assert len(project.expect('operation IN ("a")', count=4)) == 4


def test_pages_of_other_origins_may_report(shared: Satellite) -> None:
    for method, path, status in (
        ("POST", "/api/v2/reports", 200),
        ("OPTIONS", "/api/v2/reports", 200),
        ("GET", "/nothing", 404),
        ("PUT", "/api/v2/reports", 405),
    ):
        answer = httpx.request(method, shared.http_url + path)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, "*")
    host, port = shared.http_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(b"NO / HTTP/1.1\r\n\r\n")
        with connection.makefile("rb") as answers:
            assert b"\r\naccess-control-allow-origin: *\r\n" in answers.read()
    assert "access-control-allow-origin" not in httpx.get(shared.url).headers


def test_bad_input_is_refused_and_shown(shared: Satellite) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        call(shared.grpc_plain_target, b"\xff no report")
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    answer = httpx.post(
        f"{shared.http_url}/api/v2/reports", content=b"{}", headers={"content-type": "text/html"}
    )
    assert answer.status_code == 400
    assert "text/html" in ReportResponse.FromString(answer.content).errors[0]
    shown = httpx.get(f"{shared.url}/diagnostics?format=json").json()
    assert [refusal["code"] for refusal in shown["refusals"][:2]] == ["bad_report", "bad_report"]
    assert "satellite_report_refusals_total" in httpx.get(f"{shared.admin_url}/metrics").text


def test_diagnostics_of_a_real_one(shared: Satellite) -> None:
    call(shared.grpc_plain_target, request("diagnosed"))
    shown = httpx.get(f"{shared.url}/diagnostics?format=json").json()
    assert shown["checks"] == {"ready": True, "alive": True, "configuration": True, "data": True}
    assert {listener["setting"] for listener in shown["listeners"]} >= {"grpc_secure_port", "explorer_port"}
    assert "lightstep-satellite.lightstep" in shown["certificates"][0]["names"]
    project = next(one for one in shown["projects"] if one["project"] == "diagnosed")
    assert project["reporters"][0]["service"] == "checkout"
    assert httpx.get(f"{shared.url}/diagnostics").status_code == 200
    assert httpx.get(f"{shared.url}/").status_code == 200


def test_health(shared: Satellite) -> None:
    assert httpx.get(f"{shared.admin_url}/_ready").status_code == 200
    assert httpx.get(f"{shared.admin_url}/_live").status_code == 200


def test_settings_as_keyword_arguments() -> None:
    with Satellite(
        access_tokens={"secret-1": "shop"}, max_msg_size_bytes=1000, admin_plain_port=0
    ) as running:
        call(running.grpc_plain_target, request("secret-1"))
        for body, code in ((request("other"), "INVALID_ARGUMENT"), (bytes(2000), "RESOURCE_EXHAUSTED")):
            with pytest.raises(grpc.RpcError) as caught:
                call(running.grpc_plain_target, body)
            assert caught.value.code().name == code
            assert "other" not in str(caught.value.details())
        assert [one["project"] for one in running.client.projects()] == ["shop"]
        assert running.admin_url == ""
        page = httpx.get(f"{running.url}/diagnostics").text
        assert "secret-1" not in page
    with pytest.raises(BadSetting):
        Satellite(no_such_setting=1).__enter__()


def test_many_times_in_one_process_and_nothing_stays() -> None:
    before = set(threading.enumerate())
    folders, ports = [], []
    rounds = 4
    for _ in range(rounds):
        with Satellite() as running:
            call(running.grpc_plain_target, request())
            assert len(running.client.project("shop").spans()) == 1
            folders.append(ca_of(running).parent)
            ports.append(int(running.url.rpartition(":")[2]))
    stayed: Counter[str] = Counter()
    for thread in set(threading.enumerate()) - before:
        if "_poll_wrapper" not in thread.name:  # gRPC's own, one for the process
            thread.join(10)
            stayed[re.sub(r"\d+", "", thread.name)] += thread.is_alive()
    # One may be of another test's satellite, which goes on and began it meanwhile.
    assert all(alive < rounds for alive in stayed.values()), stayed
    assert not any(folder.exists() for folder in folders)
    for port in ports:
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", port))


def test_several_at_once() -> None:
    def one(number: int) -> int:
        with Satellite() as running:
            call(running.grpc_target, request("here", number), ca_of(running).read_bytes())
            return len(running.client.project("here").spans())

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(one, [1, 2, 3, 4])) == [1, 2, 3, 4]


def test_outside_its_block_there_is_nothing() -> None:
    satellite = Satellite()
    with pytest.raises(RuntimeError, match="does not run"):
        _ = satellite.url
    with satellite, pytest.raises(RuntimeError, match="runs already"):
        satellite.__enter__()
    with satellite:  # and once more
        assert satellite.client.projects() == []


@pytest.mark.parametrize("setting", ["grpc_plain_port", "http_plain_port", "explorer_port"])
def test_a_port_that_is_taken_is_named_with_its_setting(setting: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen) as caught:
            Satellite(**{setting: port}).__enter__()
    assert f"127.0.0.1:{port} ({setting})" in caught.value.message
    assert "in use" in caught.value.message
    with Satellite() as running:  # nothing of the failure is in the way
        assert running.client.projects() == []


@pytest.mark.parametrize("host", ["nowhere.invalid", "192.0.2.1", "300.1.1.1"])
def test_a_host_that_is_elsewhere_is_told_from_a_port_that_is_taken(host: str) -> None:
    with pytest.raises(CannotListen, match="no address of this machine") as caught:
        Satellite(host=host).__enter__()
    assert "setting host" in str(caught.value.hint)


ROUTES = sorted({route for protocol in PROTOCOLS for route in protocol.http_routes})
METHODS = sorted({method for protocol in PROTOCOLS for method in protocol.grpc_methods})


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_protocol_is_at_every_http_port(shared: Satellite, method: str, path: str) -> None:
    """An empty body is a report without spans to some, and a clear refusal to others."""
    for base in (shared.http_url, f"http://{shared.plain_target}"):
        answer = httpx.request(method, base + path)
        assert answer.status_code in (200, 202, 400), answer.text
        assert answer.headers["access-control-allow-origin"] == "*"
        preflight = httpx.options(
            base + path,
            headers={"origin": "http://shop.example", "access-control-request-headers": "x-a,x-b"},
        )
        assert preflight.status_code == 200
        assert method in preflight.headers["access-control-allow-methods"]
        assert preflight.headers["access-control-allow-headers"] == "x-a,x-b"


@pytest.mark.parametrize("method", METHODS)
def test_every_protocol_is_at_every_grpc_port(shared: Satellite, method: str) -> None:
    for target in (shared.grpc_plain_target, shared.plain_target):
        with grpc.insecure_channel(target) as channel:
            channel.unary_unary(method)(b"", timeout=20)  # type: ignore[arg-type]
            with pytest.raises(grpc.RpcError) as caught:
                channel.unary_unary(method)(b"\xff no message", timeout=20)  # type: ignore[arg-type]
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_what_tracers_measure_of_themselves_is_shown(shared: Satellite) -> None:
    headers = {"content-type": "application/octet-stream", "lightstep-access-token": "measured"}
    for value in (1.0, 2.5):
        report = IngestRequest(idempotency_key=b"k%d" % value)
        report.points.add(kind=2, metric_name=b"heap", double_value=value)
        report.points.add(kind=1, metric_name=b"collections", uint64_value=3)
        answer = httpx.post(f"{shared.http_url}/metrics", content=report.SerializeToString(), headers=headers)
        assert (answer.status_code, answer.content) == (200, b"")
    shown = httpx.get(f"{shared.url}/diagnostics?format=json").json()
    project = next(one for one in shown["projects"] if one["project"] == "measured")
    assert project["reporters"][0]["gauges"] == {"heap": 2.5}
    assert project["reporters"][0]["counters"] == {"metrics.points": 4, "metrics.collections": 6}


class TestAnyProtocolOnOnePort:
    @pytest.mark.parametrize("setting", ["plain_target", "secure_target"])
    @pytest.mark.parametrize("tls", [False, True])
    def test_grpc_and_http_with_and_without_tls(self, shared: Satellite, setting: str, tls: bool) -> None:
        target: str = getattr(shared, setting)
        ca_file = ca_of(shared)
        project = f"any-{setting}-{tls}"
        call(target, request(project, 1), ca_file.read_bytes() if tls else None)
        trusted = ssl.create_default_context(cafile=str(ca_file))
        with httpx.Client(verify=trusted, trust_env=False) as client:
            url = f"{'https' if tls else 'http'}://{target}/api/v2/reports"
            answer = client.post(url, content=request(project, 1, 2))
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")
        assert len(shared.client.project(project).spans()) == 2

    def test_who_mixes_is_shown(self, shared: Satellite) -> None:
        call(shared.secure_target, request("mixed"))
        call(shared.plain_target, request("mixed"), ca_of(shared).read_bytes())
        traps = httpx.get(f"{shared.url}/diagnostics?format=json").json()["traps"]
        assert {"plain_client_on_tls_port_served", "tls_client_on_plain_port_served"} <= set(traps["counts"])
        assert "mixed_tls" in httpx.get(f"{shared.url}/diagnostics").text

    @pytest.mark.parametrize("settings", [{"mixed_tls": False}, {"access_tokens": {"t": "shop"}}])
    def test_unless_it_is_off_or_tokens_are_listed(self, settings: dict[str, Any]) -> None:
        with Satellite(**settings) as running:
            ca = ca_of(running).read_bytes()
            for target, trusted in ((running.plain_target, ca), (running.secure_target, None)):
                with pytest.raises(grpc.RpcError) as caught:
                    call(target, request("t"), trusted)
                assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            counts = httpx.get(f"{running.url}/diagnostics?format=json").json()["traps"]["counts"]
            assert set(counts) == {"plain_client_on_tls_port", "tls_client_on_plain_port"}
            call(running.plain_target, request("t"))
            call(running.secure_target, request("t"), ca)

    def test_or_it_is_on_though_tokens_are_listed(self) -> None:
        with Satellite(mixed_tls=True, access_tokens={"t": "shop"}) as running:
            call(running.secure_target, request("t"))

    def test_a_refusal_names_the_real_peer(self, shared: Satellite) -> None:
        host, port = shared.plain_target.split(":")
        with socket.create_server(("127.0.0.1", 0)) as middle, ThreadPoolExecutor(1) as pool:
            middle.settimeout(20)

            def pass_on() -> str:
                """A relay of our own, whose address the satellite must name."""
                client, _ = middle.accept()
                with client, socket.create_connection((host, int(port)), timeout=20) as server:
                    seen = "{}:{}".format(*server.getsockname())
                    back = threading.Thread(target=pump, args=(server, client))
                    back.start()
                    pump(client, server)
                    back.join()
                return seen

            def pump(source: socket.socket, sink: socket.socket) -> None:
                while data := source.recv(65536):
                    sink.sendall(data)
                sink.shutdown(socket.SHUT_WR)

            passing = pool.submit(pass_on)
            with pytest.raises(grpc.RpcError):
                call(f"127.0.0.1:{middle.getsockname()[1]}", b"\xff no report")
            seen = passing.result(20)
        refusals = httpx.get(f"{shared.url}/diagnostics?format=json").json()["refusals"]
        assert seen in [refusal["peer"] for refusal in refusals]

    def test_it_stops_at_once_with_idle_connections(self) -> None:
        with Satellite(shutdown_grace_seconds=60) as running:
            channel = grpc.insecure_channel(running.plain_target)
            channel.unary_unary(METHOD)(request(), timeout=20)  # type: ignore[arg-type]
            host, port = running.plain_target.split(":")
            silent = socket.create_connection((host, int(port)))
        channel.close()
        silent.close()


def test_a_neighbours_port_is_done_without(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """Unless somebody asked for it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        loaded = load({"host": "127.0.0.1", "cert_dir": tmp_path, **dict.fromkeys(PURPOSES, OFF)}, {})
        settings = loaded.settings.model_copy(update={"zipkin_port": port, "explorer_port": ANY_FREE_PORT})
        app = App(replace(loaded, settings=settings, origin=loaded.origin | {"zipkin_port": "default"}))
        shown: list[str] = []

        def started() -> None:
            listener = app.listener("explorer_port")
            assert listener is not None
            shown.append(listener.address)
            assert app.listener("zipkin_port") is None
            app.stop()

        with caplog.at_level(logging.WARNING, "satellite"):
            asyncio.run(app.run(started))
        assert shown
        assert any("listener.left_out" in str(record.msg) for record in caplog.records)
        with pytest.raises(CannotListen, match="zipkin_port"):
            Satellite(zipkin_port=port).__enter__()


def test_without_tls_no_certificate_is_made(tmp_path: Path) -> None:
    off = dict.fromkeys(("grpc_secure_port", "http_secure_port", "secure_port"), 0)
    with Satellite(**off, cert_dir=tmp_path / "certs") as running:
        assert (running.grpc_target, running.https_url, running.secure_target) == ("", "", "")
        assert running.ca_file is None
        host, port = running.plain_target.split(":")
        with socket.create_connection((host, int(port)), timeout=20) as connection, pytest.raises(OSError):
            ssl.create_default_context().wrap_socket(connection, server_hostname=host)
        traps = httpx.get(f"{running.url}/diagnostics?format=json").json()["traps"]["counts"]
        assert traps == {"tls_client_on_plain_port": 1}
        assert httpx.get(f"{running.http_url}/ca.pem").status_code == 404
        call(running.grpc_plain_target, request())
    assert not (tmp_path / "certs").exists()


def test_reports_in_hand_are_answered_when_it_stops(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Half of a body has arrived when the stop begins; the rest comes, and the spans count."""
    ports = dict.fromkeys(
        (
            "grpc_secure_port",
            "http_secure_port",
            *SECOND_PORTS,
            "admin_secure_port",
            "admin_plain_port",
            "grpc_plain_port",
        ),
        OFF,
    )
    flags = {
        "host": "127.0.0.1",
        "cert_dir": tmp_path,
        "explorer_port": ANY_FREE_PORT,
        "http_plain_port": ANY_FREE_PORT,
    }
    app = App(load(ports | flags, {"COLLECTOR_POOL": "mine", "COLLECTOR_HOTS": "x"}))

    async def main() -> bytes:
        up = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            run = tasks.create_task(app.run(up.set))
            await up.wait()
            listener = app.listener("http_plain_port")
            assert listener is not None
            reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
            body = request()
            writer.write(
                b"POST /api/v2/reports HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                b"Content-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % len(body)
            )
            await reader.readuntil(b"100 Continue\r\n\r\n")
            app.stop()
            app.stop()
            writer.write(body)
            answer = await reader.read()
            writer.close()
            await run
            return answer

    with caplog.at_level(logging.INFO, "satellite"):
        answer = asyncio.run(main())
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    events = [json.dumps(record.msg, default=str) for record in caplog.records]
    assert any("setting.no_effect" in event and "COLLECTOR_POOL" in event for event in events)
    assert any("setting.unknown" in event and "COLLECTOR_HOTS" in event for event in events)
    assert "satellite.stopped" in events[-1]
