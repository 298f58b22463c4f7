"""Tables for people and for pipes: on a terminal they fit its width, piped they are lines of fields between tabs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from mock_lightstep_satellite.visible import in_one_line, visible

_TEXT_MIN = 8
"""Characters of a text that are left when it is cut; a terminal wraps what is wider even so."""


def console() -> Console:
    """Standard output; piped, its lines are never wrapped."""
    return Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=100_000)


def remark(text: str, style: str = "") -> None:
    """A sentence beside a table: below it on a terminal, else on standard error."""
    Console(stderr=not sys.stdout.isatty(), highlight=False, soft_wrap=True).print(Text(visible(text), style))


def line(*cells: str, style: str = "") -> None:
    """One line at once: two spaces between the cells on a terminal, else a tab."""
    if sys.stdout.isatty():
        console().print(Text("  ".join(map(in_one_line, cells)), style), soft_wrap=True)
    else:
        sys.stdout.write("\t".join(map(in_one_line, cells)) + "\n")
        sys.stdout.flush()


@dataclass(slots=True)
class Table:
    """Columns named `"latency>"` are numbers, to the right, and never cut; `"trace="` is text that is never cut."""

    columns: Sequence[str]
    rows: list[tuple[Sequence[str], str]] = field(default_factory=list)

    def add(self, *cells: str, style: str = "") -> None:
        """One row."""
        self.rows.append((tuple(map(in_one_line, cells)), style))

    def print(self) -> None:
        """Write it to standard output."""
        if sys.stdout.isatty():
            drawn = self._drawn()
            least = sum((column.min_width or 0) + 2 for column in drawn.columns)
            Console(highlight=False, width=max(console().width, least)).print(drawn)
            return
        lines = [[_title(name) for name in self.columns], *(cells for cells, _ in self.rows)]
        sys.stdout.write("".join("\t".join(line) + "\n" for line in lines))
        sys.stdout.flush()

    def _drawn(self) -> RichTable:
        table = RichTable(box=None, pad_edge=False, header_style="bold")
        for column, name in enumerate(self.columns):
            whole = name.endswith((">", "="))
            title = _title(name)
            longest = max(cell_len(text) for text in (title, *(cells[column] for cells, _ in self.rows)))
            table.add_column(
                title,
                justify="right" if name.endswith(">") else "left",
                no_wrap=whole,
                overflow="ellipsis",
                min_width=longest if whole else min(longest, _TEXT_MIN),
            )
        for cells, style in self.rows:
            table.add_row(*map(Text, cells), style=style)
        return table


def _title(column: str) -> str:
    return in_one_line(column.rstrip(">="))


def share(part: float) -> str:
    """A share in percent."""
    return f"{100 * part:.3g} %"
