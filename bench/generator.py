"""The load: reports with fresh ids, from a process of its own. Prints what came of it as one line of JSON.

    python -m bench.generator --port 9292 --ca certs/ca.pem --spans 100 --seconds 5
    python -m bench.generator --port 8181 --form zipkin --seconds 5

It does little beside sending: spans are patched into prepared reports (envoy_spans, protocol_spans) and framed by hand
(http2, http1).
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
import time
from collections.abc import Iterator

import msgspec
import uvloop

from bench.envoy_spans import Ids, Reports
from bench.http1 import PostConnection
from bench.http2 import ReportConnection, tls_context
from bench.protocol_spans import FORMS, PatchedRequests

SPANS_PER_CHUNK = 1_600
"""Made at a time: enough to spread numpy's fixed cost, little enough to stay in the cache."""
TRACES_REMEMBERED = 200


class Load(msgspec.Struct, frozen=True):
    """What to send."""

    port: int
    ca_file: str
    """"" for no TLS."""
    token: str = "bench"
    spans: int = 100
    """Per report."""
    seconds: float = 0.0
    """How long to send; 0 for as long as `reports` takes."""
    reports: int = 0
    """How many to send; 0 for as many as go into `seconds`."""
    connections: int = 4
    in_flight: int = 8
    """Calls at a time on each connection; over HTTP/1 so many connections instead, with one request each."""
    form: str = "lightstep"
    """One of FORMS."""
    seed: int = 0
    """Of the ids, so that two loads have the same; 0 for ids that no other load has."""


class Outcome(msgspec.Struct, frozen=True):
    """What was sent and answered well."""

    reports: int
    spans: int
    failed: int
    """Reports that were refused, or not answered."""
    seconds: float
    """From the first byte to the last answer."""
    cpu_seconds: float
    """Of the generator, in that time."""
    trace_ids: list[str]
    """Some of them, 16 hex digits."""


class _Generator:
    def __init__(self, load: Load) -> None:
        self._load = load
        self._form = FORMS[load.form]
        seed, now_s = load.seed or secrets.randbits(63), time.time_ns() // 10**9
        self._source: Reports | PatchedRequests
        if load.form == "lightstep":
            self._source = Reports(load.token, load.spans, seed=seed, now_s=now_s)
        else:
            self._source = PatchedRequests(load.form, load.token, load.spans, seed=seed, now_s=now_s)
        self._ready: Iterator[memoryview] = iter(())
        self._trace_ids: list[Ids] = []
        self._sent = self._good = 0
        self._end_s = float("inf")

    async def run(self) -> Outcome:
        load = self._load
        self._refill()
        loop = asyncio.get_running_loop()
        alpn = "h2" if self._form.grpc else "http/1.1"
        tls = tls_context(load.ca_file, alpn=alpn) if load.ca_file else None
        started, started_cpu = time.perf_counter(), time.process_time()
        if load.seconds:
            self._end_s = started + load.seconds
        connections = [
            (
                await loop.create_connection(
                    self._connection,
                    "127.0.0.1",
                    load.port,
                    ssl=tls,
                    server_hostname="localhost" if tls else None,
                )
            )[1]
            for _ in range(load.connections * (1 if self._form.grpc else load.in_flight))
        ]
        try:
            await asyncio.gather(*(connection.done for connection in connections))
        except OSError as error:
            print(f"generator: {error}", file=sys.stderr)
        seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - started_cpu
        for connection in connections:
            connection.close()
        ids = [f"{number:016x}" for chunk in self._trace_ids for number in chunk[:, 0].tolist()]
        return Outcome(
            self._good,
            self._good * load.spans,
            self._sent - self._good,
            seconds,
            cpu_seconds,
            ids[:: max(1, len(ids) // TRACES_REMEMBERED)],
        )

    def _connection(self) -> ReportConnection | PostConnection:
        load = self._load
        if not self._form.grpc:
            return PostConnection(self._next, self._answered, form=self._form, token=load.token)
        return ReportConnection(
            self._next,
            self._answered,
            in_flight=load.in_flight,
            secure=bool(load.ca_file),
            path=self._form.path,
            token="" if load.form == "lightstep" else load.token,
        )

    def _refill(self) -> None:
        messages, trace_ids = self._source.fresh(max(1, SPANS_PER_CHUNK // self._load.spans))
        self._ready = iter(messages)
        if len(self._trace_ids) < TRACES_REMEMBERED:
            self._trace_ids.append(trace_ids)

    def _next(self) -> memoryview | None:
        if time.perf_counter() >= self._end_s or self._sent == self._load.reports > 0:
            return None
        message = next(self._ready, None)
        if message is None:
            self._refill()
            message = next(self._ready)
        self._sent += 1
        return message

    def _answered(self, good: bool) -> None:  # noqa: FBT001
        self._good += good


def main() -> None:
    """Send as the arguments say."""
    parser = argparse.ArgumentParser(prog="python -m bench.generator", description=__doc__.split("\n")[0])
    parser.add_argument("--port", type=int, required=True, help="port of a satellite on this machine")
    parser.add_argument("--ca", default="", help="the CA to trust; without it no TLS")
    parser.add_argument("--token", default="bench", help="access token; in open mode also the project")
    parser.add_argument("--spans", type=int, default=100, help="spans per report")
    parser.add_argument("--seconds", type=float, default=0.0, help="how long to send")
    parser.add_argument("--reports", type=int, default=0, help="how many reports to send")
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--in-flight", type=int, default=8, help="calls at a time on each connection")
    parser.add_argument("--form", default="lightstep", choices=FORMS, help="what to send")
    parser.add_argument("--seed", type=int, default=0, help="of the ids; 0 for a fresh one")
    given = parser.parse_args()
    if not given.seconds and not given.reports:
        parser.error("say --seconds or --reports")
    load = Load(
        given.port,
        given.ca,
        given.token,
        given.spans,
        given.seconds,
        given.reports,
        given.connections,
        given.in_flight,
        given.form,
        given.seed,
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        outcome = runner.run(_Generator(load).run())
    print(msgspec.json.encode(outcome).decode())


if __name__ == "__main__":
    main()
