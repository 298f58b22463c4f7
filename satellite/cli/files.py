"""`satellite export` writes spans to a file, `satellite import` reads them back into a satellite."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mock_lightstep_satellite.client import DEFAULT_URL
from satellite.cli.query import ProjectName, Query, Since, Url, asking, oldest_us


class FileFormat(StrEnum):
    """How spans are written."""

    OTLP_JSON = "otlp-json"
    OTLP_PROTOBUF = "otlp-protobuf"
    JAEGER_JSON = "jaeger-json"
    ZIPKIN_JSON = "zipkin-json"
    LIGHTSTEP = "lightstep"


FormatOption = Annotated[
    FileFormat, typer.Option("--format", help="OTLP loses nothing; lightstep is a row of delimited reports.")
]


def export(
    query: Query = "",
    url: Url = DEFAULT_URL,
    project: ProjectName = None,
    since: Since = None,
    format_: FormatOption = FileFormat.OTLP_JSON,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; else standard output.")
    ] = None,
) -> None:
    """Write the spans that match a query to a file, at most 100,000."""
    with asking(url, project) as asked:
        content = asked.export(query, format=format_.value, oldest_us=oldest_us(since))
    if output is None:
        sys.stdout.buffer.write(content)
    else:
        output.write_bytes(content)


def import_(
    file: Annotated[Path, typer.Argument(help="The file, or - for standard input.", allow_dash=True)],
    url: Url = DEFAULT_URL,
    project: ProjectName = None,
    format_: FormatOption = FileFormat.OTLP_JSON,
) -> None:
    """Keep the spans of a file, as if they had just arrived; the project need not exist."""
    try:
        content = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}", param_hint="FILE") from error
    with asking(url, project, may_be_new=True) as asked:
        taken = asked.import_(content, format=format_.value)
    for warning in taken["warnings"]:
        typer.echo(f"warning: {warning}", err=True)
    dropped = "".join(f", {number} dropped ({reason})" for reason, number in taken["dropped"].items())
    typer.echo(f"{taken['spans']} spans taken{dropped}", err=True)
