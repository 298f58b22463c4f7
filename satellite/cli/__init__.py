"""The command `satellite`: its verbs, each in a module of its own that is imported when the verb is used.

So `satellite --help` and `satellite healthcheck` do not wait for what only `serve` needs.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from satellite.errors import BadQuery, BadRequest, SatelliteError

FAILED, USAGE, UNREACHABLE = 1, 2, 3
"""Exit codes, beside 0."""


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb before its module is imported."""

    name: str
    module: str
    attribute: str
    """A function, or a Typer application with verbs of its own."""
    help: str


VERBS = (
    Verb("serve", "serve", "serve", "Take spans and answer questions, until Ctrl-C or SIGTERM."),
    Verb("demo", "demo", "demo", "Send Bookinfo traffic to a satellite, as Envoy would."),
    Verb("services", "query", "services", "The services that report."),
    Verb("spans", "query", "spans", "The spans that match a query."),
    Verb("trace", "query", "trace", "One trace as a tree."),
    Verb("wait", "query", "wait", "Wait for spans; the exit code says whether they came."),
    Verb("histogram", "analyses", "histogram", "How long spans took, drawn."),
    Verb("groups", "analyses", "groups", "Spans by the values of keys."),
    Verb("correlations", "analyses", "correlations", "What marks slow or failed traces, and not the others."),
    Verb("diagram", "analyses", "diagram", "Who calls whom; also as SVG, DOT, Mermaid."),
    Verb("snapshot", "analyses", "snapshot", "Keep what a query finds, whole traces of it."),
    Verb("tail", "analyses", "tail", "Spans as they arrive."),
    Verb("check", "check", "check", "What is odd about spans as they were sent."),
    Verb("export", "files", "export", "Write spans to a file: OTLP, Jaeger, Zipkin, LightStep."),
    Verb("import", "files", "import_", "Read spans from a file into a satellite."),
    Verb("data", "data", "app", "Look after a data directory: check, compact, export, import."),
    Verb("cert", "cert", "app", "Make, show and export certificates."),
    Verb("settings", "settings", "settings", "Every setting: value, origin, help."),
    Verb("istio", "istio", "istio", "The settings that make Istio report here."),
    Verb("healthcheck", "serve", "healthcheck", "Whether the satellite on this machine is ready."),
)
"""In the order of the help."""


class _Verbs(TyperGroup):
    """Puts the real command in the place of its stand-in when a verb is used."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        verb = next((verb for verb in VERBS if verb.name == args[0]), None)
        if verb is not None:
            self.commands[verb.name] = _load(verb)
        return super().resolve_command(ctx, args)


def _load(verb: Verb) -> Any:
    found = getattr(import_module(f"{__name__}.{verb.module}"), verb.attribute)
    if not isinstance(found, typer.Typer):
        single = typer.Typer(add_completion=False)
        single.command(verb.name)(found)
        found = single
    command = get_command(found)
    command.name = verb.name
    return command


app = typer.Typer(
    name="satellite",
    cls=_Verbs,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # they show local variables
    context_settings={"help_option_names": ["--help", "-h"]},
    help="A mock LightStep satellite: keeps every span, answers like Explorer, lets a test wait.",
)


def _stand_in() -> None: ...


for _verb in VERBS:
    app.command(_verb.name, help=_verb.help)(_stand_in)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(version("mock-lightstep-satellite"))
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version


def main() -> None:
    """The command's entry point: what goes wrong is one line and a hint, and the exit code says which kind."""
    try:
        app()
    except SatelliteError as error:
        complain(error)
        sys.exit(exit_code(error))


def exit_code(error: SatelliteError) -> int:
    """The exit code of a command that ended with this error."""
    if isinstance(error, BadQuery | BadRequest):
        return USAGE
    return UNREACHABLE if error.code == "unreachable" else FAILED


def complain(error: SatelliteError) -> None:
    """Write an error and its hint to stderr; red on a terminal."""
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(Text(f"satellite: {error.message}", style="red"))
    if error.hint:
        console.print(Text(f"hint: {error.hint}"))
