"""`satellite golden write | check`: traces held against files, without what differs from run to run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mock_lightstep_satellite import golden
from mock_lightstep_satellite.calls import DEFAULT_URL
from mock_lightstep_satellite.cli.exits import NOT_MET
from mock_lightstep_satellite.cli.query import ProjectName, Url, asking, canonical
from mock_lightstep_satellite.cli.tables import remark
from mock_lightstep_satellite.client import Project
from mock_lightstep_satellite.errors import NotFound
from mock_lightstep_satellite.span import counted
from mock_lightstep_satellite.trace import Trace
from mock_lightstep_satellite.visible import visible

app = typer.Typer(
    no_args_is_help=True, help="Hold traces against files: without ids, times, hosts and ports."
)

QueryOption = Annotated[
    str, typer.Option("--query", help="Only traces with a span that matches; else all of the project.")
]
Ignore = Annotated[
    list[str] | None,
    typer.Option("--ignore", help="A tag to leave out, `k8s.*` all that begin so; may be given again."),
]


@app.command()
def write(
    file: Annotated[Path, typer.Argument(help="The file; written anew.", dir_okay=False)],
    query: QueryOption = "",
    url: Url = DEFAULT_URL,
    project: ProjectName = None,
    ignore: Ignore = None,
) -> None:
    """Write the traces as they are to a file."""
    with asking(url, project) as asked:
        found = _traces(asked, query)
    try:
        golden.compare(file, found, ignore=ignore or (), update=True)
    except OSError as error:
        raise typer.BadParameter(f"cannot write {file}: {error.strerror}", param_hint="FILE") from error
    remark(f"{counted(len(found), 'trace')} written to {file}")


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="Golden files.", exists=True, dir_okay=False)],
    query: QueryOption = "",
    url: Url = DEFAULT_URL,
    project: ProjectName = None,
    ignore: Ignore = None,
) -> None:
    """Whether the traces are those of the files, all together: exit code 0, or 1 and the difference."""
    with asking(url, project, may_be_new=True) as asked:
        diff = golden.difference(files, _traces(asked, query), ignore=ignore or ())
    if diff:
        typer.echo(visible(diff))
        raise typer.Exit(NOT_MET)


def _traces(asked: Project, query: str) -> list[Trace]:
    try:
        return asked.traces(canonical(asked, query))
    except NotFound:  # nothing has arrived yet
        return []
