"""ClickHouse in this process (chDB): what writing and asking cost; `python -m bench.clickhouse SPANS [FOLDER]`.

Apart from the other questions, since it needs the extra `[clickhouse]`, or what `make clickhouse` installed. Processor time is of all
threads, ClickHouse's own merging beside it included: a machine that others use hardly changes it. Beside it is the time by the clock. A
FOLDER is kept, and only what it lacks is written: 10,000,000 spans take some ten minutes once.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.engine import GRPC_PREFIX, PROJECT
from bench.envoy_spans import Reports
from bench.queries import COMMON, RARE, UNIQUE_KEY
from satellite.explore.window import plan_of
from satellite.protocols.lightstep import protobuf as lightstep
from satellite.query.plan import ALL
from satellite.store.clickhouse.connection import Connection
from satellite.store.clickhouse.engine import ClickHouseStore

ROUNDS = 5
REPORTS = 100
"""Of 100 spans, that share an insert: what comes within 200 ms at 50,000 spans a second."""


def main() -> None:
    """Write what is lacking, ask, print."""
    sys.path += map(str, Path(".interop/clickhouse/lib").glob("python*/site-packages"))
    with TemporaryDirectory() as folder:
        target = Path(sys.argv[2] if len(sys.argv) > 2 else folder)
        store = ClickHouseStore(Connection(target), clock_seconds=time.monotonic)
        _write(store, int(sys.argv[1]) - store.count(PROJECT, ALL))
        (found,) = store.projects()
        print(f"{found.spans:,} spans, {found.bytes / found.spans:.1f} bytes each")
        for name, ask in _questions(store):
            processor_ms, clock_ms = _taken_ms(ask)
            print(f"{name}: {processor_ms:.0f} ms of the processor, {clock_ms:.0f} ms by the clock")
        store.close()


def _write(store: ClickHouseStore, wanted: int) -> None:
    written = 0
    decoding = writing = 0.0
    source = Reports("bench", 100, seed=store.mark(PROJECT) + 1, now_s=time.time_ns() // 10**9)
    while written < wanted:
        now_ns = time.time_ns()
        source.now_s = now_ns // 10**9  # spans end when they arrive, as ever
        messages, _ = source.fresh(REPORTS)
        began = time.process_time()
        batch = lightstep.decode([bytes(message[GRPC_PREFIX:]) for message in messages], now_ns).batch
        decoded = time.process_time()
        store.write(PROJECT, batch, arrived_ns=now_ns)
        decoding, writing = decoding + decoded - began, writing + time.process_time() - decoded
        written += len(batch)
    if written:
        print(f"decode {decoding / written * 1e6:.1f}, write {writing / written * 1e6:.1f} µs/span")


def _questions(store: ClickHouseStore) -> list[tuple[str, Callable[[], Any]]]:
    (span,) = store.find(PROJECT, ALL, order="arrival", limit=1).spans
    trace = int(span.trace_id, 16)
    unique = store.suggest(PROJECT, "value", ALL, key=UNIQUE_KEY, limit=1)[0].value
    return [
        ("tag + histogram, rare", lambda: store.histogram(PROJECT, plan_of(RARE))),
        ("tag + histogram, common", lambda: store.histogram(PROJECT, plan_of(COMMON))),
        (
            "one span by a unique value",
            lambda: store.count(PROJECT, plan_of(f'"{UNIQUE_KEY}" IN ("{unique}")')),
        ),
        ("histogram of everything", lambda: store.histogram(PROJECT, ALL)),
        ("trace by id", lambda: store.traces(PROJECT, [(None, trace)])),
        ("groups by service", lambda: store.groups(PROJECT, ALL, ["service"], limit=50)),
        ("groups by a tag", lambda: store.groups(PROJECT, ALL, ["http.status_code"], limit=50)),
        ("50 newest", lambda: store.find(PROJECT, ALL, order="-start", limit=50)),
        ("50 slowest, rare", lambda: store.find(PROJECT, plan_of(RARE), order="-latency", limit=50)),
        ("suggest keys", lambda: store.suggest(PROJECT, "key", ALL)),
    ]


def _taken_ms(ask: Callable[[], Any]) -> tuple[float, float]:
    """Of the processor, and by the clock: medians."""
    ask()
    taken = []
    for _ in range(ROUNDS):
        began = time.process_time(), time.perf_counter()
        ask()
        taken.append((time.process_time() - began[0], time.perf_counter() - began[1]))
    processor, clock = (statistics.median(each) * 1e3 for each in zip(*taken, strict=True))
    return processor, clock


if __name__ == "__main__":
    main()
