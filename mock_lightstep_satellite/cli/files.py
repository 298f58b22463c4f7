"""`satellite export` writes spans to a file, `satellite import` reads files of many kinds into a satellite."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from mock_lightstep_satellite.calls import DEFAULT_URL
from mock_lightstep_satellite.cli.query import ProjectName, Query, Since, Url, asking, canonical, oldest_us
from mock_lightstep_satellite.span import counted
from mock_lightstep_satellite.visible import visible

PORTION_BYTES = 1 << 18

Advance = Callable[[int], None]
"""So many bytes more."""


class FileFormat(StrEnum):
    """How spans are written."""

    OTLP_JSON = "otlp-json"
    OTLP_PROTOBUF = "otlp-protobuf"
    JAEGER_JSON = "jaeger-json"
    ZIPKIN_JSON = "zipkin-json"
    LIGHTSTEP = "lightstep"


class ImportFormat(StrEnum):
    """What a file must be."""

    AUTO = "auto"
    OTLP_JSON = "otlp-json"
    OTLP_PROTOBUF = "otlp-protobuf"
    JAEGER_JSON = "jaeger-json"
    ZIPKIN_JSON = "zipkin-json"
    LIGHTSTEP = "lightstep"


def export(
    query: Query = "",
    url: Url = DEFAULT_URL,
    project: ProjectName = None,
    since: Since = None,
    format_: Annotated[
        FileFormat,
        typer.Option("--format", help="OTLP loses nothing; lightstep is a row of delimited reports."),
    ] = FileFormat.OTLP_JSON,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; else standard output.")
    ] = None,
) -> None:
    """Write the spans that match a query to a file, however many they are."""
    with asking(url, project) as asked, _writing(output) as file, _progress("written", None) as advance:
        for piece in asked.export_stream(
            canonical(asked, query), format=format_.value, oldest_us=oldest_us(since)
        ):
            try:
                file.write(piece)
            except OSError as error:
                raise _cannot("write", output, error) from error
            advance(len(piece))


def import_(
    file: Annotated[Path, typer.Argument(help="The file, or - for standard input.", allow_dash=True)],
    url: Url = DEFAULT_URL,
    project: ProjectName = None,
    format_: Annotated[
        ImportFormat,
        typer.Option("--format", help="What the file must be; auto takes whatever it turns out to be."),
    ] = ImportFormat.AUTO,
) -> None:
    """Keep the spans of a file, as if they had just arrived; the project need not exist.

    Taken are OTLP (JSON, JSON lines, protobuf; Tempo's batches; what console exporters print), Jaeger's JSON, Zipkin's and
    LightStep's reports, plain or gzip. Lines that cannot be read are named and do not cost the others.
    """
    try:
        opened = sys.stdin.buffer if str(file) == "-" else file.open("rb")
    except OSError as error:
        raise _cannot("read", file, error) from error
    with (
        opened,
        asking(url, project, may_be_new=True) as asked,
        _progress("read", _size_of(opened)) as advance,
    ):
        taken = asked.import_(_portions(opened, file, advance), format=format_.value)
    for warning in taken["warnings"]:
        typer.echo(visible(f"warning: {warning}"), err=True)
    typer.echo(f"{counted(taken['spans'], 'span')} taken ({_fates(taken)}): {taken['found']}", err=True)


def _fates(taken: dict[str, Any]) -> str:
    """What became of them, as one line: new, repeated and whatever else occurred."""
    said = [f"{taken['new']} new", f"{taken['repeated']} repeated"]
    said += [f"{taken[fate]} {fate}" for fate in ("replaced", "merged") if taken[fate]]
    said += [f"{number} dropped ({reason})" for reason, number in taken["dropped"].items()]
    said += [f"{taken['failed']} documents not read"] if taken["failed"] else []
    return ", ".join(said)


@contextmanager
def _writing(output: Path | None) -> Iterator[BinaryIO]:
    """Where to write. A file of that name is there, or replaced, only when all has been written."""
    if output is None:
        yield sys.stdout.buffer
        return
    try:
        if output.exists() and not output.is_file():  # a device, a pipe
            with output.open("wb") as file:
                yield file
            return
        part = output.with_name(f".{output.name}.{os.getpid()}.part")
        file = part.open("wb")
    except OSError as error:
        raise _cannot("write", output, error) from error
    try:
        with file:
            yield file
        part.replace(output)
    except OSError as error:
        raise _cannot("write", output, error) from error
    finally:
        part.unlink(missing_ok=True)


def _cannot(do: str, file: Path | None, error: OSError) -> typer.BadParameter:
    return typer.BadParameter(
        f"cannot {do} {file or 'standard output'}: {error.strerror}",
        param_hint="FILE" if do == "read" else "--output",
    )


def _portions(opened: BinaryIO, file: Path, advance: Advance) -> Iterator[bytes]:
    while True:
        try:
            portion = opened.read(PORTION_BYTES)
        except OSError as error:
            raise _cannot("read", file, error) from error
        if not portion:
            return
        yield portion
        advance(len(portion))


def _size_of(opened: BinaryIO) -> int | None:
    """None when it is a pipe."""
    try:
        return os.fstat(opened.fileno()).st_size or None
    except (OSError, ValueError):
        return None


@contextmanager
def _progress(what: str, total: int | None) -> Iterator[Advance]:
    """A bar on standard error, when that is a terminal; it goes when all is done."""
    columns = (TextColumn(what), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        yield lambda size: progress.advance(task, size)
