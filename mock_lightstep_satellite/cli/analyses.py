"""The verbs that analyse: histogram, groups, correlations, diagram, snapshot, tail."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import closing, suppress
from enum import StrEnum
from math import log10
from pathlib import Path
from typing import Annotated, Any, cast

import msgspec
import typer

from mock_lightstep_satellite.calls import DEFAULT_URL, Missed
from mock_lightstep_satellite.cli.durations import seconds
from mock_lightstep_satellite.cli.query import (
    Format,
    FormatOption,
    MaxLatency,
    MinLatency,
    ProjectName,
    Query,
    Since,
    Url,
    asking,
    bounds_of,
    canonical,
    clock,
    explained,
    oldest_us,
    write_json,
)
from mock_lightstep_satellite.cli.tables import Table, console, line, remark, share
from mock_lightstep_satellite.client import Project
from mock_lightstep_satellite.errors import NotFound
from mock_lightstep_satellite.row import Row
from mock_lightstep_satellite.span import counted, latency
from mock_lightstep_satellite.trace import TracedSpan

Snapshot = Annotated[
    str | None, typer.Option("--snapshot", help="Ask this snapshot in place of the live store.")
]

_BAR = 50
"""Characters of the longest bar."""
_BESIDE_BAR = 40
"""Characters of a line that are the numbers'."""


class Of(StrEnum):
    """What correlations are about."""

    LATENCY = "latency"
    ERRORS = "errors"


class DiagramFormat(StrEnum):
    """How a diagram is written."""

    TABLE = "table"
    JSON = "json"
    SVG = "svg"
    DOT = "dot"
    MERMAID = "mermaid"


def histogram(
    query: Query = "",
    url: Url = DEFAULT_URL,
    project: ProjectName = None,
    since: Since = None,
    min_latency: MinLatency = None,
    max_latency: MaxLatency = None,
    snapshot: Snapshot = None,
    format_: FormatOption = Format.TABLE,
) -> None:
    """How long the matching spans took: a bar for each of 20 buckets to a power of ten, and exact percentiles."""
    with asking(url, project) as asked:
        bounds = bounds_of(since, min_latency, max_latency)
        found = asked.histogram(_of(asked, query, snapshot), **bounds, snapshot=snapshot)
        if format_ is Format.JSON:
            write_json(found)
        elif not found["count"]:
            explained(asked, query, bounds)
        else:
            _draw(found)


def _draw(found: dict[str, Any]) -> None:
    tallest = log10(max(bucket["count"] for bucket in found["buckets"]) + 1)
    longest = max(1, min(_BAR, console().width - _BESIDE_BAR))
    table = Table(("from>", "to>", "spans>", "errors>", *(["="] if sys.stdout.isatty() else [])))
    for bucket in found["buckets"]:
        bar = "█" * max(1, round(longest * log10(bucket["count"] + 1) / tallest))
        cells = [
            latency(bucket["from_us"]),
            latency(bucket["to_us"]),
            str(bucket["count"]),
            str(bucket["errors"]),
        ]
        table.add(*cells, *([bar] if sys.stdout.isatty() else []), style="red" if bucket["errors"] else "")
    table.print()
    marks = ", ".join(f"{name} {latency(us)}" for name, us in found["percentiles"].items())
    remark(f"{counted(found['count'], 'span')}, {counted(found['errors'], 'error')}; {marks}")


def groups(
    by: Annotated[str, typer.Argument(help="service, operation or tags, separated by commas.")],
    query: Query = "",
    url: Url = DEFAULT_URL,
    project: ProjectName = None,
    since: Since = None,
    min_latency: MinLatency = None,
    max_latency: MaxLatency = None,
    snapshot: Snapshot = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="All spans in the traces of the matching ones.")
    ] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="Groups at most.")] = 50,
    format_: FormatOption = Format.TABLE,
) -> None:
    """The matching spans by the values of one or several keys, the slowest on average first."""
    with asking(url, project) as asked:
        bounds = bounds_of(since, min_latency, max_latency)
        found = asked.groups(
            by,
            _of(asked, query, snapshot),
            **bounds,
            snapshot=snapshot,
            whole=whole,
            limit=limit,
        )
        if format_ is Format.JSON:
            write_json({"groups": found})
            return
        if not found:
            explained(asked, query, bounds)
            return
    keys = [key.strip() for key in by.split(",")]
    table = Table((*keys, "spans>", "errors>", "average>", "p50>", "p95>", "p99>"))
    for row in found:
        table.add(
            *map(_value, row["values"]),
            str(row["count"]),
            share(row["error_ratio"]),
            *(latency(row[name]) for name in ("avg_latency_us", "p50_us", "p95_us", "p99_us")),
            style="red" if row["errors"] else "",
        )
    table.print()
    if len(found) == limit:
        remark(f"there may be more than --limit {limit}")


