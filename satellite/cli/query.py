"""The verbs that ask a satellite: services, spans, trace, wait."""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

import mock_lightstep_satellite
from mock_lightstep_satellite.client import DEFAULT_URL, Client, Project, Unreachable
from satellite.errors import BadRequest, Exceeded, NotMet, SatelliteError
from satellite.explore.trace import Node, tree
from satellite.model.span import Span
from satellite.query import parse

MET, NOT_MET, USAGE, UNREACHABLE = 0, 1, 2, 3
"""Exit codes (testing.md §7.4)."""


class Format(StrEnum):
    """How answers are written."""

    TABLE = "table"
    JSON = "json"


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
    str | None, typer.Option("--since", help="Only spans that started within this time: 30s, 5m, 2h, 1d.")
]


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
        _write_json({"services": found})
        return
    table = _table("service", spans="right", errors="right", operations="right")
    for row in found:
        style = "red" if row["errors"] else ""
        table.add_row(
            Text(row["service"]), str(row["spans"]), Text(str(row["errors"]), style), str(row["operations"])
        )
    _console().print(table)


def spans(
    query: Query = "",
    url: Url = DEFAULT_URL,
    project: ProjectName = None,
    since: Since = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Spans at most.")] = 50,
    order: Annotated[
        str, typer.Option("--order", help="-latency, latency, -start, start or arrival.")
    ] = "-latency",
    format_: FormatOption = Format.TABLE,
) -> None:
    """Spans that match a query; all spans without one."""
    with asking(url, project) as asked:
        found = asked.spans(_strict(query), order=order, limit=limit, oldest_us=oldest_us(since))
    _show_spans(found, format_, rows=limit)
    if len(found) == limit and format_ is Format.TABLE:
        _console().print(f"there may be more than --limit {limit}")


def trace(
    trace_id: Annotated[str, typer.Argument(help="16 or 32 hex digits.")],
    url: Url = DEFAULT_URL,
    project: ProjectName = None,
    format_: FormatOption = Format.TABLE,
) -> None:
    """One trace as a tree, errors in red."""
    with asking(url, project) as asked:
        found = asked.trace(trace_id)
    if format_ is Format.JSON:
        _write_json({"trace_id": found[0].trace_id, "spans": [*found]})
    else:
        _console().print(_trace_tree(found))


def wait(
    query: Query = "",
    url: Url = DEFAULT_URL,
    project: ProjectName = None,
    count: Annotated[str, typer.Option("--count", help="3 for exactly three, '>=1', '<=4', 0.")] = ">=1",
    timeout: Annotated[str, typer.Option("--timeout", help="How long to wait: 500ms, 30s, 1m.")] = "5s",
    quiet: Annotated[
        str, typer.Option("--quiet", help="How long no further one may come; needed for --count 0.")
    ] = "0s",
    mark: Annotated[int, typer.Option("--mark", min=0, help="Only spans that arrived after this mark.")] = 0,
    format_: FormatOption = Format.TABLE,
) -> None:
    """Wait until spans have arrived. Exit code: 0 they did, 1 they did not, 2 usage, 3 no satellite."""
    with asking(url, project, may_be_new=True) as asked:
        found = asked.expect(
            _strict(query), count, timeout=seconds(timeout), quiet=seconds(quiet), since=mark
        )
    _show_spans(found, format_, rows=50)


def _strict(query: str) -> str:
    """The query as the API takes it: here, as in the query bar, `http.status_code IN ("500")` needs no quotes."""
    return parse(query, lenient=True).canonical


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(duration: str) -> float:
    """The seconds of a duration such as 500ms, 30s, 5m, 2h, 1d. Raises BadRequest."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", duration.strip())
    if match is None:
        raise BadRequest(f"not a duration: {duration!r}", hint="a number and ms, s, m, h or d: 5m")
    return float(match[1]) * _UNITS[match[2]]


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
        _complain(error)
        codes = {NotMet: NOT_MET, Exceeded: NOT_MET, Unreachable: UNREACHABLE}
        default = USAGE if error.http_status == BadRequest.http_status else NOT_MET
        raise typer.Exit(codes.get(type(error), default)) from error


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


def _complain(error: SatelliteError) -> None:
    """The message (of a query with the place) and the hint, on standard error."""
    console = _error_console()
    console.print(Text(error.message, "red"))
    if error.hint:
        console.print(Text(f"hint: {error.hint}"))


def show_notes(notes: Iterable[str]) -> None:
    """What is worth knowing of a query, on standard error."""
    for note in notes:
        _error_console().print(Text(f"note: {note}", "yellow"))


def _error_console() -> Console:
    return Console(stderr=True, highlight=False, soft_wrap=True)


# Showing


def _console() -> Console:
    return Console(highlight=False)


def _write_json(answer: Any) -> None:
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(answer), indent=2) + b"\n")
    sys.stdout.flush()


def _table(first: str, **columns: Any) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(first, overflow="fold")
    for name, justify in columns.items():
        table.add_column(name.replace("_", " "), justify=justify, overflow="fold")
    return table


def _show_spans(found: Sequence[Span], format_: Format, *, rows: int) -> None:
    if format_ is Format.JSON:
        _write_json({"spans": found})
        return
    table = _table("service", operation="left", latency="right", start="left", trace="left")
    for span in found[:rows]:
        table.add_row(
            Text(span.service),
            Text(span.operation),
            latency(span.duration_us),
            _clock(span.start_us),
            span.trace_id,
            style="red" if span.error else "",
        )
    console = _console()
    console.print(table)
    shown = f", the first {rows} shown" if len(found) > rows else ""
    console.print(f"{len(found)} span{'' if len(found) == 1 else 's'}{shown}")


def latency(duration_us: int) -> str:
    """A duration in the unit that suits it."""
    for unit, size in (("s", 1_000_000), ("ms", 1000)):
        if abs(duration_us) >= size:
            return f"{duration_us / size:.4g} {unit}"
    return f"{duration_us} µs"


def _clock(start_us: int) -> str:
    """A start, to the millisecond, and its zone; the number itself when no calendar has it."""
    try:
        moment = datetime.fromtimestamp(start_us / 1e6, UTC)
        return f"{moment:%Y-%m-%d %H:%M:%S}.{start_us // 1000 % 1000:03} UTC"
    except (OverflowError, ValueError, OSError):
        return str(start_us)


def _trace_tree(found: Sequence[Span]) -> Tree:
    services = len({span.service for span in found})
    errors = sum(span.error for span in found)
    title = Text(f"trace {found[0].trace_id}: {len(found)} spans, {services} services")
    if errors:
        title.append(f", {errors} errors", "red")
    top = Tree(title)
    waiting: list[tuple[Callable[..., Tree], Node]] = [(top.add, node) for node in reversed(tree(found))]
    while waiting:
        add, node = waiting.pop()
        branch = add(_row(node))
        waiting.extend((branch.add, child) for child in reversed(node.children))
    return top


def _row(node: Node) -> Text:
    span = node.span
    if span is None:
        return Text(f"missing span {node.span_id}", "bright_black")
    row = Text(style="red" if span.error else "")
    row.append(span.service, "bold").append(f"  {span.operation}  {latency(span.duration_us)}")
    if span.error:
        row.append("  !")
    return row
