"""Whole traces."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import Path, Query, Response

from satellite.api.parameters import Project, SourceAsked
from satellite.api.routes import Routes, json
from satellite.explore.asked import Sources
from satellite.explore.trace import trace
from satellite.model.span import Span

TraceId = Annotated[str, Path(description="16 or 32 hex digits.")]


class Trace(msgspec.Struct, frozen=True):
    """Every span of one trace, by start, then span id."""

    trace_id: str
    spans: list[Span]


def routes(sources: Sources) -> Routes:
    """Their endpoint."""
    routes = Routes()

    @routes.get("/projects/{project}/traces/{trace_id}", Trace)
    def one_trace(project: Project, trace_id: TraceId, asked: Annotated[SourceAsked, Query()]) -> Response:
        """Every span of a trace."""
        where = asked.asked(sources, project)
        found = trace(where.source, project, trace_id)
        return json(Trace(max((span.trace_id for span in found), key=len), found))

    return routes
