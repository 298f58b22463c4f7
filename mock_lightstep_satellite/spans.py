"""The spans of one test, as the fixtures `spans` and `async_spans` give them."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mock_lightstep_satellite.async_client import AsyncClient, AsyncProject
from mock_lightstep_satellite.calls import Count, Latency, Query
from mock_lightstep_satellite.client import Project
from mock_lightstep_satellite.connection import blocking, blocking_context
from mock_lightstep_satellite.errors import NotFound, is_told
from mock_lightstep_satellite.golden import compare
from mock_lightstep_satellite.remote import RemoteSatellite, environment
from mock_lightstep_satellite.row import Row
from mock_lightstep_satellite.span import counted
from mock_lightstep_satellite.trace import Trace, TracedSpan
from mock_lightstep_satellite.watch import AsyncWatch, Watch

if TYPE_CHECKING:
    from satellite.embedded import Satellite

__tracebackhide__ = is_told


TIMEOUT_S = 5.0
"""What a wait lasts at most where neither a test nor `--satellite-timeout` says; ours."""


@dataclass(frozen=True)
class Golden:
    """Where golden traces lie, and what to do when one is missing or differs."""

    folder: Path
    """`golden` beside the test's file."""
    update: bool
    """Write them anew."""
    create: bool
    """Write the missing ones; in CI a missing file fails instead."""


class Addresses:
    """Where the spans of one test are sent, and with what."""

    def __init__(self, satellite: Satellite | RemoteSatellite, token: str) -> None:
        self.satellite = satellite
        self.token = token
        """The access token to report with; in open mode also the project's name."""
        self.project = token

    @property
    def url(self) -> str:
        """These spans in the Explorer, for a browser."""
        return f"{self.satellite.url}/{quote(self.project, safe='')}/explorer"

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
        OTEL_EXPORTER_OTLP_ENDPOINT takes gRPC and HTTP, whichever the SDK prefers; where only the port for HTTP answers it is that,
        and OTEL_EXPORTER_OTLP_PROTOCOL says so.
        """
        return environment(self.satellite, self.token)


class AsyncSpans(Addresses):
    """The spans of one test with methods to await, in whatever event loop runs the test: `await async_spans.expect(…)`."""

    def __init__(self, spans: Spans) -> None:
        super().__init__(spans.satellite, spans.token)
        self.spans = spans

    def __repr__(self) -> str:
        return repr(self.spans).replace("<Spans", "<AsyncSpans")

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[AsyncProject]:
        """A connection for one question: a loop may end, or a task be cancelled, with nothing left open."""
        async with AsyncClient(self.satellite.url) as client:
            yield client.project(self.project)

    async def expect(
        self,
        query: Query = "",
        count: Count = ">=1",
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - its timeout is the satellite's
        quiet: float = 0.0,
        since: int | None = None,
        trace: dict[str, Any] | None = None,
        fence: bool | Collection[str] = False,
    ) -> list[TracedSpan]:
        """Wait until so many matching spans have arrived (see `Project.expect`); since the test began unless `since` is set.

        It lasts `timeout` seconds at most, `Spans.timeout` where none is given.

        Raises:
            NotMet: they did not come; its text says what did.
            Exceeded: more came.
        """
        async with self._asking() as asked:
            return await asked.expect(
                query,
                count,
                timeout=self._seconds(timeout),
                quiet=quiet,
                since=since,
                trace=trace,
                fence=fence,
            )

    async def fence(self, *services: str, timeout: float | None = None) -> list[Row]:  # noqa: ASYNC109
        """Wait on the satellite until all that was sent before is in; see `Project.fence`."""
        async with self._asking() as asked:
            return await asked.fence(*services, timeout=self._seconds(timeout))

    def _seconds(self, timeout: float | None) -> float:
        return self.spans.timeout if timeout is None else timeout

    async def find(self, /, query: Query = "", **bounds: Any) -> list[TracedSpan]:
        """The matching spans that are there now, in order of arrival; empty before the first arrives."""
        async with self._asking() as asked:
            try:
                return await asked.spans(query, order="arrival", **bounds)
            except NotFound:  # the project begins with its first report
                return []

    async def mark(self) -> int:
        """Where the test's spans stand in their order of arrival: `since` for what comes next."""
        async with self._asking() as asked:
            return await asked.mark()

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[AsyncWatch]:
        """Take a mark: `async with spans.watch() as watched: …; await watched.expect(…)` counts what arrives from here on."""
        async with self._asking() as asked:
            yield AsyncWatch(asked, await asked.mark(), self.spans.timeout)

    async def requests(self, /, **which: Any) -> list[Row]:
        """What came for this test, refused and aborted requests, too, oldest first; see `Project.requests`."""
        async with self._asking() as asked:
            return await asked.requests(**which)

    async def reporters(self) -> list[Row]:
        """Who reported to this test, the last heard first; see `Project.reporters`."""
        async with self._asking() as asked:
            return await asked.reporters()

    async def trace(self, trace_id: str | None = None, *, root: Query | None = None) -> Trace:
        """Every span of a trace, by start, with parents and children: of this id, or the one whose root is `root`.

        Raises:
            NotFound: there is none; of a root its text says what is there.
            AssertionError: several traces have such a root.
        """
        async with self._asking() as asked:
            return await asked.trace(trace_id, root=root)

    async def traces(self, /, query: Query = "", **bounds: Any) -> list[Trace]:
        """The traces that matching spans belong to, whole; none before the first span arrives."""
        async with self._asking() as asked:
            try:
                return await asked.traces(query, **bounds)
            except NotFound:
                return []

    async def latency(self, /, query: Query = "", **bounds: Any) -> Latency:
        """Exact latency percentiles of the matching spans, in seconds. Raises NotFound before the first span."""
        async with self._asking() as asked:
            return await asked.latency(query, **bounds)

    @asynccontextmanager
    async def fault(self, /, profile: str | None = None, **fault: Any) -> AsyncIterator[list[str]]:
        """Have something go wrong for this test's reports within the block.

            with spans.fault(status=503, times=2):
                tracer.flush()

        The fields of a fault, and profiles: docs/testing.md.
        """
        async with self._asking() as asked, asked.fault(profile, **fault) as added:
            yield added

    async def faults(self) -> list[Row]:
        """What goes wrong for this test's reports: id, fault, seen, applied, active of each rule."""
        async with self._asking() as asked:
            return await asked.faults()

    async def checks(self, query: Query = "") -> list[Row]:
        """What is odd about the spans as they were sent; see `Project.checks`. Nothing before the first arrives."""
        async with self._asking() as asked:
            try:
                return await asked.checks(query)
            except NotFound:
                return []

    async def assert_sound(self) -> None:
        """Nothing is odd about the spans as they were sent, but for what is only worth knowing (severity info)."""
        found = [one for one in await self.checks() if one["severity"] != "info"]
        if found:
            lines = [
                f"  {one['severity']} {one['name']}: {one['message']} ({counted(one['spans'], 'span')} of {', '.join(one['services'])})"
                for one in found
            ]
            raise AssertionError(
                "\n".join([f"{counted(len(found), 'finding')} about the spans as they were sent", *lines])
            )

    async def reset(self) -> int:
        """Remove all of them; how many there were."""
        async with self._asking() as asked:
            try:
                return await asked.reset()
            except NotFound:
                return 0

    async def drop(self) -> None:
        """Forget the project, with its faults. What is sent with its token later begins it anew."""
        async with self._asking() as asked:
            with suppress(NotFound):
                await asked.drop()

    async def match_golden(self, name: str, query: Query = "", *, ignore: Collection[str] = ()) -> None:
        """Hold the traces of the matching spans against `golden/NAME.json` beside the test's file.

        Ids, times, hosts and other things that differ from run to run are not compared; `ignore` names further tags.
        The first run writes the file; with CI set a missing one fails; `--satellite-update-golden` writes it anew.

        Raises:
            AssertionError: they differ; its text is the difference.
        """
        if not re.fullmatch(r"[\w.-]+", name):
            raise ValueError(f"a golden file's name has letters, digits, '.', '_' and '-' only, not {name!r}")
        found = await self.traces(query)
        if not found:
            raise AssertionError(f"no span is {query or 'there'}: wait for them with expect() first")
        golden = self.spans.golden
        compare(
            golden.folder / f"{name}.json", found, ignore=ignore, update=golden.update, create=golden.create
        )


