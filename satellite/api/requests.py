"""The request log: what came to the ports for reports, and what was answered."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from satellite.api.parameters import Project
from satellite.api.routes import Routes, json
from satellite.errors import NotFound
from satellite.protocols import PROTOCOLS, WEB_PROTOCOLS
from satellite.requests.decoded import DecodedRequest, Inflate, decoded
from satellite.requests.entry import Entry
from satellite.requests.log import NOBODY, RequestLog
from satellite.requests.shown import LIMIT_MAX, RequestDetail, RequestList, Wanted, detail, listed

INFLATED_BYTES_MAX = 64 * 2**20

_PROTOCOLS = (*PROTOCOLS, *WEB_PROTOCOLS)

Number = Annotated[int, Field(ge=0, le=2**62, description="The request's place in the log.")]


class RequestsAsked(BaseModel):
    """Which requests."""

    model_config = ConfigDict(extra="forbid")

    protocol: str | None = Field(None, max_length=100, description="The wire protocol's name, as in metrics.")
    transport: Literal["http", "grpc"] | None = None
    path: str | None = Field(None, max_length=1000, description="`*` at its end stands for any rest.")
    status: str | None = Field(
        None,
        pattern=r"^([1-5]\d\d|[1-5]xx|0|[A-Za-z_]{2,30})$",
        description="A status of HTTP (503, 4xx; 0: nothing was answered) or the name of one of gRPC.",
    )
    outcome: Literal["stored", "refused", "aborted", "other"] | None = None
    service: str | None = Field(None, max_length=1000, description="The reporter's service.")
    reporter: str | None = Field(
        None, pattern=r"^[0-9A-Fa-f]{1,16}$", description="The reporter's id, in hex digits."
    )
    since: int | None = Field(None, ge=0, le=2**62, description="Those that came after this mark.")
    after: int | None = Field(None, ge=0, le=2**62, description="Those after the request of this number.")
    limit: int = Field(100, ge=1, le=LIMIT_MAX, description="The newest so many.")

    def wanted(self) -> Wanted:
        """The same for the log."""
        return Wanted(**self.model_dump(exclude={"limit"}))


def routes(log: RequestLog, inflate: Inflate) -> Routes:
    """Their endpoints: those of a project, and those that reached none."""
    routes = Routes()

    def found(project: str, number: int) -> Entry:
        for entry in log.entries(project):
            if entry.number == number:
                return entry
        hint = (
            "the newest ones are kept, see request_log_bytes"
            if log.on
            else "the log is switched off: request_log_bytes is 0"
        )
        raise NotFound(f"there is no request {number} in the log", hint=hint)

    @routes.get("/projects/{project}/requests", RequestList)
    def requests(project: Project, asked: RequestsAsked) -> Response:
        """Requests whose reports were for this project, in order, refused ones among them; it need not have received anything."""
        return json(listed(log, project, asked.wanted(), asked.limit))

    @routes.get("/projects/{project}/requests/{number}", RequestDetail)
    def request(project: Project, number: Number) -> Response:
        """One of them with its head and its answer."""
        return json(detail(found(project, number)))

    @routes.other("GET", "/projects/{project}/requests/{number}/body")
    def body(project: Project, number: Number) -> Response:
        """Its body as it was sent: compressed, if it was; over gRPC the message. It holds what its sender put into it, tokens, too."""
        return _file(found(project, number))

    @routes.get("/projects/{project}/requests/{number}/decoded", DecodedRequest)
    def read(project: Project, number: Number) -> Response:
        """Its body as its protocol reads it: reporter, spans, what the client counted."""
        return json(decoded(found(project, number), _PROTOCOLS, inflate, bytes_max=INFLATED_BYTES_MAX))

    @routes.get("/requests", RequestList)
    def strangers(asked: RequestsAsked) -> Response:
        """Requests that reached no project: unknown tokens and paths, bodies that are no report, senders that left."""
        return json(listed(log, NOBODY, asked.wanted(), asked.limit))

    @routes.get("/requests/{number}", RequestDetail)
    def stranger(number: Number) -> Response:
        """One of them with its head and its answer."""
        return json(detail(found(NOBODY, number)))

    @routes.other("GET", "/requests/{number}/body")
    def body_of_stranger(number: Number) -> Response:
        """Its body as it was sent."""
        return _file(found(NOBODY, number))

    @routes.get("/requests/{number}/decoded", DecodedRequest)
    def read_stranger(number: Number) -> Response:
        """Its body as its protocol reads it."""
        return json(decoded(found(NOBODY, number), _PROTOCOLS, inflate, bytes_max=INFLATED_BYTES_MAX))

    return routes


def _file(entry: Entry) -> Response:
    name = f"request-{entry.number}.bin"
    headers = {"content-disposition": f'attachment; filename="{name}"', "x-content-type-options": "nosniff"}
    return Response(entry.body, media_type="application/octet-stream", headers=headers)
