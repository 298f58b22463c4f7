"""Streams: saved queries over time."""

from __future__ import annotations

from typing import Annotated

import msgspec
from anyio import to_thread
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from satellite.api.parameters import Project, named
from satellite.api.routes import BODY_BYTES_MAX, Routes, content_of, json, read
from satellite.explore.streams import COLUMNS_MAX, Series, Stream, Streams

StreamId = Annotated[str, Field(description="8 letters and digits.", max_length=64)]


class StreamAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to save."""

    query: Annotated[str, msgspec.Meta(max_length=65_536)]
    name: Annotated[str, msgspec.Meta(max_length=200)] = ""
    """Left out: the query."""
    backfill: bool = False
    """Begin with the spans in memory; else with those that arrive from now on."""


class StreamList(msgspec.Struct, frozen=True):
    """A project's streams, the oldest first."""

    streams: list[Stream]


class StreamsAsked(BaseModel):
    """Parameters of …/streams."""

    model_config = ConfigDict(extra="forbid")

    query: str | None = Field(
        None, max_length=65_536, description="Only the stream of a query that means the same."
    )


class SeriesAsked(BaseModel):
    """Parameters of …/series."""

    model_config = ConfigDict(extra="forbid")

    oldest_us: int | None = Field(
        None,
        ge=0,
        le=2**53,
        description="Left out: a day before the end, or 6 hours or 1 where nothing lies before them.",
    )
    youngest_us: int | None = Field(None, ge=0, le=2**53, description="Left out: now.")
    columns: int = Field(288, ge=1, le=COLUMNS_MAX, description="Steps of time at most; each whole minutes.")


def routes(streams: Streams) -> Routes:
    """Their endpoints."""
    routes = Routes()

    @routes.post("/projects/{project}/streams", Stream, takes=StreamAsked)
    async def create(project: Project, request: Request) -> Response:
        """Save a query: its latency, rate and errors are kept over time. One that means the same is kept once."""
        asked = read(await content_of(request, BODY_BYTES_MAX, "the body"), StreamAsked)
        named(project)

        def make() -> Stream:
            return streams.create(project, asked.query, name=asked.name, backfill=asked.backfill)

        return json(await to_thread.run_sync(make))

    @routes.get("/projects/{project}/streams", StreamList)
    def saved(project: Project, asked: StreamsAsked) -> Response:
        """The saved queries."""
        return json(StreamList(streams.of(project, asked.query)))

    @routes.get("/projects/{project}/streams/{identifier}/series", Series)
    def series(project: Project, identifier: StreamId, asked: SeriesAsked) -> Response:
        """A stream's latency, rate and errors over time."""
        found = streams.series(
            project,
            identifier,
            oldest_us=asked.oldest_us,
            youngest_us=asked.youngest_us,
            columns=asked.columns,
        )
        return json(found)

    @routes.other("DELETE", "/projects/{project}/streams/{identifier}", status=204)
    def delete(project: Project, identifier: StreamId) -> Response:
        """Forget it."""
        streams.delete(project, identifier)
        return Response(status_code=204)

    return routes
