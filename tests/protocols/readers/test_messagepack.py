from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.errors import BadReport, TooLarge
from satellite.protocols.readers.messagepack import read_value

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(VALUES)
def test_it_reads_what_others_write(value: Any) -> None:
    assert read_value(msgspec.msgpack.encode(value), 1000) == value


@pytest.mark.parametrize(
    "value", ["n" * 300, "n" * 70_000, b"n" * 300, b"n" * 70_000, [1] * 20, [1] * 70_000]
)
def test_long_values(value: Any) -> None:
    assert read_value(msgspec.msgpack.encode(value), 100_000) == value
    assert read_value(msgspec.msgpack.encode({str(i): i for i in range(20)}), 100) == {
        str(i): i for i in range(20)
    }


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ("ca3f000000", 0.5),
        ("d401ff", None),
        ("d6ff00000000", None),
        ("c70301aabbcc", None),
        ("a261ff", "a\udcff"),
        ("81a16101", {"a": 1}),
        ("810161", {"1": 97}),
        ("81910102", {"[1]": 2}),
    ],
)
def test_rare_forms(body: str, value: Any) -> None:
    assert read_value(bytes.fromhex(body), 100) == value


@given(st.binary(max_size=60))
def test_any_bytes_are_a_value_or_refused(body: bytes) -> None:
    try:
        read_value(body, 1000)
    except (BadReport, TooLarge):
        return


@pytest.mark.parametrize(
    "body", [b"", b"\xc1", b"\x91", b"\x01\x01", b"\xdd\xff\xff", b"\xdb\xff\xff\xff\xffab"]
)
def test_what_is_cut_off_is_refused(body: bytes) -> None:
    with pytest.raises(BadReport):
        read_value(body, 2**33)


def test_bombs_are_refused_before_anything_is_made_of_them() -> None:
    with pytest.raises(TooLarge):
        read_value(b"\xdd\xff\xff\xff\xff" + b"\x80" * 1000, 1000)
    with pytest.raises(BadReport, match="deep"):
        read_value(b"\x91" * 100 + b"\xc0", 1000)
