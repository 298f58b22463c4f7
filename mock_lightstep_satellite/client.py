"""Asking a satellite from a program: `Client`, and `AsyncClient` with the same methods to await.

What a request is and what a reply means are plain values and functions; the clients only send them. Errors are
those of `satellite.errors`, raised here as the satellite raised them there.
"""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterable, AsyncIterator, Generator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Self, TypeVar, cast
from urllib.parse import quote, urlsplit

import httpx
import msgspec

from mock_lightstep_satellite.selector import Selector
from mock_lightstep_satellite.trace import Trace, TracedSpan
from satellite.errors import BadRequest, NotFound, SatelliteError

Query = str | Selector
"""The predicate, in any of its written forms, or a selector (`q`); "" is every span."""

Count = int | str | tuple[int, int | None]
"""How many spans: 3 or "==3" exactly, ">=1", "<=4", (1, 4) from 1 to 4, (1, None) 1 and more; 0 none at all."""

Bound = int | str | bool | None
"""A parameter of the HTTP API; None: left out."""

DEFAULT_URL = "http://localhost:8000"
PAGE = 1000
"""Spans in one request, the API's limit."""
PATIENCE_S = 30.0
"""For an answer, beside the time that an `expect` waits."""

FILE_PATIENCE_S = 120.0
"""For a file of spans to be written or taken."""

T = TypeVar("T")

log = logging.getLogger(__name__)
"""Warns of notes: of a query that is right, but perhaps not what was meant."""

Content = bytes | Iterable[bytes] | AsyncIterable[bytes]
"""A file: all of it, or portion after portion."""


class Unreachable(SatelliteError):
    """No satellite answers at this URL."""

    code = "unreachable"
    http_status = 503
    grpc_status = "UNAVAILABLE"


