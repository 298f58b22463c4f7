"""The service directory."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import Query, Response

from satellite.api.parameters import Bounds, Project, known
from satellite.api.routes import Routes, json
from satellite.explore.services import Service, services
from satellite.store import Store


class ServiceList(msgspec.Struct, frozen=True):
    """The services that report, alphabetical."""

    services: list[Service]


def routes(store: Store) -> Routes:
    """Its endpoint."""
    routes = Routes()

    @routes.get("/projects/{project}/services", ServiceList)
    def service_directory(project: Project, asked: Annotated[Bounds, Query()]) -> Response:
        """The services that report, alphabetical."""
        return json(ServiceList(services(store, known(store, project), asked.plan())))

    return routes
