"""Spans in pages."""

from __future__ import annotations

from typing import Literal

import msgspec
from pydantic import Field
from starlette.responses import Response

from satellite.api.explanations import Explanations
from satellite.api.parameters import Project, TableBounds
from satellite.api.routes import Routes, json
from satellite.errors import BadRequest
from satellite.explore.asked import Sources
from satellite.explore.explanation import Explanation
from satellite.store import ByValue, Order, Page

SpanOrder = Literal["-latency", "latency", "-start", "start", "arrival", "-arrival", "value", "-value"]


class SpansAsked(TableBounds):
    """Parameters of …/spans."""

    order: SpanOrder = Field(
        "-latency",
        description="`-` is descending, of `-arrival` the newest first; `arrival` is the order of marks, `value` that of "
        "the values of `by`.",
    )
    limit: int = Field(50, ge=1, le=1000)
    cursor: str | None = Field(None, max_length=4096, description="`next_cursor` of the page before.")
    by: str | None = Field(
        None,
        min_length=1,
        max_length=1000,
        description="With the orders `value` and `-value`: service, operation or the key of a tag. "
        "Numbers come before other texts, spans without a value last.",
    )

    def sorted_by(self) -> Order | ByValue:
        """The order. Raises BadRequest: a key without an order by value, or the other way round."""
        match self.order:
            case "value" | "-value":
                if self.by is None:
                    raise BadRequest("by: missing", hint="the key whose values are the order", parameter="by")
                return ByValue(self.by, descending=self.order == "-value")
            case order if self.by is not None:
                raise BadRequest(
                    f"order: {order} is no order by value", hint="order=value or -value", parameter="order"
                )
            case order:
                return order


class SpanPage(Page, frozen=True, kw_only=True):
    """Some of the matching spans, in order."""

    explanation: Explanation | None
    """When none matches: why."""


def routes(sources: Sources, explanations: Explanations) -> Routes:
    """Their endpoint."""
    routes = Routes()

    @routes.get("/projects/{project}/spans", SpanPage)
    def spans(project: Project, asked: SpansAsked) -> Response:
        """The matching spans, in pages that stay the same while more spans arrive."""
        where = asked.table(sources, project)
        page = where.source.find(
            project, where.plan, order=asked.sorted_by(), limit=asked.limit, cursor=asked.cursor
        )
        why = None if page.total else explanations.of(where.source, project, where.plan)
        return json(SpanPage(**msgspec.structs.asdict(page), explanation=why))

    return routes
