"""Exit codes (testing.md §7.4), and how an error is told: one line and a hint on standard error."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from mock_lightstep_satellite.errors import BadRequest, SatelliteError, StoreFailed, Unreachable
from mock_lightstep_satellite.visible import visible

MET, NOT_MET, USAGE, UNREACHABLE, FINDINGS = 0, 1, 2, 3, 4
"""FINDINGS: of `check --strict`, when there are any."""


def exit_code(error: SatelliteError) -> int:
    """The exit code of a command that ended with this error."""
    if isinstance(error, Unreachable | StoreFailed):  # it stops, or its engine is away
        return UNREACHABLE
    return USAGE if error.http_status == BadRequest.http_status else NOT_MET


def complain(error: SatelliteError, *, says: str = "") -> None:
    """The message (of a query with the place) and the hint, on standard error; red on a terminal."""
    console = errors()
    console.print(Text(visible(f"{says}{error.message}"), "red"))
    if error.hint:
        console.print(Text(visible(f"hint: {error.hint}")))


def errors() -> Console:
    """Standard error; lines are never wrapped."""
    return Console(stderr=True, highlight=False, soft_wrap=True)
