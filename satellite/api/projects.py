"""Projects: what they hold, their marks, and letting go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec
from fastapi import Response

from satellite.api.parameters import Project
from satellite.api.routes import Routes, json
from satellite.explore.asked import known
from satellite.intake.arrivals import Arrivals
from satellite.intake.writer import Writer
from satellite.requests.log import RequestLog
from satellite.store import ProjectStats, Store


class ProjectList(msgspec.Struct, frozen=True):
    """All projects, by name."""

    projects: list[ProjectStats]


class Mark(msgspec.Struct, frozen=True):
    """The place of the last span in the order of arrival; 0 before the first."""

    mark: int


class Removed(msgspec.Struct, frozen=True):
    """How many spans were removed."""

    removed: int


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

    @routes.get("/projects", ProjectList)
    def projects() -> Response:
        """All projects with what they hold and have held."""
        return json(ProjectList(store.projects()))

    @routes.post("/projects/{project}/mark", Mark)
    def mark(project: Project) -> Response:
        """Where the project stands in its order of arrival; also before its first span."""
        place = store.mark(project)
        requests.marked(project, place)
        return json(Mark(place))

    @routes.post("/projects/{project}/reset", Removed)
    def reset(project: Project) -> Response:
        """Remove all spans and logged requests; marks go on, and the ledger counts the spans as evicted."""
        removed = store.reset(known(store, project))
        requests.clear(project)
        arrivals.emptied(project)
        return json(Removed(removed))

    @routes.other("DELETE", "/projects/{project}", status=204)
    def drop(project: Project) -> Response:
        """Forget the project, ledger and all; whoever waits for its spans is told."""
        store.drop(known(store, project))
        for part in kept:
            part.drop(project)
        writer.forget(project)
        arrivals.dropped(project)
        return Response(status_code=204)

    return routes
