from __future__ import annotations

import ssl
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from mock_lightstep_satellite.spans import Spans, token_of
from satellite import Satellite
from satellite.intake.arrivals import Arrivals
from satellite.intake.tokens import Tokens
from satellite.pb import lightstep_collector_pb2 as pb
from satellite.store.recall.engine import RecallStore
from tests import bookinfo
from tests.serving import api_of, serving, silent_url

pytest_plugins = ["pytester"]


class Elsewhere:
    """A satellite that tests of tests report to: arrivals by a call, questions by its URL."""

    def __init__(self) -> None:
        self.store = RecallStore()
        self.arrivals = Arrivals()
        self.ports: dict[str, int] = {}
        """Of its listeners, by setting."""

    def application(self) -> Starlette:
        """Its API and its diagnostics."""
        api = api_of(self.store, self.arrivals)
        beside = [
            Route("/diagnostics", self.diagnostics),
            Route("/ca.pem", lambda _: Response("the CA")),
        ]
        return Starlette(routes=[*beside, Mount("", api)])

    def diagnostics(self, _: Request) -> Response:
        ports = [{"setting": setting, "port": port} for setting, port in self.ports.items()]
        return JSONResponse({"listeners": ports})

    def arrive(self, token: str, k: int) -> None:
        self.store.write(Tokens.open().project(token), bookinfo.batch(range(k, k + 1)), arrived_ns=1)
        self.arrivals.notify(token)

    def projects(self) -> list[str]:
        return [stats.project for stats in self.store.projects()]


running: list[Elsewhere] = []
"""The one that runs now; inner tests find it here."""


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[Elsewhere]:
    monkeypatch.delenv("SATELLITE_URL", raising=False)
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    started = Elsewhere()
    running.append(started)
    yield started
    running.pop()
    started.store.close()


@pytest.fixture
def url(elsewhere: Elsewhere) -> Iterator[str]:
    """Where it answers. Its plain HTTP port answers too, its plain gRPC port does not; others are off."""
    with serving(elsewhere.application()) as url, silent_url() as silent:
        elsewhere.ports = {"http_plain_port": port_of(url), "grpc_plain_port": port_of(silent)}
        yield url


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


@cache
def import_what_a_satellite_does() -> None:
    """Outside pytester, which takes modules away again that it brought: of some a second copy does not work beside the first."""
    with Satellite():
        pass


def run(pytester: pytest.Pytester, test: str, *arguments: str) -> pytest.RunResult:
    import_what_a_satellite_does()
    pytester.makepyfile(f"import pytest\nfrom tests.kit import test_pytest_plugin as outer\n{test}")
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:xdist", *arguments)


def test_spans_arrive_and_their_project_is_dropped_afterwards(
    pytester: pytest.Pytester, url: str, elsewhere: Elsewhere
) -> None:
    result = run(
        pytester,
        """
def test_reviews(spans):
    assert spans.find() == []
    assert spans.mark() == 0
    outer.running[0].arrive(spans.token, 2)
    [span] = spans.expect('service IN ("ratings.default")', count=1, timeout=5)
    assert spans.trace(span.trace_id)[0].parent_span_id is None
    assert [found.mark for found in spans.find()] == list(range(1, 9))
    assert spans.expect('service IN ("ratings.default")', 0, quiet=0.001, since=spans.mark()) == []
    assert spans.project in outer.running[0].projects()
""",
        f"--satellite-url={url}",
    )
    result.assert_outcomes(passed=1)
    assert elsewhere.projects() == []


def test_each_test_has_a_project_of_its_own(pytester: pytest.Pytester, url: str) -> None:
    result = run(
        pytester,
        """
tokens = set()
@pytest.mark.parametrize("status", ["200 OK/é", "200 OK/é2"])
def test_a(spans, status):
    tokens.add(spans.token)
def test_b():
    assert len(tokens) == 2
""",
        f"--satellite-url={url}",
    )
    result.assert_outcomes(passed=3)


