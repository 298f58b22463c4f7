"""How soon a client that waits for a span hears of it: `POST …/expect` over HTTP, the span over gRPC with TLS."""

from __future__ import annotations

import asyncio
import http.client
import itertools
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvloop

from bench.envoy_spans import Reports
from bench.figures import Figure
from bench.http2 import ReportConnection, tls_context
from bench.queries import questions
from bench.server import Server, path
from bench.workbench import Loaded, Workbench

QUERY = '"http.method" IN ("GET", "POST")'
SETTLE_SECONDS = 0.02
"""Between asking and sending, so that the satellite waits already; the answer cannot tell us that it does."""


def measure(bench: Workbench) -> Iterator[Figure]:
    """Milliseconds, into a project of its own and into one that holds many spans."""
    loaded = bench.loaded
    times = 10 if bench.quick else 50
    for project, note in (("wakeup", "empty project"), (loaded.project, f"{loaded.spans:,} spans")):
        answered, woken = _times_ms(loaded.server, project, times)
        yield Figure("wakeup", "report sent → its own answer", "ms", answered, note=note)
        yield Figure(
            "wakeup", "report sent → waiting client answered", "ms", woken, floor=10, goal=5, note=note
        )
    with _asking(loaded):
        _, woken = _times_ms(loaded.server, "wakeup", 2 * times)
    note = f"somebody asks all there is about {loaded.spans:,} spans"
    yield Figure("wakeup", "report sent → waiting client answered", "ms", woken, note=note)
    yield Figure("wakeup", "the latest of these", "ms", [max(woken)], floor=60, note=note)


def _times_ms(server: Server, project: str, times: int) -> tuple[list[float], list[float]]:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_Wait(server, project).times_ms(times))


@contextmanager
def _asking(loaded: Loaded) -> Iterator[None]:
    """Meanwhile somebody asks one question after another, of every kind."""
    over = threading.Event()

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", loaded.server.ports["explorer_port"], timeout=60)
        for question in itertools.cycle(questions(loaded)):
            if over.is_set():
                break
            connection.request(question.method, question.targets[0])
            connection.getresponse().read()
        connection.close()

    asker = threading.Thread(target=ask)
    asker.start()
    try:
        yield
    finally:
        over.set()
        asker.join()


class _Wait:
    """One waiting client and one reporter."""

    def __init__(self, server: Server, project: str) -> None:
        self._server = server
        self._project = project
        self._reports = Reports(project, 1, seed=time.time_ns(), now_s=time.time_ns() // 10**9)
        self._message: memoryview | None = None
        self._answered = asyncio.Event()
        self._answered_at = 0.0

    async def times_ms(self, times: int) -> tuple[list[float], list[float]]:
        """(from sending until the report's own answer, until the waiting client's answer), one of each per time."""
        loop = asyncio.get_running_loop()
        ports = self._server.ports
        _, reporter = await loop.create_connection(
            lambda: ReportConnection(self._next, self._hear, in_flight=1),
            "127.0.0.1",
            ports["grpc_secure_port"],
            ssl=tls_context(self._server.ca_file),
            server_hostname="localhost",
        )
        reader, writer = await asyncio.open_connection("127.0.0.1", ports["explorer_port"])
        answered: list[float] = []
        woken: list[float] = []
        for _ in range(times + 1):
            mark = json.loads(await _post(reader, writer, path(self._project, "mark"), b""))["mark"]
            body = json.dumps({"query": QUERY, "since": mark}).encode()
            waiting = asyncio.ensure_future(_post(reader, writer, path(self._project, "expect"), body))
            await asyncio.sleep(SETTLE_SECONDS)
            assert not waiting.done(), waiting.result()
            self._message = self._reports.fresh(1)[0][0]
            self._answered.clear()
            began = time.perf_counter()
            reporter.more()
            assert json.loads(await waiting)["total"] == 1
            woken.append((time.perf_counter() - began) * 1000)
            await self._answered.wait()
            answered.append((self._answered_at - began) * 1000)
        writer.close()
        reporter.close()
        return answered[1:], woken[1:]

    def _next(self) -> memoryview | None:
        message, self._message = self._message, None
        return message

    def _hear(self, good: bool) -> None:  # noqa: FBT001
        assert good
        self._answered_at = time.perf_counter()
        self._answered.set()


async def _post(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: str, body: bytes
) -> bytes:
    """The body of the answer, which must be 200."""
    head = f"POST {target} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    answer = (await reader.readuntil(b"\r\n\r\n")).lower()
    size = int(answer.partition(b"content-length:")[2].split()[0])
    content = await reader.readexactly(size)
    assert answer.startswith(b"http/1.1 200"), content
    return content
