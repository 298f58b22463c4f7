"""Three times the load of `ingest`, with the journal on: what is still taken, what is refused, how long whoever asks waits."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
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


def measure(bench: Workbench) -> Iterator[Figure]:
    """Over TLS. The generators share the processors: what is refused costs both sides."""
    seconds = 2.0 if bench.quick else 60.0
    with (
        TemporaryDirectory(prefix="bench-overload-") as folder,
        Server(data_dir=Path(folder) / "data") as server,
    ):
        for name, form, port in ROWS:
            load = Load(server.ports[port], server.ca_file, "overload", seconds=1.0, form=form)
            generate(load)  # imports, caches
            peak, _, _ = _sent(server, [msgspec.structs.replace(load, seconds=bench.seconds)])
            more = msgspec.structs.replace(load, seconds=seconds, in_flight=DEEPER * load.in_flight)
            taken, refused, waits = _sent(server, [more] * GENERATORS)
            server.drop(load.token)
            yield Figure("overload", f"{name}: peak", "spans/s", [peak], "more")
            yield Figure("overload", f"{name}: taken over peak", "ratio", [taken / peak], "more", goal=0.9)
            yield Figure("overload", f"{name}: refused", "reports/s", [refused])
            worst = waits[int(0.99 * (len(waits) - 1))]
            yield Figure("overload", f"{name}: tag + histogram meanwhile, p99", "ms", [worst], goal=500)


def _sent(server: Server, loads: Sequence[Load]) -> tuple[float, float, list[float]]:
    """(spans a second that were acknowledged, reports a second that were not, ms of each question meanwhile, ascending)."""
    with ThreadPoolExecutor(len(loads)) as threads:
        sending = [threads.submit(generate, load) for load in loads]
        waits: list[float] = []
        while not all(one.done() for one in sending):
            waits.append(_ask(server, loads[0].token))
            time.sleep(PAUSE_SECONDS)
        found = [one.result() for one in sending]
    seconds = max(one.seconds for one in found)
    good, failed = sum(one.spans for one in found), sum(one.failed for one in found)
    return good / seconds, failed / seconds, sorted(waits)


def _ask(server: Server, project: str) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", server.ports["explorer_port"], timeout=60)
    began = time.perf_counter()
    connection.request("GET", path(project, "histogram", query=COMMON))
    connection.getresponse().read()
    connection.close()
    return (time.perf_counter() - began) * 1000
