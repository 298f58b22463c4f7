"""How long a satellite takes to be ready and to stop, and what it needs while it does nothing."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Figure
from bench.server import Server
from bench.workbench import Workbench

IDLE_SECONDS = 1.0


def measure(bench: Workbench) -> Iterator[Figure]:
    """From the start of the process to the first 200 of `/_ready`."""
    first: list[float] = []
    ready: list[float] = []
    stop: list[float] = []
    memory: list[float] = []
    cpu: list[float] = []
    for _ in range(bench.rounds):
        with tempfile.TemporaryDirectory(prefix="satellite-bench-") as folder:
            certificates = Path(folder)
            with Server(cert_dir=certificates) as server:
                first.append(server.start_seconds)
            with Server(cert_dir=certificates) as server:
                ready.append(server.start_seconds)
                cpu.append(server.cpu_seconds())
                time.sleep(IDLE_SECONDS)
                memory.append(server.resident_bytes() / 1e6)
            stop.append(server.stop_seconds)
    yield Figure("start", "start → ready", "s", ready, floor=1, goal=0.8)
    yield Figure("start", "start → ready, processor time", "s", cpu)
    yield Figure("start", "first start → ready, certificates made", "s", first)
    yield Figure("start", "idle memory, resident", "MB", memory, goal=130)
    yield Figure("start", "SIGTERM → gone, idle", "s", stop)
