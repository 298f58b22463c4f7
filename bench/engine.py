"""The parts without transport, in this process: decoding, writing, and the engine's own answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from bench.envoy_spans import Reports
from bench.figures import Figure
from bench.queries import COMMON, ENOUGH, RARE, SECONDS_MAX, UNIQUE_KEY
from bench.workbench import Workbench
from satellite.explore.window import plan_of
from satellite.protocols.lightstep import protobuf as lightstep
from satellite.query.plan import ALL
from satellite.store.recall.engine import RecallStore

GRPC_PREFIX = 5
BODIES_PER_CALL = {100: 8, 5: 16}
"""About what waits for the intake under load."""
PROJECT = "bench"


def measure(bench: Workbench) -> Iterator[Figure]:
    """Rates of one thread, then milliseconds a question."""
    store = RecallStore(20_000_000_000)
    trace_ids: list[int] = []
    for spans in (5, 100):
        decode: list[float] = []
        write: list[float] = []
        target = bench.held_spans if spans == 100 else bench.held_spans // 20
        source = Reports("bench", spans, seed=spans, now_s=time.time_ns() // 10**9)
        for _ in range(5):
            decoding = writing = 0.0
            done = 0
            while done < target // 5:
                messages, ids = source.fresh(BODIES_PER_CALL[spans])
                trace_ids.append(int(ids[0, 0]))
                bodies = [bytes(message[GRPC_PREFIX:]) for message in messages]
                began = time.perf_counter()
                now_ns = time.time_ns()
                decoded = lightstep.decode(bodies, now_ns)
                parsed = time.perf_counter()
                store.write(PROJECT, decoded.batch, arrived_ns=now_ns)
                writing += time.perf_counter() - parsed
                decoding += parsed - began
                done += spans * len(bodies)
            decode.append(done / decoding)
            write.append(done / writing)
        note = f"{BODIES_PER_CALL[spans]} reports of {spans} spans at a time"
        yield Figure("engine", "decode", "spans/s", decode, "more", note=note)
        yield Figure("engine", "write, merging beside it", "spans/s", write, "more", note=note)
    store.settle()
    held = f"{store.projects()[0].spans:,} spans"
    for what, floor, goal, ask in _questions(store, trace_ids):
        yield Figure("engine", what, "ms", _times_ms(ask, bench.repeats), floor=floor, goal=goal, note=held)
    store.close()


def _questions(
    store: RecallStore, trace_ids: list[int]
) -> Iterator[tuple[str, float | None, float | None, Callable[[], object]]]:
    turn = iter(trace_ids * 10)
    rare, common = plan_of(RARE), plan_of(COMMON)
    yield "tag + histogram, rare", 20, 10, lambda: store.histogram(PROJECT, rare)
    yield "tag + histogram, common", 20, 10, lambda: store.histogram(PROJECT, common)
    yield "count, common", None, None, lambda: store.count(PROJECT, common)
    yield "trace by id", None, 5, lambda: store.traces(PROJECT, [(None, next(turn))])
    yield "suggest keys", None, None, lambda: store.suggest(PROJECT, "key", ALL)
    yield (
        "suggest values of a unique key",
        None,
        None,
        lambda: store.suggest(PROJECT, "value", ALL, key=UNIQUE_KEY),
    )
    yield (
        "50 slowest spans, common",
        None,
        None,
        lambda: store.find(PROJECT, common, order="-latency", limit=50),
    )
    yield (
        "groups by service and operation",
        None,
        None,
        lambda: store.groups(PROJECT, ALL, ["service", "operation"]),
    )


def _times_ms(ask: Callable[[], object], repeats: int) -> list[float]:
    ask()
    values: list[float] = []
    while len(values) < repeats and (len(values) < ENOUGH or sum(values) < SECONDS_MAX * 1000):
        began = time.perf_counter()
        ask()
        values.append((time.perf_counter() - began) * 1000)
    return values
