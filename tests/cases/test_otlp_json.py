"""OTLP's JSON as other tools write it (K3, K7)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from satellite.explore.whole_trace import whole_trace
from tests.cases import case
from tests.cases.played import played


def test_times_as_pairs_of_halves() -> None:
    with played("otlp_json") as satellite:
        receipt = satellite.send("otlp_json", case("otlp-longs.json"))
        (span,) = satellite.spans()
        assert (span.start_us, span.duration_us) == (1_794_300_000_000_000, 350_000)
        assert span.logs[0].time_us == span.start_us + 1
        assert "startTimeUnixNano" in receipt.warnings[0]


def test_ids_in_base64() -> None:
    with played("otlp_json", case("otlp-base64-ids.json")) as satellite:
        found = whole_trace(satellite.store, "p", "7c1e5a90b3d24f6886f0c2d4e6a81b35").batch.spans()
        assert [span.span_id for span in found] == ["a1b2c3d4e5f60001", "a1b2c3d4e5f60002"]
        assert found[1].parent_span_id == found[0].span_id


def test_ids_in_capitals() -> None:
    with played("otlp_json", case("otlp-plain.json")) as satellite:
        assert len(whole_trace(satellite.store, "p", "7c1e5a90b3d24f6886f0c2d4e6a81b35").batch) == 1


def test_structs_of_go_written_by_its_own_encoder() -> None:
    """`json.Marshal` of the generated types, where `protojson` should have been used."""
    values = {"s": {"StringValue": "x"}, "n": {"IntValue": 7}, "b": {"BytesValue": "AQI="}}
    values["a"] = {
        "ArrayValue": {"values": [{"Value": {"BoolValue": True}}, {"Value": {"DoubleValue": 1.5}}]}
    }
    values["m"] = {"KvlistValue": {"values": [{"key": "in", "value": {"Value": {"StringValue": "deep"}}}]}}
    span = {
        "trace_id": "fB5akLPST2iG8MLU5qgbNQ==",
        "span_id": "obLD1OX2AAE=",
        "name": "x",
        "kind": 2,
        "status": {},
    }
    span |= {
        "start_time_unix_nano": 1_794_300_000_000_000_000,
        "end_time_unix_nano": 1_794_300_000_000_001_000,
    }
    span["attributes"] = [{"key": key, "value": {"Value": value}} for key, value in values.items()]
    resource = {"attributes": [{"key": "service.name", "value": {"Value": {"StringValue": "shop"}}}]}
    request = {"resource_spans": [{"resource": resource, "scope_spans": [{"spans": [span]}]}]}
    with played("otlp_json", json.dumps(request).encode()) as satellite:
        [found] = satellite.spans('service IN ("shop")')
        expected = {"s": "x", "n": 7, "b": b"\1\2", "a": [True, 1.5], "m": {"in": "deep"}}
        assert expected.items() <= found.tags.items()


@pytest.mark.parametrize(
    "value",
    [
        {"string": "x"},
        {"stringvalue": "x"},
        {"text": "x", "StringValue": 1},
        {"arrayValue": {"values": [{"string": "x"}]}},
    ],
)
def test_values_under_a_name_that_is_none_are_kept_as_they_are(value: Any) -> None:
    span: dict[str, Any] = {
        "traceId": "7c1e5a90b3d24f6886f0c2d4e6a81b35",
        "spanId": "a1b2c3d4e5f60001",
        "startTimeUnixNano": "5",
    }
    span["attributes"] = [{"key": "k", "value": value}]
    with played() as satellite:
        body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()
        receipt = satellite.send("otlp_json", body)
        [found] = satellite.spans()
        assert '"x"' in json.dumps(found.tags["k"])[1:].replace("\\", "")
        assert "a value of a wrong type" in receipt.warnings[0]


SPAN = {"traceId": "7c1e5a90b3d24f6886f0c2d4e6a81b35", "spanId": "a1b2c3d4e5f60001", "startTimeUnixNano": "5"}


@pytest.mark.parametrize(
    ("fields", "note"),
    [
        ({"attributes": {"k": 7}}, "attributes came as an object, whose members were taken"),
        ({"attributes": {"k": {"intValue": "7"}}}, "attributes came as an object, whose members were taken"),
        ({"status": "ERROR"}, "a status came as a code alone"),
        ({"status": 2}, "a status came as a code alone"),
        ({"events": {"name": "e"}}, "events came as an object, which was taken for one of them"),
        (
            {"events": [{"name": "e", "attributes": {"k": 7}}, "x"]},
            "some events are no objects and were left out",
        ),
    ],
)
def test_parts_that_are_not_put_together_as_they_should_be(fields: dict[str, Any], note: str) -> None:
    with played() as satellite:
        receipt = satellite.send("otlp_json", request([SPAN | fields]))
        [span] = satellite.spans()
        assert note in receipt.warnings
        assert span.tags.get("k", 7) == 7
        assert span.error is ("status" in fields)
        assert [log.fields["event"] for log in span.logs] == ["e"] * ("events" in fields)


def request(spans: list[Any], attributes: Any = ()) -> bytes:
    resource = {"resource": {"attributes": attributes}, "scopeSpans": [{"spans": spans}]}
    return json.dumps({"resourceSpans": [resource]}).encode()


def test_attributes_of_a_resource_as_an_object() -> None:
    with played() as satellite:
        satellite.send("otlp_json", request([SPAN | {"attributes": {"status": 5}}], {"service.name": "shop"}))
        [span] = satellite.spans('service IN ("shop")')
        assert span.tags["status"] == 5


@pytest.mark.parametrize("bad", ["x", 7, [], {"events": "x"}, {"traceId": "1", "links": 7}])
def test_a_span_that_is_none_costs_no_other(bad: Any) -> None:
    with played() as satellite:
        receipt = satellite.send("otlp_json", request([bad, SPAN]))
        assert len(satellite.spans()) == 1
        assert receipt.warnings[0] == "1 spans that cannot be read were dropped"
        assert "Expected" in receipt.warnings[1]
        assert satellite.ledger.dropped == {"malformed": 1}
