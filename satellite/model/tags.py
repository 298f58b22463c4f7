"""Tags as bytes, many at once: brought into canonical form, put in order, asked for their keys and texts.

Most work here is on whole Arrow arrays of *distinct* tags; only tags out of the ordinary are looked at in Python.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from google.protobuf.message import DecodeError

from satellite.model import compute as pc
from satellite.model.tag import (
    ANY,
    BOOL,
    BYTES,
    DOUBLE,
    INT,
    JSON,
    KEY,
    MALFORMED_KEY,
    STRING,
    decode_tag,
    element_texts,
    encode_tag,
    key_prefix,
    text_of,
    varint,
)
from satellite.pb import satellite_model_pb2 as pb

Codes = npt.NDArray[np.int32]

_HEAD_BYTES = 140
"""Where the text of a long tag begins, at most."""

_NOTHING, _NO_CODES = np.empty(0, np.int64), np.empty(0, np.int32)


class Normalised(NamedTuple):
    """What `normalise` made of an array of distinct tags."""

    tags: pa.BinaryArray
    """Distinct and canonical."""
    mapping: Codes | None
    """Old position → new position, -1 for a tag to leave out; None: nothing moved."""
    repaired: Codes
    """Old positions of tags that held invalid UTF-8, now with U+FFFD in its place."""


_TAGS_AT_ONCE, _BYTES_AT_ONCE = 2**14, 2**20
"""So many are looked at, or become Python objects, at a time, whatever a body holds; at least one."""


def normalise(tags: pa.BinaryArray, reader: Callable[[bytes], Any]) -> Normalised:
    """Bring distinct LightStep KeyValues into canonical form.

    Args:
        tags: distinct serialised KeyValues, as they came.
        reader: parses one KeyValue that is not canonical; has fields 1–6 of Tag; raises for what is none.
    """
    parts: list[pa.BinaryArray] = []
    repaired: list[int] = []
    changed = False
    for first, end in portions(tags):
        part = tags.slice(first, end - first)
        touched = _out_of_the_ordinary(part)
        if touched:
            changed = True
            values: list[bytes | None] = part.to_pylist()
            for i in touched:
                values[i], was_broken = _repair(values[i] or b"", reader)
                if was_broken:
                    repaired.append(first + i)
            part = pa.array(values, pa.binary())
            del values
        parts.append(part)
    if not changed:
        return Normalised(tags, None, _NO_CODES)
    encoded = pa.chunked_array(parts).dictionary_encode()
    del parts
    mapping = pc.fill_null(pa.chunked_array([one.indices for one in encoded.chunks]), -1).to_numpy()
    return Normalised(encoded.chunk(0).dictionary, mapping.astype(np.int32), np.array(repaired, np.int32))


def portions(tags: pa.BinaryArray) -> Iterator[tuple[int, int]]:
    """Where the parts of an array begin and end that are looked at together: within _TAGS_AT_ONCE and _BYTES_AT_ONCE."""
    starts, ends, _ = layout(tags)
    first = 0
    if 0 < len(tags) <= _TAGS_AT_ONCE and ends[-1] - starts[0] <= _BYTES_AT_ONCE:
        yield 0, len(tags)
        return
    while first < len(tags):
        end = max(first + 1, int(np.searchsorted(ends, starts[first] + _BYTES_AT_ONCE, "right")))
        end = min(end, first + _TAGS_AT_ONCE, len(tags))
        yield first, end
        first = end


def _out_of_the_ordinary(tags: pa.BinaryArray) -> list[int]:
    """Positions of those that are not canonical."""
    start, end, data = layout(tags)
    base = start[0]
    if end[-1] - base > _BYTES_AT_ONCE:  # a single one: of each byte over 0x7f eight would be noted
        return [] if _is_long_text(tags) else [0]
    regular, dubious = _classify(start - base, end - base, data[base : end[-1]])
    if regular.all() and not dubious.any():
        return []
    texts = np.flatnonzero(regular & dubious)
    touched = ~regular
    touched[[i for i in texts.tolist() if not _is_utf8(tags[i].as_py())]] = True
    return np.flatnonzero(touched).tolist()


def _is_long_text(tag: pa.BinaryArray) -> bool:
    """Whether a single tag is canonical, a text, and UTF-8; told without a copy of it."""
    start, end, data = layout(tag)
    head = data[start[0] : start[0] + _HEAD_BYTES].tobytes()
    if len(head) < _HEAD_BYTES or head[0] != KEY or head[1] >= 128:
        return False
    at = 2 + head[1]
    length = int(end[0] - start[0]) - at - 1 - len(varint(int(end[0] - start[0])))
    written = bytes([STRING]) + varint(length)
    if head[at : at + len(written)] != written or at + len(written) + length != end[0] - start[0]:
        return False
    try:
        head[2:at].decode()
        text = start[0] + at + len(written)
        ends = pa.py_buffer(np.array([0, length], np.int32))
        pa.Array.from_buffers(pa.binary(), 1, [None, ends, tag.buffers()[2].slice(int(text), length)]).cast(
            pa.string()
        )
    except (UnicodeDecodeError, pa.ArrowInvalid):
        return False
    return True


def layout(
    values: pa.BinaryArray,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """Where each value starts and ends, and the bytes they lie in; nothing is copied but the offsets."""
    _, offsets_buffer, data_buffer = values.buffers()
    if offsets_buffer is None or len(values) == 0:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.uint8)
    offsets = np.frombuffer(offsets_buffer, np.int32, len(values) + 1, values.offset * 4).astype(np.int64)
    data = np.frombuffer(data_buffer, np.uint8) if data_buffer is not None else np.empty(0, np.uint8)
    return offsets[:-1], offsets[1:], data


def _classify(
    start: npt.NDArray[np.int64], end: npt.NDArray[np.int64], data: npt.NDArray[np.uint8]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """(is canonical but perhaps for its UTF-8, has a byte over 0x7f in key or text) of each tag."""
    if not len(start):
        empty = np.empty(0, np.bool_)
        return empty, empty
    padded = np.concatenate([data, np.zeros(16, np.uint8)])
    high = (data >= 0x80).nonzero()[0]  # few: looked up where a running count would be over every byte
    # Nearly every tag: a short text.
    at = np.minimum(start + 2 + padded[start + 1], end)
    length = padded[at + 1]
    regular = (padded[start] == KEY) & (padded[at] == STRING) & (length < 128) & (at + 2 + length == end)
    others = (~regular).nonzero()[0]
    if not len(others) and not len(high):
        return regular, np.zeros(len(start), np.bool_)
    if not len(high):
        regular[others] = _classify_any(start[others], end[others], padded, high)[0]
        return regular, np.zeros(len(start), np.bool_)
    return _classify_any(start, end, padded, high)


def _classify_any(
    start: npt.NDArray[np.int64],
    end: npt.NDArray[np.int64],
    padded: npt.NDArray[np.uint8],
    high: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """The same where tags are of any kind; `high`: where the bytes over 0x7f are."""
    key_length = padded[start + 1].astype(np.int64)
    at = start + 2 + key_length
    keyed = (end - start >= 2) & (padded[start] == KEY) & (key_length < 128) & (at <= end)
    at = np.where(keyed, at, start)
    kind = padded[at]
    size = end - at - 1
    first, second = padded[at + 1].astype(np.int64), padded[at + 2].astype(np.int64)
    long = first >= 128
    header = np.where(long, 3, 2)
    length = np.where(long, (first & 0x7F) | (second << 7), first)
    is_text = (kind == STRING) | (kind == JSON)
    text = is_text & (~long | ((second > 0) & (second < 128))) & (at + header + length == end)
    high_before_end = np.searchsorted(high, end)
    low_bytes = size - (high_before_end - np.searchsorted(high, np.minimum(at + 1, end)))
    last = padded[np.maximum(end - 1, start)]
    integer = (kind == INT) & (size >= 1) & (low_bytes == 1) & (last < 128) & ((size == 1) | (last > 0))
    integer &= (size < 10) | ((size == 10) & (last == 1))
    double = (kind == DOUBLE) & (size == 8)
    boolean = (kind == BOOL) & (size == 1) & (last <= 1)
    none = at == end
    regular = keyed & (none | ((at < end) & (text | integer | double | boolean)))
    value_at = np.where(text, np.minimum(at + header, end), end)
    in_key = np.searchsorted(high, at) - np.searchsorted(high, np.minimum(start + 2, at))
    dubious = in_key + high_before_end - np.searchsorted(high, value_at) > 0
    return regular, dubious


def _is_utf8(encoded: bytes) -> bool:
    tag = pb.Tag.FromString(encoded)
    try:
        tag.key.decode()
        (tag.string_value or tag.json_value).decode()
    except UnicodeDecodeError:
        return False
    return True


def _repair(encoded: bytes, reader: Callable[[bytes], Any]) -> tuple[bytes | None, bool]:
    """(canonical bytes or None for an empty tag, whether UTF-8 was broken) of a tag out of the ordinary."""
    try:
        tag = reader(encoded)
    except DecodeError:  # these bytes are no tag
        return encode_tag(MALFORMED_KEY, encoded), False
    kind = tag.WhichOneof("value")
    if not tag.key and kind is None:
        return None, False
    clean = pb.Tag(key=_clean(tag.key))
    broken = clean.key != tag.key
    if kind is not None:
        value = getattr(tag, kind)
        if isinstance(value, bytes):
            cleaned = _clean(value)
            broken |= cleaned != value
            value = cleaned
        setattr(clean, kind, value)
    return clean.SerializeToString(), broken


def _clean(text: bytes) -> bytes:
    return text.decode("utf-8", "replace").encode()


def are_plain(tags: pa.BinaryArray) -> npt.NDArray[np.bool_]:
    """Which of these KeyValues, as they came, are canonical scalars for certain; text beyond ASCII is not certain."""
    regular, dubious = _classify(*layout(tags))
    plain: npt.NDArray[np.bool_] = regular & ~dubious
    return plain


class KeyOrder(NamedTuple):
    """Distinct tags put in order of their keys."""

    keys: list[str]
    """Distinct keys, in the order of their tags."""
    starts: Codes
    """Tags of `keys[i]` stand at starts[i] … starts[i + 1] of the reordered array."""
    order: npt.NDArray[np.int64]
    """Reordered array = tags.take(order)."""


def order_by_key(tags: pa.BinaryArray) -> KeyOrder:
    """Group canonical tags by key, keys in byte order."""
    start, _, data = layout(tags)
    if not len(start):
        return KeyOrder([], np.zeros(1, np.int32), np.empty(0, np.int64))
    header, length = _keys(start, data)
    keys = gather(data, start + header, length).dictionary_encode()
    by_name = pc.array_sort_indices(keys.dictionary)
    rank = np.empty(len(by_name), np.int32)
    rank[by_name.to_numpy()] = np.arange(len(by_name), dtype=np.int32)
    codes = rank[keys.indices.to_numpy()]
    starts = np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=len(rank)))]).astype(np.int32)
    names = [name.decode("utf-8", "replace") for name in keys.dictionary.take(by_name).to_pylist()]
    return KeyOrder(names, starts, np.argsort(codes, kind="stable"))


def _keys(
    start: npt.NDArray[np.int64], data: npt.NDArray[np.uint8]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(bytes before the key, bytes of the key) of each canonical tag."""
    length = data[start + 1].astype(np.int64)
    header = np.full(len(start), 2)
    for i in np.flatnonzero(length >= 128).tolist():  # a key of 128 bytes and more has a longer varint
        length[i], width = _varint(data, int(start[i]) + 1)
        header[i] = 1 + width
    return header, length


