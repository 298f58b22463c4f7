from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from mock_lightstep_satellite.calls import Missed
from mock_lightstep_satellite.cli import app, tables
from mock_lightstep_satellite.client import Client, Project
from satellite.intake.arrivals import Arrivals
from satellite.store.recall.engine import RecallStore
from tests import bookinfo
from tests.serving import api_of, serving
from tests.store.rows import batch_of


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


@pytest.fixture(scope="module")
def served() -> Iterator[SimpleNamespace]:
    store, arrivals = RecallStore(), Arrivals()
    store.write("default", bookinfo.batch(), arrived_ns=1)
    with serving(api_of(store, arrivals)) as url:
        yield SimpleNamespace(url=url, store=store, arrivals=arrivals)
    store.close()


@pytest.fixture(autouse=True)
def _at_the_url(served: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SATELLITE_URL", served.url)


def fields(result: Result) -> list[list[str]]:
    """The lines of a table that goes into a pipe."""
    assert result.exit_code == 0, result.output
    return [line.split("\t") for line in result.stdout.splitlines()]


def test_histogram() -> None:
    head, *rows = fields(run("histogram", bookinfo.Q2.text))
    assert head == ["from", "to", "spans", "errors"]
    assert [int(row[2]) for row in rows] == list(bookinfo.Q2_BUCKETS.values())
    assert "12 spans, 0 errors; p50 10.3 ms, p95 905.3 ms" in run("histogram", bookinfo.Q2.text).stderr


@pytest.mark.parametrize("command", ["spans", "histogram", "groups service", "correlations", "diagram"])
def test_nothing_within_the_last_minutes_is_told_as_that(command: str) -> None:
    said = run(*command.split(), "--since", "5m").stderr
    assert said == "88 spans are held, but none within these bounds of time and latency\n"


def test_groups() -> None:
    head, *rows = fields(run("groups", "istio.canonical_revision", bookinfo.Q1.text, "--whole"))
    assert head[:3] == ["istio.canonical_revision", "spans", "errors"]
    assert [(row[0], row[1]) for row in rows] == [("v3", "8"), ("v2", "8"), ("v1", "4"), ("(none)", "68")]


def test_correlations() -> None:
    _, *rows = fields(run("correlations", bookinfo.Q2.text, "--from", "100ms"))
    assert [row[0] for row in rows] == [
        "-1.00",
        "-1.00",
        "-0.99",
        "-0.99",
        "-0.98",
        "+0.80",
        "+0.60",
        "+0.00",
    ]
    assert rows[5][1] == "istio.canonical_revision = v3"
    assert "no contrast" in run("correlations", bookinfo.Q10.text).stderr
    assert json.loads(run("correlations", "--of", "errors", "--format", "json").stdout)["in_traces"] == 1


def test_an_empty_value_is_seen(served: SimpleNamespace) -> None:
    batches = [
        batch_of(
            [
                {"trace_low": number, "span_id": number, "duration_ns": duration_ns, "tags": tags}
                for number in range(first, first + 10)
            ]
        )
        for first, duration_ns, tags in (
            (1, 1_000_000, []),
            (11, 1_000_000_000, [("zone", ""), ("area", "")]),
        )
    ]
    for batch in batches:
        served.store.write("zones", batch, arrived_ns=1)
    at = ("--project", "zones")
    _, *rows = fields(run("correlations", "--from", "500ms", *at))
    assert 'zone = ""' in {cell for row in rows for cell in (row[1], *row[5].split(", "))}
    _, *rows = fields(run("groups", "zone", *at))
    assert [row[0] for row in rows] == ['""', "(none)"]


def test_diagram(tmp_path: Path) -> None:
    lines = fields(run("diagram", bookinfo.Q1.text))
    assert ["productpage.default", "reviews.default", "12", "0", "148.8 ms"] in lines
    assert run("diagram", "--format", "mermaid").stdout.startswith("flowchart LR")
    file = tmp_path / "diagram.svg"
    assert run("diagram", "--format", "svg", "--output", str(file)).stdout == ""
    assert ET.fromstring(file.read_text()).tag.endswith("svg")


def test_snapshot(tmp_path: Path, served: SimpleNamespace) -> None:
    file = tmp_path / "kept.json"
    _, [identifier, *_] = fields(run("snapshot", bookinfo.Q2.text, "--name", "slow", "--output", str(file)))
    assert fields(run("snapshot", "--list"))[1][0] == identifier
    assert fields(run("histogram", "--snapshot", identifier)) == fields(run("histogram", bookinfo.Q2.text))
    with Client(served.url) as client:
        assert client.project("copy").import_snapshot(file.read_bytes())


def test_a_trace_as_a_page(tmp_path: Path) -> None:
    file = tmp_path / "trace.html"
    assert run("trace", "b00c0002", "--html", str(file)).exit_code == 0
    assert file.read_text().startswith("<!doctype html>")


def test_an_empty_answer_says_why() -> None:
    for command in (("spans",), ("histogram",), ("groups", "service"), ("correlations",), ("diagram",)):
        result = run(*command, 'servce IN ("x")')
        assert 'no span has the key "servce"; did you mean service' in result.stderr, command
        assert result.exit_code == 0


def test_tail(monkeypatch: pytest.MonkeyPatch) -> None:
    def news(_: Project, query: str, *, since: int | None) -> Iterator[Any]:
        assert since is None
        assert query == bookinfo.Q2_CANONICAL
        yield from bookinfo.batch(range(1)).spans()[:1]
        yield Missed(missed=7, mark=9)
        raise KeyboardInterrupt

    monkeypatch.setattr(Project, "tail", news)
    result = run("tail", bookinfo.Q2.text)
    assert fields(result)[0][1] == bookinfo.GATEWAY
    assert "7 spans missed" in result.stderr
    [line] = run("tail", bookinfo.Q2.text, "--format", "json").stdout.splitlines()
    assert json.loads(line)["service"] == bookinfo.GATEWAY


def test_tail_without_following(monkeypatch: pytest.MonkeyPatch) -> None:
    newest = fields(run("spans", "--order", "-start", "--limit", "12"))[1:]
    assert bookinfo.DETAILS in run("spans", "--by", "service", "--limit", "1").stdout
    assert bookinfo.REVIEWS in run("spans", "--by", "service", "--order", "-value", "--limit", "1").stdout
    starts = [row[3] for row in newest]
    assert [row[0] for row in fields(run("tail", "--no-follow"))] == starts[:10][::-1]
    assert [row[0] for row in fields(run("tail", "--no-follow", "-n", "12"))] == starts[::-1]
    assert run("tail", "--no-follow", "--project", "nobody").stdout == ""

    def news(_: Project, query: str, *, since: int | None) -> Iterator[Any]:
        assert since == 88  # what arrived before is shown already
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(Project, "tail", news)
    assert len(fields(run("tail", "--follow", "--lines", "3"))) == 3


@pytest.mark.parametrize("width", [60, 100, 200])
def test_on_a_terminal_a_table_fits_and_breaks_no_word(width: int) -> None:
    table = tables.Table(("service", "operation", "latency>", "trace="))
    table.add(
        "productpage.default", "reviews.default.svc.cluster.local:9080/* and more words", "15.3 ms", "b" * 16
    )
    console = Console(width=width, force_terminal=True, color_system=None)
    with console.capture() as capture:
        console.print(table._drawn())
    lines = capture.get().splitlines()
    assert all(len(line) <= width for line in lines)
    words = {word for line in lines for word in line.split()}
    assert "15.3" in words
    assert "b" * 16 in words
    whole = {"productpage.default", "reviews.default.svc.cluster.local:9080/*", "and", "more", "words"}
    assert all(
        word in whole or word.endswith("…") for word in words - {"15.3", "ms", "b" * 16} if "." in word
    )


def test_fields_with_tabs_and_line_breaks_stay_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    table = tables.Table(("a", "b>"))
    table.add("x\ty\nz", "1")
    table.print()
    assert capsys.readouterr().out == "a\tb\nx y z\t1\n"
