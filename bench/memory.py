"""What a held span costs: in the satellite's own account, which its budget goes by, and in resident memory."""

from __future__ import annotations

from collections.abc import Iterator

from bench.figures import Figure
from bench.workbench import Workbench


def measure(bench: Workbench) -> Iterator[Figure]:
    """Bytes a span, of as many distinct spans of 880 bytes as the bench holds."""
    loaded = bench.loaded
    stats = loaded.server.stats(loaded.project)
    assert stats is not None
    held = f"of {stats.spans:,}"
    yield Figure("memory", "held span", "B/span", [stats.bytes / stats.spans], floor=400, goal=330, note=held)
    grown = (loaded.held_bytes - loaded.empty_bytes) / stats.spans
    yield Figure("memory", "growth of resident memory", "B/span", [grown], note=held)