def test_the_project_of_a_failed_test_is_kept(
    pytester: pytest.Pytester, url: str, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SATELLITE_URL", url)
    result = run(
        pytester,
        """
def test_kept(spans):
    outer.running[0].arrive(spans.token, 2)
    spans.expect('service IN ("rating.default")', count=1, timeout=0)
""",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*NotMet: expected 1 span, got 0 within 0 s (project test_kept-main-*",
            '*  service IN ("rating.default")* -> * 0 spans   <- fails here',
            '*      values seen for "service": ratings.default (1)*',
        ]
    )
    [kept] = elsewhere.projects()
    assert kept.startswith("test_kept-main-")


def test_of_a_test_that_is_run_again_the_last_run_counts(
    pytester: pytest.Pytester, url: str, elsewhere: Elsewhere
) -> None:
    pytester.makeconftest(
        """
        from _pytest.runner import runtestprotocol

        def pytest_runtest_protocol(item, nextitem):  # as plugins do that run flaky tests again
            for _ in range(2):
                item._initrequest()
                runtestprotocol(item, nextitem=nextitem)
            return True
        """
    )
    result = run(
        pytester,
        """
runs = []
def test_flaky(spans):
    runs.append(spans.project)
    outer.running[0].arrive(spans.token, 2)
    assert len(runs) == 2
""",
        f"--satellite-url={url}",
    )
    result.assert_outcomes(failed=1, passed=1)
    assert len(elsewhere.projects()) == 1


def test_addresses_of_a_satellite_elsewhere(pytester: pytest.Pytester, url: str) -> None:
    result = run(
        pytester,
        f"""
def test_addresses(spans):
    assert spans.http_url == {url!r}
    assert spans.ca_file.read_text() == "the CA"
    for name in ("grpc_target", "grpc_plain_target", "https_url"):
        with pytest.raises(LookupError, match="that answers from here"):
            getattr(spans, name)
    assert spans.env() == {{
        "LIGHTSTEP_ACCESS_TOKEN": spans.token,
        "LS_ACCESS_TOKEN": spans.token,
        "OTEL_EXPORTER_OTLP_HEADERS": "lightstep-access-token=" + spans.token,
        "OTEL_EXPORTER_OTLP_ENDPOINT": {url!r},
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_CERTIFICATE": str(spans.ca_file),
        "SATELLITE_URL": {url!r},
        "SATELLITE_PROJECT": spans.project,
        "SATELLITE_CA_FILE": str(spans.ca_file),
        "SATELLITE_HTTP_URL": {url!r},
    }}
""",
        f"--satellite-url={url}",
    )
    result.assert_outcomes(passed=1)


@pytest.mark.usefixtures("elsewhere")
def test_nobody_there(pytester: pytest.Pytester) -> None:
    with silent_url() as silent:
        result = run(pytester, "def test_a(spans): pass", f"--satellite-url={silent}")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*Unreachable: no satellite answers at {silent}*"])
    result.stdout.no_fnmatch_line("*another exception*")


@pytest.mark.parametrize("test", ["test_a", "test_b[200 OK/é-x]", "test_" + "long" * 50, "[]", "..", ""])
@pytest.mark.parametrize("worker", ["main", "gw12"])
def test_a_token_is_its_projects_name(test: str, worker: str) -> None:
    token = token_of(test, worker)
    assert Tokens.open().project(token) == token
    assert worker in token
    assert token_of(test, worker) != token


def test_a_run_that_does_not_use_it_loads_nothing() -> None:
    loads = "import mock_lightstep_satellite.pytest_plugin, sys; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", loads], capture_output=True, text=True, check=True)
    assert not {
        "httpx",
        "pyarrow",
        "numpy",
        "msgspec",
        "mock_lightstep_satellite.client",
        "satellite.app",
    } & set(result.stdout.split())


def report(token: str, service: str) -> bytes:
    """One span, as a LightStep tracer sends it."""
    span = pb.Span(
        span_context=pb.SpanContext(trace_id=1, span_id=2),
        operation_name="checkout",
        start_timestamp=Timestamp(seconds=1_700_000_000),
        duration_micros=5,
    )
    named = pb.KeyValue(key="lightstep.component_name", string_value=service)
    reporter = pb.Reporter(reporter_id=7, tags=[named])
    request = pb.ReportRequest(reporter=reporter, auth=pb.Auth(access_token=token), spans=[span])
    return request.SerializeToString()


def test_a_satellite_in_this_process(spans: Spans) -> None:
    """The whole way: over TLS in, out by a wait."""
    credentials = grpc.ssl_channel_credentials(spans.ca_file.read_bytes())
    with grpc.secure_channel(spans.grpc_target, credentials) as channel:
        send: Any = channel.unary_unary("/lightstep.collector.CollectorService/Report")
        send(report(spans.token, "shop"), timeout=30)
    [span] = spans.expect('service IN ("shop") AND operation IN ("checkout")', count=1, timeout=30)
    assert (span.duration_us, span.mark) == (5, 1)
    context = ssl.create_default_context(cafile=str(spans.ca_file))
    for base_url, verify in ((spans.http_url, False), (spans.https_url, context)):
        reply = httpx.post(
            f"{base_url}/api/v2/reports",
            content=report(spans.token, base_url),
            headers={"content-type": "application/octet-stream"},
            verify=verify,
            trust_env=False,
        )
        assert reply.status_code == 200
        spans.expect(f'service IN ("{base_url}")', count=1, timeout=30)
    env = spans.env()
    assert (
        f"{env['LIGHTSTEP_HOST']}:{env['LIGHTSTEP_PORT']}"
        == env["SATELLITE_GRPC_TARGET"]
        == spans.grpc_target
    )
    assert env["SATELLITE_GRPC_PLAIN_TARGET"] == spans.grpc_plain_target
    assert env["OTEL_EXPORTER_OTLP_ENDPOINT"] == f"http://{spans.plain_target}"
    assert env["SATELLITE_SECURE_TARGET"] == spans.secure_target


# In projects that do not use it


def test_a_package_of_the_same_name_harms_no_test(pytester: pytest.Pytester) -> None:
    pytester.mkpydir("satellite")
    pytester.makepyfile(
        """
        import satellite

        def test_own():
            assert not hasattr(satellite, "Satellite")

        def test_of_ours(spans):
            pass
        """
    )
    result = pytester.run(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*another of that name hides it*", "*--satellite-url*"])


def test_an_old_pytest_gets_one_line_and_no_error(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("")
    pytester.makepyfile(
        old="""
        import importlib.metadata

        version = importlib.metadata.version
        importlib.metadata.version = lambda name: "0.13.1" if name == "pluggy" else version(name)
        """,
        test_it="def test_it(): pass",
    )
    result = pytester.run(sys.executable, "-c", "import old, pytest; pytest.main(['-p', 'no:cacheprovider'])")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["mock-lightstep-satellite: no fixtures * need pluggy 1.2 or newer, here is 0.13.1"]
    )
