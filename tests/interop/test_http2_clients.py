"""h2spec, gRPC's own interop client, grpcurl and curl against the edge."""

from __future__ import annotations

import asyncio
import base64
import importlib.util
import json
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc
import pytest
import trustme
import uvloop

from mock_lightstep_satellite.spans import Spans
from satellite import Satellite
from satellite.edges.budget import ReadingBudget
from satellite.edges.grpc.engine import Engine
from satellite.edges.grpc.services import Services
from satellite.edges.listeners import Listeners
from satellite.faults.book import Faults
from tests.interop.conftest import HERE, environment

TOOLS = "http2-clients"
H2SPEC_TESTS = 145
SECONDS = 120


@pytest.mark.parametrize("tls", [False, True])
def test_h2spec(tls: bool) -> None:
    with Satellite() as satellite:
        target = satellite.secure_target if tls else satellite.plain_target
        command = [str(environment(TOOLS) / "h2spec"), "-h", "127.0.0.1", "-p", target.rpartition(":")[2]]
        command += ["-o", "10", *(["-t", "-k"] if tls else [])]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        assert f"{H2SPEC_TESTS} tests, {H2SPEC_TESTS} passed" in done.stdout, done.stdout[-2000:]


# gRPC's interop client


def modules(folder: Path) -> tuple[ModuleType, ModuleType]:
    """What protoc makes of the test service."""
    protoc = [sys.executable, "-m", "grpc_tools.protoc", f"-I{HERE}", f"--python_out={folder}"]
    subprocess.run([*protoc, f"--grpc_python_out={folder}", "grpc_testing.proto"], check=True)
    made = []
    for name in ("grpc_testing_pb2", "grpc_testing_pb2_grpc"):
        spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        made.append(sys.modules.setdefault(name, importlib.util.module_from_spec(spec)))
        spec.loader.exec_module(made[-1])
    return made[0], made[1]


