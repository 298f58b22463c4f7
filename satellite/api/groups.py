"""Groups of the matching spans."""

from __future__ import annotations

from pydantic import Field
from starlette.responses import Response

from satellite.api.parameters import Project, TableBounds
from satellite.api.routes import Routes, json
from satellite.explore.asked import Sources
from satellite.explore.groups import GroupTable, groups
from satellite.store import GroupOrder


class GroupsAsked(TableBounds):
    """Parameters of …/groups."""

    by: str = Field("service,operation", description="`service`, `operation` or tags, separated by commas.")
    order: GroupOrder = Field(
        "-avg_latency_us", description="`-` is descending; groups that lack a key come last."
    )
    limit: int = Field(1000, ge=1, le=1000)
    offset: int = Field(0, ge=0, le=2**31, description="Leave out so many groups.")


def routes(sources: Sources) -> Routes:
    """Their endpoint."""
    routes = Routes()

    @routes.get("/projects/{project}/groups", GroupTable)
    def group_by(project: Project, asked: GroupsAsked) -> Response:
        """The matching spans by the values of keys: count, errors, latencies, distribution."""
        where = asked.table(sources, project)
        return json(
            groups(
                where.source,
                project,
                where.plan,
                asked.by,
                order=asked.order,
                limit=asked.limit,
                offset=asked.offset,
            )
        )

    return routes
