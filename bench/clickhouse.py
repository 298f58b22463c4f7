"""ClickHouse in this process (chDB): what writing and asking cost in processor time; `python -m bench.clickhouse SPANS`.

Apart from the other questions, since it needs the extra `[clickhouse]`. Processor time of all threads, ClickHouse's own merging beside it
included: a machine that others use hardly changes it.
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
    """Write so many spans, ask, print."""
    wanted = int(sys.argv[1])
    with TemporaryDirectory() as folder:
        store = ClickHouseStore(Connection(Path(folder)), clock_seconds=time.monotonic)
        trace = written = 0
        decoding = writing = 0.0
        source = Reports("bench", 100, seed=1, now_s=time.time_ns() // 10**9)
        while written < wanted:
            messages, ids = source.fresh(REPORTS)
            trace = trace or int(ids[0, 0])
            now_ns, began = time.time_ns(), time.process_time()
            batch = lightstep.decode([bytes(message[GRPC_PREFIX:]) for message in messages], now_ns).batch
            decoded = time.process_time()
            store.write(PROJECT, batch, arrived_ns=now_ns)
            decoding, writing = decoding + decoded - began, writing + time.process_time() - decoded
            written += len(batch)
        print(f"decode {decoding / written * 1e6:.1f} µs/span")
        print(f"write {writing / written * 1e6:.1f} µs/span")
        print(f"{store.projects()[0].bytes / written:.1f} bytes/span")
        for name, ask in _questions(store, trace):
            print(f"{name}: {_processor_ms(ask):.0f} ms")
        store.close()


def _questions(store: ClickHouseStore, trace: int) -> list[tuple[str, Callable[[], Any]]]:
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


def _processor_ms(ask: Callable[[], Any]) -> float:
    ask()
    taken = []
    for _ in range(ROUNDS):
        began = time.process_time()
        ask()
        taken.append((time.process_time() - began) * 1e3)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
