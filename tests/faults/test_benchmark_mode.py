"""In the place of the mock satellite of LightStep's benchmarks: its modes, its times, and `GET /spans_received`."""

from __future__ import annotations

import httpx
import pytest

from satellite import Satellite
from satellite.faults.profiles import profile
from satellite.pb import lightstep_collector_pb2 as pb


def report(satellite: Satellite, token: str, spans: int) -> int:
    """The status of the answer."""
    made = pb.ReportRequest()
    made.auth.access_token = token
    made.reporter.reporter_id = 3
    for number in range(spans):
        span = made.spans.add(operation_name="tick")
        span.span_context.trace_id = span.span_context.span_id = number + 1
    url = f"{satellite.http_url}/api/v2/reports"
    return httpx.post(url, content=made.SerializeToString(), trust_env=False).status_code


def spans_received(satellite: Satellite) -> httpx.Response:
    return httpx.get(f"{satellite.http_url}/spans_received", trust_env=False)


@pytest.mark.parametrize("receivers", [0, pytest.param(2, marks=pytest.mark.thorough)])
def test_it_counts_the_spans_of_every_report_that_it_takes(receivers: int) -> None:
    with Satellite(benchmark_mode="slow_succeed", receivers=receivers) as satellite:
        assert spans_received(satellite).text == "0"
        assert [report(satellite, token, 3) for token in ("a", "b", "b")] == [200, 200, 200]
        answer = spans_received(satellite)
        assert (answer.status_code, answer.text) == (200, "9")  # what was sent again counts again
        [one, _] = satellite.client.project("b").requests(path="/api/v2/reports")
        assert one["fault"]["did"] == ["delay_s=0.0105"]


def test_what_it_refuses_it_does_not_count() -> None:
    with Satellite(benchmark_mode="slow_fail") as satellite:
        assert report(satellite, "a", 3) == 400
        assert spans_received(satellite).text == "0"


def test_it_is_off_unless_asked() -> None:
    with Satellite() as satellite:
        assert report(satellite, "a", 3) == 200
        assert spans_received(satellite).status_code == 404
        assert satellite.client.faults() == []


def test_its_times_are_those_of_the_original() -> None:
    delays_ms = {name: profile(name)[0].delay_ms for name in ("typical", "slow_succeed", "slow_fail")}
    assert delays_ms == {"typical": 1, "slow_succeed": 10.5, "slow_fail": 0.6}
