"""What is meant by values that OTLP's JSON does not have: taken where that is certain, else kept as text.

SDKs in JavaScript write 64-bit integers as `{"low", "high"}`, Python's json module writes NaN, people and scripts write
numbers as texts and texts as numbers. Every such value is named to the sender (`Notes`).
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from satellite.model.span import TagValue
from satellite.pb import otlp_shallow_pb2 as shallow
from satellite.protocols.time_text import read_time

DEPTH_MAX = 45
"""Levels of arrays in arrays; protobuf reads 49."""

NOTES_MAX = 20
"""Different notes of one request; the others are counted (ours)."""

_HEX = re.compile("[0-9a-fA-F]*")
_EXPONENTIAL = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,2})?", re.ASCII)
_LONG = {"low", "high"}
_NOT_FINITE = {
    "nan": math.nan,
    "infinity": math.inf,
    "-infinity": -math.inf,
    "inf": math.inf,
    "-inf": -math.inf,
}


class Notes:
    """What was odd in one request, each thing once with how often."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._counts: Counter[str] = Counter()
        self._more = 0

    def add(self, text: str) -> None:
        """Note one odd value."""
        if text in self._counts or len(self._counts) < NOTES_MAX:
            self._counts[text] += 1
        else:
            self._more += 1

    def texts(self) -> list[str]:
        """For the sender."""
        said = [text if count == 1 else f"{text} ({count} times)" for text, count in self._counts.items()]
        return [*said, f"{self._more} more odd values"] if self._more else said


def shown(value: Any) -> str:
    """A value in a warning: short, as JSON."""
    said = msgspec.json.encode(value).decode()
    return said if len(said) <= 40 else said[:39] + "…"


def integer(value: Any) -> int | None:
    """The integer that is meant, exactly: a number, a text of one as protobuf's JSON may have it (`"1e3"`), a pair of 32-bit halves.

    None for anything else.
    """
    match value:
        case bool():
            return int(value)
        case int():
            return value
        case float() if value.is_integer():
            return int(value)
        case str() if len(value) <= 40:
            try:
                return int(value)
            except ValueError:
                return _exponential(value)
        case {"low": int(low), "high": int(high)} if value.keys() <= _LONG | {"unsigned"}:
            number = (high & 0xFFFF_FFFF) << 32 | low & 0xFFFF_FFFF
            return number if value.get("unsigned") or high >= 0 else number - 2**64
        case _:
            return None


def moment_ns(value: Any) -> int | None:
    """A time that is no number of ns, as ns: RFC 3339 (UTC without a zone), JavaScript's `[seconds, ns]`, ns with a fraction.

    None for anything else.
    """
    match value:
        case str() if len(value) <= 40:
            found = (
                int(value.partition(".")[0]) if _FRACTION.fullmatch(value) else read_time(value, zoned=False)
            )
        case [int(seconds), int(nanoseconds)] if 0 <= nanoseconds < 10**9:
            found = seconds * 10**9 + nanoseconds
        case _:
            found = None
    return found if found is not None and 0 < found < 2**63 else None


def _exponential(text: str) -> int | None:
    number = Decimal(text) if _EXPONENTIAL.fullmatch(text) else None
    whole = number is not None and abs(number) < 2**64 and number == number.to_integral_value()
    return int(number) if whole and number is not None else None


def identifier(value: Any, size_bytes: int) -> bytes:
    """The id in hex, in hex as people copy it (`0x`, dashes), or in base64 as protobuf's own JSON has bytes.

    Of what is none a single byte, whose length is wrong for every id.
    """
    if not isinstance(value, str):
        return b"\0" if value else b""
    if _HEX.fullmatch(value) and len(value) % 2 == 0:
        return bytes.fromhex(value)
    digits = value.removeprefix("0x").removeprefix("0X").replace("-", "")
    if len(digits) == 2 * size_bytes and _HEX.fullmatch(digits):
        return bytes.fromhex(digits)
    try:
        decoded = bytes_of(value)
    except ValueError:
        return b"\0"
    return decoded if len(decoded) == size_bytes else b"\0"


def bytes_of(value: str) -> bytes:
    """Bytes in either alphabet of base64, padded or not. Raises ValueError."""
    standard = value.translate({0x2D: "+", 0x5F: "/"}).rstrip("=")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error


_TEXT = rb'"[^"\\]*+(?:\\[\s\S][^"\\]*+)*+"?'
"""Also one that does not end: otherwise each quote in it would be tried for the beginning of another."""
_NUMBERS_OR_TEXT = re.compile(_TEXT + rb"|(?P<found>NaN|-?Infinity)")
_KEYS_OR_TEXT = re.compile(rb"(?P<found>" + _TEXT + rb")\s*+:|" + _TEXT)
_FRACTION = re.compile(r"\d{16,19}\.\d{1,20}", re.ASCII)
_SNAKE = re.compile(rb"_([a-z0-9])")


def finite(body: bytes) -> bytes:
    """JSON with texts in place of NaN and infinities, which Python's json module writes."""
    return _rewritten(body, _NUMBERS_OR_TEXT, lambda number: b'"%b"' % number)


def in_camel_case(body: bytes) -> bytes:
    """JSON with all keys that are in snake_case in camelCase."""
    return _rewritten(body, _KEYS_OR_TEXT, lambda key: _SNAKE.sub(lambda match: match[1].upper(), key))


def _rewritten(body: bytes, pattern: re.Pattern[bytes], replaced: Callable[[bytes], bytes]) -> bytes:
    """With something else for what is `found`: piece by piece, since a large body's values as objects take twenty times its size."""
    written, taken = bytearray(), 0
    for match in pattern.finditer(body):
        if (found := match["found"]) and (new := replaced(found)) != found:
            written += body[taken : match.start("found")]
            written += new
            taken = match.end("found")
    written += body[taken:]
    return bytes(written)


