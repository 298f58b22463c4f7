"""OTLP's JSON: the reference's rules, and that it means what the protobuf means."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from satellite.errors import BadReport, SatelliteError, TooLarge
from satellite.model.report import Report
from satellite.model.span import Span
from satellite.model.tag import MALFORMED_KEY, NotFinite
from satellite.protocols.otlp.protobuf import decode, decode_json
from satellite.protocols.readers.json_document import UNCOUNTED_BYTES
from tests.protocols.neighbours import stay_whole
from tests.protocols.otlp_requests import NOW_NS, good, requests, rows_of

DATA = Path(__file__).parents[1] / "data" / "otlp"
IDS = {"traceId": "0000000000000000fedcba9876543210", "spanId": "0123456789abcdef"}


def body(*spans: dict[str, Any], **scope: Any) -> bytes:
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    scopes = [{"spans": spans} | scope]
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": scopes}]}).encode()


def spans_of(raw: bytes) -> list[Span]:
    decoded = decode_json([raw], NOW_NS)
    good(decoded)
    return decoded.batch.spans()


def one(**fields: Any) -> Span:
    [kept] = spans_of(body(IDS | fields))
    return kept


def tag(value: Any) -> Any:
    return one(attributes=[{"key": "k", "value": value}]).tags["k"]


def test_the_minimum() -> None:
    [kept] = spans_of((DATA / "minimum.json").read_bytes())
    assert (kept.trace_id, kept.span_id, kept.service) == ("fedcba9876543210", "0123456789abcdef", "shop")
    assert (kept.operation, kept.kind, kept.protocol) == ("buy", "server", "otlp")
    assert (kept.start_us, kept.duration_us) == (1_700_000_000_250_000, 1500)


def test_a_request_of_release_0_5() -> None:
    [kept] = spans_of((DATA / "release-0.5.json").read_bytes())
    assert (kept.trace_id, kept.span_id, kept.kind) == ("fedcba9876543210", "0123456789abcdef", "server")
    assert (kept.start_us, kept.duration_us, kept.error) == (1_700_000_000_250_000, 1500, True)
    assert kept.tags["otel.scope.name"] == "lib"
    assert kept.extra["deprecated_status_code"] == 13


def test_what_a_real_client_sends() -> None:
    raw = (DATA / "real-opentelemetry-js-json.bin").read_bytes()
    said = [
        span
        for each in json.loads(raw)["resourceSpans"]
        for scope in each["scopeSpans"]
        for span in scope["spans"]
    ]
    kept = spans_of(raw)
    assert [each.operation for each in kept] == [span["name"] for span in said]
    assert [each.span_id for each in kept] == [span["spanId"] for span in said]
    assert all(
        {one["key"] for one in span["attributes"]} <= set(each.tags)
        for each, span in zip(kept, said, strict=True)
    )


def as_json(made: ExportTraceServiceRequest) -> bytes:
    """OTLP's JSON, made with protobuf's own library."""
    shown = MessageToDict(made, use_integers_for_enums=True)
    for resource in shown.get("resourceSpans", ()):
        for scope in resource.get("scopeSpans", ()):
            for span in scope.get("spans", ()):
                for part in (span, *span.get("links", ())):
                    for key in {"traceId", "spanId", "parentSpanId"} & set(part):
                        part[key] = base64.b64decode(part[key]).hex()
    return json.dumps(shown).encode()


@given(requests())
def test_json_means_what_protobuf_means(made: ExportTraceServiceRequest) -> None:
    for resource in made.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                span.status.DiscardUnknownFields()  # the deprecated code has no name in today's JSON
    one_way = decode([made.SerializeToString()], NOW_NS)
    other = decode_json([as_json(made)], NOW_NS)
    assert rows_of(other.batch) == rows_of(one_way.batch)
    for said in good(other):
        said.warnings[:] = [text for text in said.warnings if "without a key" not in text]
    assert repr(other.reports) == repr(one_way.reports)  # NaN is not equal to itself


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"stringValue": "x"}, "x"),
        ({"boolValue": False}, False),
        ({"intValue": "-9223372036854775808"}, -(2**63)),
        ({"intValue": 9007199254740993}, 9007199254740993),
        ({"intValue": "1e3"}, 1000),
        ({"intValue": "-12.50E1"}, -125),
        ({"intValue": "9.007199254740993e15"}, 9007199254740993),
        ({"intValue": 1e3}, 1000),
        ({"doubleValue": 1}, 1.0),
        ({"doubleValue": "Infinity"}, NotFinite("inf")),
        ({"bytesValue": "AP8="}, b"\x00\xff"),
        ({"bytesValue": "_-8"}, b"\xff\xef"),
        ({"arrayValue": {"values": [{"intValue": 1}, {}, None]}}, [1, None, None]),
        ({"arrayValue": {}}, []),
        ({"kvlistValue": {"values": [{"key": "a", "value": {"stringValue": "b"}}]}}, {"a": "b"}),
        ({"string_value": "snake"}, "snake"),
        ({"newValue": 5}, '{"newValue":5}'),
        ({}, None),
        (None, None),
    ],
)
def test_values(value: Any, expected: Any) -> None:
    found = tag(value)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    "broken",
    ['{"key": "k", "value": ' + "[" * 60 + "]" * 60 + "}", '"text"', "5", "[[[]]]"],
)
def test_a_broken_attribute_costs_only_itself(broken: str) -> None:
    raw = body(IDS | {"attributes": [{"key": "a", "value": {"intValue": 1}}, "HERE"]}, IDS | {"name": "next"})
    first, second = spans_of(raw.replace(b'"HERE"', broken.encode()))
    assert first.tags["a"] == 1
    assert set(first.tags) == {"a", MALFORMED_KEY}
    assert second.operation == "next"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('{"intValue": {"low": -1, "high": 0, "unsigned": false}}', 2**32 - 1),
        ('{"intValue": {"low": -7, "high": -1, "unsigned": false}}', -7),
        ('{"intValue": 9223372036854775808}', "9223372036854775808"),
        ('{"intValue": "99999999999999999999"}', "99999999999999999999"),
        ('{"intValue": 5.5}', 5.5),
        ('{"intValue": "five"}', "five"),
        ('{"intValue": "1e99"}', "1e99"),
        ('{"intValue": "5.5"}', "5.5"),
        ('{"boolValue": "true"}', True),
        ('{"boolValue": "False"}', False),
        ('{"boolValue": 1}', True),
        ('{"boolValue": "yes"}', "yes"),
        ('{"doubleValue": "much"}', "much"),
        ('{"doubleValue": 1e999}', "1e999"),
        ('{"doubleValue": "1e999"}', "1e999"),
        ('{"doubleValue": -Infinity}', NotFinite("-inf")),
        ('{"stringValue": 5}', "5"),
        ('{"stringValue": true}', "true"),
        ('{"stringValue": {"a": [1]}}', '{"a":[1]}'),
        ('{"bytesValue": "%"}', "%"),
        ('{"arrayValue": [{"intValue": 1}, 2]}', [1, 2]),
        ('{"arrayValue": {"values": [{"boolValue": "true"}, {"stringValue": "a"}]}}', [True, "a"]),
        ('{"kvlistValue": {"values": [{"key": 5, "value": {"intValue": {"low": 1, "high": 0}}}]}}', {"5": 1}),
        ('{"kvlistValue": {"a": {"intValue": 1}, "b": "c"}}', {"a": 1, "b": "c"}),
        ('{"arrayValue": {"values": [{"kvlistValue": {"a": 1}}]}}', [{"a": 1}]),
        ('{"arrayValue": {"a": 1}}', '{"a":1}'),
        ('"plain"', "plain"),
        ("7", 7),
    ],
)
def test_what_is_meant_is_taken_and_said(value: str, expected: Any) -> None:
    raw = body(IDS | {"attributes": [{"key": "k", "value": "HERE"}]}).replace(b'"HERE"', value.encode())
    decoded = decode_json([raw], NOW_NS)
    [kept] = decoded.batch.spans()
    assert (kept.tags, type(kept.tags["k"])) == ({"k": expected}, type(expected))
    if "Infinity" not in value:
        assert "k" in good(decoded)[0].warnings[0]


def test_odd_values_of_other_fields_are_named() -> None:
    odd = {
        "name": 5,
        "kind": "GATEWAY",
        "status": {"code": "BROKEN"},
        "startTimeUnixNano": "later",
        "endTimeUnixNano": {"low": 1, "high": 0},
        "attributes": [{"key": "", "value": {"intValue": 1}}],
    }
    decoded = decode_json([body(IDS | odd)], NOW_NS)
    [kept] = decoded.batch.spans()
    assert kept.operation == "5"
    assert (kept.tags["span.kind"], kept.tags["otel.status_code"], kept.tags[""]) == ("GATEWAY", "BROKEN", 1)
    said = " ".join(good(decoded)[0].warnings)
    for part in ("name", "GATEWAY", "BROKEN", "later", "endTimeUnixNano", "empty key"):
        assert part in said


def test_notes_are_bounded() -> None:
    spans = [IDS | {"name": number} for number in range(50)] * 2
    [said] = good(decode_json([body(*spans)], NOW_NS))
    assert len(said.warnings) == 21
    assert said.warnings[0].endswith("(2 times)")
    assert said.warnings[-1] == "60 more odd values"


@pytest.mark.parametrize(
    "trace_id", ["AAECAwQFBgcICQoLDA0ODw==", "AAECAwQFBgcICQoLDA0ODw", "0x000102030405060708090a0b0c0d0e0f"]
)
@pytest.mark.parametrize("span_id", ["AQIDBAUGBwg=", "0x0102030405060708"])
def test_ids_in_base64_and_as_people_copy_them(trace_id: str, span_id: str) -> None:
    link = {"traceId": trace_id, "spanId": span_id}
    kept = one(traceId=trace_id, spanId=span_id, parentSpanId=span_id, links=[link])
    assert (kept.trace_id, kept.span_id) == ("000102030405060708090a0b0c0d0e0f", "0102030405060708")
    assert kept.parent_span_id == kept.references[0].span_id == kept.span_id
    assert kept.references[0].trace_id == kept.trace_id


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (3, "client"),
        ("SPAN_KIND_CLIENT", "client"),
        ("client", "client"),
        ("3", "client"),
        ("x", None),
        (None, None),
    ],
)
def test_kinds(kind: Any, expected: str | None) -> None:
    assert one(kind=kind).kind == expected


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ({"code": 2}, True),
        ({"code": "STATUS_CODE_ERROR"}, True),
        ({"code": "OK"}, False),
        ({}, False),
        (None, False),
    ],
)
def test_statuses(status: Any, error: bool) -> None:
    assert one(status=status).error is error


@pytest.mark.parametrize("time", ["1700000000250000001", 1700000000250000001, "1.700000000250000001e18"])
def test_times_are_exact(time: Any) -> None:
    decoded = decode_json([body(IDS | {"startTimeUnixNano": time})], NOW_NS)
    assert decoded.batch.column("start_ns").tolist() == [1700000000250000001]


@pytest.mark.parametrize("time", [-5, "later", None, [], 1.5, "9" * 60, "1.5", "1e-3", "1e999"])
def test_times_that_are_none_count_as_missing(time: Any) -> None:
    assert one(startTimeUnixNano=time).marks == ["time_invented"]


@pytest.mark.parametrize(
    "ids",
    [
        {"traceId": "xyz"},
        {"traceId": "0" * 32},
        {"spanId": ""},
        {"spanId": 5},
        {"spanId": " 123456789abcdef"},
        {"traceId": None},
        {"spanId": "0123456789abcde"},
    ],
)
def test_bad_ids(ids: dict[str, Any]) -> None:
    decoded = decode_json([body(IDS | ids, IDS)], NOW_NS)
    assert good(decoded)[0].dropped == {"bad_ids": 1}
    assert len(decoded.batch) == 1


def test_keys_in_snake_case() -> None:
    span = {
        "trace_id": IDS["traceId"],
        "span_id": IDS["spanId"],
        "start_time_unix_nano": 1700000000250000001,
        "attributes": [{"key": "snake_case", "value": {"string_value": "x"}}],
    }
    raw = json.dumps({"resource_spans": [{"scope_spans": [{"spans": [span]}]}]}).encode()
    [kept] = spans_of(raw)
    assert (kept.tags, kept.start_us) == ({"snake_case": "x"}, 1_700_000_000_250_000)


def test_entity_refs_and_unknown_keys() -> None:
    ref = {"schemaUrl": "u", "type": "host", "idKeys": ["a"], "descriptionKeys": [5], "new": 1}
    resource = {"entityRefs": [ref, 5], "droppedAttributesCount": "3", "new": {}}
    raw = json.dumps(
        {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [IDS]}], "x": []}], "y": 1}
    )
    [said] = good(decode_json([raw.encode()], NOW_NS))
    expected = {"schema_url": "u", "type": "host", "id_keys": ["a"], "description_keys": [""]}
    assert said.reporter.detail == {"dropped_attributes_count": 3, "entity_refs": [expected]}


def test_of_a_repeated_key_the_last_counts() -> None:
    [kept] = spans_of(body(IDS).replace(b'"spanId"', b'"name": "a", "name": "b", "spanId"'))
    assert kept.operation == "b"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (b"x\xff", "x�"),
        (rb"x\ud800", "x�"),
        (rb"\ude00x", "�x"),
        (rb"\ud83d\ude00", "😀"),
        (rb"\\ud800", r"\ud800"),
    ],
)
def test_broken_text_is_replaced_and_said(text: bytes, shown: str) -> None:
    raw = body(IDS | {"attributes": [{"key": "k", "value": {"stringValue": "HERE"}}]}, IDS | {"name": "HERE"})
    decoded = decode_json([raw.replace(b"HERE", text)], NOW_NS)
    first, second = decoded.batch.spans()
    assert (first.tags["k"], second.operation) == (shown, shown)
    assert len(good(decoded)[0].warnings) == ("�" in shown)


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"[]",
        b"5",
        b"{",
        b'{"resourceSpans": {}}',
        b'{"resourceSpans": [5]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"status": [5]}]}]}]}',
        b'{"resource_spans": [{"scope_spans": 5}]}',
        b'{"x": ' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}",
        b'{"resource_spans": ' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}",
        b'{"x": ' + b"1" * 6000 + b"",
    ],
)
def test_a_bad_body_does_not_touch_its_neighbours(bad: bytes) -> None:
    stay_whole(decode_json, body(IDS), bad)


@pytest.mark.parametrize("empty", [b"{}", b'\xef\xbb\xbf{"resourceSpans":[]}', b'{"resourceSpans":null}'])
def test_empty_requests_are_fine(empty: bytes) -> None:
    assert good(decode_json([empty], NOW_NS))[0].rows == slice(0, 0)


@pytest.mark.parametrize(
    ("request_json", "unread", "wanted"),
    [
        ({"batches": [{"scopeSpans": [{"spans": [IDS]}]}]}, "batches", "resourceSpans"),
        ({"resourcespans": [{"scopeSpans": [{"spans": [IDS]}]}]}, "resourcespans", "resourceSpans"),
        ({"scopeSpans": [{"spans": [IDS]}]}, "scopeSpans", "resourceSpans"),
        ({"resourceSpans": [{"resource": {}, "spans": [IDS]}]}, "spans", "scopeSpans"),
        ({"resourceSpans": [{"scopeSpan": [{"spans": [IDS]}]}]}, "scopeSpan", "scopeSpans"),
        ({"resource_spans": [{"scopespans": [{"spans": [IDS]}]}]}, "scopespans", "scopeSpans"),
        ({"resourceSpans": [{"scopeSpans": [{"scope": {}, "span": [IDS]}]}]}, "span", "spans"),
    ],
)
def test_spans_in_a_place_that_nobody_reads_are_told(request_json: Any, unread: str, wanted: str) -> None:
    decoded = decode_json([json.dumps(request_json).encode()], NOW_NS)
    assert len(decoded.batch) == 0
    assert good(decoded)[0].warnings == [f'spans are expected in {wanted!r}; "{unread}" was not read']


SCOPES = b'{"resourceSpans":[{"scopeSpans":[{"spans":[%b]}]}]}'


@pytest.mark.parametrize(
    "raw",
    [
        b'{"x":[' + b"{}," * UNCOUNTED_BYTES + b"{}]}",
        SCOPES % (b"{}," * 2000 + b"{}"),
        SCOPES % (b"{                  }," * 50_000 + b"{}"),
        b'{"resourceSpans":[' + b'{"scopeSpans":[{          }]},' * 50_000 + b"{}]}",
    ],
)
def test_too_much_of_too_little(raw: bytes) -> None:
    [refusal] = decode_json([raw], NOW_NS).reports
    assert isinstance(refusal, TooLarge)


def test_a_span_of_a_wrong_kind_is_dropped_and_null_is_none() -> None:
    dropped, bad, good = decode_json(
        [
            SCOPES % b"{},7",
            SCOPES % b"7",
            SCOPES % b'null,{"spanId":"0000000000000001","traceId":"%032x"},null' % 1,
        ],
        NOW_NS,
    ).reports
    assert isinstance(dropped, Report)
    assert dropped.dropped == {"bad_ids": 1, "malformed": 1}
    assert isinstance(bad, BadReport)
    assert isinstance(good, Report)
    assert good.rows == slice(0, 1)


@pytest.mark.parametrize("key", ["resourceSpans", "scopeSpans", "spans"])
def test_spans_under_a_key_that_stands_twice_are_refused_rather_than_lost(key: str) -> None:
    sent = body(IDS).decode()
    before, after = sent.split(f'"{key}": ', 1)
    [outcome] = decode_json([f'{before}"{key}": [], "{key}": {after}'.encode()], NOW_NS).reports
    assert isinstance(outcome, BadReport)
    assert f"the key '{key}' stands twice" in outcome.message


@pytest.mark.parametrize(
    ("key", "again"),
    [
        ("resource_spans", "resource_spans"),
        ("resource_spans", "resourceSpans"),
        ("scope_spans", "scope_spans"),
        ("scope_spans", "scopeSpans"),
        ("spans", "spans"),
    ],
)
def test_in_snake_case_too(key: str, again: str) -> None:
    sent = body(IDS).decode().replace("resourceSpans", "resource_spans").replace("scopeSpans", "scope_spans")
    assert isinstance(decode_json([sent.encode()], NOW_NS).reports[0], Report)
    before, after = sent.split(f'"{key}": ', 1)
    [outcome] = decode_json([f'{before}"{again}": [], "{key}": {after}'.encode()], NOW_NS).reports
    assert isinstance(outcome, BadReport)
    assert "stands twice" in outcome.message


def test_an_attribute_may_have_the_key_of_a_list_of_spans() -> None:
    [span] = spans_of(
        body(IDS | {"attributes": [{"key": "spans", "value": {"stringValue": "resourceSpans"}}]})
    )
    assert span.tags == {"spans": "resourceSpans"}


def test_a_deep_value_stays_as_it_was_written() -> None:
    value: Any = {"intValue": 1}
    for _ in range(60):
        value = {"arrayValue": {"values": [value]}}
    decoded = decode_json([body(IDS | {"attributes": [{"key": "deep", "value": value}]})], NOW_NS)
    assert list(decoded.batch.spans()[0].tags) == [MALFORMED_KEY]
    assert good(decoded)[0].warnings == ["an attribute nested too deeply was kept as it was written"]


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes(raw: bytes) -> None:
    [outcome] = decode_json([raw], NOW_NS).reports
    assert isinstance(outcome, Report | SatelliteError)


@given(
    st.sampled_from([path.read_bytes() for path in sorted(DATA.glob("*json*"))]),
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_a_changed_body_never_harms_its_neighbours(raw: bytes, changes: list[tuple[int, int]]) -> None:
    changed = bytearray(raw)
    for place, byte in changes:
        changed[place % len(changed)] = byte
    fine = body(IDS)
    decoded = decode_json([fine, bytes(changed), fine], NOW_NS)
    first, _, last = decoded.reports
    assert isinstance(first, Report)
    assert isinstance(last, Report)
    assert rows_of(decoded.batch)[last.rows] == rows_of(decode_json([fine], NOW_NS).batch)
    decoded.batch.spans()
