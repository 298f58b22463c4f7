"""What came since a mark, asked of both clients and both fixtures' objects."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from mock_lightstep_satellite import AsyncClient, AsyncSpans, NotMet, Spans
from satellite import Satellite


def report(spans: Spans, span_id: int) -> None:
    span = {"traceId": "a1", "id": f"{span_id:016x}", "name": "tick", "timestamp": 1_700_000_000_000_000}
    body = [{**span, "duration": 9, "localEndpoint": {"serviceName": "shop"}}]
    headers = {"lightstep-access-token": spans.token}
    sent = httpx.post(f"{spans.http_url}/api/v2/spans", json=body, headers=headers, trust_env=False)
    assert sent.status_code == 200


def test_only_what_comes_later_counts() -> None:
    with Satellite() as satellite:
        project = satellite.project()
        assert satellite.project("named").token == "named"
        report(project, 1)
        with project.watch() as watched:
            with pytest.raises(NotMet):
                watched.expect(timeout=0.01)
            report(project, 2)
            (span,) = watched.expect(count=1)
            assert span.span_id.endswith("2")
            assert watched.spans() == [span]
            assert [len(trace) for trace in watched.traces()] == [2]  # whole
            assert [request["status"] for request in watched.requests()] == [200]
        assert [request["status"] for request in project.requests()] == [200, 200]
        assert [one["spans"] for one in project.reporters()] == [2]

        async def awaited() -> None:
            async with (
                AsyncClient(satellite.url) as client,
                client.project(project.token).watch() as watched,
                AsyncSpans(project).watch() as again,
            ):
                report(project, 3)
                for one in (watched, again):
                    (span,) = await one.expect(count=1)
                    assert await one.spans() == [span]
                    assert [len(trace) for trace in await one.traces()] == [3]
                    assert [request["status"] for request in await one.requests()] == [200]
            assert len(await AsyncSpans(project).requests()) == 3
            assert len(await AsyncSpans(project).reporters()) == 1

        asyncio.run(awaited())


def test_its_waits_last_as_long_as_those_of_the_test() -> None:
    with Satellite() as satellite:
        project = satellite.project()
        project.timeout = 0.01
        with project.watch() as watched, pytest.raises(NotMet, match=r"within 0\.01 s"):
            watched.expect()

        async def awaited() -> None:
            async with AsyncSpans(project).watch() as watched:
                with pytest.raises(NotMet, match=r"within 0\.01 s"):
                    await watched.expect()

        asyncio.run(awaited())
