"""What is imported is declared: the distribution of each module that is not our own stands in pyproject.toml itself."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
OURS = {"satellite", "mock_lightstep_satellite"}
ELSEWHERE = {"compression", "hypothesis", "pandas", "pydantic_core", "pytest"}
"""Of a newer Python; of the test's own environment, where it has them; what pydantic pins to the very version."""


def imported(folder: Path) -> Iterator[str]:
    """Modules that are imported below a folder, whole names."""
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                yield from (one.name for one in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def named(requirements: list[str]) -> set[str]:
    return {normal(re.split(r"[<>=;\[ ]", one)[0]) for one in requirements}


@pytest.mark.parametrize("package", sorted(OURS))
def test_what_is_imported_is_declared(package: str) -> None:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    declared = named(project["dependencies"] + [one for extra in extras.values() for one in extra])
    distributions = packages_distributions()
    missing = {
        module
        for module in imported(ROOT / package)
        if (top := module.split(".")[0]) not in OURS | ELSEWHERE | sys.stdlib_module_names
        and top != "google"  # a namespace of several
        and not declared & {normal(one) for one in distributions.get(top, [top])}
    }
    assert not missing
