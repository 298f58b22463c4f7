"""What is asked of a satellite and what a reply means, as plain values and functions: no connection, no waiting.

Errors are those of `errors`, raised here as the satellite raised them there.
"""

from __future__ import annotations

import logging
import math
import re
import ssl
from collections.abc import AsyncIterable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar, cast
from urllib.parse import quote, urlsplit

import httpx
import msgspec

from mock_lightstep_satellite.errors import BadRequest, SatelliteError, Unreachable, is_told
from mock_lightstep_satellite.selector import Selector
from mock_lightstep_satellite.trace import TracedSpan
from mock_lightstep_satellite.visible import visible

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

TIMEOUT_S_MAX = 60
"""The satellite's own bound of a wait."""

FILE_PATIENCE_S = 120.0
"""For a file of spans to be written or taken."""

T = TypeVar("T")

log = logging.getLogger(__name__)
"""Warns of notes: of a query that is right, but perhaps not what was meant."""

Content = bytes | Iterable[bytes] | AsyncIterable[bytes]
"""A file: all of it, or portion after portion."""


# Requests and replies

__tracebackhide__ = is_told


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


class Spans(msgspec.Struct):
    """Spans of an answer, and where to go on."""

    spans: list[TracedSpan]
    next_cursor: str | None = None


class Noted(msgspec.Struct):
    """What an answer says beside what was asked."""

    notes: list[str] = []


class Latency(msgspec.Struct, frozen=True):
    """How long the matching spans took, exactly, in seconds; None where no span matches."""

    count: int
    p50: float | None
    p95: float | None
    p99: float | None
    p999: float | None


class AtMark(msgspec.Struct):
    """A place in the order of arrival."""

    mark: int


class Fenced(msgspec.Struct):
    """Who has reported since a fence began."""

    reporters: list[dict[str, Any]]


class Removed(msgspec.Struct):
    """How many there were."""

    removed: int


def of_project(answer: type[T], method: str, project: str, what: str, **params: Any) -> Call[T]:
    """A question about one project; parameters that are None are left out."""
    path = f"/api/v1/projects/{quote(project, safe='')}/{what}".rstrip("/")
    return Call(answer, method, path, given(params))


def given(params: dict[str, Any]) -> dict[str, Any]:
    """The parameters that are not None; a selector as the predicate."""
    return {
        name: str(value) if isinstance(value, Selector) else value
        for name, value in params.items()
        if value is not None
    }


def expectation(
    project: str,
    query: Query,
    count: Count,
    timeout: float,
    quiet: float,
    since: int | None,
    trace: dict[str, Any] | None,
    *,
    fence: bool | Collection[str] = False,
) -> Call[Spans]:
    """A wait for spans."""
    low, high = count_range(count)
    body: dict[str, Any] = {
        "query": str(query),
        "since": since or 0,
        "count": {"min": low, "max": high},
        "timeout_ms": milliseconds("timeout", timeout),
        "quiet_ms": milliseconds("quiet", quiet),
    }
    if trace is not None:
        body["trace"] = trace
    if fence:
        body["fence"] = {"services": services(() if fence is True else fence)}
    call = of_project(Spans, "POST", project, "expect")
    return Call(Spans, call.method, call.path, body=body, waits_s=timeout)


def fence(project: str, names: Collection[str], timeout: float) -> Call[Fenced]:
    """A wait for all that was sent."""
    body = {"services": services(names), "timeout_ms": milliseconds("timeout", timeout)}
    return replace(of_project(Fenced, "POST", project, "fence"), body=body, waits_s=timeout)


def services(names: Collection[str]) -> list[str]:
    """Names of services, as a list."""
    if isinstance(names, str):
        raise BadRequest(f"fence is True or a list of services, not {names!r}", parameter="fence")
    return list(names)


def milliseconds(name: str, seconds: float) -> int:
    """A time to wait. Raises BadRequest for what is none."""
    if not isinstance(seconds, int | float) or not 0 <= seconds < math.inf:
        raise BadRequest(f"{name} is a number of seconds, 0 or more, not {seconds!r}", parameter=name)
    return round(seconds * 1000)


def faults(
    method: str, project: str | None, what: str = "", body: dict[str, Any] | None = None
) -> Call[dict[str, Any]]:
    """A question about the faults of a project, or (None) of the whole satellite."""
    place = "" if project is None else f"/projects/{quote(project, safe='')}"
    return Call(dict[str, Any], method, f"/api/v1{place}/faults{what}", body=body)


