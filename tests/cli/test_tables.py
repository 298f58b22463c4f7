"""Tables on a terminal: numbers and ids are whole and to the right, and no column vanishes, however narrow it is."""

from __future__ import annotations

import re
import sys

import pytest

from mock_lightstep_satellite.cli.tables import Table


@pytest.mark.parametrize("columns", [30, 60, 80, 200])
def test_a_terminal_loses_no_column(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    table = Table(("service", "reporter=", "seen>", "spans>"))
    table.add("istio-ingressgateway.istio-system", "bcefd0a747679715", "14.91 s", "4")
    table.add("ratings.default", "6e6291d24573f542", "9 s", "120")
    table.print()
    head, *rows = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
    assert head.split() == ["service", "reporter", "seen", "spans"]
    assert [row.split()[0][:5] for row in rows] == ["istio", "ratin"]
    assert [row.split("  ", 1)[1].lstrip() for row in rows] == [
        "bcefd0a747679715  14.91 s      4",
        "6e6291d24573f542      9 s    120",
    ]
