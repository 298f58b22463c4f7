"""Protobuf bodies as Arrow columns by ptars, after a look at what could hurt it.

What costs Python an error ends a process in native code. ptars skips a group, which no client sends, by calling itself:
enough of them inside each other end the stack. And an empty message takes two bytes on the wire and a hundred in columns,
all of them taken before anybody can count. So each body is looked at before: how deep it may go (`ColumnReader`), and how
many messages it may hold (`hold_more`). Both begin with bytes that there must be for it, found at the speed of memory.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from itertools import chain, pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import ptars
import pyarrow as pa
from google.protobuf.message import DecodeError, Message

from satellite.errors import BadReport, TooLarge
from satellite.model import compute as pc
from satellite.model.tags import layout
from satellite.protocols.readers.json_document import TOO_BROKEN, broken_max, broken_places

EVENT_BYTES_MIN = 24
"""A body may hold one event, link or log for each 24 of its bytes (time and name of one take 20). Ours."""

GROUP_STACK_BYTES = 128
"""What a group within a group takes of the stack, rounded up (70 measured on x86-64); of the body it takes at least one
byte. Where a body may have more groups than the stack holds, upb reads it first, which gives up at 100 levels."""

STACK_BYTES = 8 * 2**20
"""Of a thread of which nothing else is known: Linux' default."""

FREE = 1000
"""So many messages go uncounted: small bodies with little in them are fine. Ours."""

SMALL_BYTES = 256 * 2**10
"""Bodies of so many bytes together may be read before their messages are counted: at worst they take 32 MiB. Ours."""

AHEAD = 2**14
"""So many messages may come before the bytes that they need: whoever counts them needs not go on when there are more. Ours."""

_START_GROUP = 3

Range = tuple[int, int]

_thread = threading.local()


def has_stack(size_bytes: int) -> None:
    """Say how large the stack of this thread is, so that bodies that it holds need no look at their depth."""
    _thread.groups_max = size_bytes // GROUP_STACK_BYTES


