"""`satellite settings`, and the flags by which every command that needs settings takes them."""

from __future__ import annotations

import functools
import inspect
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec

import typer

from satellite.cli.formats import Format
from satellite.settings import BASE_CONFIG, BadSetting, Loaded, Settings, help_of, load

P = ParamSpec("P")

EVERYDAY = (
    "host",
    "grpc_secure_port",
    "grpc_plain_port",
    "http_secure_port",
    "http_plain_port",
    "developer_plain_port",
    "explorer_port",
    "faults",
    "cert_dir",
    "san",
    "access_tokens_file",
    "bytes_per_project",
    "data_dir",
    "logging_level",
)
"""Settings with a flag of their own; all others go through `--set`."""

SHORT = {"developer_plain_port": "--port", "explorer_port": "--ui", "faults": "--chaos"}
"""What some of these flags are called, too."""


def takes_settings(command: Callable[Concatenate[Loaded, P], None]) -> Callable[..., None]:
    """A typer command that has the flags of the settings beside its own, and gets what they amount to as `loaded`.

    A setting that cannot be is told on stderr, and ends the command with exit code 2.
    """
    own = [parameter for name, parameter in inspect.signature(command, eval_str=True).parameters.items()][1:]
    flags = _flags()

    @functools.wraps(command)
    def with_flags(**values: Any) -> None:
        given = {flag.name: values.pop(flag.name) for flag in flags}
        assignments = given.pop("set_")
        command(settings_from_cli(given, assignments or []), **values)  # type: ignore[call-arg]  # its own flags

    parameters = [*(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own), *flags]
    with_flags.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_flags.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    del with_flags.__wrapped__  # typer would look at its annotations
    return with_flags


def settings_from_cli(flags: Mapping[str, Any], assignments: Sequence[str] = ()) -> Loaded:
    """The settings, flags first.

    Args:
        flags: by setting (or `collector_base_config`); None and empty lists are flags that were not given.
        assignments: `name=value`, what `--set` gets.

    Raises:
        typer.Exit: with code 2, after the reason was written to stderr.
    """
    try:
        given = {name: value for name, value in flags.items() if value not in (None, [])}
        assigned = {}
        for assignment in assignments:
            name, equals, value = assignment.partition("=")
            if not equals:
                raise BadSetting(f"flag --set {name}: write --set name=value")
            assigned[name] = value
        return load(given, os.environ, assignments=assigned)
    except BadSetting as error:
        typer.echo(f"satellite: {error}", err=True)
        raise typer.Exit(2) from error


def _flags() -> list[inspect.Parameter]:
    everyday = [
        _flag(
            name,
            list[str] if name == "san" else str,
            f"--{name.replace('_', '-')}",
            *([SHORT[name]] if name in SHORT else []),
            help=_help(name),
            metavar=_METAVARS.get(name, "PORT"),
        )
        for name in EVERYDAY
    ]
    file = _flag(
        BASE_CONFIG,
        Path,
        "--collector-base-config",
        "--collector_base_config",
        help="A YAML file of settings; stronger than the environment.",
        metavar="FILE",
    )
    assignments = _flag(
        "set_",
        list[str],
        "--set",
        help="Any setting, see `satellite settings`; repeatable.",
        metavar="NAME=VALUE",
    )
    return [*everyday, file, assignments]


_METAVARS = {
    "host": "ADDRESS",
    "faults": "PROFILE",
    "cert_dir": "FOLDER",
    "san": "NAMES",
    "access_tokens_file": "FILE",
    "bytes_per_project": "BYTES",
    "data_dir": "FOLDER",
    "logging_level": "LEVEL",
}


def _flag(name: str, kind: Any, *spellings: str, help: str, metavar: str) -> inspect.Parameter:  # noqa: A002
    option = typer.Option(
        *spellings, help=help, metavar=metavar, show_default=False, rich_help_panel="Settings"
    )
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
    )


def _help(name: str) -> str:
    # Not typer's own "[default: …]": the flag's default is None, so that other sources have their say.
    default = Settings.model_fields[name].default
    return help_of(name) + ("" if default in {None, (), ""} else f" Default: {default}.")


@takes_settings
def settings(
    loaded: Loaded,
    format_: Annotated[Format, typer.Option("--format", help="A table to read, or JSON.")] = Format.TEXT,
) -> None:
    """Show every setting: name, value, where the value comes from, and what it does. Secrets are masked."""
    if format_ is Format.JSON:
        entries = [
            {
                "name": one.name,
                "value": one.value,
                "origin": one.origin,
                "help": one.help,
                "names": list(one.names),
            }
            for one in loaded.shown()
        ]
        answer = {"settings": entries, "no_effect": loaded.no_effect, "unknown": loaded.unknown}
        print(json.dumps(answer, indent=2, ensure_ascii=False))
    else:
        _print(loaded)


def _print(loaded: Loaded) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(emoji=False, highlight=False)
    if not console.is_terminal:
        console = Console(emoji=False, highlight=False, width=200)
    table = Table("name", "value", "origin", "help", box=None, pad_edge=False)
    for column in table.columns:
        column.overflow = "fold"
    table.columns[0].no_wrap = True
    for one in loaded.shown():
        cells = (one.name, one.text, one.origin, one.help)
        table.add_row(*(Text(cell) for cell in cells), style="" if one.origin == "default" else "bold")
    console.print(table)
    for line in loaded.no_effect:
        typer.echo(f"accepted, no effect: {line}", err=True)
    for line in loaded.unknown:
        typer.echo(f"unknown: {line}", err=True)
