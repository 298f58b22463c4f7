"""MessagePack, read with bounds and patience, for bodies that the quick reader must not or cannot read."""

from __future__ import annotations

import struct
from typing import Any

from satellite.errors import BadReport, TooLarge

DEPTH_MAX = 32
"""Lists and maps within each other. Ours; real reports have four levels."""

_FIXED_BYTES = {0xCA: 5, 0xCB: 9, 0xCC: 2, 0xCD: 3, 0xCE: 5, 0xCF: 9, 0xD0: 2, 0xD1: 3, 0xD2: 5, 0xD3: 9}
_FIXED_BYTES |= {0xC0: 1, 0xC2: 1, 0xC3: 1, 0xD4: 3, 0xD5: 4, 0xD6: 6, 0xD7: 10, 0xD8: 18}
_LENGTH_BYTES = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
_EXTENSION_BYTES = {0xC7: 1, 0xC8: 2, 0xC9: 4}
_COUNT_BYTES = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}
"""First byte → (bytes of the count, values per element)."""

_NUMBERS = {
    0xCA: struct.Struct(">f"),
    0xCB: struct.Struct(">d"),
    0xCC: struct.Struct(">B"),
    0xCD: struct.Struct(">H"),
    0xCE: struct.Struct(">I"),
    0xCF: struct.Struct(">Q"),
    0xD0: struct.Struct(">b"),
    0xD1: struct.Struct(">h"),
    0xD2: struct.Struct(">i"),
    0xD3: struct.Struct(">q"),
}
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}


def skip(body: bytes, at: int, values_max: int) -> tuple[int, int]:
    """(the place behind the value at a place, how many values it is, those within it counted).

    Raises:
        BadReport: cut off, or no MessagePack.
        TooLarge: more than so many values.
    """
    left, total = 1, 1
    end = len(body)
    while left:
        if at >= end:
            raise BadReport("not MessagePack: it is cut off")
        first = body[at]
        left -= 1
        inner = 0
        if first < 0x80 or first >= 0xE0:
            at += 1
        elif first >= 0xC0:
            if size := _FIXED_BYTES.get(first):
                at += size
            elif width := _LENGTH_BYTES.get(first):
                at += 1 + width + int.from_bytes(body[at + 1 : at + 1 + width], "big")
            elif width := _EXTENSION_BYTES.get(first):
                at += 2 + width + int.from_bytes(body[at + 1 : at + 1 + width], "big")
            elif first in _COUNT_BYTES:
                width, each = _COUNT_BYTES[first]
                inner = each * int.from_bytes(body[at + 1 : at + 1 + width], "big")
                at += 1 + width
            else:
                raise BadReport("not MessagePack: the byte c1 means nothing")
        elif first >= 0xA0:
            at += 1 + (first & 0x1F)
        else:
            at += 1
            inner = (first & 0x0F) * (1 if first >= 0x90 else 2)
        left += inner
        total += inner
        if total > values_max:
            raise TooLarge(f"the MessagePack has more than {values_max} values")
    if at > end:
        raise BadReport("not MessagePack: it is cut off")
    return at, total


def list_at(body: bytes, at: int) -> tuple[int, int] | None:
    """(where the elements of the list at a place begin, how many there are); None where no list is."""
    head = body[at] if at < len(body) else 0
    if 0x90 <= head <= 0x9F:
        return at + 1, head & 15
    if head in (0xDC, 0xDD):
        size = 2 if head == 0xDC else 4
        return at + 1 + size, int.from_bytes(body[at + 1 : at + 1 + size])
    return None


def read_value(body: bytes, values_max: int) -> Any:
    """The one value of a body; texts may hold surrogates for invalid UTF-8, extensions are None.

    Raises:
        BadReport: no MessagePack, or nested too deeply; something follows it.
        TooLarge: more than so many values.
    """
    if skip(body, 0, values_max)[0] != len(body):
        raise BadReport("not MessagePack: something follows it")
    return _read(body, 0, 0)[0]


def _read(body: bytes, at: int, depth: int) -> tuple[Any, int]:
    """(the value at a place, the place behind it); that it ends within the body is known."""
    first = body[at]
    at += 1
    if first < 0x80:
        return first, at
    if first >= 0xE0:
        return first - 0x100, at
    if 0xA0 <= first < 0xC0:
        return _text(body, at, first & 0x1F)
    if first in _CONSTANTS:
        return _CONSTANTS[first], at
    if number := _NUMBERS.get(first):
        return number.unpack_from(body, at)[0], at + number.size
    if size := _FIXED_BYTES.get(first):
        return None, at + size - 1
    if width := _EXTENSION_BYTES.get(first):
        return None, at + 1 + width + int.from_bytes(body[at : at + width], "big")
    if width := _LENGTH_BYTES.get(first):
        length = int.from_bytes(body[at : at + width], "big")
        at += width
        return _text(body, at, length) if first >= 0xD9 else (body[at : at + length], at + length)
    if depth >= DEPTH_MAX:
        raise BadReport(f"MessagePack is nested more than {DEPTH_MAX} deep")
    if first < 0xA0:
        count, is_map = first & 0x0F, first < 0x90
    else:
        width, each = _COUNT_BYTES[first]
        count, is_map = int.from_bytes(body[at : at + width], "big"), each == 2
        at += width
    if not is_map:
        items: list[Any] = []
        for _ in range(count):
            item, at = _read(body, at, depth + 1)
            items.append(item)
        return items, at
    found: dict[str, Any] = {}
    for _ in range(count):
        key, at = _read(body, at, depth + 1)
        value, at = _read(body, at, depth + 1)
        found[key if isinstance(key, str) else repr(key)] = value
    return found, at


def _text(body: bytes, at: int, length: int) -> tuple[str, int]:
    return body[at : at + length].decode("utf-8", "surrogateescape"), at + length
