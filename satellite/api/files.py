"""Files of spans, in and out."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Annotated, Literal

import msgspec
from fastapi import Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from satellite.api.parameters import Bounds, Project, known
from satellite.api.routes import Routes, content_of, json
from satellite.errors import BadRequest
from satellite.intake.intake import Intake
from satellite.intake.tokens import is_project_name
from satellite.model.spans import SpanBatch, SpanBuilder
from satellite.protocols.file_formats import FILE_FORMATS
from satellite.store import Store

EXPORT_SPANS_MAX = 100_000
IMPORT_BYTES_MAX = 256 << 20

FormatName = Literal["otlp-json", "otlp-protobuf", "jaeger-json", "zipkin-json", "lightstep"]
"""The names of FILE_FORMATS."""


class Imported(msgspec.Struct, frozen=True):
    """What became of the spans of a file."""

    spans: int
    """Taken; those kept already count, and are kept once."""
    dropped: dict[str, int]
    """By reason."""
    warnings: list[str]


class ExportAsked(Bounds):
    """Parameters of …/export."""

    format: FormatName = Field("otlp-json", description="How the spans are written.")


class ImportAsked(BaseModel):
    """Parameters of …/import."""

    model_config = ConfigDict(extra="forbid")

    format: FormatName = Field("otlp-json", description="How the spans are written.")


def routes(store: Store, intake: Intake) -> Routes:
    """Their endpoints."""
    routes = Routes()

    @routes.other("GET", "/projects/{project}/export")
    def export(project: Project, asked: Annotated[ExportAsked, Query()]) -> Response:
        """The matching spans as a file, at most 100,000; meta events only when the query asks for them."""
        plan = asked.plan()
        number = store.count(known(store, project), plan)
        if number > EXPORT_SPANS_MAX:
            raise BadRequest(
                f"{number} spans match; a file holds at most {EXPORT_SPANS_MAX}",
                hint="narrow the query, or take one time window after another (oldest_us, youngest_us)",
            )
        known_format = FILE_FORMATS[asked.format]
        batch = SpanBatch.concat([SpanBuilder().build(), *store.batches(project, plan)])
        return Response(known_format.encode(batch), media_type=known_format.media_type)

    @routes.post("/projects/{project}/import", Imported)
    async def import_file(
        project: Project, asked: Annotated[ImportAsked, Query()], request: Request
    ) -> Response:
        """Keep the spans of a file, as if they had just arrived."""
        if not is_project_name(project):
            raise BadRequest(f"{project!r} cannot be a project's name", parameter="project")
        known_format = FILE_FORMATS[asked.format]
        content = await content_of(request, IMPORT_BYTES_MAX, "the file")
        bodies = await asyncio.to_thread(known_format.bodies, content)
        stored, dropped, warnings = 0, Counter[str](), []
        for body in bodies:
            receipt = await intake.submit(known_format.reader, body, project=project, peer="import")
            if receipt.refusal is not None:
                raise receipt.refusal
            stored += receipt.stored
            dropped.update(receipt.dropped)
            warnings += receipt.warnings
        return json(Imported(stored, dict(dropped), warnings[:100]))

    return routes
