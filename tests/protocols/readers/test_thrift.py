"""The reader and writer of TBinaryProtocol: what it reads, what it skips, and where it stops."""

from __future__ import annotations

import struct
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.errors import BadReport, TooLarge
from satellite.protocols.readers import thrift
from satellite.protocols.readers.thrift import Field, Message, Schema

PAIR: Schema = {1: Field("key", thrift.STRING), 2: Field("value", thrift.STRING)}
SCHEMA: Schema = {
    1: Field("text", thrift.STRING),
    2: Field("raw", thrift.STRING, binary=True),
    3: Field("flag", thrift.BOOL),
    4: Field("small", thrift.I8),
    5: Field("short", thrift.I16),
    6: Field("int", thrift.I32),
    7: Field("long", thrift.I64),
    8: Field("double", thrift.DOUBLE),
    9: Field("pair", thrift.STRUCT, PAIR),
    10: Field("pairs", thrift.LIST, PAIR),
    11: Field("texts", thrift.LIST, thrift.STRING),
    12: Field("raws", thrift.SET, thrift.STRING, binary=True),
    13: Field("longs", thrift.LIST, thrift.I64),
    14: Field("flags", thrift.LIST, thrift.BOOL),
}

texts = st.text(max_size=10)
pairs = st.fixed_dictionaries({}, optional={"key": texts, "value": texts})
values = st.fixed_dictionaries(
    {},
    optional={
        "text": texts,
        "raw": st.binary(max_size=10),
        "flag": st.booleans(),
        "small": st.integers(-(2**7), 2**7 - 1),
        "short": st.integers(-(2**15), 2**15 - 1),
        "int": st.integers(-(2**31), 2**31 - 1),
        "long": st.integers(-(2**63), 2**63 - 1),
        "double": st.floats(allow_nan=False),
        "pair": pairs,
        "pairs": st.lists(pairs, max_size=4),
        "texts": st.lists(texts, max_size=4),
        "raws": st.lists(st.binary(max_size=5), max_size=4),
        "longs": st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4),
        "flags": st.lists(st.booleans(), max_size=4),
    },
)


@given(values)
def test_what_is_written_is_read(value: dict[str, Any]) -> None:
    written = thrift.write_struct(value, SCHEMA)
    assert thrift.read_struct(written, SCHEMA) == value
    assert thrift.read_struct(b"xx" + written + b"rest", SCHEMA, 2) == value


@given(values)
def test_unknown_fields_and_fields_of_another_type_are_skipped(value: dict[str, Any]) -> None:
    written = thrift.write_struct(value, SCHEMA)
    assert thrift.read_struct(written, {}) == {}
    texts_only = {number: Field("x", thrift.STRING) for number in SCHEMA}
    assert set(thrift.read_struct(written, texts_only)) <= {"x"}


@given(st.lists(pairs, max_size=5))
def test_bare_lists(items: list[dict[str, Any]]) -> None:
    assert list(thrift.read_list(thrift.write_list(items, PAIR), PAIR)) == items


OTHERS = values.filter(lambda value: value.keys() != {"text", "raw"})  # they are fields 1 and 2, strings, too


@given(st.lists(pairs | OTHERS, max_size=5))
def test_structs_as_their_bytes_are_those_that_were_written(items: list[dict[str, Any]]) -> None:
    schema: Schema = {1: Field("list", thrift.LIST, PAIR, encoded=True), 2: Field("after", thrift.BOOL)}
    body = b"".join(
        thrift.write_struct(item, PAIR if item.keys() <= {"key", "value"} else SCHEMA) for item in items
    )
    head = b"\x0f\x00\x01\x0c" + len(items).to_bytes(4, "big")
    found = thrift.read_struct(head + body + b"\x02\x00\x02\x01\x00", schema)
    assert found == {"list": found["list"], "after": True}
    assert b"".join(found["list"]) == body
    for item, encoded in zip(items, found["list"], strict=True):
        both = item.keys() == {"key", "value"}
        assert thrift.read_texts(encoded) == ((item["key"], item["value"]) if both else None)