# Requests and replies


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request, and the type of its answer."""

    answer: type[T]
    method: str
    path: str
    params: dict[str, Any] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    content: Content | None = None
    """A body that is no JSON."""
    waits_s: float = 0.0
    """How long the satellite may take its time."""


class _Spans(msgspec.Struct):
    spans: list[TracedSpan]
    next_cursor: str | None = None


class _Noted(msgspec.Struct):
    notes: list[str] = []


class Latency(msgspec.Struct, frozen=True):
    """How long the matching spans took, exactly, in seconds; None where no span matches."""

    count: int
    p50: float | None
    p95: float | None
    p99: float | None
    p999: float | None


class _Mark(msgspec.Struct):
    mark: int


class _Removed(msgspec.Struct):
    removed: int


def _call(answer: type[T], method: str, project: str, what: str, **params: Any) -> Call[T]:
    given = {name: value for name, value in params.items() if value is not None}
    return Call(answer, method, f"/api/v1/projects/{quote(project, safe='')}/{what}".rstrip("/"), given)


def _expectation(
    project: str, query: Query, count: Count, timeout: float, quiet: float, since: int | None
) -> Call[_Spans]:
    low, high = count_range(count)
    body = {
        "query": str(query),
        "since": since or 0,
        "count": {"min": low, "max": high},
        "timeout_ms": round(timeout * 1000),
        "quiet_ms": round(quiet * 1000),
    }
    call = _call(_Spans, "POST", project, "expect")
    return Call(_Spans, call.method, call.path, body=body, waits_s=timeout)


def _fault(project: str, profile: str | None, fault: dict[str, Any]) -> Call[dict[str, Any]]:
    call = _call(dict[str, Any], "POST", project, "faults")
    return replace(call, body={"profile": profile} if profile is not None else fault)


def _without_faults(project: str, fault_ids: Sequence[str]) -> list[Call[dict[str, Any]]]:
    ends = [f"faults/{quote(one, safe='')}" for one in fault_ids] or ["faults"]
    return [_call(dict[str, Any], "DELETE", project, end) for end in ends]


def _text(query: Query | None) -> str | None:
    return None if query is None else str(query)


def _latency(histogram: dict[str, Any]) -> Latency:
    at = {name: duration_us / 1e6 for name, duration_us in histogram["percentiles"].items()}
    return Latency(histogram["count"], at.get("p50"), at.get("p95"), at.get("p99"), at.get("p99.9"))


def _export(project: str, query: Query | None, format_: str, bounds: dict[str, Bound]) -> Call[bytes]:
    call = _call(bytes, "GET", project, "export", query=_text(query), format=format_, **bounds)
    return replace(call, waits_s=FILE_PATIENCE_S)


def _import(project: str, content: Content, format_: str) -> Call[dict[str, Any]]:
    call = _call(dict[str, Any], "POST", project, "import", format=format_)
    return replace(call, content=content, waits_s=FILE_PATIENCE_S)


class Missed(msgspec.Struct, frozen=True):
    """In a live tail: so many matching spans were left out before this mark."""

    missed: int
    mark: int


def _tail(project: str, query: Query, since: int | None) -> Call[bytes]:
    call = _call(bytes, "GET", project, "tail", query=str(query), since=since, format="ndjson")
    return replace(call, waits_s=FILE_PATIENCE_S)


def _lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        yield from filter(None, lines)


def _told(line: bytes) -> TracedSpan | Missed:
    if line.startswith(b'{"missed"'):
        return msgspec.json.decode(line, type=Missed)
    return msgspec.json.decode(line, type=TracedSpan)


def _run(project: str, asked: dict[str, Any]) -> Call[dict[str, Any]]:
    call = _call(dict[str, Any], "POST", project, "snapshots")
    return replace(call, body={name: value for name, value in asked.items() if value is not None})


def _snapshot(
    answer: type[T], method: str, project: str, snapshot_id: str, what: str = "", **params: Any
) -> Call[T]:
    return _call(answer, method, project, f"snapshots/{quote(snapshot_id, safe='')}{what}", **params)


def _stream(project: str, query: Query, name: str, *, backfill: bool) -> Call[dict[str, Any]]:
    body = {"query": str(query), "name": name, "backfill": backfill}
    return replace(_call(dict[str, Any], "POST", project, "streams"), body=body)


def _snapshot_file(project: str, content: bytes) -> Call[dict[str, Any]]:
    call = _call(dict[str, Any], "POST", project, "import-snapshot")
    return replace(call, content=content, waits_s=FILE_PATIENCE_S)


def _pages(
    project: str, query: Query | None, limit: int | None, params: dict[str, Any]
) -> Generator[Call[_Spans], _Spans, list[TracedSpan]]:
    """Asks page after page until there are `limit` spans, or all."""
    spans: list[TracedSpan] = []
    cursor: str | None = None
    while limit is None or len(spans) < limit:
        size = PAGE if limit is None else min(PAGE, limit - len(spans))
        page = yield _call(
            _Spans, "GET", project, "spans", query=_text(query), limit=size, cursor=cursor, **params
        )
        spans += page.spans
        cursor = page.next_cursor
        if cursor is None:
            break
    return spans


def _trace_pages(project: str, trace_id: str) -> Generator[Call[_Spans], _Spans, list[TracedSpan]]:
    """Asks page after page of one trace."""
    path = f"traces/{quote(trace_id, safe='')}"
    page = yield _call(_Spans, "GET", project, path)
    spans = list(page.spans)
    while page.next_cursor is not None:
        page = yield _call(_Spans, "GET", project, path, cursor=page.next_cursor)
        spans += page.spans
    return spans


def _tree_pages(
    project: str, trace_id: str, params: dict[str, Any]
) -> Generator[Call[dict[str, Any]], dict[str, Any], dict[str, Any]]:
    """Asks page after page of a trace's tree."""
    path = f"traces/{quote(trace_id, safe='')}/tree"
    tree: dict[str, Any] = yield _call(dict, "GET", project, path, **params)
    while tree["next_cursor"] is not None:
        more = yield _call(dict, "GET", project, path, cursor=tree["next_cursor"], **params)
        tree = {**more, "rows": tree["rows"] + more["rows"]}
    return tree


def _of_trace(answer: type[T], project: str, trace_id: str, what: str, **params: Any) -> Call[T]:
    return _call(answer, "GET", project, f"traces/{quote(trace_id, safe='')}/{what}", **params)


def _drawing(project: str, query: Query | None, format_: str, params: dict[str, Any]) -> Call[bytes]:
    return _call(bytes, "GET", project, "diagram", query=_text(query), format=format_, **params)


def count_range(count: Count) -> tuple[int, int | None]:
    """(least, most) of a Count; most None for no bound. Raises BadRequest for what is none."""
    if isinstance(count, tuple):
        return count
    match = re.fullmatch(r"\s*(==|>=|<=|)\s*(\d+)\s*", str(count))
    if match is None:
        raise BadRequest(f"not a count of spans: {count!r}", hint="3, '==3', '>=1', '<=4', or (1, 4)")
    sign, number = match[1], int(match[2])
    return {">=": (number, None), "<=": (0, number)}.get(sign, (number, number))


