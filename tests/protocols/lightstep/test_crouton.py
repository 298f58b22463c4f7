"""What a report of the Thrift tracers means, whichever form it came in."""

from __future__ import annotations

from typing import Any

import pytest

from satellite.errors import AccessDenied
from satellite.model.report import Decoded, Receipt, Report
from satellite.model.span import Span
from satellite.protocols.lightstep.crouton import read, response
from satellite.protocols.lightstep.guids import guid_number, runtime_number
from satellite.protocols.rows import Rows, decode_rows

NOW_NS = 1_700_000_001_000_000_000
START_US = 1_700_000_000_250_000


def pairs(**values: Any) -> list[dict[str, Any]]:
    return [{"Key": key.replace("__", "."), "Value": value} for key, value in values.items()]


def record(**fields: Any) -> dict[str, Any]:
    made = {"span_guid": "2", "trace_guid": "1", "span_name": "buy"}
    return made | {"oldest_micros": START_US, "youngest_micros": START_US + 1500} | fields


def decode_requests(*requests: dict[str, Any], token: str = "") -> Decoded:
    left = iter(requests)

    def next_one(_body: bytes, rows: Rows) -> Report:
        return read(next(left), rows, NOW_NS, protocol="lightstep_thrift", token=token)

    return decode_rows([b""] * len(requests), next_one)


def decode(*records: Any, token: str = "", **fields: Any) -> tuple[Report, list[Span]]:
    request = {"runtime": {"guid": "a1"}, "span_records": list(records)} | fields
    decoded = decode_requests(request, token=token)
    [report] = decoded.reports
    assert isinstance(report, Report)
    return report, decoded.batch.spans()


def decode_span(**fields: Any) -> Span:
    _, [kept] = decode(record(**fields))
    return kept


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", 0),
        ("0000000000000000", 0),
        ("5", 5),
        ("1D78e2de32f43bda", 0x1D78E2DE32F43BDA),
        ("ffffffff80000000ffffffff80000001", 0xFFFFFFFF80000001),
        ("123456789abcdef01", 0x23456789ABCDEF01),
        ("12345678-1234-5678-9abc-def012345678", 0x9ABCDEF012345678),
    ],
)
def test_ids(text: str, number: int) -> None:
    assert guid_number(text) == number


@pytest.mark.parametrize(
    "text", ["0x12", "1_2", " 12", "+1", "zz9", "١", "1" * 33, "\udcff", "12345678-1234"]
)
def test_other_ids_are_hashed(text: str) -> None:
    assert guid_number(text) not in (0, 1, 0x12)
    assert guid_number(text) == guid_number(text)
    assert 0 < guid_number(text) < 2**64


def test_runtime_guids_of_go_are_decimal() -> None:
    assert runtime_number("9876543210987654321") == 9876543210987654321
    assert runtime_number("7cb286493c4d1e46") == 0x7CB286493C4D1E46
    assert runtime_number("99999999999999999999") == 0x9999999999999999


def test_odd_ids_keep_their_text() -> None:
    uuid = "12345678-1234-5678-9abc-def012345678"
    kept = decode_span(trace_guid=uuid, span_guid="zz9", attributes=pairs(parent_span_guid="zz8"))
    assert kept.extra == {"trace_guid": uuid, "span_guid": "zz9"}
    assert kept.trace_id == "9abcdef012345678"
    assert kept.parent_span_id == f"{guid_number('zz8'):016x}"
    assert kept.tags == {}


def test_unpadded_upper_case_ids_are_plain() -> None:
    kept = decode_span(trace_guid="AB", span_guid="0C")
    assert (kept.trace_id, kept.span_id, kept.extra) == ("00000000000000ab", "000000000000000c", {})


