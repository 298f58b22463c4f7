"""`satellite exec` runs a command with a project of its own and waits for its spans; `satellite reset` empties projects."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from mock_lightstep_satellite.calls import DEFAULT_URL, TIMEOUT_S_MAX, count_range
from mock_lightstep_satellite.cli.check import findings_of
from mock_lightstep_satellite.cli.durations import FORMS, seconds
from mock_lightstep_satellite.cli.exits import FINDINGS, complain, errors, exit_code
from mock_lightstep_satellite.cli.query import ProjectName, Url, asking, canonical
from mock_lightstep_satellite.cli.tables import remark
from mock_lightstep_satellite.client import Project
from mock_lightstep_satellite.errors import BadRequest, NotFound, SatelliteError
from mock_lightstep_satellite.remote import connect, environment
from mock_lightstep_satellite.span import counted

CANNOT_RUN, NOT_FOUND = 126, 127
"""Exit codes of a shell whose command cannot be run, or is not there."""


def exec_(
    command: Annotated[list[str], typer.Argument(help="After --: the command and its arguments.")],
    expect: Annotated[
        list[str] | None,
        typer.Option(
            "--expect", help="A query that its spans are to meet; may be given again. Else any span."
        ),
    ] = None,
    count: Annotated[
        list[str] | None,
        typer.Option(
            "--count", help="3, '>=1', '<=4', 0: of each --expect in turn; the last counts for the rest."
        ),
    ] = None,
    timeout: Annotated[
        str, typer.Option("--timeout", help=f"How long to wait after it ended: {FORMS}.")
    ] = "5s",
    quiet: Annotated[
        str, typer.Option("--quiet", help="How long no further one may come; needed for --count 0.")
    ] = "0s",
    fault: Annotated[
        list[str] | None, typer.Option("--fault", help="A profile of faults that its reports meet.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 4 on findings about the spans.")
    ] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the project also when all is well.")] = False,
    url: Url = DEFAULT_URL,
    project: Annotated[
        str | None,
        typer.Option("--project", help="Report to this one; else a fresh one.", show_default=False),
    ] = None,
) -> None:
    """Run a command with the environment that makes tracers report to a project, and wait for its spans.

    Exit code: the command's, when that is not 0; else 0 they came, 1 they did not, 2 usage, 3 no satellite, 4 findings.
    """
    name = project or _name(command[0])
    queries, counts = expect or [""], count or [">=1"]
    if len(counts) > len(queries):
        raise typer.BadParameter("more of them than of --expect", param_hint="--count")
    counts += counts[-1:] * (len(queries) - len(counts))
    with (
        asking(url, name, may_be_new=True) as asked,
        tempfile.TemporaryDirectory(prefix="satellite-") as folder,
    ):
        wanted = [canonical(asked, query) for query in queries]
        timeout_s, quiet_s = seconds(timeout), seconds(quiet)
        _check(counts, timeout_s, quiet_s)
        addresses = environment(connect(asked.client, Path(folder)), name)
        since = asked.mark()  # that we looked for its ports is no clue when nothing comes
        for profile in fault or ():
            asked.add_fault(profile)
        ended = _run(command, addresses)
        code = 0
        try:
            for query, number in zip(wanted, counts, strict=True):
                asked.expect(query, number, since=since, timeout=timeout_s, quiet=quiet_s)
            if strict and findings_of(asked, "", None):
                code = FINDINGS
        except SatelliteError as error:
            complain(error)
            code = exit_code(error)
        code = ended or code
        if code or keep or project:
            errors().print(Text(f"project {name}: {asked.client.url}/{name}/explorer"))
        else:
            _drop(asked)
    raise typer.Exit(code)


def _check(counts: Sequence[str], timeout_s: float, quiet_s: float) -> None:
    """What the satellite would refuse when the command has run. Raises BadRequest."""
    if timeout_s > TIMEOUT_S_MAX:
        raise BadRequest(f"--timeout is at most {TIMEOUT_S_MAX}s")
    if quiet_s > timeout_s:
        raise BadRequest("--quiet is longer than --timeout: this could never be met")
    if not quiet_s and any(count_range(one)[1] == 0 for one in counts):
        raise BadRequest("--count 0 needs --quiet, the time for which none may come", hint="--quiet 500ms")


def _run(command: Sequence[str], variables: dict[str, str]) -> int:
    """The exit code of the command, as a shell says it. Raises typer.Exit when it cannot be run: then nothing was sent."""
    try:
        ended = subprocess.run(command, env=os.environ | variables, check=False)  # noqa: S603 - the user's own
    except FileNotFoundError:
        errors().print(Text(f"{command[0]}: not found", "red"))
        raise typer.Exit(NOT_FOUND) from None
    except OSError as error:
        errors().print(Text(f"{command[0]}: {error.strerror}", "red"))
        raise typer.Exit(CANNOT_RUN) from None
    return ended.returncode if ended.returncode >= 0 else 128 - ended.returncode


def _name(command: str) -> str:
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(command).name)[:40].strip("-.") or "exec"
    return f"{readable}-{secrets.token_hex(4)}"


def reset(
    url: Url = DEFAULT_URL,
    project: ProjectName = None,
    everything: Annotated[bool, typer.Option("--all", help="Every project.")] = False,
) -> None:
    """Remove the spans of a project."""
    if everything and project:
        raise typer.BadParameter("--all is every project", param_hint="--project")
    with asking(url, project or ("default" if everything else None), may_be_new=True) as asked:
        names = [one["project"] for one in asked.client.projects()] if everything else [asked.name]
        removed = sum(_removed(asked.client.project(name)) for name in names)
    remark(f"{counted(removed, 'span')} of {', '.join(names) or 'no project'} removed")


def _removed(project: Project) -> int:
    try:
        return project.reset()
    except NotFound:
        return 0


def _drop(project: Project) -> None:
    try:
        project.drop()
    except NotFound:
        return
