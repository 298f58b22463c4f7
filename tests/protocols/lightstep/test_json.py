"""LightStep's report as proto3 JSON: means what the same protobuf means, whatever spelling a client chose."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from google.protobuf.json_format import MessageToJson, Parse
from hypothesis import given
from hypothesis import strategies as st

from satellite.errors import AccessDenied, BadReport, Overloaded, SatelliteError, StoreFailed, TooLarge
from satellite.model.report import Decoded, Receipt, Report
from satellite.model.span import Span
from satellite.model.tag import NotFinite
from satellite.pb import lightstep_collector_pb2 as pb
from satellite.protocols.lightstep import protobuf as lightstep
from satellite.protocols.lightstep.json import PROTOCOL, decode, encode
from satellite.protocols.readers import json_document
from satellite.protocols.wire import RequestHead
from tests.protocols.neighbours import stay_whole

NOW_NS = 1_700_000_001_000_000_000
DATA = Path(__file__).parents[1] / "data" / "lightstep_json"
FULL = (DATA / "full.json").read_bytes()
FULL_PROTOBUF = Parse(FULL, pb.ReportRequest()).SerializeToString()


def good(decoded: Decoded) -> list[Report]:
    assert all(isinstance(outcome, Report) for outcome in decoded.reports)
    return [outcome for outcome in decoded.reports if isinstance(outcome, Report)]


def decode_one(request: Any) -> tuple[Report, list[Span]]:
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    decoded = decode([body], NOW_NS)
    return good(decoded)[0], decoded.batch.spans()


def span(**fields: Any) -> dict[str, Any]:
    made = {"spanContext": {"traceId": 1, "spanId": 2}, "operationName": "op"}
    return made | {"startTimestamp": "2023-11-14T22:13:20Z"} | fields


def as_json(spans: list[Span]) -> list[Span]:
    """The same spans, as if they had come as JSON."""
    return [msgspec.structs.replace(kept, protocol="lightstep_json") for kept in spans]


def test_the_vector_means_what_its_protobuf_means() -> None:
    ours, theirs = decode([FULL], NOW_NS), lightstep.decode([FULL_PROTOBUF], NOW_NS)
    assert ours.batch.spans() == as_json(theirs.batch.spans())
    assert ours.batch.column("start_ns").tolist() == [1_700_000_000_249_958_000]
    assert ours.batch.spans()[0].logs[0].time_us == 1_700_000_000_250_458
    [said], [expected] = good(ours), good(theirs)
    assert (said.token, said.reporter.service, said.reporter.id) == ("tok", "shop", expected.reporter.id)
    assert said.reporter.attributes == expected.reporter.attributes
    assert ours.batch.spans()[0].protocol == "lightstep_json"


@pytest.mark.parametrize("client", ["csharp", "opentelemetry_js", "opentelemetry_net"])
def test_what_clients_send(client: str) -> None:
    said, [kept] = decode_one((DATA / f"{client}.json").read_bytes())
    assert (said.token, said.reporter.service, said.warnings) == ("tok", "shop", [])
    assert said.reporter.id == (219 if client == "opentelemetry_net" else 1234605616436508552)
    assert (kept.trace_id, kept.span_id) == (f"{5208512171318403364:016x}", "0123456789abcdef")
    assert (kept.parent_span_id, kept.operation, kept.error) == (f"{5:016x}", "buy", True)
    assert (kept.start_us, kept.duration_us) == (1_700_000_000_250_000, 1500)
    match client:
        case "csharp":
            assert said.counters == {"spans.dropped": 2}
            assert kept.tags == {"order": '{"id":1}', "count": 3, "ratio": 0.5, "error": True}
        case "opentelemetry_js":
            assert kept.tags == {"error": "true", "n": 3}
            assert [entry.kind for entry in kept.references] == ["child_of", "follows_from"]
            assert kept.logs[0].fields == {"event": "hit"}
        case _:
            assert kept.logs[0].time_us == 1_700_000_000_250_500


identifiers = st.integers(1, 2**64 - 1)
contexts = st.builds(
    pb.SpanContext,
    trace_id=identifiers,
    span_id=identifiers,
    baggage=st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
)
texts = st.text(max_size=5)
key_values = st.one_of(
    st.builds(pb.KeyValue, key=texts, string_value=texts),
    st.builds(pb.KeyValue, key=texts, int_value=st.integers(-(2**63), 2**63 - 1)),
    st.builds(pb.KeyValue, key=texts, double_value=st.floats(allow_nan=False)),
    st.builds(pb.KeyValue, key=st.sampled_from(["error", "b"]), bool_value=st.booleans()),
    st.builds(pb.KeyValue, key=texts, json_value=texts),
)


@st.composite
def reports(draw: st.DrawFn) -> pb.ReportRequest:
    request = pb.ReportRequest(timestamp_offset_micros=draw(st.integers(-1000, 1000)))
    request.auth.access_token = draw(texts)
    request.reporter.reporter_id = draw(st.integers(0, 2**64 - 1))
    request.reporter.tags.extend(draw(st.lists(key_values, max_size=2)))
    for _ in range(draw(st.integers(0, 3))):
        added = request.spans.add(span_context=draw(contexts), operation_name=draw(texts))
        added.start_timestamp.FromNanoseconds(draw(st.integers(1, 4 * 10**18)))
        added.duration_micros = draw(st.integers(0, 2**64 - 1))
        added.tags.extend(draw(st.lists(key_values, max_size=3)))
        for _ in range(draw(st.integers(0, 2))):
            added.logs.add(fields=draw(st.lists(key_values, max_size=2))).timestamp.FromNanoseconds(
                draw(st.integers(1, 4 * 10**18))
            )
        for _ in range(draw(st.integers(0, 2))):
            added.references.add(relationship=draw(st.sampled_from([0, 1])), span_context=draw(contexts))
    return request


@given(reports(), st.booleans(), st.booleans())
def test_json_as_protobuf_writes_it_means_the_same(
    request: pb.ReportRequest, original: bool, defaults: bool
) -> None:
    body = MessageToJson(
        request, preserving_proto_field_name=original, always_print_fields_with_no_presence=defaults
    ).encode()
    ours, theirs = decode([body], NOW_NS), lightstep.decode([request.SerializeToString()], NOW_NS)
    [said], [expected] = good(ours), good(theirs)
    assert (said.token, said.reporter.id, said.warnings) == (
        expected.token,
        expected.reporter.id,
        expected.warnings,
    )
    assert said.reporter.attributes == expected.reporter.attributes
    assert ours.batch.spans() == as_json(theirs.batch.spans())


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"[]",
        b"null",
        FULL[:-3],
        b'{"auth":{},"auth":{}}',
        b'{"spans":[{"durationMicros":NaN}]}',
        b"[" * 50_000,
        b'{"reporter":' * 50_000,
        FULL_PROTOBUF,
    ],
)
def test_a_bad_report_does_not_touch_its_neighbours(bad: bytes) -> None:
    stay_whole(decode, FULL, bad)


def test_too_many_objects_are_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_document, "UNCOUNTED_BYTES", 10)
    monkeypatch.setattr(json_document, "VALUES_FREE", -1000)
    [fault] = decode([FULL], NOW_NS).reports
    assert isinstance(fault, TooLarge)


def test_an_empty_report_is_a_report() -> None:
    said, kept = decode_one({})
    assert (said.token, said.reporter.service, said.rows, kept) == ("", "unknown_service", slice(0, 0), [])


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("2023-11-14T22:13:20Z", 1_700_000_000_000_000_000),
        ("2023-11-14t22:13:20.1z", 1_700_000_000_100_000_000),
        ("2023-11-14T22:13:20.1234567Z", 1_700_000_000_123_456_700),
        ("2023-11-14T22:13:20.123456789123Z", 1_700_000_000_123_456_789),
        ("2023-11-15T00:13:20+02:00", 1_700_000_000_000_000_000),
        ("2023-11-14 20:13:20.5-02:00", 1_700_000_000_500_000_000),
        ("1969-12-31T23:59:59.5Z", -500_000_000),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000_000_000),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000_000_000),
        ({"seconds": "1700000000", "nanos": 5}, 1_700_000_000_000_000_005),
        ({"seconds": 1700000000, "nanos": 1_000_000_005}, 1_700_000_001_000_000_005),
    ],
)
def test_times(text: Any, time_ns: int) -> None:
    decoded = decode([json.dumps({"spans": [span(startTimestamp=text)]}).encode()], NOW_NS)
    assert decoded.batch.column("start_ns").tolist() == [time_ns]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "2023-11-14",
        "2023-13-14T22:13:20Z",
        "2023-02-29T22:13:20Z",
        "2023-11-14T24:13:20Z",
        5,
        [],
        "0000-01-01T00:00:00Z",
        "2023-11-14T22:13:20",
        "٢٠٢٣-11-14T22:13:20Z",
    ],
)
def test_what_is_no_time_becomes_the_arrival(text: Any) -> None:
    said, [kept] = decode_one({"spans": [span(startTimestamp=text)]})
    assert (kept.start_us, kept.marks) == (NOW_NS // 1000, ["time_invented"])
    assert said.warnings == ["1 values were of the wrong kind and were left out"]


@pytest.mark.parametrize(
    ("value", "expected", "warned"),
    [
        (2**64 - 1, 2**64 - 1, False),
        (str(2**64 - 1), 2**64 - 1, False),
        (-1, 2**64 - 1, False),
        ("9007199254740993", 9007199254740993, False),
        (5.0, 5, False),
        ("", 0, False),
        (2**64, 0, True),
        (-(2**63) - 1, 0, True),
        ("0x5", 5, True),
        (True, 0, True),
        (5.5, 0, True),
        ([], 0, True),
    ],
)
def test_ids_are_exact(value: Any, expected: int, warned: bool) -> None:
    said, [kept] = decode_one({"spans": [span(spanContext={"traceId": "7", "span_id": value})]})
    assert kept.span_id == f"{expected:016x}"
    assert bool(said.warnings) is warned


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ({"key": "k", "stringValue": "ü"}, {"k": "ü"}),
        ({"key": "k", "string_value": ""}, {"k": ""}),
        ({"key": "k", "stringValue": None}, {"k": None}),
        ({"key": "k", "stringValue": 5}, {"k": "5"}),
        ({"key": "k", "stringValue": [1]}, {"k": "[1]"}),
        ({"key": "k", "intValue": "-9223372036854775808"}, {"k": -(2**63)}),
        ({"key": "k", "int_value": 2**63}, {"k": str(2**63)}),
        ({"key": "k", "intValue": "many"}, {"k": "many"}),
        ({"key": "k", "doubleValue": 5}, {"k": 5.0}),
        ({"key": "k", "doubleValue": "-Infinity"}, {"k": NotFinite("-inf")}),
        ({"key": "k", "boolValue": "True"}, {"k": True}),
        ({"key": "k", "boolValue": False}, {"k": False}),
        ({"key": "k", "jsonValue": "{"}, {"k": "{"}),
        ({"key": "k", "stringValue": None, "intValue": 0}, {"k": 0}),
        ({"key": "k"}, {"k": None}),
        ({"key": 5, "intValue": 1}, {"5": 1}),
        ({"stringValue": "x"}, {"": "x"}),
        ({}, {}),
    ],
)
def test_values(tag: dict[str, Any], expected: dict[str, Any]) -> None:
    said, [kept] = decode_one({"spans": [span(tags=[tag])]})
    assert kept.tags == expected
    assert [type(value) for value in kept.tags.values()] == [type(value) for value in expected.values()]
    assert said.warnings == []


def test_spans_that_cannot_be_kept_are_dropped_by_name() -> None:
    said, [kept] = decode_one({"spans": [None, 5, {}, span(spanContext=[]), span(tags=[None], logs=5)]})
    assert said.dropped == {"malformed": 2, "no_ids": 2}
    assert said.warnings == [
        "2 spans that were no objects were dropped",
        "2 spans without trace id and span id were dropped",
        "2 values were of the wrong kind and were left out",
    ]
    assert kept.operation == "op"


@pytest.mark.parametrize(
    "fields", [{"tags": "k=v"}, {"tags": [{"other": 1}]}, {"tags": [{"key": "k", "value": "v"}]}]
)
def test_what_is_left_out_of_a_span_is_said(fields: dict[str, Any]) -> None:
    said, [kept] = decode_one({"spans": [span(**fields)]})
    assert said.warnings == ["1 values were of the wrong kind and were left out"]
    assert "v" not in kept.tags.values()


@pytest.mark.parametrize(
    ("request_json", "warning"),
    [
        ({"reporter": {}, "Spans": [span()]}, "spans are expected in 'spans'; 'Spans' was not read"),
        ({"span_records": [{}], "runtime": {}}, "spans are expected in 'spans'; 'runtime' was not read"),
        ({"spans": {"a": span()}}, "1 values were of the wrong kind and were left out"),
    ],
)
def test_spans_in_a_place_that_nobody_reads_are_told(request_json: Any, warning: str) -> None:
    said, kept = decode_one(request_json)
    assert (said.warnings, kept) == ([warning], [])


def test_durations_wrap_and_are_clamped() -> None:
    durations = [str(2**64 - 5), -5, 10**30, "1e3", 0]
    spans = [
        span(spanContext={"traceId": 1, "spanId": number + 1}, durationMicros=value)
        for number, value in enumerate(durations)
    ]
    _, kept = decode_one({"spans": spans})
    assert [one.duration_us for one in kept] == [-5, -5, (2**63 - 1) // 1000, 1000, 0]


def test_broken_text_is_replaced_and_marked() -> None:
    body = json.dumps({"spans": [span(), span(tags=[{"key": "k", "stringValue": "a@"}])]}).encode()
    said, [plain, broken] = decode_one(body.replace(b"@", b"\xff"))
    assert (plain.marks, broken.marks, broken.tags) == ([], ["bad_utf8"], {"k": "a\ufffd"})
    assert said.warnings == ["1 spans held invalid UTF-8; it was replaced by U+FFFD"]
    _, [_, broken] = decode_one(body.replace(b"@", rb"\ud800"))
    assert (broken.marks, broken.tags) == (["bad_utf8"], {"k": "a\ufffd"})


def test_counters() -> None:
    counts = [
        {"name": "spans.dropped", "intValue": "3"},
        {"name": "dropped_spans", "int_value": 2},
        {"name": "x", "doubleValue": 0.5},
        {"name": "y", "doubleValue": "NaN"},
        {"name": "z", "doubleValue": "many"},
        {"name": "w"},
        {},
    ]
    said, _ = decode_one({"internalMetrics": {"counts": counts}})
    assert said.counters == {"spans.dropped": 5, "x": 0.5}


@given(st.binary(max_size=100))
def test_any_bytes_give_a_report_or_bad_report(body: bytes) -> None:
    [outcome] = decode([body], NOW_NS).reports
    assert isinstance(outcome, Report | BadReport)


@given(st.integers(0, len(FULL) - 1), st.binary(max_size=3), st.booleans())
def test_a_mutated_report_never_harms_its_neighbours(place: int, new: bytes, cut: bool) -> None:
    mutated = FULL[:place] + (b"" if cut else new + FULL[place + 1 :])
    decoded = decode([FULL, mutated, FULL], NOW_NS)
    [expected] = decode([FULL], NOW_NS).batch.spans()
    first, _, last = decoded.reports
    for outcome in (first, last):
        assert isinstance(outcome, Report)
        [kept] = decoded.batch.slice(outcome.rows.start, outcome.rows.stop).spans()
        assert kept == expected
    decoded.batch.spans()


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["key", "stringValue", "intValue", "boolValue", "fields", "tags", "traceId", "spanContext"]
            ),
            inner,
        )
    ),
    max_leaves=8,
)
NAMES = ("spanContext", "operationName", "references", "startTimestamp", "durationMicros", "tags", "logs")


@given(st.lists(st.dictionaries(st.sampled_from(NAMES), values), max_size=3), values, values)
def test_any_values_anywhere_give_a_report(spans: list[dict[str, Any]], first: Any, second: Any) -> None:
    request = {"spans": spans, "reporter": first, "auth": second, "internalMetrics": first}
    said, kept = decode_one(request)
    assert len(kept) + sum(said.dropped.values()) == len(spans)


# Answers


@pytest.mark.parametrize(
    ("accept", "content_type", "is_json"),
    [
        ("application/json", "application/json", True),
        ("application/json", "application/octet-stream", True),
        ("", "application/json", True),
        ("*/*", "text/plain", True),
        ("application/octet-stream", "application/json", False),
        ("text/html", "application/json", False),
        ("", "application/octet-stream", False),
        ("", "", False),
    ],
)
def test_the_form_of_the_answer(accept: str, content_type: str, is_json: bool) -> None:
    receipt = Receipt(NOW_NS, NOW_NS + 1_000_000, warnings=["odd"])
    reply = encode(receipt, RequestHead("/api/v2/reports", content_type, accept))
    assert reply.status == 200
    if is_json:
        assert reply.content_type == "application/json"
        assert json.loads(reply.body) == {
            "receiveTimestamp": "2023-11-14T22:13:21Z",
            "transmitTimestamp": "2023-11-14T22:13:21.001Z",
            "warnings": ["odd"],
        }
    else:
        assert reply.content_type == "application/octet-stream"
        assert pb.ReportResponse.FromString(reply.body).warnings == ["odd"]


@pytest.mark.parametrize(
    ("refusal", "status"), [(BadReport("bad"), 400), (AccessDenied("bad"), 400), (TooLarge("bad"), 413)]
)
def test_refusals_are_parseable(refusal: BadReport, status: int) -> None:
    reply = encode(Receipt(1, 2, refusal), RequestHead(content_type="application/json"))
    assert (reply.status, json.loads(reply.body)["errors"]) == (status, ["bad"])


@pytest.mark.parametrize("later", [Overloaded("later"), StoreFailed("later")])
def test_try_later_is_plain_text(later: SatelliteError) -> None:
    reply = encode(Receipt(1, 2, later), RequestHead(accept="application/json"))
    assert (reply.status, reply.content_type) == (503, "text/plain; charset=utf-8")


def test_the_record_names_what_the_edges_need() -> None:
    assert ("POST", "/api/v2/reports") in PROTOCOL.http_routes
    assert {"application/json", "text/plain"} <= set(PROTOCOL.content_types)


@pytest.mark.parametrize(
    "tags", [{"k": "v", "n": 7}, [{"key": "k", "stringValue": "v"}, {"key": "n", "intValue": "7"}]]
)
def test_tags_may_be_an_object(tags: Any) -> None:
    said, [kept] = decode_one({"spans": [span(tags=tags, logs=[{"fields": tags}])]})
    assert (kept.tags, kept.logs[0].fields) == ({"k": "v", "n": 7}, {"k": "v", "n": 7})
    assert said.warnings == []


def test_ids_in_hex_digits_are_what_they_are_everywhere_else() -> None:
    context = {"traceId": "7c1e5a90b3d24f6886f0c2d4e6a81b35", "spanId": "0xA1B2C3D4E5F60001"}
    said, [found] = decode_one({"spans": [span(spanContext=context, references=[])]})
    assert (found.trace_id, found.span_id) == ("86f0c2d4e6a81b35", "a1b2c3d4e5f60001")
    assert said.warnings == [
        "ids came in hex digits; they are numbers here, and one without letters is read as decimal"
    ]


@pytest.mark.parametrize("duration", [350.75, "350.75", 350, "350"])
def test_a_duration_with_a_fraction_has_its_whole_microseconds(duration: Any) -> None:
    said, [found] = decode_one({"spans": [span(durationMicros=duration)]})
    assert (found.duration_us, said.warnings) == (350, [])
