"""Who reports: the state of each reporter of a project."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from satellite.api.parameters import Project
from satellite.api.routes import Routes, json
from satellite.intake.reporters import ReporterStatus
from satellite.intake.writer import Writer


class ReporterList(msgspec.Struct, frozen=True):
    """The reporters of a project."""

    reporters: list[ReporterStatus]
    """The last heard first."""


def routes(writer: Writer) -> Routes:
    """Their endpoint."""
    routes = Routes()

    @routes.get("/projects/{project}/reporters", ReporterList)
    def reporters(project: Project) -> Response:
        """Who reported, with which tracer, and what was lost on the way; a project that nobody reported to has none."""
        return json(ReporterList(writer.reporters(project)))

    return routes
