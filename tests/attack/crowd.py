"""A crowd: hundreds of large reports at once, and again and again; `crowd` tells what comes of it, for them and for others.

The satellite is a process, and so is the crowd, which has one token and several addresses; somebody else, from another address, sends
one span after another. All share the machine's processors, so what a span costs each side counts beside what is kept a second.
"""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any

import httpx

from satellite.pb.lightstep_collector_pb2 import Reporter, ReportRequest
from tests.processes import Process, processor_seconds

SENDERS = 700
SPANS = 1000
ADDRESSES = 8
_FEW = 4
"""Senders that together reach the peak."""
_PAUSE_SECONDS = 1.0
"""Of a sender that is told to try later, as `Retry-After` says."""
_DEAF_SECONDS = 10.0
"""Senders give up after so long."""


@dataclass
class Outcome:
    """What became of reports."""

    seconds: float = 0.0
    """For which they were sent."""
    kept: int = 0
    kept_in_time: int = 0
    """In those seconds; the others were on their way at the end."""
    satellite_seconds: float = 0.0
    """Of the processor, until the last had its answer."""
    senders_seconds: float = 0.0
    """The same of the crowd."""
    statuses: Counter[int] = field(default_factory=Counter)
    """Of the crowd; 0: it gave up."""
    refusals: Counter[str] = field(default_factory=Counter)
    """What was said to those that were not kept."""
    small_seconds: list[float] = field(default_factory=list)
    """How long each of the others' took."""
    small_statuses: Counter[int] = field(default_factory=Counter)

    @property
    def spans_per_second(self) -> float:
        """Kept."""
        return self.kept_in_time * SPANS / self.seconds

    @property
    def satellite_us(self) -> float:
        """Of the processor for each span that was kept, with what was refused and the others' reports."""
        return self.satellite_seconds * 1e6 / (self.kept * SPANS)

    @property
    def senders_us(self) -> float:
        """The same of the crowd."""
        return self.senders_seconds * 1e6 / (self.kept * SPANS)

    @property
    def small_p99_ms(self) -> float:
        """Of the others' reports."""
        return quantiles([*self.small_seconds, *self.small_seconds], n=100)[98] * 1000


@dataclass
class Harm:
    """With few senders, with the crowd, and after it."""

    before: Outcome
    crowd: Outcome
    after: Outcome
    ledgers: dict[str, dict[str, Any]]
    """By project."""


def crowd(seconds: float, senders: int = SENDERS) -> Harm:
    """As long as that with few senders, with the crowd, and for 2 seconds with nobody but the others."""
    spawned = multiprocessing.get_context("spawn")
    with Process() as satellite, ProcessPoolExecutor(1, mp_context=spawned) as elsewhere:
        host, _, port = satellite.listeners["http_plain_port"].rpartition(":")

        def phase(project: str, length: float, many: int) -> Outcome:
            began = processor_seconds(satellite.process.pid)
            large = elsewhere.submit(_crowd, host, int(port), project, length, many)
            outcome = asyncio.run(_others(host, int(port), length))
            found = large.result()
            found.satellite_seconds = processor_seconds(satellite.process.pid) - began
            found.small_seconds, found.small_statuses = outcome.small_seconds, outcome.small_statuses
            return found

        phase("first", 0.5, _FEW)  # what is done for the first time takes longer
        # In projects of their own: merging costs more where there is more.
        before, during = phase("few", seconds, _FEW), phase("crowd", seconds, senders)
        after = phase("nobody", min(seconds, 2.0), 0)
        url = f"{satellite.url('explorer_port')}/api/v1/projects"
        projects = httpx.get(url, timeout=60, trust_env=False).json()["projects"]
    return Harm(before, during, after, {one["project"]: one["ledger"] for one in projects})


def _crowd(host: str, port: int, token: str, seconds: float, senders: int) -> Outcome:
    outcome = Outcome(seconds)

    async def all_of_it() -> None:
        until = time.monotonic() + seconds
        body = _report(SPANS)
        addresses = [f"127.0.0.{2 + number % ADDRESSES}" for number in range(senders)]
        await asyncio.gather(
            *(_send_large(outcome, host, port, address, token, body, until) for address in addresses)
        )

    began = time.process_time()
    asyncio.run(all_of_it())
    outcome.senders_seconds = time.process_time() - began
    return outcome


async def _others(host: str, port: int, seconds: float) -> Outcome:
    outcome, body = Outcome(), _report(1)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.monotonic()
        status, _ = await _post(host, port, "127.0.0.1", "small", body)
        outcome.small_seconds.append(time.monotonic() - began)
        outcome.small_statuses[status] += 1
    return outcome


async def _send_large(
    outcome: Outcome, host: str, port: int, here: str, token: str, body: bytes, until: float
) -> None:
    while time.monotonic() < until:
        try:
            async with asyncio.timeout(_DEAF_SECONDS):
                status, said = await _post(host, port, here, token, body)
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            outcome.statuses[0] += 1
            continue
        outcome.statuses[status] += 1
        if status == 200:
            outcome.kept += 1
            outcome.kept_in_time += time.monotonic() < until
        else:
            outcome.refusals[said] += 1
            await asyncio.sleep(min(_PAUSE_SECONDS, max(0.0, until - time.monotonic())))


async def _post(host: str, port: int, here: str, token: str, body: bytes) -> tuple[int, str]:
    """(status, body) of a report on a connection of its own."""
    reporter = _reporter()
    reader, writer = await asyncio.open_connection(host, port, local_addr=(here, 0))
    try:
        head = (
            f"POST /api/v2/reports HTTP/1.1\r\nhost: {host}\r\nlightstep-access-token: {token}\r\n"
            f"content-type: application/octet-stream\r\ncontent-length: {len(body) + len(reporter)}\r\nconnection: close\r\n\r\n"
        )
        writer.write(head.encode() + body + reporter)
        answer = await reader.read()
    finally:
        writer.close()
    if not answer:
        raise asyncio.IncompleteReadError(b"", None)
    start, _, rest = answer.partition(b"\r\n\r\n")
    return int(start.split(b" ", 2)[1]), rest.decode("latin-1")


_reporters = itertools.count(time.time_ns())


def _report(spans: int) -> bytes:
    """A report of so many spans, but for its reporter."""
    report = ReportRequest()
    for number in range(1, spans + 1):
        span = report.spans.add(
            operation_name=f"operation {number % 50}", duration_micros=1000 + number % 777
        )
        span.span_context.trace_id = span.span_context.span_id = number
        span.start_timestamp.seconds = int(time.time())
        for place in range(8):
            span.tags.add(key=f"tag.{place}", string_value=f"value {number % 20} of {place}")
    return report.SerializeToString()


def _reporter() -> bytes:
    """The rest of a report: a process that has not reported before, so that its spans are no repeats."""
    return ReportRequest(reporter=Reporter(reporter_id=next(_reporters))).SerializeToString()
