"""The service directory."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import Query, Response

from satellite.api.parameters import Bounds, Project
from satellite.api.routes import Routes, json
from satellite.explore.asked import Sources
from satellite.explore.services import Service, services


class ServiceList(msgspec.Struct, frozen=True):
    """The services that report, alphabetical."""

    services: list[Service]


def routes(sources: Sources) -> Routes:
    """Its endpoint."""
    routes = Routes()

    @routes.get("/projects/{project}/services", ServiceList)
    def service_directory(project: Project, asked: Annotated[Bounds, Query()]) -> Response:
        """The services that report, alphabetical."""
        where = asked.asked(sources, project)
        return json(ServiceList(services(where.source, project, where.plan)))

    return routes
