"""What keeping costs: the journal, a restart, memory with the budget full, and how far a quiet service is seen."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from bench.envoy_spans import Reports
from bench.figures import Figure
from bench.queries import COMMON
from bench.workbench import Workbench
from satellite.explore.window import plan_of
from satellite.memory import give_back, resident_bytes, tune_allocator
from satellite.model.reporter import Reporter
from satellite.model.spans import SpanBatch, SpanBuilder
from satellite.protocols.lightstep import protobuf as lightstep
from satellite.store.durable.directory import Directory
from satellite.store.recall.disk import Disk
from satellite.store.recall.engine import RecallStore
from satellite.store.recall.segment import SEGMENT_SPANS

GRPC_PREFIX = 5
BODIES = 8
SPANS = 100
PROJECT = "bench"


def measure(bench: Workbench) -> Iterator[Figure]:
    """In this process, by turns with and without a data directory; the disk is the one of the folder for temporary files."""
    spans = 100_000 if bench.quick else 400_000
    tune_allocator()
    yield from _memory(2 * spans)  # first: later the process keeps what the others leave
    with tempfile.TemporaryDirectory(prefix="bench-keeping-") as folder:
        yield from _journal(Path(folder), spans)
        yield from _restart(Path(folder), 2 * spans)
    yield _fairness()


def _open(folder: Path, **given: int) -> RecallStore:
    disk = Disk(Directory(folder), segment_spans=SEGMENT_SPANS, clock_seconds=time.monotonic, **given)
    return RecallStore(20_000_000_000, disk=disk)


def _fill(store: RecallStore, spans: int, seed: int) -> float:
    """Decode and write; spans a second."""
    source = Reports(PROJECT, SPANS, seed=seed, now_s=time.time_ns() // 10**9)
    took = 0.0
    for _ in range(spans // (SPANS * BODIES)):
        messages, _ = source.fresh(BODIES)
        bodies = [bytes(message[GRPC_PREFIX:]) for message in messages]
        now_ns = time.time_ns()
        began = time.perf_counter()
        store.write(PROJECT, lightstep.decode(bodies, now_ns).batch, arrived_ns=now_ns)
        took += time.perf_counter() - began
    return spans / took


def _journal(folder: Path, spans: int) -> Iterator[Figure]:
    without: list[float] = []
    having: list[float] = []
    for turn in range(3):
        with closing(RecallStore(20_000_000_000)) as store:
            without.append(_fill(store, spans // 4, 2 * turn))
        with closing(_open(folder / f"journal-{turn}")) as store:
            having.append(_fill(store, spans // 4, 2 * turn + 1))
    note = (
        f"decode and write, {BODIES} reports of {SPANS} spans at a time, one thread that waits for the disk"
    )
    yield Figure("keeping", "without a data directory", "spans/s", without, "more", note=note)
    yield Figure("keeping", "with one", "spans/s", having, "more", note=note)


def _restart(folder: Path, spans: int) -> Iterator[Figure]:
    for name, journal_bytes in (("journal", 2**40), ("files", 2**20)):
        with closing(_open(folder / name, journal_bytes=journal_bytes)) as store:
            _fill(store, spans, 99)
            store.settle()
        began = time.perf_counter()
        with closing(_open(folder / name)) as store:
            took = time.perf_counter() - began
            yield Figure(
                "keeping",
                f"restart, spans in the {name}",
                "s/million",
                [took / spans * 1e6],
                goal=3,
                note=f"of {store.projects()[0].spans:,}",
            )
            if name == "files":
                ask = []
                for _ in range(5):
                    began = time.perf_counter()
                    store.histogram(PROJECT, plan_of(COMMON))
                    ask.append((time.perf_counter() - began) * 1000)
                yield Figure(
                    "keeping", "tag + histogram over mapped files, first", "ms", ask[:1], note=f"of {spans:,}"
                )
                yield Figure("keeping", "the same again", "ms", ask[1:], note=f"of {spans:,}")


def _memory(spans: int) -> Iterator[Figure]:
    budget = 50_000_000
    with closing(RecallStore(budget)) as store:
        _fill(store, 1000, 6)  # imports, caches
    before = resident_bytes()
    with closing(RecallStore(budget)) as store:
        _fill(store, spans, 7)
        store.settle()
        give_back()
        grown = resident_bytes() - before
    yield Figure(
        "keeping",
        "resident over budget, budget full",
        "ratio",
        [grown / budget],
        goal=1.3,
        note=f"{budget:,} bytes, {spans:,} spans sent, process {os.getpid()}",
    )


def _fairness() -> Figure:
    with closing(RecallStore(2_000_000)) as store:
        for number in range(400):
            store.write(PROJECT, _loud(number), arrived_ns=number * 10**9 + 1)
        windows = {one.service: one.recall_window_us for one in store.projects()[0].services}
    ratio = windows["quiet"] / max(windows["loud"], 1)
    return Figure(
        "keeping", "window of a service at 1 % over that of one at 99 %", "ratio", [ratio], "more", goal=10
    )


def _loud(number: int) -> SpanBatch:
    builder = SpanBuilder()
    loud, quiet = Reporter("lightstep", "loud", 1), Reporter("lightstep", "quiet", 2)
    for i in range(500):
        builder.add(
            reporter=quiet if i < 5 else loud,
            operation="op",
            trace_low=number + 1,
            span_id=number * 500 + i + 1,
            start_ns=number,
            duration_ns=i,
            tags=[("unique", f"{number}-{i}")],
        )
    return builder.build()
