"""Latency: the histogram, and latency over time."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from starlette.responses import Response

from satellite.api.parameters import Bounds, Project
from satellite.api.routes import Routes, json
from satellite.errors import BadRequest
from satellite.explore.asked import Sources
from satellite.explore.heat_map import COLUMNS, COLUMNS_MAX, HeatMap, heat_map
from satellite.explore.histogram import LAYERS, LatencyHistogram, LayerName, histogram
from satellite.query import parse


class HistogramAsked(Bounds):
    """Parameters of …/histogram."""

    layers: str = Field("", description="Look at the past too: `1h`, `1d`, `1w`, separated by commas.")
    overlay: str | None = Field(
        None, max_length=65_536, description="A predicate whose spans to count on the same axis."
    )
    overlay_in: Literal["result", "trace"] = Field(
        "result",
        description="Where the overlay's attribute is: on the matching span, or anywhere in its trace.",
    )

    def named_layers(self) -> list[LayerName]:
        """The layers. Raises BadRequest."""
        named = [name.strip() for name in self.layers.split(",") if name.strip()]
        found = [name for name in LAYERS if name in named]
        if len(found) < len(named):
            raise BadRequest(
                f"layers are {', '.join(LAYERS)}, each once", hint="layers=1h,1d", parameter="layers"
            )
        return found


class HeatMapAsked(Bounds):
    """Parameters of …/heatmap."""

    columns: int = Field(COLUMNS, ge=1, le=COLUMNS_MAX, description="Steps of time.")


def routes(sources: Sources) -> Routes:
    """Their endpoints."""
    routes = Routes()

    @routes.get("/projects/{project}/histogram", LatencyHistogram)
    def latency_histogram(project: Project, asked: HistogramAsked) -> Response:
        """Latencies of all matching spans: 20 buckets to a power of ten, and exact percentiles."""
        where = asked.asked(sources, project)
        found = histogram(
            where.source,
            project,
            where.plan,
            layers=asked.named_layers(),
            overlay=None if asked.overlay is None else parse(asked.overlay).plan,
            anywhere=asked.overlay_in == "trace",
        )
        return json(found)

    @routes.get("/projects/{project}/heatmap", HeatMap)
    def latency_over_time(project: Project, asked: HeatMapAsked) -> Response:
        """Latency over time: the matching spans by start and latency bucket, percentiles of each step.

        A box in it is asked for by oldest_us, youngest_us, min_latency_us and max_latency_us, which every question
        takes.
        """
        where = asked.asked(sources, project)
        return json(heat_map(where.source, project, where.plan, columns=asked.columns))

    return routes