class TestServicer:
    """As gRPC's interop descriptions want it."""

    __test__ = False

    def __init__(self, pb: Any) -> None:
        self.pb = pb

    async def EmptyCall(self, request: Any, context: Any) -> Any:
        return request

    async def UnaryCall(self, request: Any, context: Any) -> Any:
        await self._echo(request, context)
        return self.pb.SimpleResponse(payload=self.pb.Payload(body=bytes(request.response_size)))

    async def StreamingOutputCall(self, request: Any, context: Any) -> AsyncIterator[Any]:
        await self._echo(request, context)
        for wanted in request.response_parameters:
            await asyncio.sleep(wanted.interval_us / 1e6)
            yield self.pb.StreamingOutputCallResponse(payload=self.pb.Payload(body=bytes(wanted.size)))

    async def StreamingInputCall(self, requests: AsyncIterator[Any], context: Any) -> Any:
        size = 0
        async for request in requests:
            size += len(request.payload.body)
        return self.pb.StreamingInputCallResponse(aggregated_payload_size=size)

    async def FullDuplexCall(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        async for request in requests:
            async for response in self.StreamingOutputCall(request, context):
                yield response

    async def HalfDuplexCall(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        for request in [one async for one in requests]:
            async for response in self.StreamingOutputCall(request, context):
                yield response

    @staticmethod
    async def _echo(request: Any, context: Any) -> None:
        metadata = dict(context.invocation_metadata())
        if "x-grpc-test-echo-initial" in metadata:
            await context.send_initial_metadata(
                [("x-grpc-test-echo-initial", metadata["x-grpc-test-echo-initial"])]
            )
        if "x-grpc-test-echo-trailing-bin" in metadata:
            context.set_trailing_metadata(
                [("x-grpc-test-echo-trailing-bin", metadata["x-grpc-test-echo-trailing-bin"])]
            )
        if request.response_status.code:
            code = next(one for one in grpc.StatusCode if one.value[0] == request.response_status.code)
            await context.abort(code, request.response_status.message)


@contextmanager
def serving(folder: Path, ca: trustme.CA) -> Iterator[dict[bool, int]]:
    """The ports of the test service on our edge: plain and TLS."""
    pb, stubs = modules(folder)
    certificate = ca.issue_cert("localhost", "127.0.0.1")
    services = Services()
    stubs.add_TestServiceServicer_to_server(TestServicer(pb), services)
    ports: dict[bool, int] = {}
    ready, over = threading.Event(), asyncio.Event()

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        engine = Engine(
            protocols=[],
            services=services,
            message_bytes_max=1 << 24,
            budget=ReadingBudget(1 << 28),
            on_unknown=lambda *_: 0.0,
            faults=Faults(lambda: 0),
        )
        listeners = Listeners(clock_ns=lambda: 0, on_trap=lambda *_: None)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        context.set_alpn_protocols(["h2", "http/1.1"])
        for tls in (False, True):
            ports[tls] = listeners.listen(None, "127.0.0.1", 0, context if tls else None, engine=engine)
        listeners.start()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(listeners.run())
            await asyncio.sleep(0)
            ready.set()
            await over.wait()
            await listeners.stop(1)

    loops: list[asyncio.AbstractEventLoop] = []
    thread = threading.Thread(target=lambda: asyncio.Runner(loop_factory=uvloop.new_event_loop).run(serve()))
    thread.start()
    try:
        assert ready.wait(30)
        yield ports
    finally:
        loops[0].call_soon_threadsafe(over.set)
        thread.join()


@pytest.fixture(scope="module")
def interop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[bool, int], Path]]:
    folder = tmp_path_factory.mktemp("testing")
    ca = trustme.CA()
    ca.cert_pem.write_to_path(folder / "ca.pem")
    with serving(folder, ca) as ports:
        yield ports, folder / "ca.pem"


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize(
    "case",
    [
        "empty_unary",
        "large_unary",
        "client_streaming",
        "server_streaming",
        "ping_pong",
        "empty_stream",
        "timeout_on_sleeping_server",
        "cancel_after_begin",
        "cancel_after_first_response",
        "status_code_and_message",
        "special_status_message",
        "custom_metadata",
        "unimplemented_method",
        "unimplemented_service",
    ],
)
def test_grpcs_interop_client(interop: tuple[dict[bool, int], Path], case: str, tls: bool) -> None:
    ports, ca_file = interop
    command = [str(environment(TOOLS) / "client"), f"--server_port={ports[tls]}", f"--test_case={case}"]
    if tls:
        command += ["--use_tls", "--use_test_ca", f"--ca_file={ca_file}", "--server_host_override=localhost"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr


# Tools that people try a server with


def grpcurl(satellite: Satellite, *arguments: str, data: str = "") -> str:
    given = ["-plaintext", *(["-d", data] if data else []), satellite.grpc_plain_target]
    command = [str(environment(TOOLS) / "grpcurl"), *given, *arguments]
    if arguments and arguments[0].startswith("-"):
        command = [str(environment(TOOLS) / "grpcurl"), *arguments[:1], *given, *arguments[1:]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("engine", ["edge", "grpcio"])
def test_grpcurl(engine: str) -> None:
    with Satellite(grpc_engine=engine) as satellite:
        listed = grpcurl(satellite, "list").split()
        assert {"grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"} <= set(listed)
        for service in listed:
            assert "rpc" in grpcurl(satellite, "describe", service)
        assert "SERVING" in grpcurl(satellite, "grpc.health.v1.Health/Check")
        report = {
            "auth": {"accessToken": "shop"},
            "spans": [
                {
                    "spanContext": {"traceId": 1, "spanId": 2},
                    "operationName": "op",
                    "startTimestamp": "2026-01-01T00:00:00Z",
                }
            ],
        }
        answer = grpcurl(satellite, "lightstep.collector.CollectorService/Report", data=json.dumps(report))
        assert "receive_timestamp" in answer
        assert len(satellite.client.project("shop").expect('operation IN ("op")', count=1)) == 1


def test_curl_with_http2(spans: Spans, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("there is no curl")
    body = tmp_path / "spans.json"
    body.write_text(json.dumps([{"traceId": "a" * 16, "id": "b" * 16, "name": "by curl"}]))
    token = f"lightstep-access-token: {spans.token}"
    common = ["curl", "-sS", "-H", "content-type: application/json", "-H", token, "--data-binary", f"@{body}"]
    for extra, url in (
        (["--http2-prior-knowledge"], f"http://{spans.satellite.plain_target}"),
        (["--http2", "--cacert", str(spans.ca_file)], f"https://{spans.satellite.secure_target}"),
        (["--http2"], f"http://{spans.satellite.plain_target}"),
    ):
        said = ["-w", "%{http_version} %{http_code}", "-o", "/dev/null", f"{url}/api/v2/spans"]
        done = subprocess.run(
            [*common, *extra, *said], capture_output=True, text=True, timeout=SECONDS, check=True
        )
        upgrade = extra == ["--http2"]  # which is not taken, and HTTP/1 goes on
        assert done.stdout == ("1.1 200" if upgrade else "2 200")
    assert len(spans.expect('operation IN ("by curl")', count=1)) == 1


@pytest.mark.parametrize("tls", [False, True])
def test_h2load(spans: Spans, tmp_path: Path, tls: bool) -> None:
    """Of nghttp2: four connections of ten streams."""
    if shutil.which("h2load") is None:
        pytest.skip("there is no h2load")
    body = tmp_path / "spans.json"
    body.write_text(json.dumps([{"traceId": "a" * 16, "id": "b" * 16, "name": "by h2load"}]))
    target = spans.satellite.secure_target if tls else spans.satellite.plain_target
    url = f"{'https' if tls else 'http'}://{target}/api/v2/spans"
    command = ["h2load", "-n", "400", "-c", "4", "-m", "10", "-d", str(body), url]
    command += ["-H", "content-type: application/json", "-H", f"lightstep-access-token: {spans.token}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=True)
    assert "400 succeeded, 0 failed, 0 errored, 0 timeout" in done.stdout, done.stdout
    assert "status codes: 400 2xx" in done.stdout, done.stdout
    assert len(spans.expect('operation IN ("by h2load")', count=1)) == 1


@pytest.mark.parametrize("tls", [False, True])
def test_ghz(spans: Spans, tmp_path: Path, tls: bool) -> None:
    """Two connections of ten callers; it learns of the method by reflection. Where it is installed: `go install github.com/bojand/ghz/cmd/ghz@latest`."""
    if shutil.which("ghz") is None:
        pytest.skip("there is no ghz")
    span = {
        "trace_id": base64.b64encode(b"1" * 16).decode(),
        "span_id": base64.b64encode(b"2" * 8).decode(),
        "name": "by ghz",
        "start_time_unix_nano": 1,
        "end_time_unix_nano": 2,
    }
    data = tmp_path / "spans.json"
    data.write_text(json.dumps({"resource_spans": [{"scope_spans": [{"spans": [span]}]}]}))
    method = "opentelemetry.proto.collector.trace.v1.TraceService.Export"
    metadata = json.dumps({"lightstep-access-token": spans.token})
    command = ["ghz", "--call", method, "--data-file", str(data), "--metadata", metadata, "--format", "json"]
    command += ["--total", "400", "--concurrency", "20", "--connections", "2"]
    command += ["--cacert", str(spans.ca_file)] if tls else ["--insecure"]
    command.append(spans.satellite.secure_target if tls else spans.satellite.plain_target)
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=True)
    assert json.loads(done.stdout)["statusCodeDistribution"] == {"OK": 400}
    assert len(spans.expect('operation IN ("by ghz")', count=1)) == 1