def _read(call: Call[T], reply: httpx.Response) -> T:
    """The answer; raises the error that the reply holds."""
    try:
        if reply.is_success:
            if call.answer is bytes:
                return cast("T", reply.content)
            return msgspec.json.decode(reply.content or b"null", type=call.answer)
        raise _error(msgspec.json.decode(reply.content)["error"])
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        message = f"{reply.request.url} answered {reply.status_code}, but not as a satellite does"
        raise SatelliteError(message, hint="the URL is that of the Explorer, usually port 8000") from error


def _notes(call: Call[Any], reply: httpx.Response, before: list[str]) -> list[str]:
    """What the satellite noted of the query of this request; warns of notes that were not there before."""
    if "query" not in (call.body or call.params):
        return before
    if not reply.is_success or b'"notes":' not in reply.content:
        return []
    try:
        notes = msgspec.json.decode(reply.content, type=_Noted).notes
    except msgspec.MsgspecError:
        return []
    for note in notes:
        if note not in before:
            log.warning("%s", note)
    return notes


def _error(body: dict[str, Any]) -> SatelliteError:
    kinds = [SatelliteError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    details = {name: value for name, value in body.items() if name not in {"code", "message", "hint"}}
    kind = next((kind for kind in kinds if kind.code == body["code"]), SatelliteError)
    lines = [body["message"]]
    if isinstance(explanation := details.get("explanation"), dict):
        lines += [f"  {line}" for line in explanation.get("lines", ())]
    return kind("\n".join(lines), hint=body.get("hint"), **details)


def _failed(url: str, error: httpx.HTTPError) -> Unreachable:
    if isinstance(error, httpx.TimeoutException):
        return Unreachable(f"the satellite at {url} did not answer in time")
    return Unreachable(
        f"no satellite answers at {url} ({error})",
        hint="is it running, and is this the Explorer's address (`satellite serve` prints it)?",
    )


def _options(url: str, transport: Any) -> dict[str, Any]:
    host = urlsplit(url).hostname
    if host is None:
        raise BadRequest(f"not a URL: {url!r}", hint=f"such as {DEFAULT_URL}")
    return {"base_url": url.rstrip("/"), "transport": transport, "trust_env": not is_own_machine(url)}


def is_own_machine(url: str) -> bool:
    """Whether it is of this machine, which a proxy from the environment cannot reach."""
    host = urlsplit(url).hostname or ""
    return host == "localhost" or host.startswith("127.") or host == "::1"


def _patience(call: Call[Any]) -> httpx.Timeout:
    return httpx.Timeout(PATIENCE_S + call.waits_s, connect=PATIENCE_S)


# Sync


class Client:
    """Asks the satellite whose Explorer is at this URL. Close it, or use it as a context manager."""

    def __init__(self, url: str = DEFAULT_URL, *, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url.rstrip("/")
        self.notes: list[str] = []
        """What the satellite noted of the last query, which was right, but perhaps not what was meant."""
        self._http = httpx.Client(**_options(url, transport))

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
                timeout=_patience(call),
            )
        except httpx.HTTPError as error:
            raise _failed(self.url, error) from error
        self.notes = _notes(call, reply, self.notes)
        return _read(call, reply)

    def stream(self, call: Call[bytes]) -> Iterator[bytes]:
        """The answer to one request as it comes; raises as `send`, also in the middle."""
        try:
            with self._http.stream(
                call.method, call.path, params=call.params, timeout=_patience(call)
            ) as reply:
                if not reply.is_success:
                    reply.read()
                    _read(call, reply)
                yield from reply.iter_bytes()
        except httpx.HTTPError as error:
            raise _failed(self.url, error) from error

    def projects(self) -> list[dict[str, Any]]:
        """All projects with what they hold, by name."""
        projects: list[dict[str, Any]] = self.send(Call(dict, "GET", "/api/v1/projects"))["projects"]
        return projects

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
        call = _call(dict, "GET", self.name, "services", query=_text(query), **bounds)
        services: list[dict[str, Any]] = self.client.send(call)["services"]
        return services

    def service(self, name: str, **bounds: Bound) -> dict[str, Any]:
        """`service` as in `services`, `platforms`, and `operations` in and out. Raises NotFound."""
        return self.client.send(_call(dict, "GET", self.name, f"services/{quote(name, safe='')}", **bounds))

    def tail(self, query: Query = "", *, since: int | None = None) -> Iterator[TracedSpan | Missed]:
        """Matching spans as they arrive, from a mark on (None: from now on), for as long as you read.

        Missed stands where you were too slow, or more came at once than is sent.
        """
        for line in _lines(self.client.stream(_tail(self.name, query, since))):
            yield _told(line)

    def spans(
        self,
        query: Query | None = None,
        *,
        order: str = "-latency",
        limit: int | None = None,
        **bounds: Bound,
    ) -> list[TracedSpan]:
        """The matching spans in order, all of them or the first `limit`, however many pages they take."""
        pages = _pages(self.name, query, limit, {"order": order, **bounds})
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
        return self.client.send(_export(self.name, query, format, bounds))

    def export_stream(
        self,
        query: str = "",
        *,
        format: str = "otlp-json",  # noqa: A002
        **bounds: Bound,
    ) -> Iterator[bytes]:
        """The same piece by piece, whatever its size; the file is whole when no error ended it."""
        return self.client.stream(_export(self.name, query, format, bounds))

    def import_(self, content: Content, *, format: str = "auto") -> dict[str, Any]:  # noqa: A002
        """Keep the spans of a file of any known form and any size.

        What became of them: `spans` (how many were taken), `dropped` by reason, `warnings`, `format` and `found` (what the
        file turned out to be), `failed` (documents that could not be read). Raises BadReport when nothing was taken.
        """
        return self.client.send(_import(self.name, content, format))

    def trace(self, trace_id: str) -> Trace:
        """Every span of a trace, by start, with parents and children. Raises NotFound."""
        pages = _trace_pages(self.name, trace_id)
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
        pages = _tree_pages(self.name, trace_id, params)
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
            _of_trace(dict, self.name, trace_id, f"spans/{quote(span_id, safe='')}", **params)
        )

    def trace_html(self, trace_id: str) -> str:
        """The trace as one HTML file that needs nothing else: keep it with the results of a failed test."""
        return self.client.send(_of_trace(bytes, self.name, trace_id, "html")).decode()

    def correlations(
        self, query: Query | None = None, *, of: str = "latency", **bounds: Bound
    ) -> dict[str, Any]:
        """What marks the slow traces (or, of='errors', the failed ones) and not the others, by |score|.

        `bounds` beside the usual: from_us, to_us, from_start_us, to_start_us, from_percentile (which traces are inside;
        the slowest 5 % without), min_support, limit.
        """
        return self.client.send(
            _call(dict, "GET", self.name, "correlations", query=_text(query), of=of, **bounds)
        )

    def explain(self, query: Query | None = None, **bounds: Bound) -> dict[str, Any]:
        """Why a query has no match: `terms` with what each matches, `nearest`, `lines` for the eye.

        Also for a project that has not received anything.
        """
        return self.client.send(_call(dict, "GET", self.name, "explain", query=_text(query), **bounds))

    def diagram(self, query: Query | None = None, **bounds: Bound) -> dict[str, Any]:
        """`nodes` (services) and `edges` (calls) of the traces of the matching spans; inferred=True: also silent ones."""
        return self.client.send(_call(dict, "GET", self.name, "diagram", query=_text(query), **bounds))

    def draw_diagram(self, query: Query | None = None, *, format: str = "svg", **bounds: Bound) -> str:  # noqa: A002
        """The same as a drawing: svg, dot or mermaid."""
        return (self.client.send(_drawing(self.name, query, format, bounds))).decode()

    def traces(self, query: Query | None = None, **bounds: Bound) -> list[Trace]:
        """The traces that matching spans belong to, whole, in the order in which those arrived."""
        found = self.spans(query, order="arrival", limit=None, **bounds)
        return [self.trace(trace_id) for trace_id in dict.fromkeys(span.trace_id for span in found)]

    def faults(self) -> list[dict[str, Any]]:
        """What goes wrong here on purpose: id, fault, seen, applied, active of each rule."""
        found: list[dict[str, Any]] = self.client.send(_call(dict, "GET", self.name, "faults"))["faults"]
        return found

    def add_fault(self, profile: str | None = None, **fault: Any) -> list[str]:
        """Have something go wrong from now on; ids of the rules. Fields of a fault: docs/testing.md."""
        added = self.client.send(_fault(self.name, profile, fault))["faults"]
        return [one["id"] for one in added]

    def remove_faults(self, *fault_ids: str) -> None:
        """Let nothing go wrong any more, or only these rules."""
        for call in _without_faults(self.name, fault_ids):
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

    def checks(self, query: Query | None = None, **bounds: Bound) -> list[dict[str, Any]]:
        """What is odd about the matching spans as they were sent: name, severity, message, advice, spans, examples."""
        call = _call(dict, "GET", self.name, "checks", query=_text(query), **bounds)
        found: list[dict[str, Any]] = self.client.send(call)["findings"]
        return found

    def latency(self, query: Query | None = None, **bounds: Bound) -> Latency:
        """Exact percentiles of the matching spans' latencies. Raises NotFound when nothing ever arrived."""
        return _latency(self.histogram(query, **bounds))

    def histogram(self, query: Query | None = None, **bounds: Bound) -> dict[str, Any]:
        """buckets, percentiles, count, errors of all matching spans."""
        return self.client.send(_call(dict, "GET", self.name, "histogram", query=_text(query), **bounds))

    def groups(self, by: str, query: Query | None = None, **bounds: Bound) -> list[dict[str, Any]]:
        """The matching spans by the values of keys, separated by commas."""
        call = _call(dict, "GET", self.name, "groups", by=by, query=_text(query), **bounds)
        groups: list[dict[str, Any]] = self.client.send(call)["groups"]
        return groups

    def heat_map(self, query: Query | None = None, *, columns: int = 60, **bounds: Bound) -> dict[str, Any]:
        """Latency over time: from_us, to_us, step_us, and columns with count, errors, percentiles and cells."""
        return self.client.send(
            _call(dict, "GET", self.name, "heatmap", query=_text(query), columns=columns, **bounds)
        )

    def run(self, query: Query = "", *, name: str = "", limit: int = 50, **bounds: Bound) -> dict[str, Any]:
        """Run a query: `snapshot` that keeps what was found, `histogram`, `page` of the slowest spans, `removed`."""
        return self.client.send(
            _run(self.name, {"query": str(query), "name": name, "limit": limit, **bounds})
        )

    def snapshots(self) -> list[dict[str, Any]]:
        """The snapshots that are kept, the newest first."""
        kept: list[dict[str, Any]] = self.client.send(_call(dict, "GET", self.name, "snapshots"))["snapshots"]
        return kept

    def snapshot(self, snapshot_id: str) -> dict[str, Any]:
        """One of them: `snapshot`, `histogram`. Raises NotFound."""
        return self.client.send(_snapshot(dict, "GET", self.name, snapshot_id))

    def change_snapshot(
        self, snapshot_id: str, *, name: str | None = None, pinned: bool | None = None
    ) -> dict[str, Any]:
        """Name it; pin it, so that it never goes to make room. Raises NotFound."""
        body = {"name": name, "pinned": pinned}
        return self.client.send(replace(_snapshot(dict, "POST", self.name, snapshot_id), body=body))

    def delete_snapshot(self, snapshot_id: str) -> None:
        """Forget it. Raises NotFound."""
        self.client.send(_snapshot(type(None), "DELETE", self.name, snapshot_id))

    def export_snapshot(self, snapshot_id: str) -> bytes:
        """The snapshot as one file, spans and all. Raises NotFound."""
        return self.client.send(_snapshot(bytes, "GET", self.name, snapshot_id, "/file"))

    def import_snapshot(self, content: bytes) -> dict[str, Any]:
        """Keep the snapshot of a file: `snapshot`, `removed`."""
        return self.client.send(_snapshot_file(self.name, content))

    def compare(self, before: str, after: str, *, by: str = "") -> dict[str, Any]:
        """From one snapshot, the baseline, to another: services and calls that came and went, and what changed."""
        return self.client.send(_snapshot(dict, "GET", self.name, before, f"/compare/{after}", by=by))

    def create_stream(self, query: Query, *, name: str = "", backfill: bool = False) -> dict[str, Any]:
        """Save a query, so that its latency, rate and errors are kept over time; the one there is, if there is one."""
        return self.client.send(_stream(self.name, query, name, backfill=backfill))

    def streams(self, query: Query | None = None) -> list[dict[str, Any]]:
        """The saved queries, the oldest first; with a query only the one that means the same."""
        call = _call(dict, "GET", self.name, "streams", query=_text(query))
        streams: list[dict[str, Any]] = self.client.send(call)["streams"]
        return streams

    def stream_series(self, stream_id: str, **range_: int | None) -> dict[str, Any]:
        """A stream over time: points with count, errors, percentiles; `oldest_us`, `youngest_us`, `columns`."""
        return self.client.send(_call(dict, "GET", self.name, f"streams/{stream_id}/series", **range_))

    def delete_stream(self, stream_id: str) -> None:
        """Forget it. Raises NotFound."""
        self.client.send(_call(type(None), "DELETE", self.name, f"streams/{stream_id}"))

    def suggest(
        self, kind: str, *, key: str | None = None, text: str = "", query: Query = ""
    ) -> list[dict[str, Any]]:
        """Names (service, operation, key, value) and in how many spans they occur, most frequent first."""
        call = _call(dict, "GET", self.name, "suggest", kind=kind, key=key, q=text, query=_text(query))
        suggestions: list[dict[str, Any]] = self.client.send(call)["suggestions"]
        return suggestions

    def mark(self) -> int:
        """Where the project stands in its order of arrival: `since` for what comes next."""
        return self.client.send(_call(_Mark, "POST", self.name, "mark")).mark

    def expect(
        self,
        query: Query,
        count: Count = ">=1",
        *,
        timeout: float = 5.0,
        quiet: float = 0.0,
        since: int | None = None,
    ) -> list[TracedSpan]:
        """Wait on the satellite until that many matching spans have arrived after the mark `since`.

        `timeout` and `quiet` (for which no further one may come) are seconds; `count=0` needs `quiet`.

        Raises:
            NotMet: they did not come in time; its text says what did.
            Exceeded: more came.
        """
        return self.client.send(_expectation(self.name, query, count, timeout, quiet, since)).spans

    def reset(self) -> int:
        """Remove all its spans; how many there were."""
        return self.client.send(_call(_Removed, "POST", self.name, "reset")).removed

    def drop(self) -> None:
        """Forget it. Raises NotFound."""
        self.client.send(_call(type(None), "DELETE", self.name, ""))


