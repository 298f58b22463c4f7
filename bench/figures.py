"""What a measurement is, how it is shown, and where it is kept."""

from __future__ import annotations

import math
import os
import platform
import statistics
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import msgspec
from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).with_name("results")
LIBRARIES = (
    "mock-lightstep-satellite",
    "fastapi",
    "grpcio",
    "msgspec",
    "numpy",
    "protobuf",
    "ptars",
    "pyarrow",
    "uvicorn",
    "uvloop",
)


class Figure(msgspec.Struct, frozen=True):
    """One measured number, taken one or several times."""

    question: str
    """The script that asked."""
    what: str
    unit: str
    values: list[float]
    """One per round."""
    better: Literal["more", "less"] = "less"
    floor: float | None = None
    """What issue and reference expect at least (or at most); None where they say nothing."""
    goal: float | None = None
    note: str = ""

    @property
    def median(self) -> float:
        """Of the rounds."""
        return statistics.median(self.values)

    def met(self, bound: float | None) -> bool | None:
        """Whether the median is as good; None without a bound."""
        if bound is None:
            return None
        return self.median >= bound if self.better == "more" else self.median <= bound


def shown(number: float) -> str:
    """Three significant digits, thousands set apart."""
    if math.isnan(number):
        return "?"
    if number == 0 or abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.{max(0, 2 - math.floor(math.log10(abs(number))))}f}"


def row(figure: Figure) -> list[str]:
    """Its cells: what, median, spread, unit, floor, goal, verdict."""
    sign = "≥" if figure.better == "more" else "≤"
    bounds = [f"{sign} {shown(bound)}" if bound is not None else "" for bound in (figure.floor, figure.goal)]
    low, high = min(figure.values), max(figure.values)
    spread = f"{shown(low)} – {shown(high)} ({len(figure.values)})" if len(figure.values) > 1 else ""
    floor_met, goal_met = figure.met(figure.floor), figure.met(figure.goal)
    verdict = "goal" if goal_met else "floor" if floor_met else "" if floor_met is None else "BELOW"
    if floor_met is None and goal_met is False:
        verdict = "not yet"
    what = f"{figure.what} ({figure.note})" if figure.note else figure.what
    return [what, shown(figure.median), spread, figure.unit, *bounds, verdict]


HEAD = ("what", "median", "spread (rounds)", "unit", "floor", "goal", "met")


def show(figures: Sequence[Figure], title: str = "") -> None:
    """Print them as a table."""
    table = Table(*HEAD, title=title or None, title_justify="left", box=None, pad_edge=False)
    for column in (1, 2):
        table.columns[column].justify = "right"
    for figure in figures:
        table.add_row(*row(figure))
    Console(width=None if os.isatty(1) else 160, highlight=False).print(table)


def markdown(record: dict[str, Any], figures: Sequence[Figure]) -> str:
    """A page with the same table."""
    machine = record["machine"]
    lines = [
        "# Latest results",
        "",
        (
            f"Made by `python -m bench`; commit {record['commit']}, {record['date']}, {machine['processor']}, "
            f"{machine['cores']} cores that server and load share, {machine['memory_gib']} GiB, "
            f"{machine['system']}, Python {machine['python']}; load average before it "
            f"{machine['load_average']}."
        ),
        "",
        "| " + " | ".join(HEAD) + " |",
        "|---|--:|--:|---|---|---|---|",
    ]
    lines += [
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row(figure)) + " |" for figure in figures
    ]
    return "\n".join([*lines, ""])


def about() -> dict[str, Any]:
    """When, where and of what: to be taken before the first measurement."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else math.nan
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "memory_gib": round(_memory_bytes() / 2**30),
            "system": platform.platform(),
            "python": platform.python_version(),
            "load_average": round(load, 2),
        },
        "versions": {name: version(name) for name in LIBRARIES},
    }


def keep(record: dict[str, Any], figures: Sequence[Figure], *, only: Sequence[str] = ()) -> Path:
    """Write them to `results/<date>-<commit>.json` (with `only` after it) and return that file.

    A run of all questions is also the new `results/latest.md`.
    """
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / ("-".join([record["date"][:10], record["commit"], *only]) + ".json")
    medians = [{**msgspec.to_builtins(figure), "median": figure.median} for figure in figures]
    content = msgspec.json.encode(record | {"figures": medians})
    file.write_bytes(msgspec.json.format(content, indent=1) + b"\n")
    if not only:
        (RESULTS / "latest.md").write_text(markdown(record, figures), "utf-8")
    return file


def _commit() -> str:
    def git(*arguments: str) -> str:
        command = ["git", "-C", str(RESULTS.parent), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    commit = git("rev-parse", "--short=10", "HEAD") or "unknown"
    changed = git("status", "--porcelain", "--untracked-files=no", "--", "../satellite", "../pyproject.toml")
    return f"{commit}-changed" if changed else commit


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text("ascii", "replace")
    except OSError:
        return platform.processor() or "unknown"
    return text.partition("model name")[2].partition("\n")[0].lstrip("\t: ") or platform.machine()


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