@pytest.mark.parametrize(
    ("runtime", "service"),
    [
        ({"group_name": "shop", "attrs": pairs(lightstep__component_name="other")}, "shop"),
        ({"group_name": "", "attrs": pairs(lightstep__component_name="other")}, "other"),
        ({"attrs": pairs(lightstep__service_name="third")}, "third"),
        ({}, "unknown_service"),
        (None, "unknown_service"),
        ([], "unknown_service"),
    ],
)
def test_service(runtime: Any, service: str) -> None:
    report, [kept] = decode(record(), runtime=runtime)
    assert (report.reporter.service, kept.service) == (service, service)
    assert report.reporter.attribute("lightstep.service_name") is None


def test_the_reporter_keeps_what_the_runtime_said() -> None:
    runtime = {"guid": "a1", "start_micros": 5, "group_name": "shop", "attrs": pairs(a="1", b=True, a2=None)}
    report, [kept] = decode(record(), runtime=runtime)
    assert report.reporter.id == 0xA1
    assert report.reporter.attributes == (("a", "1"), ("b", True), ("a2", None))
    assert report.reporter.detail == {"guid": "a1", "group_name": "shop", "start_micros": 5}
    assert kept.reporter.id == "00000000000000a1"


def test_each_report_of_a_call_has_its_own_reporter() -> None:
    requests = [
        {"runtime": {"group_name": f"s{number % 2}"}, "span_records": [record()] * number}
        for number in range(4)
    ]
    decoded = decode_requests(*requests)
    assert [kept.service for kept in decoded.batch.spans()] == ["s1", "s0", "s0", "s1", "s1", "s1"]
    assert len(decoded.batch.reporters) == 2


def test_tokens_in_tags_are_used_and_not_stored() -> None:
    tagged = record(attributes=pairs(lightstep__access_token="secret", x="1"))
    report, [kept] = decode(tagged, runtime={"attrs": pairs(y="2")})
    assert (report.token, kept.tags) == ("secret", {"x": "1"})
    report, [kept] = decode(tagged, token="body", runtime={"attrs": pairs(access_token="runtime")})
    assert (report.token, kept.reporter.attributes) == ("body", {})


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"error_flag": True}, True),
        ({"error_flag": "true"}, True),
        ({"error_flag": False}, False),
        ({"error_flag": None, "attributes": pairs(error="True")}, True),
        ({"error_flag": False, "attributes": pairs(error="true")}, True),
        ({"error_flag": True, "attributes": pairs(error="false")}, True),
        ({"attributes": pairs(error="false")}, False),
    ],
)
def test_errors(fields: dict[str, Any], error: bool) -> None:
    assert decode_span(**fields).error is error


def test_flags_and_extras_stay_with_their_span() -> None:
    odd = record(
        error_flag=True,
        runtime_guid="b2",
        dropped_logs=7,
        join_ids=[{"TraceKey": "join:order", "Value": "o1"}, {"TraceKey": "user", "Value": "u1"}],
    )
    _, kept = decode({}, record(), odd, record(runtime_guid="a1"), odd)
    assert [one.error for one in kept] == [False, True, False, True]
    assert [one.extra for one in kept[::2]] == [{}, {}]
    assert kept[1].extra == kept[3].extra
    assert kept[1].extra == {
        "join_ids": [["join:order", "o1"], ["user", "u1"]],
        "runtime_guid": "b2",
        "dropped_logs": 7,
        "error_flag": True,
    }
    assert kept[1].tags == {"join:order": "o1", "join:user": "u1"}


def test_extras_join_with_the_clock_correction() -> None:
    report, [kept] = decode(
        record(dropped_logs=1, log_records=[{"timestamp_micros": START_US}]), timestamp_offset_micros=-42
    )
    assert kept.start_us == START_US - 42
    assert kept.logs[0].time_us == START_US - 42
    assert kept.extra == {"offset_us": -42, "dropped_logs": 1}
    assert report.warnings == []


