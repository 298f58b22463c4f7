"""Large JSON documents that are read in parts: the same values and the same refusals as when read at once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.errors import BadReport, TooLarge
from satellite.model.report import Report
from satellite.protocols.readers import json_document, json_parts
from satellite.protocols.readers.json_parts import Elements, read_elements, read_members
from tests.protocols.soundness import CODECS, NOW_NS


@pytest.fixture(autouse=True)
def _all_are_large() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_parts, "UNCOUNTED_BYTES", 0)
        yield


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.text() | st.just("spans"), VALUES), st.sampled_from([None, 1]), st.booleans())
def test_parts_are_the_whole(value: dict[str, Any], indent: int | None, ascii_only: bool) -> None:
    found = read_members(json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode(), "spans")
    assert isinstance(found.get("spans"), Elements) == isinstance(value.get("spans"), list)
    plain = {key: list(one) if isinstance(one, Elements) else one for key, one in found.items()}
    assert plain.get("spans") == value.get("spans")
    assert list(plain.values()) == list(value.values())


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b" ", "the body is empty"),
        (b"[]", "the JSON is no object"),
        (b'{"spans":[1]', "Expecting ',' delimiter"),
        (b'{"spans":[1,]}', "not JSON"),
        (b'{"spans":[1 2]}', "expected , or ]"),
        (b'{"a":1,}', "not JSON"),
        (b"{1:2}", "Expecting property name"),
        (b'{"a" 1}', "expected :"),
        (b'{"spans":[]} x', "Extra data"),
        (b'{"spans":[],"spans":[]}', "'spans' stands twice"),
        (b'{"\xc3\xbc":1,"\xc3\xbc":2}', "'ü' stands twice"),
        (b'{"a":{"b":1,"b":2}}', "'b' stands twice"),
        (b'{"a":' + b"[" * 100_000, "nested too deeply"),
    ],
)
def test_refusals_say_why(body: bytes, reason: str) -> None:
    with pytest.raises(BadReport, match=re.escape(reason)):
        read_members(body, "spans")


def test_what_is_wrong_within_an_element_is_told_when_its_turn_comes() -> None:
    elements = iter(read_members(b'\xef\xbb\xbf{"spans": [{}, {"a": 1, "a": 2}]}', "spans")["spans"])
    assert next(elements) == {}
    with pytest.raises(BadReport, match="stands twice"):
        next(elements)


def test_values_of_a_part_and_elements_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_parts, "FREE", 1)
    with pytest.raises(TooLarge, match="more 'spans'"):
        read_members(b'{"spans":[{},{}]}', "spans")
    assert len(read_members(b'{"spans":[{},{}]%b}' % (b" " * 64), "spans")["spans"]) == 2
    monkeypatch.setattr(json_document, "UNCOUNTED_BYTES", 0)
    monkeypatch.setattr(json_document, "VALUES_FREE", 8)
    elements = read_members(b'{"spans":[[1,2,3,4,5,6,7,8,9]]}', "spans")["spans"]
    with pytest.raises(TooLarge, match="more values"):
        list(elements)
    with pytest.raises(TooLarge, match="more values"):
        read_members(b'{"other":[1,2,3,4,5,6,7,8,9]}', "spans")


def test_elements_that_msgspec_refuses() -> None:
    assert list(read_elements(b'\xef\xbb\xbf [NaN, 1 , {"a": "\xff"}]')) == [
        pytest.approx(float("nan"), nan_ok=True),
        1,
        {"a": "\udcff"},
    ]
    with pytest.raises(BadReport, match="something follows"):
        list(read_elements(b"[1] 2"))


LIGHTSTEP = {
    "reporter": {"reporterId": "7", "tags": [{"key": "lightstep.component_name", "stringValue": "shop"}]},
    "spans": [
        {"spanContext": {"traceId": number, "spanId": number}, "operationName": f"op-{number}"}
        for number in range(1, 4)
    ],
}
CROUTON = {
    "span_records": [
        {"span_guid": f"{number}", "trace_guid": "1", "span_name": f"op-{number}", "runtime_guid": "abc"}
        for number in range(1, 4)
    ],
    "log_records": [{"span_guid": "2", "message": "late"}],
    "runtime": {"guid": "abc", "group_name": "shop"},
}


@pytest.mark.parametrize(
    ("name", "sent"), [("lightstep_json", LIGHTSTEP), ("lightstep_thrift_json", CROUTON)], ids=str
)
def test_reports_read_in_parts_mean_the_same(
    name: str, sent: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    body = json.dumps(sent).encode()
    decode = CODECS[name].protocol.decode
    in_parts = decode([body], NOW_NS)
    monkeypatch.setattr(json_parts, "UNCOUNTED_BYTES", 2**18)
    at_once = decode([body], NOW_NS)
    assert in_parts.batch.spans() == at_once.batch.spans()
    [report] = in_parts.reports
    assert isinstance(report, Report)
    assert report.reporter.service == "shop"
    assert [span.operation for span in in_parts.batch.spans()] == ["op-1", "op-2", "op-3"]
