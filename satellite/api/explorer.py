"""The Explorer's HTTP API: `/api/v1`, its errors, and the OpenAPI document that describes both.

Endpoints turn parameters into a Plan, ask the store or `explore`, and write the answer with msgspec; the schemas of
the document are made from the same types. What is served beside the API (pages, diagnostics) is mounted by others.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Annotated, Any, Literal, Protocol

import msgspec
from fastapi import FastAPI, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from satellite import errors
from satellite.errors import BadRequest, NotFound, SatelliteError
from satellite.explore.expect import Expectation, Met, expect
from satellite.explore.groups import GroupRow, groups
from satellite.explore.services import Service, services
from satellite.explore.suggest import suggest
from satellite.explore.trace import trace
from satellite.explore.window import plan_of
from satellite.intake.arrivals import Arrivals
from satellite.intake.tokens import is_project_name
from satellite.model.report import Receipt
from satellite.model.span import Span
from satellite.model.spans import SpanBatch, SpanBuilder
from satellite.protocols.file_formats import FILE_FORMATS
from satellite.protocols.wire import WireProtocol
from satellite.query.plan import Plan
from satellite.store import Histogram, Order, Page, ProjectStats, Store, Suggestion, SuggestionKind

ROOT = "/api/v1"
BODY_BYTES_MAX = 1 << 20
"""Of a request to this API; spans come in by other ports."""
EXPORT_SPANS_MAX = 100_000
IMPORT_BYTES_MAX = 256 << 20
_US_MAX = (2**63 - 1) // 1000


FormatName = Literal["otlp-json", "otlp-protobuf", "jaeger-json", "zipkin-json", "lightstep"]
"""The names of FILE_FORMATS."""


class ProjectList(msgspec.Struct, frozen=True):
    """All projects, by name."""

    projects: list[ProjectStats]


class ServiceList(msgspec.Struct, frozen=True):
    """The services that report, alphabetical."""

    services: list[Service]


class SuggestionList(msgspec.Struct, frozen=True):
    """Names that occur, the most frequent first."""

    suggestions: list[Suggestion]


class GroupList(msgspec.Struct, frozen=True):
    """The matching spans by the values of `by`."""

    by: list[str]
    groups: list[GroupRow]


class Trace(msgspec.Struct, frozen=True):
    """Every span of one trace, by start, then span id."""

    trace_id: str
    spans: list[Span]


class Mark(msgspec.Struct, frozen=True):
    """The place of the last span in the order of arrival; 0 before the first."""

    mark: int


class Removed(msgspec.Struct, frozen=True):
    """How many spans were removed."""

    removed: int


class Imported(msgspec.Struct, frozen=True):
    """What became of the spans of a file."""

    spans: int
    """Taken; those kept already count, and are kept once."""
    dropped: dict[str, int]
    """By reason."""
    warnings: list[str]


class ErrorBody(msgspec.Struct, frozen=True):
    """What went wrong. More fields say where (`line`, `column`, `parameter`) or what was seen (`explanation`)."""

    code: str
    message: str
    hint: str | None


class ErrorAnswer(msgspec.Struct, frozen=True):
    """The one shape of every error."""

    error: ErrorBody


class Bounds(BaseModel):
    """Which spans: the query, and what is no part of a predicate."""

    model_config = ConfigDict(extra="forbid")

    query: str = Field(
        "", max_length=65_536, description="The predicate, in any written form; empty: all spans."
    )
    oldest_us: int | None = Field(
        None, ge=-_US_MAX, le=_US_MAX, description="Start at or after; µs since 1970."
    )
    youngest_us: int | None = Field(None, ge=-_US_MAX, le=_US_MAX, description="Start before.")
    min_latency_us: int | None = Field(None, ge=-_US_MAX, le=_US_MAX, description="Duration at least.")
    max_latency_us: int | None = Field(None, ge=-_US_MAX, le=_US_MAX, description="Duration below.")
    since: int = Field(0, ge=0, le=2**62, description="Only what arrived after this mark.")

    def plan(self) -> Plan:
        """What they mean together."""
        return plan_of(
            self.query,
            oldest_us=self.oldest_us,
            youngest_us=self.youngest_us,
            min_latency_us=self.min_latency_us,
            max_latency_us=self.max_latency_us,
            since=self.since,
        )


class SpansAsked(Bounds):
    """Parameters of …/spans."""

    order: Order = Field("-latency", description="`-` is descending; `arrival` is the order of marks.")
    limit: int = Field(50, ge=1, le=1000)
    cursor: str | None = Field(None, max_length=4096, description="`next_cursor` of the page before.")


class SuggestAsked(Bounds):
    """Parameters of …/suggest."""

    kind: SuggestionKind
    key: str = Field("", description="The tag whose values to suggest, for kind=value.")
    q: str = Field("", max_length=1000, description="Only names that contain this, letter case aside.")


class GroupsAsked(Bounds):
    """Parameters of …/groups."""

    by: str = Field("service,operation", description="`service`, `operation` or tags, separated by commas.")


Project = Annotated[str, Path(description="A project's name; in open mode the access token itself.")]
TraceId = Annotated[str, Path(description="16 or 32 hex digits.")]


class ExportAsked(Bounds):
    """Parameters of …/export."""

    format: FormatName = Field("otlp-json", description="How the spans are written.")


class ImportAsked(BaseModel):
    """Parameters of …/import."""

    model_config = ConfigDict(extra="forbid")

    format: FormatName = Field("otlp-json", description="How the spans are written.")


class ApiIntake(Protocol):
    """What this API needs of the intake."""

    async def submit(
        self, protocol: WireProtocol, body: bytes, *, project: str | None = None, peer: str = ""
    ) -> Receipt:
        """Take one body for a project."""
        ...

    def forget(self, project: str) -> None:
        """Its project was dropped."""
        ...


def create_api(*, store: Store, arrivals: Arrivals, intake: ApiIntake, version: str) -> FastAPI:
    """The application that answers `/api/v1` about the projects of this store.

    Endpoints that ask the store are plain functions: FastAPI runs them in its worker threads, 40 at once.
    """
    api = FastAPI(
        title="Mock LightStep Satellite",
        version=version,
        openapi_url=f"{ROOT}/openapi.json",
        docs_url=None,  # FastAPI's pages load scripts from elsewhere
        redoc_url=None,
    )
    _handle_errors(api)
    api.openapi = lambda: _document(api)  # type: ignore[method-assign]

    def known(project: str) -> str:
        if not store.mark(project) and all(stats.project != project for stats in store.projects()):
            raise NotFound(
                f"no project {project!r} has received spans",
                hint=f"GET {ROOT}/projects lists those that have; a project begins with its first report",
            )
        return project

    @api.get(f"{ROOT}/projects", **_answers(ProjectList))
    def projects() -> Response:
        """All projects with what they hold and have held."""
        return _json(ProjectList(store.projects()))

    @api.get(f"{ROOT}/projects/{{project}}/services", **_answers(ServiceList))
    def service_directory(project: Project, asked: Annotated[Bounds, Query()]) -> Response:
        """The services that report, alphabetical."""
        return _json(ServiceList(services(store, known(project), asked.plan())))

    @api.get(f"{ROOT}/projects/{{project}}/suggest", **_answers(SuggestionList))
    def suggestions(project: Project, asked: Annotated[SuggestAsked, Query()]) -> Response:
        """At most 100 names for the query bar, among the spans that match the query's other terms."""
        plan = asked.plan()
        return _json(
            SuggestionList(suggest(store, known(project), asked.kind, plan, key=asked.key, text=asked.q))
        )

    @api.get(f"{ROOT}/projects/{{project}}/spans", **_answers(Page))
    def spans(project: Project, asked: Annotated[SpansAsked, Query()]) -> Response:
        """The matching spans, in pages that stay the same while more spans arrive."""
        plan = asked.plan()
        page = store.find(known(project), plan, order=asked.order, limit=asked.limit, cursor=asked.cursor)
        return _json(page)

    @api.get(f"{ROOT}/projects/{{project}}/traces/{{trace_id}}", **_answers(Trace))
    def one_trace(project: Project, trace_id: TraceId) -> Response:
        """Every span of a trace."""
        found = trace(store, known(project), trace_id)
        return _json(Trace(max((span.trace_id for span in found), key=len), found))

    @api.get(f"{ROOT}/projects/{{project}}/histogram", **_answers(Histogram))
    def histogram(project: Project, asked: Annotated[Bounds, Query()]) -> Response:
        """Latencies of all matching spans: 20 buckets to a power of ten, and exact percentiles."""
        plan = asked.plan()
        return _json(store.histogram(known(project), plan))

    @api.get(f"{ROOT}/projects/{{project}}/groups", **_answers(GroupList))
    def group_by(project: Project, asked: Annotated[GroupsAsked, Query()]) -> Response:
        """The matching spans by the values of keys: count, errors, latencies."""
        rows = groups(store, known(project), asked.plan(), asked.by)
        return _json(GroupList([key.strip() for key in asked.by.split(",")], rows))

    @api.get(f"{ROOT}/projects/{{project}}/export", response_class=Response)
    def export(project: Project, asked: Annotated[ExportAsked, Query()]) -> Response:
        """The matching spans as a file, at most 100,000; meta events only when the query asks for them."""
        plan = asked.plan()
        number = store.count(known(project), plan)
        if number > EXPORT_SPANS_MAX:
            raise BadRequest(
                f"{number} spans match; a file holds at most {EXPORT_SPANS_MAX}",
                hint="narrow the query, or take one time window after another (oldest_us, youngest_us)",
            )
        known_format = FILE_FORMATS[asked.format]
        batch = SpanBatch.concat([SpanBuilder().build(), *store.batches(project, plan)])
        return Response(known_format.encode(batch), media_type=known_format.media_type)

    @api.post(f"{ROOT}/projects/{{project}}/import", **_answers(Imported))
    async def import_file(
        project: Project, asked: Annotated[ImportAsked, Query()], request: Request
    ) -> Response:
        """Keep the spans of a file, as if they had just arrived."""
        if not is_project_name(project):
            raise BadRequest(f"{project!r} cannot be a project's name", parameter="project")
        known_format = FILE_FORMATS[asked.format]
        content = await _content_of(request, IMPORT_BYTES_MAX, "the file")
        bodies = await asyncio.to_thread(known_format.bodies, content)
        stored, dropped, warnings = 0, Counter[str](), []
        for body in bodies:
            receipt = await intake.submit(known_format.reader, body, project=project, peer="import")
            if receipt.refusal is not None:
                raise receipt.refusal
            stored += receipt.stored
            dropped.update(receipt.dropped)
            warnings += receipt.warnings
        return _json(Imported(stored, dict(dropped), warnings[:100]))

    @api.post(f"{ROOT}/projects/{{project}}/mark", **_answers(Mark))
    def mark(project: Project) -> Response:
        """Where the project stands in its order of arrival; also before its first span."""
        return _json(Mark(store.mark(project)))

    @api.post(f"{ROOT}/projects/{{project}}/expect", **_answers(Met, takes=Expectation))
    async def wait(project: Project, request: Request) -> Response:
        """Wait until the right number of spans has arrived: 200; 408 when they do not, 409 when too many do.

        The answer comes with the arrival that completes it. A project that has not received anything yet will do.
        """
        return _json(await expect(store, arrivals, project, await _body(request)))

    @api.post(f"{ROOT}/projects/{{project}}/reset", **_answers(Removed))
    def reset(project: Project) -> Response:
        """Remove all spans; marks go on, and the ledger counts the spans as evicted."""
        removed = store.reset(known(project))
        arrivals.notify(project)
        return _json(Removed(removed))

    @api.delete(f"{ROOT}/projects/{{project}}", status_code=204, response_class=Response)
    def drop(project: Project) -> Response:
        """Forget the project, ledger and all; whoever waits for its spans is told."""
        store.drop(known(project))
        intake.forget(project)
        arrivals.dropped(project)
        return Response(status_code=204)

    return api


