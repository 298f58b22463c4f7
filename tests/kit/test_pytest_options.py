"""The plugin as a user meets it beyond its two fixtures: failures, marker, options, Hypothesis, asyncio."""

from __future__ import annotations

import json
import shlex
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.kit.test_pytest_plugin import Elsewhere, elsewhere, run, url

__all__ = ["elsewhere", "url"]
pytest_plugins = ["pytester"]

FAILING = """
def test_shop(spans):
    outer.running[0].arrive(spans.token, 2)
    assert False
"""


def test_a_failure_shows_what_arrived_and_keeps_it(
    pytester: pytest.Pytester, url: str, elsewhere: Elsewhere
) -> None:
    result = run(
        pytester, FAILING, f"--satellite-url={url}", "--satellite-artifacts=kept", "--junitxml=j.xml"
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*captured spans*",
            "project test_shop-main-*",
            "  ratings.default: 1 span",
            "trace *",
            f"open: {url}/test_shop-main-*/explorer",
            "saved: *captured-spans.txt",
            "saved: *spans.json",
            "saved: *trace-*.html",
        ]
    )
    [folder] = Path(pytester.path, "kept").iterdir()
    assert folder.name.endswith("test_shop")
    assert json.loads((folder / "spans.json").read_bytes())["resourceSpans"]
    [found] = ET.parse(pytester.path / "j.xml").iter("property")
    [project] = elsewhere.projects()
    assert (found.get("name"), found.get("value")) == ("satellite_url", f"{url}/{project}/explorer")


def test_a_failure_with_no_span_says_why(pytester: pytest.Pytester, url: str) -> None:
    result = run(pytester, "def test_a(spans): assert False", f"--satellite-url={url}")
    result.stdout.fnmatch_lines(["*captured spans*", "*no span at all arrived*"])


def test_what_is_shown_is_a_choice(pytester: pytest.Pytester, url: str) -> None:
    result = run(pytester, FAILING, f"--satellite-url={url}", "--satellite-show=none")
    result.stdout.no_fnmatch_line("*captured spans*")
    passing = FAILING.replace("assert False", "pass")
    result = run(pytester, passing, f"--satellite-url={url}", "--satellite-show=all", "-rP")
    result.stdout.fnmatch_lines(["*captured spans*", "  ratings.default: 1 span"])
    result = run(pytester, passing, "--satellite-show=some")
    result.stderr.fnmatch_lines(["*--satellite-show is one of failed, all, none"])


def test_how_long_waits_last_is_a_choice(pytester: pytest.Pytester, url: str) -> None:
    waits = "def test_a(spans):\n    spans.expect(count=1)\ndef test_b(spans):\n    spans.fence()"
    result = run(pytester, waits, f"--satellite-url={url}", "--satellite-timeout=0.25")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*within 0.25 s*", "*within 0.25 s*"])
    for seconds in ("soon", "0", "61", "nan"):
        result = run(pytester, waits, f"--satellite-timeout={seconds}")
        result.stderr.fnmatch_lines([f"*--satellite-timeout is a number of seconds, at most 60: '{seconds}'"])


def test_options_may_stand_in_the_ini_file(pytester: pytest.Pytester, url: str) -> None:
    pytester.makeini(f"[pytest]\nsatellite_url = {url}\nsatellite_artifacts = kept")
    run(pytester, FAILING).assert_outcomes(failed=1)
    assert Path(pytester.path, "kept").is_dir()


def test_the_marker(pytester: pytest.Pytester, url: str, elsewhere: Elsewhere) -> None:
    result = run(
        pytester,
        """
pytestmark = pytest.mark.satellite(fault="kill-switch")

@pytest.mark.satellite(keep=True)
def test_kept(spans):
    [rule] = spans.faults()
    assert rule["fault"]["commands"] == ["disable"]
    outer.running[0].arrive(spans.token, 2)

@pytest.mark.satellite(fault=[{"status": 503, "times": 2}, {"delay_ms": 5}])
def test_fields(spans):
    assert [rule["fault"].get("status") for rule in spans.faults()] == [503, None]

@pytest.mark.satellite(strict=True)
def test_sound(spans):
    pass

@pytest.mark.satellite(loud=True)
def test_unknown(spans):
    pass

@pytest.mark.satellite(fault="bad-day")
def test_no_profile(spans):
    pass
""",
        f"--satellite-url={url}",
        "--strict-markers",
    )
    result.assert_outcomes(passed=3, errors=2)
    result.stdout.fnmatch_lines(["the marker satellite takes fault, strict, keep by name, not loud"])
    result.stdout.fnmatch_lines(["*flaky-network, *"])
    [kept] = elsewhere.projects()
    assert kept.startswith("test_kept")


def test_strict_fails_on_odd_spans(pytester: pytest.Pytester, url: str) -> None:
    result = run(
        pytester,
        """
@pytest.mark.satellite(strict=True)
def test_odd(spans, monkeypatch):
    async def checks(self):
        return [{"name": "unknown-parent", "severity": "warning", "message": "m", "spans": 3, "services": ["shop"]}]

    monkeypatch.setattr("mock_lightstep_satellite.spans.AsyncSpans.checks", checks)
""",
        f"--satellite-url={url}",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["1 finding about the spans as they were sent", "*warning unknown-parent: m (3 spans of shop)"]
    )
    result.stdout.no_fnmatch_line("*pytest_plugin.py*")