class _HereSpans(AsyncSpans):
    """The same over the connection of `Spans`, which blocks."""

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[AsyncProject]:
        yield self.spans.asked._awaited


class Spans(Addresses):
    """The spans of one test: where to send them, and how to wait for them."""

    def __init__(
        self,
        satellite: Satellite | RemoteSatellite,
        token: str,
        golden: Golden,
        *,
        timeout: float = TIMEOUT_S,
    ) -> None:
        super().__init__(satellite, token)
        self.golden = golden
        self.timeout = timeout
        """Seconds that `expect` and `fence` wait where they are given none: `--satellite-timeout`."""
        self.asked: Project = satellite.client.project(token)
        """Everything else that can be asked: `spans.asked.histogram()`."""
        self._awaited = _HereSpans(self)

    def __repr__(self) -> str:
        return f"<Spans of project {self.project} at {self.satellite.url}>"

    @contextmanager
    def watch(self) -> Iterator[Watch]:
        """Take a mark: `with spans.watch() as watched: act(); watched.expect(…)` counts what arrives from here on."""
        yield Watch(self.asked, self.mark(), self.timeout)

    expect = blocking(AsyncSpans.expect)
    fence = blocking(AsyncSpans.fence)
    find = blocking(AsyncSpans.find)
    trace = blocking(AsyncSpans.trace)
    traces = blocking(AsyncSpans.traces)
    latency = blocking(AsyncSpans.latency)
    match_golden = blocking(AsyncSpans.match_golden)
    checks = blocking(AsyncSpans.checks)
    assert_sound = blocking(AsyncSpans.assert_sound)
    requests = blocking(AsyncSpans.requests)
    reporters = blocking(AsyncSpans.reporters)
    fault = blocking_context(AsyncSpans.fault)
    faults = blocking(AsyncSpans.faults)
    mark = blocking(AsyncSpans.mark)
    reset = blocking(AsyncSpans.reset)
    drop = blocking(AsyncSpans.drop)


def project_of(satellite: Satellite | RemoteSatellite, token: str) -> Spans:
    """A project outside pytest, a fresh one without a token; its golden traces lie in the folder `golden` of the working directory."""
    golden = Golden(Path("golden"), update=False, create=True)
    return Spans(satellite, token or token_of("project", "main"), golden)


def token_of(test: str, worker: str) -> str:
    """At most 64 letters, digits, `.`, `_`, `-`: in open mode such a token is the project's name."""
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", test)[:40].strip("-.")
    return f"{readable}-{worker[:12]}-{secrets.token_hex(4)}"
