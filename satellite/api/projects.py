"""Projects: a fresh one, what they hold, their marks, and letting go."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Protocol

import msgspec
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from satellite.api.parameters import Project, named
from satellite.api.routes import BODY_BYTES_MAX, Routes, content_of, json, read
from satellite.errors import BadRequest
from satellite.explore.asked import known
from satellite.intake.arrivals import Arrivals
from satellite.intake.tokens import is_project_name
from satellite.intake.writer import Writer
from satellite.requests.log import RequestLog
from satellite.store import Ledger, ProjectStats, Store


class ProjectList(msgspec.Struct, frozen=True):
    """All projects, by name."""

    projects: list[ProjectStats]


class ProjectAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a fresh project is to be called."""

    name: str = "project"
    """The beginning of its token."""


class ProjectMade(msgspec.Struct, frozen=True):
    """A project to report to."""

    token: str
    """The access token to report with."""
    project: str
    """Its name in this API."""
    mark: int


class Mark(msgspec.Struct, frozen=True):
    """The place of the last span in the order of arrival; 0 before the first."""

    mark: int


class Removed(msgspec.Struct, frozen=True):
    """How many spans were removed."""

    removed: int


class ResetAsked(BaseModel):
    """Parameters of /reset."""

    model_config = ConfigDict(extra="forbid")

    all: bool = Field(default=False, description="Must be true: the spans of every project go.")


_NAME_MAX = 48
"""Characters: a token has a few more, and 64 at most."""


class Kept(Protocol):
    """What is kept of projects beside their spans."""

    def drop(self, project: str) -> None:
        """Forget all of a project."""
        ...


def routes(
    store: Store, kept: Sequence[Kept], arrivals: Arrivals, writer: Writer, requests: RequestLog
) -> Routes:
    """Their endpoints; `kept` goes with a project that is dropped."""
    routes = Routes()

    def emptied(project: str) -> int:
        mark = store.mark(project)
        removed = store.reset(project)
        requests.clear(project)
        arrivals.emptied(project, mark)
        return removed

    @routes.get("/projects", ProjectList)
    def projects() -> Response:
        """All projects with what they hold and have held."""
        return json(ProjectList(store.projects()))

    @routes.post("/projects", ProjectMade, takes=ProjectAsked)
    async def make(request: Request) -> Response:
        """A token that nobody has used yet, for spans that nobody else is to see. The project begins with its first report.

        A satellite that takes only the tokens of its settings has none to give.
        """
        name = read(await content_of(request, BODY_BYTES_MAX, "the body"), ProjectAsked).name
        if not is_project_name(name) or len(name) > _NAME_MAX:
            hint = f"1 to {_NAME_MAX} letters, digits, '.', '_', '-'"
            raise BadRequest(f"{name!r} cannot begin a project's name", hint=hint, parameter="name")
        if writer.tokens.mode != "open":
            raise BadRequest(
                "there are no fresh tokens: this satellite takes those of its settings only",
                hint="start it without access_tokens and disable_access_token_checking",
            )
        token = f"{name}-{secrets.token_hex(4)}"
        project = writer.tokens.project(token)
        return json(ProjectMade(token, project, store.mark(project)))

    @routes.get("/projects/{project}", ProjectStats)
    def project(project: Project) -> Response:
        """What it holds and has held; nothing before its first report."""
        named(project)
        found = [stats for stats in store.projects() if stats.project == project]
        return json(found[0] if found else ProjectStats(project, 0, 0, 0, store.mark(project), Ledger()))

    def mark_at_hand(project: Project) -> Response | None:
        return mark(project) if store.at_hand(project) else None

    @routes.post("/projects/{project}/mark", Mark, at_once=mark_at_hand)
    def mark(project: Project) -> Response:
        """Where the project stands in its order of arrival; also before its first span."""
        place = store.mark(project)
        requests.marked(project, place)
        return json(Mark(place))

    @routes.post("/projects/{project}/reset", Removed)
    def reset(project: Project) -> Response:
        """Remove all spans and logged requests; marks go on, and the ledger counts the spans as evicted."""
        return json(Removed(emptied(known(store, project))))

    @routes.post("/reset", Removed)
    def reset_all(asked: ResetAsked) -> Response:
        """The same for every project."""
        if not asked.all:
            raise BadRequest(
                "all: must be true, for every project is emptied",
                hint="POST …/reset?all=true; one project: POST …/projects/{project}/reset",
                parameter="all",
            )
        return json(Removed(sum(emptied(stats.project) for stats in store.projects())))

    @routes.other("DELETE", "/projects/{project}", status=204)
    def drop(project: Project) -> Response:
        """Forget the project, ledger and all; whoever waits for its spans is told. Its faults go even if it had no report."""
        for part in kept:
            part.drop(project)
        writer.forget(project)
        store.drop(known(store, project))
        arrivals.dropped(project)
        return Response(status_code=204)

    return routes
