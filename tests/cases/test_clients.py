"""Bodies of clients that lost their spans here."""

from __future__ import annotations

import json

import msgspec
import pytest

from satellite.model.report import Report
from satellite.protocols.datadog import agent
from satellite.protocols.datadog.string_table import is_one
from tests.cases import case
from tests.cases.played import BY_NAME, played

V5 = case("clients/ddtrace-python-4.16.0-v0.5.msgpack")


def test_ddtrace_for_python_at_its_defaults() -> None:
    with played("datadog", V5) as satellite:
        first, second = satellite.spans()
        assert {span.trace_id for span in (first, second)} == {"6b06c237000000008578b2eb31686257"}
        assert (first.service, first.operation, first.error) == ("shop", "web.request", False)
        assert (second.service, second.operation, second.error) == ("shop-db", "db.query", True)
        assert second.parent_span_id == first.span_id
        assert (first.kind, second.kind) == ("server", "client")
        assert (first.tags["note"], first.tags["http.status_code"]) == ("Grüße ☃", "503")
        assert (first.tags["ratio"], first.tags["resource.name"]) == (0.5, "GET /checkout")
    [report] = BY_NAME["datadog"].decode([V5], 1).reports
    assert isinstance(report, Report)
    assert report.token == "ddpy-tok"


def test_the_upper_half_of_datadogs_ids_counts_for_the_whole_chunk() -> None:
    with played("datadog", case("clients/dd-trace-js-5.132.0-v0.4-128bit.msgpack")) as satellite:
        ids = {span.trace_id for span in satellite.spans()}
        assert [trace_id[:16] for trace_id in ids] == ["6b06c17700000000"]


@pytest.mark.parametrize("lost", ["a text", "a span"])
def test_what_is_odd_in_a_string_table_costs_only_itself(lost: str) -> None:
    texts, [spans] = msgspec.msgpack.decode(V5)
    raw = msgspec.msgpack.encode([texts, [spans if lost == "a text" else [spans[0], [1, 2], 5]]])
    raw = raw.replace("Grüße".encode(), b"Gr\xff\xfe\xff\xfee") if lost == "a text" else raw
    decoded = BY_NAME["datadog"].decode([raw], 1)
    [report] = decoded.reports
    assert isinstance(report, Report)
    assert len(decoded.batch) == (2 if lost == "a text" else 1)
    assert report.dropped == ({} if lost == "a text" else {"malformed": 2})


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ([[], []], True),
        ([["", "a"], []], True),
        ([[{"span_id": 1}], [{"span_id": 2}]], False),
        ([], False),
        ([[]], False),
    ],
)
def test_the_body_says_whether_it_has_a_string_table(document: object, expected: bool) -> None:
    assert is_one(msgspec.msgpack.encode(document)) is expected


def test_places_beyond_the_table_are_empty() -> None:
    raw = msgspec.msgpack.encode(
        [["", "x"], [[[9, 1, -1, 1, 2, 0, 5000, 1, 0, {7: 1, 1: 8}, {1: 2.0}, 0, "new"]]]]
    )
    [span] = BY_NAME["datadog"].decode([raw], 1).batch.spans()
    assert (span.service, span.operation, span.tags) == ("unknown_service", "x", {"": "x", "x": 2.0})


def test_what_tracers_ask_of_an_agent() -> None:
    info = agent.reply("GET", "/info")
    assert info is not None
    assert "/v0.5/traces" in json.loads(info.body)["endpoints"]
    telemetry = agent.reply("POST", agent.TELEMETRY_PATH)
    assert telemetry is not None
    assert (telemetry.status, telemetry.body) == (200, b"")
    assert agent.reply("GET", "/v0.4/traces") is None


def test_the_first_python_tracer_names_its_traces_by_a_join_id() -> None:
    with played("lightstep_thrift", case("clients/lightstep-python-1.0.48.thrift")) as satellite:
        checkout, charge, other = satellite.spans()
        assert [span.operation for span in (checkout, charge, other)] == ["checkout", "charge", "other"]
        assert checkout.trace_id == charge.trace_id == f"{9733750902363793012:016x}"
        assert other.trace_id == f"{12091236561279248020:016x}"
        assert charge.parent_span_id == checkout.span_id == f"{13576097279478816500:016x}"
        assert (charge.error, charge.tags["join:order"]) == (True, "o-17")
        assert [len(span.logs) for span in (checkout, charge, other)] == [2, 1, 0]