@pytest.mark.parametrize("size", [-1, -8, 2**31 - 1, -(2**31)])
def test_a_text_of_an_impossible_length_ends_the_list(size: int) -> None:
    schema: Schema = {1: Field("list", thrift.LIST, PAIR, encoded=True)}
    pair = thrift.write_struct({"key": "a", "value": "b"}, PAIR)
    for at in (3, 11):
        broken = pair[:at] + struct.pack(">i", size) + pair[at + 4 :]
        with pytest.raises(BadReport):
            thrift.read_struct(b"\x0f\x00\x01\x0c\x00\x00\x00\x02" + broken + pair + b"\x00", schema)


def test_a_list_of_another_kind_is_empty_and_skipped() -> None:
    numbers = {1: Field("n", thrift.LIST, thrift.I32), 2: Field("after", thrift.I32)}
    strings = {1: Field("n", thrift.LIST, thrift.STRING), 2: Field("after", thrift.I32)}
    assert thrift.read_struct(thrift.write_struct({"n": [1, 2], "after": 5}, numbers), strings) == {
        "n": [],
        "after": 5,
    }
    assert thrift.read_struct(thrift.write_struct({"n": ["a"], "after": 5}, strings), numbers) == {
        "n": [],
        "after": 5,
    }


def test_maps_and_uuids_are_skipped() -> None:
    a_map = b"\x0d\x00\x63\x0b\x0c" + struct.pack(">i", 2) + (struct.pack(">i", 1) + b"k" + b"\0") * 2
    uuid = b"\x10\x00\x62" + bytes(16)
    assert thrift.read_struct(a_map + uuid + b"\x06\x00\x05\x00\x07\x00", SCHEMA) == {"short": 7}


def test_an_empty_list_may_have_no_type() -> None:
    body = b"\x0f\x00\x0a\x00" + bytes(4) + b"\x0f\x00\x63\x00" + bytes(4) + b"\x00"
    assert thrift.read_struct(body, SCHEMA) == {"pairs": []}


def test_broken_utf8_becomes_surrogates_in_texts_only() -> None:
    body = b"\x0b\x00\x01" + struct.pack(">i", 2) + b"a\xff"
    body += b"\x0b\x00\x02" + struct.pack(">i", 2) + b"a\xff"
    pair = b"\x0b\x00\x01" + struct.pack(">i", 1) + b"k" + b"\x0b\x00\x02" + struct.pack(">i", 1) + b"\xfe\0"
    body += b"\x0f\x00\x0a\x0c" + struct.pack(">i", 1) + pair + b"\0"
    assert thrift.read_struct(body, SCHEMA) == {
        "text": "a\udcff",
        "raw": b"a\xff",
        "pairs": [{"key": "k", "value": "\udcfe"}],
    }


def test_the_last_of_a_repeated_field_counts() -> None:
    assert thrift.read_struct(b"\x06\x00\x05\x00\x07\x06\x00\x05\x00\x08\x00", SCHEMA) == {"short": 8}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x0b",
        b"\x0b\x00\x01\x00\x00\x00\x05ab",
        b"\x0b\x00\x01\xff\xff\xff\xff\x00",
        b"\x0b\x00\x01\x7f\xff\xff\xff\x00",
        b"\x0b\x00\x63\xff\xff\xff\xff\x00",
        b"\x0b\x00\x63\x7f\xff\xff\xff\x00",
        b"\x0f\x00\x0a\x0c\x7f\xff\xff\xff\x00",
        b"\x0f\x00\x0a\x0c\xff\xff\xff\xff\x00",
        b"\x0f\x00\x63\x0a\x10\x00\x00\x00\x00",
        b"\x0d\x00\x63\x0b\x0b\x10\x00\x00\x00\x00",
        b"\x0f\x00\x63\x05\x00\x00\x00\x01\x00",
        b"\x05\x00\x63\x00",
        b"\xff\x00\x63\x00",
        b"\x0c\x00\x09",
        b"\x02\x00\x03",
        b"\x0a\x00\x07\x00",
    ],
)
def test_what_cannot_be_is_refused(body: bytes) -> None:
    with pytest.raises(BadReport):
        thrift.read_struct(body, SCHEMA)


