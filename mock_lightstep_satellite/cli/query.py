"""The verbs that ask a satellite: services, spans, trace, wait."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text
from rich.tree import Tree

import mock_lightstep_satellite
from mock_lightstep_satellite.calls import DEFAULT_URL
from mock_lightstep_satellite.cli.durations import FORMS, seconds
from mock_lightstep_satellite.cli.exits import complain, errors, exit_code
from mock_lightstep_satellite.cli.tables import Table, console, remark, share
from mock_lightstep_satellite.client import Client, Project
from mock_lightstep_satellite.errors import BadRequest, SatelliteError
from mock_lightstep_satellite.span import Span, counted, latency
from mock_lightstep_satellite.visible import in_one_line, visible


class Format(StrEnum):
    """How answers are written."""

    TABLE = "table"
    JSON = "json"


class SpanFormat(StrEnum):
    """How spans are written."""

    TABLE = "table"
    JSON = "json"
    OTLP = "otlp"


Url = Annotated[
    str, typer.Option("--url", envvar="SATELLITE_URL", help="The Explorer's address.", show_envvar=True)
]
ProjectName = Annotated[
    str | None,
    typer.Option(
        "--project",
        envvar="SATELLITE_PROJECT",
        help="In open mode the access token. Otherwise: `default`, or the only project there is.",
    ),
]
Query = Annotated[str, typer.Argument(help='Such as: service IN ("a") AND "http.status_code" IN ("503")')]
FormatOption = Annotated[Format, typer.Option("--format", help="A table to read, or JSON.")]
Since = Annotated[
    str | None, typer.Option("--since", help=f"Only spans that started within this time: {FORMS}.")
]
MinLatency = Annotated[
    str | None, typer.Option("--min-latency", help="Only spans that took as long: 500us, 100ms, 1.5s.")
]
MaxLatency = Annotated[str | None, typer.Option("--max-latency", help="Only spans that took less.")]


def services(
    url: Url = DEFAULT_URL,
    project: ProjectName = None,
    since: Since = None,
    format_: FormatOption = Format.TABLE,
) -> None:
    """Which services report, with their spans, errors and operations."""
    with asking(url, project) as asked:
        found = asked.services(oldest_us=oldest_us(since))
    if format_ is Format.JSON:
        write_json({"services": found})
        return
    table = Table(("service", "spans>", "errors>", "operations>"))
    for row in found:
        cells = row["service"], str(row["spans"]), str(row["errors"]), str(row["operations"])
        table.add(*cells, style="red" if row["errors"] else "")
    table.print()


def spans(
    query: Query = "",
    url: Url = DEFAULT_URL,
    project: ProjectName = None,
    since: Since = None,
    min_latency: MinLatency = None,
    max_latency: MaxLatency = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Spans at most.")] = 50,
    order: Annotated[
        str | None,
        typer.Option(
            "--order",
            help="-latency (the default), latency, -start, start or arrival; with --by value (the default) or -value.",
        ),
    ] = None,
    by: Annotated[
        str | None, typer.Option("--by", help="Sort by the value of service, operation or a tag's key.")
    ] = None,
    format_: Annotated[
        SpanFormat,
        typer.Option("--format", help="A table to read, JSON, or OTLP JSON, which is of all that match."),
    ] = SpanFormat.TABLE,
) -> None:
    """Spans that match a query; all spans without one."""
    with asking(url, project) as asked:
        bounds = bounds_of(since, min_latency, max_latency)
        if format_ is SpanFormat.OTLP:
            for piece in asked.export_stream(canonical(asked, query), format="otlp-json", **bounds):
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.write(b"\n")
            return
        found = asked.spans(
            canonical(asked, query),
            order=order or ("-latency" if by is None else "value"),
            by=by,
            limit=limit,
            **bounds,
        )
        if not found and format_ is SpanFormat.TABLE:
            explained(asked, query, bounds)
            return
    _show_spans(found, Format(format_), rows=limit)
    if len(found) == limit and format_ is SpanFormat.TABLE:
        remark(f"there may be more than --limit {limit}")


def trace(
    trace_id: Annotated[str, typer.Argument(help="16 or 32 hex digits.")],
    url: Url = DEFAULT_URL,
    project: ProjectName = None,
    tree: Annotated[
        bool, typer.Option("--tree", help="As a tree, which is what is shown without it, too.")
    ] = False,
    critical_path: Annotated[
        bool,
        typer.Option("--critical-path", help="Only the spans on which its time was spent, the most first."),
    ] = False,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write it to this file, a page that needs nothing else.")
    ] = None,
    format_: FormatOption = Format.TABLE,
) -> None:
    """One trace as a tree, errors in red, with what each span adds to the critical path."""
    if tree + critical_path + (html is not None) > 1:
        raise typer.BadParameter("--tree, --critical-path and --html are three answers: ask for one")
    with asking(url, project) as asked:
        if html is not None:
            html.write_text(asked.trace_html(trace_id))
            return
        if critical_path:
            _show_path(asked.trace_tree(trace_id), format_)
            return
        if format_ is Format.JSON:
            found = asked.trace(trace_id)
            write_json({"trace_id": found[0].trace_id, "spans": [*found]})
            return
        shown = asked.trace_tree(trace_id)
    console().print(_trace_tree(shown))
    for note in shown["notes"]:
        remark(note, "yellow")


def wait(
    query: Query = "",
    url: Url = DEFAULT_URL,
    project: ProjectName = None,
    count: Annotated[str, typer.Option("--count", help="3 for exactly three, '>=1', '<=4', 0.")] = ">=1",
    timeout: Annotated[str, typer.Option("--timeout", help=f"How long to wait: {FORMS}.")] = "5s",
    quiet: Annotated[
        str,
        typer.Option("--quiet", help="How long no further one may come; --count 0 needs this or --fence."),
    ] = "0s",
    mark: Annotated[int, typer.Option("--mark", min=0, help="Only spans that arrived after this mark.")] = 0,
    fence: Annotated[
        bool,
        typer.Option("--fence", help="Judge when all that was sent before is in, as `satellite fence` does."),
    ] = False,
    format_: FormatOption = Format.TABLE,
) -> None:
    """Wait until spans have arrived. Exit code: 0 they did, 1 they did not, 2 usage, 3 no satellite."""
    with asking(url, project, may_be_new=True) as asked:
        found = asked.expect(
            canonical(asked, query),
            count,
            timeout=seconds(timeout),
            quiet=seconds(quiet),
            since=mark,
            fence=fence,
        )
    _show_spans(found, format_, rows=50)


def canonical(asked: Project, query: str) -> str:
    """The query as the API takes it: here, as in the query bar, `http.status_code IN ("500")` needs no quotes."""
    return asked.client.canonical(query) if query else ""


def bounds_of(
    since: str | None, min_latency: str | None = None, max_latency: str | None = None
) -> dict[str, int | None]:
    """Parameters of a question: what `--since`, `--min-latency` and `--max-latency` mean."""
    return {"oldest_us": oldest_us(since)} | {
        name: round(seconds(said) * 1e6)
        for name, said in (("min_latency_us", min_latency), ("max_latency_us", max_latency))
        if said is not None
    }


def oldest_us(since: str | None) -> int | None:
    """The start time that `--since` means, in µs since the epoch."""
    return None if since is None else int((time.time() - seconds(since)) * 1e6)


# Asking


@contextmanager
def asking(url: str, project: str | None, *, may_be_new: bool = False) -> Iterator[Project]:
    """The project asked about; shows notes on the query, and turns every error into its message and exit code."""
    logging.getLogger(mock_lightstep_satellite.__name__).addHandler(
        logging.NullHandler()
    )  # they are shown here
    try:
        with Client(url) as client:
            yield client.project(project or _only_project(client, may_be_new=may_be_new))
            show_notes(client.notes)
    except SatelliteError as error:
        complain(error)
        raise typer.Exit(exit_code(error)) from error


def _only_project(client: Client, *, may_be_new: bool) -> str:
    names = [stats["project"] for stats in client.projects()]
    if "default" in names or (not names and may_be_new):
        return "default"
    if len(names) == 1:
        return str(names[0])
    if not names:
        raise SatelliteError(f"the satellite at {client.url} has not received any spans yet")
    listed = ", ".join(names[:20]) + (" …" if len(names) > 20 else "")
    raise BadRequest("which project?", hint=f"add --project with one of: {listed}")


def show_notes(notes: Iterable[str]) -> None:
    """What is worth knowing of a query, on standard error."""
    for note in notes:
        errors().print(Text(visible(f"note: {note}"), "yellow"))


# Showing


def write_json(answer: Any) -> None:
    """The whole answer, to read."""
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(answer), indent=2) + b"\n")
    sys.stdout.flush()


def explained(asked: Project, query: str, bounds: Mapping[str, int | None]) -> None:
    """Say why nothing matches within these bounds."""
    for line in asked.explain(canonical(asked, query), **bounds)["lines"]:
        remark(line)


def _show_spans(found: Sequence[Span], format_: Format, *, rows: int) -> None:
    if format_ is Format.JSON:
        write_json({"spans": found})
        return
    table = Table(("service", "operation", "latency>", "start", "trace="))
    for span in found[:rows]:
        cells = (
            span.service,
            span.operation,
            latency(span.exact_duration_us),
            clock(span.start_us),
            span.trace_id,
        )
        table.add(*cells, style="red" if span.error else "")
    table.print()
    remark(counted(len(found), "span") + (f", the first {rows} shown" if len(found) > rows else ""))


def clock(start_us: int) -> str:
    """A start, to the millisecond, and its zone; the number itself when no calendar has it."""
    try:
        moment = datetime.fromtimestamp(start_us / 1e6, UTC)
        return f"{moment:%Y-%m-%d %H:%M:%S}.{start_us // 1000 % 1000:03} UTC"
    except (OverflowError, ValueError, OSError):
        return str(start_us)


def _trace_tree(found: dict[str, Any]) -> Tree:
    title = Text(
        f"trace {found['trace_id']}: {counted(found['spans'], 'span')}, {counted(len(found['services']), 'service')}"
    )
    if found["errors"]:
        title.append(f", {counted(found['errors'], 'error')}", "red")
    top = Tree(title)
    branches: list[Tree] = []
    for row in found["rows"]:
        above = top if row["parent"] is None else branches[row["parent"]]
        branches.append(above.add(_row(row)))
    return top


def _show_path(found: dict[str, Any], format_: Format) -> None:
    rows = sorted((row for row in found["rows"] if row["path_us"]), key=lambda row: -row["path_us"])
    if format_ is Format.JSON:
        write_json({"trace_id": found["trace_id"], "critical_path": rows})
        return
    table = Table(("service", "operation", "on the path>", "share>", "latency>", "span="))
    for row in rows:
        cells = row["service"], row["operation"], latency(row["path_us"]), share(row["path_share"])
        table.add(*cells, _lasted(row), row["span_id"], style="red" if row["error"] else "")
    table.print()


def _lasted(row: dict[str, Any]) -> str:
    duration_ns = row.get("duration_ns")
    return latency(row["duration_us"] if duration_ns is None else duration_ns / 1000)


def _row(row: dict[str, Any]) -> Text:
    if row["missing"]:
        return Text(f"missing span {row['span_id']}", "bright_black")
    text = Text(style="red" if row["error"] else "")
    service, operation = in_one_line(row["service"]), in_one_line(row["operation"])
    text.append(service, "bold").append(f"  {operation}  {_lasted(row)}")
    if row["path_us"]:
        text.append(f"  ({share(row['path_share'])} of the path)", "bright_black")
    if row["joined_by"]:
        text.append(visible(f"  joined by {row['joined_by']} only"), "yellow")
    if row["error"]:
        text.append("  !")
    return text
