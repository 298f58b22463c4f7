"""What the questions share: how often and how long to measure, the load, and a satellite that holds many spans."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from bench import large_trace
from bench.generator import Load, Outcome
from bench.server import Server

LOAD_SECONDS_MAX = 120


def generate(load: Load) -> Outcome:
    """Send this load from a process of its own, and wait for its end."""
    command = [sys.executable, "-m", "bench.generator"]
    for name, value in msgspec.to_builtins(load).items():
        if value:
            command += [f"--{name.replace('_', '-').removesuffix('-file')}", str(value)]
    done = subprocess.run(
        command,
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        timeout=load.seconds + LOAD_SECONDS_MAX,
        check=True,
    )
    return msgspec.json.decode(done.stdout, type=Outcome)


@dataclass
class Loaded:
    """A satellite that holds many spans, and what it took."""

    server: Server
    project: str
    spans: int
    trace_ids: list[str]
    empty_bytes: float
    """Resident before the first span, after a small load that fills caches and pools."""
    held_bytes: float
    """Resident afterwards."""


@dataclass
class Workbench:
    """Passed to every question; ends what it started when its `with` block ends."""

    quick: bool = False
    _opened: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    @property
    def rounds(self) -> int:
        """How often a measurement is repeated."""
        return 2 if self.quick else 5

    @property
    def seconds(self) -> float:
        """How long one measurement under load takes."""
        return 1.0 if self.quick else 3.0

    @property
    def repeats(self) -> int:
        """How often a question of milliseconds is asked."""
        return 7 if self.quick else 25

    @property
    def held_spans(self) -> int:
        """How many spans the loaded satellite holds."""
        return 200_000 if self.quick else 1_000_000

    @cached_property
    def loaded(self) -> Loaded:
        """A satellite with `held_spans`, settled, and a large trace: made for the first question that needs it, kept for the others."""
        server = self._opened.enter_context(Server())
        load = Load(server.ports["grpc_secure_port"], server.ca_file)
        generate(msgspec.structs.replace(load, token="warm", reports=200))
        server.drop("warm")
        empty = server.resident_bytes()
        outcome = generate(msgspec.structs.replace(load, token="held", reports=self.held_spans // load.spans))
        settle(server, "held")
        held = server.resident_bytes()
        large_trace.bring(server)
        return Loaded(server, "held", outcome.spans, outcome.trace_ids, empty, held)


def settle(server: Server, project: str) -> None:
    """Return when the engine has merged what arrived: when the bytes it counts have not changed for a second."""
    before, since = -1, time.perf_counter()
    while time.perf_counter() - since < 1.0:
        stats = server.stats(project)
        now = stats.bytes if stats else 0
        if now != before:
            before, since = now, time.perf_counter()
        time.sleep(0.1)
