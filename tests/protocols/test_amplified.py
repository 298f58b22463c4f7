"""A report takes at most eight times its bytes and 16 MiB while it is read, whatever it consists of."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.protocols.amplified import BOUND_BYTES, CASES

SHORT = ("otlp broken states", "otlp odd spans", "otlp_json NaN")

pytestmark = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux counts peaks")


@pytest.mark.parametrize(
    "case", [case if case in SHORT else pytest.param(case, marks=pytest.mark.thorough) for case in CASES]
)
def test_memory_of_a_report(case: str) -> None:
    command = [sys.executable, "-m", "tests.protocols.amplified", case]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    size_bytes, outcome = said.split()
    assert int(size_bytes) <= BOUND_BYTES, f"{int(size_bytes) / 2**20:.0f} MiB, {outcome}"
