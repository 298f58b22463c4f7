"""`exec`, `fault`, `golden`, `reset`: a shell script in CI has a test step in each."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from mock_lightstep_satellite.cli import app
from mock_lightstep_satellite.cli.faults import FIELDS
from mock_lightstep_satellite.client import Project
from satellite import Satellite
from satellite.faults.rule import Fault
from tests.serving import silent_url

REPORTS = """
import json, os, sys, urllib.request
span = {"traceId": "a1", "id": "b1", "name": "checkout", "timestamp": 1700000000000000, "duration": 5,
        "localEndpoint": {"serviceName": "shop"}, "tags": {"http.status_code": "200"}}
span.update(json.loads(sys.argv[1]))
request = urllib.request.Request(os.environ["SATELLITE_HTTP_URL"] + "/api/v2/spans", json.dumps([span]).encode(),
    {"content-type": "application/json", "lightstep-access-token": os.environ["LIGHTSTEP_ACCESS_TOKEN"]})
try:
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request).read()
except urllib.error.HTTPError as error:
    sys.exit(error.code % 256)
"""
"""A program that reports one span, with what its argument says otherwise."""


@pytest.fixture(scope="module")
def running() -> Iterator[Satellite]:
    with Satellite() as started:
        yield started


@pytest.fixture(autouse=True)
def url(running: Satellite, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SATELLITE_URL", running.url)
    monkeypatch.delenv("SATELLITE_PROJECT", raising=False)
    return running.url


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def reports(span: str = "{}") -> list[str]:
    return ["--", sys.executable, "-c", REPORTS, span]


def projects(running: Satellite) -> list[str]:
    return [one["project"] for one in running.client.projects()]


def test_what_a_command_reports_is_waited_for(running: Satellite) -> None:
    result = run("exec", "--expect", 'http.status_code IN ("200")', "--count=1", "--strict", *reports())
    assert result.exit_code == 0, result.output
    assert not [name for name in projects(running) if name.startswith("python")]


def test_what_does_not_come_is_explained(running: Satellite) -> None:
    result = run(
        "exec",
        "--expect",
        'service IN ("shop")',
        "--expect",
        'service IN ("till")',
        "--timeout=0",
        *reports(),
    )
    assert result.exit_code == 1
    assert 'values seen for "service": shop (1)' in result.stderr
    [kept] = [name for name in projects(running) if name.startswith("python")]
    assert f"{running.url}/{kept}/explorer" in result.stderr
    running.client.project(kept).drop()


def test_the_exit_code_of_the_command_is_passed_on() -> None:
    assert (
        run("exec", "--count=0", "--quiet=10ms", "--", sys.executable, "-c", "raise SystemExit(9)").exit_code
        == 9
    )
    missing = run("exec", "--timeout=0", "--", "/no/such/program")
    assert (missing.exit_code, "expected" in missing.output) == (127, False)
    killed = "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"
    assert run("exec", "--timeout=0", "--", sys.executable, "-c", killed).exit_code == 128 + 15


def test_findings_and_faults() -> None:
    result = run("exec", "--strict", *reports('{"parentId": "c1"}'))
    assert (result.exit_code, "unknown-parent" in result.output) == (4, True)
    assert run("exec", "--fault=wrong-token", "--timeout=0", *reports()).exit_code == 401 % 256


def test_a_project_that_is_named_is_used_and_kept(running: Satellite) -> None:
    for _ in range(2):
        result = run("exec", "--project=mine", "--count=1", *reports())
        assert result.exit_code == 0, result.output
        running.client.project("mine").reset()
    assert "mine" in projects(running)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--count=some"], "not a count of spans: 'some'"),
        (["--count=1", "--count=2"], "more of them than of --expect"),
        (["--timeout=-1s"], "not a duration: '-1s'"),
        (["--timeout=2h"], "--timeout is at most 60s"),
        (["--quiet=6s"], "longer than --timeout"),
        (["--expect=service IN"], 'expected "("'),
        (["--count=0"], "needs --quiet"),
        (["--fault=bad-day"], "flaky-network"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error_and_nothing_is_run(
    arguments: list[str], said: str, tmp_path: Path
) -> None:
    result = run("exec", *arguments, "--", "touch", str(tmp_path / "ran"))
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
    assert not (tmp_path / "ran").exists()


def test_without_a_satellite_the_command_does_not_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with silent_url() as silent:
        monkeypatch.setenv("SATELLITE_URL", silent)
        assert run("exec", "--", "touch", str(tmp_path / "ran")).exit_code == 3
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(("ended", "code"), [(0, 3), (9, 9)])
def test_the_satellite_goes_away_while_its_spans_are_waited_for(
    ended: int, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Satellite() as other:
        expect = Project.expect

        def expect_of_one_that_stops(*arguments: Any, **named: Any) -> Any:
            other._running.stop()
            return expect(*arguments, **named)

        monkeypatch.setattr(Project, "expect", expect_of_one_that_stops)
        command = [sys.executable, "-c", f"raise SystemExit({ended})"]
        result = run("exec", "--url", other.url, "--timeout=30s", "--", *command)
    assert result.exit_code == code, result.output
    assert "satellite" in result.stderr


def test_faults_there_and_gone() -> None:
    result = run(
        "fault", "add", "--project=bad", "--status=503", "--times=2", "--commands=disable", "--duplicate"
    )
    assert result.exit_code == 2  # a report that is refused cannot be delivered twice
    assert "duplicate needs a report that is kept" in result.output
    added = run("fault", "add", "--project=bad", "--status=503", "--times=2").output.split()
    listed = run("fault", "list", "--project=bad", "--format=json")
    [found] = json.loads(listed.output)["faults"]
    assert (found["fault"], [found["id"]]) == ({"status": 503, "times": 2}, added)
    assert "status=503 times=2" in run("fault", "list", "--project=bad").output
    assert run("fault", "clear", "--project=bad", *added).exit_code == 0
    assert run("fault", "clear", "--project=bad", *added).exit_code == 1  # it is gone
    assert run("fault", "add", "--project=bad", "kill-switch").exit_code == 0
    assert run("fault", "clear", "--project=bad").exit_code == 0
    assert json.loads(run("fault", "list", "--project=bad", "--format=json").output)["faults"] == []


def test_faults_of_the_whole_satellite(running: Satellite) -> None:
    assert "port" in run("fault", "add", "--project=bad", "--connection=refuse").output
    assert run("fault", "add", "--everywhere", "--connection=refuse", "--port=1").exit_code == 0
    [found] = running.client.faults()
    assert found["fault"] == {"connection": "refuse", "port": 1}
    assert run("fault", "clear", "--everywhere").exit_code == 0
    with running.client.fault(streams=3):
        assert len(running.client.faults()) == 1
    assert running.client.faults() == []


def test_an_unknown_value_names_the_field_and_the_values() -> None:
    result = run("fault", "add", "--project=bad", "--connection=cut")
    assert result.exit_code == 2
    assert "connection" in result.output
    assert "reset-after" in result.output


def test_each_field_of_a_fault_is_an_option() -> None:
    assert list(FIELDS) == list(Fault.__struct_fields__)


def arrive(running: Satellite, project: str, **span: str) -> None:
    sent = {"traceId": "a1", "id": "b1", "name": "checkout", "localEndpoint": {"serviceName": "shop"}} | span
    running.client.project(project).import_(json.dumps([sent]).encode())


def test_golden_files(running: Satellite, tmp_path: Path) -> None:
    for trace, name in (("a1", "checkout"), ("a2", "refund")):
        for project in (name, "both"):
            arrive(running, project, traceId=trace, name=name)
        assert run("golden", "write", f"--project={name}", str(tmp_path / f"{name}.json")).exit_code == 0
    files = [str(tmp_path / f"{name}.json") for name in ("checkout", "refund")]
    assert run("golden", "check", "--project=checkout", files[0]).output == ""
    assert run("golden", "check", "--project=both", *files).exit_code == 0
    only = run("golden", "check", "--project=both", '--query=operation IN ("refund")', files[1])
    assert only.exit_code == 0
    differs = run("golden", "check", "--project=both", files[0])
    assert differs.exit_code == 1
    assert '+        "operation": "refund"' in differs.output
    assert run("golden", "check", "--project=nothing-came", files[0]).exit_code == 1
    (tmp_path / "bad.json").write_text("{")
    assert run("golden", "check", "--project=both", str(tmp_path / "bad.json")).exit_code == 2
    assert run("golden", "write", "--project=both", str(tmp_path / "refund.json" / "x.json")).exit_code == 2


def test_reset(running: Satellite) -> None:
    for name in ("one", "other"):
        arrive(running, name)
    assert run("reset", "--project=one").output.startswith("1 span of one removed")
    assert running.client.project("one").spans() == []
    assert len(running.client.project("other").spans()) == 1
    assert run("reset", "--all", "--project=one").exit_code == 2
    assert run("reset", "--all").exit_code == 0
    assert running.client.project("other").spans() == []
    assert run("reset", "--project=never-there").exit_code == 0
