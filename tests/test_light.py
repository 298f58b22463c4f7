"""What `pip install mock-lightstep-satellite` brings, without the server: tried as its wheel, in an environment of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from satellite import Satellite
from tests.wheel import Environment, build

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(sys.platform == "win32", reason="the environment is made of symbolic links"),
]


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder = tmp_path_factory.mktemp("light")
    return Environment(folder / "environment", build(folder))


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Satellite]:
    with Satellite() as started:
        yield started


def test_nothing_of_the_server_comes_with_it(light: Environment, tmp_path: Path) -> None:
    code = """
from importlib.util import find_spec
for name in ("grpc", "google", "numpy", "pyarrow", "ptars", "fastapi", "uvicorn", "cryptography", "lark"):
    assert find_spec(name) is None, name
import mock_lightstep_satellite as kit
for name in kit.__all__:
    assert getattr(kit, name) is not None
from satellite import Client, NotMet, q
try:
    from satellite import Satellite
except ImportError as error:
    print(error)
"""
    result = light.run(light.python, "-c", code, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert 'is missing): pip install "mock-lightstep-satellite[server]"' in result.stdout


def test_verbs_of_the_server_say_what_to_install(light: Environment, tmp_path: Path) -> None:
    for verb in ("serve", "data"):
        rest = ("check", tmp_path) if verb == "data" else ()
        result = light.run(light.command, verb, *rest, cwd=tmp_path)
        assert result.returncode == 1, verb
        assert result.stderr.startswith(f"satellite: satellite {verb} needs the server (")
        assert result.stderr.endswith('pip install "mock-lightstep-satellite[server]"\n')
        assert result.stderr.count("\n") == 1
    assert "serve" in light.run(light.command, "--help", cwd=tmp_path).stdout


def test_verbs_that_ask(light: Environment, elsewhere: Satellite, tmp_path: Path) -> None:
    (tmp_path / "spans.json").write_text(
        '[{"traceId": "a1", "id": "b1", "name": "checkout", "timestamp": 1700000000000000, "duration": 5,'
        ' "localEndpoint": {"serviceName": "shop"}, "tags": {"http.status_code": "200"}}]'
    )
    url = elsewhere.url
    taken = light.run(light.command, "import", "spans.json", cwd=tmp_path, SATELLITE_URL=url)
    assert taken.returncode == 0, taken.stderr
    said = light.run(
        light.command, "wait", 'http.status_code IN ("200")', "--count=1", cwd=tmp_path, SATELLITE_URL=url
    )
    assert said.returncode == 0, said.stderr
    assert "checkout" in said.stdout


def test_settings_of_a_mesh(light: Environment, tmp_path: Path) -> None:
    """Whoever has a cluster with a satellite in it needs none where `kubectl` is."""
    said = light.run(light.command, "istio", "--version=1.16", "--part=kubectl", cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    assert "kind: Telemetry" in said.stdout


def test_a_project_with_a_package_of_the_same_name(
    light: Environment, elsewhere: Satellite, tmp_path: Path
) -> None:
    (tmp_path / "satellite").mkdir()
    (tmp_path / "satellite/__init__.py").write_text("OWN = True\n")
    (tmp_path / "test_own.py").write_text(
        """
import satellite

def test_spans(spans):
    assert satellite.OWN
    assert spans.find() == []
"""
    )
    pytest_ = (light.python, "-m", "pytest", "-p", "no:cacheprovider")
    result = light.run(*pytest_, f"--satellite-url={elsewhere.url}", cwd=tmp_path)
    assert "1 passed" in result.stdout, result.stdout
    result = light.run(*pytest_, cwd=tmp_path)
    assert "another of that name hides it" in result.stdout
    result = light.run(light.command, "serve", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert (result.returncode, "hides it" in result.stderr) == (1, True)


def test_without_a_server_the_fixture_says_what_to_do(light: Environment, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_spans(spans): pass\ndef test_other(): pass\n")
    result = light.run(light.python, "-m", "pytest", "-p", "no:cacheprovider", cwd=tmp_path)
    assert "1 passed, 1 error" in result.stdout
    assert 'pip install "mock-lightstep-satellite[server]"' in result.stdout
    assert "--satellite-url" in result.stdout
