"""Asking a satellite from a program: `Client` and its projects. `async_client` has the same methods to await."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import httpx

from mock_lightstep_satellite import calls
from mock_lightstep_satellite.calls import (
    DEFAULT_URL,
    Bound,
    Call,
    Content,
    Count,
    Latency,
    Missed,
    Query,
    T,
)
from mock_lightstep_satellite.errors import NotFound, is_told
from mock_lightstep_satellite.replay import TIMEOUT_S, Replayed, replay
from mock_lightstep_satellite.trace import Trace, TracedSpan
from mock_lightstep_satellite.watch import Watch

__tracebackhide__ = is_told


class Client:
    """Asks the satellite whose Explorer is at this URL. Close it, or use it as a context manager."""

    def __init__(self, url: str = DEFAULT_URL, *, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url.rstrip("/")
        self.notes: list[str] = []
        """What the satellite noted of the last query, which was right, but perhaps not what was meant."""
        self._http = httpx.Client(**calls.options(url, transport))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def send(self, call: Call[T]) -> T:
        """The answer to one request. Raises Unreachable, or what the satellite raised."""
        try:
            reply = self._http.request(
                call.method,
                call.path,
                params=call.params,
                json=call.body,
                content=call.content,
                timeout=calls.patience(call),
            )
        except httpx.HTTPError as error:
            raise calls.failed(self.url, error) from error
        self.notes = calls.notes(call, reply, self.notes)
        return calls.read(call, reply)

    def stream(self, call: Call[bytes]) -> Iterator[bytes]:
        """The answer to one request as it comes; raises as `send`, also in the middle."""
        try:
            with self._http.stream(
                call.method, call.path, params=call.params, timeout=calls.patience(call)
            ) as reply:
                if not reply.is_success:
                    reply.read()
                    calls.read(call, reply)
                yield from reply.iter_bytes()
        except httpx.HTTPError as error:
            raise calls.failed(self.url, error) from error

    def projects(self) -> list[dict[str, Any]]:
        """All projects with what they hold, by name."""
        projects: list[dict[str, Any]] = self.send(Call(dict, "GET", "/api/v1/projects"))["projects"]
        return projects

    def canonical(self, query: Query) -> str:
        """The query as the satellite would write it; a bare key counts as quoted, as in the query bar. Raises BadQuery."""
        params = {"query": str(query), "lenient": True}
        predicate: str = (self.send(Call(dict, "GET", "/api/v1/query", params)))["predicate"]
        return predicate

    def requests(self, **which: Bound) -> list[dict[str, Any]]:
        """What came to the ports for reports and reached no project, oldest first: status, outcome, fault and more of each.

        `which`: protocol, transport, path, status, outcome, service, reporter, since (a mark), after (a number), limit.
        """
        found: list[dict[str, Any]] = (self.send(calls.requests(None, **which)))["requests"]
        return found

    def request(self, number: int) -> dict[str, Any]:
        """One of them: `request`, its `headers` without secrets, `answer_text` or `answer_hex`. Raises NotFound."""
        return self.send(calls.requests(None, number))

    def request_body(self, number: int) -> bytes:
        """Its body as it was sent; over gRPC the message. It holds what its sender put into it, tokens, too."""
        return self.send(calls.request_body(None, number))

    def decode_request(self, number: int) -> dict[str, Any]:
        """Its body as its protocol reads it: service, attributes, spans, counters; `error` when it is no report."""
        return self.send(calls.requests(None, f"{number}/decoded"))

    def replay(
        self,
        number: int,
        to: str,
        *,
        token: str | None = None,
        ca_file: str | Path | None = None,
        timeout: float = TIMEOUT_S,
    ) -> Replayed:
        """As `Project.replay`; without a token unless one is given."""
        detail, body = self.request(number), self.request_body(number)
        return replay(detail, body, to, token=token, ca_file=ca_file, timeout=timeout)

    def faults(self) -> list[dict[str, Any]]:
        """What goes wrong on purpose for the whole satellite: id, fault, seen, applied, active of each rule."""
        found: list[dict[str, Any]] = self.send(calls.faults("GET", None))["faults"]
        return found

    def add_fault(self, profile: str | None = None, **fault: Any) -> list[str]:
        """Have something go wrong for every project from now on, or what belongs to none: a connection, TLS; ids."""
        added = self.send(calls.fault(None, profile, fault))["faults"]
        return [one["id"] for one in added]

    def remove_faults(self, *fault_ids: str) -> None:
        """Let nothing go wrong for the whole satellite any more, or only these rules; those of projects stay."""
        for call in calls.without_faults(None, fault_ids):
            self.send(call)

    @contextmanager
    def fault(self, profile: str | None = None, **fault: Any) -> Iterator[list[str]]:
        """The same within the block: `with client.fault(connection="refuse", port=8184): …`."""
        added = self.add_fault(profile, **fault)
        try:
            yield added
        finally:
            with suppress(NotFound):
                self.remove_faults(*added)

    def project(self, name: str) -> Project:
        """One project's questions; it need not exist yet."""
        return Project(self, name)


