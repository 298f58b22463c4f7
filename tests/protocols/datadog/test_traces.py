"""Datadog's MessagePack against the rules of the wire reference and against anything at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.errors import AccessDenied, BadReport, Overloaded, TooLarge
from satellite.model.report import Receipt, Report
from satellite.model.reporter import Reporter
from satellite.model.span import Span
from satellite.protocols import rows
from satellite.protocols.datadog import traces as datadog
from satellite.protocols.datadog.traces import PROTOCOL, decode, encode
from satellite.protocols.wire import RequestHead
from tests.protocols.neighbours import stay_whole

NOW_NS = 1_700_000_001_000_000_000
pack = msgspec.msgpack.encode
FULL = pack(json.loads((Path(__file__).parents[1] / "data" / "datadog" / "traces.json").read_bytes()))


def decode_one(body: bytes) -> tuple[Report, list[Span]]:
    decoded = decode([body], NOW_NS)
    [report] = decoded.reports
    assert isinstance(report, Report)
    assert report.rows == slice(0, len(decoded.batch))
    return report, decoded.batch.spans()


def decode_span(**fields: Any) -> Span:
    [span] = decode_one(pack([[{"trace_id": 1, "span_id": 2, "start": 5000} | fields]]))[1]
    return span


def test_traces_mean_what_the_reference_says() -> None:
    decoded = decode([FULL], NOW_NS)
    report, [span, query] = decode_one(FULL)
    assert (report.token, report.reporter, report.warnings) == ("tok", Reporter("datadog", "cart"), [])
    assert (span.trace_id, span.span_id, span.parent_span_id) == (
        "fedcba9876543210",
        "0123456789abcdef",
        f"{5:016x}",
    )
    assert (span.service, span.operation, span.kind, span.error) == ("cart", "web.request", "server", True)
    assert decoded.batch.column("start_ns").tolist() == [1_700_000_000_250_000_007, 1_700_000_000_250_000_100]
    assert decoded.batch.column("duration_ns").tolist() == [1_500_000, 10]
    assert span.tags == {
        "http.method": "GET",
        "span.kind": "server",
        "error.msg": "boom",
        "_sampling_priority_v1": 1,
        "rate": 0.5,
        "resource.name": "GET /cart",
        "span.type": "web",
        "error": True,
    }
    assert (query.service, query.error, query.tags) == ("db", False, {"resource.name": "SELECT 1"})
    assert query.parent_span_id == span.span_id


@pytest.mark.parametrize("body", [b"", b"\x90", b"\x91\x90", pack([[], []]), pack([None])])
def test_empty_reports_are_reports(body: bytes) -> None:
    assert decode_one(body) == (Report("", Reporter("datadog"), slice(0, 0)), [])


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (2**64 - 1, "ffffffffffffffff"),
        (-1, "ffffffffffffffff"),
        ("18364758544493064720", "fedcba9876543210"),
        ("abc", f"{0xABC:016x}"),
        (b"\0\0\0\0\0\0\1\0", f"{256:016x}"),
        (float(2**62), f"{2**62:016x}"),
    ],
)
def test_ids(sent: Any, shown: str) -> None:
    span = decode_span(trace_id=sent, span_id=sent, parent_id=sent)
    assert (span.trace_id, span.span_id, span.parent_span_id) == (shown, shown, shown)


def test_the_upper_half_of_a_trace_id_travels_in_meta() -> None:
    assert decode_span(meta={"_dd.p.tid": "640cfd8d00000000"}).trace_id == "640cfd8d00000000" + f"{1:016x}"
    assert decode_span(meta={"_dd.p.tid": "none"}).trace_id == f"{1:016x}"


def test_bytes_that_are_texts_are_read_as_texts() -> None:
    meta = {b"key": b"value", "raw": b"\xff\x00", b"lightstep.access_token": "tok"}
    report, [span] = decode_one(
        pack([[{"trace_id": 1, "span_id": 2, "name": b"op", "service": b"s", "meta": meta}]])
    )
    assert (span.operation, span.service, report.token) == ("op", "s", "tok")
    assert span.tags == {"key": "value", "raw": b"\xff\x00"}


@pytest.mark.parametrize("frame", ["[[%s]]", " \n[%s]", "[[null, %s], null]"])
def test_json_means_what_messagepack_means(frame: str) -> None:
    fields = json.loads((Path(__file__).parents[1] / "data" / "datadog" / "traces.json").read_bytes())[0][0]
    fields |= {"trace_id": 2**64 - 1, "meta": fields["meta"] | {"_dd.p.tid": "1"}}
    report, [span] = decode_one((frame % json.dumps(fields)).encode())
    assert (report.token, report.dropped) == ("tok", {})
    assert repr(span) == repr(decode_one(pack([[fields]]))[1][0])


LINK = {"attributes": {"reason": "retry"}, "tracestate": "dd=s:1"}
MOMENT_NS = 1_700_000_000_000_005_000


@pytest.mark.parametrize(
    "fields",
    [
        {
            "span_links": [LINK | {"trace_id": 10, "trace_id_high": 3, "span_id": 11, "flags": 1}],
            "span_events": [
                {
                    "time_unix_nano": MOMENT_NS,
                    "name": "boom",
                    "attributes": {
                        "text": {"type": 0, "string_value": "x"},
                        "flag": {"type": 1, "bool_value": True},
                        "n": {"type": 2, "int_value": 5},
                        "real": {"type": 3, "double_value": 0.5},
                        "list": {
                            "type": 4,
                            "array_value": {
                                "values": [{"type": 0, "string_value": "a"}, {"type": 2, "int_value": 1}]
                            },
                        },
                    },
                }
            ],
        },
        {
            "meta": {
                "_dd.span_links": json.dumps(
                    [LINK | {"trace_id": "0000000000000003000000000000000a", "span_id": "000000000000000b"}]
                ),
                "events": json.dumps(
                    [
                        {
                            "name": "boom",
                            "time_unix_nano": MOMENT_NS,
                            "attributes": {"text": "x", "flag": True, "n": 5, "real": 0.5, "list": ["a", 1]},
                        }
                    ]
                ),
            }
        },
    ],
    ids=["fields", "meta"],
)
def test_links_are_references_and_events_are_logs(fields: dict[str, Any]) -> None:
    span = decode_span(parent_id=7, **fields)
    own, link = span.references
    assert (own.kind, own.trace_id, own.span_id) == ("child_of", span.trace_id, f"{7:016x}")
    assert (link.kind, link.trace_id, link.span_id) == ("follows_from", f"{3:016x}{10:016x}", f"{11:016x}")
    assert (span.parent_span_id, link.attributes) == (own.span_id, {"reason": "retry"})
    [log] = span.logs
    assert log.time_us == MOMENT_NS // 1000
    assert log.fields == {"event": "boom", "text": "x", "flag": True, "n": 5, "real": 0.5, "list": ["a", 1]}
    assert span.tags == {}


@pytest.mark.parametrize("text", ["", "[", "5", "[1]", "{}", "[{}]", '[{"other": 1}]', 5])
def test_what_is_no_list_of_links_or_events_stays_a_tag(text: Any) -> None:
    span = decode_span(meta={"_dd.span_links": text, "events": text}, span_links=text, span_events=text)
    assert (span.tags, span.logs, span.references) == ({"_dd.span_links": text, "events": text}, [], [])


def test_spans_without_ids_are_dropped_by_name() -> None:
    report, [kept] = decode_one(pack([[{"name": "lost"}, {"span_id": 2, "start": 1}]]))
    assert report.dropped == {"no_ids": 1}
    assert report.warnings == ["1 spans without trace id and span id were dropped"]
    assert kept.marks == ["zero_id"]


@pytest.mark.parametrize(
    ("fields", "error", "tags"),
    [
        ({"error": 0}, False, {}),
        ({"error": 1}, True, {"error": True}),
        ({"error": True}, True, {"error": True}),
        ({"error": 0, "meta": {"error": "true"}}, True, {"error": "true"}),
        ({"error": 1, "meta": {"error": "boom"}}, True, {"error": "boom"}),
        ({"meta": {"error": "false"}}, False, {"error": "false"}),
    ],
)
def test_errors(fields: dict[str, Any], error: bool, tags: dict[str, Any]) -> None:
    span = decode_span(**fields)
    assert (span.error, span.tags) == (error, tags)


@pytest.mark.parametrize(
    ("fields", "start_us", "duration_us", "marks"),
    [
        ({"start": 0}, NOW_NS // 1000, 0, ["time_invented"]),
        ({"start": None}, NOW_NS // 1000, 0, ["time_invented"]),
        ({"start": 2**64 - 1}, NOW_NS // 1000, 0, ["time_invented"]),
        ({"duration": -3000}, 5, -3, ["negative_duration"]),
        ({"duration": 2**64 - 1}, 5, (2**63 - 1) // 1000, ["clamped"]),
        ({"start": 2 * NOW_NS}, 2 * NOW_NS // 1000, 0, ["future"]),
    ],
)
def test_times(fields: dict[str, Any], start_us: int, duration_us: int, marks: list[str]) -> None:
    span = decode_span(**fields)
    assert (span.start_us, span.duration_us, span.marks) == (start_us, duration_us, marks)


def test_odd_fields_do_not_lose_a_span() -> None:
    span = decode_span(name=5, service=None, resource=["a"], type=0, meta=3, metrics={1: 2, "big": 2**64 - 1})
    assert (span.operation, span.service) == ("5", "unknown_service")
    assert span.tags == {"1": 2, "big": str(2**64 - 1), "resource.name": '["a"]'}
    assert decode_span(meta={"lightstep.meta_event": "true"}).marks == ["meta_event"]


def test_elements_that_are_no_spans_are_dropped_and_the_others_kept() -> None:
    report, [span] = decode_one(pack([7, [3, {"trace_id": 1, "span_id": 2, "unknown": 5, "name": "n"}]]))
    assert (report.dropped, span.operation) == ({"malformed": 2}, "n")


def test_one_broken_text_of_a_table_costs_the_others_nothing() -> None:
    texts = ["", "svc", "op", "res", "web", "key", "value", "lightstep.access_token", "secret", "rate"]
    span = [1, 2, 3, 7, 8, 0, 5, 6, 0, {5: 6, 7: 8}, {9: 1.5}, 4]
    good = pack([texts, [[span, None, 7, span[:11]]]])
    broken = good.replace(b"\xa5value", b"\xa5val\xffe")
    for body, value, marks in (good, "value", []), (broken, "val\ufffde", ["bad_utf8"]):
        decoded = decode([body], NOW_NS)
        [report], [kept] = decoded.reports, decoded.batch.spans()
        assert isinstance(report, Report)
        assert (report.token, report.dropped) == ("secret", {"malformed": 2})
        assert (kept.service, kept.operation, kept.marks) == ("svc", "op", marks)
        assert kept.tags == {"key": value, "rate": 1.5, "resource.name": "res", "span.type": "web"}


def test_invalid_utf8_is_replaced_marked_and_said() -> None:
    body = pack(
        [
            [
                {"trace_id": 1, "span_id": 2, "start": 5, "meta": {"k": "a@"}},
                {"trace_id": 1, "span_id": 3, "start": 5},
            ]
        ]
    )
    report, [broken, whole] = decode_one(body.replace(b"a@", b"a\xff"))
    assert (broken.tags, broken.marks, whole.marks) == ({"k": "a�"}, ["bad_utf8"], [])
    assert report.warnings == ["1 spans held invalid UTF-8; it was replaced by U+FFFD"]
    assert decode_one(body.replace(b"trace_id", b"trace_i\xff"))[1][0].trace_id == f"{0:016x}"


BAD = [
    pack([[{}] * 2000]),
    b"\xc1",
    FULL[:-3],
    b"\x80",
    b"\xa3abc",
    pack([1, 2]),
    b"\xdd\xff\xff\xff\xff",
    b"\x91" * 5000 + b"\xc0",
    b"[[{}",
    b"[5]",
    b'[["x", 99999999999999999999]]',
]


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_report_does_not_touch_its_neighbours(bad: bytes) -> None:
    stay_whole(decode, FULL, bad, BadReport, TooLarge)


def test_bombs_are_counted_before_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datadog, "UNCOUNTED_BYTES", 100)
    monkeypatch.setattr(datadog, "VALUES_FREE", 100)
    monkeypatch.setattr(datadog, "TEXTS_FREE", 100)
    span = b"\x91\x91\x81\xa4meta\x81\xa1a\xdc\x03\xe8" + b"\x80" * 1000
    table = b"\x92\xdc\x03\xe8" + b"\xa0" * 1000 + b"\x90"
    outcomes = decode([span, FULL, table], NOW_NS).reports
    assert [type(outcome) for outcome in outcomes] == [TooLarge, Report, TooLarge]


@pytest.mark.parametrize("odd", [[], [7]])
def test_more_spans_than_real_reports_hold_are_refused(
    monkeypatch: pytest.MonkeyPatch, odd: list[Any]
) -> None:
    monkeypatch.setattr(rows, "SPANS_MAX", 3)
    [outcome] = decode([pack([[{}, {}], [{}, {}], odd])], NOW_NS).reports
    assert isinstance(outcome, TooLarge)


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.integers(0, 9), inner, max_size=3)
    ),
    max_leaves=6,
)
NAMES = [
    "trace_id",
    "span_id",
    "parent_id",
    "name",
    "resource",
    "service",
    "type",
    "error",
    "meta",
    "metrics",
    "start",
    "duration",
]


@given(st.lists(st.dictionaries(st.sampled_from(NAMES), JSON_LIKE), max_size=2))
def test_any_values_of_fields_are_kept_or_dropped(spans: list[Any]) -> None:
    report, kept = decode_one(pack([spans]))
    assert len(kept) + sum(report.dropped.values()) == len(spans)


@given(st.binary(max_size=100) | st.binary(max_size=100).map(lambda rest: b"\x91\x91" + rest))
def test_any_bytes_give_a_report_or_bad_report(body: bytes) -> None:
    decoded = decode([body], NOW_NS)
    [outcome] = decoded.reports
    assert isinstance(outcome, Report | BadReport | TooLarge)
    decoded.batch.spans()


@given(st.integers(0, len(FULL) - 1), st.integers(0, 255), st.booleans())
def test_a_mutated_report_never_harms_its_neighbours(place: int, byte: int, cut: bool) -> None:
    mutated = FULL[:place] if cut else FULL[:place] + bytes([byte]) + FULL[place + 1 :]
    decoded = decode([FULL, mutated, FULL], NOW_NS)
    first, outcome, last = decoded.reports
    assert isinstance(outcome, Report | BadReport | TooLarge)
    expected = decode_one(FULL)[1]
    for report in (first, last):
        assert isinstance(report, Report)
        assert decoded.batch.slice(report.rows.start, report.rows.stop).spans() == expected
    decoded.batch.spans()


def test_an_accepted_report_is_answered_with_no_sampling_rates() -> None:
    reply = encode(Receipt(NOW_NS, NOW_NS, warnings=["odd"]), RequestHead(path="/v0.4/traces"))
    assert (reply.status, reply.content_type, reply.body) == (
        200,
        "application/json",
        b'{"rate_by_service":{}}',
    )


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (BadReport("bad"), 400),
        (AccessDenied("unknown"), 400),
        (TooLarge("big"), 413),
        (Overloaded("later"), 503),
    ],
)
def test_refusals_are_text(refusal: Any, status: int) -> None:
    reply = encode(Receipt(NOW_NS, NOW_NS, refusal), RequestHead(path="/v0.4/traces"))
    assert (reply.status, reply.body.decode()) == (status, refusal.message)


def test_the_record_names_what_the_edges_need() -> None:
    assert set(PROTOCOL.http_routes) == {
        (method, path)
        for method in ("PUT", "POST")
        for path in ("/v0.3/traces", "/v0.4/traces", "/v0.5/traces")
    }
    assert "application/msgpack" in PROTOCOL.content_types
