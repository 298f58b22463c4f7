"""`satellite fault add | list | clear`: a bad day on purpose (docs/testing.md)."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from mock_lightstep_satellite.calls import DEFAULT_URL
from mock_lightstep_satellite.cli.query import Format, FormatOption, ProjectName, Url, asking, write_json
from mock_lightstep_satellite.cli.tables import Table, remark
from mock_lightstep_satellite.client import Client, Project

app = typer.Typer(
    no_args_is_help=True, help="A bad day on purpose: what is to go wrong, for whom, how often."
)

Everywhere = Annotated[
    bool,
    typer.Option(
        "--everywhere", help="For the whole satellite; what concerns connections and TLS goes here only."
    ),
]

FIELDS: dict[str, tuple[Any, str]] = {
    "status": (int, "HTTP status 400 to 599, or the gRPC code it stands for; nothing is kept."),
    "grpc_status": (str, "The same by gRPC's name: UNAVAILABLE, RESOURCE_EXHAUSTED …"),
    "retry_after_ms": (int, "With a status: Retry-After, or RetryInfo."),
    "body": (str, "The answer is malformed, truncated, empty, oversized or of the wrong-type."),
    "commands": (list[str], "disable or dev_mode in LightStep's answer; may be given again."),
    "errors": (list[str], "An error in LightStep's answer."),
    "warnings": (list[str], "A warning there."),
    "infos": (list[str], "An info there."),
    "no_timestamps": (bool, "LightStep's answer has no times."),
    "skew_ms": (int, "Its times are shifted."),
    "delay_ms": (float, "The answer is late."),
    "jitter_ms": (int, "Up to so much more."),
    "read_delay_ms": (int, "The request is read late; needs --everywhere."),
    "bytes_per_second": (int, "The answer is slow."),
    "connection": (
        str,
        "reset-after, reset-mid-body, goaway; with --everywhere refuse, stall, reset-before.",
    ),
    "streams": (int, "So many HTTP/2 streams at most; needs --everywhere."),
    "tls": (str, "expired, wrong-name, wrong-ca or handshake-failure; needs --everywhere."),
    "accept": (int, "Only the first so many spans of a report are kept."),
    "drop": (float, "This share of the spans is lost, from 0 to 1."),
    "size_limit_bytes": (int, "Larger reports are refused."),
    "duplicate": (bool, "Spans are delivered twice."),
    "strict": (bool, "Reports with spans that a check calls an error are refused."),
    "protocol": (str, "Only this wire protocol: lightstep, otlp, zipkin …"),
    "transport": (str, "Only grpc or http."),
    "path": (str, "Only this HTTP path or gRPC method; * at its end is any rest."),
    "port": (int, "Only at this port."),
    "peer": (str, "Only this sender's address."),
    "reporter": (str, 'Only reporters that meet a predicate: service IN ("shop").'),
    "after": (int, "So many go well first."),
    "times": (int, "Then so many are hit."),
    "for_ms": (int, "It ends so long after now."),
    "probability": (float, "A share of them, from 0 to 1."),
    "seed": (int, "With a probability: the same seed hits the same ones."),
    "name": (str, "For people."),
}
"""A fault's fields, as docs/testing.md has them: the type of each, and what it does."""


def _add(
    profile: Annotated[
        str | None,
        typer.Argument(help="A profile: flaky-network, overloaded, kill-switch …", show_default=False),
    ] = None,
    url: Url = DEFAULT_URL,
    project: ProjectName = None,
    everywhere: Everywhere = False,
    **fields: Any,
) -> None:
    """Have something go wrong from now on: a profile, or what the options say. Prints the ids."""
    fault = {name: value for name, value in fields.items() if value not in (None, False, [])}
    with _asking(url, project, everywhere) as asked:
        for added in asked.add_fault(profile, **fault):
            typer.echo(added)


def _options() -> list[inspect.Parameter]:
    """A flag for each field of a fault."""
    return [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=False if kind is bool else None,
            annotation=Annotated[
                kind if kind is bool else kind | None,
                typer.Option(f"--{name.replace('_', '-')}", help=text, show_default=False),
            ],
        )
        for name, (kind, text) in FIELDS.items()
    ]


def _with_options() -> Any:
    own = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in inspect.signature(_add, eval_str=True).parameters.values()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    parameters = [*own, *_options()]
    _add.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    _add.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return _add


app.command("add")(_with_options())


@app.command("list")
def list_(
    url: Url = DEFAULT_URL,
    project: ProjectName = None,
    everywhere: Everywhere = False,
    format_: FormatOption = Format.TABLE,
) -> None:
    """What goes wrong on purpose, and how often it did."""
    with _asking(url, project, everywhere) as asked:
        found = asked.faults()
    if format_ is Format.JSON:
        write_json({"faults": found})
        return
    table = Table(("id=", "fault", "hit>", "seen>", "active"))
    for one in found:
        what = " ".join(f"{name}={json.dumps(value)}" for name, value in one["fault"].items())
        table.add(one["id"], what, str(one["applied"]), str(one["seen"]), "yes" if one["active"] else "no")
    table.print()


@app.command()
def clear(
    ids: Annotated[list[str] | None, typer.Argument(help="Only these; else all.", show_default=False)] = None,
    url: Url = DEFAULT_URL,
    project: ProjectName = None,
    everywhere: Everywhere = False,
) -> None:
    """Let nothing go wrong any more."""
    with _asking(url, project, everywhere) as asked:
        asked.remove_faults(*ids or ())
    remark("nothing goes wrong on purpose here any more" if not ids else f"{len(ids)} removed")


@contextmanager
def _asking(url: str, project: str | None, everywhere: bool) -> Iterator[Client | Project]:
    """Whom to ask: the project, or the satellite."""
    with asking(url, "default" if everywhere else project, may_be_new=True) as asked:
        yield asked.client if everywhere else asked
