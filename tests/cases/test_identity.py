"""What is one span and what are several (K1): nothing that was acknowledged goes away."""

from __future__ import annotations

import json
from typing import Any

import pytest

from satellite.explore.trace_tree import trace_tree
from satellite.explore.whole_trace import whole_trace
from satellite.pb import lightstep_collector_pb2 as collector
from tests.cases import case
from tests.cases.played import played

START_S = 1_794_300_000


def test_retries_of_a_call_are_all_kept() -> None:
    with played("zipkin", case("zipkin-retries.json")) as satellite:
        statuses = [span.tags["http.status_code"] for span in satellite.spans()]
        assert statuses == ["200", "503", "503", "200"]
        assert satellite.ledger.dropped == {}
        assert len(whole_trace(satellite.store, "p", "4be1a2c3d5f60718").batch) == 4
        rows = trace_tree(whole_trace(satellite.store, "p", "4be1a2c3d5f60718")).rows
        status = {span.start_us: span.tags["http.status_code"] for span in satellite.spans()}
        assert [row.depth for row in rows] == [0, 1, 1, 1]
        assert [status[row.start_us] for row in rows[1:]] == ["503", "503", "200"]
        satellite.send("zipkin", case("zipkin-retries.json"))
        assert satellite.ledger.dropped == {"duplicate": 4}


@pytest.mark.parametrize("order", [(1, 2), (2, 1), (1, 2, 1, 2), (2, 2, 1)])
def test_late_tags_add_to_their_span(order: tuple[int, ...]) -> None:
    bodies = [case(f"zipkin-late-{number}.json") for number in order]
    with played("zipkin", *bodies) as satellite:
        (span,) = satellite.spans()
        assert (span.operation, span.start_us, span.duration_us) == ("get /basket", START_S * 1_000_000, 900)
        assert span.tags["http.path"] == "/basket"
        assert (span.tags["error"], span.error, span.kind) == ("connection reset", True, "client")
        assert satellite.ledger.dropped["merged"] == 1
        assert satellite.ledger.received == len(order)


def test_progress_and_its_end_are_one() -> None:
    with played("otlp_json", case("otlp-progress-1.json"), case("otlp-progress-2.json")) as satellite:
        (span,) = satellite.spans()
        assert (span.operation, span.duration_us) == ("nightly job", 4_000_000)
        assert satellite.ledger.dropped == {"replaced": 1}


def otlp(trace_id: str, *, service: str = "shop", start: str = "1794300000000000000", end: str = "") -> bytes:
    span = {"traceId": trace_id, "spanId": "a1b2c3d4e5f60001", "name": "x", "startTimeUnixNano": start}
    span["endTimeUnixNano"] = end or str(int(start) + 1000)
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    request = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}
    return json.dumps(request).encode()


@pytest.mark.parametrize(
    "other",
    [
        otlp("11111111111111116f0c2d4e6a81b350"),
        otlp("22222222222222226f0c2d4e6a81b350", service="bank"),
        otlp("22222222222222226f0c2d4e6a81b350", start="1794300000000000001"),
        otlp("22222222222222220000000000000000"),
    ],
)
def test_what_differs_is_another_span(other: bytes) -> None:
    with played("otlp_json", otlp("22222222222222226f0c2d4e6a81b350"), other, other) as satellite:
        assert len(satellite.spans()) == 2
        assert satellite.ledger.dropped == {"duplicate": 1}


def test_traces_without_a_lower_half_are_told_apart() -> None:
    bodies = [otlp(f"{number:016x}0000000000000000") for number in (1, 2)]
    with played("otlp_json", *bodies) as satellite:
        found = [span.trace_id for span in satellite.spans()]
        assert found == [f"{number:016x}0000000000000000" for number in (1, 2)]
        assert len(whole_trace(satellite.store, "p", found[0]).batch) == 1
        assert satellite.spans(f'lightstep.trace_id IN ("{found[1]}")')[0].trace_id == found[1]


def lightstep(
    offset_us: int, *, micros: int = 5, tags: tuple[str, ...] = ("a", "b"), start_s: int = START_S
) -> bytes:
    request = collector.ReportRequest(timestamp_offset_micros=offset_us)
    request.reporter.reporter_id = 5
    for key in tags:
        request.reporter.tags.add(key=key, string_value=key)
    request.reporter.tags.add(key="lightstep.component_name", string_value="shop")
    span = request.spans.add(operation_name="x", duration_micros=micros)
    span.span_context.trace_id = span.span_context.span_id = 7
    span.start_timestamp.seconds = start_s
    span.tags.add(key="k", string_value="v")
    return request.SerializeToString()


@pytest.mark.parametrize("again", [lightstep(0), lightstep(-1500), lightstep(90, tags=("b", "a"))])
def test_clock_correction_may_change_between_two_sendings(again: bytes) -> None:
    with played("lightstep", lightstep(1500), again) as satellite:
        (span,) = satellite.spans()
        assert span.start_us == START_S * 1_000_000 + 1500
        assert satellite.ledger.dropped == {"duplicate": 1}


def test_a_part_without_a_time_is_added_in_lightsteps_protocol_too() -> None:
    late = lightstep(1500, micros=0, start_s=0)
    with played("lightstep", lightstep(1500), late, late) as satellite:
        (span,) = satellite.spans()
        assert span.start_us == START_S * 1_000_000 + 1500
        assert satellite.ledger.dropped == {"duplicate": 2}  # it says nothing that was not known


def zipkin(**fields: Any) -> bytes:
    span = {"traceId": "4be1a2c3d5f60718", "id": "c2", "name": "consume", "kind": "CONSUMER", **fields}
    return json.dumps([{"timestamp": START_S * 1_000_000, "duration": 5, **span}]).encode()


def test_consumers_that_share_an_id_are_told_apart() -> None:
    bodies = [zipkin(localEndpoint={"serviceName": "shop", "ipv4": f"10.0.0.{i}"}) for i in (1, 2, 3)]
    with played("zipkin", *bodies, bodies[0]) as satellite:
        assert [span.reporter.attributes["ipv4"] for span in satellite.spans()] == [
            "10.0.0.1",
            "10.0.0.2",
            "10.0.0.3",
        ]
        assert satellite.ledger.dropped == {"duplicate": 1}