async def _body(request: Request) -> Expectation:
    """The expectation posted, whatever content type it claims (`curl -d` claims a form). Empty: the default."""
    body = await _content_of(request, BODY_BYTES_MAX, "the body")
    try:
        return msgspec.json.decode(body or b"{}", type=Expectation)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        hint = '{"query": …, "since": mark, "count": {"min": 1, "max": null}, "timeout_ms": …, "quiet_ms": …}'
        raise BadRequest(f"the body is no expectation: {error}", hint=hint) from error


async def _content_of(request: Request, bytes_max: int, what: str) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > bytes_max:
            raise errors.TooLarge(f"{what} is over {bytes_max} bytes")
    return bytes(body)


_ENCODER = msgspec.json.Encoder()


def _json(answer: msgspec.Struct) -> Response:
    return Response(_ENCODER.encode(answer), media_type="application/json")


def _refusal(error: SatelliteError, headers: Any = None) -> Response:
    body = _ENCODER.encode(error.as_json())
    return Response(body, error.http_status, headers=headers, media_type="application/json")


# Errors


def _handle_errors(api: FastAPI) -> None:
    """Every error in the one shape, those of Starlette and FastAPI too."""

    @api.exception_handler(SatelliteError)
    def ours(_: Request, error: SatelliteError) -> Response:
        headers = {"retry-after": "1"} if isinstance(error, errors.Overloaded) else None
        return _refusal(error, headers)

    @api.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        name = str(first["loc"][-1])
        if first["type"] == "extra_forbidden":
            message, hint = f"there is no parameter {name}", f"see {ROOT}/openapi.json"
        else:
            message, hint = f"{name}: {first['msg']}", None
        return _refusal(BadRequest(message, hint=hint, parameter=name))

    @api.exception_handler(HTTPException)
    def routing(request: Request, error: HTTPException) -> Response:
        what = f"{request.method} {request.url.path}"
        known = {
            404: ("not_found", f"no such endpoint: {what}"),
            405: ("method_not_allowed", f"not allowed: {what}"),
        }
        code, message = known.get(error.status_code, ("error", str(error.detail)))
        body = {"error": {"code": code, "message": message, "hint": f"see {ROOT}/openapi.json"}}
        return Response(_ENCODER.encode(body), error.status_code, error.headers, "application/json")

    @api.exception_handler(Exception)
    def unforeseen(_: Request, __: Exception) -> Response:
        # The server logs the exception; what it holds is not for whoever asked.
        return _refusal(SatelliteError("the satellite failed to answer", hint="its log says why"))


