"""The fixtures `satellite` (a server for the session) and `spans` (a project of its own for each test).

    def test_checkout(spans):
        subprocess.run(["./checkout"], env=os.environ | spans.env(), check=True)
        spans.expect('service IN ("checkout") AND "http.status_code" IN ("200")', count=1, timeout=5)

Costs a test run that does not use them nothing: all else is imported with the first use. Each xdist worker has a
server of its own; with `--satellite-url` or SATELLITE_URL all tests share the one that runs there.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
from collections.abc import Collection, Generator, Iterator
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from mock_lightstep_satellite.calls import Count, Latency, Query
    from mock_lightstep_satellite.client import Client
    from mock_lightstep_satellite.trace import Trace, TracedSpan
    from satellite.app import Satellite

_FAILED = pytest.StashKey[bool]()
_SETTINGS = {
    "grpc_target": "grpc_secure_port",
    "grpc_plain_target": "grpc_plain_port",
    "http_url": "http_plain_port",
    "https_url": "http_secure_port",
    "plain_target": "plain_port",
    "secure_target": "secure_port",
}
"""Each address, and the setting of its port."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the kit."""
    group = parser.getgroup("satellite")
    group.addoption(
        "--satellite-update-golden",
        action="store_true",
        help="write golden traces anew, as they arrive, instead of comparing them",
    )
    group.addoption(
        "--satellite-url",
        default=None,
        metavar="URL",
        help="use the satellite whose Explorer is there (also: SATELLITE_URL) instead of starting one",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember which tests failed: their projects are kept."""
    report = yield
    if report.failed:
        item.stash[_FAILED] = True
    return report


@dataclass(frozen=True)
class RemoteSatellite:
    """A satellite that runs elsewhere, with the addresses that answer from here; "" for those that do not."""

    url: str
    client: Client
    grpc_target: str
    grpc_plain_target: str
    http_url: str
    https_url: str
    plain_target: str
    secure_target: str
    ca_file: Path | None
    """A copy of its CA; None when it has none."""


@pytest.fixture(scope="session")
def satellite(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Satellite | RemoteSatellite]:
    """A satellite for the whole session: in this process on free ports, or the running one that was named."""
    url = pytestconfig.getoption("--satellite-url") or os.environ.get("SATELLITE_URL")
    if url:
        from mock_lightstep_satellite.client import Client

        with Client(url) as client:
            client.projects()  # fails here, with a clear message, when nothing answers
            yield _remote(url, client, tmp_path_factory)
    else:
        with _server()() as started:
            yield started


def _server() -> type[Satellite]:
    """The satellite's class. Fails with words when it is not installed, or this project's own package hides it."""
    try:
        from satellite.app import Satellite
    except ModuleNotFoundError as error:
        from mock_lightstep_satellite.errors import NoServer

        because = NoServer.because(error, "a satellite in this process")
        pytest.fail(f"{because}\nor run one beside the tests and name it with --satellite-url", pytrace=False)
    return Satellite


@pytest.fixture
def spans(request: pytest.FixtureRequest, satellite: Satellite | RemoteSatellite) -> Iterator[Spans]:
    """A fresh project for this test; dropped afterwards, unless the test failed."""
    from mock_lightstep_satellite.errors import NotFound

    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    golden = Golden(
        request.path.parent / "golden", update=request.config.getoption("--satellite-update-golden")
    )
    fresh = Spans(satellite, _token(request.node.name, worker), golden)
    yield fresh
    if not request.node.stash.get(_FAILED, False):
        with suppress(NotFound):
            satellite.client.project(fresh.project).drop()


@dataclass(frozen=True)
class Golden:
    """Where golden traces lie, and what to do when one is missing or differs."""

    folder: Path
    """`golden` beside the test's file."""
    update: bool
    """Write them anew."""
    create: bool = not os.environ.get("CI")
    """Write the missing ones; in CI a missing file fails instead."""


class Spans:
    """The spans of one test: where to send them, and how to wait for them."""

    def __init__(self, satellite: Satellite | RemoteSatellite, token: str, golden: Golden) -> None:
        self._golden = golden
        self.token = token
        """The access token to report with; in open mode also the project's name."""
        self.project = token
        self.satellite = satellite
        self._asked = satellite.client.project(token)

    def __repr__(self) -> str:
        return f"<Spans of project {self.project} at {self.satellite.url}>"

    @property
    def grpc_target(self) -> str:
        """host:port of gRPC with TLS; its certificate is signed by `ca_file`."""
        return self._address("grpc_target")

    @property
    def grpc_plain_target(self) -> str:
        """host:port of gRPC without TLS."""
        return self._address("grpc_plain_target")

    @property
    def http_url(self) -> str:
        """Base URL for reports over HTTP."""
        return self._address("http_url")

    @property
    def https_url(self) -> str:
        """Base URL for reports over HTTP with TLS."""
        return self._address("https_url")

    @property
    def plain_target(self) -> str:
        """host:port of any protocol without TLS: gRPC and HTTP."""
        return self._address("plain_target")

    @property
    def secure_target(self) -> str:
        """host:port of any protocol with TLS."""
        return self._address("secure_target")

    @property
    def ca_file(self) -> Path:
        """The certificate authority that signed the satellite's certificate, PEM."""
        file = self.satellite.ca_file
        if file is None:
            raise LookupError(f"the satellite at {self.satellite.url} serves no TLS")
        return Path(file)

    def _address(self, name: str) -> str:
        address = str(getattr(self.satellite, name) or "")
        if not address:
            raise LookupError(f"the satellite at {self.satellite.url} has no {name} that answers from here")
        return address

    def env(self) -> dict[str, str]:
        """Environment for the program under test: names that tracers read, and ours; only addresses that exist.

        LIGHTSTEP_HOST and LIGHTSTEP_PORT are those of gRPC with TLS, as the tracers that read them expect.
        OTEL_EXPORTER_OTLP_ENDPOINT takes gRPC and HTTP, whichever the SDK prefers.
        """
        found = {name: str(getattr(self.satellite, name) or "") for name in _SETTINGS}
        host, _, port = found["grpc_target"].rpartition(":")
        ca_file = str(self.satellite.ca_file or "")
        env = {
            "LIGHTSTEP_ACCESS_TOKEN": self.token,
            "LIGHTSTEP_HOST": host,
            "LIGHTSTEP_PORT": port,
            "LS_ACCESS_TOKEN": self.token,
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{found['plain_target']}" if found["plain_target"] else "",
            "OTEL_EXPORTER_OTLP_HEADERS": f"lightstep-access-token={self.token}",
            "OTEL_EXPORTER_OTLP_CERTIFICATE": ca_file,
            "SATELLITE_URL": self.satellite.url,
            "SATELLITE_PROJECT": self.project,
            "SATELLITE_CA_FILE": ca_file,
            **{f"SATELLITE_{name.upper()}": address for name, address in found.items()},
        }
        return {name: value for name, value in env.items() if value}

    def expect(
        self,
        query: Query = "",
        count: Count = ">=1",
        *,
        timeout: float = 5.0,
        quiet: float = 0.0,
        since: int | None = None,
    ) -> list[TracedSpan]:
        """Wait until so many matching spans have arrived (see `Client`); since the test began unless `since` is set.

        Raises:
            NotMet: they did not come; its text says what did.
            Exceeded: more came.
        """
        return self._asked.expect(query, count, timeout=timeout, quiet=quiet, since=since)

    def find(self, query: Query = "", **bounds: Any) -> list[TracedSpan]:
        """The matching spans that are there now, in order of arrival; empty before the first arrives."""
        from mock_lightstep_satellite.errors import NotFound

        try:
            return self._asked.spans(query, order="arrival", **bounds)
        except NotFound:  # the project begins with its first report
            return []

    def mark(self) -> int:
        """Where the test's spans stand in their order of arrival: `since` for what comes next."""
        return self._asked.mark()

    def trace(self, trace_id: str) -> Trace:
        """Every span of a trace, by start, with parents and children. Raises NotFound."""
        return self._asked.trace(trace_id)

    def traces(self, query: Query = "", **bounds: Any) -> list[Trace]:
        """The traces that matching spans belong to, whole; none before the first span arrives."""
        return [
            self.trace(one) for one in dict.fromkeys(span.trace_id for span in self.find(query, **bounds))
        ]

    def latency(self, query: Query = "", **bounds: Any) -> Latency:
        """Exact latency percentiles of the matching spans, in seconds. Raises NotFound before the first span."""
        return self._asked.latency(query, **bounds)

    def fault(self, profile: str | None = None, **fault: Any) -> AbstractContextManager[list[str]]:
        """Have something go wrong for this test's reports within the block.

            with spans.fault(status=503, times=2):
                tracer.flush()

        The fields of a fault, and profiles: docs/testing.md.
        """
        made: AbstractContextManager[list[str]] = self._asked.fault(profile, **fault)
        return made

    def faults(self) -> list[dict[str, Any]]:
        """What goes wrong for this test's reports: id, fault, seen, applied, active of each rule."""
        return self._asked.faults()

    def match_golden(self, name: str, query: Query = "", *, ignore: Collection[str] = ()) -> None:
        """Hold the traces of the matching spans against `golden/NAME.json` beside the test's file.

        Ids, times, hosts and other things that differ from run to run are not compared; `ignore` names further tags.
        The first run writes the file; with CI set a missing one fails; `--satellite-update-golden` writes it anew.

        Raises:
            AssertionError: they differ; its text is the difference.
        """
        from mock_lightstep_satellite.golden import compare

        if not re.fullmatch(r"[\w.-]+", name):
            raise ValueError(f"a golden file's name has letters, digits, '.', '_' and '-' only, not {name!r}")
        found = self.traces(query)
        if not found:
            raise AssertionError(f"no span is {query or 'there'}: wait for them with expect() first")
        golden = self._golden
        compare(
            golden.folder / f"{name}.json", found, ignore=ignore, update=golden.update, create=golden.create
        )


def _token(test: str, worker: str) -> str:
    """At most 64 letters, digits, `.`, `_`, `-`: in open mode such a token is the project's name."""
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", test)[:40].strip("-.")
    return f"{readable}-{worker[:12]}-{secrets.token_hex(4)}"


def _remote(url: str, client: Client, folders: pytest.TempPathFactory) -> RemoteSatellite:
    """Its listeners are those in its diagnostics, at the host of its URL, when they can be reached."""
    import httpx

    host = urlsplit(url).hostname or ""
    with httpx.Client(base_url=client.url, trust_env=False) as http:
        diagnostics = http.get("/diagnostics", params={"format": "json"})
        ca = http.get("/ca.pem")
    listeners = diagnostics.json()["listeners"] if diagnostics.is_success else []
    ports = {listener["setting"]: listener["port"] for listener in listeners}
    found = {}
    for name, setting in _SETTINGS.items():
        port = ports.get(setting)
        target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        scheme, _, kind = name.partition("_")
        address = f"{scheme}://{target}" if kind == "url" else target
        found[name] = address if port and _answers(host, port) else ""
    ca_file = None
    if ca.is_success:
        ca_file = folders.mktemp("satellite") / "ca.pem"
        ca_file.write_bytes(ca.content)
    return RemoteSatellite(url=client.url, client=client, ca_file=ca_file, **found)


def _answers(host: str, port: int) -> bool:
    try:
        with closing(socket.create_connection((host, port), timeout=2)):
            return True
    except OSError:
        return False
