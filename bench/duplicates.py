"""What looking for duplicates costs ingest: the same load with the window on and off, by turns."""

from __future__ import annotations

from collections.abc import Iterator

from bench.figures import Figure
from bench.ingest import Rounds
from bench.server import Server
from bench.workbench import Workbench

SPANS = 100


def measure(bench: Workbench) -> Iterator[Figure]:
    """Distinct spans a second both ways."""
    with Server() as on, Server(duplicate_window_seconds=0) as off:
        for server in (on, off):
            Rounds().take(server, SPANS, 1.0)
        with_window, without = Rounds(), Rounds()
        for _ in range(bench.rounds):
            with_window.take(on, SPANS, bench.seconds)
            without.take(off, SPANS, bench.seconds)
    for what, rounds in (("120 s", with_window), ("off", without)):
        name = f"duplicate window {what}"
        yield Figure("duplicates", f"{name}: spans", "spans/s", rounds.spans_per_second, "more")
        per_span = [each / SPANS for each in rounds.server_us_per_report]
        yield Figure("duplicates", f"{name}: server's CPU", "µs/span", per_span)