def mended(value: Any, notes: Notes) -> Any:
    """A request, or a part of one, with lists and objects where OTLP has them, as far as it is certain which was meant."""
    match value:
        case dict():
            return {key: _member(key, inner, notes) for key, inner in value.items()}
        case list():
            return [mended(inner, notes) for inner in value]
        case int() if value.bit_length() > 64:
            return str(value)
        case _:
            return value


def _member(key: str, value: Any, notes: Notes) -> Any:
    if key == "attributes":  # what is in them is theirs
        if not isinstance(value, dict):
            return value
        notes.add("attributes came as an object, whose members were taken")
        return [{"key": name, "value": inner} for name, inner in value.items()]
    value = mended(value, notes)
    if key in ("events", "links") and isinstance(value, dict):
        notes.add(f"{key} came as an object, which was taken for one of them")
        return [value]
    if key in ("events", "links") and isinstance(value, list):
        objects = [one for one in value if isinstance(one, dict)]
        if len(objects) < len(value):
            notes.add(f"some {key} are no objects and were left out")
        return objects
    if key == "status" and isinstance(value, str | int):
        notes.add("a status came as a code alone")
        return {"code": value}
    return value


def number(written: str) -> float | str:
    """A number of JSON with a point or an exponent; one beyond 64 bits stays as written."""
    return written if math.isinf(float(written)) else float(written)


def attribute(said: Any) -> bytes:
    """A KeyValue of JSON that is not as it should be, as protobuf.

    Raises:
        ValueError, TypeError: it is no attribute at all.
        RecursionError: nested too deeply.
    """
    if not isinstance(said, dict) or not said.keys() & {"key", "value"}:
        raise ValueError("no attribute")
    key = said.get("key")
    message = shallow.KeyValue(key=text(key).encode() if key is not None else b"")
    _put(message.value, meant(said.get("value"), 0), 0)
    return bytes(message.SerializeToString())


def text(value: Any) -> str:
    """A text as it is, of anything else its JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def meant(said: Any, depth: int) -> TagValue:
    """What an AnyValue means; a plain value means itself."""
    if depth > DEPTH_MAX:
        raise RecursionError
    if isinstance(said, list):
        return [meant(item, depth + 1) for item in said]
    if not isinstance(said, dict):
        return said
    if len(said) == 1:
        [(name, inner)] = said.items()
        if name.lower() == "value" and isinstance(inner, dict):  # Go's structs, written by encoding/json
            return meant(inner, depth + 1)
        said = {name[:1].lower() + name[1:]: inner}
    for name, read in _READERS.items():
        value = said.get(name, said.get(_snake(name)))
        if value is not None:
            return read(value, depth)
    return text(said) if said and not said.keys() & _READERS.keys() else None


def _snake(name: str) -> str:
    return name.replace("Value", "_value")


def _bool(value: Any, _depth: int) -> TagValue:
    if isinstance(value, bool):
        return value
    said = text(value).strip().lower()
    return said in ("true", "1") if said in ("true", "false", "1", "0") else text(value)


def _int(value: Any, _depth: int) -> TagValue:
    number = integer(value)
    if number is not None:
        return number if -(2**63) <= number < 2**63 else str(number)
    return value if isinstance(value, float) and math.isfinite(value) else text(value)


def _double(value: Any, _depth: int) -> TagValue:
    if isinstance(value, str) and value.lower() in _NOT_FINITE:
        return _NOT_FINITE[value.lower()]
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return text(value)
    return number if math.isfinite(number) else text(value)


def _array(value: Any, depth: int) -> TagValue:
    items = value.get("values") if isinstance(value, dict) else value
    if items is None and value:  # members, but not those of a list
        return text(value)
    return meant(items, depth) if isinstance(items, list) else None if items is None else text(value)


def _map(value: Any, depth: int) -> TagValue:
    pairs = value.get("values") if isinstance(value, dict) else value
    if pairs is None:  # a map as JSON has it
        return {key: meant(inner, depth + 1) for key, inner in value.items() if key != "values"}
    if not isinstance(pairs, list) or not all(isinstance(pair, dict) for pair in pairs):
        return text(value)
    return {text(pair.get("key", "")): meant(pair.get("value"), depth + 1) for pair in pairs}


def _bytes(value: Any, _depth: int) -> TagValue:
    if not isinstance(value, str):
        return text(value)
    try:
        return bytes_of(value)
    except ValueError:
        return value


_READERS = {
    "stringValue": lambda value, _depth: text(value),
    "boolValue": _bool,
    "intValue": _int,
    "doubleValue": _double,
    "arrayValue": _array,
    "kvlistValue": _map,
    "bytesValue": _bytes,
}


def _put(message: Any, value: TagValue, depth: int) -> None:
    if depth > DEPTH_MAX:
        raise RecursionError
    match value:
        case None:
            pass
        case bool():
            message.bool_value = value
        case int() if -(2**63) <= value < 2**63:
            message.int_value = value
        case float():
            message.double_value = value
        case bytes():
            message.bytes_value = value
        case list():
            message.array_value.SetInParent()
            for item in value:
                _put(message.array_value.values.add(), item, depth + 1)
        case dict():
            message.kvlist_value.SetInParent()
            for key, inner in value.items():
                _put(message.kvlist_value.values.add(key=key.encode()).value, inner, depth + 1)
        case _:
            message.string_value = text(value).encode()
