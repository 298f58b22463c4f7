"""Metrics of a tracer's process: accepted, counted, and no spans."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.errors import AccessDenied, BadReport, Overloaded, SatelliteError, TooLarge
from satellite.model.report import Receipt, Report
from satellite.pb import lightstep_collector_pb2 as collector
from satellite.pb import lightstep_metrics_pb2 as pb
from satellite.protocols.lightstep.metrics import NAMES_MAX, PROTOCOL, decode, encode
from satellite.protocols.wire import RequestHead

JAVA = bytes.fromhex((Path(__file__).parents[1] / "data" / "tracer_metrics" / "java.hex").read_text())
COUNTER, GAUGE = 1, 2


def point(kind: int, name: str, labels: dict[str, str] | None = None, **value: Any) -> pb.MetricPoint:
    encoded = [
        collector.KeyValue(key=key, string_value=text).SerializeToString()
        for key, text in (labels or {}).items()
    ]
    return pb.MetricPoint(kind=kind, metric_name=name.encode(), labels=encoded, **value)


def decode_one(*points: pb.MetricPoint, **fields: Any) -> Report:
    decoded = decode([pb.IngestRequest(points=points, **fields).SerializeToString()], 0)
    [said] = decoded.reports
    assert isinstance(said, Report)
    assert len(decoded.batch) == 0
    return said


def test_what_java_sends() -> None:
    [said] = decode([JAVA], 0).reports
    assert isinstance(said, Report)
    assert (said.reporter.service, said.reporter.id, said.reporter.protocol) == ("shop", 7, "tracer_metrics")
    assert said.reporter.attribute("lightstep.reporter_platform") == "java"
    assert said.counters == {
        "metrics.points": 3,
        "metrics.cpu.user": 1.5,
        "metrics.net.bytes{direction=in}": 10,
    }
    assert said.reporter.detail == {
        "gauges": {"mem.total": 1024.0},
        "idempotency_key": "5e0b7b6e-8a5a-4c0f-9d1e-2f8f5b9d3c11",
    }
    assert (said.rows, said.warnings, said.dropped) == (slice(0, 0), [], {})


def test_counters_add_up_and_of_gauges_the_last_counts() -> None:
    said = decode_one(
        point(COUNTER, "c", uint64_value=2**63),
        point(COUNTER, "c", uint64_value=5),
        point(GAUGE, "g", double_value=1),
        point(GAUGE, "g", double_value=0.5),
        point(GAUGE, "g", {"a": "b", "c": ""}, uint64_value=3),
    )
    assert said.counters == {"metrics.points": 5, "metrics.c": 2**63 + 5}
    assert said.reporter.detail == {"gauges": {"g": 0.5, "g{a=b,c=}": 3.0}}


def test_points_that_say_nothing_are_only_counted() -> None:
    said = decode_one(
        point(COUNTER, "", uint64_value=1),
        point(COUNTER, "novalue"),
        point(GAUGE, "nan", double_value=float("nan")),
        point(0, "kind", uint64_value=1),
    )
    assert said.counters == {"metrics.points": 4}
    assert said.warnings == ["4 points have no name, no finite value or no known kind"]


@pytest.mark.parametrize("kind", [COUNTER, GAUGE])
def test_names_are_bounded(kind: int) -> None:
    points = [point(kind, f"{number}" + "x" * 1000, uint64_value=1) for number in range(NAMES_MAX + 10)]
    said = decode_one(*points)
    kept = said.counters if kind == COUNTER else said.reporter.detail["gauges"]
    assert len(kept) == NAMES_MAX
    assert max(map(len, kept)) < 300
    assert "only counted" in said.warnings[0]


def test_broken_labels_and_texts_are_no_harm() -> None:
    broken = pb.MetricPoint(kind=COUNTER, metric_name=b"a\xff", labels=[b"\xff"], uint64_value=1)
    said = decode_one(broken, idempotency_key=b"\xff")
    assert said.counters == {"metrics.points": 1, "metrics.a\ufffd": 1}
    assert said.reporter.detail == {"idempotency_key": "\ufffd"}


@pytest.mark.parametrize("bad", [b"\xff\xff", JAVA[:-3], b"\x12\x01\xff"])
def test_a_bad_report_does_not_touch_its_neighbours(bad: bytes) -> None:
    first, fault, last = decode([JAVA, bad, JAVA], 0).reports
    assert isinstance(first, Report)
    assert isinstance(fault, BadReport)
    assert isinstance(last, Report)


@given(st.integers(0, len(JAVA) - 1), st.binary(max_size=3))
def test_any_bytes_give_a_report_or_bad_report(place: int, new: bytes) -> None:
    for body in (new, JAVA[:place] + new + JAVA[place + 1 :]):
        [outcome] = decode([body], 0).reports
        assert isinstance(outcome, Report | BadReport)


def test_an_accepted_report_is_answered_with_an_empty_message() -> None:
    reply = encode(Receipt(1, 2), RequestHead())
    assert (reply.status, reply.content_type, reply.body) == (200, "application/octet-stream", b"")


@pytest.mark.parametrize(
    ("refusal", "status"),
    [(BadReport("bad"), 400), (AccessDenied("bad"), 400), (TooLarge("bad"), 413), (Overloaded("bad"), 503)],
)
def test_refusals(refusal: SatelliteError, status: int) -> None:
    reply = encode(Receipt(1, 2, refusal), RequestHead())
    assert (reply.status, reply.body) == (status, b"bad")


def test_the_record_names_what_the_edges_need() -> None:
    assert PROTOCOL.http_routes == (("POST", "/metrics"),)
