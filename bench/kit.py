"""What a test pays: a satellite in its process, the fixture `spans`, an assertion about a trace."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.figures import Figure
from bench.workbench import Workbench
from mock_lightstep_satellite import Client, q
from satellite import Satellite

TRACES = 500
SERVICES = ("gateway", "productpage", "reviews", "ratings")
TESTS = 100


def measure(bench: Workbench) -> Iterator[Figure]:
    """Start and stop in process; a test with the fixture beside one without; TRACES assertions."""
    rounds = 3 if bench.quick else max(5, bench.rounds)
    yield from _starts(rounds)
    yield from _fixture(rounds)
    yield from _assertions(rounds)


def _starts(rounds: int) -> Iterator[Figure]:
    started, stopped, cpu = [], [], []
    for _ in range(rounds + 1):  # the first imports
        satellite = Satellite()
        cpu_began = time.process_time()
        started.append(_ms(satellite.__enter__))
        cpu.append((time.process_time() - cpu_began) * 1000)
        stopped.append(_ms(lambda: satellite.__exit__(None, None, None)))  # noqa: B023 - called at once
    yield Figure("kit", "Satellite() → ready, in process", "ms", started[1:], floor=150, goal=50)
    yield Figure("kit", "the same, processor time", "ms", cpu[1:])
    yield Figure("kit", "ready → gone, in process", "ms", stopped[1:], floor=50, goal=20)


def _fixture(rounds: int) -> Iterator[Figure]:
    """By the slope between few and many tests, so that neither pytest's start nor the satellite's counts."""
    found = {name: ([], []) for name in ("spans", "tmp_path")}  # type: dict[str, tuple[list[float], list[float]]]
    with tempfile.TemporaryDirectory(prefix="satellite-bench-") as folder:
        for _ in range(rounds):
            for name, (wall, cpu) in found.items():
                few, many = (_run(Path(folder), name, tests) for tests in (1, TESTS + 1))
                wall.append((many[0] - few[0]) / TESTS * 1000)
                cpu.append((many[1] - few[1]) / TESTS * 1000)
    for name, (wall, cpu) in found.items():
        goal = 20 if name == "spans" else None
        yield Figure("kit", f"a test with the fixture {name}", "ms", wall, goal=goal, note=f"{TESTS} tests")
        yield Figure("kit", "the same, processor time", "ms", cpu, note=name)


def _run(folder: Path, fixture: str, tests: int) -> tuple[float, float]:
    """Seconds of a run of pytest, and of its processor time."""
    file = folder / "test_it.py"
    file.write_text(
        f"import pytest\n@pytest.mark.parametrize('n', range({tests}))\ndef test_it({fixture}, n): pass\n"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, str(file)]
    subprocess.run(command, check=True, capture_output=True)
    took = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _assertions(rounds: int) -> Iterator[Figure]:
    with Satellite() as satellite, Client(satellite.url) as client:
        project = client.project("kit")
        project.import_(json.dumps([span for trace in range(TRACES) for span in _trace(trace)]).encode())
        ids = [f"{trace + 1:016x}" for trace in range(TRACES)]

        def each() -> None:
            for trace_id in ids:
                trace = project.trace(trace_id)
                trace.assert_complete()
                trace.assert_path(*SERVICES)
                assert trace.span(q.service("ratings")).parent is not None

        took, cpu = [], []
        for _ in range(rounds):
            cpu_began = time.process_time()
            took.append(_ms(each) / 1000)
            cpu.append(time.process_time() - cpu_began)
    yield Figure("kit", f"{TRACES} traces asked for and asserted", "s", took, note="3 assertions each")
    yield Figure("kit", "the same, processor time of both", "s", cpu)


def _trace(number: int) -> Iterator[dict[str, object]]:
    for depth, service in enumerate(SERVICES):
        yield {
            "traceId": f"{number + 1:016x}",
            "id": f"{number * 10 + depth + 1:016x}",
            **({"parentId": f"{number * 10 + depth:016x}"} if depth else {}),
            "name": f"op{depth}",
            "timestamp": 1_700_000_000_000_000 + number * 1000 + depth,
            "duration": 900 - depth * 100,
            "localEndpoint": {"serviceName": service},
            "tags": {"http.status_code": "200"},
        }


def _ms(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000
