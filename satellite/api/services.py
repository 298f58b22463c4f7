"""The service directory."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from starlette.responses import Response

from satellite.api.parameters import Bounds, Project
from satellite.api.routes import Routes, json
from satellite.explore.asked import Sources
from satellite.explore.services import SERIES_MAX, OneService, ServiceList, service, services
from satellite.explore.slots import Slots

ServiceName = Annotated[str, Field(description="A service's name.")]


class ServicesAsked(Bounds):
    """Parameters of …/services."""

    series: int = Field(
        0, ge=0, le=SERIES_MAX, description="In how many steps of time to show each; 0: none."
    )


def routes(sources: Sources, slots: Slots) -> Routes:
    """Its endpoints."""
    routes = Routes()

    @routes.get("/projects/{project}/services", ServiceList)
    def service_directory(project: Project, asked: ServicesAsked) -> Response:
        """The services that report, alphabetical, each with the slot of its colour."""
        where = asked.asked(sources, project)
        found = services(where.source, project, where.plan, slots, series=asked.series)
        return json(ServiceList(found))

    @routes.get("/projects/{project}/services/{name:path}", OneService)
    def one_service(project: Project, name: ServiceName, asked: ServicesAsked) -> Response:
        """A service with its operations, in and out."""
        where = asked.asked(sources, project)
        return json(service(where.source, project, where.plan, slots, name, series=asked.series))

    return routes