def _groups_max() -> int:
    groups: int = getattr(_thread, "groups_max", STACK_BYTES // GROUP_STACK_BYTES)
    return groups


class ColumnReader:
    """Reads bodies that are messages of one kind."""

    def __init__(self, message: type[Message], *, shape: type[Message], name: str) -> None:
        """A reader.

        Args:
            message: the schema.
            shape: the same with nothing in it but nested messages, none of them repeated.
            name: what a body is called in errors.
        """
        pool = ptars.HandlerPool([message.DESCRIPTOR.file])
        self._read = pool.get_for_message(message.DESCRIPTOR).list_to_record_batch
        self._shape = shape
        self._name = name

    def read(self, bodies: Sequence[bytes]) -> pa.RecordBatch:
        """A row for each. Raises BadReport when one is no such message.

        No list of it is null or begins beyond 0, so that what all of them hold is their `values`: Arrow's `flatten` is the same
        and costs 4 µs more, and 10 for each field that is then asked for.
        """
        try:
            limit = _groups_max()
            for body in bodies:
                if len(body) > limit and _groups_at_most(body) > limit:
                    self._shape.FromString(body)
            return self._read(list(bodies))
        except DecodeError as error:
            raise BadReport(f"not {self._name}: cut off, or nested too deeply") from error
        except ValueError as error:
            raise BadReport(f"not {self._name}: {error}") from error
        except BaseException as error:  # ptars panics on lengths near 2^64; a panic is no Exception
            if type(error).__module__ != "pyo3_runtime":
                raise
            raise BadReport(f"not {self._name}: impossible length") from error


def _groups_at_most(body: bytes) -> int:
    """How many bytes could begin a group."""
    return int(np.count_nonzero(np.frombuffer(body, np.uint8) & 7 == _START_GROUP))


def hold_more(
    bodies: Sequence[bytes],
    bytes_each: int,
    fields: Sequence[int],
    messages: Callable[[bytes], Iterator[Range]],
) -> bool:
    """Whether a body holds more than FREE messages and one for each `bytes_each` of it, all of these fields of 1 to 15.

    `messages` goes through those of a body in their order; it does, in Python, only where the body has enough of the bytes that
    such fields begin with (or 0x80 more: a number in more bytes than it needs), which are counted for all bodies at once. It is
    not asked further when there are AHEAD more than the bytes up to there allow.
    """
    limits = [FREE + len(body) // bytes_each for body in bodies]
    large = [i for i, body in enumerate(bodies) if len(body) // 2 >= limits[i]]
    if not large:
        return False
    data = np.frombuffer(b"".join([bodies[i] for i in large]), np.uint8) & 0x7F
    begins = data == (fields[0] << 3 | 2)
    for number in fields[1:]:
        begins |= data == (number << 3 | 2)
    ends = np.cumsum([len(bodies[i]) for i in large]).tolist()
    possible = [np.count_nonzero(begins[start:end]) for start, end in pairwise([0, *ends])]
    return any(
        any(
            seen >= limits[i] or seen > AHEAD + end // bytes_each
            for seen, (_, end) in enumerate(messages(bodies[i]))
        )
        for i, most in zip(large, possible, strict=True)
        if most > limits[i]
    )


DIFFERENT_FREE, DIFFERENT_BYTES_MIN = 2**16, 56
"""A body may hold so many different tags, and one more for each 56 bytes: each takes about 200 in memory while it is read, one that is
repeated takes 10. Ours."""

ODD_FREE, ODD_BYTES_MIN = 2**15, 96
"""The same of tags that are no plain value in the usual form, each of which becomes an object: 600 in memory. Ours."""

MOMENTS_FREE, MOMENT_BYTES_MIN = 2**15, 56
"""The same of logs, events and links, whether different or not: each takes 400. Ours."""


def are_too_different(
    values: pa.BinaryArray, size_bytes: int, odd: Callable[[pa.BinaryArray], int] = lambda _: 0
) -> bool:
    """Whether more of the tags of bodies of this size are different, or odd, than those can have a use for.

    `odd` says how many of different tags are.
    """
    limit, odd_limit = (
        free + size_bytes // bytes_each
        for free, bytes_each in ((DIFFERENT_FREE, DIFFERENT_BYTES_MIN), (ODD_FREE, ODD_BYTES_MIN))
    )
    if len(values) <= odd_limit:
        return False
    different: list[pa.BinaryArray] = []
    found = 0
    for first in range(0, len(values), step := limit // 4 + 1):  # a table of all takes ten times what they do
        part = values[first : first + step].unique()
        for others in different:
            part = part.filter(pc.invert(pc.is_in(part, value_set=others)))
        if len(part):
            different.append(part)
            found += len(part)
        if found > limit:
            return True
    return found > odd_limit and odd(pa.concat_arrays(different)) > odd_limit


BROKEN_UNCOUNTED_BYTES = 2**20
"""Bodies of so many bytes together may hold whatever is no UTF-8: at worst they take 30 MiB. Ours."""

_PART_BYTES = 2**20
"""Looked at together: as texts they take four times that."""


class TextColumn(NamedTuple):
    """Where texts are in columns."""

    values: pa.BinaryArray
    texts: Callable[[bytes], Iterable[bytes]] = lambda value: (value,)
    """Those of a value; what else is in it may be any bytes. Asked only where very many are no UTF-8."""


def check_broken(size_bytes: int, columns: Sequence[TextColumn]) -> None:
    """Make sure that no more of the texts in bodies of this size, over BROKEN_UNCOUNTED_BYTES, is no UTF-8 than `broken_max` allows.

    Raises TooLarge.
    """
    most = broken_max(size_bytes)
    sent = [data for values, _ in columns for data in _data_of(values)]
    # At a stroke first, which takes for broken what else stands between the texts, but no text that is sound.
    if (
        sum(int(np.count_nonzero(data & 0x80)) for data in sent) <= most
        or sum(broken_places(data.tobytes()) for data in sent) <= most
    ):
        return
    found = 0
    for values, texts in columns:
        for value in values:
            found += sum(map(broken_places, texts(value.as_py())))
            if found > most:
                raise TooLarge(TOO_BROKEN)


def _data_of(values: pa.BinaryArray) -> Iterator[npt.NDArray[np.uint8]]:
    """The bytes of all values in a row, in parts."""
    start, end, data = layout(values)
    if len(start):
        for first in range(start[0], end[-1], _PART_BYTES):
            yield data[first : min(first + _PART_BYTES, end[-1])]


PART_BYTES = 2**16
FIELDS_MAX = 2**12
"""A part of a body (what its sender says of itself, an event) beyond so many bytes may have so many fields, each of which
becomes an object. Ours."""


SPAN_FIELDS_FREE, SPAN_FIELD_BYTES_MIN = 2**14, 64
"""A span that is read as an object, and is as large as that, may have so many, and one for each so many of its bytes. Ours."""


def is_crowded_span(span: bytes, nested: Container[int] = ()) -> bool:
    """The same as `is_crowded` of a span, of which more may be expected."""
    return is_crowded(span, nested, SPAN_FIELDS_FREE + len(span) // SPAN_FIELD_BYTES_MIN)


def is_crowded(part: bytes, nested: Container[int] = (), fields_max: int = FIELDS_MAX) -> bool:
    """Whether a message, with those of the `nested` fields in it, is better not read as an object: it is large and consists of very many fields."""
    if len(part) <= PART_BYTES:
        return False
    whole, every = (0, len(part)), range(1, 2**29)
    within = (messages_in(part, one, every) for one in messages_in(part, whole, nested))
    fields = chain(messages_in(part, whole, every), chain.from_iterable(within))
    return any(seen >= fields_max for seen, _ in enumerate(fields))


def crowded_values(parts: pa.BinaryArray, nested: Container[int] = ()) -> bool:
    """The same of all of them."""
    data = parts.buffers()[2]
    if data is None or data.size <= PART_BYTES:
        return False
    start, end, _ = layout(parts)
    large = np.flatnonzero(end - start > PART_BYTES).tolist()
    return any(is_crowded(parts[i].as_py(), nested) for i in large)


def lengths_of(lists: pa.ListArray) -> npt.NDArray[np.int64]:
    """How many elements each list has."""
    offsets = lists.offsets.to_numpy().astype(np.int64)
    lengths: npt.NDArray[np.int64] = offsets[1:] - offsets[:-1]
    return lengths


def readable(names: pa.DictionaryArray) -> tuple[pa.BinaryArray, list[int]]:
    """The distinct names as UTF-8, with U+FFFD for what was none; the places of those that held such.

    Two that differed only there then read the same, which harms nobody.
    """
    distinct = names.dictionary
    data = distinct.buffers()[2]
    if data is None or not data.size or np.frombuffer(data, np.uint8).max() < 0x80:
        return distinct, []
    try:
        distinct.cast(pa.string())
    except pa.ArrowInvalid:
        sent = distinct.to_pylist()
        texts = [name.decode("utf-8", "replace").encode() for name in sent]
        return pa.array(texts, pa.binary()), [i for i, text in enumerate(texts) if text != sent[i]]
    return distinct, []


def joined_bytes_of_each(lists: pa.ListArray) -> list[bytes]:
    """The values of each list in a row, which is how protobuf merges the occurrences of a message; they lie so already."""
    _, offsets, data = lists.values.buffers()
    if data is None or not len(lists.values):
        return [b""] * len(lists)
    ends = np.frombuffer(offsets, np.int32, len(lists.values) + 1, lists.values.offset * 4)
    places = ends[lists.offsets.to_numpy()].tolist()
    view = memoryview(data)
    return [view[start:end].tobytes() for start, end in pairwise(places)]


def messages_in(body: bytes, within: Range, fields: Container[int]) -> Iterator[Range]:
    """(start, end) of each message with one of these field numbers, between two places of a body.

    Ends where there is no protobuf; whoever reads the body will say so.
    """
    at, end = within
    while at < end:
        if at + 2 <= end and body[at] & 0x87 == 2 and body[at + 1] < 0x80:  # nearly every message is short
            length = body[at + 1]
            if body[at] >> 3 in fields:
                yield at + 2, min(at + 2 + length, end)
            at += 2 + length
            continue
        key, at = _varint(body, at, end)
        match key & 7:
            case 2:
                length, at = _varint(body, at, end)
                if key >> 3 in fields:
                    yield at, min(at + length, end)
                at += length
            case 0:
                _, at = _varint(body, at, end)
            case 1:
                at += 8
            case 5:
                at += 4
            case 3 | 4:
                pass  # what is in a group counts as if it were not
            case _:
                return


def _varint(body: bytes, at: int, end: int) -> tuple[int, int]:
    """(value, where it ends); the end of everything when it does not end in time."""
    value = shift = 0
    while at < end and shift < 70:
        byte = body[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    return 0, end
