"""`satellite data`: looks after a data directory that no satellite is using: check, compact, export, import."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from satellite.errors import BadRequest, SatelliteError

if TYPE_CHECKING:
    from satellite.model.spans import SpanBatch
    from satellite.store.clickhouse.engine import ClickHouseStore
    from satellite.store.recall.engine import RecallStore

app = typer.Typer(no_args_is_help=True, help="Look after a data directory that no satellite is using.")

Place = Annotated[
    str, typer.Argument(help="The data directory; that of a ClickHouse is written chdb:///folder, too.")
]
ProjectName = Annotated[str, typer.Option("--project", "-p", help="The project.")]

_CHDB = "chdb://"

EVER_SECONDS = 100 * 365 * 86_400
"""How long after its arrival a span is known when it is imported again."""


@contextmanager
def _opened(
    place: str, *, begin: bool = False, duplicate_window_seconds: float = 120
) -> Iterator[RecallStore | ClickHouseStore]:
    """The store of a folder, of whichever engine, or at a URL, without budgets: nothing is let go of.

    `begin`: it is made where there is none, with ClickHouse if it is written chdb:///folder. Raises BadRequest, BadDataDirectory.
    """
    from satellite.settings import Settings
    from satellite.storage import CLICKHOUSE, open_chdb, open_clickhouse, open_recall

    folder = None if _is_server(place) else Path(place.removeprefix(_CHDB))
    is_chdb = place.startswith(_CHDB)
    if folder is not None and not begin:
        if not folder.is_dir():
            raise BadRequest(f"{folder} is no folder")
        if is_chdb and not (folder / CLICKHOUSE).is_dir():
            raise BadRequest(
                f"{folder} has no tables of ClickHouse",
                hint="another data directory is written without chdb://",
            )
    unlimited = 2**62
    settings = Settings(
        data_dir=folder,
        bytes_per_project=512 * 2**20,
        bytes_in_total=2**30,
        disk_bytes_per_project=unlimited,
        disk_bytes_in_total=unlimited,
        duplicate_window_seconds=duplicate_window_seconds,
    )
    store: RecallStore | ClickHouseStore
    if folder is None:
        store, state = open_clickhouse(place, settings, time.monotonic)
    elif is_chdb or (folder / CLICKHOUSE).is_dir():
        store, state = open_chdb(folder, settings, time.monotonic)
    else:
        store, state = open_recall(settings, time.monotonic)
    try:
        yield store
    finally:
        state.close()
        store.close()


def _is_server(place: str) -> bool:
    return place.startswith(("http://", "https://"))


def _of_one_satellite(place: str) -> str:
    """A place, if it is no server. Raises BadRequest."""
    if _is_server(place):
        raise BadRequest(
            "this is for the folder of one satellite, not for a server of ClickHouse",
            hint="`satellite export` and `satellite import` ask any satellite before that server",
        )
    return place


@app.command()
def check(
    place: Annotated[
        str,
        typer.Argument(
            help="The data directory, or the URL of a ClickHouse, which satellites may be using.",
            envvar="COLLECTOR_CLICKHOUSE_URL",
        ),
    ],
) -> None:
    """Look at every byte, say what is there and what is damaged; exit code 1 when something is.

    What is damaged is set aside in `damaged/`, as a satellite would do. In ClickHouse the tables are compared with those that
    a satellite makes, and their bytes with their checksums.
    """
    if _is_server(place):
        _check_url(place)
    with _opened(place) as store:
        store.check()
        for found in store.projects():
            print(
                f"{found.project}: {found.spans:,} spans, {found.disk_bytes:,} bytes in files, "
                f"{found.recall_window_us // 1_000_000:,} s, mark {found.mark}"
            )
        damaged = [one for one in store.damage if not one.torn]
        for one in store.damage:
            print(f"{'cut off' if one.torn else 'damaged'}: {one}", file=sys.stderr)
    if damaged:
        raise typer.Exit(1)
    print("all is whole")


def _check_url(text: str) -> None:
    """Raises BadRequest, without saying the URL."""
    from satellite.store.clickhouse.server import Server

    try:
        Server.of(text)
    except ValueError as error:
        raise BadRequest(f"the URL of ClickHouse: {error}") from None


@app.command()
def compact(place: Place) -> None:
    """Put all spans of the journal into files, and small files together; what replaced spans took is free again."""
    with _opened(_of_one_satellite(place)) as store:
        before = sum(found.disk_bytes for found in store.projects())
        store.compact()
        after = sum(found.disk_bytes for found in store.projects())
    print(f"{before:,} bytes in files before, {after:,} now")


@app.command()
def export(
    place: Place,
    output: Annotated[Path, typer.Argument(help="The file to write.")],
    project: ProjectName = "default",
    query: Annotated[str, typer.Option(help="Only the spans that match.")] = "",
    format_: Annotated[
        str, typer.Option("--format", help="What to write, as for `satellite export`.")
    ] = "otlp-json",
) -> None:
    """Write the spans of a project to a file that any satellite, and other tools, can read."""
    from satellite.explore.window import plan_of
    from satellite.protocols.files.formats import FILE_FORMATS

    if format_ not in FILE_FORMATS:
        raise BadRequest(f"--format: one of {', '.join(FILE_FORMATS)}")
    with _opened(_of_one_satellite(place)) as store:
        plan = plan_of(query)
        try:
            with output.open("wb") as file:
                for piece in FILE_FORMATS[format_].pieces(store.batches(project, plan)):
                    file.write(piece)
        except OSError as error:
            raise BadRequest(f"{output}: {error.strerror}") from error
        print(f"{store.count(project, plan):,} spans")


@app.command(name="import")
def import_(
    place: Annotated[
        str,
        typer.Argument(
            help="The data directory; it is made when it is not there, as chdb:///folder with ClickHouse."
        ),
    ],
    source: Annotated[str, typer.Argument(help="Another data directory, or a file of spans.")],
    project: ProjectName = "default",
) -> None:
    """Take over another data directory with all its projects, or a file into one; what is here already is kept once.

    A file may be of any form that `satellite import` reads.
    """
    file = Path(_of_one_satellite(source))
    if not file.exists() and not source.startswith(_CHDB):
        raise BadRequest(f"there is no {source}")
    with _opened(_of_one_satellite(place), begin=True, duplicate_window_seconds=EVER_SECONDS) as store:
        if file.is_file():
            _report(project, store, _batches_of(file))
            return
        from satellite.query.plan import ALL

        with _opened(source) as other:
            for found in other.projects():
                _report(found.project, store, other.batches(found.project, ALL))


def _report(project: str, store: RecallStore | ClickHouseStore, batches: Iterable[SpanBatch]) -> None:
    new = repeated = 0
    for batch in batches:
        written = store.write(project, batch, arrived_ns=time.time_ns())
        new += written.stored
        repeated += len(batch) - written.stored
    print(f"{project}: {new:,} new spans, {repeated:,} that were here")


def _batches_of(source: Path) -> Iterator[SpanBatch]:
    from satellite.protocols.files.reading import FileReader

    reader = FileReader()
    spans = 0
    with source.open("rb") as file:
        pieces = iter(lambda: file.read(2**20), b"")
        for body in chain.from_iterable(chain((reader.feed(piece) for piece in pieces), (reader.finish(),))):
            decoded = body.protocol.decode([body.content], time.time_ns())
            for outcome in decoded.reports:
                if isinstance(outcome, SatelliteError):
                    print(f"satellite: {body.place}: {outcome.message}", file=sys.stderr)
            spans += len(decoded.batch)
            yield decoded.batch
    if not spans:
        raise reader.why_nothing()
