"""`satellite requests`: what came to the ports for reports, and what was answered."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from mock_lightstep_satellite.calls import DEFAULT_URL
from mock_lightstep_satellite.cli.query import Format, FormatOption, ProjectName, Url, asking, write_json
from mock_lightstep_satellite.cli.tables import Table, console, remark
from mock_lightstep_satellite.client import Client, Project
from mock_lightstep_satellite.span import counted, latency
from mock_lightstep_satellite.visible import visible

app = typer.Typer(
    add_completion=False,
    invoke_without_command=True,
    context_settings={"help_option_names": ["--help", "-h"]},
    help="What came to the ports for reports, refused and aborted requests, too; show, save, replay one.",
)

Number = Annotated[int, typer.Argument(help="The request's number, as the list has it.", min=0)]
Strangers = Annotated[
    bool,
    typer.Option("--strangers", help="Those that reached no project: unknown tokens and paths, no reports."),
]


@app.callback()
def requests(
    context: typer.Context,
    url: Url = DEFAULT_URL,
    project: ProjectName = None,
    strangers: Strangers = False,
    protocol: Annotated[str | None, typer.Option(help="Such as lightstep, otlp, zipkin.")] = None,
    transport: Annotated[str | None, typer.Option(help="http or grpc.")] = None,
    path: Annotated[str | None, typer.Option(help="* at its end stands for any rest.")] = None,
    status: Annotated[str | None, typer.Option(help="503, 4xx, UNAVAILABLE; 0: no answer.")] = None,
    outcome: Annotated[str | None, typer.Option(help="stored, refused, aborted or other.")] = None,
    service: Annotated[str | None, typer.Option(help="The reporter's service.")] = None,
    reporter: Annotated[str | None, typer.Option(help="The reporter's id in hex digits.")] = None,
    since: Annotated[int | None, typer.Option(help="After this mark.", min=0)] = None,
    limit: Annotated[int, typer.Option(help="The newest so many.", min=1, max=1000)] = 50,
    raw: Annotated[
        int | None,
        typer.Option(
            "--raw",
            help="Write the body of the request of this number to standard output, as it was sent.",
            min=0,
        ),
    ] = None,
    format_: FormatOption = Format.TABLE,
) -> None:
    """List them, the newest last."""
    if context.invoked_subcommand is not None:
        return
    which = {
        "protocol": protocol,
        "transport": transport,
        "path": path,
        "status": status,
        "outcome": outcome,
        "service": service,
        "reporter": reporter,
        "since": since,
        "limit": limit,
    }
    with asking(url, project) as asked:
        if raw is not None:
            sys.stdout.buffer.write(_whose(asked, strangers).request_body(raw))
            sys.stdout.flush()
            return
        found = _whose(asked, strangers).requests(**which)
    if format_ is Format.JSON:
        write_json({"requests": found})
        return
    table = Table(
        (
            "number>",
            "time, UTC=",
            "method",
            "path",
            "status=",
            "outcome",
            "spans>",
            "bytes>",
            "took>",
            "service",
            "why",
        )
    )
    for one in found:
        table.add(*_cells(one), style="" if one["outcome"] == "stored" else "yellow")
    table.print()
    if not found:
        remark("no such request is in the log; `--strangers` shows those that reached no project")


@app.command()
def show(
    number: Number,
    url: Url = DEFAULT_URL,
    project: ProjectName = None,
    strangers: Strangers = False,
    format_: FormatOption = Format.TABLE,
) -> None:
    """One of them: its head, what its body says, its answer."""
    with asking(url, project) as asked:
        whose = _whose(asked, strangers)
        detail = whose.request(number)
        readable = detail["request"]["protocol"] and not detail["request"]["cut"]
        decoded = whose.decode_request(number) if readable else None
    if format_ is Format.JSON:
        write_json({**detail, "decoded": decoded})
        return
    _show(detail, decoded)


@app.command()
def save(
    number: Number,
    file: Annotated[Path | None, typer.Argument(help="Where to; without it: standard output.")] = None,
    url: Url = DEFAULT_URL,
    project: ProjectName = None,
    strangers: Strangers = False,
) -> None:
    """Write its body as it was sent. It holds what its sender put into it, an access token perhaps."""
    with asking(url, project) as asked:
        body = _whose(asked, strangers).request_body(number)
    if file is None:
        sys.stdout.buffer.write(body)
    else:
        file.write_bytes(body)


@app.command()
def replay(
    number: Number,
    to: Annotated[str, typer.Option(help="http://host:port, https://host:port; for gRPC also host:port.")],
    url: Url = DEFAULT_URL,
    project: ProjectName = None,
    strangers: Strangers = False,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="LIGHTSTEP_ACCESS_TOKEN", help="In place of the access token that the log left out."
        ),
    ] = None,
    ca_file: Annotated[Path | None, typer.Option(help="Certificates to trust, PEM.")] = None,
    timeout: Annotated[float, typer.Option(help="Seconds.")] = 10.0,
) -> None:
    """Send it again, from this machine; exit code 1 when it is refused."""
    with asking(url, project) as asked:
        given = _whose(asked, strangers).replay(number, to, token=token, ca_file=ca_file, timeout=timeout)
    told = given.grpc_status or str(given.status)
    console().print(Text(visible(f"{told} {given.message}".rstrip())))
    if given.status >= 400 or (given.grpc_status or "OK") != "OK":
        raise typer.Exit(1)


def _whose(asked: Project, strangers: bool) -> Project | Client:
    return asked.client if strangers else asked


def _cells(one: dict[str, Any]) -> list[str]:
    at = datetime.fromtimestamp(one["began_us"] / 1e6, UTC)
    fault = "fault: " + " ".join(one["fault"]["did"]) if one["fault"] else ""
    return [
        str(one["number"]),
        f"{at:%H:%M:%S.%f}"[:-3],
        "gRPC" if one["transport"] == "grpc" else one["method"],
        one["path"],
        _status(one),
        one["outcome"],
        str(one["stored"]),
        str(one["body_bytes"]),
        latency(one["took_us"]),
        one["service"],
        fault or one["message"],
    ]


def _status(one: dict[str, Any]) -> str:
    return one["grpc_status"] or (str(one["status"]) if one["status"] else "-")


def _show(detail: dict[str, Any], decoded: dict[str, Any] | None) -> None:
    one, out = detail["request"], console()
    lines = [f"{one['method']} {one['path']}  from {one['peer']} to port {one['port']}"]
    lines += [f"  {header['name']}: {header['value']}" for header in detail["headers"]]
    lines.append(
        f"body: {one['body_bytes']} bytes {one['encoding']}".rstrip() + (", cut" if one["cut"] else "")
    )
    if decoded is not None and decoded["error"] is None:
        lines.append(f"  {decoded['protocol']}: {counted(decoded['total'], 'span')} of {decoded['service']}")
        lines += [
            f"  {span['operation']}  trace {span['trace_id']} span {span['span_id']}"
            for span in decoded["spans"][:20]
        ]
    elif decoded is not None:
        lines.append(f"  {decoded['error']}")
    lines.append(
        f"answer: {_status(one)} after {latency(one['took_us'])}, {one['outcome']}, {counted(one['stored'], 'span')} kept"
    )
    lines += [f"  {text}" for text in (one["message"], detail["answer_text"] or detail["answer_hex"]) if text]
    if one["fault"]:
        lines.append("fault: " + ", ".join(one["fault"]["did"]) + f"  ({', '.join(one['fault']['rules'])})")
    for text in lines:
        out.print(Text(visible(text)), soft_wrap=True)
