"""Who reports: with what, how often, and what was lost on the way, by the client and here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx
import pytest

from mock_lightstep_satellite import AsyncClient
from satellite import Satellite
from satellite.pb import lightstep_collector_pb2 as pb
from tests.interop.processes import satellite as command


@pytest.fixture(scope="module")
def satellite() -> Iterator[Satellite]:
    with Satellite() as started:
        yield started


def report(
    satellite: Satellite,
    token: str,
    attributes: Mapping[str, str] = {},
    *,
    spans: int = 2,
    dropped: int = 0,
) -> int:
    """The status of the answer."""
    made = pb.ReportRequest()
    made.auth.access_token = token
    made.reporter.reporter_id = 0xFEED
    for key, value in {"lightstep.component_name": "shop", **attributes}.items():
        made.reporter.tags.add(key=key, string_value=value)
    now_ns = time.time_ns()
    for number in range(spans):
        span = made.spans.add(operation_name="tick")
        span.span_context.trace_id = span.span_context.span_id = now_ns + number
        span.start_timestamp.FromNanoseconds(now_ns)
    made.internal_metrics.counts.add(name="spans.dropped", int_value=dropped)
    answer = httpx.post(
        f"{satellite.http_url}/api/v2/reports", content=made.SerializeToString(), trust_env=False
    )
    return answer.status_code


PYTHON = {"lightstep.tracer_platform": "python", "lightstep.tracer_version": "4.4.8"}


def test_what_one_reporter_did(satellite: Satellite) -> None:
    project = satellite.client.project("one")
    assert project.reporters() == []
    before_ns = time.time_ns()
    assert report(satellite, "one", PYTHON) == 200
    assert report(satellite, "one", PYTHON, dropped=5) == 200
    with project.fault(status=503):
        assert report(satellite, "one", PYTHON) == 503
    with project.fault(accept=1):
        assert report(satellite, "one", PYTHON, spans=3) == 200
    with project.fault(drop=1):
        assert report(satellite, "one", PYTHON, spans=4) == 200
    (one,) = project.reporters()
    assert before_ns <= one.pop("last_seen_ns") <= time.time_ns()
    assert one == {
        "id": "000000000000feed",
        "service": "shop",
        "protocol": "lightstep",
        "tracer": "lightstep python",
        "tracer_version": "4.4.8",
        "reports": 4,
        "refused": 1,
        "spans": 11,
        "dropped": 5,
        "dropped_here": {"fault": 6},
        "counters": {"spans.dropped": 5.0},
        "gauges": {},
    }
    ledger = satellite.client.projects()[0]["ledger"]
    assert ledger["received"] == one["spans"]
    assert sum(ledger["dropped"].values()) == 6


def test_one_that_was_only_refused(satellite: Satellite) -> None:
    project = satellite.client.project("refused")
    with project.fault(status=401):
        assert report(satellite, "refused") == 401
    (one,) = project.reporters()
    assert (one["reports"], one["refused"], one["tracer"]) == (0, 1, "")
    assert "refused" not in [known["project"] for known in satellite.client.projects()]


@pytest.mark.parametrize(
    ("attributes", "tracer"),
    [
        ([("telemetry.sdk.name", "opentelemetry"), ("telemetry.sdk.language", "java")], "opentelemetry java"),
        ([("telemetry.sdk.name", "envoy"), ("telemetry.sdk.version", "1.40")], "envoy"),
        ([("jaeger.version", "Go-2.30.0")], "jaeger go"),
        ([("lightstep.tracer_platform", "x" * 300)], "lightstep " + "x" * 190),
    ],
)
def test_what_tracers_say_they_are(
    satellite: Satellite, attributes: list[tuple[str, str]], tracer: str
) -> None:
    name = tracer.replace(" ", "-")[:40]
    report(satellite, name, dict(attributes))
    assert [one["tracer"] for one in satellite.client.project(name).reporters()] == [tracer]


def test_the_command_and_the_async_client(satellite: Satellite) -> None:
    report(satellite, "told", PYTHON, dropped=3)

    async def asked() -> Sequence[dict[str, Any]]:
        async with AsyncClient(satellite.url) as client:
            return await client.project("told").reporters()

    (one,) = asyncio.run(asked())
    assert one["dropped"] == 3
    head, line = command("reporters", "--project", "told", SATELLITE_URL=satellite.url).stdout.splitlines()
    shown = dict(zip(head.split("\t"), line.split("\t"), strict=True))
    assert shown.pop("last seen").endswith(" ago")
    assert shown == {
        "service": "shop",
        "reporter": "000000000000feed",
        "tracer": "lightstep python 4.4.8",
        "reports": "1",
        "refused": "0",
        "spans": "2",
        "lost there": "3",
        "lost here": "0",
    }
    nobody = command("reporters", "--project", "nobody", SATELLITE_URL=satellite.url)
    assert (nobody.returncode, nobody.stderr) == (0, "nobody reported to this project yet\n")
