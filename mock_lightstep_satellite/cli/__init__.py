"""The command `satellite`: its verbs, each in a module of its own that is imported when the verb is used.

So `satellite --help` does not wait for what only `serve` needs, and those that ask work without the server, whose own
verbs are in `satellite.cli`.
"""

from __future__ import annotations

import errno
import gc
import io
import os
import sys
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any, Never

import typer
from typer.core import TyperGroup
from typer.main import get_command

from mock_lightstep_satellite.errors import BadRequest, NoServer, SatelliteError

_NO_OUTPUT = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
"""Why standard output, a file that the shell opened, cannot be written; a pipe that was closed Click ends without a word."""

ASKING, SERVING = __name__, "satellite.cli"
"""Packages of verbs: those of the second need the server."""


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb before its module is imported."""

    name: str
    package: str
    module: str
    attribute: str
    """A function, or a Typer application with verbs of its own."""
    help: str


VERBS = (
    Verb("serve", SERVING, "serve", "serve", "Take spans and answer questions, until Ctrl-C or SIGTERM."),
    Verb(
        "benchmark-mock",
        SERVING,
        "serve",
        "benchmark_mock",
        "Stand in for the mock satellite of LightStep's benchmarks.",
    ),
    Verb("demo", SERVING, "demo", "demo", "Send Bookinfo traffic to a satellite, as Envoy would."),
    Verb("services", ASKING, "query", "services", "The services that report."),
    Verb("spans", ASKING, "query", "spans", "The spans that match a query."),
    Verb("trace", ASKING, "query", "trace", "One trace as a tree."),
    Verb("wait", ASKING, "query", "wait", "Wait for spans; the exit code says whether they came."),
    Verb("fence", ASKING, "reporters", "fence", "Wait until all that was sent is in."),
    Verb(
        "exec",
        ASKING,
        "run",
        "exec_",
        "Run a command and wait for its spans; the exit code says whether they came.",
    ),
    Verb("histogram", ASKING, "analyses", "histogram", "How long spans took, drawn."),
    Verb("groups", ASKING, "analyses", "groups", "Spans by the values of keys."),
    Verb(
        "correlations",
        ASKING,
        "analyses",
        "correlations",
        "What marks slow or failed traces, and not the others.",
    ),
    Verb("diagram", ASKING, "analyses", "diagram", "Who calls whom; also as SVG, DOT, Mermaid."),
    Verb("snapshot", ASKING, "analyses", "snapshot", "Keep what a query finds, whole traces of it."),
    Verb("tail", ASKING, "analyses", "tail", "Spans as they arrive."),
    Verb("check", ASKING, "check", "check", "What is odd about spans as they were sent."),
    Verb(
        "requests", ASKING, "requests", "app", "What came to the ports for reports; show, save, replay one."
    ),
    Verb(
        "reporters", ASKING, "reporters", "reporters", "Who reports with what, and what was lost on the way."
    ),
    Verb("fault", ASKING, "faults", "app", "A bad day on purpose: what is to go wrong."),
    Verb("golden", ASKING, "golden", "app", "Hold traces against files."),
    Verb("reset", ASKING, "run", "reset", "Remove the spans of a project."),
    Verb("export", ASKING, "files", "export", "Write spans to a file: OTLP, Jaeger, Zipkin, LightStep."),
    Verb("import", ASKING, "files", "import_", "Read spans from a file into a satellite."),
    Verb("data", SERVING, "data", "app", "Look after a data directory: check, compact, export, import."),
    Verb("explain", SERVING, "explain", "explain", "The SQL that answers a question from ClickHouse."),
    Verb("cert", SERVING, "cert", "app", "Make, show and export certificates."),
    Verb("settings", SERVING, "settings", "settings", "Every setting: value, origin, help."),
    Verb("istio", SERVING, "istio", "istio", "The settings that make Istio report here."),
    Verb("healthcheck", SERVING, "serve", "healthcheck", "Whether the satellite on this machine is ready."),
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
    gc.disable()  # what is imported stays: no use to look through it a hundred times meanwhile
    try:
        found = getattr(import_module(f"{verb.package}.{verb.module}"), verb.attribute)
    finally:
        gc.enable()
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
    if sys.stdout is None:  # closed by who started the command, who wants its exit code only
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal or pipe whose encoding has no µ shows ?
        sys.stdout.reconfigure(errors="replace")
    try:
        app()
    except ModuleNotFoundError as error:
        _end(NoServer.because(error, " ".join(["satellite", *sys.argv[1:2]])))
    except SatelliteError as error:
        _end(error)
    except OSError as error:
        if error.filename is not None:  # a file that was named
            _end(BadRequest(f"{error.filename}: {error.strerror}"))
        if error.errno not in _NO_OUTPUT:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left in its buffer
        _end(SatelliteError(f"cannot write standard output: {error.strerror}"))


def _end(error: SatelliteError) -> Never:
    from mock_lightstep_satellite.cli.exits import complain, exit_code

    complain(error, says="satellite: ")
    sys.exit(exit_code(error))
