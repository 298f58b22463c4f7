"""OTLP's attributes as tags: KeyValue bytes in, the canonical bytes of `satellite.model.tag` out.

Text, bool, int, double, bytes and empty values are rewritten for whole arrays at a time: a KeyValue wraps its value in
an AnyValue, a tag does not, so the wrapper's bytes are cut out and the value's field number exchanged. Arrays, maps,
unusual spellings and broken UTF-8 are read one by one. All of it works on *distinct* attributes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from google.protobuf.message import DecodeError

from satellite.model import compute as pc
from satellite.model.few_keys import FewKeys
from satellite.model.span import TagValue
from satellite.model.tag import MALFORMED_KEY, encode_tag
from satellite.model.tags import Codes, gather, layout, portions
from satellite.pb import otlp_shallow_pb2 as shallow

STRUCTURE_BYTES_MAX = 131_072
"""Arrays and maps beyond this stay bytes, under the key MALFORMED_KEY: taken apart, they could grow a hundredfold (ours)."""

_PADDING = 16

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Data = npt.NDArray[np.uint8]


class Attributes(NamedTuple):
    """What `to_tags` made of an array of distinct attributes."""

    tags: pa.BinaryArray
    """Distinct canonical tags."""
    mapping: Codes | None
    """Old position → new position; None: each stayed where it was."""
    repaired: Codes
    """Old positions of attributes that held invalid UTF-8, now with U+FFFD in its place."""


def to_tags(attributes: pa.BinaryArray) -> Attributes:
    """Canonical tags of distinct serialised KeyValues; never raises for what they hold."""
    if not len(attributes):
        return Attributes(attributes, None, np.empty(0, np.int32))
    ranges = list(portions(attributes))
    parts = [_tags_of(attributes[start:end]) for start, end in ranges]
    if len(parts) == 1:
        tags, repaired, moved = parts[0]
    else:
        tags = pa.concat_arrays([part.tags for part in parts])
        moves = zip(parts, ranges, strict=True)
        repaired = np.concatenate([part.repaired + start for part, (start, _) in moves])
        moved = any(part.moved for part in parts)
    del parts
    if not moved:
        return Attributes(tags, None, np.empty(0, np.int32))
    encoded = tags.dictionary_encode()  # several spellings of one attribute are one tag
    return Attributes(encoded.dictionary, encoded.indices.to_numpy(), repaired.astype(np.int32))


def count_odd(attributes: pa.BinaryArray) -> int:
    """How many serialised KeyValues have to be read one by one."""
    return sum(
        len(part) - int(np.count_nonzero(_found_in(part)[0].regular))
        for part in (attributes[start:end] for start, end in portions(attributes))
    )


def _found_in(attributes: pa.BinaryArray) -> tuple[_Found, Ints, Ints, Data]:
    """(what is where, where each attribute starts and ends, their joint bytes)."""
    start, end, data = layout(attributes)
    base = start[0]
    start, end, data = start - base, end - base, data[base : end[-1]]
    return _classify(start, end, np.concatenate([data, np.zeros(_PADDING, np.uint8)])), start, end, data


class _Part(NamedTuple):
    """The tags of some of the attributes, one for each."""

    tags: pa.BinaryArray
    repaired: Ints
    moved: bool
    """Whether one may be the same tag as another that is spelled otherwise."""


def _tags_of(attributes: pa.BinaryArray) -> _Part:
    found, start, end, data = _found_in(attributes)
    broken = _not_utf8(data, found, end, np.flatnonzero(found.dubious & found.regular))
    tags = _unwrapped(data, start, end, found)
    odd = ~found.regular
    odd[broken] = True
    repaired = broken
    if odd.any():
        places = np.flatnonzero(odd)
        read = [read_attribute(attributes[i].as_py()) for i in places.tolist()]
        repaired = places[[was_broken for _, was_broken in read]]
        tags = pc.replace_with_mask(tags, pa.array(odd), pa.array([tag for tag, _ in read], pa.binary()))
    return _Part(tags, repaired, bool((odd | found.ambiguous).any()))


class _Found(NamedTuple):
    """What is where in each of many attributes; positions count from the start of their joint bytes."""

    regular: Mask
    """One of the forms that are rewritten without a look (but for their UTF-8)."""
    ambiguous: Mask
    """There is another spelling of the same tag."""
    dubious: Mask
    """A byte beyond 0x7f in key or text."""
    key_at: Ints
    wrapper_at: Ints
    """Where the key ends and field 2 begins."""
    value_at: Ints
    """Where the AnyValue begins; its end is the attribute's."""
    text_at: Ints
    """Where a text begins; the end when it is none."""
    field: Data
    """First byte of the value in the tag."""