def test_a_failure_shows_the_lines_of_the_test_alone(pytester: pytest.Pytester, url: str) -> None:
    result = run(
        pytester,
        """
def test_in_vain(spans):
    spans.expect('service IN ("shop")', timeout=0.01)

def test_never(spans):
    spans.expect('service IN ("shop")', count=0)

def test_golden(spans):
    spans.asked.import_(b'[{"traceId": "a1", "id": "b1"}]')
    spans.golden.folder.mkdir()
    (spans.golden.folder / "other.json").write_text("[]")
    spans.match_golden("other")

def test_emptied(spans):
    spans.asked.import_(b'[{"traceId": "a1", "id": "b1"}]')
    spans.asked.reset()
    assert False

def test_incomplete(spans):
    spans.asked.import_(b'[{"traceId": "a1", "id": "b1", "parentId": "b2"}]')
    for trace in spans.traces():
        trace.assert_complete()

@pytest.mark.satellite(fault="earthquake")
def test_marker(spans): pass
""",
        f"--satellite-url={url}",
    )
    result.assert_outcomes(failed=5, errors=1)
    shown = str(result.stdout)
    assert "mock_lightstep_satellite/" not in shown
    result.stdout.fnmatch_lines(
        [
            "the marker satellite asks for a fault that there is not: no profile 'earthquake': flaky-network,*",
            "E *NotMet: expected at least 1 span, got 0 within 0.01 s*",
            "E *BadRequest: expecting no spans needs quiet_ms*",
            "E *hint: *Python: quiet=0.5*",
            "E *--- other.json (golden)",
            "*captured spans*",
            "project test_emptied-*",
            "1 span is gone: *",
            "E * AssertionError: the parents of 1 span did not arrive:*",
        ]
    )


def test_what_other_tests_sent_is_no_clue(pytester: pytest.Pytester, url: str) -> None:
    result = run(
        pytester,
        """
def test_one(spans):
    import httpx
    span = {"traceId": "a1", "id": "b1", "name": "tick", "localEndpoint": {"serviceName": "shop"}}
    httpx.post(f"{spans.http_url}/api/v2/spans", json=[span], headers={"lightstep-access-token": spans.token}, trust_env=False)
    spans.expect(count=1)

def test_other(spans):
    spans.expect(timeout=0.01)
""",
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.no_fnmatch_line("*with another access token*")


def test_each_example_of_hypothesis_begins_with_an_empty_project(pytester: pytest.Pytester, url: str) -> None:
    result = run(
        pytester,
        """
from hypothesis import given, settings, strategies

@settings(max_examples=5, deadline=None, database=None)
@given(k=strategies.integers(1, 3))
def test_any(spans, k):
    assert spans.find() == []
    outer.running[0].arrive(spans.token, k)
    assert spans.expect("", count=">=1")

@given(k=strategies.integers(1, 3))
def test_others_are_told_of_still(spans, tmp_path, k):
    pass
""",
        f"--satellite-url={url}",
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*FailedHealthCheck*function-scoped fixture*"])


def test_asking_from_an_event_loop(pytester: pytest.Pytester, url: str) -> None:
    result = run(
        pytester,
        """
import asyncio

def test_a(async_spans):
    async def asked():
        assert await async_spans.find() == []
        assert await async_spans.traces() == []
        waiting = asyncio.create_task(async_spans.expect("", count=8, timeout=30))
        outer.running[0].arrive(async_spans.token, 2)
        found = await waiting
        assert await async_spans.mark() == 8
        assert len(await async_spans.trace(found[0].trace_id)) == 8
        assert len(await async_spans.traces()) == 1
        assert (await async_spans.latency()).count == 8
        async with async_spans.fault(status=503):
            assert len(await async_spans.faults()) == 1
        assert await async_spans.faults() == []
        assert async_spans.env()["LIGHTSTEP_ACCESS_TOKEN"] == async_spans.token
    asyncio.run(asked())
""",
        f"--satellite-url={url}",
    )
    result.assert_outcomes(passed=1)


def test_settings_and_environment_of_a_satellite_in_this_process(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
@pytest.fixture(scope="session")
def satellite_options():
    return {"access_tokens": {"known": "shop"}}

def test_a(satellite, satellite_env, spans):
    assert satellite_env["LIGHTSTEP_ACCESS_TOKEN"] == spans.token
    assert "PATH" in satellite_env
    import httpx
    reply = httpx.post(spans.http_url + "/api/v2/spans", json=[], headers={"lightstep-access-token": spans.token}, trust_env=False)
    assert reply.status_code == 400 and "unknown access token" in reply.text
""",
    )
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (
            [sys.executable, "-c", "print('no disk'); raise SystemExit(7)"],
            ["*ended with exit code 7*", "no disk"],
        ),
        (["/no/such/program"], ["*command cannot be run*No such file*"]),
    ],
)
def test_a_command_that_starts_nothing(
    pytester: pytest.Pytester, command: list[str], said: list[str]
) -> None:
    result = run(pytester, "def test_a(spans): pass", f"--satellite-command={shlex.join(command)}")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(said)


@pytest.mark.thorough
def test_a_satellite_of_a_command(pytester: pytest.Pytester) -> None:
    command = [sys.executable, "-c", "from mock_lightstep_satellite.cli import main; main()", "serve"]
    result = run(
        pytester,
        """
import httpx

def test_a(spans):
    spans.ca_file.read_text()
    for address in ("grpc_target", "http_url", "https_url", "secure_target"):
        assert getattr(spans, address)
    span = {"traceId": "a1", "id": "b1", "name": "checkout", "localEndpoint": {"serviceName": "shop"}}
    headers = {"lightstep-access-token": spans.token}
    httpx.post(spans.http_url + "/api/v2/spans", json=[span], headers=headers, trust_env=False)
    spans.expect(count=1)
""",
        f"--satellite-command={shlex.join(command)}",
    )
    result.assert_outcomes(passed=1)
