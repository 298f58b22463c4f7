"""Asking a satellite: every question once, as a coroutine. `client` has the same to be called without awaiting."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Collection
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, Self
from urllib.parse import quote

import httpx

from mock_lightstep_satellite import calls
from mock_lightstep_satellite.calls import DEFAULT_URL, Bound, Call, Content, Count, Latency, Missed, Query, T
from mock_lightstep_satellite.connection import AwaitedConnection, Connection
from mock_lightstep_satellite.errors import BadRequest, NotFound, is_told
from mock_lightstep_satellite.row import Row
from mock_lightstep_satellite.scope import AsyncScope
from mock_lightstep_satellite.trace import Trace, TracedSpan, several
from mock_lightstep_satellite.watch import AsyncWatch

__tracebackhide__ = is_told


class AsyncQuestions(AsyncScope):
    """What can be asked of a satellite, over a connection of either kind."""

    def __init__(self, url: str, connection: Connection) -> None:
        self.url = url.rstrip("/")
        self._connection = connection
        self.notes: list[str] = []
        """What the satellite noted of the last query, which was right, but perhaps not what was meant."""

    @property
    def _asker(self) -> AsyncQuestions:
        return self

    @property
    def _project(self) -> None:
        return None

    async def close(self) -> None:
        """Close its connections."""
        await self._connection.close()

    async def send(self, call: Call[T]) -> T:
        """The answer to one request. Raises Unreachable, or what the satellite raised."""
        try:
            reply = await self._connection.reply(call)
        except httpx.HTTPError as error:
            raise calls.failed(self.url, error) from error
        self.notes = calls.notes(call, reply, self.notes)
        return calls.read(call, reply)

    async def _rows(self, call: Call[dict[str, Any]], name: str) -> list[Row]:
        """The list of that name in an answer."""
        return [Row(one) for one in (await self.send(call))[name]]

    async def stream(self, call: Call[bytes]) -> AsyncGenerator[bytes, None]:
        """The answer to one request as it comes; raises as `send`, also in the middle."""
        try:
            async with aclosing(self._connection.pieces(call)) as pieces:
                async for piece in pieces:
                    yield piece
        except httpx.HTTPError as error:
            raise calls.failed(self.url, error) from error

    async def projects(self) -> list[Row]:
        """All projects with what they hold, by name."""
        return await self._rows(Call(dict, "GET", "/api/v1/projects"), "projects")

    async def canonical(self, query: Query) -> str:
        """The query as the satellite would write it; a bare key counts as quoted, as in the query bar. Raises BadQuery."""
        params = {"query": str(query), "lenient": True}
        predicate: str = (await self.send(Call(dict, "GET", "/api/v1/query", params)))["predicate"]
        return predicate

    def project(self, name: str) -> AsyncProject:
        """One project's questions; it need not exist yet."""
        return AsyncProject(self, name)