def are_complex(tags: pa.BinaryArray) -> npt.NDArray[np.bool_]:
    """Which canonical tags `is_complex`."""
    start, end, data = layout(tags)
    if not len(start):
        return np.empty(0, np.bool_)
    at = np.add(start, np.add(*_keys(start, data)))
    kind = data[np.minimum(at, end - 1)]
    not_finite = (kind == DOUBLE) & (data[end - 1] & 0x7F == 0x7F) & (data[end - 2] >= 0xF0)
    found: npt.NDArray[np.bool_] = (at < end) & ((kind == BYTES) | (kind == ANY) | not_finite)
    return found


def _varint(data: npt.NDArray[np.uint8], at: int) -> tuple[int, int]:
    """(value, width in bytes) of the varint at a position."""
    value = width = 0
    while True:
        byte = int(data[at + width])
        value |= (byte & 0x7F) << (7 * width)
        width += 1
        if byte < 0x80:
            return value, width


_FEW_BYTES = 2**16
"""So many are picked one by one, by sixteen bytes of places each."""


def gather(
    data: npt.NDArray[np.uint8], at: npt.NDArray[np.int64], length: npt.NDArray[np.int64]
) -> pa.BinaryArray:
    """The byte strings of these places and lengths, of which none begins within another."""
    ends = np.concatenate([[0], np.cumsum(length)])
    if ends[-1] <= _FEW_BYTES:
        picks = np.repeat(at - ends[:-1], length) + np.arange(ends[-1])
        few = [None, pa.py_buffer(ends.astype(np.int32)), pa.py_buffer(data[picks])]
        return pa.Array.from_buffers(pa.binary(), len(at), few)
    places = 2 * np.arange(len(at))
    if (np.diff(at) < 0).any():
        order = np.argsort(at, kind="stable")
        places[order] = places.copy()
        at, length = at[order], length[order]
    # What lies between them is every other string of an array over the same bytes: only what is picked is copied.
    offsets = np.stack([at, at + length], axis=1).ravel().astype(np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(data))]
    return pa.Array.from_buffers(pa.binary(), len(offsets) - 1, buffers).take(pa.array(places))


