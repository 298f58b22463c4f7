"""Records that are found together mean what they mean when they are read one by one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.errors import TooLarge
from satellite.model.report import Decoded, Report
from satellite.protocols.lightstep import crouton, plain_records
from satellite.protocols.lightstep.thrift import decode
from satellite.protocols.readers import thrift

NOW_NS = 1_700_000_001_000_000_000
NOW_US = NOW_NS // 1000
GUID = "9f"


def pairs(**tags: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def record(number: int, **other: Any) -> dict[str, Any]:
    plain = {
        "span_guid": f"{number + 1:x}",
        "runtime_guid": GUID,
        "span_name": f"step {number % 3}",
        "oldest_micros": NOW_US - 1000 + number,
        "youngest_micros": NOW_US + number,
        "attributes": pairs(zone=f"eu-{number % 2}", order=str(number)),
        "log_records": [],
        "trace_guid": "ABCDEF0123456789",
    }
    return {name: value for name, value in (plain | other).items() if value is not None}


def call(records: list[dict[str, Any]], offset_us: int = 0) -> bytes:
    request = {
        "runtime": {"guid": GUID, "group_name": "shop"},
        "span_records": records,
        "timestamp_offset_micros": offset_us,
    }
    content = thrift.write_struct({"auth": {}, "request": request}, crouton.ARGUMENTS)
    return thrift.write_message(thrift.Message("Report", thrift.CALL, 7), content)


def one_by_one(body: bytes) -> Decoded:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain_records, "RECORDS_MIN", 2**31)
        return decode([body], NOW_NS)


def same(decoded: Decoded, expected: Decoded) -> None:
    assert decoded.batch.spans() == expected.batch.spans()
    assert decoded.reports == expected.reports


def found(body: bytes) -> int:
    """How many records of a call are found together."""
    arguments = thrift.read_struct(body, crouton.ARGUMENTS, thrift.read_message(body)[1])
    records = arguments["request"]["span_records"]
    return sum(len(one) for one in records if isinstance(one, plain_records.PlainRecords))


LOG = {"timestamp_micros": NOW_US, "fields": pairs(event="error", message="no")}
ODD: dict[str, dict[str, Any]] = {
    "nothing": {},
    "no tags": {"attributes": []},
    "failed": {"error_flag": True},
    "not failed": {"error_flag": False},
    "empty join ids": {"join_ids": []},
    "join ids": {"join_ids": [{"TraceKey": "join:user", "Value": "7"}]},
    "a log": {"log_records": [LOG, LOG | {"fields": []}]},
    "a log of the first tracers": {"log_records": [LOG | {"stable_name": "x"}]},
    "a log without a time": {"log_records": [{"fields": pairs(event="e")}]},
    "a parent": {"attributes": pairs(parent_span_guid="ffffffffffffffff")},
    "a parent that is no number": {"attributes": pairs(parent_span_guid="here")},
    "a kind": {"attributes": [*pairs(**{"span.kind": "server"}), *pairs(**{"span.kind": "CLIENT"})]},
    "an error": {"attributes": pairs(error="true")},
    "an error that is none": {"attributes": [*pairs(error="true"), *pairs(error="false")]},
    "a status": {"attributes": pairs(**{"otel.status_code": "ERROR"})},
    "a status that an error denies": {"attributes": pairs(error="false", **{"otel.status_code": "ERROR"})},
    "a meta event": {"attributes": pairs(**{"lightstep.meta_event": "true"})},
    "a meta event once": {
        "attributes": [*pairs(**{"lightstep.meta_event": "true"}), *pairs(**{"lightstep.meta_event": "no"})]
    },
    "a token": {"attributes": pairs(**{"lightstep.access_token": "secret"})},
    "long texts": {"attributes": pairs(k="v" * 127, l="v" * 128, **{"m" * 200: "v" * 5000})},
    "a very long text": {"attributes": pairs(k="v" * 20_000)},
    "letters": {"span_name": "größe", "attributes": pairs(größe="日本", empty="")},
    "no letters": {"attributes": [{"Key": "k\udcff", "Value": "v"}]},
    "a name that is no text": {"span_name": "n\udcff"},
    "a field alone": {"attributes": [{"Key": "k"}, {"Value": "v"}]},
    "what looks like a pair": {
        "attributes": pairs(
            k="\x0b\0\x01\0\0\0\x01a\x0b\0\x02\0\0\0\x01b\0", **{"\x0b\0\x01\0": "\x0b\0\x02"}
        )
    },
    "another process": {"runtime_guid": "5"},
    "no process": {"runtime_guid": ""},
    "no runtime": {"runtime_guid": None},
    "a long id": {"trace_guid": "0123456789abcdef" * 2},
    "an id of base 36": {"span_guid": "zz"},
    "no id": {"span_guid": "", "trace_guid": ""},
    "half an id": {"span_guid": "0"},
    "no trace": {"trace_guid": None},
    "no start": {"oldest_micros": None},
    "a start of 0": {"oldest_micros": 0},
    "before the epoch": {"oldest_micros": -5},
    "no end": {"youngest_micros": None},
    "an end before the start": {"youngest_micros": 5},
    "a late start": {"oldest_micros": NOW_US * 2, "youngest_micros": NOW_US * 2},
    "a time beyond any": {"oldest_micros": 2**62, "youngest_micros": 2**63 - 1},
    "no name": {"span_name": None},
    "an empty name": {"span_name": ""},
}
PLAIN = [
    *("nothing", "no tags", "failed", "not failed", "empty join ids", "a log", "a parent", "a kind"),
    *("letters", "no process", "an empty name", "long texts"),
]


@pytest.mark.parametrize("what", ODD)
def test_each_odd_record_among_plain_ones(what: str) -> None:
    records = [record(number) for number in range(20)]
    records[11] = record(11, **ODD[what])
    for offset_us in (0, 1500, -(2**62)):
        body = call(records, offset_us)
        same(decode([body], NOW_NS), one_by_one(body))


@pytest.mark.parametrize("what", PLAIN)
def test_what_is_plain_is_found_together(what: str) -> None:
    assert found(call([record(number, **ODD[what]) for number in range(20)])) == 20


@given(
    st.lists(st.sampled_from(sorted(ODD)), min_size=8, max_size=30),
    st.sampled_from([0, 0, 7, -7]),
    st.integers(0, 2**40),
    st.integers(0, 255),
)
def test_any_records_and_any_byte_changed(kinds: list[str], offset_us: int, place: int, byte: int) -> None:
    body = call([record(number, **ODD[what]) for number, what in enumerate(kinds)], offset_us)
    same(decode([body], NOW_NS), one_by_one(body))
    changed = bytearray(body)
    changed[place % len(body)] = byte
    decoded, expected = decode([bytes(changed)], NOW_NS), one_by_one(bytes(changed))
    assert decoded.batch.spans() == expected.batch.spans()
    assert [repr(one) for one in decoded.reports] == [repr(one) for one in expected.reports]


@given(st.integers(1, 40))
def test_records_over_several_windows(window_bytes: int) -> None:
    body = call([record(number, **ODD[PLAIN[number % len(PLAIN)]]) for number in range(60)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain_records, "WINDOW_BYTES", window_bytes * 200)
        same(decode([body], NOW_NS), one_by_one(body))


def test_elements_of_records_found_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thrift, "ELEMENTS_FREE", 10)
    [outcome] = decode(
        [call([record(number, attributes=[{"Key": "", "Value": ""}] * 50) for number in range(20)])], NOW_NS
    ).reports
    assert isinstance(outcome, TooLarge)


def test_a_body_of_beginnings_only() -> None:
    body = call([record(number, span_name="\x0b\0\x01" * 20_000) for number in range(8)])
    assert found(body) == 0
    [outcome] = decode([body], NOW_NS).reports
    assert isinstance(outcome, Report)
    assert len(decode([body], NOW_NS).batch) == 8
