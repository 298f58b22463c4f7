"""The latency histogram."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Response

from satellite.api.parameters import Bounds, Project, known
from satellite.api.routes import Routes, json
from satellite.store import Histogram, Store


def routes(store: Store) -> Routes:
    """Its endpoint."""
    routes = Routes()

    @routes.get("/projects/{project}/histogram", Histogram)
    def histogram(project: Project, asked: Annotated[Bounds, Query()]) -> Response:
        """Latencies of all matching spans: 20 buckets to a power of ten, and exact percentiles."""
        plan = asked.plan()
        return json(store.histogram(known(store, project), plan))

    return routes
