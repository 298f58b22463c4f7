"""What is odd about spans as they were sent."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from satellite.api.parameters import Bounds, Project
from satellite.api.routes import Routes, json
from satellite.checks.finding import Finding
from satellite.checks.spans import findings
from satellite.explore.asked import Sources


class Checks(msgspec.Struct, frozen=True):
    """What the protocol checks found."""

    findings: list[Finding]
    """One per kind, the worst first; empty: nothing is odd."""


def routes(sources: Sources) -> Routes:
    """Their endpoint."""
    routes = Routes()

    @routes.get("/projects/{project}/checks", Checks)
    def check(project: Project, asked: Bounds) -> Response:
        """What is odd about the matching spans: ids, times, names, and how they belong together."""
        where = asked.asked(sources, project)
        return json(Checks(findings(where.source.batches(project, where.plan))))

    return routes