def fault(project: str | None, profile: str | None, fault: dict[str, Any]) -> Call[dict[str, Any]]:
    """Something that is to go wrong, or a profile of faults."""
    return faults("POST", project, body={"profile": profile} if profile is not None else fault)


def without_faults(project: str | None, fault_ids: Sequence[str]) -> list[Call[dict[str, Any]]]:
    """The end of some faults, or of all."""
    return [
        faults("DELETE", project, what) for what in [f"/{quote(one, safe='')}" for one in fault_ids] or [""]
    ]


def requests(project: str | None, what: object = "", **params: Any) -> Call[dict[str, Any]]:
    """The log of a project's requests, or (None) of those that reached none; `what`: one of them, by number."""
    end = f"requests/{what}".rstrip("/")
    if project is not None:
        return of_project(dict[str, Any], "GET", project, end, **params)
    return Call(dict[str, Any], "GET", f"/api/v1/{end}", given(params))


def request_body(project: str | None, number: int) -> Call[bytes]:
    """The body of one of them."""
    call = requests(project, f"{number}/body")
    return Call(bytes, call.method, call.path, waits_s=FILE_PATIENCE_S)


def latency(histogram: dict[str, Any]) -> Latency:
    """The percentiles of a histogram, in seconds."""
    at = {name: duration_us / 1e6 for name, duration_us in histogram["percentiles"].items()}
    return Latency(histogram["count"], at.get("p50"), at.get("p95"), at.get("p99"), at.get("p99.9"))


def export(project: str, query: Query | None, format_: str, bounds: dict[str, Bound]) -> Call[bytes]:
    """Spans as a file."""
    call = of_project(bytes, "GET", project, "export", query=query, format=format_, **bounds)
    return replace(call, waits_s=FILE_PATIENCE_S)


def import_(project: str, content: Content, format_: str) -> Call[dict[str, Any]]:
    """A file of spans to keep."""
    call = of_project(dict[str, Any], "POST", project, "import", format=format_)
    return replace(call, content=content, waits_s=FILE_PATIENCE_S)


class Missed(msgspec.Struct, frozen=True):
    """In a live tail: so many matching spans were left out before this mark."""

    missed: int
    mark: int


def tail(project: str, query: Query, since: int | None) -> Call[bytes]:
    """Spans as they arrive, a line each."""
    call = of_project(bytes, "GET", project, "tail", query=str(query), since=since, format="ndjson")
    return replace(call, waits_s=FILE_PATIENCE_S)


def told(line: bytes) -> TracedSpan | Missed:
    """What a line of a tail says."""
    if line.startswith(b'{"missed"'):
        return msgspec.json.decode(line, type=Missed)
    return msgspec.json.decode(line, type=TracedSpan)


def run(project: str, asked: dict[str, Any]) -> Call[dict[str, Any]]:
    """A run, kept as a snapshot."""
    call = of_project(dict[str, Any], "POST", project, "snapshots")
    return replace(call, body=given(asked))


def snapshot(
    answer: type[T], method: str, project: str, snapshot_id: str, what: str = "", **params: Any
) -> Call[T]:
    """A question about one snapshot."""
    return of_project(answer, method, project, f"snapshots/{quote(snapshot_id, safe='')}{what}", **params)


def stream(project: str, query: Query, name: str, *, backfill: bool) -> Call[dict[str, Any]]:
    """A query to follow over time."""
    body = {"query": str(query), "name": name, "backfill": backfill}
    return replace(of_project(dict[str, Any], "POST", project, "streams"), body=body)


def snapshot_file(project: str, content: bytes) -> Call[dict[str, Any]]:
    """A snapshot that was written to a file."""
    call = of_project(dict[str, Any], "POST", project, "import-snapshot")
    return replace(call, content=content, waits_s=FILE_PATIENCE_S)


def spans(project: str, **params: Any) -> Call[Spans]:
    """A page of spans."""
    return of_project(Spans, "GET", project, "spans", **params)


def trace(project: str, trace_id: str, **params: Any) -> Call[Spans]:
    """A page of one trace."""
    return of_project(Spans, "GET", project, f"traces/{quote(trace_id, safe='')}", **params)


