from __future__ import annotations

import subprocess
import sys

import pytest

import satellite
from satellite import errors
from satellite.errors import SatelliteError


@pytest.mark.parametrize("name", satellite.__all__)
def test_every_name_is_there(name: str) -> None:
    assert getattr(satellite, name) is not None
    assert name in dir(satellite)


def test_every_error_is_public() -> None:
    kinds = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, SatelliteError)
    }
    assert kinds <= set(satellite.__all__)


def test_another_name_is_not() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Telescope'"):
        satellite.Telescope  # noqa: B018


def test_importing_the_package_loads_nothing() -> None:
    loads = "import satellite, sys; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", loads], capture_output=True, text=True, check=True)
    assert {name for name in result.stdout.split() if name.startswith("satellite")} == {"satellite"}
