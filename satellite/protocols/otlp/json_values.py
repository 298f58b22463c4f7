"""OTLP's attributes as they stand in JSON, written as its protobuf."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import msgspec

from satellite.errors import BadReport
from satellite.model.access_tokens import REMOVED, is_secret
from satellite.pb import otlp_shallow_pb2 as shallow
from satellite.protocols.otlp import odd_json
from satellite.protocols.otlp.json_request import decoded
from satellite.protocols.otlp.odd_json import DEPTH_MAX, Notes, bytes_of, integer, shown

_SNAKE_VALUE = re.compile(rb'_value"\s*:')


class _AnyValue(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    string_value: Any = msgspec.UNSET
    bool_value: Any = msgspec.UNSET
    int_value: Any = msgspec.UNSET
    double_value: Any = msgspec.UNSET
    array_value: _ArrayValue | msgspec.UnsetType | None = msgspec.UNSET
    kvlist_value: _KeyValueList | msgspec.UnsetType | None = msgspec.UNSET
    bytes_value: Any = msgspec.UNSET


class _ArrayValue(msgspec.Struct, forbid_unknown_fields=True):
    values: list[_AnyValue | None] | None = None


class _KeyValue(msgspec.Struct):
    key: Any = ""
    value: _AnyValue | None = None


class _KeyValueList(msgspec.Struct, forbid_unknown_fields=True):
    values: list[_KeyValue | None] | None = None


_ATTRIBUTE = msgspec.json.Decoder(_KeyValue)


def attribute(written: bytes, notes: Notes) -> bytes:
    """A KeyValue of JSON as protobuf; of one that is not as it should be what is meant, else its text.

    What is no attribute at all becomes bytes that are none either, which `otlp.tags` keeps as such.
    """
    try:
        said = decoded(_ATTRIBUTE, written, _SNAKE_VALUE)
        if not isinstance(said.key, str):
            raise TypeError("no key")
        message = shallow.KeyValue(key=said.key.encode())
        if said.value is not None:
            _fill(message.value, said.value, 0)
        if not said.key:
            notes.add("an attribute without a key was kept under the empty key")
        return bytes(message.SerializeToString())
    except RecursionError:
        notes.add("an attribute nested too deeply was kept as it was written")
        return b"\x0f" + written
    except (BadReport, TypeError, ValueError, OverflowError):
        return _odd_attribute(written, notes)


def _odd_attribute(written: bytes, notes: Notes) -> bytes:
    try:
        said = json.loads(written, parse_float=odd_json.number)
        encoded = odd_json.attribute(said)
    except (RecursionError, TypeError, ValueError, OverflowError):
        notes.add("what is no attribute was kept as it was written")
        return b"\x0f" + written
    key = said.get("key")
    value = REMOVED if isinstance(key, str) and is_secret(key) else shown(said.get("value"))
    notes.add(f"attribute {shown(key)} has a value of a wrong type: {value}")
    return encoded


def _fill(message: Any, said: _AnyValue, depth: int) -> None:
    """Fill in a value that is as it should be. Raises TypeError or ValueError when it is not."""
    if depth > DEPTH_MAX:
        raise RecursionError
    if isinstance(said.string_value, str):
        message.string_value = said.string_value.encode()
    elif isinstance(said.bool_value, bool):
        message.bool_value = said.bool_value
    elif isinstance(said.int_value, str | int | float) and (number := integer(said.int_value)) is not None:
        message.int_value = number  # ValueError beyond 64 bits
    elif isinstance(said.double_value, str | int | float):
        double = float(said.double_value)  # "NaN" and "Infinity" are texts
        if math.isinf(double) and str(said.double_value).lower().strip("+-") not in ("inf", "infinity"):
            raise ValueError("beyond 64 bits")
        message.double_value = double
    elif isinstance(said.array_value, _ArrayValue):
        message.array_value.SetInParent()
        for item in said.array_value.values or ():
            _fill(message.array_value.values.add(), item or _AnyValue(), depth + 1)
    elif isinstance(said.kvlist_value, _KeyValueList):
        message.kvlist_value.SetInParent()
        for pair in said.kvlist_value.values or ():
            if pair is not None:
                added = message.kvlist_value.values.add(
                    key=pair.key.encode() if isinstance(pair.key, str) else b""
                )
                _fill(added.value, pair.value or _AnyValue(), depth + 1)
    elif isinstance(said.bytes_value, str):
        message.bytes_value = bytes_of(said.bytes_value)
    elif any(getattr(said, name) not in (msgspec.UNSET, None) for name in said.__struct_fields__):
        raise TypeError("a value of another type than its name says")
