"""The messages within a protobuf message, cut out one by one, so that a hostile one costs no more than its own size.

A protobuf library makes all of them at once, and two bytes of an empty message become dozens in memory.
"""

from __future__ import annotations

from collections.abc import Collection

from satellite.errors import BadReport, TooLarge
from satellite.protocols.readers.columns import AHEAD

FIELDS_MAX, FIELD_BYTES_MIN = 2**20, 16
"""Fields of one message, known or not; anywhere in it no more than AHEAD and one for each so many bytes before. Ours."""

_FIXED_BYTES = {1: 8, 5: 4}
_VARINT, _LENGTH = 0, 2


def read_submessages(body: bytes, wanted: Collection[int]) -> dict[int, list[bytes]]:
    """Field number → the bytes of its messages, in order; only of the wanted fields.

    Raises:
        BadReport: not protobuf, or cut off.
        TooLarge: more fields than FIELDS_MAX and FIELD_BYTES_MIN allow.
    """
    found: dict[int, list[bytes]] = {number: [] for number in wanted}
    at, end, fields = 0, len(body), 0
    while at < end:
        fields += 1
        if fields > AHEAD + at // FIELD_BYTES_MIN or fields > FIELDS_MAX:
            raise TooLarge("the message has more fields than one of its size can hold")
        key, at = _varint(body, at)
        wire_type = key & 7
        if wire_type == _LENGTH:
            size, at = _varint(body, at)
            if (messages := found.get(key >> 3)) is not None:
                messages.append(body[at : at + size])
            at += size
        elif wire_type == _VARINT:
            at = _varint(body, at)[1]
        elif wire_type in _FIXED_BYTES:
            at += _FIXED_BYTES[wire_type]
        else:
            raise BadReport("not protobuf: there is no such wire type")
    if at > end:
        raise BadReport("not protobuf: the message is cut off")
    return found


def _varint(body: bytes, at: int) -> tuple[int, int]:
    """(the number at a place, the place behind it)."""
    value = shift = 0
    for byte in body[at : at + 10]:
        value |= (byte & 0x7F) << shift
        shift += 7
        at += 1
        if byte < 0x80:
            return value, at
    raise BadReport("not protobuf: a number that does not end")