@pytest.mark.parametrize("known", [True, False], ids=["read", "skipped"])
def test_depth_is_bounded(known: bool) -> None:
    nested: Schema = {}
    if known:
        nested[1] = Field("in", thrift.STRUCT, nested)
    deepest = thrift.DEPTH_MAX // 2
    thrift.read_struct(b"\x0c\x00\x01" * deepest + bytes(deepest + 1), nested)
    with pytest.raises(BadReport, match="nested"):
        thrift.read_struct(b"\x0c\x00\x01" * 100_000 + bytes(100_001), nested)


@pytest.mark.parametrize(
    "head", [b"\x0f\x00\x63\x0f" + struct.pack(">i", 1), b"\x0d\x00\x63\x02\x0d\0\0\0\x01\x01"]
)
def test_depth_of_skipped_containers_is_bounded(head: bytes) -> None:
    inner = b"\x0f" + struct.pack(">i", 1) if head[0] == thrift.LIST else b"\x02\x0d\0\0\0\x01\x01"
    with pytest.raises(BadReport, match="nested"):
        thrift.read_struct(head + inner * 10_000, SCHEMA)


@pytest.mark.parametrize("number", [10, 99], ids=["read", "skipped"])
def test_the_number_of_elements_is_bounded(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thrift, "ELEMENTS_FREE", 4)
    two_lists = (bytes([thrift.LIST, 0, number, thrift.STRUCT]) + struct.pack(">i", 3) + bytes(3)) * 2
    with pytest.raises(TooLarge, match="more elements"):
        thrift.read_struct(two_lists + b"\0", SCHEMA)


@given(st.binary(max_size=100))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for read in (thrift.read_struct, thrift.read_list):
        with suppress(BadReport):
            list(read(body, SCHEMA))
    with suppress(BadReport):
        thrift.read_message(body)


@given(st.text(max_size=20), st.integers(0, 127), st.integers(-(2**31), 2**31 - 1), st.booleans())
def test_envelopes(name: str, kind: int, sequence: int, strict: bool) -> None:
    message = Message(name, kind, sequence, strict)
    written = thrift.write_message(message, b"rest")
    assert thrift.read_message(written) == (message, len(written) - 4)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x80\x01",
        b"\x80\x02\x00\x01" + bytes(12),
        b"\x7f\xff\xff\xff",
        b"GET / HTTP/1.1",
        b"\x00\x00\x00\x02ab",
    ],
)
def test_what_is_no_envelope_is_refused(body: bytes) -> None:
    with pytest.raises(BadReport):
        thrift.read_message(body)


def test_the_exception_vector() -> None:
    written = thrift.write_exception(Message("Report", thrift.CALL, 0), "bad", thrift.PROTOCOL_ERROR)
    assert written.hex() == "80010003000000065265706f7274000000000b0001000000036261640800020000000700"


PARTS: Schema = {
    1: Field("one", thrift.STRUCT, PAIR),
    2: Field("number", thrift.I32),
    3: Field("many", thrift.LIST, PAIR),
}


@given(pairs, st.lists(pairs, max_size=5))
def test_the_structs_of_a_struct_come_one_by_one(one: dict[str, Any], many: list[dict[str, Any]]) -> None:
    body = thrift.write_struct({"one": one, "number": 5, "many": many}, PARTS)
    found = [("one", one), *(("many", item) for item in many)]
    assert list(thrift.read_parts(body, PARTS)) == found
    assert list(thrift.read_parts(body, {3: PARTS[3]})) == found[1:]
    with pytest.raises(BadReport):
        list(thrift.read_parts(body[:-1], PARTS))


def test_the_elements_of_one_part_are_bounded_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thrift, "PART_ELEMENTS_FREE", 4)
    monkeypatch.setattr(thrift, "PART_ELEMENT_BYTES", 2**20)
    lists: Schema = {1: Field("list", thrift.LIST, PAIR)}
    spans: Schema = {1: Field("spans", thrift.LIST, lists)}
    for count, fits in ((4, True), (5, False)):
        item = {"list": [{"key": "k"}] * count}
        for body, read in (
            (thrift.write_struct({"spans": [item] * 3}, spans), lambda body: thrift.read_parts(body, spans)),
            (thrift.write_list([item] * 3, lists), lambda body: thrift.read_list(body, lists)),
        ):
            if fits:
                assert len(list(read(body))) == 3
            else:
                with pytest.raises(TooLarge):
                    list(read(body))
