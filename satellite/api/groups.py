"""Groups of the matching spans."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import Query, Response
from pydantic import Field

from satellite.api.parameters import Bounds, Project, known
from satellite.api.routes import Routes, json
from satellite.explore.groups import GroupRow, groups
from satellite.store import Store


class GroupList(msgspec.Struct, frozen=True):
    """The matching spans by the values of `by`."""

    by: list[str]
    groups: list[GroupRow]


class GroupsAsked(Bounds):
    """Parameters of …/groups."""

    by: str = Field("service,operation", description="`service`, `operation` or tags, separated by commas.")


def routes(store: Store) -> Routes:
    """Their endpoint."""
    routes = Routes()

    @routes.get("/projects/{project}/groups", GroupList)
    def group_by(project: Project, asked: Annotated[GroupsAsked, Query()]) -> Response:
        """The matching spans by the values of keys: count, errors, latencies."""
        rows = groups(store, known(store, project), asked.plan(), asked.by)
        return json(GroupList([key.strip() for key in asked.by.split(",")], rows))

    return routes
