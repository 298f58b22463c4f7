"""`satellite check`: what is odd about spans as they were sent."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from mock_lightstep_satellite.calls import DEFAULT_URL
from mock_lightstep_satellite.cli.exits import FINDINGS
from mock_lightstep_satellite.cli.query import (
    Format,
    FormatOption,
    ProjectName,
    Query,
    Since,
    Url,
    asking,
    canonical,
    oldest_us,
    write_json,
)
from mock_lightstep_satellite.cli.tables import console
from mock_lightstep_satellite.client import Project
from mock_lightstep_satellite.errors import NotFound
from mock_lightstep_satellite.row import Row
from mock_lightstep_satellite.span import counted
from mock_lightstep_satellite.visible import visible

_STYLES = {"error": "red", "warning": "yellow", "info": "cyan"}


def check(
    query: Query = "",
    url: Url = DEFAULT_URL,
    project: ProjectName = None,
    since: Since = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 4 when there is an error or a warning.")
    ] = False,
    format_: FormatOption = Format.TABLE,
) -> None:
    """Look for zero and repeated ids, unusable times, unknown parents, missing names; say what to do about each."""
    with asking(url, project) as asked:
        found = asked.checks(canonical(asked, query), oldest_us=oldest_us(since))
    if format_ is Format.JSON:
        write_json({"findings": found})
    else:
        _show(found)
    if strict and any(one["severity"] != "info" for one in found):
        raise typer.Exit(FINDINGS)


def findings_of(asked: Project, query: str, oldest_us: int | None) -> list[Row]:
    """Shows what is odd; those findings that `--strict` counts."""
    try:
        found = asked.checks(query, oldest_us=oldest_us)
    except NotFound:  # nothing has arrived
        return []
    grave = [one for one in found if one["severity"] != "info"]
    if grave:
        _show(grave)
    return grave


def _show(found: list[Row]) -> None:
    out = console()
    for one in found:
        spans = f"{counted(one['spans'], 'span')} of {', '.join(one['services'])}"
        out.print(
            Text.assemble((one["name"], _STYLES[one["severity"]]), visible(f": {one['message']} ({spans})"))
        )
        out.print(Text(visible(f"    {one['advice']}")))
        for example in one["examples"]:
            where = f"{example['service']}: {example['operation']}"
            out.print(Text(visible(f"    trace {example['trace_id']} span {example['span_id']} {where}")))
    if not found:
        out.print("nothing is odd about these spans")
