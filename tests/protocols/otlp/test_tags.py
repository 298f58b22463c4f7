"""Attributes as tags, rewritten in bulk, against the plain reading of each."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from satellite.model.tag import MALFORMED_KEY, decode_tag, encode_tag
from satellite.protocols.otlp.tags import STRUCTURE_BYTES_MAX, read_attribute, to_tags
from tests.protocols.otlp_requests import any_value, keys, same, values

ALL_SORTS: list[tuple[str, Any]] = [
    ("text", "x"),
    ("empty", ""),
    ("long", "x" * 200),
    ("longer", "x" * 20_000),
    ("longest", "x" * 3_000_000),
    ("int", 5),
    ("negative", -1),
    ("big", 2**63 - 1),
    ("double", 0.5),
    ("true", True),
    ("false", False),
    ("bytes", b"\xff\x00"),
    ("nothing", None),
    ("ü", "é"),
    ("k" * 127, "v"),
    ("k" * 128, "v"),
    ("array", ["a", 1, None]),
    ("map", {"a": [b"x"]}),
]


def tags_of(encoded: list[bytes]) -> list[bytes]:
    """The tag of each attribute, which need not be distinct."""
    array = pa.array(encoded, pa.binary()).dictionary_encode()
    found = to_tags(array.dictionary)
    codes = array.indices.to_numpy()
    places = codes if found.mapping is None else found.mapping[codes]
    return list(found.tags.take(pa.array(places)).to_pylist())


def attribute(key: str, value: Any) -> bytes:
    return KeyValue(key=key, value=any_value(value)).SerializeToString()


def test_every_type_keeps_its_value() -> None:
    encoded = [attribute(key, value) for key, value in ALL_SORTS]
    assert tags_of(encoded) == [encode_tag(key, value) for key, value in ALL_SORTS]


@given(st.lists(st.tuples(keys, values), max_size=12))
def test_any_attributes(pairs: list[tuple[str, Any]]) -> None:
    found = tags_of([attribute(key, value) for key, value in pairs])
    assert all(same(decode_tag(tag), (key, value)) for tag, (key, value) in zip(found, pairs, strict=True))
    assert all(tag == encode_tag(key, value) for tag, (key, value) in zip(found, pairs, strict=True) if key)


@given(st.lists(st.binary(max_size=24), max_size=8))
def test_any_bytes_read_the_same_in_bulk_as_one_by_one(raw: list[bytes]) -> None:
    assert tags_of(raw) == [read_attribute(encoded)[0] for encoded in raw]


@given(keys, values, st.integers(0, 40), st.integers(0, 255))
def test_a_changed_byte_reads_the_same_in_bulk(key: str, value: Any, place: int, byte: int) -> None:
    encoded = bytearray(attribute(key, value))
    if encoded:
        encoded[place % len(encoded)] = byte
    usual = attribute("usual", "x")
    assert tags_of([usual, bytes(encoded)]) == [encode_tag("usual", "x"), read_attribute(bytes(encoded))[0]]


@pytest.mark.parametrize(
    "spelling",
    [
        b"\x12\x03\x0a\x01v\x0a\x01k",  # value first
        b"\x0a\x81\x00k\x12\x03\x0a\x01v",  # a longer varint for the key
        b"\x0a\x01k\x12\x83\x00\x0a\x01v",  # for the wrapper
        b"\x0a\x01k\x12\x04\x0a\x81\x00v",  # for the text
        b"\x0a\x01k\x12\x05\x18\x05\x0a\x01v",  # two values, the last counts
        b"\x0a\x01j\x0a\x01k\x12\x03\x0a\x01v",  # two keys
        b"\x0a\x01k\x18\x07\x12\x03\x0a\x01v",  # a field of another release
    ],
)
def test_odd_spellings_of_one_attribute_become_one_tag(spelling: bytes) -> None:
    found = to_tags(pa.array([spelling, attribute("k", "v")], pa.binary()))
    assert found.tags.to_pylist() == [encode_tag("k", "v")]
    assert found.mapping is not None
    assert found.mapping.tolist() == [0, 0]


def test_a_value_that_is_missing_and_one_that_is_empty_are_one() -> None:
    found = tags_of([b"\x0a\x01k", b"\x0a\x01k\x12\x00", b""])
    assert found == [encode_tag("k", None), encode_tag("k", None), encode_tag("", None)]


def test_invalid_utf8_is_replaced_and_told() -> None:
    raw = [b"\x0a\x01k\x12\x04\x0a\x02a\xff", attribute("k", "é"), b"\x0a\x02k\xff\x12\x02\x18\x01"]
    found = to_tags(pa.array(raw, pa.binary()))
    assert [decode_tag(tag) for tag in found.tags.to_pylist()] == [("k", "a�"), ("k", "é"), ("k�", 1)]
    assert found.repaired.tolist() == [0, 2]
    inside = KeyValue(key="k", value=any_value(["xy"])).SerializeToString().replace(b"xy", b"x\xff")
    assert read_attribute(inside) == (encode_tag("k", ["x�"]), True)


def test_deep_values_stay_bytes_beyond_what_protobuf_reads() -> None:
    def nested(depth: int) -> bytes:
        value = AnyValue()
        inner = value
        for _ in range(depth):
            inner = inner.array_value.values.add()
        return b"\x0a\x01k" + _field(2, value.SerializeToString())

    key, value = decode_tag(read_attribute(nested(40))[0])
    assert (key, str(value).count("[")) == ("k", 40)
    raw = b"\x0a\x00"
    for _ in range(5000):
        raw = _field(5, _field(1, raw))
    raw = b"\x0a\x01k" + _field(2, raw)
    assert decode_tag(tags_of([raw])[0]) == (MALFORMED_KEY, raw)


def _field(number: int, content: bytes) -> bytes:
    size, length = len(content), bytearray()
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([number << 3 | 2]) + bytes(length) + bytes([size]) + content


def test_huge_structures_stay_bytes_and_huge_texts_do_not() -> None:
    crowd = b"\x0a\x01k" + _field(2, _field(5, b"\x0a\x00" * (STRUCTURE_BYTES_MAX // 2)))
    assert decode_tag(tags_of([crowd])[0]) == (MALFORMED_KEY, crowd)
    text = "x" * (STRUCTURE_BYTES_MAX + 1)
    assert tags_of([attribute("k", text), attribute("k", text + "y")])[0] == encode_tag("k", text)
