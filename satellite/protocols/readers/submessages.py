"""The messages within a protobuf message, cut out one by one, so that a hostile one costs no more than its own size.

A protobuf library makes all of them at once, and two bytes of an empty message become dozens in memory.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from satellite.errors import BadReport, TooLarge
from satellite.protocols.readers.columns import AHEAD

FIELDS_MAX, FIELD_BYTES_MIN = 2**20, 16
"""Fields of one message, known or not; anywhere in it no more than AHEAD and one for each so many bytes before. Ours."""

_FIXED_BYTES = {1: 8, 5: 4}
_VARINT, _LENGTH = 0, 2


@dataclass(frozen=True, slots=True)
class Submessages:
    """The messages of one field, in order; each becomes bytes of its own when its turn comes."""

    _body: bytes
    _places: array[int] = field(default_factory=lambda: array("q"))
    """Where each begins and ends."""

    def __len__(self) -> int:
        """How many there are."""
        return len(self._places) // 2

    def __iter__(self) -> Iterator[bytes]:
        """The bytes of each."""
        places = iter(self._places)
        return (self._body[start:end] for start, end in zip(places, places, strict=True))

    def joined(self) -> bytes:
        """All of them as one, which is how protobuf merges the occurrences of a message."""
        return b"".join(self)

    def add(self, start: int, end: int) -> None:
        """One more, at these places."""
        self._places.extend((start, end))


def read_submessages(body: bytes, wanted: Collection[int]) -> dict[int, Submessages]:
    """Field number → its messages; only of the wanted fields.

    Raises:
        BadReport: not protobuf, or cut off.
        TooLarge: more fields than FIELDS_MAX and FIELD_BYTES_MIN allow.
    """
    found = {number: Submessages(body) for number in wanted}
    at, end, fields = 0, len(body), 0
    while at < end:
        fields += 1
        if fields > AHEAD + at // FIELD_BYTES_MIN or fields > FIELDS_MAX:
            raise TooLarge("the message has more fields than one of its size can hold")
        key, at = _varint(body, at)
        wire_type = key & 7
        if wire_type == _LENGTH:
            size, at = _varint(body, at)
            if at + size <= end and (messages := found.get(key >> 3)) is not None:
                messages.add(at, at + size)
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
