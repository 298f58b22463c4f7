"""How many distinct spans a second a satellite takes from LightStep's gRPC with TLS, at 100 and at 5 spans a report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.figures import Figure
from bench.generator import Load
from bench.server import Server
from bench.workbench import Workbench, generate

CONNECTIONS = 4
IN_FLIGHT = 8


@dataclass
class Rounds:
    """The same load several times."""

    spans_per_second: list[float] = field(default_factory=list)
    reports_per_second: list[float] = field(default_factory=list)
    server_us_per_report: list[float] = field(default_factory=list)
    server_cores: list[float] = field(default_factory=list)
    generator_cores: list[float] = field(default_factory=list)
    lost: list[float] = field(default_factory=list)

    def take(
        self,
        server: Server,
        spans: int,
        seconds: float,
        *,
        form: str = "lightstep",
        port: str = "grpc_secure_port",
    ) -> None:
        """One more round, into a project of its own; only spans that the server's query then finds count."""
        project = f"bench-{spans}"
        server.drop(project)
        load = Load(
            server.ports[port],
            server.ca_file if "secure" in port else "",
            project,
            spans,
            seconds,
            connections=CONNECTIONS,
            in_flight=IN_FLIGHT,
            form=form,
        )
        cpu_before = server.cpu_seconds()
        outcome = generate(load)
        cpu_seconds = server.cpu_seconds() - cpu_before
        found = server.count(project)
        stats = server.stats(project)
        assert stats is not None
        assert stats.ledger.received == stats.ledger.stored == found, stats.ledger
        self.spans_per_second.append(found / outcome.seconds)
        self.reports_per_second.append(found / spans / outcome.seconds)
        self.server_us_per_report.append(cpu_seconds / (found / spans) * 1e6)
        self.server_cores.append(cpu_seconds / outcome.seconds)
        self.generator_cores.append(outcome.cpu_seconds / outcome.seconds)
        self.lost.append(outcome.spans + outcome.failed * spans - found)
        server.drop(project)


def measure(bench: Workbench) -> Iterator[Figure]:
    """Rate, and what it costs both sides."""
    with Server() as server:
        for spans in (100, 5):
            Rounds().take(server, spans, 1.0)
            rounds = Rounds()
            for _ in range(bench.rounds):
                rounds.take(server, spans, bench.seconds)
            yield from _figures(rounds, spans)


def _figures(rounds: Rounds, spans: int) -> Iterator[Figure]:
    size = f"{spans} spans a report"
    if spans == 100:
        yield Figure("ingest", f"spans, {size}", "spans/s", rounds.spans_per_second, "more", 100_000, 150_000)
        per_span = [each / spans for each in rounds.server_us_per_report]
        yield Figure("ingest", f"server's CPU, {size}", "µs/span", per_span)
    else:
        yield Figure(
            "ingest", f"reports, {size}", "reports/s", rounds.reports_per_second, "more", 2_500, 3_500
        )
        yield Figure("ingest", f"server's CPU, {size}", "µs/report", rounds.server_us_per_report)
    yield Figure("ingest", f"server's share, {size}", "cores", rounds.server_cores)
    yield Figure("ingest", f"generator's share, {size}", "cores", rounds.generator_cores)
    yield Figure("ingest", f"spans lost, {size}", "spans", rounds.lost, floor=0)
