"""TJSONProtocol: read along the same schemas as the binary form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.errors import BadReport
from satellite.protocols.readers import thrift, tjson
from satellite.protocols.readers.thrift import Field, Message, Schema

INNER: Schema = {1: Field("text", thrift.STRING), 2: Field("long", thrift.I64)}
SCHEMA: Schema = INNER | {
    3: Field("flag", thrift.BOOL),
    4: Field("double", thrift.DOUBLE),
    5: Field("inner", thrift.STRUCT, INNER),
    6: Field("inners", thrift.LIST, INNER),
    7: Field("texts", thrift.SET, thrift.STRING),
    8: Field("raw", thrift.STRING, binary=True),
    9: Field("small", thrift.I8),
}
inners = st.fixed_dictionaries(
    {}, optional={"text": st.text(max_size=5), "long": st.integers(-(2**63), 2**63 - 1)}
)
values = st.fixed_dictionaries(
    {},
    optional={
        "flag": st.booleans(),
        "double": st.floats(allow_nan=False, allow_infinity=False),
        "inner": inners,
        "inners": st.lists(inners, max_size=3),
        "texts": st.lists(st.text(max_size=5), max_size=3),
    },
)


@given(values)
def test_what_is_written_is_read(value: dict[str, Any]) -> None:
    message = Message("m", 1, 5)
    read, content = tjson.read_message(tjson.write_message(message, value, SCHEMA))
    assert read == message
    assert tjson.read_struct(content, SCHEMA) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"1": {"i64": 5}, "99": {"str": "x"}, "x": {"str": "y"}, "2": 7, "²": {"i64": 1}}, {}),
        ({"1": {"str": "a", "i64": 5}}, {}),
        (
            {"4": {"dbl": "NaN"}, "2": {"i64": 1}},
            {"double": pytest.approx(float("nan"), nan_ok=True), "long": 1},
        ),
        ({"7": {"set": ["i64", 1, 5]}}, {"texts": []}),
        ({"8": {"str": "YWI"}}, {"raw": b"ab"}),
        ({"3": {"tf": 0}}, {"flag": False}),
    ],
)
def test_what_is_skipped_and_what_is_not(value: Any, expected: dict[str, Any]) -> None:
    assert tjson.read_struct(value, SCHEMA) == expected


@pytest.mark.parametrize(
    "value",
    [
        [],
        {"2": {"i64": "5"}},
        {"2": {"i64": 2**63}},
        {"9": {"i8": 128}},
        {"1": {"str": 5}},
        {"4": {"dbl": "many"}},
        {"4": {"dbl": 10**400}},
        {"5": {"rec": []}},
        {"6": {"lst": ["rec", 2, {}]}},
        {"6": {"lst": {}}},
        {"6": {"lst": ["rec", 1, 5]}},
        {"8": {"str": "%"}},
    ],
)
def test_what_cannot_be_is_refused(value: Any) -> None:
    with pytest.raises(BadReport):
        tjson.read_struct(value, SCHEMA)


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b'[2,"m",1,0,{}]', b'[1,"m",1,0]', b'[1,"m",1,0,[]]', b'[1,"m",1,9999999999,{}]'],
)
def test_what_is_no_envelope_is_refused(body: bytes) -> None:
    with pytest.raises(BadReport):
        tjson.read_message(body)


def test_an_exception() -> None:
    written = tjson.write_exception(Message("m", 1, 5), "bad", 7)
    assert json.loads(written) == [1, "m", 3, 5, {"1": {"str": "bad"}, "2": {"i32": 7}}]