_FIELD = np.zeros(256, np.uint8)
_FIELD[[0x0A, 0x10, 0x18, 0x21, 0x3A]] = [0x12, 0x28, 0x18, 0x21, 0x3A]
"""First byte of an AnyValue → of the same value in a tag: text, bool, int, double, bytes."""


def _classify(start: Ints, end: Ints, padded: Data) -> _Found:
    key_length = padded[start + 1].astype(np.int64)
    wrapper_at = start + 2 + key_length
    regular = (padded[start] == 0x0A) & (key_length < 128) & (wrapper_at <= end)
    wrapper_at = np.where(regular, wrapper_at, end)
    valueless = wrapper_at == end
    length, width, shortest = _varint(padded, wrapper_at + 1)
    value_at = np.where(valueless, end, wrapper_at + 1 + width)
    regular &= valueless | ((padded[wrapper_at] == 0x12) & (value_at + length == end))
    value_at = np.where(regular, value_at, end)

    first, size = padded[value_at], end - value_at - 1
    length, width, text_shortest = _varint(padded, value_at + 1)
    sized = text_shortest & (value_at + 1 + width + length == end)
    last = padded[end - 1]
    integer = _is_varint(padded, value_at + 1, size, first == 0x18)
    empty = value_at == end
    regular &= (
        empty
        | (((first == 0x0A) | (first == 0x3A)) & sized)
        | integer
        | ((first == 0x21) & (size == 8))
        | ((first == 0x10) & (size == 1) & (last <= 1))
    )
    text_at = np.where(regular & ~empty & (first == 0x0A), value_at + 1 + width, end)
    key_at = np.minimum(start + 2, wrapper_at)
    # All bytes of a stretch or-ed together; a stretch of length 0 yields the byte it would begin with.
    edges = np.stack([key_at, wrapper_at, text_at, end], axis=1).ravel()
    joint = np.bitwise_or.reduceat(padded, edges).reshape(-1, 4) if len(edges) else np.empty((0, 4), np.uint8)
    dubious = ((joint[:, 0] >= 0x80) & (wrapper_at > key_at)) | ((joint[:, 2] >= 0x80) & (end > text_at))
    return _Found(
        regular, empty | ~shortest, dubious, key_at, wrapper_at, value_at, text_at, np.take(_FIELD, first)
    )


def _is_varint(padded: Data, at: Ints, size: Ints, rows: Mask) -> Mask:
    """Which of the rows are one varint of this size in its shortest form and of 64 bits at most."""
    found = rows & (size >= 1) & (size <= 10)
    places = np.flatnonzero(found)
    if len(places):
        at, size = at[places], size[places]
        last = padded[at + size - 1]
        fine = (last < 0x80) & ((size == 1) | (last > 0)) & ((size < 10) | (last == 1))
        for i in range(int(size.max()) - 1):
            fine &= (i >= size - 1) | (padded[at + i] >= 0x80)
        found[places] = fine
    return found


def _varint(padded: Data, at: Ints) -> tuple[Ints, Ints, Mask]:
    """(value, width, whether in its shortest form) of the varints there; of more than four bytes a value that fits nowhere."""
    value, width = padded[at].astype(np.int64), np.ones(len(at), np.int64)
    shortest = np.ones(len(at), np.bool_)
    more = np.flatnonzero(value >= 0x80)
    for i in range(1, 4):
        if not len(more):
            break
        byte = padded[at[more] + i].astype(np.int64)
        value[more] += (byte - 1) << 7 * i  # takes the mark off the byte before
        width[more] += 1
        shortest[more] = byte > 0
        more = more[byte >= 0x80]
    value[more] = 1 << 40
    return value, width, shortest


def _unwrapped(data: Data, start: Ints, end: Ints, found: _Found) -> pa.BinaryArray:
    """The attributes without AnyValue wrapper where regular, as they are elsewhere."""
    base = int(start[0])
    changed = data[base : int(end[-1])].copy()
    kept = np.ones(len(changed), np.bool_)
    wrapped = np.flatnonzero(found.regular & (found.wrapper_at < end))
    at, width = found.wrapper_at[wrapped] - base, (found.value_at - found.wrapper_at)[wrapped]
    for i in range(int(width.max(initial=0))):
        kept[at[width > i] + i] = False
    valued = np.flatnonzero(found.regular & (found.value_at < end))
    changed[found.value_at[valued] - base] = found.field[valued]
    lengths = end - start
    lengths[wrapped] -= width
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(changed[kept])]
    return pa.Array.from_buffers(pa.binary(), len(start), buffers)


