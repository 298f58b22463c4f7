"""How long the satellite takes to answer when it holds many spans: over its HTTP API, one connection, one at a time."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bench import large_trace
from bench.figures import Figure
from bench.process import ask
from bench.server import path
from bench.workbench import Loaded, Workbench

SERVICE = 'service IN ("reviews.default")'
RARE = f'{SERVICE} AND "http.status_code" IN ("503")'
"""One span in 400."""
COMMON = '"http.method" IN ("GET")'
"""Three of four."""
NEWEST = {"order": "-start", "limit": 20}
UNIQUE_KEY = "order.id"

ENOUGH, SECONDS_MAX = 5, 3.0
"""A question that has taken so long in all is not asked more often than that."""


@dataclass(frozen=True)
class Question:
    """One request, and what is expected of it."""

    what: str
    targets: Sequence[str]
    """Asked in turn."""
    floor_ms: float | None = None
    goal_ms: float | None = None
    method: str = "GET"


def questions(loaded: Loaded) -> list[Question]:
    """All that are asked."""

    def asked(what: str, **parameters: Any) -> list[str]:
        return [path(loaded.project, what, **parameters)]

    def newest(query: str) -> list[str]:
        return asked("spans", query=query, **NEWEST)

    large = f"traces/{large_trace.TRACE_ID}/tree"
    one = json.loads(ask(loaded.server.ports["explorer_port"], "GET", asked("spans", limit=1)[0])[1])[
        "spans"
    ][0]
    return [
        Question("API call that asks nothing of the store", asked("mark"), method="POST"),
        Question("tag + histogram, rare", asked("histogram", query=RARE), 20, 10),
        Question("tag + histogram, common", asked("histogram", query=COMMON), 20, 10),
        Question("histogram of everything", asked("histogram")),
        Question(
            "trace by id", [path(loaded.project, f"traces/{one}") for one in loaded.trace_ids], goal_ms=5
        ),
        Question("20 newest of a service, rare tag", newest(RARE), goal_ms=8),
        Question("20 newest of a service, common tag", newest(f"{SERVICE} AND {COMMON}"), goal_ms=8),
        Question(
            "20 newest, a unique tag", newest(f'"{UNIQUE_KEY}" IN ("{one["tags"][UNIQUE_KEY]}")'), goal_ms=5
        ),
        Question("a value that never was, and why nothing matches", newest(f'"{UNIQUE_KEY}" IN ("never")')),
        Question(
            "count of a value that never was",
            asked("histogram", query=f'"{UNIQUE_KEY}" IN ("never")'),
            goal_ms=5,
        ),
        Question("suggest services", asked("suggest", kind="service"), goal_ms=2),
        Question("suggest operations", asked("suggest", kind="operation")),
        Question("suggest keys", asked("suggest", kind="key"), goal_ms=30),
        Question("suggest values of a common key", asked("suggest", kind="value", key="http.status_code")),
        Question(
            "suggest values of a key, with a query",
            asked("suggest", kind="value", key="http.status_code", query=COMMON),
        ),
        Question(
            "suggest values of a unique key", asked("suggest", kind="value", key=UNIQUE_KEY), goal_ms=200
        ),
        Question(
            "suggest values of a unique key by text", asked("suggest", kind="value", key=UNIQUE_KEY, q="abcd")
        ),
        Question("50 slowest spans, rare", asked("spans", query=RARE)),
        Question("50 slowest spans, common", asked("spans", query=COMMON)),
        Question("50 newest spans", asked("spans", order="-start")),
        Question("groups by service and operation", asked("groups"), goal_ms=60),
        Question("groups by a tag", asked("groups", by="http.status_code")),
        Question("services with their operations", asked("services"), goal_ms=60),
        Question("latency over time", asked("heatmap")),
        Question("correlations of 3,000 traces", asked("correlations", query=COMMON), goal_ms=500),
        Question("service diagram of 3,000 traces", asked("diagram", query=COMMON), goal_ms=200),
        Question("diagram of a trace of 10,000 spans", [path(large_trace.PROJECT, "diagram")], goal_ms=50),
        Question(
            "tree and critical path of 10,000 spans, 100 rows",
            [path(large_trace.PROJECT, large, limit=100)],
            goal_ms=50,
        ),
        Question("tree of a trace", [path(loaded.project, f"traces/{one}/tree") for one in loaded.trace_ids]),
        Question("explanation of an empty answer", asked("explain", query='"no.such.key" IN ("1")')),
        Question("run: histogram, first page, snapshot", asked("snapshots"), goal_ms=80, method="POST"),
    ]


def measure(bench: Workbench) -> Iterator[Figure]:
    """Milliseconds from the request to its whole answer."""
    loaded = bench.loaded
    note = f"{loaded.spans:,} spans"
    connection = http.client.HTTPConnection("127.0.0.1", loaded.server.ports["explorer_port"], timeout=120)
    for question in questions(loaded):
        values: list[float] = []
        for turn in range(bench.repeats + 1):
            if len(values) > ENOUGH and sum(values) > SECONDS_MAX * 1000:
                break
            target = question.targets[turn % len(question.targets)]
            began = time.perf_counter()
            connection.request(question.method, target)
            reply = connection.getresponse()
            body = reply.read()
            values.append((time.perf_counter() - began) * 1000)
            assert reply.status == 200, (target, body)
        # The first of each kind warms what the server remembers of a question.
        yield Figure(
            "queries",
            question.what,
            "ms",
            values[1:],
            floor=question.floor_ms,
            goal=question.goal_ms,
            note=note,
        )
    connection.close()
