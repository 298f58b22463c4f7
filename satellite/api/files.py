"""Files of spans, in and out, of any size: both ways they stream, one at a time a project."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from satellite.api.parameters import Bounds, Project, named
from satellite.api.routes import Routes, json
from satellite.api.streaming import LongAnswer
from satellite.api.turns import Turns
from satellite.errors import BadReport, Overloaded, SatelliteError, TooLarge
from satellite.explore.asked import Sources
from satellite.intake.intake import Intake
from satellite.model.report import Receipt
from satellite.protocols.files.formats import FILE_FORMATS
from satellite.protocols.files.reading import Body, FileReader

PORTION_BYTES = 1 << 20
"""Of an uploaded file, read at once."""
TOGETHER_BYTES, TOGETHER = 8 << 20, 256
"""Bodies that are handed to the intake at once, which decodes them together (ours)."""
WARNINGS_MAX = 100
WORKERS = 4
"""Threads that write and read files, and do nothing else (ours)."""
_AGAIN_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0)
"""Pauses before a full intake is asked again."""

FormatName = Literal["otlp-json", "otlp-protobuf", "jaeger-json", "zipkin-json", "lightstep"]
"""The names of FILE_FORMATS."""


class Imported(msgspec.Struct, frozen=True):
    """What became of the spans of a file."""

    spans: int
    """Taken: `new + repeated + replaced + merged`."""
    new: int
    repeated: int
    """Kept already, with the same content."""
    replaced: int
    """Other versions of spans kept already, or of one another: one of each is left."""
    merged: int
    """Parts without a time, added to the span they belong to."""
    dropped: dict[str, int]
    """What could not be kept, by reason."""
    warnings: list[str]
    """At most 100, each with its place in the file: which documents could not be read, what was odd in others."""
    format: str
    """In which format most of it was written; "" for forms that only an import knows."""
    found: str
    """What the file turned out to be, in words."""
    failed: int
    """Documents (lines, messages) that could not be read."""


class ExportAsked(Bounds):
    """Parameters of …/export."""

    format: FormatName = Field("otlp-json", description="How the spans are written.")


class ImportAsked(BaseModel):
    """Parameters of …/import."""

    model_config = ConfigDict(extra="forbid")

    format: Literal["auto"] | FormatName = Field(
        "auto", description="What the file must be; `auto`: whatever it turns out to be."
    )


def routes(sources: Sources, intake: Intake) -> Routes:
    """Their endpoints."""
    routes = Routes()
    exports, imports = Turns("exports"), Turns("imports", per_project=2)
    workers = ThreadPoolExecutor(WORKERS, "files")

    @routes.other("GET", "/projects/{project}/export")
    async def export(project: Project, asked: ExportAsked) -> Response:
        """The matching spans as a file, however many; meta events only when the query asks for them.

        Exports of one project are written one after another.
        """
        file_format = FILE_FORMATS[asked.format]
        loop = asyncio.get_running_loop()
        where = await loop.run_in_executor(workers, asked.asked, sources, project)
        await exports.take(project)
        try:
            pieces = await loop.run_in_executor(
                workers, lambda: file_format.pieces(where.source.batches(project, where.plan))
            )
        except BaseException:
            exports.leave(project)
            raise
        return _Export(
            _from_thread(pieces, workers),
            then=lambda: exports.leave(project),
            media_type=file_format.media_type,
            headers={"content-disposition": f'attachment; filename="{project}{file_format.suffix}"'},
        )

    @routes.post("/projects/{project}/import", Imported)
    async def import_file(project: Project, asked: ImportAsked, request: Request) -> Response:
        """Keep the spans of a file, as if they had just arrived.

        The file says itself what it is: OTLP, Jaeger's, Zipkin's or LightStep's spans as JSON (one document, a list, one a
        line) or as their protobuf, plain or gzip. Documents that cannot be read are named in `warnings` and do not cost the
        others; when no span was taken the answer is an error that says why.
        """
        named(project)
        async with imports.turn(project):
            return json(await _Import(intake, project, FileReader(asked.format), workers).run(request))

    return routes


# Out


class _Export(LongAnswer):
    """Sends the pieces of a file."""

    def __init__(
        self,
        pieces: AsyncIterator[bytes],
        *,
        then: Callable[[], None],
        media_type: str,
        headers: dict[str, str],
    ) -> None:
        """Args: `then` is called when it is over, however it ends."""
        super().__init__(pieces, media_type=media_type, headers=headers)
        self._then = then

    async def over(self) -> None:
        self._then()


async def _from_thread(pieces: Iterator[bytes], workers: Executor) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    while (piece := await loop.run_in_executor(workers, next, pieces, None)) is not None:
        if piece:
            yield piece


# In


class _Import:
    """One file on its way in."""

    def __init__(self, intake: Intake, project: str, reader: FileReader, workers: Executor) -> None:
        self._workers = workers
        self._intake = intake
        self._project = project
        self._reader = reader
        self._spans = 0
        self._once: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._warnings: list[str] = []
        self._formats: Counter[str] = Counter()

    async def run(self, request: Request) -> Imported:
        """Take all of it.

        Raises:
            BadReport: no span was taken.
            Overloaded: the intake stayed full; what was taken before stays.
        """
        fault = await self._read(request)
        if fault is not None:
            self._reader.fault("", fault.message)
        if not self._spans:
            nothing = self._why_nothing()
            raise type(fault)(nothing.message, hint=fault.hint or nothing.hint) if fault else nothing
        most = self._formats.most_common(1)
        return Imported(
            spans=self._spans,
            new=self._spans - self._once.total(),
            repeated=self._once["duplicate"],
            replaced=self._once["replaced"],
            merged=self._once["merged"],
            dropped=dict(self._dropped),
            warnings=[*self._reader.faults, *self._left_out(), *self._warnings][:WARNINGS_MAX],
            format=most[0][0] if most else "",
            found=self._reader.found,
            failed=self._reader.faulty,
        )

    async def _read(self, request: Request) -> SatelliteError | None:
        """Why the file could not be read to its end, if so."""
        try:
            portion = bytearray()
            async for chunk in request.stream():
                portion += chunk
                if len(portion) >= PORTION_BYTES:
                    await self._take(self._reader.feed(bytes(portion)))
                    portion.clear()
            await self._take(self._reader.feed(bytes(portion)))
            await self._take(self._reader.finish())
        except (BadReport, TooLarge) as fault:
            return fault.bare()
        return None

    async def _take(self, bodies: Iterator[Body]) -> None:
        """Hand bodies over as they come, many together."""
        loop = asyncio.get_running_loop()
        fault: SatelliteError | None = None
        while fault is None:
            together: list[Body] = []
            fault = await loop.run_in_executor(self._workers, _fill, together, bodies)
            if not together:
                break
            async with asyncio.TaskGroup() as tasks:
                waiting = [tasks.create_task(self._submit(body)) for body in together]
            for body, task in zip(together, waiting, strict=True):
                self._note(body, task.result())
        if fault is not None:
            raise fault

    async def _submit(self, body: Body) -> Receipt:
        for seconds in _AGAIN_SECONDS:
            receipt = await self._intake.submit(
                body.protocol, body.content, project=self._project, peer="import"
            )
            if not isinstance(receipt.refusal, Overloaded):
                return receipt
            await asyncio.sleep(seconds)
        return receipt

    def _note(self, body: Body, receipt: Receipt) -> None:
        if isinstance(receipt.refusal, BadReport | TooLarge):
            self._reader.fault(body.place, receipt.refusal.message)
            return
        if receipt.refusal is not None:
            raise receipt.refusal
        self._formats[body.format] += 1
        self._spans += receipt.stored
        self._once.update(receipt.kept_once)
        self._dropped.update(receipt.dropped)
        if len(self._warnings) < WARNINGS_MAX:
            self._warnings += [f"{body.place}: {warning}" for warning in receipt.warnings]

    def _left_out(self) -> list[str]:
        return [
            f"left out: {count} document{'' if count == 1 else 's'} of {what}; this takes traces"
            for what, count in self._reader.others.items()
        ]

    def _why_nothing(self) -> BadReport:
        error = self._reader.why_nothing()
        if self._dropped and not self._reader.faults:
            said = "; ".join(self._warnings[:3]) or ", ".join(self._dropped)
            return BadReport(
                f"no span was taken from the file: {self._reader.found}, but {said}", hint=error.hint
            )
        return error


def _fill(together: list[Body], bodies: Iterator[Body]) -> SatelliteError | None:
    """Take so many bodies; returns what went wrong after them."""
    size = 0
    try:
        for body in bodies:
            together.append(body)
            size += len(body.content)
            if size >= TOGETHER_BYTES or len(together) == TOGETHER:
                break
    except SatelliteError as fault:
        return fault
    return None
