"""Names that strangers chose show on a terminal and do nothing there: no escape, no bell, no other line, no other direction."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from mock_lightstep_satellite.calls import error_of
from mock_lightstep_satellite.cli import app
from mock_lightstep_satellite.visible import visible
from satellite.explore.diagram import diagram
from satellite.explore.drawings import dot, mermaid
from satellite.intake.arrivals import Arrivals
from satellite.model.reporter import Reporter
from satellite.model.spans import SpanBuilder, Status
from satellite.query.plan import ALL
from satellite.store.recall.engine import RecallStore
from tests.serving import api_of, serving

EVIL = "\x1b]0;t\x07\x9b2J\u202eab\u2066\r\x7f\u2028\nzz\tz"
NEVER = {*map(chr, range(32)), *map(chr, range(0x7F, 0xA0)), *"\u2028\u2029\u202a\u202e\u2066"} - {"\n", "\t"}
TRACE = f"{1:016x}"


@pytest.fixture(scope="module")
def store() -> Iterator[RecallStore]:
    builder = SpanBuilder()
    for number in (1, 2):
        builder.add(
            reporter=Reporter("otlp", service=f"s{number}{EVIL}"),
            operation=f"o{EVIL}",
            trace_low=1,
            span_id=number,
            parent_id=number - 1,
            start_ns=10**18,
            duration_ns=1000,
            status=Status.ERROR,
            tags=[(f"k{EVIL}", f"v{EVIL}")],
        )
    store = RecallStore()
    store.write("default", builder.build(), arrived_ns=1)
    yield store
    store.close()


@pytest.fixture(scope="module")
def url(store: RecallStore) -> Iterator[str]:
    with serving(api_of(store, Arrivals())) as url:
        yield url


@pytest.mark.parametrize(
    "arguments",
    [
        ["services"],
        ["spans"],
        ["trace", TRACE],
        ["trace", TRACE, "--critical-path"],
        ["wait"],
        ["wait", 'nosuch IN ("x")', "--timeout", "1ms"],
        ["groups", "operation"],
        ["groups", f"k{EVIL}"],
        ["correlations"],
        ["diagram"],
        ["check"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("terminal", [False, True], ids=["piped", "terminal"])
def test_what_is_printed(
    arguments: list[str], terminal: bool, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = CliRunner()
    if terminal:
        monkeypatch.setattr("typer.testing._NamedTextIOWrapper.isatty", lambda _: True, raising=False)
    result = runner.invoke(app, [*arguments, "--url", url], env={"NO_COLOR": "1", "TERM": "dumb"})
    assert result.exit_code in (0, 1), result.output
    assert not NEVER & {*result.output}, result.output
    if not terminal:  # where nothing is wrapped
        assert not re.search(r"^\s*zz", result.output, re.MULTILINE), result.output


def test_diagrams_for_other_programs(store: RecallStore) -> None:
    found = diagram(store, "default", ALL)
    for drawn in (dot(found), mermaid(found)):
        assert not {"\x1b", "\x07", "\x9b", "\r"} & {*drawn}
        assert "s1" in drawn


def test_an_error_of_the_satellite() -> None:
    body = {"code": "NotMet", "message": f"no {EVIL}", "explanation": {"lines": [f"only {EVIL}"]}}
    assert not NEVER & {*str(error_of(body))}


@given(st.text())
def test_all_else_stays(text: str) -> None:
    shown = visible(text)
    assert not NEVER & {*shown}
    if not NEVER & {*text} and text.isprintable():
        assert shown == text
