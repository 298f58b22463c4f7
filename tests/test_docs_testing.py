"""docs/testing.md: every example is run as it is written there, with a program that reports, and sends again what is refused."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from satellite import Satellite

TEXT = (Path(__file__).parent.parent / "docs/testing.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, flags=re.DOTALL | re.MULTILINE)
PYTHON = [code for language, code in BLOCKS if language == "python"]
SHELL = [code for language, code in BLOCKS if language == "sh" and code.startswith("satellite ")]
CURL = [code for language, code in BLOCKS if language == "sh" and "curl " in code]
pytest_plugins = ["pytester"]

CHECKOUT = f"""#!{sys.executable}
import json, os, urllib.error, urllib.request

def report(url, token):
    first = {{"traceId": "a1", "id": "b1", "name": "checkout", "timestamp": 1700000000000000, "duration": 9000,
             "localEndpoint": {{"serviceName": "checkout"}}, "tags": {{"http.status_code": "200"}}}}
    second = {{**first, "id": "b2", "parentId": "b1", "duration": 5000, "localEndpoint": {{"serviceName": "payment"}}}}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({{}}))
    for _ in range(5):
        request = urllib.request.Request(url + "/api/v2/spans", json.dumps([first, second]).encode(),
            {{"content-type": "application/json", "lightstep-access-token": token}})
        try:
            return opener.open(request).read()
        except urllib.error.HTTPError as refused:
            refused.close()

if __name__ == "__main__":
    report(os.environ["SATELLITE_HTTP_URL"], os.environ["LIGHTSTEP_ACCESS_TOKEN"])
"""
PREAMBLE = """
import asyncio, os, subprocess, threading
import pytest
from types import SimpleNamespace
from mock_lightstep_satellite import q
from checkout import report

@pytest.fixture
def reported(spans):
    report(spans.http_url, spans.token)
    spans.expect(count=2)

@pytest.fixture
def again(spans):
    "Reports until the test is over."
    over = threading.Event()
    def go_on():
        while not over.wait(0.01):
            report(spans.http_url, spans.token)
    thread = threading.Thread(target=go_on)
    thread.start()
    yield
    over.set()
    thread.join()
"""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with Satellite() as satellite:
        yield satellite.url


def as_test(number: int, code: str) -> str:
    """A test is one as it stands; functions are called by a test of ours; other lines become one."""
    if re.search(r"^def test_", code, flags=re.MULTILINE):
        return code
    calls = "".join(
        f"    assert {'asyncio.run' if word else ''}({name}(spans.satellite.url, spans.project)) is not None\n"
        for word, name in re.findall(r"^(async )?def (\w+)\(", code, flags=re.MULTILINE)
    )
    body = textwrap.indent(code, "    ")
    uses_spans = "tracer" not in code
    return (
        f"def test_block_{number}(spans{', reported' * uses_spans}{', again' * ('fence' in code)}):\n"
        "    project = spans.asked\n"
        "    tracer = SimpleNamespace(flush=lambda: report(spans.http_url, spans.token))\n"
        f"{body}\n{calls}"
    )


def test_python(pytester: pytest.Pytester, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)  # the golden file is written
    program = pytester.makepyfile(checkout=CHECKOUT)
    program.chmod(0o755)
    program.rename(program.with_name("checkout"))
    program.with_name("checkout.py").symlink_to("checkout")
    pytester.makepyfile(test_docs="\n\n".join([PREAMBLE, *(as_test(*one) for one in enumerate(PYTHON))]))
    result = pytester.runpytest_inprocess(
        "-p", "no:cacheprovider", "-p", "no:xdist", f"--satellite-url={url}"
    )
    result.assert_outcomes(passed=len(PYTHON))


def test_each_block_is_run() -> None:
    installs = [code for _, code in BLOCKS if code.startswith("pip ")]
    assert len(PYTHON) + len(SHELL) + len(CURL) + len(installs) == len(BLOCKS)


@pytest.fixture
def checkout(tmp_path: Path) -> None:
    program = tmp_path / "checkout"
    program.write_text(CHECKOUT)
    program.chmod(0o755)


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize("code", CURL)
def test_curl(code: str, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl here")
    with Satellite() as satellite:
        environment = os.environ | {"SATELLITE_URL": satellite.url, "SATELLITE_HTTP_URL": satellite.http_url}
        command = ["sh", "-eu", "-c", code]
        ran = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert '"operation":"checkout"' in ran.stdout
        assert satellite.client.projects() == []


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize("code", SHELL)
def test_shell(code: str, url: str, tmp_path: Path) -> None:
    environment = os.environ | {"SATELLITE_URL": url, "SATELLITE_PROJECT": "docs"}
    for line in code.replace("\\\n", " ").splitlines():
        verb, *words = shlex.split(line, comments=True)
        assert verb == "satellite"
        command = [sys.executable, "-c", "from mock_lightstep_satellite.cli import main; main()", *words]
        ran = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr
