"""The satellite beside Jaeger, where PEERS names a folder with its program: the same load and questions by turns, and ratios."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from bench import jaeger
from bench.figures import Figure
from bench.generator import Load
from bench.ingest import CONNECTIONS, IN_FLIGHT
from bench.jaeger import Jaeger
from bench.process import ask
from bench.server import Server, path
from bench.workbench import Workbench, generate, settle

PROJECT = "peers"
STORED_SECONDS_MAX = 20.0
WARM_SECONDS = 0.5
REST_SECONDS = 0.5
"""Jaeger's batches wait 0.2 s for more."""

ROWS = (
    ("OTLP gRPC, 100 spans", "otlp-grpc", "grpc_plain_port", 100),
    ("OTLP gRPC with TLS, 100 spans", "otlp-grpc", "grpc_secure_port", 100),
    ("OTLP HTTP, 100 spans", "otlp-http", "http_plain_port", 100),
    ("OTLP gRPC, 5 spans", "otlp-grpc", "grpc_plain_port", 5),
    ("Zipkin JSON, 100 spans", "zipkin", "http_plain_port", 100),
)
"""(name, form, the satellite's setting of the port, spans a report)."""

SERVICE, RARE, COMMON = "reviews", ("http.status_code", "503"), ("http.method", "GET")
NEWEST = 20
SEED = 1
"""Both hold the same traces, so that both can be asked for each."""
HOUR_US = 3_600_000_000


@dataclass
class _Side:
    """What one of them did, round by round."""

    spans_per_second: list[float] = field(default_factory=list)
    """Stored, by its own count."""
    us_per_span: list[float] = field(default_factory=list)

    def take(self, server: Server | Jaeger, load: Load, stored: Callable[[], int]) -> None:
        """A round more: from the first byte until it has stored all."""
        before = _at_rest(stored)
        cpu_before, began = server.cpu_seconds(), time.perf_counter()
        outcome = generate(load)
        started = time.perf_counter() - began - outcome.seconds  # the load's own start
        until = time.perf_counter() + STORED_SECONDS_MAX
        while (kept := stored() - before) < outcome.spans and time.perf_counter() < until:
            time.sleep(0.01)
        seconds = time.perf_counter() - began - started
        self.spans_per_second.append(kept / seconds)
        self.us_per_span.append((server.cpu_seconds() - cpu_before) / max(1, kept) * 1e6)


def _at_rest(stored: Callable[[], int]) -> int:
    """The count, once what was sent before is in it."""
    before, now = -1, stored()
    while now != before:
        time.sleep(REST_SECONDS)
        before, now = now, stored()
    return now


def measure(bench: Workbench) -> Iterator[Figure]:
    """Stored spans a second and processor time a span of both; milliseconds of the same questions; how they compare."""
    program = jaeger.program()
    if program is None:
        print("peers: left out, for PEERS names no folder with Jaeger's program (see bench/README.md)")
        return
    with Server() as satellite:
        for name, form, port, spans in ROWS:
            yield from _ingest(bench, program, satellite, name, form, port, spans)
        yield from _questions(bench, program, satellite)


