"""What marks slow or failed traces."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from starlette.responses import Response

from satellite.api.parameters import US_MAX, Bounds, Project
from satellite.api.routes import Routes, json
from satellite.errors import BadRequest
from satellite.explore.asked import Percentile, Sources
from satellite.explore.correlations import Correlations, Inside, correlations


class CorrelationsAsked(Bounds):
    """Parameters of …/correlations."""

    of: Literal["latency", "errors"] = Field(
        "latency", description="errors: traces with a matching error span are inside; a range does not count."
    )
    from_us: int | None = Field(
        None,
        ge=-US_MAX,
        le=US_MAX,
        description="The range: traces with a matching span at least this long are inside. "
        "Without a range: the slowest 5 %.",
    )
    to_us: int | None = Field(None, ge=-US_MAX, le=US_MAX, description="And shorter than this.")
    from_percentile: Percentile | None = Field(
        None, description="In place of from_us: what is as slow as this percentile of the matching spans."
    )
    from_start_us: int | None = Field(
        None, ge=-US_MAX, le=US_MAX, description="A box: the span also starts at or after this."
    )
    to_start_us: int | None = Field(None, ge=-US_MAX, le=US_MAX, description="And before this.")
    min_support: int = Field(2, ge=1, le=1000, description="Traces that an attribute must mark.")
    limit: int = Field(100, ge=1, le=1000)

    def inside(self) -> Inside:
        """The range or box. Raises BadRequest for one that ends before it begins."""
        for low, high, name in (
            (self.from_us, self.to_us, "to_us"),
            (self.from_start_us, self.to_start_us, "to_start_us"),
        ):
            if low is not None and high is not None and high <= low:
                raise BadRequest(
                    f"{name} ends the range before it begins", hint="the end is exclusive", parameter=name
                )
        return Inside(self.from_us, self.to_us, self.from_start_us, self.to_start_us)


def routes(sources: Sources) -> Routes:
    """Their endpoint."""
    routes = Routes()

    @routes.get("/projects/{project}/correlations", Correlations)
    def correlate(project: Project, asked: CorrelationsAsked) -> Response:
        """Tags and operations that mark the traces inside a range, or those with errors, more than the others."""
        inside, where = asked.inside(), asked.asked(sources, project)
        found = correlations(
            where.source,
            project,
            where.plan,
            of=asked.of,
            inside=inside,
            from_percentile=asked.from_percentile,
            min_support=asked.min_support,
            limit=asked.limit,
        )
        return json(found)

    return routes
