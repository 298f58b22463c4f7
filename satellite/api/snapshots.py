"""Snapshots: runs, kept; as files; beside each other."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from anyio import to_thread
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from satellite.api.parameters import Project
from satellite.api.routes import BODY_BYTES_MAX, Routes, content_of, json, read, with_notes
from satellite.explore.asked import Percentile, Sources
from satellite.explore.compare import Comparison, compare
from satellite.explore.snapshot import Kept, Run, Snapshot
from satellite.explore.snapshots import PAGE

FILE_BYTES_MAX = 256 << 20

SnapshotId = Annotated[str, Field(description="10 letters and digits.", max_length=64)]

_Us = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]


class RunAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to run: the query and its bounds, as the other questions take them."""

    query: Annotated[str, msgspec.Meta(max_length=65_536)] = ""
    oldest_us: _Us | None = None
    youngest_us: _Us | None = None
    min_latency_us: _Us | None = None
    max_latency_us: _Us | None = None
    percentile: Percentile | None = None
    name: Annotated[str, msgspec.Meta(max_length=200)] = ""
    state: dict[str, Any] = {}
    """Of the screen, kept for it."""
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = PAGE
    """Spans on the first page."""


class SnapshotList(msgspec.Struct, frozen=True):
    """A project's snapshots, the newest first."""

    snapshots: list[Snapshot]


class SnapshotChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change; what is left out stays."""

    name: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    pinned: bool | None = None
    state: dict[str, Any] | None = None


class CompareAsked(BaseModel):
    """Parameters of …/compare."""

    model_config = ConfigDict(extra="forbid")

    by: str = Field("", description="Compare groups too, by `service`, `operation` or tags, with commas.")


class SnapshotImported(msgspec.Struct, frozen=True):
    """The snapshot of a file."""

    snapshot: Snapshot
    removed: list[str]
    """Snapshots that went to make room."""


def routes(sources: Sources) -> Routes:
    """Their endpoints."""
    routes = Routes()
    snapshots = sources.snapshots

    @routes.post("/projects/{project}/snapshots", Run, takes=RunAsked)
    async def run(project: Project, request: Request) -> Response:
        """Run a query: histogram, slowest spans, and the snapshot that keeps what was found."""
        asked = read(await content_of(request, BODY_BYTES_MAX, "the body"), RunAsked)

        def find() -> Run:
            where = sources.asked(
                project,
                asked.query,
                percentile=asked.percentile,
                oldest_us=asked.oldest_us,
                youngest_us=asked.youngest_us,
                min_latency_us=asked.min_latency_us,
                max_latency_us=asked.max_latency_us,
            )
            return snapshots.run(
                project, asked.query, where.plan, name=asked.name, screen=asked.state, limit=asked.limit
            )

        return with_notes(json(await routes.workers.answer(project, find)), asked.query)

    @routes.get("/projects/{project}/snapshots", SnapshotList)
    def recent(project: Project) -> Response:
        """The snapshots that are kept, the newest first."""
        return json(SnapshotList(snapshots.of(project)))

    @routes.get("/projects/{project}/snapshots/{identifier}", Kept)
    def one(project: Project, identifier: SnapshotId) -> Response:
        """A snapshot with its histogram. All questions can be asked of it: `snapshot=ID`."""
        return json(snapshots.get(project, identifier))

    @routes.post("/projects/{project}/snapshots/{identifier}", Snapshot, takes=SnapshotChange)
    async def change(project: Project, identifier: SnapshotId, request: Request) -> Response:
        """Name it, pin it so that it stays, keep the state of its screen."""
        asked = read(await content_of(request, BODY_BYTES_MAX, "the body"), SnapshotChange)

        def apply() -> Snapshot:
            return snapshots.change(
                project, identifier, name=asked.name, pinned=asked.pinned, screen=asked.state
            )

        return json(await to_thread.run_sync(apply))

    @routes.get("/projects/{project}/snapshots/{identifier}/compare/{other}", Comparison)
    def beside(project: Project, identifier: SnapshotId, other: SnapshotId, asked: CompareAsked) -> Response:
        """From this snapshot, the baseline, to the other: services and calls that came and went, what changed."""
        before, _ = snapshots.source(project, identifier)
        after, _ = snapshots.source(project, other)
        return json(compare(project, (identifier, before), (other, after), by=asked.by))

    @routes.other("DELETE", "/projects/{project}/snapshots/{identifier}", status=204)
    def delete(project: Project, identifier: SnapshotId) -> Response:
        """Forget it."""
        snapshots.delete(project, identifier)
        return Response(status_code=204)

    @routes.other("GET", "/projects/{project}/snapshots/{identifier}/file")
    def export(project: Project, identifier: SnapshotId) -> Response:
        """The snapshot as one JSON file, spans and all."""
        name = f"snapshot-{identifier}.json"
        return Response(
            snapshots.export(project, identifier),
            media_type="application/json",
            headers={"content-disposition": f'attachment; filename="{name}"'},
        )

    @routes.post("/projects/{project}/import-snapshot", SnapshotImported)
    async def import_file(project: Project, request: Request) -> Response:
        """Keep the snapshot of a file; its id stays if no other has it here."""
        content = await content_of(request, FILE_BYTES_MAX, "the file")
        snapshot, removed = await to_thread.run_sync(snapshots.import_, project, content)
        return json(SnapshotImported(snapshot, removed))

    return routes
