"""`satellite reporters` and `fence`: who reports with what, what was lost on the way, and whether all of it is in."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from mock_lightstep_satellite.calls import DEFAULT_URL
from mock_lightstep_satellite.cli.durations import FORMS, seconds
from mock_lightstep_satellite.cli.query import Format, FormatOption, ProjectName, Url, asking, write_json
from mock_lightstep_satellite.cli.tables import Table, remark
from mock_lightstep_satellite.row import Row
from mock_lightstep_satellite.span import latency


def reporters(
    url: Url = DEFAULT_URL, project: ProjectName = None, format_: FormatOption = Format.TABLE
) -> None:
    """Each reporter: its tracer, when it was last heard, reports taken and refused, spans received, lost by the client, lost here."""
    with asking(url, project, may_be_new=True) as asked:
        found = asked.reporters()
    _show(found, format_)
    if not found and format_ is not Format.JSON:
        remark("nobody reported to this project yet")


def fence(
    services: Annotated[
        list[str] | None,
        typer.Argument(help="A report of each of these; without: of each reporter heard so far."),
    ] = None,
    url: Url = DEFAULT_URL,
    project: ProjectName = None,
    timeout: Annotated[str, typer.Option("--timeout", help=f"How long to wait: {FORMS}.")] = "5s",
    format_: FormatOption = Format.TABLE,
) -> None:
    """Wait until each reporter has begun another report: all that it sent before is in. Exit code: 0 so it is, 1 not in time."""
    with asking(url, project, may_be_new=True) as asked:
        found = asked.fence(*(services or ()), timeout=seconds(timeout))
    _show(found, format_)


def _show(found: list[Row], format_: Format) -> None:
    if format_ is Format.JSON:
        write_json({"reporters": found})
        return
    columns = (
        "service",
        "reporter=",
        "tracer",
        "last seen>",
        "reports>",
        "refused>",
        "spans>",
        "lost there>",
        "lost here>",
    )
    table = Table(columns)
    for one in found:
        here = sum(one["dropped_here"].values())
        ago_us = max(0, time.time_ns() - one["last_seen_ns"]) // 1000
        table.add(
            one["service"],
            one["id"],
            f"{one['tracer'] or one['protocol']} {one['tracer_version']}".strip(),
            f"{latency(ago_us)} ago",
            *(str(number) for number in (one["reports"], one["refused"], one["spans"], one["dropped"], here)),
            style="red" if one["refused"] or one["dropped"] or here else "",
        )
    table.print()
