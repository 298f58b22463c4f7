"""Thrift structs as plain JSON, posted or in a query string."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.errors import AccessDenied, BadReport, Overloaded, SatelliteError, TooLarge
from satellite.model.report import Decoded, Receipt, Report
from satellite.protocols.lightstep import thrift_json as lightstep_thrift_json
from satellite.protocols.lightstep.thrift_json import (
    PROTOCOL,
    URI_PROTOCOL,
    decode,
    decode_uri,
    encode,
    encode_uri,
)
from satellite.protocols.wire import RequestHead
from tests.protocols.neighbours import stay_whole

NOW_NS = 1_700_000_001_000_000_000
DATA = Path(__file__).parents[1] / "data" / "lightstep_thrift_json"
JAVASCRIPT = (DATA / "javascript.json").read_bytes()
HEAD = RequestHead()


def good(decoded: Decoded) -> list[Report]:
    assert all(isinstance(outcome, Report) for outcome in decoded.reports)
    return [outcome for outcome in decoded.reports if isinstance(outcome, Report)]


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip without saying so"])
def test_what_javascript_sends(packed: bool) -> None:
    decoded = decode([gzip.compress(JAVASCRIPT) if packed else JAVASCRIPT], NOW_NS)
    [said], [kept] = good(decoded), decoded.batch.spans()
    assert (said.token, said.reporter.service, said.reporter.id) == ("", "shop", 0x7CB286493C4D1E46)
    assert said.counters == {"spans.dropped": 3}
    assert (kept.trace_id, kept.span_id, kept.parent_span_id) == (
        "5ff67e641ef31a28",
        "4e30921e3d530924",
        "1d78e2de32f43bda",
    )
    assert (kept.operation, kept.start_us, kept.duration_us) == ("buy", 1_700_000_000_250_000, 1500)
    assert (kept.error, kept.tags, kept.protocol) == (True, {"error": "true"}, "lightstep_thrift_json")
    assert [(entry.time_us, entry.fields) for entry in kept.logs] == [
        (1_700_000_000_250_500, {"event": "hit"})
    ]
    assert kept.extra == {}


@pytest.mark.parametrize("name", ["ruby", "php", "objective_c"])
def test_what_others_send(name: str) -> None:
    decoded = decode([(DATA / f"{name}.json").read_bytes()], NOW_NS)
    [said], [kept] = good(decoded), decoded.batch.spans()
    assert (said.reporter.service, kept.operation, kept.duration_us) == ("shop", "buy", 1500)
    assert kept.parent_span_id == f"{5:016x}"
    assert said.counters.get("spans.dropped") == {"ruby": 2, "php": 4, "objective_c": None}[name]
    expected = {
        "ruby": {"dropped_logs": 1},
        "php": {
            "join_ids": [["join:order", "o-1"]],
            "trace_guid": "ffffffff80000001ffffffff80000002",
        },
        "objective_c": {"offset_us": 42},
    }
    assert kept.extra == expected[name]
    assert kept.logs[0].fields == {"event": "hit"}


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (b"", BadReport),
        (b"[]", BadReport),
        (b"null", BadReport),
        (b'{"runtime":{},"runtime":{}}', BadReport),
        (b'{"span_records":[{"oldest_micros":NaN}]}', BadReport),
        (b'{"x":' * 50_000, BadReport),
        (b"\x1f\x8b\x08", BadReport),
        (gzip.compress(b"{}", mtime=0)[:-2], BadReport),
        (gzip.compress(JAVASCRIPT, mtime=0)[:-9] + b"123456789", BadReport),
        (JAVASCRIPT[:-9], BadReport),
    ],
)
def test_a_bad_report_does_not_touch_its_neighbours(bad: bytes, kind: type[SatelliteError]) -> None:
    stay_whole(decode, JAVASCRIPT, bad, kind)


def test_gzip_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lightstep_thrift_json, "INFLATED_BYTES_MAX", 1000)
    several = gzip.compress(b'{"x":"' + b"a" * 400) + gzip.compress(b'"}') + b"\0\0"
    assert isinstance(decode([several], NOW_NS).reports[0], Report)
    [fault] = decode([gzip.compress(b" " * 10_000_000)], NOW_NS).reports
    assert isinstance(fault, TooLarge)


def test_a_deep_value_is_refused_or_kept_as_text() -> None:
    for depth in (50, 900, 950, 990, 5000):
        nested = b"[" * depth + b"]" * depth
        body = JAVASCRIPT.replace(b'"Value":"true"', b'"Value":' + nested)
        decoded = decode([body, JAVASCRIPT], NOW_NS)
        assert isinstance(decoded.reports[0], Report | BadReport)
        assert isinstance(decoded.reports[1], Report)


@given(st.binary(max_size=100))
def test_any_bytes_give_a_report_or_bad_report(body: bytes) -> None:
    for read in (decode, decode_uri):
        [outcome] = read([body], NOW_NS).reports
        assert isinstance(outcome, Report | BadReport)


@given(st.integers(0, len(JAVASCRIPT) - 1), st.binary(max_size=3), st.booleans())
def test_a_mutated_report_never_harms_its_neighbours(place: int, new: bytes, cut: bool) -> None:
    mutated = JAVASCRIPT[:place] + (b"" if cut else new + JAVASCRIPT[place + 1 :])
    decoded = decode([JAVASCRIPT, mutated, JAVASCRIPT], NOW_NS)
    first, _, last = decoded.reports
    [expected] = decode([JAVASCRIPT], NOW_NS).batch.spans()
    for outcome in (first, last):
        assert isinstance(outcome, Report)
        [kept] = decoded.batch.slice(outcome.rows.start, outcome.rows.stop).spans()
        assert kept == expected
    decoded.batch.spans()


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Key", "Value", "TraceKey", "Name", "fields", "attributes"]), inner
        )
    ),
    max_leaves=8,
)
NAMES = (
    "span_guid",
    "trace_guid",
    "span_name",
    "join_ids",
    "oldest_micros",
    "youngest_micros",
    "attributes",
    "error_flag",
    "log_records",
    "runtime_guid",
    "dropped_logs",
)


@given(st.lists(st.dictionaries(st.sampled_from(NAMES), values), max_size=3), values, values)
def test_any_values_anywhere_give_a_report(
    records: list[dict[str, object]], first: object, second: object
) -> None:
    request = {"span_records": records, "runtime": first, "log_records": second, "counters": first}
    decoded = decode([json.dumps(request).encode()], NOW_NS)
    [said] = good(decoded)
    assert len(decoded.batch.spans()) + sum(said.dropped.values()) == len(records)


# The query string


def query(auth: bytes = b'{"access_token":"tok"}', report: bytes = JAVASCRIPT) -> bytes:
    return f"auth={quote(auth)}&report={quote(report)}".encode()


def test_a_report_in_a_query_string() -> None:
    decoded = decode_uri([query(), query(b"null"), query(b'{"access_token":5}')], NOW_NS)
    assert [said.token for said in good(decoded)] == ["tok", "", ""]
    assert decoded.batch.spans()[0] == decode([JAVASCRIPT], NOW_NS).batch.spans()[0]


def test_broken_utf8_in_a_query_string() -> None:
    broken = JAVASCRIPT.replace(b'"buy"', b'"buy\xff"')
    decoded = decode_uri([query(report=broken)], NOW_NS)
    [kept] = decoded.batch.spans()
    assert (kept.operation, kept.marks) == ("buy\ufffd", ["bad_utf8"])


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"auth={}",
        b"report=",
        b"report=%5B%5D",
        b"report={}&auth={",
        b"&".join([b"a=1"] * 20),
        b"\xff=%ff",
    ],
)
def test_what_is_no_query_string_of_a_report(bad: bytes) -> None:
    assert isinstance(decode_uri([bad], NOW_NS).reports[0], BadReport)


# Answers


def test_an_accepted_report_is_answered_with_times() -> None:
    reply = encode(Receipt(1_700_000_001_000_000_000, 1_700_000_001_001_000_000), HEAD)
    assert (reply.status, reply.content_type) == (200, "application/json")
    assert json.loads(reply.body) == {
        "commands": [],
        "timing": {"receive_micros": 1_700_000_001_000_000, "transmit_micros": 1_700_000_001_001_000},
        "errors": [],
    }


@pytest.mark.parametrize(
    ("refusal", "status"),
    [(BadReport("bad"), 400), (AccessDenied("bad"), 400), (TooLarge("bad"), 413), (Overloaded("bad"), 503)],
)
def test_refusals_have_the_same_form(refusal: SatelliteError, status: int) -> None:
    reply = encode(Receipt(1, 2, refusal), HEAD)
    assert (reply.status, json.loads(reply.body)["errors"]) == (status, ["bad"])
    assert encode_uri(Receipt(1, 2, refusal), HEAD).status == status


def test_a_script_is_answered_with_an_empty_one() -> None:
    reply = encode_uri(Receipt(1, 2), HEAD)
    assert (reply.status, reply.content_type, reply.body) == (200, "application/javascript", b"")
    assert encode_uri(Receipt(1, 2, BadReport("a */ b")), HEAD).body == b"/* a * / b */"


def test_the_records_name_what_the_edges_need() -> None:
    assert PROTOCOL.http_routes == (("POST", "/api/v0/reports"),)
    assert URI_PROTOCOL.http_routes == (("GET", "/_rpc/v1/reports/uri_encoded"),)


@pytest.mark.parametrize("key", ["spans", "spanRecords", "SpanRecords"])
def test_spans_under_another_name_are_refused(key: str) -> None:
    body = json.dumps({"runtime": {}, key: [{"span_guid": "2", "trace_guid": "1"}]}).encode()
    [refusal] = decode([body], NOW_NS).reports
    assert isinstance(refusal, BadReport)
    assert refusal.message == f"spans are expected in 'span_records', not in {key!r}"


def test_what_is_not_read_of_a_report_without_spans_is_said() -> None:
    [said] = good(decode([json.dumps({"runtime": {}, "spans": [], "counters": []}).encode()], NOW_NS))
    assert said.warnings == ["spans are expected in 'span_records'; 'spans' was not read"]
    [said] = good(decode([b'{"runtime":{},"counters":[]}'], NOW_NS))
    assert said.warnings == []


def test_attributes_may_be_an_object() -> None:
    record = {
        "span_guid": "2",
        "trace_guid": "1",
        "attributes": {"k": "v"},
        "log_records": [{"fields": {"n": 7}}],
    }
    decoded = decode(
        [json.dumps({"runtime": {"attrs": {"a": "b"}}, "span_records": [record]}).encode()], NOW_NS
    )
    [kept] = decoded.batch.spans()
    assert (kept.tags, kept.logs[0].fields, kept.reporter.attributes) == ({"k": "v"}, {"n": 7}, {"a": "b"})