class AsyncClient(AsyncQuestions):
    """`Client` with methods to await. Close it, or use it as a context manager."""

    def __init__(self, url: str = DEFAULT_URL, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        super().__init__(url, AwaitedConnection(url, transport))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


@dataclass(frozen=True, slots=True)
class AsyncProject(AsyncScope):
    """Asks about one project.

    `bounds` are the parameters of the HTTP API: oldest_us, youngest_us, min_latency_us, max_latency_us, percentile,
    since; `snapshot`, the id of one to ask in place of the live store; for tables `filter` and `whole`. Without a
    query all spans are meant, of a snapshot those that its run asked for.
    """

    client: AsyncQuestions
    name: str

    @property
    def _asker(self) -> AsyncQuestions:
        return self.client

    @property
    def _project(self) -> str:
        return self.name

    async def _get(self, what: str, /, **params: Bound | Query) -> dict[str, Any]:
        return await self.client.send(calls.of_project(dict, "GET", self.name, what, **params))

    async def _rows(self, what: str, rows: str, /, **params: Bound | Query) -> list[Row]:
        return await self.client._rows(calls.of_project(dict, "GET", self.name, what, **params), rows)

    async def services(self, /, query: Query | None = None, **bounds: Bound) -> list[Row]:
        """Each service, alphabetical: service, slot, spans, errors, operations, latencies; `series=30` steps of time."""
        return await self._rows("services", "services", query=query, **bounds)

    async def service(self, /, name: str, **bounds: Bound) -> dict[str, Any]:
        """`service` as in `services`, `platforms`, and `operations` in and out. Raises NotFound."""
        return await self._get(f"services/{quote(name, safe='')}", **bounds)

    async def tail(
        self, query: Query = "", *, since: int | None = None
    ) -> AsyncIterator[TracedSpan | Missed]:
        """Matching spans as they arrive, from a mark on (None: from now on), for as long as you read.

        Missed stands where you were too slow, or more came at once than is sent.
        """
        rest = b""
        async with aclosing(self.client.stream(calls.tail(self.name, query, since))) as pieces:
            async for piece in pieces:
                *lines, rest = (rest + piece).split(b"\n")
                for line in filter(None, lines):
                    yield calls.told(line)

    async def spans(
        self,
        /,
        query: Query | None = None,
        *,
        order: str = "-latency",
        limit: int | None = None,
        **bounds: Bound,
    ) -> list[TracedSpan]:
        """The matching spans in order, all of them or the first `limit`, however many pages they take.

        Orders: `-latency`, `latency`, `-start`, `start`, `arrival`, `-arrival`, and with `by="http.status_code"` or
        another key `value` and `-value`.
        """
        spans: list[TracedSpan] = []
        cursor: str | None = None
        while limit is None or len(spans) < limit:
            size = calls.PAGE if limit is None else min(calls.PAGE, limit - len(spans))
            page = await self.client.send(
                calls.spans(self.name, query=query, order=order, limit=size, cursor=cursor, **bounds)
            )
            spans += page.spans
            cursor = page.next_cursor
            if cursor is None:
                break
        return spans

    async def export(
        self,
        /,
        query: Query | None = None,
        *,
        format: str = "otlp-json",  # noqa: A002
        **bounds: Bound,
    ) -> bytes:
        """The matching spans as a file: otlp-json, otlp-protobuf, jaeger-json, zipkin-json or lightstep."""
        return await self.client.send(calls.export(self.name, query, format, bounds))

    def export_stream(
        self,
        /,
        query: Query = "",
        *,
        format: str = "otlp-json",  # noqa: A002
        **bounds: Bound,
    ) -> AsyncIterator[bytes]:
        """The same piece by piece, whatever its size; the file is whole when no error ended it."""
        return self.client.stream(calls.export(self.name, query, format, bounds))

    async def import_(self, content: Content, *, format: str = "auto") -> dict[str, Any]:  # noqa: A002
        """Keep the spans of a file of any known form and any size.

        What became of them: `spans` (how many were taken), `dropped` by reason, `warnings`, `format` and `found` (what the
        file turned out to be), `failed` (documents that could not be read). Raises BadReport when nothing was taken.
        """
        return await self.client.send(calls.import_(self.name, content, format))

    async def trace(
        self, /, trace_id: str | None = None, *, root: Query | None = None, **bounds: Bound
    ) -> Trace:
        """Every span of a trace, by start, with parents and children: of this id, or the one whose root is `root`.

        Raises:
            NotFound: there is none; of a root its text says what is there.
            AssertionError: several traces have such a root.
        """
        if trace_id is None:
            return await self._trace_of_root("" if root is None else root, bounds)
        if root is not None:
            raise BadRequest("a trace is named by its id or by its root", parameter="root")
        page = await self.client.send(calls.trace(self.name, trace_id))
        spans = page.spans
        while page.next_cursor is not None:
            page = await self.client.send(calls.trace(self.name, trace_id, cursor=page.next_cursor))
            spans += page.spans
        return Trace(spans)

    async def _trace_of_root(self, root: Query, bounds: dict[str, Any]) -> Trace:
        found: dict[str, Trace] = {}
        with suppress(NotFound):  # a project begins with its first report
            for span in await self.spans(root, order="arrival", **bounds):
                if span.parent_span_id is None and span.trace_id not in found:
                    found[span.trace_id] = await self.trace(span.trace_id)
        if len(found) == 1:
            return next(iter(found.values()))
        if found:
            raise AssertionError(several(root, list(found.values())))
        why = await self.explain(root, **bounds)
        what = f"no trace has a root that is {root}" if str(root) else "no span is the root of a trace"
        raise NotFound("\n".join([f"{what} (project {self.name})", *(f"  {line}" for line in why["lines"])]))

    async def list_traces(
        self, /, query: Query | None = None, *, order: str = "-start", limit: int = 50, **bounds: Bound
    ) -> list[Row]:
        """The traces that matching spans belong to at a glance: trace_id, `service` and `operation` of the root, duration_us, complete …

        `traces` gives them whole. Orders: `-start`, `start`, `-duration`, `duration`; `offset=` leaves out so many.
        """
        return await self._rows("traces", "traces", query=query, order=order, limit=limit, **bounds)

    async def critical_path(self, /, trace_id: str, **params: Bound) -> dict[str, Any]:
        """On which spans the root's time was spent: `root`, `duration_us`, `spans` as rows of the tree, most of it first."""
        return await self._get(f"traces/{quote(trace_id, safe='')}/critical-path", **params)

    async def trace_tree(self, /, trace_id: str, **params: Bound) -> dict[str, Any]:
        """The trace as the rows of a tree: critical path, self time, pairs of proxies, clocks that differ.

        All rows, however many pages they take, below what the head says of the whole. `params`: join (False: without
        traces that only share a request id), below (a span id), snapshot.
        """
        path = f"traces/{quote(trace_id, safe='')}/tree"
        tree = await self._get(path, **params)
        following = {name: value for name, value in params.items() if name not in {"row", "span", "cursor"}}
        while tree["next_cursor"] is not None:
            more = await self._get(path, cursor=tree["next_cursor"], **following)
            tree = {**more, "rows": tree["rows"] + more["rows"]}
        return tree

    async def span(self, /, trace_id: str, span_id: str, **params: Bound) -> dict[str, Any]:
        """A span in full (`span`, `row`), and how unusual it is (`comparison`). Raises NotFound."""
        return await self._get(f"traces/{quote(trace_id, safe='')}/spans/{quote(span_id, safe='')}", **params)

    async def trace_html(self, trace_id: str) -> str:
        """The trace as one HTML file that needs nothing else: keep it with the results of a failed test."""
        path = f"traces/{quote(trace_id, safe='')}/html"
        return (await self.client.send(calls.of_project(bytes, "GET", self.name, path))).decode()

    async def correlations(
        self, /, query: Query | None = None, *, of: str = "latency", **bounds: Bound
    ) -> dict[str, Any]:
        """What marks the slow traces (or, of='errors', the failed ones) and not the others, by |score|.

        `bounds` beside the usual: from_us, to_us, from_start_us, to_start_us, from_percentile (which traces are inside;
        the slowest 5 % without), min_support, limit.
        """
        return await self._get("correlations", query=query, of=of, **bounds)

    async def explain(self, /, query: Query | None = None, **bounds: Bound) -> dict[str, Any]:
        """Why a query has no match: `terms` with what each matches, `nearest`, `lines` for the eye.

        Also for a project that has not received anything.
        """
        return await self._get("explain", query=query, **bounds)

    async def diagram(self, /, query: Query | None = None, **bounds: Bound) -> dict[str, Any]:
        """`nodes` (services) and `edges` (calls) of the traces of the matching spans; inferred=True: also silent ones."""
        return await self._get("diagram", query=query, **bounds)

    async def draw_diagram(
        self,
        /,
        query: Query | None = None,
        *,
        format: str = "svg",  # noqa: A002
        **bounds: Bound,
    ) -> str:
        """The same as a drawing: svg, dot or mermaid."""
        call = calls.of_project(bytes, "GET", self.name, "diagram", query=query, format=format, **bounds)
        return (await self.client.send(call)).decode()

    async def traces(self, /, query: Query | None = None, **bounds: Bound) -> list[Trace]:
        """The traces that matching spans belong to, whole, in the order in which those arrived."""
        found = await self.spans(query, order="arrival", limit=None, **bounds)
        return [await self.trace(trace_id) for trace_id in dict.fromkeys(span.trace_id for span in found)]

    async def checks(self, /, query: Query | None = None, **bounds: Bound) -> list[Row]:
        """What is odd about the matching spans as they were sent: name, severity, message, advice, spans, examples."""
        return await self._rows("checks", "findings", query=query, **bounds)

    async def reporters(self) -> list[Row]:
        """Who reported, the last heard first: service, id, tracer and its version, last_seen_ns, and what was lost on the way.

        `reports` taken and `refused`, `spans` received, `dropped` by the client as it says, `dropped_here` by reason.
        """
        return await self._rows("reporters", "reporters")

    async def latency(self, /, query: Query | None = None, **bounds: Bound) -> Latency:
        """Exact percentiles of the matching spans' latencies. Raises NotFound when nothing ever arrived."""
        return calls.latency(await self.histogram(query, **bounds))

    async def histogram(self, /, query: Query | None = None, **bounds: Bound) -> dict[str, Any]:
        """buckets, percentiles, count, errors of all matching spans."""
        return await self._get("histogram", query=query, **bounds)

    async def groups(self, /, by: str, query: Query | None = None, **bounds: Bound) -> list[Row]:
        """The matching spans by the values of keys, separated by commas."""
        return await self._rows("groups", "groups", by=by, query=query, **bounds)

    async def heat_map(
        self, /, query: Query | None = None, *, columns: int = 60, **bounds: Bound
    ) -> dict[str, Any]:
        """Latency over time: from_us, to_us, step_us, and columns with count, errors, percentiles and cells."""
        return await self._get("heatmap", query=query, columns=columns, **bounds)

    async def run(
        self, /, query: Query = "", *, name: str = "", limit: int = 50, **bounds: Bound
    ) -> dict[str, Any]:
        """Run a query: `snapshot` that keeps what was found, `histogram`, `page` of the slowest spans, `removed`."""
        return await self.client.send(
            calls.run(self.name, {"query": str(query), "name": name, "limit": limit, **bounds})
        )

    async def snapshots(self) -> list[Row]:
        """The snapshots that are kept, the newest first."""
        return await self._rows("snapshots", "snapshots")

    async def snapshot(self, snapshot_id: str) -> dict[str, Any]:
        """One of them: `snapshot`, `histogram`. Raises NotFound."""
        return await self.client.send(calls.snapshot(dict, "GET", self.name, snapshot_id))

    async def change_snapshot(
        self, snapshot_id: str, *, name: str | None = None, pinned: bool | None = None
    ) -> dict[str, Any]:
        """Name it; pin it, so that it never goes to make room. Raises NotFound."""
        body = {"name": name, "pinned": pinned}
        call = calls.snapshot(dict[str, Any], "POST", self.name, snapshot_id)
        return await self.client.send(replace(call, body=body))

    async def delete_snapshot(self, snapshot_id: str) -> None:
        """Forget it. Raises NotFound."""
        await self.client.send(calls.snapshot(type(None), "DELETE", self.name, snapshot_id))

    async def export_snapshot(self, snapshot_id: str) -> bytes:
        """The snapshot as one file, spans and all. Raises NotFound."""
        return await self.client.send(calls.snapshot(bytes, "GET", self.name, snapshot_id, "/file"))

    async def import_snapshot(self, content: bytes) -> dict[str, Any]:
        """Keep the snapshot of a file: `snapshot`, `removed`."""
        return await self.client.send(calls.snapshot_file(self.name, content))

    async def compare(self, before: str, after: str, *, by: str = "") -> dict[str, Any]:
        """From one snapshot, the baseline, to another: services and calls that came and went, and what changed."""
        return await self.client.send(
            calls.snapshot(dict, "GET", self.name, before, f"/compare/{after}", by=by)
        )

    async def create_stream(self, query: Query, *, name: str = "", backfill: bool = False) -> dict[str, Any]:
        """Save a query, so that its latency, rate and errors are kept over time; the one there is, if there is one."""
        return await self.client.send(calls.stream(self.name, query, name, backfill=backfill))

    async def streams(self, query: Query | None = None) -> list[Row]:
        """The saved queries, the oldest first; with a query only the one that means the same."""
        return await self._rows("streams", "streams", query=query)

    async def stream_series(self, /, stream_id: str, **range_: int | None) -> dict[str, Any]:
        """A stream over time: points with count, errors, percentiles; `oldest_us`, `youngest_us`, `columns`."""
        return await self._get(f"streams/{stream_id}/series", **range_)

    async def delete_stream(self, stream_id: str) -> None:
        """Forget it. Raises NotFound."""
        await self.client.send(calls.of_project(type(None), "DELETE", self.name, f"streams/{stream_id}"))

    async def suggest(
        self, kind: str, *, key: str | None = None, text: str = "", query: Query = ""
    ) -> list[Row]:
        """Names (service, operation, key, value), most frequent first: `spans`, how many of them are `errors`.

        Of a key `distinct`, its values.
        """
        return await self._rows("suggest", "suggestions", kind=kind, key=key, q=text, query=query)

    async def mark(self) -> int:
        """Where the project stands in its order of arrival: `since` for what comes next."""
        return (await self.client.send(calls.of_project(calls.AtMark, "POST", self.name, "mark"))).mark

    async def expect(
        self,
        query: Query,
        count: Count = ">=1",
        *,
        timeout: float = 5.0,  # noqa: ASYNC109 - its timeout is the satellite's
        quiet: float = 0.0,
        since: int | None = None,
        trace: dict[str, Any] | None = None,
        fence: bool | Collection[str] = False,
    ) -> list[TracedSpan]:
        """Wait on the satellite until that many matching spans have arrived after the mark `since`.

        `timeout` and `quiet` (for which no further one may come) are seconds; `count=0` needs `quiet` or a fence. `trace` wants
        something of their traces: `{"complete": True, "path": ["gateway", "shop"]}`, one root and no missing parent, a chain of
        calls through these services. `fence=True` (or services) judges only when all that was sent before is in, as `fence` does.

        Raises:
            NotMet: they did not come in time, were evicted, or their report was refused for good; its text says what did.
            Exceeded: more came.
        """
        call = calls.expectation(self.name, query, count, timeout, quiet, since, trace, fence=fence)
        return (await self.client.send(call)).spans

    async def fence(self, *services: str, timeout: float = 5.0) -> list[Row]:  # noqa: ASYNC109
        """Wait on the satellite until all that was sent before is in; who has reported since, as `reporters` gives them.

        That is so when each reporter that was heard of so far (of named services: one of each) has begun a report after this
        call and it was taken, be it without a span. A tracer that sends nothing while it has nothing keeps a fence waiting; so
        does one that has ended, unless services are named.

        Raises:
            NotMet: `timeout` seconds are over, or a report was refused for good; its text says who was not heard of.
        """
        fenced = await self.client.send(calls.fence(self.name, services, timeout))
        return [Row(one) for one in fenced.reporters]

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[AsyncWatch]:
        """Take a mark: `with project.watch() as watched: act(); watched.expect(…)` counts what arrives from here on."""
        yield AsyncWatch(self, await self.mark())

    async def reset(self) -> int:
        """Remove all its spans; how many there were."""
        return (await self.client.send(calls.of_project(calls.Removed, "POST", self.name, "reset"))).removed

    async def drop(self) -> None:
        """Forget it. Raises NotFound."""
        await self.client.send(calls.of_project(type(None), "DELETE", self.name, ""))
