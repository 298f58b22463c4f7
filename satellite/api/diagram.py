"""The service diagram."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from starlette.responses import Response

from satellite.api.parameters import Bounds, Project
from satellite.api.routes import Routes, json
from satellite.explore.asked import Sources
from satellite.explore.diagram import INFERRED_BY, Diagram, diagram
from satellite.explore.drawings import dot, mermaid, svg

_DRAWINGS = {
    "svg": (svg, "image/svg+xml"),
    "dot": (dot, "text/vnd.graphviz; charset=utf-8"),
    "mermaid": (mermaid, "text/plain; charset=utf-8"),
}


class DiagramAsked(Bounds):
    """Parameters of …/diagram."""

    format: Literal["json", "svg", "dot", "mermaid"] = Field(
        "json", description="json, or a drawing of the same."
    )
    inferred: bool = Field(
        default=False, description="Also services that only the tags of their callers name."
    )
    inferred_by: str = Field(
        ",".join(INFERRED_BY), max_length=1000, description="Those tags, the most telling first."
    )


def routes(sources: Sources) -> Routes:
    """Its endpoint."""
    routes = Routes()

    @routes.get("/projects/{project}/diagram", Diagram)
    def service_diagram(project: Project, asked: DiagramAsked) -> Response:
        """Services and calls in the traces of the matching spans, with errors and shares of their latency."""
        keys = [key.strip() for key in asked.inferred_by.split(",") if key.strip()]
        where = asked.asked(sources, project)
        drawn = diagram(where.source, project, where.plan, inferred=asked.inferred, inferred_by=keys)
        if asked.format == "json":
            return json(drawn)
        draw, media_type = _DRAWINGS[asked.format]
        return Response(draw(drawn), media_type=media_type)

    return routes
