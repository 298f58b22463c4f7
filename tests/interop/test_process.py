"""The command `satellite` as an operator has it: real processes, found by their ports, told by signals."""

from __future__ import annotations

import base64
import json
import signal
import socket
import ssl
import stat
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
import yaml

from mock_lightstep_satellite.remote import free_port
from satellite.settings import SECOND_PORTS
from tests.interop.processes import PATIENCE_S, SATELLITE, Served, environment, satellite
from tests.interop.test_grpc import channel, report, send

BOOKINFO = {
    "productpage.default",
    "details.default",
    "reviews.default",
    "ratings.default",
    "istio-ingressgateway.istio-system",
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A satellite for the tests that leave it running."""
    with Served(tmp_path_factory.mktemp("certs")) as process:
        yield process
        assert process.stop() == 0


def said_no_traceback(process: Served) -> bool:
    return not any("Traceback" in str(line) or "text" in line for line in process.lines)


# Serving


def test_it_serves_where_it_says(served: Served) -> None:
    started = served.logged("satellite.started")
    assert started["level"] == "info"
    for name, at in started["listeners"].items():
        host, _, port = at.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=PATIENCE_S):
            assert name.endswith("_port")
    admin = f"http://127.0.0.1:{served.ports['admin_plain_port']}"
    for path in ("/_ready", "/_live", "/metrics"):
        assert httpx.get(admin + path, trust_env=False).status_code == 200


@pytest.mark.parametrize("setting", ["grpc_secure_port", "http_secure_port", "admin_secure_port"])
def test_its_tls_ports_are_trusted_with_its_ca(served: Served, setting: str) -> None:
    context = ssl.create_default_context(cafile=str(served.ca_file))
    for name in ("localhost", "lightstep-satellite.lightstep.svc.cluster.local"):
        plain = socket.create_connection(("127.0.0.1", served.ports[setting]), timeout=PATIENCE_S)
        with context.wrap_socket(plain, server_hostname=name) as secure:
            assert secure.version() == "TLSv1.3"


def test_its_ca_is_offered_and_its_keys_are_not(served: Served) -> None:
    ca = served.ca_file.read_bytes()
    for setting in ("http_plain_port", "explorer_port"):
        offered = httpx.get(f"http://127.0.0.1:{served.ports[setting]}/ca.pem", trust_env=False)
        assert offered.content == ca
    keys = [file for file in served.cert_dir.iterdir() if b"PRIVATE KEY" in file.read_bytes()]
    assert keys
    assert {stat.S_IMODE(file.stat().st_mode) for file in keys} == {0o600}


def test_healthcheck_finds_it_by_its_settings(served: Served) -> None:
    healthy = satellite("healthcheck", COLLECTOR_ADMIN_PLAIN_PORT=str(served.ports["admin_plain_port"]))
    assert (healthy.returncode, healthy.stdout) == (0, "ready\n")
    # The image may have the plain one turned off.
    port = str(served.ports["admin_secure_port"])
    healthy = satellite("healthcheck", COLLECTOR_ADMIN_PLAIN_PORT="0", COLLECTOR_ADMIN_SECURE_PORT=port)
    assert healthy.returncode == 0
    nobody = satellite("healthcheck", COLLECTOR_ADMIN_PLAIN_PORT=str(free_port()))
    assert nobody.returncode == 1
    assert "nothing answers" in nobody.stderr


def test_the_secret_for_istio_has_its_ca(served: Served) -> None:
    written = satellite("cert", "secret", "--dir", served.cert_dir, "--namespace", "default", "-n", "shop")
    assert written.returncode == 0, written.stderr
    secrets = list(yaml.safe_load_all(written.stdout))
    assert [secret["metadata"]["namespace"] for secret in secrets] == ["default", "shop"]
    for secret in secrets:
        assert secret["kind"] == "Secret"
        assert secret["metadata"]["name"] == "lightstep.cacert"
        assert secret["metadata"]["labels"]["app"] == "lightstep"
        assert base64.b64decode(secret["data"]["cacert.pem"], validate=True) == served.ca_file.read_bytes()
    assert "PRIVATE" not in base64.b64decode(secrets[0]["data"]["cacert.pem"]).decode()
    exported = satellite("cert", "export", COLLECTOR_CERT_DIR=str(served.cert_dir))
    assert exported.stdout.encode() == served.ca_file.read_bytes()


# Asking


@pytest.fixture(scope="module")
def demo(served: Served) -> dict[str, Any]:
    """What `satellite demo` says after 20 visits to Bookinfo."""
    sent = satellite(
        "demo",
        *("--address", served.grpc_target, "--ca", served.ca_file),
        *("--traces", "20", "--rate", "200", "--seed", "7", "--format", "json"),
    )
    assert sent.returncode == 0, sent.stderr
    answer: dict[str, Any] = json.loads(sent.stdout)
    return answer


def test_demo_traffic_is_delivered(served: Served, demo: dict[str, Any]) -> None:
    assert demo["requests"] == 20
    assert demo["spans_refused"] == demo["reports_refused"] == 0
    (project,) = (one for one in served.client.projects() if one["project"] == "default")
    assert project["spans"] == demo["spans_sent"] >= 20 * 6
    ledger = project["ledger"]
    assert ledger["received"] == ledger["stored"] == demo["spans_sent"]


def test_services_are_those_of_bookinfo(served: Served, demo: dict[str, Any]) -> None:
    shown = served.verb("services", "--project", "default", "--format", "json")
    services = json.loads(shown.stdout)["services"]
    assert {one["service"] for one in services} >= BOOKINFO - {"istio-ingressgateway.istio-system"}
    assert sum(one["spans"] for one in services) == demo["spans_sent"]
    table = served.verb("services", "--project", "default")
    assert table.returncode == 0
    for one in services:
        assert one["service"] in table.stdout


def test_spans_and_a_trace_are_shown(served: Served, demo: dict[str, Any]) -> None:
    query = 'service IN ("productpage.default") AND "http.status_code" IN ("200")'
    shown = served.verb("spans", query, "--project", "default", "--format", "json")
    found = json.loads(shown.stdout)["spans"]
    assert found
    assert {one["service"] for one in found} == {"productpage.default"}
    trace = served.verb("trace", found[0]["trace_id"], "--project", "default")
    assert trace.returncode == 0
    assert found[0]["operation"] in trace.stdout
    assert "details.default" in trace.stdout


def test_wait_ends_when_spans_come(served: Served) -> None:
    command: list[str | Path] = [
        SATELLITE,
        "wait",
        'operation IN ("reviews.default.svc.cluster.local:9080/*")',
    ]
    with subprocess.Popen(
        [*command, "--project", "awaited", "--count", "2", "--timeout", "1m", "--format", "json"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(SATELLITE_URL=served.url),
    ) as waiting:
        with channel(served.grpc_target, served.ca_file) as opened:
            for first in (1, 2):
                send(opened, report("awaited", first=first).SerializeToString())
        output, _ = waiting.communicate(timeout=PATIENCE_S)
    assert waiting.returncode == 0
    assert len(json.loads(output)["spans"]) == 2


def test_the_exit_code_of_wait_says_why(served: Served) -> None:
    late = served.verb("wait", 'service IN ("nobody")', "--project", "awaited", "--timeout", "50ms")
    assert late.returncode == 1
    assert "Traceback" not in late.stderr
    wrong = served.verb("wait", "service IN nobody", "--project", "awaited")
    assert wrong.returncode == 2
    silent = satellite("wait", "--project", "awaited", SATELLITE_URL=f"http://127.0.0.1:{free_port()}")
    assert silent.returncode == 3
    assert "no satellite answers" in silent.stderr


# Starting


def test_a_taken_port_is_named_and_nothing_else_suffers(served: Served, tmp_path: Path) -> None:
    for setting in ("grpc_secure_port", "http_plain_port"):
        port = served.ports[setting]
        others = [f"--set={name}=free" for name in served.ports if name != setting]
        second = satellite(
            "serve",
            *("--host", "127.0.0.1", "--cert-dir", tmp_path),
            *(f"--set={name}=off" for name in SECOND_PORTS),
            *("--set", f"{setting}={port}", *others),
        )
        assert second.returncode == 1, second.stderr
        assert f"cannot listen at 127.0.0.1:{port} ({setting})" in second.stderr
        assert "Traceback" not in second.stderr
    with channel(served.grpc_target, served.ca_file) as opened:
        send(opened, report("neighbour").SerializeToString())
    assert len(served.client.project("neighbour").spans()) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--set", "bytes_per_projct=1"], "bytes_per_project"),
        (["--http-plain-port", "99999"], "http-plain-port"),
        (["--set", "nonsense"], "name=value"),
        (["--access-tokens-file", "nowhere.yaml"], "nowhere.yaml"),
    ],
)
def test_a_setting_that_cannot_be_ends_the_start(arguments: list[str], says: str) -> None:
    refused = satellite("serve", *arguments)
    assert refused.returncode == 2
    assert says in refused.stderr
    assert "Traceback" not in refused.stderr


def test_settings_come_from_the_environment_of_the_original(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.yaml"
    tokens.write_text("known-9a7e: bookshop\n")
    with Served(
        tmp_path / "certs",
        COLLECTOR_ACCESS_TOKENS_FILE=str(tokens),
        COLLECTOR_API_KEY="abc",
        COLLECTOR_REPORTER_BYTES_PER_PROJECT="123456789",
    ) as process:
        assert "COLLECTOR_API_KEY" in process.logged("setting.no_effect")["what"]
        with channel(process.grpc_target, process.ca_file) as opened:
            send(opened, report("known-9a7e").SerializeToString())
            with pytest.raises(grpc.RpcError):
                send(opened, report("unknown-4f1c").SerializeToString())
        assert process.logged("report.refused")["reason"] == "access_denied"
        assert [one["project"] for one in process.client.projects()] == ["bookshop"]
        shown = httpx.get(f"{process.url}/diagnostics?format=json", trust_env=False).json()
        values = {one["name"]: one["value"] for one in shown["settings"]}
        assert values["bytes_per_project"] == 123456789
        assert process.stop() == 0
    assert said_no_traceback(process)
    for secret in ("known-9a7e", "unknown-4f1c", "abc"):
        assert secret not in str(process.lines) + str(shown)


def test_certificates_outlive_the_process(tmp_path: Path) -> None:
    offered = []
    for reporter in (1, 2):
        with Served(tmp_path) as process:
            offered.append(process.ca_file.read_bytes())
            with channel(process.grpc_target, process.ca_file) as opened:
                send(opened, report("shop", reporter=reporter).SerializeToString())
            assert process.stop() == 0
    assert offered[0] == offered[1]


# Stopping


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_in_order(tmp_path: Path, number: signal.Signals) -> None:
    with Served(tmp_path) as process, channel(process.grpc_target, process.ca_file) as opened:
        send(opened, report("shop").SerializeToString())
        assert process.stop(number) == 0
    assert [line["event"] for line in process.lines][-2:] == ["satellite.stopping", "satellite.stopped"]
    assert said_no_traceback(process)


def test_a_report_in_hand_is_answered(tmp_path: Path) -> None:
    with Served(tmp_path) as process, ThreadPoolExecutor(1) as threads:
        body = report("shop", 20_000, payload="x" * 1000).SerializeToString()
        with channel(process.grpc_target, process.ca_file) as opened:
            sent = threads.submit(send, opened, body)
            metrics = f"http://127.0.0.1:{process.ports['admin_plain_port']}/metrics"
            with httpx.Client(trust_env=False) as http:
                while "satellite_waiting_bytes 0.0" in http.get(metrics).text and not sent.done():
                    pass
            assert process.stop() == 0
            response = sent.result()
        assert response.HasField("receive_timestamp")
        assert not response.errors
    assert process.lines[-1]["event"] == "satellite.stopped"
    assert said_no_traceback(process)


def test_a_stop_under_load_leaves_nobody_without_an_answer(tmp_path: Path) -> None:
    workers, spans_each = 6, 50
    acknowledged = threading.Semaphore(0)
    outcomes: list[grpc.StatusCode] = []
    arguments = ("--logging-level", "debug", "--set", "shutdown_grace_seconds=30")

    with Served(tmp_path, *arguments) as process:

        def work(number: int) -> int:
            with channel(process.grpc_target, process.ca_file) as opened:
                for flush in count():
                    body = report("shop", spans_each, reporter=number, first=1 + flush * spans_each)
                    try:
                        send(opened, body.SerializeToString())
                    except grpc.RpcError as error:
                        refused: Any = error
                        outcomes.append(refused.code())
                        return flush
                    acknowledged.release()
            raise AssertionError

        with ThreadPoolExecutor(workers) as threads:
            working = [threads.submit(work, number) for number in range(1, workers + 1)]
            for _ in range(10 * workers):
                assert acknowledged.acquire(timeout=PATIENCE_S)
            assert process.stop() == 0
            reports = sum(one.result() for one in working)
    assert process.lines[-1]["event"] == "satellite.stopped"
    assert said_no_traceback(process)
    stored = sum(line["spans"] for line in process.lines if line["event"] == "spans.stored")
    assert stored >= reports * spans_each
    # gRPC's core cancels what reaches a server in the moment of its stop.
    assert set(outcomes) <= {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}


def test_a_slow_sender_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with Served(tmp_path, "--set", "shutdown_grace_seconds=0.5") as process:
        port = process.ports["http_plain_port"]
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as slow:
            slow.sendall(b"POST /api/v2/reports HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf")
            with channel(process.grpc_target, process.ca_file) as opened:
                send(opened, report("shop").SerializeToString())  # by now the half has been read, too
            assert process.stop() == 0
    assert process.lines[-1]["event"] == "satellite.stopped"


def test_who_waits_is_let_go_when_it_stops(tmp_path: Path) -> None:
    with Served(tmp_path, "--set", "shutdown_grace_seconds=30") as process:
        port = process.ports["explorer_port"]
        waiting = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        with closing(waiting), closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)) as other:
            waiting.request("POST", "/api/v1/projects/shop/expect", json.dumps({"timeout_ms": 60_000}))
            other.request("GET", "/api/v1/projects")
            assert other.getresponse().status == 200  # so what came before it has been read
            assert process.stop() == 0
            answer = waiting.getresponse()
            assert answer.status == 503
            assert "stops" in json.load(answer)["error"]["message"]
    assert process.lines[-1]["event"] == "satellite.stopped"
    assert said_no_traceback(process)
