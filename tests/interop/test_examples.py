"""examples/: each with its own tests, in its own environment, against a satellite of ours."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from mock_lightstep_satellite.spans import Spans
from tests.interop.conftest import environment
from tests.interop.processes import ROOT

EXAMPLES = ROOT / "examples"


def run(python: Path | str, name: str, spans: Spans, folder: Path, **env: str) -> None:
    """The example's tests, in a copy of its folder."""
    copy = shutil.copytree(EXAMPLES / name, folder / name)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COLLECTOR_", "OTEL_", "PYTEST_"))
    }
    command = [str(python), "-m", "pytest", "-p", "no:cacheprovider", "--rootdir=.", "-c", os.devnull]
    plugin = [] if python == sys.executable else ["-p", "mock_lightstep_satellite.pytest_entry"]
    ran = subprocess.run(
        [*command, *plugin, f"--satellite-url={spans.satellite.url}"],
        cwd=copy,
        env=kept | {"PYTHONPATH": str(ROOT)} | env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "skipped" not in ran.stdout


@pytest.mark.parametrize("name", ["flask-opentelemetry", "lightstep-tracer"])
def test_in_an_environment_of_its_own(name: str, spans: Spans, tmp_path: Path) -> None:
    run(environment(f"example-{name}") / "bin/python", name, spans, tmp_path)


def test_envoy_in_front(spans: Spans, tmp_path: Path) -> None:
    [binary] = environment("envoy").glob("lib/python*/site-packages/envoy/_bin/envoy")
    run(sys.executable, "envoy-in-front", spans, tmp_path, ENVOY=str(binary))


def test_every_example_is_run() -> None:
    folders = {one.name for one in EXAMPLES.iterdir() if one.is_dir()}
    assert folders == {"flask-opentelemetry", "lightstep-tracer", "envoy-in-front"}


@pytest.mark.parametrize("name", ["github-actions.yml", "compose.yaml"])
def test_files_of_others_are_yaml(name: str) -> None:
    assert yaml.safe_load((EXAMPLES / name).read_text())