def correlations(
    query: Query = "",
    url: Url = DEFAULT_URL,
    project: ProjectName = None,
    since: Since = None,
    snapshot: Snapshot = None,
    of: Annotated[
        Of, typer.Option("--of", help="What marks slow traces, or those with errors.")
    ] = Of.LATENCY,
    from_: Annotated[
        str | None,
        typer.Option("--from", help="Slow is: this and longer (500ms, 2s). Default: the slowest 5 %."),
    ] = None,
    to: Annotated[str | None, typer.Option("--to", help="And shorter than this.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="Rows at most.")] = 30,
    format_: FormatOption = Format.TABLE,
) -> None:
    """Tags and operations that mark slow (or failed) traces and not the others: +1 only those, −1 never those."""
    with asking(url, project) as asked:
        found = asked.correlations(
            _of(asked, query, snapshot),
            of=of.value,
            oldest_us=oldest_us(since),
            snapshot=snapshot,
            from_us=_us(from_),
            to_us=_us(to),
            limit=limit,
        )
        if format_ is Format.JSON:
            write_json(found)
            return
        if not found["traces"]:
            explained(asked, query, bounds_of(since))
            return
    if found["reason"]:
        inside = counted(found["in_traces"], "trace")
        remark(f"no contrast: {inside} inside, {found['out_traces']} outside")
        return
    table = Table(("score>", "what", "where", "inside>", "others>", "same traces"))
    for row in found["correlations"]:
        what = (
            f"{row['key']} = {_value(row['value'])}"
            if row["kind"] != "operation"
            else f"{row['key']}: {row['value']}"
        )
        table.add(
            f"{row['score']:+.2f}",
            what,
            {"operation": "critical path", "result": "matching spans", "trace": "other spans"}[row["kind"]],
            share(row["in_share"]),
            share(row["out_share"]),
            ", ".join(f"{one['key']} = {_value(one['value'])}" for one in row["same"]),
        )
    table.print()
    remark(f"{counted(found['in_traces'], 'trace')} inside, {found['out_traces']} others")


def diagram(
    query: Query = "",
    url: Url = DEFAULT_URL,
    project: ProjectName = None,
    since: Since = None,
    snapshot: Snapshot = None,
    inferred: Annotated[
        bool, typer.Option("--inferred", help="Also services that only the tags of their callers name.")
    ] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write it to this file.")] = None,
    format_: Annotated[
        DiagramFormat, typer.Option("--format", help="Tables, JSON, or a drawing.")
    ] = DiagramFormat.TABLE,
) -> None:
    """Who calls whom in the traces of the matching spans, where their time goes, what fails."""
    bounds: dict[str, Any] = {
        "oldest_us": oldest_us(since),
        "snapshot": snapshot,
        "inferred": inferred or None,
    }
    with asking(url, project) as asked:
        if format_ in (DiagramFormat.TABLE, DiagramFormat.JSON):
            found = asked.diagram(_of(asked, query, snapshot), **bounds)
            text = msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n"
        else:
            text = asked.draw_diagram(_of(asked, query, snapshot), format=format_.value, **bounds)
        if output is not None:
            output.write_text(text)
            return
        if format_ is not DiagramFormat.TABLE:
            sys.stdout.write(text)
            return
        if not found["nodes"]:
            explained(asked, query, bounds_of(since))
            return
    _show_diagram(found)


def _show_diagram(found: dict[str, Any]) -> None:
    nodes = Table(("service", "spans>", "errors>", "average>", "latency>"))
    for node in found["nodes"]:
        nodes.add(
            "  " * node["layer"] * sys.stdout.isatty() + node["service_name"],
            str(node["span_count"]),
            str(node["error_count"]),
            latency(node["avg_latency_us"]),
            f"{node['latency_contribution_pct']:.3g} %",
            style="red" if node["error_count"] else "",
        )
    nodes.print()
    sys.stdout.write("\n")
    edges = Table(("from", "to", "calls>", "errors>", "average>"))
    for edge in found["edges"]:
        edges.add(
            edge["from"],
            edge["to"],
            str(edge["calls"]),
            str(edge["errors"]),
            latency(edge["avg_latency_us"]),
            style="red" if edge["errors"] else "",
        )
    edges.print()


def snapshot(
    query: Query = "",
    url: Url = DEFAULT_URL,
    project: ProjectName = None,
    since: Since = None,
    name: Annotated[str, typer.Option("--name", help="What to call it.")] = "",
    pin: Annotated[bool, typer.Option("--pin", help="It never goes to make room for others.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also write it to this file, spans and all.")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="Show those that are kept, and make none.")] = False,
    format_: FormatOption = Format.TABLE,
) -> None:
    """Keep what a query finds now, whole traces of it: other commands ask it with --snapshot."""
    with asking(url, project) as asked:
        if list_:
            kept = asked.snapshots()
            if format_ is Format.JSON:
                write_json({"snapshots": kept})
            else:
                _show_snapshots(kept)
            return
        made = asked.run(canonical(asked, query), name=name, oldest_us=oldest_us(since))
        found = made["snapshot"]
        if pin:
            found = asked.change_snapshot(found["id"], pinned=True)
        if output is not None:
            output.write_bytes(asked.export_snapshot(found["id"]))
    if format_ is Format.JSON:
        write_json(found)
        return
    _show_snapshots([found])
    remark(f"{url.rstrip('/')}{found['url']}" if found["url"].startswith("/") else found["url"])


def _show_snapshots(kept: list[Row]) -> None:
    table = Table(("id=", "made", "spans>", "errors>", "traces>", "name", "query"))
    for one in kept:
        counts = (str(one[key]) for key in ("spans", "errors", "traces"))
        table.add(one["id"], clock(one["created_us"]), *counts, one["name"], one["query"])
    table.print()


def tail(
    query: Query = "",
    url: Url = DEFAULT_URL,
    project: ProjectName = None,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow/--no-follow", "-f", help="Go on with those that arrive, or end with those there are."
        ),
    ] = True,
    lines: Annotated[
        int | None,
        typer.Option(
            "--lines",
            "-n",
            min=0,
            help="Begin with so many of the newest. [default: none, with --no-follow 10]",
        ),
    ] = None,
    format_: FormatOption = Format.TABLE,
) -> None:
    """Matching spans as they arrive, one a line, until Ctrl-C; --format json: one object a line."""
    newest = lines if lines is not None else 0 if follow else 10
    with asking(url, project, may_be_new=True) as asked, suppress(KeyboardInterrupt):
        text, mark = canonical(asked, query), None
        if newest:
            mark = (
                asked.mark() if follow else None
            )  # what arrives meanwhile comes once more rather than never
            with suppress(NotFound):  # nothing has arrived
                for span in reversed(asked.spans(text, order="-arrival", limit=newest)):
                    _show_line(span, format_)
        if not follow:
            return
        with closing(cast("Generator[Any]", asked.tail(text, since=mark))) as news:
            for span in news:
                _show_line(span, format_)


def _show_line(span: TracedSpan | Missed, format_: Format) -> None:
    if isinstance(span, Missed):
        remark(f"{counted(span.missed, 'span')} missed: more came than could be read", "yellow")
    elif format_ is Format.JSON:
        line(msgspec.json.encode(span).decode())
    else:
        cells = clock(span.start_us), span.service, span.operation, latency(span.exact_duration_us)
        line(*cells, span.trace_id, style="red" if span.error else "")


def _value(value: str | None) -> str:
    """A tag's value; `""` for the empty one, `(none)` where there is none."""
    return "(none)" if value is None else value or '""'


def _of(asked: Project, query: str, snapshot: str | None) -> str | None:
    """The query; None for none to a snapshot, which then answers for its own."""
    return None if snapshot and not query else canonical(asked, query)


def _us(duration: str | None) -> int | None:
    return None if duration is None else round(seconds(duration) * 1e6)
