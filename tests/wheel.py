"""The built wheel in a fresh environment with nothing beside it but the light requirements, and pytest."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
DISTRIBUTION = "mock-lightstep-satellite"


def build(folder: Path) -> Path:
    """The wheel of this checkout, but for the pages, which need npm and a while."""
    sources = folder / "sources"
    for package in ("satellite", "mock_lightstep_satellite"):
        shutil.copytree(ROOT / package, sources / package, ignore=shutil.ignore_patterns("__pycache__", "ui"))
    (sources / "satellite/ui").mkdir()
    (sources / "satellite/ui/index.html").touch()
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, sources)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")]
    subprocess.run(build, cwd=sources, check=True, capture_output=True)
    [wheel] = (folder / "dist").iterdir()
    return wheel


class Environment:
    """A virtual environment that has a wheel, what it requires, and pytest; made of what is installed here."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        made = [sys.executable, "-m", "venv", "--without-pip", str(folder)]
        subprocess.run(made, check=True, capture_output=True)
        self.python = folder / "bin/python"
        self.command = folder / "bin/satellite"
        [packages] = folder.glob("lib/python*/site-packages")
        pip = [sys.executable, "-m", "pip", "--python", str(self.python), "--disable-pip-version-check"]
        install = [*pip, "install", "--quiet", "--no-deps", "--no-index", "--no-compile", str(wheel)]
        subprocess.run(install, check=True, capture_output=True)
        [own] = metadata.distributions(name=DISTRIBUTION, path=[str(packages)])
        for needed in {*_closure(own), *_closure(metadata.distribution("pytest")), "pytest"}:
            _link(metadata.distribution(needed), packages)

    def run(self, *command: object, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
        """What a command of it says, with an environment of these variables alone."""
        path = {"PATH": f"{self.python.parent}:/usr/bin:/bin", "HOME": str(cwd)}
        return subprocess.run(
            list(map(str, command)), cwd=cwd, env=path | env, capture_output=True, text=True, check=False
        )


def _closure(distribution: metadata.Distribution) -> set[str]:
    """The names of all that it requires without any extra, directly or not."""
    found: set[str] = set()
    waiting = list(_requires(distribution))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _requires(metadata.distribution(name))
    return found


def _requires(distribution: metadata.Distribution) -> Iterator[str]:
    for text in distribution.requires or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement.name.lower().replace("_", "-")


def _link(distribution: metadata.Distribution, packages: Path) -> None:
    """Everything of it that lies in site-packages."""
    tops = {file.parts[0] for file in distribution.files or () if file.parts[0] not in {"..", "__pycache__"}}
    for top in tops:
        if not (packages / top).exists():
            (packages / top).symlink_to(Path(str(distribution.locate_file(top))))
