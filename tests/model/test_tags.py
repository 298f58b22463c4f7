from __future__ import annotations

import struct

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.model import tags
from satellite.model.span import TagValue
from satellite.model.tag import (
    MALFORMED_KEY,
    JsonText,
    decode_tag,
    encode_tag,
    encodings_of,
    key_prefix,
    text_of,
)
from satellite.model.tags import gather, normalise, order_by_key, texts_of
from satellite.pb import lightstep_collector_pb2 as collector
from satellite.pb import lightstep_shallow_pb2 as shallow

READER = shallow.KeyValue.FromString

SCALARS = (
    st.text(max_size=300)
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.booleans()
    | st.none()
)
VALUES = st.recursive(
    SCALARS | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.text(max_size=200), VALUES)
def test_a_tag_comes_back_as_it_went(key: str, value: TagValue) -> None:
    assert decode_tag(encode_tag(key, value)) == (key, value)


def test_what_a_tracer_sends_is_canonical_already() -> None:
    sent = [
        collector.KeyValue(key="a", string_value="x" * 200),
        collector.KeyValue(key="b" * 127, int_value=-5),
        collector.KeyValue(key="c", double_value=1.5),
        collector.KeyValue(key="d", bool_value=False),
        collector.KeyValue(key="e", json_value="{}"),
        collector.KeyValue(key="f"),
        collector.KeyValue(key="ü", string_value="é"),
    ]
    encoded = [tag.SerializeToString() for tag in sent]
    found = normalise(pa.array(encoded, pa.binary()), READER)
    assert found.mapping is None
    assert found.tags.to_pylist() == encoded
    assert encode_tag("d", value=False) == encoded[3]


@given(st.lists(st.binary(max_size=30), unique=True, max_size=8))
def test_any_bytes_become_canonical_tags(raw: list[bytes]) -> None:
    found = normalise(pa.array(raw, pa.binary()), READER)
    mapping = range(len(raw)) if found.mapping is None else found.mapping.tolist()
    for encoded, place in zip(raw, mapping, strict=True):
        if place < 0:
            continue
        canonical = found.tags[place].as_py()
        key, value = decode_tag(canonical)
        assert key == MALFORMED_KEY or canonical in {
            encode_tag(key, value),
            encode_tag(key, JsonText(value) if isinstance(value, str) else value),
        }
        assert key != MALFORMED_KEY or value == encoded


@given(
    st.lists(
        st.binary(max_size=30)
        | st.builds(encode_tag, st.text(max_size=140), st.text() | st.just("x" * 20_000))
        | st.builds(lambda text: b"\x0a\x01k\x12%c%b" % (len(text), text), st.binary(max_size=127))
        | st.just(b"\x0a\x01k\x12\x83\x00abc"),
        unique=True,
        min_size=1,
        max_size=8,
    )
)
def test_tags_that_are_looked_at_by_themselves_read_as_the_others(raw: list[bytes]) -> None:
    sent = pa.array([b"", *raw], pa.binary())[1:]
    together = normalise(sent, READER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tags, "_BYTES_AT_ONCE", 0)
        alone = normalise(sent, READER)
    for one in (together, alone):
        assert one.repaired.tolist() == together.repaired.tolist()
    places = [range(len(raw)) if one.mapping is None else one.mapping.tolist() for one in (together, alone)]
    found = [
        [one.tags[place].as_py() if place >= 0 else None for place in mapping]
        for one, mapping in zip((together, alone), places, strict=True)
    ]
    assert found[0] == found[1]


def test_odd_spellings_of_one_tag_become_one() -> None:
    usual = encode_tag("k", "v")
    value_first, long_varint = b"\x12\x01v\x0a\x01k", b"\x0a\x81\x00k\x12\x01v"
    found = normalise(pa.array([value_first, usual, b"", long_varint], pa.binary()), READER)
    assert found.tags.to_pylist() == [usual]
    assert found.mapping is not None
    assert found.mapping.tolist() == [0, 0, -1, 0]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (500, "500"),
        (200.0, "200"),
        (0.1, "0.1"),
        (float("inf"), "Infinity"),
        (float("-inf"), "-Infinity"),
        (float("nan"), "NaN"),
        ([1.5, float("nan")], '[1.5,"NaN"]'),
        ("x", "x"),
        (None, ""),
        (b"\x00\xff", "AP8="),
        ([1, "a"], '[1,"a"]'),
    ],
)
def test_canonical_text(value: TagValue, text: str) -> None:
    assert text_of(value) == text


@given(SCALARS)
def test_every_scalar_is_found_by_its_text(value: TagValue) -> None:
    assert encode_tag("k", value) in encodings_of("k", text_of(value))


@given(st.text(max_size=20) | st.integers().map(str) | st.floats().map(repr), SCALARS)
def test_nothing_else_is_found(text: str, value: TagValue) -> None:
    found = {decode_tag(encoded) for encoded in encodings_of("k", text)}
    assert all(text_of(hit) == text for _, hit in found)
    assert text_of(value) == text or encode_tag("k", value) not in encodings_of("k", text)


def test_minus_zero_is_zero() -> None:
    assert encode_tag("k", -0.0) in encodings_of("k", "0")
    assert struct.pack("<d", -0.0) != struct.pack("<d", 0.0)


@given(st.lists(st.tuples(st.text(max_size=140), SCALARS), max_size=20))
def test_tags_in_order_of_their_keys(pairs: list[tuple[str, TagValue]]) -> None:
    encoded = pa.array(list(dict.fromkeys(encode_tag(*pair) for pair in pairs)), pa.binary())
    found = order_by_key(encoded)
    ordered = encoded.take(pa.array(found.order))
    assert found.keys == sorted({key for key, _ in pairs}, key=str.encode)
    for i, key in enumerate(found.keys):
        block = ordered.slice(int(found.starts[i]), int(found.starts[i + 1] - found.starts[i]))
        assert all(tag.startswith(key_prefix(key)) for tag in block.to_pylist())
        assert texts_of(block, key).to_pylist() == [text_of(decode_tag(tag)[1]) for tag in block.to_pylist()]


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("size", [3, 300])
def test_strings_are_gathered_from_anywhere(size: int, shuffled: bool) -> None:
    rng = np.random.default_rng(7)
    data = rng.integers(0, 256, 1000 * size, np.uint8)
    at, length = np.arange(1000) * size, rng.integers(0, size, 1000)
    if shuffled:
        order = rng.permutation(1000)
        at, length = at[order], length[order]
    expected = [data[i : i + n].tobytes() for i, n in zip(at, length, strict=True)]
    assert gather(data, at, length).to_pylist() == expected
