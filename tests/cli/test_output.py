"""Standard output that cannot be written: one line that says so, and no traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-c", "from mock_lightstep_satellite.cli import main; main()"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("arguments", [["--help"], ["istio", "--version", "1.16"]])
def test_a_full_disk(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (
        1,
        "satellite: cannot write standard output: No space left on device\n",
    )


def test_one_that_is_closed() -> None:
    shell = ["sh", "-c", 'exec "$@" >&-', "sh", *COMMAND, "istio", "--version", "1.16"]
    done = subprocess.run(shell, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
