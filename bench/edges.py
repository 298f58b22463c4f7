"""What the edge costs, with grpcio's engine beside it: the same loads by turns, on the ports of gRPC, of any protocol, of HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from bench.figures import Figure
from bench.ingest import Rounds
from bench.server import Server
from bench.workbench import Workbench

ENGINES = ("edge", "grpcio")


@dataclass(frozen=True)
class Row:
    """One load at one port."""

    name: str
    spans: int
    port: str
    form: str = "lightstep"
    engines: tuple[str, ...] = ENGINES


ROWS = (
    Row("LightStep gRPC + TLS, 5 spans", 5, "grpc_secure_port"),
    Row("LightStep gRPC + TLS, 100 spans", 100, "grpc_secure_port"),
    Row("LightStep gRPC + TLS, 100 spans, port for any protocol", 100, "secure_port", engines=("edge",)),
    Row("LightStep gRPC, 100 spans", 100, "grpc_plain_port"),
    Row("LightStep gRPC, 100 spans, port for any protocol", 100, "plain_port", engines=("edge",)),
    Row("OTLP gRPC, 100 spans", 100, "grpc_plain_port", "otlp-grpc"),
    Row("OTLP HTTP, 100 spans", 100, "http_plain_port", "otlp-http", engines=("edge",)),
)


def measure(bench: Workbench) -> Iterator[Figure]:
    """Rate and processor time of the server for each load and engine."""
    found = {(row, engine): Rounds() for row in ROWS for engine in row.engines}
    with ExitStack() as opened:
        servers = {engine: opened.enter_context(Server(grpc_engine=engine)) for engine in ENGINES}
        for server in servers.values():
            for spans in (5, 100):
                Rounds().take(server, spans, 1.0)
        for _ in range(bench.rounds):
            for (row, engine), rounds in found.items():
                rounds.take(servers[engine], row.spans, bench.seconds, form=row.form, port=row.port)
    for (row, engine), rounds in found.items():
        name = f"{row.name}; {engine}"
        if row.spans == 100:
            yield Figure("edges", name, "spans/s", rounds.spans_per_second, "more")
        else:
            yield Figure("edges", name, "reports/s", rounds.reports_per_second, "more")
        yield Figure("edges", f"{name}: server's CPU", "µs/report", rounds.server_us_per_report)
