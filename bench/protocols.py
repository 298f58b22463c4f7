"""How many distinct spans a second a satellite takes in each of the other protocols, with TLS, 100 spans a request."""

from __future__ import annotations

from collections.abc import Iterator

from bench.figures import Figure
from bench.ingest import Rounds
from bench.server import Server
from bench.workbench import Workbench

SPANS = 100

ROWS = (
    ("OTLP gRPC", "otlp-grpc", "grpc_secure_port", 100_000, 150_000),
    ("OTLP HTTP, protobuf", "otlp-http", "http_secure_port", 150_000, 200_000),
    ("LightStep Thrift", "thrift", "http_secure_port", 20_000, None),
    ("Zipkin v2 JSON", "zipkin", "http_secure_port", 20_000, None),
)
"""(name, form, setting of the port, floor, goal)."""


def measure(bench: Workbench) -> Iterator[Figure]:
    """Rate, and what it costs both sides."""
    with Server() as server:
        for name, form, port, floor, goal in ROWS:
            Rounds().take(server, SPANS, 1.0, form=form, port=port)
            rounds = Rounds()
            for _ in range(bench.rounds):
                rounds.take(server, SPANS, bench.seconds, form=form, port=port)
            yield Figure(
                "protocols", f"{name}: spans", "spans/s", rounds.spans_per_second, "more", floor, goal
            )
            per_span = [each / SPANS for each in rounds.server_us_per_report]
            yield Figure("protocols", f"{name}: server's CPU", "µs/span", per_span)
            yield Figure("protocols", f"{name}: server's share", "cores", rounds.server_cores)
            yield Figure("protocols", f"{name}: generator's share", "cores", rounds.generator_cores)
            yield Figure("protocols", f"{name}: spans lost", "spans", rounds.lost, floor=0)