@dataclass(frozen=True, slots=True)
class Project:
    """Asks about one project.

    `bounds` are the parameters of the HTTP API: oldest_us, youngest_us, min_latency_us, max_latency_us, percentile,
    since; `snapshot`, the id of one to ask in place of the live store; for tables `filter` and `whole`. Without a
    query all spans are meant, of a snapshot those that its run asked for.
    """

    client: Client
    name: str

    def services(self, query: Query | None = None, **bounds: Bound) -> list[dict[str, Any]]:
        """Each service, alphabetical: service, slot, spans, errors, operations, latencies; `series=30` steps of time."""
        call = calls.of_project(
            dict, "GET", self.name, "services", query=calls.text_of_query(query), **bounds
        )
        services: list[dict[str, Any]] = self.client.send(call)["services"]
        return services

    def service(self, name: str, **bounds: Bound) -> dict[str, Any]:
        """`service` as in `services`, `platforms`, and `operations` in and out. Raises NotFound."""
        return self.client.send(
            calls.of_project(dict, "GET", self.name, f"services/{quote(name, safe='')}", **bounds)
        )

    def tail(self, query: Query = "", *, since: int | None = None) -> Iterator[TracedSpan | Missed]:
        """Matching spans as they arrive, from a mark on (None: from now on), for as long as you read.

        Missed stands where you were too slow, or more came at once than is sent.
        """
        for line in calls.lines(self.client.stream(calls.tail(self.name, query, since))):
            yield calls.told(line)

    def spans(
        self,
        query: Query | None = None,
        *,
        order: str = "-latency",
        limit: int | None = None,
        **bounds: Bound,
    ) -> list[TracedSpan]:
        """The matching spans in order, all of them or the first `limit`, however many pages they take."""
        pages = calls.pages(self.name, query, limit, {"order": order, **bounds})
        page: Any = None
        while True:
            try:
                call = pages.send(page)
            except StopIteration as end:
                spans: list[TracedSpan] = end.value
                return spans
            page = self.client.send(call)

    def export(self, query: Query | None = None, *, format: str = "otlp-json", **bounds: Bound) -> bytes:  # noqa: A002
        """The matching spans as a file: otlp-json, otlp-protobuf, jaeger-json, zipkin-json or lightstep."""
        return self.client.send(calls.export(self.name, query, format, bounds))

    def export_stream(
        self,
        query: str = "",
        *,
        format: str = "otlp-json",  # noqa: A002
        **bounds: Bound,
    ) -> Iterator[bytes]:
        """The same piece by piece, whatever its size; the file is whole when no error ended it."""
        return self.client.stream(calls.export(self.name, query, format, bounds))

    def import_(self, content: Content, *, format: str = "auto") -> dict[str, Any]:  # noqa: A002
        """Keep the spans of a file of any known form and any size.

        What became of them: `spans` (how many were taken), `dropped` by reason, `warnings`, `format` and `found` (what the
        file turned out to be), `failed` (documents that could not be read). Raises BadReport when nothing was taken.
        """
        return self.client.send(calls.import_(self.name, content, format))

    def trace(self, trace_id: str) -> Trace:
        """Every span of a trace, by start, with parents and children. Raises NotFound."""
        pages = calls.trace_pages(self.name, trace_id)
        page: Any = None
        while True:
            try:
                call = pages.send(page)
            except StopIteration as end:
                return Trace(end.value)
            page = self.client.send(call)

    def trace_tree(self, trace_id: str, **params: Bound) -> dict[str, Any]:
        """The trace as the rows of a tree: critical path, self time, pairs of proxies, clocks that differ.

        All rows, however many pages they take, below what the head says of the whole. `params`: join (False: without
        traces that only share a request id), below (a span id), snapshot.
        """
        pages = calls.tree_pages(self.name, trace_id, params)
        page: Any = None
        while True:
            try:
                call = pages.send(page)
            except StopIteration as end:
                tree: dict[str, Any] = end.value
                return tree
            page = self.client.send(call)

    def span(self, trace_id: str, span_id: str, **params: Bound) -> dict[str, Any]:
        """A span in full (`span`, `row`), and how unusual it is (`comparison`). Raises NotFound."""
        return self.client.send(
            calls.of_trace(dict, self.name, trace_id, f"spans/{quote(span_id, safe='')}", **params)
        )

    def trace_html(self, trace_id: str) -> str:
        """The trace as one HTML file that needs nothing else: keep it with the results of a failed test."""
        return self.client.send(calls.of_trace(bytes, self.name, trace_id, "html")).decode()

    def correlations(
        self, query: Query | None = None, *, of: str = "latency", **bounds: Bound
    ) -> dict[str, Any]:
        """What marks the slow traces (or, of='errors', the failed ones) and not the others, by |score|.

        `bounds` beside the usual: from_us, to_us, from_start_us, to_start_us, from_percentile (which traces are inside;
        the slowest 5 % without), min_support, limit.
        """
        return self.client.send(
            calls.of_project(
                dict, "GET", self.name, "correlations", query=calls.text_of_query(query), of=of, **bounds
            )
        )

    def explain(self, query: Query | None = None, **bounds: Bound) -> dict[str, Any]:
        """Why a query has no match: `terms` with what each matches, `nearest`, `lines` for the eye.

        Also for a project that has not received anything.
        """
        return self.client.send(
            calls.of_project(dict, "GET", self.name, "explain", query=calls.text_of_query(query), **bounds)
        )

    def diagram(self, query: Query | None = None, **bounds: Bound) -> dict[str, Any]:
        """`nodes` (services) and `edges` (calls) of the traces of the matching spans; inferred=True: also silent ones."""
        return self.client.send(
            calls.of_project(dict, "GET", self.name, "diagram", query=calls.text_of_query(query), **bounds)
        )

    def draw_diagram(self, query: Query | None = None, *, format: str = "svg", **bounds: Bound) -> str:  # noqa: A002
        """The same as a drawing: svg, dot or mermaid."""
        return (self.client.send(calls.drawing(self.name, query, format, bounds))).decode()

    def traces(self, query: Query | None = None, **bounds: Bound) -> list[Trace]:
        """The traces that matching spans belong to, whole, in the order in which those arrived."""
        found = self.spans(query, order="arrival", limit=None, **bounds)
        return [self.trace(trace_id) for trace_id in dict.fromkeys(span.trace_id for span in found)]

    def faults(self) -> list[dict[str, Any]]:
        """What goes wrong here on purpose: id, fault, seen, applied, active of each rule."""
        found: list[dict[str, Any]] = self.client.send(calls.faults("GET", self.name))["faults"]
        return found

    def add_fault(self, profile: str | None = None, **fault: Any) -> list[str]:
        """Have something go wrong from now on; ids of the rules. Fields of a fault: docs/testing.md."""
        added = self.client.send(calls.fault(self.name, profile, fault))["faults"]
        return [one["id"] for one in added]

    def remove_faults(self, *fault_ids: str) -> None:
        """Let nothing go wrong any more, or only these rules."""
        for call in calls.without_faults(self.name, fault_ids):
            self.client.send(call)

    @contextmanager
    def fault(self, profile: str | None = None, **fault: Any) -> Iterator[list[str]]:
        """Have something go wrong within the block: `with project.fault(status=503, times=2): …`."""
        added = self.add_fault(profile, **fault)
        try:
            yield added
        finally:
            with suppress(NotFound):  # the project may be gone, and its faults with it
                self.remove_faults(*added)

    def requests(self, **which: Bound) -> list[dict[str, Any]]:
        """What came to the ports for reports for this project, oldest first: status, outcome, fault and more of each.

        `which`: protocol, transport, path, status, outcome, service, reporter, since (a mark), after (a number), limit.
        """
        found: list[dict[str, Any]] = (self.client.send(calls.requests(self.name, **which)))["requests"]
        return found

    def request(self, number: int) -> dict[str, Any]:
        """One of them: `request`, its `headers` without secrets, `answer_text` or `answer_hex`. Raises NotFound."""
        return self.client.send(calls.requests(self.name, number))

    def request_body(self, number: int) -> bytes:
        """Its body as it was sent; over gRPC the message. It holds what its sender put into it, tokens, too."""
        return self.client.send(calls.request_body(self.name, number))

    def decode_request(self, number: int) -> dict[str, Any]:
        """Its body as its protocol reads it: service, attributes, spans, counters; `error` when it is no report."""
        return self.client.send(calls.requests(self.name, f"{number}/decoded"))

    def replay(
        self,
        number: int,
        to: str,
        *,
        token: str | None = None,
        ca_file: str | Path | None = None,
        timeout: float = TIMEOUT_S,
    ) -> Replayed:
        """Send one of them again, from here, to `http(s)://host:port`, for gRPC also `host:port`; what was answered.

        `token` takes the place of the access token that the log left out; None: the project's name, which it is in open mode.

        Raises:
            BadRequest: no such address, or a body that was cut.
            Unreachable: nobody takes it there.
        """
        detail, body = self.request(number), self.request_body(number)
        return replay(
            detail, body, to, token=self.name if token is None else token, ca_file=ca_file, timeout=timeout
        )

    def checks(self, query: Query | None = None, **bounds: Bound) -> list[dict[str, Any]]:
        """What is odd about the matching spans as they were sent: name, severity, message, advice, spans, examples."""
        call = calls.of_project(dict, "GET", self.name, "checks", query=calls.text_of_query(query), **bounds)
        found: list[dict[str, Any]] = self.client.send(call)["findings"]
        return found

    def reporters(self) -> list[dict[str, Any]]:
        """Who reported, the last heard first: service, id, tracer and its version, last_seen_ns, and what was lost on the way.

        `reports` taken and `refused`, `spans` received, `dropped` by the client as it says, `dropped_here` by reason.
        """
        call = calls.of_project(dict, "GET", self.name, "reporters")
        found: list[dict[str, Any]] = self.client.send(call)["reporters"]
        return found

    def latency(self, query: Query | None = None, **bounds: Bound) -> Latency:
        """Exact percentiles of the matching spans' latencies. Raises NotFound when nothing ever arrived."""
        return calls.latency(self.histogram(query, **bounds))

    def histogram(self, query: Query | None = None, **bounds: Bound) -> dict[str, Any]:
        """buckets, percentiles, count, errors of all matching spans."""
        return self.client.send(
            calls.of_project(dict, "GET", self.name, "histogram", query=calls.text_of_query(query), **bounds)
        )

    def groups(self, by: str, query: Query | None = None, **bounds: Bound) -> list[dict[str, Any]]:
        """The matching spans by the values of keys, separated by commas."""
        call = calls.of_project(
            dict, "GET", self.name, "groups", by=by, query=calls.text_of_query(query), **bounds
        )
        groups: list[dict[str, Any]] = self.client.send(call)["groups"]
        return groups

    def heat_map(self, query: Query | None = None, *, columns: int = 60, **bounds: Bound) -> dict[str, Any]:
        """Latency over time: from_us, to_us, step_us, and columns with count, errors, percentiles and cells."""
        return self.client.send(
            calls.of_project(
                dict, "GET", self.name, "heatmap", query=calls.text_of_query(query), columns=columns, **bounds
            )
        )

    def run(self, query: Query = "", *, name: str = "", limit: int = 50, **bounds: Bound) -> dict[str, Any]:
        """Run a query: `snapshot` that keeps what was found, `histogram`, `page` of the slowest spans, `removed`."""
        return self.client.send(
            calls.run(self.name, {"query": str(query), "name": name, "limit": limit, **bounds})
        )

    def snapshots(self) -> list[dict[str, Any]]:
        """The snapshots that are kept, the newest first."""
        kept: list[dict[str, Any]] = self.client.send(calls.of_project(dict, "GET", self.name, "snapshots"))[
            "snapshots"
        ]
        return kept

    def snapshot(self, snapshot_id: str) -> dict[str, Any]:
        """One of them: `snapshot`, `histogram`. Raises NotFound."""
        return self.client.send(calls.snapshot(dict, "GET", self.name, snapshot_id))

    def change_snapshot(
        self, snapshot_id: str, *, name: str | None = None, pinned: bool | None = None
    ) -> dict[str, Any]:
        """Name it; pin it, so that it never goes to make room. Raises NotFound."""
        body = {"name": name, "pinned": pinned}
        return self.client.send(replace(calls.snapshot(dict, "POST", self.name, snapshot_id), body=body))

    def delete_snapshot(self, snapshot_id: str) -> None:
        """Forget it. Raises NotFound."""
        self.client.send(calls.snapshot(type(None), "DELETE", self.name, snapshot_id))

    def export_snapshot(self, snapshot_id: str) -> bytes:
        """The snapshot as one file, spans and all. Raises NotFound."""
        return self.client.send(calls.snapshot(bytes, "GET", self.name, snapshot_id, "/file"))

    def import_snapshot(self, content: bytes) -> dict[str, Any]:
        """Keep the snapshot of a file: `snapshot`, `removed`."""
        return self.client.send(calls.snapshot_file(self.name, content))

    def compare(self, before: str, after: str, *, by: str = "") -> dict[str, Any]:
        """From one snapshot, the baseline, to another: services and calls that came and went, and what changed."""
        return self.client.send(calls.snapshot(dict, "GET", self.name, before, f"/compare/{after}", by=by))

    def create_stream(self, query: Query, *, name: str = "", backfill: bool = False) -> dict[str, Any]:
        """Save a query, so that its latency, rate and errors are kept over time; the one there is, if there is one."""
        return self.client.send(calls.stream(self.name, query, name, backfill=backfill))

    def streams(self, query: Query | None = None) -> list[dict[str, Any]]:
        """The saved queries, the oldest first; with a query only the one that means the same."""
        call = calls.of_project(dict, "GET", self.name, "streams", query=calls.text_of_query(query))
        streams: list[dict[str, Any]] = self.client.send(call)["streams"]
        return streams

    def stream_series(self, stream_id: str, **range_: int | None) -> dict[str, Any]:
        """A stream over time: points with count, errors, percentiles; `oldest_us`, `youngest_us`, `columns`."""
        return self.client.send(
            calls.of_project(dict, "GET", self.name, f"streams/{stream_id}/series", **range_)
        )

    def delete_stream(self, stream_id: str) -> None:
        """Forget it. Raises NotFound."""
        self.client.send(calls.of_project(type(None), "DELETE", self.name, f"streams/{stream_id}"))

    def suggest(
        self, kind: str, *, key: str | None = None, text: str = "", query: Query = ""
    ) -> list[dict[str, Any]]:
        """Names (service, operation, key, value), most frequent first: `spans`, how many of them are `errors`; of a key `distinct`, its values."""
        call = calls.of_project(
            dict, "GET", self.name, "suggest", kind=kind, key=key, q=text, query=calls.text_of_query(query)
        )
        suggestions: list[dict[str, Any]] = self.client.send(call)["suggestions"]
        return suggestions

    def mark(self) -> int:
        """Where the project stands in its order of arrival: `since` for what comes next."""
        return self.client.send(calls.of_project(calls.AtMark, "POST", self.name, "mark")).mark

    def expect(
        self,
        query: Query,
        count: Count = ">=1",
        *,
        timeout: float = 5.0,
        quiet: float = 0.0,
        since: int | None = None,
        trace: dict[str, Any] | None = None,
    ) -> list[TracedSpan]:
        """Wait on the satellite until that many matching spans have arrived after the mark `since`.

        `timeout` and `quiet` (for which no further one may come) are seconds; `count=0` needs `quiet`. `trace` wants
        something of their traces: `{"complete": True, "path": ["gateway", "shop"]}`, one root and no missing parent, a chain of
        calls through these services.

        Raises:
            NotMet: they did not come in time, were evicted, or their report was refused for good; its text says what did.
            Exceeded: more came.
        """
        return self.client.send(
            calls.expectation(self.name, query, count, timeout, quiet, since, trace)
        ).spans

    @contextmanager
    def watch(self) -> Iterator[Watch]:
        """Take a mark: `with project.watch() as watched: act(); watched.expect(…)` counts what arrives from here on."""
        yield Watch(self, self.mark())

    def reset(self) -> int:
        """Remove all its spans; how many there were."""
        return self.client.send(calls.of_project(calls.Removed, "POST", self.name, "reset")).removed

    def drop(self) -> None:
        """Forget it. Raises NotFound."""
        self.client.send(calls.of_project(type(None), "DELETE", self.name, ""))
