"""The wheel's build hook: builds the pages from `web/`, so that a wheel always has them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Pages(BuildHookInterface[Any]):
    """Runs npm where the sources are; what an sdist brings is taken as it is."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before the files are collected. An editable install takes the pages from `make run`."""
        del build_data
        if version == "editable":
            return
        web, built = Path(self.root, "web"), Path(self.root, "satellite/ui/index.html")
        if not (web / "package.json").exists():
            if not built.exists():
                message = "neither web/ nor satellite/ui is here: the wheel would have no pages"
                raise FileNotFoundError(message)
            return
        npm = shutil.which("npm")
        if npm is None:
            message = "npm is needed to build the pages in web/ (Node.js 20.19 or newer)"
            raise FileNotFoundError(message)
        if not (web / "node_modules/.installed").exists():
            subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=web, check=True)
        subprocess.run([npm, "run", "--silent", "build"], cwd=web, check=True)
