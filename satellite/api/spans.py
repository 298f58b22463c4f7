"""Spans in pages."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Response
from pydantic import Field

from satellite.api.parameters import Bounds, Project, known
from satellite.api.routes import Routes, json
from satellite.store import Order, Page, Store


class SpansAsked(Bounds):
    """Parameters of …/spans."""

    order: Order = Field("-latency", description="`-` is descending; `arrival` is the order of marks.")
    limit: int = Field(50, ge=1, le=1000)
    cursor: str | None = Field(None, max_length=4096, description="`next_cursor` of the page before.")


def routes(store: Store) -> Routes:
    """Their endpoint."""
    routes = Routes()

    @routes.get("/projects/{project}/spans", Page)
    def spans(project: Project, asked: Annotated[SpansAsked, Query()]) -> Response:
        """The matching spans, in pages that stay the same while more spans arrive."""
        plan = asked.plan()
        page = store.find(
            known(store, project), plan, order=asked.order, limit=asked.limit, cursor=asked.cursor
        )
        return json(page)

    return routes
