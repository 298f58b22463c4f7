"""Resident memory over an hour in which spans go on coming, with every budget full."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator, Sequence

from bench.envoy_spans import Reports
from bench.figures import Figure
from bench.server import Server
from bench.workbench import Workbench

GRPC_PREFIX = 5
SPANS = 100
REPORTS_PER_SECOND = 20
PROJECTS = ("a", "b", "c", "d")
WARM_REPORTS = 400
"""What fills caches and pools: it is dropped again, and then comes the base."""
SPAN_BYTES, LOG_BYTES = 50_000_000, 16_000_000
"""Of spans and of the log of requests, all projects together: full after two minutes."""
MINUTE_SECONDS, LOOK_SECONDS = 60, 10


def measure(bench: Workbench) -> Iterator[Figure]:
    """2,000 spans a second by turns into four projects; the goal is the operating guide's: base + 1.3 × budget."""
    minutes = 3 if bench.quick else 60
    with Server(
        bytes_per_project=SPAN_BYTES // len(PROJECTS),
        request_log_bytes=LOG_BYTES,
        request_log_bytes_per_project=LOG_BYTES // len(PROJECTS),
    ) as server:
        _send(server, ("warm",), WARM_REPORTS)
        server.drop("warm")
        base = server.resident_bytes()
        resident = _send(server, PROJECTS, minutes * MINUTE_SECONDS * REPORTS_PER_SECOND)
    full = resident[len(resident) * 2 // 3 :]  # the last third
    over = [(one - base) / (SPAN_BYTES + LOG_BYTES) for one in full]
    note = f"{minutes} minutes, looked at every ten seconds, the last third"
    yield Figure("steady", "resident with no span, after a small load", "MiB", [base / 2**20])
    yield Figure("steady", "resident with every budget full", "MiB", [one / 2**20 for one in full], note=note)
    yield Figure("steady", "over the base, by the budget", "ratio", over, goal=1.3, note=note)
    third = len(resident) // 3
    grown = max(full) - max(resident[third : 2 * third])
    yield Figure("steady", "the last third's most over the second's", "MiB", [grown / 2**20], goal=8)


def _send(server: Server, projects: Sequence[str], reports: int) -> list[float]:
    """So many reports, by turns; resident memory every ten seconds."""
    resident: list[float] = []
    sources = [
        Reports(one, SPANS, seed=seed, now_s=time.time_ns() // 10**9) for seed, one in enumerate(projects)
    ]
    connection = http.client.HTTPConnection("127.0.0.1", server.ports["http_plain_port"], timeout=60)
    began = time.monotonic()
    for number in range(reports):
        messages, _ = sources[number % len(sources)].fresh(1)
        connection.request(
            "POST",
            "/api/v2/reports",
            bytes(messages[0][GRPC_PREFIX:]),
            {"content-type": "application/octet-stream"},
        )
        reply = connection.getresponse()
        reply.read()
        assert reply.status == http.HTTPStatus.OK, reply.status
        if number % (LOOK_SECONDS * REPORTS_PER_SECOND) == 0:
            resident.append(server.resident_bytes())
        time.sleep(max(0.0, began + number / REPORTS_PER_SECOND - time.monotonic()))
    connection.close()
    return resident
