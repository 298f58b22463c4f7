"""What the ports for any protocol cost gRPC, whose bytes they relay: the same load there and at gRPC's own port, by turns."""

from __future__ import annotations

from collections.abc import Iterator

from bench.figures import Figure
from bench.ingest import Rounds
from bench.server import Server
from bench.workbench import Workbench

SPANS = 100

PORTS = {
    "plain, its own port": "grpc_plain_port",
    "plain, any protocol's": "plain_port",
    "TLS, its own port": "grpc_secure_port",
    "TLS, any protocol's": "secure_port",
}
"""What to call it → setting of the port."""


def measure(bench: Workbench) -> Iterator[Figure]:
    """Rate and processor time of LightStep's gRPC at each port."""
    rounds = {name: Rounds() for name in PORTS}
    with Server() as server:
        Rounds().take(server, SPANS, 1.0)
        for _ in range(bench.rounds):
            for name, port in PORTS.items():
                rounds[name].take(server, SPANS, bench.seconds, port=port)
    for name, found in rounds.items():
        yield Figure("relay", f"gRPC, {name}: spans", "spans/s", found.spans_per_second, "more")
        yield Figure("relay", f"gRPC, {name}: server's CPU", "µs/report", found.server_us_per_report)