# The OpenAPI document

_ANSWERS: tuple[type[msgspec.Struct], ...] = (
    ProjectList,
    ServiceList,
    SuggestionList,
    Page,
    Trace,
    Histogram,
    GroupList,
    Mark,
    Met,
    Removed,
    Imported,
    ErrorAnswer,
    Expectation,
)


def _answers(answer: type[msgspec.Struct], *, takes: type[msgspec.Struct] | None = None) -> dict[str, Any]:
    """Keyword arguments of a route that answers with (and takes) such a struct."""
    arguments: dict[str, Any] = {
        "response_class": Response,
        "responses": {200: {"description": "OK", "content": _content(answer)}},
    }
    if takes is not None:
        arguments["openapi_extra"] = {"requestBody": {"content": _content(takes)}}
        arguments["responses"] |= {
            408: {"description": "They did not come in time", "content": _content(ErrorAnswer)},
            409: {"description": "More came than are right", "content": _content(ErrorAnswer)},
        }
    return arguments


def _content(body: type[msgspec.Struct]) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{body.__name__}"}}}


def _document(api: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, made once."""
    if api.openapi_schema is None:
        document = get_openapi(title=api.title, version=api.version, routes=api.routes)
        _, schemas = msgspec.json.schema_components(_ANSWERS, ref_template="#/components/schemas/{name}")
        document["components"] = {"schemas": schemas}
        for operations in document["paths"].values():
            for operation in operations.values():
                operation["responses"].pop("422", None)  # FastAPI's own; ours is 400
                operation["responses"]["default"] = {"description": "Error", "content": _content(ErrorAnswer)}
        api.openapi_schema = document
    return api.openapi_schema
