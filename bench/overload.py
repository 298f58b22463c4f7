"""Three times the load of `ingest`, with the journal on: what is still taken, what is refused, how long whoever asks waits."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from bench.figures import Figure
from bench.generator import Load
from bench.queries import COMMON
from bench.server import Server, path
from bench.workbench import Workbench, generate

ROWS = (("gRPC", "lightstep", "grpc_secure_port"), ("HTTP", "otlp-http", "http_secure_port"))
GENERATORS, DEEPER = 3, 8
"""So many at once, each with so many times as many calls in flight."""
PAUSE_SECONDS = 0.05


@dataclass(frozen=True)
class _Sent:
    """What came of some loads."""

    spans: float
    """A second that were acknowledged."""
    refused: float
    """Reports a second that were not."""
    cpu_us: float
    """Of the satellite's processor for each span that was acknowledged, with all that was refused and asked."""
    load_us: float
    """Of the generators' for each."""
    waits_ms: list[float]
    """Of each question meanwhile, ascending."""

    @property
    def worst_ms(self) -> float:
        """Of a hundred."""
        return self.waits_ms[int(0.99 * (len(self.waits_ms) - 1))]


def measure(bench: Workbench) -> Iterator[Figure]:
    """Over TLS. The generators share the processors: what is refused costs both sides.

    The peak is that of as long a time, with the same questions: what is held, merged and looked through grows with it.
    """
    seconds = 2.0 if bench.quick else 60.0
    with (
        TemporaryDirectory(prefix="bench-overload-") as folder,
        Server(data_dir=Path(folder) / "data") as server,
    ):
        for name, form, port in ROWS:
            load = Load(server.ports[port], server.ca_file, "overload", seconds=1.0, form=form)
            generate(load)  # imports, caches
            server.drop(load.token)
            peak = _sent(server, [msgspec.structs.replace(load, seconds=seconds)])
            server.drop(load.token)
            more = msgspec.structs.replace(load, seconds=seconds, in_flight=DEEPER * load.in_flight)
            over = _sent(server, [more] * GENERATORS)
            server.drop(load.token)
            yield Figure("overload", f"{name}: peak", "spans/s", [peak.spans], "more")
            yield Figure(
                "overload", f"{name}: taken over peak", "ratio", [over.spans / peak.spans], "more", goal=0.9
            )
            for when, sent in (("at the peak", peak), ("overloaded", over)):
                yield Figure("overload", f"{name}: server's CPU {when}", "µs/span", [sent.cpu_us])
                yield Figure("overload", f"{name}: generators' CPU {when}", "µs/span", [sent.load_us])
            yield Figure("overload", f"{name}: refused", "reports/s", [over.refused])
            yield Figure("overload", f"{name}: tag + histogram at the peak, p99", "ms", [peak.worst_ms])
            yield Figure(
                "overload", f"{name}: tag + histogram overloaded, p99", "ms", [over.worst_ms], goal=500
            )


def _sent(server: Server, loads: Sequence[Load]) -> _Sent:
    began = server.cpu_seconds()
    with ThreadPoolExecutor(len(loads)) as threads:
        sending = [threads.submit(generate, load) for load in loads]
        waits: list[float] = []
        while not all(one.done() for one in sending):
            waits.append(_ask(server, loads[0].token))
            time.sleep(PAUSE_SECONDS)
        found = [one.result() for one in sending]
    used, load = server.cpu_seconds() - began, sum(one.cpu_seconds for one in found)
    seconds = max(one.seconds for one in found)
    good, failed = sum(one.spans for one in found), sum(one.failed for one in found)
    return _Sent(good / seconds, failed / seconds, used * 1e6 / good, load * 1e6 / good, sorted(waits))


def _ask(server: Server, project: str) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", server.ports["explorer_port"], timeout=60)
    began = time.perf_counter()
    connection.request("GET", path(project, "histogram", query=COMMON))
    connection.getresponse().read()
    connection.close()
    return (time.perf_counter() - began) * 1000