def texts_of(tags: pa.BinaryArray, key: str) -> pa.StringArray:
    """The values of canonical tags that all have this key, as canonical text, same order."""
    prefix = len(key_prefix(key))
    start, end, data = layout(tags)
    if not len(start):
        return pa.array([], pa.string())
    last = len(data) - 1
    kind, first = data[np.minimum(start + prefix, last)], data[np.minimum(start + prefix + 1, last)]
    short = (end > start + prefix) & ((kind == STRING) | (kind == JSON)) & (first < 128)
    if short.all():
        # With an end, which no short text reaches: without one pyarrow fails on a slice of an array.
        return pc.binary_slice(tags, prefix + 2, prefix + 2 + 128).cast(pa.string())
    at = start + prefix + 2
    texts = gather(data, np.where(short, at, 0), np.where(short, end - at, 0)).cast(pa.string())
    rest = pa.array(np.flatnonzero(~short))
    others = [text_of(decode_tag(encoded)[1]) for encoded in tags.take(rest).to_pylist()]
    return pc.replace_with_mask(texts, pa.array(~short), pa.array(others, pa.string()))


class Elements(NamedTuple):
    """The elements of those tags whose value is a list."""

    tags: Codes
    """The tag that each belongs to, ascending."""
    texts: pa.StringArray
    """Canonical text, each once a list."""


def elements_of(tags: pa.BinaryArray, key: str) -> Elements:
    """The elements of the lists among canonical tags that all have this key."""
    start, end, data = layout(tags)
    at = start + len(key_prefix(key))
    places = np.flatnonzero((at < end) & (data[np.minimum(at, end - 1)] == ANY)) if len(start) else _NOTHING
    found = [element_texts(decode_tag(tag)[1]) for tag in tags.take(pa.array(places)).to_pylist()]
    owners = np.repeat(places, [len(texts) for texts in found]).astype(np.int32)
    return Elements(owners, pa.array([text for texts in found for text in texts], pa.string()))
