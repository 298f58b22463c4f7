"""What receivers bring: the same load for a satellite of one process and for one with one and two receivers, by turns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from bench.figures import Figure
from bench.ingest import Rounds
from bench.server import Server
from bench.workbench import Workbench

SHAPES = (0, 1, 2)

ROWS = (
    ("LightStep gRPC, 100 spans a report", "lightstep", "grpc_secure_port", 100),
    ("LightStep gRPC, 5 spans a report", "lightstep", "grpc_secure_port", 5),
    ("OTLP HTTP, 100 spans a report", "otlp-http", "http_secure_port", 100),
)
"""(name, form, setting of the port, spans a report)."""


def measure(bench: Workbench) -> Iterator[Figure]:
    """Rates, and what a span costs all processes of the server together."""
    with ExitStack() as stack:
        servers = {number: stack.enter_context(Server(receivers=number)) for number in SHAPES}
        for name, form, port, spans in ROWS:
            found = {number: Rounds() for number in SHAPES}
            for number in SHAPES:
                Rounds().take(servers[number], spans, 1.0, form=form, port=port)
            for _ in range(bench.rounds):
                for number in SHAPES:
                    found[number].take(servers[number], spans, bench.seconds, form=form, port=port)
            for number, rounds in found.items():
                shape = f"{name}, receivers: {number}"
                yield Figure("receivers", f"{shape}: spans", "spans/s", rounds.spans_per_second, "more")
                cost = [each / spans for each in rounds.server_us_per_report]
                yield Figure("receivers", f"{shape}: CPU", "µs/span", cost)
                yield Figure("receivers", f"{shape}: share", "cores", rounds.server_cores)
                yield Figure("receivers", f"{shape}: spans lost", "spans", rounds.lost, floor=0)
