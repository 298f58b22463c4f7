"""Thrift's TJSONProtocol: messages read along the schemas of `thrift` into the same dicts, and written.

A message is `[1, name, type, sequence id, struct]`, a field of a struct `"id": {"type": value}`, a list
`["type", count, element, …]`. Bounds are those of `json_document`.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from satellite.errors import BadReport
from satellite.protocols.readers import thrift
from satellite.protocols.readers.json_document import UNCOUNTED_BYTES, check_values, read_json
from satellite.protocols.readers.json_parts import Elements, cut_array
from satellite.protocols.readers.thrift import Field, Message, Schema

VERSION = 1

VALUE_BYTES_MIN = 5
"""Here a value is an object of its own: `{"str":"a"},` (ours)."""

_TYPES = {
    thrift.BOOL: "tf",
    thrift.I8: "i8",
    thrift.I16: "i16",
    thrift.I32: "i32",
    thrift.I64: "i64",
    thrift.DOUBLE: "dbl",
    thrift.STRING: "str",
    thrift.STRUCT: "rec",
    thrift.LIST: "lst",
    thrift.SET: "set",
}
_INTEGER_BITS = {thrift.I8: 8, thrift.I16: 16, thrift.I32: 32, thrift.I64: 64}


def read_message(body: bytes) -> tuple[Message, Any]:
    """The envelope, and its struct for `read_struct`.

    Raises:
        BadReport: not JSON (or TooLarge, see `read_json`), or no envelope.
    """
    match read_json(body, VALUE_BYTES_MIN):
        case [int(version), str(name), int(kind), int(sequence), dict(content)] if (
            version == VERSION and -(2**31) <= sequence < 2**31
        ):
            return Message(name[: thrift.NAME_BYTES_MAX], kind, sequence), content
        case _:
            raise BadReport("not a TJSON message: expected [1, name, type, sequence id, {…}]")


def cut_structs(body: bytes, path: Sequence[str | int], schema: Schema) -> tuple[bytes, Elements | None]:
    """As `cut_array`, for a large message and a list of structs: each comes as `read_struct` gives it, when its turn comes.

    Raises:
        BadReport: no JSON, or no such list stands there.
        TooLarge: see `check_values`.
    """
    if len(body) <= UNCOUNTED_BYTES:
        return body, None
    check_values(body, VALUE_BYTES_MIN)
    name = _TYPES[thrift.STRUCT]
    rest, elements = cut_array(body, path, b'["%b",0]' % name.encode())
    if elements is None:
        return body, None
    if [*islice(elements, 2)] != [name, len(elements) - 2]:
        raise BadReport("not a TJSON list: expected [type, count, element, …]")
    return rest, elements.behind(2, lambda value: read_struct(value, schema))


def read_struct(value: Any, schema: Schema) -> dict[str, Any]:
    """Field name → value, only the fields that are there and of the schema's type.

    Raises:
        BadReport: a value is of another kind than its type says.
    """
    if not isinstance(value, dict):
        raise BadReport("not a TJSON struct: it is no object")
    found: dict[str, Any] = {}
    for number, typed in value.items():
        if not number.isdecimal() or len(number) > 5:
            continue
        field = schema.get(int(number))
        if field is not None and isinstance(typed, dict) and len(typed) == 1:
            [(kind, content)] = typed.items()
            if kind == _TYPES[field.kind]:
                found[field.name] = _read(content, field.kind, field)
    return found


def _read(value: Any, kind: int, field: Field) -> Any:
    if kind == thrift.STRUCT:
        assert isinstance(field.of, dict)
        return read_struct(value, field.of)
    if kind in (thrift.LIST, thrift.SET):
        inner = thrift.STRUCT if isinstance(field.of, dict) else field.of or 0
        match value:
            case [str(inner_type), int(count), *elements] if count == len(elements):
                if inner_type != _TYPES.get(inner):
                    return []
                return [_read(element, inner, field) for element in elements]
        raise BadReport("not a TJSON list: expected [type, count, element, …]")
    if kind == thrift.STRING and isinstance(value, str):
        return _bytes(value) if field.binary else value
    if kind == thrift.DOUBLE and isinstance(value, int | float | str):
        try:
            return float(value)  # NaN and Infinity come as texts
        except (ValueError, OverflowError) as error:
            raise BadReport("a TJSON double is no number") from error
    if isinstance(value, int):
        if kind == thrift.BOOL:
            return bool(value)
        bits = _INTEGER_BITS.get(kind, 0)
        if bits and -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
            return value
    raise BadReport(f"a TJSON value is not what its type {_TYPES[kind]} says")


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (ValueError, binascii.Error) as error:
        raise BadReport("a TJSON binary is no base64") from error


# Writing


def write_message(message: Message, value: Mapping[str, Any], schema: Schema) -> bytes:
    """An envelope around a struct."""
    content = _write(value, thrift.STRUCT, schema)
    return json.dumps(
        [VERSION, message.name, message.type, message.sequence, content], separators=(",", ":")
    ).encode()


def write_exception(message: Message, text: str, kind: int) -> bytes:
    """The answer to a call that was none: TApplicationException in a message of type 3."""
    value = {"message": text, "type": kind}
    return write_message(message._replace(type=thrift.EXCEPTION), value, thrift.APPLICATION_EXCEPTION)


def _write(value: Any, kind: int, of: Schema | int | None) -> Any:
    if kind == thrift.STRUCT:
        assert isinstance(of, dict)
        return {
            str(number): {_TYPES[field.kind]: _write(value[field.name], field.kind, field.of)}
            for number, field in of.items()
            if field.name in value
        }
    if kind in (thrift.LIST, thrift.SET):
        inner = thrift.STRUCT if isinstance(of, dict) else of or 0
        return [_TYPES[inner], len(value), *(_write(element, inner, of) for element in value)]
    return int(value) if kind == thrift.BOOL else value
