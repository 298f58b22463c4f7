"""JSON bodies: what is exact, what is refused, what broken text becomes."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.errors import BadReport, TooLarge
from satellite.protocols.readers import json_document
from satellite.protocols.readers.json_document import (
    broken_max,
    check_values,
    clean_text,
    encode_text,
    read_json,
)


def test_integers_are_exact() -> None:
    assert read_json(b'{"a": 18446744073709551615, "b": -9223372036854775809}') == {
        "a": 2**64 - 1,
        "b": -(2**63) - 1,
    }


def test_a_byte_order_mark_is_no_harm() -> None:
    assert read_json(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"{", "not JSON"),
        (b"{} {}", "Extra data"),
        (b'{"a": 1, "b": 2, "a": 3}', "'a' stands twice"),
        (b'[{"x": {"\\ud800": 1, "\\ud800": 2}}]', "stands twice"),
        (b"[NaN]", "NaN"),
        (b"[-Infinity]", "Infinity"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"1" * 10_000, "digits"),
    ],
)
def test_refusals_say_why(body: bytes, reason: str) -> None:
    with pytest.raises(BadReport, match=reason):
        read_json(body)


def test_the_number_of_values_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_document, "UNCOUNTED_BYTES", 4)
    monkeypatch.setattr(json_document, "VALUES_FREE", 4)
    assert read_json(b"[{},{}]", 100) == [{}, {}]
    with pytest.raises(TooLarge):
        read_json(b"[{},{},{}]", 100)
    monkeypatch.setattr(json_document, "VALUES_FREE", 2000)
    with pytest.raises(BadReport, match="nested too deeply"):
        read_json(b"[" * 3000 + b"]" * 3000, 1000)


PIECES = st.lists(st.sampled_from([",", "[", "{", '"', "\\", "]", "}", "a", '\\"', "\u00e9"]), max_size=40)


@given(
    st.recursive(
        st.none() | PIECES.map("".join), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_values_are_counted_outside_of_texts(value: Any) -> None:
    def count(one: Any) -> int:
        inner = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        return sum(map(count, inner)) + max(0, len(inner) - 1) + isinstance(one, dict | list)

    body = json.dumps(value, ensure_ascii=False).encode() or b" "
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_document, "_CHUNK_BYTES", 7)
        patch.setattr(json_document, "UNCOUNTED_BYTES", 0)
        patch.setattr(json_document, "VALUES_FREE", count(value))
        check_values(body, 10**6)
        patch.setattr(json_document, "VALUES_FREE", count(value) - 1)
        with pytest.raises(TooLarge):
            check_values(body, 10**6)


def test_broken_utf8_survives_until_it_is_encoded() -> None:
    text = read_json(b'"a\xffb\xc3\xbc"')
    assert encode_text(text) == b"a\xffb\xc3\xbc"
    assert clean_text(text) == "a\ufffdbü"


def test_lone_surrogates_are_one_broken_byte_each() -> None:
    assert encode_text(read_json(rb'"a\ud800b"')) == b"a\xffb"
    assert clean_text(read_json(rb'"\udc80\udfff\ud83d\ude00"')) == "\ufffd\ufffd😀"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_json_is_read(value: object) -> None:
    assert read_json(json.dumps(value).encode()) == value


@given(st.binary(max_size=50))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with suppress(BadReport, TooLarge):
        read_json(body)


def test_how_much_may_be_no_utf8() -> None:
    assert broken_max(0) == 2**17
    assert broken_max(2**23) == 2**17 + 2**20
