"""A test as a program without pytest writes it: a satellite of its own, and one that runs elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from mock_lightstep_satellite import ExpectationError, Spans, connected, q
from satellite import Satellite

if TYPE_CHECKING:
    from mock_lightstep_satellite.remote import RemoteSatellite


def report(project: Spans) -> None:
    """A call of two services, as Zipkin's tracers send it; refused ones are sent again."""
    shop = {
        "traceId": "a1",
        "id": "b1",
        "name": "checkout",
        "duration": 9000,
        "timestamp": 1_700_000_000_000_000,
    }
    bank = {**shop, "id": "b2", "parentId": "b1", "duration": 5000, "tags": {"error": "true"}}
    spans = [
        {**shop, "localEndpoint": {"serviceName": "shop"}},
        {**bank, "localEndpoint": {"serviceName": "bank"}},
    ]
    headers = {"lightstep-access-token": project.token}
    for _ in range(3):
        if httpx.post(
            f"{project.http_url}/api/v2/spans", json=spans, headers=headers, trust_env=False
        ).is_success:
            return


def walk(satellite: Satellite | RemoteSatellite) -> None:
    project = satellite.project()
    assert project.env()["LIGHTSTEP_ACCESS_TOKEN"] == project.token
    with project.fault(status=503, times=2):
        report(project)
    assert [one.status for one in project.requests()] == [503, 503, 200]
    assert project.reporters()[0].dropped == 0
    with project.watch() as watched:
        with pytest.raises(ExpectationError, match="before mark 2 came 1 span that matches"):
            watched.expect(q.service("bank").error(), count="==1", timeout=0.01)
        with pytest.raises(ExpectationError, match="expected no spans, got 1"):
            project.expect(q.service("bank").error(), count=0, quiet=0.01)
    trace = project.trace(root='operation IN ("checkout")')
    trace.assert_complete()
    trace.assert_path("shop", "bank")
    parent = trace.span(q.service("bank")).parent
    assert parent is not None
    assert parent.service == "shop"
    assert trace.critical_path()[0].service == "bank"
    p95 = project.latency('service IN ("shop")').p95
    assert p95 is not None
    assert p95 < 0.1


def test_here_and_elsewhere() -> None:
    with Satellite() as satellite:
        walk(satellite)
        with Satellite.connect(satellite.url) as again, connected(satellite.url) as once_more:
            walk(again)
            walk(once_more)
            assert again.ca_file is not None
            assert again.ca_file.read_bytes().startswith(b"-----BEGIN CERTIFICATE")


def test_a_row_says_what_it_has() -> None:
    with Satellite() as satellite:
        project = satellite.project()
        report(project)
        [row] = [one for one in project.reporters() if one["service"] == "shop"]
        assert row == dict(row)
        assert row.service == row["service"] == "shop"
        with pytest.raises(AttributeError, match="no 'colour' in this row, which has id, service, "):
            _ = row.colour