def _not_utf8(data: Data, found: _Found, end: Ints, rows: Ints) -> Ints:
    """Those of the rows whose key or text is no UTF-8."""
    if not len(rows):
        return rows
    keys = gather(data, found.key_at[rows], (found.wrapper_at - found.key_at)[rows])
    texts = gather(data, found.text_at[rows], (end - found.text_at)[rows])
    try:
        keys.cast(pa.string())
        texts.cast(pa.string())
    except pa.ArrowInvalid:
        pairs = zip(rows.tolist(), keys.to_pylist(), texts.to_pylist(), strict=True)
        return np.array([i for i, key, text in pairs if not (_is_utf8(key) and _is_utf8(text))], np.int64)
    return rows[:0]


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


# One attribute


def read_attribute(encoded: bytes) -> tuple[bytes, bool]:
    """(canonical tag, whether UTF-8 was broken) of one serialised KeyValue, whatever it holds."""
    key, value, broken = read_pair(encoded)
    return encode_tag(key, value), broken


def read_pair(encoded: bytes) -> tuple[str, TagValue, bool]:
    """(key, value, whether UTF-8 was broken); MALFORMED_KEY and the bytes themselves for what is no KeyValue.

    protobuf refuses nesting beyond 100 messages, that is arrays of arrays 49 deep: so far recursion goes.
    """
    try:
        if is_kept_whole(encoded):
            return MALFORMED_KEY, encoded, False
        message = shallow.KeyValue.FromString(encoded)
    except DecodeError:
        return MALFORMED_KEY, encoded, False
    broken: list[bytes] = []
    key = text(message.key, broken)
    return key, _value(message.value, broken), bool(broken)


def is_kept_whole(encoded: bytes) -> bool:
    """Whether the value is an array or a map too large to be taken apart. Raises DecodeError for what is no KeyValue."""
    if len(encoded) <= STRUCTURE_BYTES_MAX:
        return False
    value = b"".join(shallow.Outline.FromString(encoded).value)
    structure = shallow.Structure.FromString(value)
    return bool(structure.array_value or structure.kvlist_value)


def text(encoded: bytes, broken: list[bytes]) -> str:
    """As text; what is no UTF-8 gets U+FFFD and is put on the list."""
    try:
        return encoded.decode()
    except UnicodeDecodeError:
        broken.append(encoded)
        return encoded.decode("utf-8", "replace")


def _value(message: Any, broken: list[bytes]) -> TagValue:
    kind = message.WhichOneof("value")
    match kind:
        case None:
            return None
        case "string_value":
            return text(message.string_value, broken)
        case "array_value":
            return [_value(item, broken) for item in message.array_value.values]
        case "kvlist_value":
            pairs = message.kvlist_value.values
            return {text(pair.key, broken): _value(pair.value, broken) for pair in pairs}
        case _:
            return getattr(message, kind)


# Many tags in many spans


class Occurrences(NamedTuple):
    """The tags with one key among those of many spans."""

    tags: pa.BinaryArray
    """The distinct ones, canonical."""
    positions: Ints
    """Their positions in the dictionary."""
    slots: Ints
    """Places in the flat list of all spans' tags where one of them stands."""
    which: Ints
    """Which of `tags` stands there."""


NOWHERE = Occurrences(pa.array([], pa.binary()), *[np.empty(0, np.int64)] * 3)


def occurrences(tags: pa.BinaryArray, codes: Codes, keys: FewKeys) -> dict[str, Occurrences]:
    """Where tags with these keys occur in `codes`, the flat list of dictionary positions; only keys that do."""
    places = keys.places(tags)
    slots = (places[codes] >= 0).nonzero()[0] if (places >= 0).any() else NOWHERE.slots
    if not len(slots):
        return {}
    found = places[codes[slots]]
    every: dict[str, Occurrences] = {}
    for place in np.bincount(found).nonzero()[0].tolist():
        positions, mine = (places == place).nonzero()[0], slots[found == place]
        which = np.searchsorted(positions, codes[mine])
        every[keys.keys[place]] = Occurrences(tags.take(pa.array(positions)), positions, mine, which)
    return every