# Async


class AsyncClient:
    """`Client` with methods to await."""

    def __init__(self, url: str = DEFAULT_URL, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.url = url.rstrip("/")
        self.notes: list[str] = []
        """What the satellite noted of the last query, which was right, but perhaps not what was meant."""
        self._http = httpx.AsyncClient(**_options(url, transport))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def send(self, call: Call[T]) -> T:
        """As `Client.send`."""
        try:
            reply = await self._http.request(
                call.method,
                call.path,
                params=call.params,
                json=call.body,
                content=call.content,
                timeout=_patience(call),
            )
        except httpx.HTTPError as error:
            raise _failed(self.url, error) from error
        self.notes = _notes(call, reply, self.notes)
        return _read(call, reply)

    async def stream(self, call: Call[bytes]) -> AsyncIterator[bytes]:
        """As `Client.stream`."""
        try:
            async with self._http.stream(
                call.method, call.path, params=call.params, timeout=_patience(call)
            ) as reply:
                if not reply.is_success:
                    await reply.aread()
                    _read(call, reply)
                async for piece in reply.aiter_bytes():
                    yield piece
        except httpx.HTTPError as error:
            raise _failed(self.url, error) from error

    async def projects(self) -> list[dict[str, Any]]:
        """As `Client.projects`."""
        projects: list[dict[str, Any]] = (await self.send(Call(dict, "GET", "/api/v1/projects")))["projects"]
        return projects

    def project(self, name: str) -> AsyncProject:
        """As `Client.project`."""
        return AsyncProject(self, name)


@dataclass(frozen=True, slots=True)
class AsyncProject:
    """`Project` with methods to await."""

    client: AsyncClient
    name: str

    async def services(self, query: Query | None = None, **bounds: Bound) -> list[dict[str, Any]]:
        """As `Project.services`."""
        call = _call(dict, "GET", self.name, "services", query=_text(query), **bounds)
        services: list[dict[str, Any]] = (await self.client.send(call))["services"]
        return services

    async def service(self, name: str, **bounds: Bound) -> dict[str, Any]:
        """As `Project.service`."""
        return await self.client.send(
            _call(dict, "GET", self.name, f"services/{quote(name, safe='')}", **bounds)
        )

    async def tail(
        self, query: Query = "", *, since: int | None = None
    ) -> AsyncIterator[TracedSpan | Missed]:
        """As `Project.tail`."""
        rest = b""
        async for piece in self.client.stream(_tail(self.name, query, since)):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                if line:
                    yield _told(line)

    async def spans(
        self,
        query: Query | None = None,
        *,
        order: str = "-latency",
        limit: int | None = None,
        **bounds: Bound,
    ) -> list[TracedSpan]:
        """As `Project.spans`."""
        pages = _pages(self.name, query, limit, {"order": order, **bounds})
        page: Any = None
        while True:
            try:
                call = pages.send(page)
            except StopIteration as end:
                spans: list[TracedSpan] = end.value
                return spans
            page = await self.client.send(call)

    async def export(
        self,
        query: Query | None = None,
        *,
        format: str = "otlp-json",  # noqa: A002
        **bounds: Bound,
    ) -> bytes:
        """As `Project.export`."""
        return await self.client.send(_export(self.name, query, format, bounds))

    def export_stream(
        self,
        query: str = "",
        *,
        format: str = "otlp-json",  # noqa: A002
        **bounds: Bound,
    ) -> AsyncIterator[bytes]:
        """As `Project.export_stream`."""
        return self.client.stream(_export(self.name, query, format, bounds))

    async def import_(self, content: Content, *, format: str = "auto") -> dict[str, Any]:  # noqa: A002
        """As `Project.import_`."""
        return await self.client.send(_import(self.name, content, format))

    async def trace(self, trace_id: str) -> Trace:
        """As `Project.trace`."""
        pages = _trace_pages(self.name, trace_id)
        page: Any = None
        while True:
            try:
                call = pages.send(page)
            except StopIteration as end:
                return Trace(end.value)
            page = await self.client.send(call)

    async def trace_tree(self, trace_id: str, **params: Bound) -> dict[str, Any]:
        """As `Project.trace_tree`."""
        pages = _tree_pages(self.name, trace_id, params)
        page: Any = None
        while True:
            try:
                call = pages.send(page)
            except StopIteration as end:
                tree: dict[str, Any] = end.value
                return tree
            page = await self.client.send(call)

    async def span(self, trace_id: str, span_id: str, **params: Bound) -> dict[str, Any]:
        """As `Project.span`."""
        return await self.client.send(
            _of_trace(dict, self.name, trace_id, f"spans/{quote(span_id, safe='')}", **params)
        )

    async def trace_html(self, trace_id: str) -> str:
        """As `Project.trace_html`."""
        return (await self.client.send(_of_trace(bytes, self.name, trace_id, "html"))).decode()

    async def correlations(
        self, query: Query | None = None, *, of: str = "latency", **bounds: Bound
    ) -> dict[str, Any]:
        """As `Project.correlations`."""
        return await self.client.send(
            _call(dict, "GET", self.name, "correlations", query=_text(query), of=of, **bounds)
        )

    async def explain(self, query: Query | None = None, **bounds: Bound) -> dict[str, Any]:
        """As `Project.explain`."""
        return await self.client.send(_call(dict, "GET", self.name, "explain", query=_text(query), **bounds))

    async def diagram(self, query: Query | None = None, **bounds: Bound) -> dict[str, Any]:
        """As `Project.diagram`."""
        return await self.client.send(_call(dict, "GET", self.name, "diagram", query=_text(query), **bounds))

    async def draw_diagram(self, query: Query | None = None, *, format: str = "svg", **bounds: Bound) -> str:  # noqa: A002
        """As `Project.draw_diagram`."""
        return (await self.client.send(_drawing(self.name, query, format, bounds))).decode()

    async def traces(self, query: Query | None = None, **bounds: Bound) -> list[Trace]:
        """As `Project.traces`."""
        found = await self.spans(query, order="arrival", limit=None, **bounds)
        return [await self.trace(trace_id) for trace_id in dict.fromkeys(span.trace_id for span in found)]

    async def faults(self) -> list[dict[str, Any]]:
        """As `Project.faults`."""
        found: list[dict[str, Any]] = (await self.client.send(_call(dict, "GET", self.name, "faults")))[
            "faults"
        ]
        return found

    async def add_fault(self, profile: str | None = None, **fault: Any) -> list[str]:
        """As `Project.add_fault`."""
        added = (await self.client.send(_fault(self.name, profile, fault)))["faults"]
        return [one["id"] for one in added]

    async def remove_faults(self, *fault_ids: str) -> None:
        """As `Project.remove_faults`."""
        for call in _without_faults(self.name, fault_ids):
            await self.client.send(call)

    @asynccontextmanager
    async def fault(self, profile: str | None = None, **fault: Any) -> AsyncIterator[list[str]]:
        """As `Project.fault`."""
        added = await self.add_fault(profile, **fault)
        try:
            yield added
        finally:
            with suppress(NotFound):
                await self.remove_faults(*added)

    async def checks(self, query: Query | None = None, **bounds: Bound) -> list[dict[str, Any]]:
        """As `Project.checks`."""
        call = _call(dict, "GET", self.name, "checks", query=_text(query), **bounds)
        found: list[dict[str, Any]] = (await self.client.send(call))["findings"]
        return found

    async def latency(self, query: Query | None = None, **bounds: Bound) -> Latency:
        """As `Project.latency`."""
        return _latency(await self.histogram(query, **bounds))

    async def histogram(self, query: Query | None = None, **bounds: Bound) -> dict[str, Any]:
        """As `Project.histogram`."""
        return await self.client.send(
            _call(dict, "GET", self.name, "histogram", query=_text(query), **bounds)
        )

    async def groups(self, by: str, query: Query | None = None, **bounds: Bound) -> list[dict[str, Any]]:
        """As `Project.groups`."""
        call = _call(dict, "GET", self.name, "groups", by=by, query=_text(query), **bounds)
        groups: list[dict[str, Any]] = (await self.client.send(call))["groups"]
        return groups

    async def heat_map(
        self, query: Query | None = None, *, columns: int = 60, **bounds: Bound
    ) -> dict[str, Any]:
        """As `Project.heat_map`."""
        return await self.client.send(
            _call(dict, "GET", self.name, "heatmap", query=_text(query), columns=columns, **bounds)
        )

    async def run(
        self, query: Query = "", *, name: str = "", limit: int = 50, **bounds: Bound
    ) -> dict[str, Any]:
        """As `Project.run`."""
        return await self.client.send(
            _run(self.name, {"query": str(query), "name": name, "limit": limit, **bounds})
        )

    async def snapshots(self) -> list[dict[str, Any]]:
        """As `Project.snapshots`."""
        kept: list[dict[str, Any]] = (await self.client.send(_call(dict, "GET", self.name, "snapshots")))[
            "snapshots"
        ]
        return kept

    async def snapshot(self, snapshot_id: str) -> dict[str, Any]:
        """As `Project.snapshot`."""
        return await self.client.send(_snapshot(dict, "GET", self.name, snapshot_id))

    async def change_snapshot(
        self, snapshot_id: str, *, name: str | None = None, pinned: bool | None = None
    ) -> dict[str, Any]:
        """As `Project.change_snapshot`."""
        body = {"name": name, "pinned": pinned}
        return await self.client.send(replace(_snapshot(dict, "POST", self.name, snapshot_id), body=body))

    async def delete_snapshot(self, snapshot_id: str) -> None:
        """As `Project.delete_snapshot`."""
        await self.client.send(_snapshot(type(None), "DELETE", self.name, snapshot_id))

    async def export_snapshot(self, snapshot_id: str) -> bytes:
        """As `Project.export_snapshot`."""
        return await self.client.send(_snapshot(bytes, "GET", self.name, snapshot_id, "/file"))

    async def import_snapshot(self, content: bytes) -> dict[str, Any]:
        """As `Project.import_snapshot`."""
        return await self.client.send(_snapshot_file(self.name, content))

    async def compare(self, before: str, after: str, *, by: str = "") -> dict[str, Any]:
        """As `Project.compare`."""
        return await self.client.send(_snapshot(dict, "GET", self.name, before, f"/compare/{after}", by=by))

    async def create_stream(self, query: Query, *, name: str = "", backfill: bool = False) -> dict[str, Any]:
        """As `Project.create_stream`."""
        return await self.client.send(_stream(self.name, query, name, backfill=backfill))

    async def streams(self, query: Query | None = None) -> list[dict[str, Any]]:
        """As `Project.streams`."""
        call = _call(dict, "GET", self.name, "streams", query=_text(query))
        streams: list[dict[str, Any]] = (await self.client.send(call))["streams"]
        return streams

    async def stream_series(self, stream_id: str, **range_: int | None) -> dict[str, Any]:
        """As `Project.stream_series`."""
        return await self.client.send(_call(dict, "GET", self.name, f"streams/{stream_id}/series", **range_))

    async def delete_stream(self, stream_id: str) -> None:
        """As `Project.delete_stream`."""
        await self.client.send(_call(type(None), "DELETE", self.name, f"streams/{stream_id}"))

    async def suggest(
        self, kind: str, *, key: str | None = None, text: str = "", query: Query = ""
    ) -> list[dict[str, Any]]:
        """As `Project.suggest`."""
        call = _call(dict, "GET", self.name, "suggest", kind=kind, key=key, q=text, query=_text(query))
        suggestions: list[dict[str, Any]] = (await self.client.send(call))["suggestions"]
        return suggestions

    async def mark(self) -> int:
        """As `Project.mark`."""
        return (await self.client.send(_call(_Mark, "POST", self.name, "mark"))).mark

    async def expect(
        self,
        query: Query,
        count: Count = ">=1",
        *,
        timeout: float = 5.0,  # noqa: ASYNC109 - its timeout is the satellite's
        quiet: float = 0.0,
        since: int | None = None,
    ) -> list[TracedSpan]:
        """As `Project.expect`."""
        return (await self.client.send(_expectation(self.name, query, count, timeout, quiet, since))).spans

    async def reset(self) -> int:
        """As `Project.reset`."""
        return (await self.client.send(_call(_Removed, "POST", self.name, "reset"))).removed

    async def drop(self) -> None:
        """As `Project.drop`."""
        await self.client.send(_call(type(None), "DELETE", self.name, ""))