def _ingest(
    bench: Workbench, program: Path, satellite: Server, name: str, form: str, port: str, spans: int
) -> Iterator[Figure]:
    def load(server: Server | Jaeger, seconds: float) -> Load:
        at = server.ports["zipkin_port" if form == "zipkin" and isinstance(server, Jaeger) else port]
        ca = satellite.ca_file if "secure" in port else ""
        return Load(at, ca, PROJECT, spans, seconds, connections=CONNECTIONS, in_flight=IN_FLIGHT, form=form)

    def stored() -> int:
        stats = satellite.stats(PROJECT)
        return stats.ledger.stored if stats else 0

    ours, theirs = _Side(), _Side()
    for _ in range(bench.rounds):
        generate(load(satellite, WARM_SECONDS))
        satellite.drop(PROJECT)
        ours.take(satellite, load(satellite, bench.seconds), stored)
        satellite.drop(PROJECT)
        with Jaeger(program, satellite.cert_dir) as peer:  # anew: nothing can be dropped there
            generate(load(peer, WARM_SECONDS))
            theirs.take(peer, load(peer, bench.seconds), peer.stored)
    for whose, side in (("satellite", ours), ("Jaeger", theirs)):
        yield Figure("peers", f"{name}: stored by {whose}", "spans/s", side.spans_per_second, "more")
        yield Figure("peers", f"{name}: CPU of {whose}", "µs/span", side.us_per_span)
    goal = 0.9 if spans == 100 else 0.8
    ratios = _ratios(ours.spans_per_second, theirs.spans_per_second)
    yield Figure("peers", f"{name}: satellite / Jaeger", "× stored", ratios, "more", goal=goal)
    yield Figure(
        "peers", f"{name}: satellite / Jaeger", "× CPU", _ratios(ours.us_per_span, theirs.us_per_span)
    )


def _ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Round by round."""
    return [mine / other if other else float("nan") for mine, other in zip(ours, theirs, strict=True)]


def _questions(bench: Workbench, program: Path, satellite: Server) -> Iterator[Figure]:
    with Jaeger(program, satellite.cert_dir) as peer:
        spans = 0
        for server in (satellite, peer):
            reports = bench.held_spans // 100
            port = server.ports["grpc_plain_port"]
            load = Load(port, "", PROJECT, reports=reports, form="otlp-grpc", seed=SEED)
            spans = generate(load).spans
        settle(satellite, PROJECT)
        until = time.perf_counter() + STORED_SECONDS_MAX
        while peer.stored() < spans and time.perf_counter() < until:
            time.sleep(0.1)
        note = f"{spans:,} spans"
        for what, targets, their_targets in _asked(peer):
            ours = _milliseconds(bench, satellite.ports["explorer_port"], targets)
            theirs = _milliseconds(bench, peer.ports["query"], their_targets)
            yield Figure("peers", f"{what}: satellite", "ms", ours, note=note)
            yield Figure("peers", f"{what}: Jaeger", "ms", theirs, note=note)
            yield Figure("peers", f"{what}: satellite / Jaeger", "× time", _ratios(ours, theirs), goal=1)


def _asked(peer: Jaeger) -> Iterator[tuple[str, list[str], list[str]]]:
    """(what, the satellite's targets, Jaeger's)."""
    now_us = time.time_ns() // 1000
    window = {"limit": NEWEST, "start": now_us - HOUR_US, "end": now_us + HOUR_US}

    def search(key: str, value: str) -> tuple[list[str], list[str]]:
        query = f'service IN ("{SERVICE}") AND "{key}" IN ("{value}")'
        traces = urlencode({"service": SERVICE, "tags": json.dumps({key: value}), **window})
        return [path(PROJECT, "spans", query=query, order="-start", limit=NEWEST)], [f"/api/traces?{traces}"]

    _, body = ask(peer.ports["query"], "GET", search(*COMMON)[1][0])
    found = [trace["traceID"] for trace in json.loads(body)["data"]]
    yield (
        "trace by id",
        [path(PROJECT, f"traces/{one}") for one in found],
        [f"/api/traces/{one}" for one in found],
    )
    yield f"{NEWEST} newest of a service, rare tag", *search(*RARE)
    yield f"{NEWEST} newest of a service, common tag", *search(*COMMON)
    yield "a value that never was", *search("order.id", "never")
    yield "service list", [path(PROJECT, "suggest", kind="service")], ["/api/services"]


def _milliseconds(bench: Workbench, port: int, targets: Sequence[str]) -> list[float]:
    """Of each answer on one connection; the first of all is not counted."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    took: list[float] = []
    for turn in range(bench.repeats + 1):
        began = time.perf_counter()
        connection.request("GET", targets[turn % len(targets)])
        answer = connection.getresponse()
        body = answer.read()
        took.append((time.perf_counter() - began) * 1000)
        assert answer.status == 200, body
    connection.close()
    return took[1:]