@pytest.mark.parametrize("offset", [2**62, -(2**65), 10**11, "100000000000"])
def test_an_absurd_clock_correction_is_not_applied(offset: Any) -> None:
    report, [kept] = decode(record(), timestamp_offset_micros=offset)
    assert kept.start_us == START_US
    assert report.warnings == ["timestamp_offset_micros is more than a day and was not applied"]


@pytest.mark.parametrize(
    ("oldest", "youngest", "start_us", "duration_us", "marks"),
    [
        (START_US, START_US, START_US, 0, []),
        (START_US, START_US - 5, START_US, -5, ["negative_duration"]),
        (str(START_US), str(START_US + 7), START_US, 7, []),
        (START_US + 0.5, START_US + 3.5, START_US, 3, []),
        (START_US, None, START_US, 0, []),
        (None, START_US, NOW_NS // 1000, 0, ["time_invented"]),
        (0, START_US, NOW_NS // 1000, 0, ["time_invented"]),
        (None, None, NOW_NS // 1000, 0, ["time_invented"]),
        ("soon", True, NOW_NS // 1000, 0, ["time_invented"]),
        (2**63 - 1, 2**63 - 1, NOW_NS // 1000, 0, ["time_invented"]),
        (10**400, 10**400, NOW_NS // 1000, 0, ["time_invented"]),
        (1e300, float("inf"), NOW_NS // 1000, 0, ["time_invented"]),
        (1, 2**63 - 1, 0, (2**63 - 1) // 1000, ["clamped"]),
    ],
)
def test_times(oldest: Any, youngest: Any, start_us: int, duration_us: int, marks: list[str]) -> None:
    kept = decode_span(oldest_micros=oldest, youngest_micros=youngest)
    assert (kept.start_us, kept.duration_us, kept.marks) == (start_us, duration_us, marks) or (
        start_us == 0 and (kept.duration_us, kept.marks) == (duration_us, marks)
    )


def test_fractions_of_microseconds_are_kept() -> None:
    request = {"span_records": [record(oldest_micros=START_US + 0.5)]}
    decoded = decode_requests(request)
    assert decoded.batch.column("start_ns").tolist() == [START_US * 1000 + 500]


def test_spans_that_cannot_be_kept_are_dropped_by_name() -> None:
    report, kept = decode(None, 5, {}, record(trace_guid="0", span_guid=None), record(trace_guid=None))
    assert report.dropped == {"malformed": 2, "no_ids": 2}
    assert report.warnings == [
        "2 spans that were no objects were dropped",
        "2 spans without trace id and span id were dropped",
    ]
    assert [(one.span_id, one.marks) for one in kept] == [(f"{2:016x}", ["zero_id"])]


def test_log_records_keep_all_they_say() -> None:
    entry = {
        "timestamp_micros": START_US,
        "runtime_guid": "b2",
        "span_guid": "9",
        "stable_name": "cache",
        "message": "hit",
        "level": "W",
        "thread_id": 9,
        "filename": "a.c",
        "line_number": 12,
        "stack_frames": ["f", "g"],
        "payload_json": "{}",
        "error_flag": True,
        "fields": pairs(event="e"),
    }
    own = entry | {"runtime_guid": "a1", "span_guid": "2", "error_flag": False, "fields": None}
    [first, second] = decode_span(log_records=[entry, own, None, 5]).logs
    both = {key: entry[key] for key in ("stable_name", "message", "level", "thread_id", "filename")}
    both |= {key: entry[key] for key in ("line_number", "stack_frames", "payload_json")}
    assert first.fields == both | {"event": "e", "error_flag": True, "runtime_guid": "b2", "span_guid": "9"}
    assert second.fields == both
    assert first.time_us == START_US


def test_log_records_beside_the_spans_find_theirs() -> None:
    loose = [
        {"timestamp_micros": START_US, "span_guid": "02", "message": "late"},
        {"timestamp_micros": START_US, "span_guid": "9", "message": "nobody"},
        {"timestamp_micros": START_US, "message": "nobody"},
        None,
    ]
    own = [{"timestamp_micros": START_US, "fields": pairs(event="own")}]
    report, [kept] = decode(record(log_records=own), log_records=loose)
    assert [entry.fields.get("message") for entry in kept.logs] == [None, "late"]
    assert report.warnings == ["2 log records belong to no span of this report and were left out"]


def test_counters_of_all_clients() -> None:
    metrics = {
        "counts": [
            {"name": "spans.dropped", "int64_value": None, "double_value": 3},
            {"name": "logs.dropped", "int64_value": 2},
            {"name": "x", "double_value": float("nan")},
            {"name": "", "int64_value": 1},
            {"int64_value": 1},
            {},
            None,
        ]
    }
    counters = [
        {"Name": "dropped_spans", "Value": 4},
        {"Name": "dropped_counters", "Value": 0},
        {"Name": "y", "Value": "many"},
    ]
    report, _ = decode(internal_metrics=metrics, counters=counters)
    assert report.counters == {"spans.dropped": 7, "logs.dropped": 2, "dropped_counters": 0}


def test_values_of_other_types_than_text() -> None:
    kept = decode_span(
        attributes=[
            *pairs(i=5, f=0.5, b=True, n=None, big=2**70, list=[1, {"a": None}], dict={"a": [1]}),
            {"Key": 7, "Value": "key"},
            {"Value": "no key"},
            {},
            None,
            "text",
        ]
    )
    assert kept.tags == {
        "i": 5,
        "f": 0.5,
        "b": True,
        "n": None,
        "big": str(2**70),
        "list": '[1, {"a": null}]',
        "dict": '{"a": [1]}',
        "7": "key",
        "": "no key",
    }


def test_equal_but_differently_typed_values_stay_apart() -> None:
    _, kept = decode(
        *(record(span_guid=str(n + 1), attributes=pairs(v=v)) for n, v in enumerate((1, True, 1.0, "1")))
    )
    assert [type(one.tags["v"]) for one in kept] == [int, bool, float, str]


def test_broken_text_is_replaced_and_marked() -> None:
    broken = record(
        span_name="a\udcff",
        attributes=pairs(k="b\udcfe"),
        join_ids=[{"TraceKey": "\udcff", "Value": "\udcff"}],
        runtime_guid="\udcff",
    )
    report, [kept, other] = decode(
        broken, record(), runtime={"guid": "\udcff", "group_name": "s\udcff", "attrs": pairs(a="\udcff")}
    )
    assert (kept.operation, kept.tags["k"], kept.marks) == ("a\ufffd", "b\ufffd", ["bad_utf8"])
    assert (other.marks, report.reporter.service) == ([], "s\ufffd")
    assert report.warnings == ["1 spans held invalid UTF-8; it was replaced by U+FFFD"]


def test_kind_and_meta_events() -> None:
    kept = decode_span(attributes=pairs(span__kind="Server", lightstep__meta_event="true"))
    assert (kept.kind, kept.marks) == ("server", ["meta_event"])


@pytest.mark.parametrize("strange", [None, 5, "x", [], {}, [[]], [None], [5]])
def test_parts_of_the_wrong_shape_are_as_good_as_absent(strange: Any) -> None:
    names = (
        "runtime",
        "span_records",
        "log_records",
        "counters",
        "internal_metrics",
        "timestamp_offset_micros",
    )
    decode(**dict.fromkeys(names, strange))
    _, [kept] = decode(
        record(**dict.fromkeys(("attributes", "join_ids", "log_records", "oldest_micros"), strange))
    )
    assert kept.span_id == f"{2:016x}"


def test_answers() -> None:
    assert response(Receipt(1_700_000_001_000_000_000, 1_700_000_001_001_000_000)) == {
        "commands": [],
        "timing": {"receive_micros": 1_700_000_001_000_000, "transmit_micros": 1_700_000_001_001_000},
        "errors": [],
    }
    assert response(Receipt(1, 2, AccessDenied("5%")))["errors"] == ["5percent "]
