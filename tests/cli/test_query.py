from __future__ import annotations

import json
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from mock_lightstep_satellite.cli import durations, files, query
from mock_lightstep_satellite.span import latency
from satellite import Satellite
from satellite.intake.arrivals import Arrivals
from satellite.model.reporter import Reporter
from satellite.model.spans import SpanBuilder
from satellite.store.recall.engine import RecallStore
from tests import bookinfo
from tests.serving import api_of, serving, silent_url

app = typer.Typer()
for verb in (query.services, query.spans, query.trace, query.wait, files.export):
    app.command()(verb)


def run(*arguments: str, **environment: str | None) -> Result:
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "160", "TERM": "dumb", **environment})


@pytest.fixture(scope="module")
def served() -> Iterator[SimpleNamespace]:
    """Project default holds the Bookinfo spans."""
    store, arrivals = RecallStore(), Arrivals()
    store.write("default", bookinfo.batch(), arrived_ns=1)
    with serving(api_of(store, arrivals)) as url:
        yield SimpleNamespace(store=store, arrivals=arrivals, url=url)
    store.close()


@pytest.fixture(autouse=True)
def _at_the_url(served: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SATELLITE_URL", served.url)
    monkeypatch.delenv("SATELLITE_PROJECT", raising=False)


def as_json(*arguments: str) -> Any:
    result = run(*arguments, "--format", "json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize(
    ("bound", "count"),
    [("--min-latency=100ms", 12), ("--min-latency=100000us", 12), ("--max-latency=0.1", 50)],
)
def test_spans_by_their_latency(bound: str, count: int) -> None:
    latencies = [span["duration_us"] >= 100_000 for span in as_json("spans", bound)["spans"]]
    assert (len(latencies), {*latencies}) == (count, {"--min" in bound})
    spans = json.loads(run("spans", bound, "--format", "otlp").stdout)["resourceSpans"]
    assert sum(len(scope["spans"]) for one in spans for scope in one["scopeSpans"]) >= count


def test_services() -> None:
    lines = run("services").stdout.splitlines()
    assert lines[0].split() == ["service", "spans", "errors", "operations"]
    assert lines[3].split() == ["productpage.default", "36", "0", "3"]
    assert as_json("services")["services"][0]["service"] == bookinfo.DETAILS


def test_spans() -> None:
    result = run("spans", bookinfo.Q3.text)
    head, first, _ = (line.split("\t") for line in result.stdout.splitlines())
    assert head == ["service", "operation", "latency", "start", "trace"]
    assert first == [
        "reviews.default",
        "ratings.default.svc.cluster.local:9080/*",
        "3.6 ms",
        "2023-11-14 22:13:28.007 UTC",
        "00000000b00c0008",
    ]
    assert result.stderr == "2 spans\n"
    assert len(as_json("spans", "--limit", "7", "--order", "arrival")["spans"]) == 7


def test_a_table_says_when_it_is_not_all() -> None:
    assert run("spans", "--limit", "7").stderr.splitlines()[-1] == "there may be more than --limit 7"
    result = run("wait")
    assert (len(result.stdout.splitlines()), result.stderr) == (51, "88 spans, the first 50 shown\n")
    assert len(as_json("wait")["spans"]) == 88


def test_a_bare_key_will_do_on_the_command_line() -> None:
    assert len(as_json("spans", 'http.status_code IN ("500")')["spans"]) == 2


def test_spans_of_the_last_minutes() -> None:
    assert as_json("spans", "--since", "5m") == {"spans": []}
    assert len(as_json("spans", "--since", "36500d")["spans"]) == 50


def test_a_trace_as_a_tree() -> None:
    lines = run("trace", "00000000b00c0008").stdout.splitlines()
    assert lines[0] == "trace 00000000b00c0008: 8 spans, 5 services, 2 errors"
    assert "istio-ingressgateway.istio-system" in lines[1]
    depths = [len(line) - len(line.lstrip(" │├└─")) for line in lines]
    assert depths == [0, 4, 8, 12, 16, 12, 16, 20, 24]
    assert [line.endswith("!") for line in lines] == [False] * 7 + [True] * 2


def test_the_critical_path_of_a_trace() -> None:
    head, first, *rest = (
        line.split("\t") for line in run("trace", "00000000b00c0005", "--critical-path").stdout.splitlines()
    )
    assert head == ["service", "operation", "on the path", "share", "latency", "span"]
    assert first[0] == "ratings.default"
    assert first[2:4] == ["800 ms", "98.4 %"]
    assert len(rest) == 7
    found = as_json("trace", "00000000b00c0005", "--critical-path")["critical_path"]
    assert sum(row["path_us"] for row in found) == 812_800
    assert run("trace", "00000000b00c0005", "--tree").stdout == run("trace", "00000000b00c0005").stdout
    assert run("trace", "00000000b00c0005", "--tree", "--critical-path").exit_code == 2


def test_spans_as_otlp() -> None:
    found = json.loads(run("spans", 'service IN ("ratings.default")', "--format", "otlp").stdout)
    scopes = [scope for resource in found["resourceSpans"] for scope in resource["scopeSpans"]]
    assert {span["name"] for scope in scopes for span in scope["spans"]} == {
        span["operation"] for span in as_json("spans", 'service IN ("ratings.default")')["spans"]
    }


def test_a_trace_with_a_missing_span(served: SimpleNamespace) -> None:
    builder = SpanBuilder()
    builder.add(
        reporter=Reporter("lightstep", service="[red]a"),
        operation="b",
        trace_low=1,
        span_id=2,
        parent_id=3,
        start_ns=0,
        duration_ns=-5000,
    )
    served.store.write("orphans", builder.build(), arrived_ns=1)
    lines = run("trace", "0" * 15 + "1", "--project", "orphans").stdout.splitlines()
    assert lines[1] == "└── missing span 0000000000000003"
    assert lines[2] == "    └── [red]a  b  -5 µs"
    served.store.drop("orphans")


def test_a_trace_in_json() -> None:
    found = as_json("trace", "00000000b00c0002")
    assert (found["trace_id"], len(found["spans"])) == ("00000000b00c0002", 8)


def test_wait_is_met() -> None:
    result = run("wait", bookinfo.Q3.text, "--count", "2")
    assert (result.exit_code, result.stderr) == (0, "2 spans\n")


def test_wait_in_vain_says_why() -> None:
    result = run("wait", 'service IN ("nobody")', "--timeout", "1ms")
    assert result.exit_code == 1
    assert "expected at least 1 span, got 0 within 0.001 s" in result.stderr
    assert "<- fails here" in result.stderr


def test_wait_for_fewer_than_came() -> None:
    assert run("wait", "--count", "1").exit_code == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("wait", "--count", "many"),
        ("wait", "--timeout", "soon"),
        ("wait", "--timeout", "2h"),
        ("wait", "--count", "0"),
        ("wait", "error = true"),
        ("spans", "--limit", "0"),
        ("spans", "--order", "random"),
        ("spans", "--since", "yesterday"),
        ("spans", "--min-latency", "quick"),
        ("spans", "--format", "xml"),
        ("trace", " "),
        ("services", "--url", "localhost"),
    ],
)
def test_usage(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stderr
    assert not result.stdout


def test_a_bad_query_shows_the_place() -> None:
    assert '\nservice IN ("a") OR x\n                 ^\n' in run("spans", 'service IN ("a") OR x').stderr


@pytest.mark.parametrize("arguments", [("wait",), ("spans",), ("services",), ("trace", "0" * 16)])
def test_nobody_there(arguments: tuple[str, ...]) -> None:
    with silent_url() as url:
        result = run(*arguments, "--url", url)
    assert result.exit_code == 3
    assert url in result.stderr


def test_somebody_else_is_there() -> None:
    with Satellite() as running:  # its port for reports is not the Explorer's
        for arguments in (("wait",), ("spans",), ("services",), ("trace", "0" * 16)):
            result = run(*arguments, "--url", running.http_url)
            assert result.exit_code == 3, result.stderr
            assert "not as a satellite does" in result.stderr


def test_what_is_not_there() -> None:
    assert run("trace", "0" * 16).exit_code == 1
    assert run("services", "--project", "nobody").exit_code == 1


def test_which_project(served: SimpleNamespace) -> None:
    store, arrivals = RecallStore(), Arrivals()
    with serving(api_of(store, arrivals)) as url:
        assert run("spans", "--url", url).exit_code == 1
        assert run("wait", "--url", url, "--timeout", "1ms").exit_code == 1
        store.write("only", bookinfo.batch(range(1)), arrived_ns=1)
        assert len(json.loads(run("spans", "--url", url, "--format", "json").stdout)["spans"]) == 6
        store.write("other", bookinfo.batch(range(2)), arrived_ns=1)
        result = run("spans", "--url", url)
        assert result.exit_code == 2
        assert "only, other" in result.stderr
        found = run("spans", "--url", url, "--format", "json", SATELLITE_PROJECT="other").stdout
        assert len(json.loads(found)["spans"]) == 14
    store.close()


@pytest.mark.parametrize(
    ("duration_us", "text"),
    [
        (0, "0 µs"),
        (0.999, "999 ns"),
        (-0.5, "-500 ns"),
        (1.5, "1.5 µs"),
        (999, "999 µs"),
        (15_300, "15.3 ms"),
        (812_800, "812.8 ms"),
        (1_500_000, "1.5 s"),
        (-2000, "-2 ms"),
    ],
)
def test_latency(duration_us: float, text: str) -> None:
    assert latency(duration_us) == text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("30s", 30),
        ("5m", 300),
        ("1.5h", 5400),
        ("1d", 86400),
        ("30", 30),
        ("0.5", 0.5),
        (".5s", 0.5),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert durations.seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize("command", [("spans",), ("wait",), ("export",)])
def test_notes_go_to_standard_error(command: tuple[str, ...]) -> None:
    result = run(*command, "service NOT IN ('productpage.default')")
    assert result.exit_code == 0, result.output
    assert result.stderr.count('write service NOT IN ("productpage.default")') == 1
    assert "write service" not in result.stdout


def test_times_carry_their_zone() -> None:
    assert re.search(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} UTC", run("spans").stdout)


def test_a_wait_in_vain_has_the_notes_too() -> None:
    result = run("wait", "service IN ('productpage.default')", "--timeout", "1ms")
    assert result.exit_code == 1
    assert 'write service IN ("productpage.default")' in result.stderr
