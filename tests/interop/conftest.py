from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.processes import ROOT

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.interop)


def environment(name: str) -> Path:
    """The folder .interop/<name>, which `make interop` makes; skips where it could not, and says why."""
    folder = ROOT / ".interop" / name
    if not (folder / ".installed").exists():
        if (missing := folder.with_suffix(".missing")).exists():
            pytest.skip(f"no client {name}: {missing.read_text().strip()}")
        if folder.with_suffix(".unreachable").exists():
            pytest.skip(f"the package index was not reachable when `make interop` wanted the client {name}")
        pytest.fail(f"there is no {folder.relative_to(ROOT)}: `make interop` makes it", pytrace=False)
    return folder


def interpreter(name: str) -> Path:
    """The Python of the environment .interop/<name>."""
    return environment(name) / "bin" / "python"


@pytest.fixture(scope="session")
def lightstep_python() -> Path:
    """A Python that has the LightStep tracer."""
    return interpreter("lightstep-python")
