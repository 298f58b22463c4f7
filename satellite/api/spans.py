"""Spans in pages."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import Query, Response
from pydantic import Field

from satellite.api.explanations import Explanations
from satellite.api.parameters import Project, TableBounds
from satellite.api.routes import Routes, json
from satellite.explore.asked import Sources
from satellite.explore.explanation import Explanation
from satellite.store import Order, Page


class SpansAsked(TableBounds):
    """Parameters of …/spans."""

    order: Order = Field("-latency", description="`-` is descending; `arrival` is the order of marks.")
    limit: int = Field(50, ge=1, le=1000)
    cursor: str | None = Field(None, max_length=4096, description="`next_cursor` of the page before.")


class SpanPage(Page, frozen=True, kw_only=True):
    """Some of the matching spans, in order."""

    explanation: Explanation | None
    """When none matches: why."""


def routes(sources: Sources, explanations: Explanations) -> Routes:
    """Their endpoint."""
    routes = Routes()

    @routes.get("/projects/{project}/spans", SpanPage)
    def spans(project: Project, asked: Annotated[SpansAsked, Query()]) -> Response:
        """The matching spans, in pages that stay the same while more spans arrive."""
        where = asked.table(sources, project)
        page = where.source.find(
            project, where.plan, order=asked.order, limit=asked.limit, cursor=asked.cursor
        )
        why = None if page.total else explanations.of(where.source, project, where.plan)
        return json(SpanPage(**msgspec.structs.asdict(page), explanation=why))

    return routes
