"""What 10,000 clients that wait cost who reports: processor time a span of intake and store, with them and without, in turns."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

from bench.engine import BODIES_PER_CALL, GRPC_PREFIX, PROJECT
from bench.envoy_spans import Reports
from bench.figures import Figure
from bench.workbench import Workbench
from satellite.explore.expect import TIMEOUT_MS_MAX, Expectation, expect
from satellite.explore.standing import WORKERS, end_workers, in_worker
from satellite.intake.arrivals import Arrivals
from satellite.intake.intake import Intake
from satellite.intake.tokens import Tokens
from satellite.intake.writer import Writer
from satellite.protocols.lightstep.protobuf import PROTOCOL
from satellite.store.recall.engine import RecallStore

WAITERS = 10_000
SPANS = 100
"""In a report."""

Wanted = Callable[[int], tuple[str, str]]
"""Project and query of the n-th waiter; its spans never come."""

CROWDS: dict[str, Wanted | None] = {
    "nobody waits": None,
    f"{WAITERS:,} wait, each for a project of its own": lambda n: (f"test-{n}", 'service IN ("never")'),
    f"{WAITERS:,} wait for this project, one query": lambda _: (PROJECT, 'service IN ("never")'),
    f"{WAITERS:,} wait for this project, 100 queries": lambda n: (PROJECT, f'service IN ("never-{n % 100}")'),
}


def measure(bench: Workbench) -> Iterator[Figure]:
    """Microseconds of this process a span; the matching that arrivals cause is in it, HTTP and TLS are not."""
    found: dict[str, list[float]] = {name: [] for name in CROWDS}
    for _ in range(bench.rounds + 1):
        for name, wanted in CROWDS.items():
            found[name].append(asyncio.run(_cost_us(wanted, 200 if bench.quick else 1000)))
    for name, values in found.items():
        ratio = sorted(
            100 * (with_them / alone - 1)
            for with_them, alone in zip(values[1:], found["nobody waits"][1:], strict=True)
        )[len(values) // 2 - 1]
        note = "" if CROWDS[name] is None else f"{ratio:+.1f} % by rounds; issue: at most 10 %"
        yield Figure("waiting", name, "µs", values[1:], note=note)  # the first imports


async def _cost_us(wanted: Wanted | None, reports: int) -> float:
    store, arrivals = RecallStore(20_000_000_000), Arrivals()
    writer = Writer(store, Tokens.open(), arrivals, clock_ns=time.time_ns)
    intake = Intake(writer, clock_ns=time.time_ns, max_waiting_bytes=1 << 28)
    source = Reports(PROJECT, SPANS, seed=1, now_s=time.time_ns() // 10**9)
    async with asyncio.TaskGroup() as tasks:
        waiting = []
        for n in range(WAITERS) if wanted is not None else ():
            project, query = wanted(n) if wanted is not None else ("", "")
            asked = Expectation(query=query, timeout_ms=TIMEOUT_MS_MAX)
            waiting.append(tasks.create_task(expect(store, arrivals, project, asked)))
        await intake.submit(PROTOCOL, bytes(source.fresh(1)[0][0][GRPC_PREFIX:]))
        for _ in range(3):  # until each has been counted for once, and waits
            await asyncio.gather(*(in_worker(arrivals, lambda: None) for _ in range(WORKERS)))
        spent = done = 0.0
        while done < reports * SPANS:
            messages, _ = source.fresh(BODIES_PER_CALL[SPANS])
            bodies = [bytes(message[GRPC_PREFIX:]) for message in messages]
            began = time.process_time()
            await asyncio.gather(*(intake.submit(PROTOCOL, body) for body in bodies))
            spent += time.process_time() - began
            done += SPANS * len(bodies)
        for task in waiting:
            task.cancel()
    intake.close(5)
    end_workers(arrivals)
    store.close()
    return spent / done * 1e6