def count_range(count: Count) -> tuple[int, int | None]:
    """(least, most) of a Count; most None for no bound. Raises BadRequest for what is none."""
    if isinstance(count, tuple):
        match count:
            case (int(low), None) if low >= 0:
                return low, None
            case (int(low), int(high)) if 0 <= low <= high:
                return low, high
        raise BadRequest(
            f"no number of spans is in {count!r}", hint="(1, 4) is from 1 to 4, (1, None) 1 and more"
        )
    match = re.fullmatch(r"\s*(==|>=|<=|)\s*(\d+)\s*", str(count))
    if match is None:
        raise BadRequest(f"not a count of spans: {count!r}", hint="3, '==3', '>=1', '<=4', or (1, 4)")
    sign, number = match[1], int(match[2])
    return {">=": (number, None), "<=": (0, number)}.get(sign, (number, number))


class _Refusal(msgspec.Struct, frozen=True):
    error: dict[str, Any]


def read(call: Call[T], reply: httpx.Response) -> T:
    """The answer; raises the error that the reply holds, Unreachable when it is none of a satellite."""
    try:
        if reply.is_success and is_satellite(reply):
            if call.answer is bytes:
                return cast("T", reply.content)
            return msgspec.json.decode(reply.content or b"null", type=call.answer)
        refusal = msgspec.json.decode(reply.content, type=_Refusal)
        raise error_of(refusal.error, str(reply.request.url).partition("/api/v1/")[0])
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        raise Unreachable(
            f"{reply.request.url} answered {reply.status_code}, but not as a satellite does",
            hint="the URL is that of the Explorer, usually port 8000",
        ) from error


def is_satellite(reply: httpx.Response) -> bool:
    """Whether a satellite answered, and nobody else at its URL."""
    return "x-satellite" in reply.headers


def notes(call: Call[Any], reply: httpx.Response, before: list[str]) -> list[str]:
    """What the satellite noted of the query of this request; warns of notes that were not there before."""
    if "query" not in (call.body or call.params):
        return before
    if not reply.is_success or b'"notes":' not in reply.content:
        return []
    try:
        notes = msgspec.json.decode(reply.content, type=Noted).notes
    except msgspec.MsgspecError:
        return []
    for note in notes:
        if note not in before:
            log.warning("%s", note)
    return notes


def error_of(body: dict[str, Any], url: str = "") -> SatelliteError:
    """The error that a reply holds, as it was raised there; `url`: the Explorer's, for links."""
    kinds = [SatelliteError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    details = {name: value for name, value in body.items() if name not in {"code", "message", "hint"}}
    kind = next((kind for kind in kinds if kind.code == body["code"]), SatelliteError)
    lines = [body["message"]]
    if isinstance(explanation := details.get("explanation"), dict):
        lines += [f"  {line}" for line in explanation.get("lines", ())]
        if url and explanation.get("explorer"):
            lines.append(f"  open: {url}{explanation['explorer']}")
    return kind(visible("\n".join(lines)), hint=body.get("hint"), **details)


def failed(url: str, error: httpx.HTTPError) -> Unreachable:
    """What it means that a request came to nothing."""
    if isinstance(error, httpx.TimeoutException):
        return Unreachable(f"the satellite at {url} did not answer in time ({error})")
    return Unreachable(
        f"no satellite answers at {url} ({error})",
        hint="is it running, and is this the Explorer's address (`satellite serve` prints it)?",
    )


def options(url: str, transport: Any) -> dict[str, Any]:
    """Of an HTTP client for this URL. Raises BadRequest when it is none."""
    host = urlsplit(url).hostname
    if host is None:
        raise BadRequest(f"not a URL: {url!r}", hint=f"such as {DEFAULT_URL}")
    found = {"base_url": url.rstrip("/"), "transport": transport, "trust_env": not is_own_machine(url)}
    if url.lower().startswith("http:") and is_own_machine(url):
        # Nobody's certificate is looked at there, and to read the authorities takes longer than most questions.
        found["verify"] = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return found


def is_own_machine(url: str) -> bool:
    """Whether it is of this machine, which a proxy from the environment cannot reach."""
    host = urlsplit(url).hostname or ""
    return host == "localhost" or host.startswith("127.") or host == "::1"


def content(call: Call[Any]) -> dict[str, Any]:
    """What a request carries, as httpx takes it, and how long to wait for an answer."""
    timeout = httpx.Timeout(PATIENCE_S + call.waits_s, connect=PATIENCE_S)
    return {"params": call.params, "json": call.body, "content": call.content, "timeout": timeout}
