"""docs/recipes.md: each recipe is run as it is written there, where its language is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from mock_lightstep_satellite.spans import Spans
from tests.interop.processes import ROOT

TEXT = (ROOT / "docs/recipes.md").read_text()
BLOCKS = dict(re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, flags=re.DOTALL | re.MULTILINE))
RUN = {
    "js": ("recipe.mjs", ["node"]),
    "go": ("recipe.go", ["go", "run"]),
    "java": ("Recipe.java", ["java", "-XX:TieredStopAtLevel=1"]),
}


def test_every_recipe_is_known() -> None:
    assert set(BLOCKS) == {
        *RUN,
        "csharp",
        "python",
    }  # the last is for LightStep's benchmarks: test_benchmark_mock.py


@pytest.mark.parametrize("language", RUN)
def test_it_waits_and_explains(language: str, spans: Spans, tmp_path: Path) -> None:
    name, command = RUN[language]
    program = shutil.which(command[0])
    if program is None:
        pytest.skip(f"there is no {command[0]} here")
    (tmp_path / name).write_text(BLOCKS[language])
    environment = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, *command[1:], name],
            cwd=tmp_path,
            env=environment | spans.env(),
            capture_output=True,
            text=True,
            check=False,
        )

    in_vain = run()
    assert in_vain.returncode != 0
    assert "no span at all arrived so far" in in_vain.stderr
    spans.asked.import_(
        b'[{"traceId": "a1", "id": "b1", "name": "checkout", "localEndpoint": {"serviceName": "shop"}}]'
    )
    found = run()
    assert found.returncode == 0, found.stderr
    assert "checkout" in found.stdout
