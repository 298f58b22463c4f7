"""Thrift's TBinaryProtocol: messages, bare structs and bare lists, read along a schema into dicts, and written.

Our own rather than Apache's library: the bounds are ours (depth, lengths, counts), and a struct of which only known
fields are made is quicker than generated classes. Everything is big-endian; unknown fields, and known ones of another
type, are skipped.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from satellite.errors import BadReport, TooLarge

BOOL, I8, DOUBLE, I16, I32, I64, STRING, STRUCT, MAP, SET, LIST = 2, 3, 4, 6, 8, 10, 11, 12, 13, 14, 15
"""Wire types."""

CALL, REPLY, EXCEPTION, ONEWAY = 1, 2, 3, 4
"""Message types."""

UNKNOWN_METHOD, INVALID_MESSAGE_TYPE, PROTOCOL_ERROR = 1, 2, 7
"""Types of a TApplicationException."""

DEPTH_MAX = 32
"""Structs and containers within each other; the deepest schema known here has 6 levels. Ours."""

ELEMENTS_FREE, ELEMENT_BYTES_MIN = 2**15, 20
"""The lists, sets and maps of one body may hold so many elements together, and one more for each 20 of its bytes. Each
becomes an object of 160 bytes and more; a tag of two letters takes 17 in a body, and spans are more than tags. Ours."""

PART_ELEMENTS_FREE, PART_ELEMENT_BYTES = 2**14, 128
"""So many of them in one span, where spans are read one by one, and one more for each 128 bytes of the body: each is up to a
thousand bytes until the span is in columns. Ours."""

NAME_BYTES_MAX = 256
"""Of a method's name; what is longer is no envelope. Ours."""

_STRICT = 0x8001_0000
_FIXED_BYTES = {BOOL: 1, I8: 1, DOUBLE: 8, I16: 2, I32: 4, I64: 8, 16: 16}  # 16: uuid, of newer libraries
_LEAST_BYTES = _FIXED_BYTES | {STRING: 4, STRUCT: 1, MAP: 6, SET: 5, LIST: 5}

_FIELD, _STRING_HEAD, _NEXT_HEAD = struct.Struct(">bh"), struct.Struct(">bhi"), struct.Struct(">3sI")
_FIRST_STRING, _SECOND_STRING = _FIELD.pack(STRING, 1), _FIELD.pack(STRING, 2)
_I8, _I16, _I32, _I64 = struct.Struct(">b"), struct.Struct(">h"), struct.Struct(">i"), struct.Struct(">q")
_DOUBLE = struct.Struct(">d")
_NUMBERS = {I8: _I8, I16: _I16, I32: _I32, I64: _I64, DOUBLE: _DOUBLE}


class Several(Protocol):
    """Structs of a list that were read together."""

    def __len__(self) -> int:
        """How many."""
        ...

    @property
    def elements(self) -> int:
        """How many structs are in the lists of these."""
        ...

    @property
    def nbytes(self) -> int:
        """How long they are."""
        ...


AtOnce = Callable[[bytes, int, int], Several | None]
"""(body, where the next struct begins, how many there are at most) → the first of them, None: it can none."""


class Field(NamedTuple):
    """One field of a struct, of those that are read."""

    name: str
    """Its key in the dict."""
    kind: int
    """Its wire type; a field of another type is skipped."""
    of: Schema | int | None = None
    """STRUCT: its schema. LIST and SET: the schema of its structs, or the wire type of its other elements."""
    binary: bool = False
    """Strings as bytes; else as text, in which bytes that are no UTF-8 became surrogates (`surrogateescape`)."""
    encoded: bool = False
    """LIST and SET of structs: each as its bytes, for who meets the same ones often and reads them once."""
    at_once: AtOnce | None = None
    """LIST of structs: reads as many as it can at a time; they stand in the list as one, before those read one by one."""


Schema = dict[int, Field]
"""Field id → field. A map is not among what can be read, since none of the formats here has one."""


class Message(NamedTuple):
    """The envelope of a call or an answer."""

    name: str
    type: int
    sequence: int
    strict: bool = True
    """False: the older form, without version."""


def read_message(body: bytes) -> tuple[Message, int]:
    """The envelope, strict or not, and where its struct begins.

    Raises:
        BadReport: there is none.
    """
    try:
        first = _I32.unpack_from(body, 0)[0]
        if first < 0:
            if first & 0xFFFF_0000 != _STRICT:
                raise BadReport("not a Thrift message: unknown version")
            kind, at = first & 0xFF, 8
            size = _I32.unpack_from(body, 4)[0]
        else:
            kind, at, size = 0, 4, first
        if not 0 <= size <= NAME_BYTES_MAX:
            raise BadReport("not a Thrift message: its name has an impossible length")
        name = body[at : at + size].decode("utf-8", "replace")
        at += size
        if first >= 0:
            kind = body[at]
            at += 1
        sequence = _I32.unpack_from(body, at)[0]
    except (struct.error, IndexError) as error:
        raise BadReport("not a Thrift message: cut off in its envelope") from error
    return Message(name, kind, sequence, first < 0), at + 4


def read_struct(body: bytes, schema: Schema, at: int = 0) -> dict[str, Any]:
    """The struct that begins at a place: field name → value, only the fields that were there.

    Lists are lists, structs dicts, numbers exact. What follows the struct is left alone.

    Raises:
        BadReport: cut off, too deep, impossible lengths.
    """
    reader = _Reader(body)
    try:
        return reader.structure(schema, at, 0)[0]
    except (struct.error, IndexError) as error:
        raise BadReport("not a Thrift struct: it is cut off") from error


def read_parts(body: bytes, schema: Schema) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and value of those fields of a body's struct that are structs, in order; those of a list one by one under its name.

    Raises:
        BadReport: as `read_struct`, once it is reached.
        TooLarge: more elements, of all or of one, than are worth reading.
    """
    reader = _Reader(body)
    try:
        yield from reader.parts(schema)
    except (struct.error, IndexError) as error:
        raise BadReport("not a Thrift struct: it is cut off") from error


def read_list(body: bytes, schema: Schema) -> Iterator[dict[str, Any]]:
    """The structs of the bare list that a body is (Zipkin v1's), one by one.

    Raises:
        BadReport: as `read_struct`, and for a list of anything else.
    """
    reader = _Reader(body)
    try:
        if body[0] != STRUCT:
            raise BadReport("not a Thrift list of structs")
        count = reader.count(1, STRUCT)
        at = 5
        for _ in range(count):
            one, at = reader.part(schema, at)
            yield one
    except (struct.error, IndexError) as error:
        raise BadReport("not a Thrift list: it is cut off") from error


def read_texts(encoded: bytes) -> tuple[str, str] | None:
    """The texts of a struct that is made of the fields 1 and 2, both sound texts; None for any other."""
    try:
        first, size = _NEXT_HEAD.unpack_from(encoded)
        second, rest = _NEXT_HEAD.unpack_from(encoded, end := 7 + size)
        if first != _FIRST_STRING or second != _SECOND_STRING or end + 8 + rest != len(encoded):
            return None
        return encoded[7:end].decode(), encoded[end + 7 : -1].decode()
    except (struct.error, UnicodeDecodeError):
        return None


class _Reader:
    """Reads values of one body; each method takes a place and gives (value, place behind it)."""

    __slots__ = ("_data", "_end", "_left", "_part_left")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._end = len(data)
        self._left = self._part_left = ELEMENTS_FREE + len(data) // ELEMENT_BYTES_MIN

    def parts(self, schema: Schema) -> Iterator[tuple[str, dict[str, Any]]]:
        at = 0
        while kind := self._data[at]:
            _, number = _FIELD.unpack_from(self._data, at)
            at += 3
            field = schema.get(number)
            if field is None or field.kind != kind or not isinstance(field.of, dict):
                at = self.skip(kind, at, 1)
            elif kind == STRUCT:
                one, at = self.part(field.of, at)
                yield field.name, one
            elif self._data[at] != STRUCT:
                at = self._skip_elements(at, 1)
            else:
                self._part_left = self._left
                count = self.count(at + 1, STRUCT)
                at += 5
                for _ in range(count):
                    one, at = self.part(field.of, at)
                    yield field.name, one

    def part(self, schema: Schema, at: int) -> tuple[dict[str, Any], int]:
        """A struct that is let go of before the next is read."""
        self._part_left = PART_ELEMENTS_FREE + self._end // PART_ELEMENT_BYTES
        return self.structure(schema, at, 1)

    def structure(self, schema: Schema, at: int, depth: int) -> tuple[dict[str, Any], int]:
        if depth > DEPTH_MAX:
            raise BadReport(f"Thrift structs are nested more than {DEPTH_MAX} deep")
        data, limit = self._data, self._end
        found: dict[str, Any] = {}
        while kind := data[at]:
            if kind == STRING:  # most fields are: type, id and length in one go
                _, number, size = _STRING_HEAD.unpack_from(data, at)
                at += 7
                end = at + size
                if size < 0 or end > limit:
                    raise _impossible(size)
                field = schema.get(number)
                if field is not None and field.kind == STRING:
                    text = data[at:end]
                    found[field.name] = text if field.binary else _decode(text)
                at = end
                continue
            _, number = _FIELD.unpack_from(data, at)
            at += 3
            field = schema.get(number)
            if field is None or field.kind != kind:
                at = self.skip(kind, at, depth + 1)
            elif kind == BOOL:
                found[field.name] = data[at] != 0
                at += 1
            elif kind == STRUCT:
                assert isinstance(field.of, dict)
                found[field.name], at = self.structure(field.of, at, depth + 1)
            elif kind in (LIST, SET):
                found[field.name], at = self.elements(field, at, depth + 1)
            else:
                form = _NUMBERS[kind]
                found[field.name] = form.unpack_from(data, at)[0]
                at += form.size
        return found, at + 1

    def elements(self, field: Field, at: int, depth: int) -> tuple[list[Any], int]:
        """A list or set; empty when its elements are of another type than the schema says."""
        of, binary = field.of, field.binary
        kind, count = self._data[at], self.count(at + 1, self._data[at])
        start = at
        at += 5
        if isinstance(of, dict) and kind == STRUCT:
            if field.encoded:
                return self._encoded(at, depth + 1, count)
            together: list[Any] = []
            while field.at_once and (several := field.at_once(self._data, at, count)):
                self._take(several.elements)
                together.append(several)
                at, count = at + several.nbytes, count - len(several)
            structs, at = self._structs(of, at, depth + 1, count)
            return together + structs, at
        if kind != of:
            return [], self._skip_elements(start, depth)
        if kind == STRING:
            texts: list[Any] = []
            for _ in range(count):
                text, at = self._string(at)
                texts.append(text if binary else _decode(text))
            return texts, at
        if kind == BOOL:
            end = self._within(at, count)
            return [byte != 0 for byte in self._data[at:end]], end
        form = _NUMBERS[kind]
        end = self._within(at, count * form.size)
        return [value for (value,) in form.iter_unpack(self._data[at:end])], end

    def _structs(self, schema: Schema, at: int, depth: int, count: int) -> tuple[list[Any], int]:
        """So many structs one after the other."""
        structs: list[dict[str, Any]] = []
        for _ in range(count):
            one, at = self.structure(schema, at, depth)
            structs.append(one)
        return structs, at

    def _encoded(self, at: int, depth: int, count: int) -> tuple[list[bytes], int]:
        """The same as bytes. Pairs of texts, field 1 and field 2, are most of what there is, and have a path of their own."""
        data, head = self._data, _NEXT_HEAD.unpack_from
        structs: list[bytes] = []
        for _ in range(count):
            start = at
            try:
                first, size = head(data, at)
                second, size = head(data, end := at + 7 + size)
                end += 7 + size
                plain = first == _FIRST_STRING and second == _SECOND_STRING and not data[end]
            except (struct.error, IndexError):
                plain = False
            at = end + 1 if plain else self.skip(STRUCT, at, depth)
            structs.append(data[start:at])
        return structs, at

    def skip(self, kind: int, at: int, depth: int) -> int:
        """The place behind a value of any type."""
        if kind in _FIXED_BYTES:
            return self._within(at, _FIXED_BYTES[kind])
        if kind == STRING:
            return self._within(at + 4, _I32.unpack_from(self._data, at)[0])
        if depth > DEPTH_MAX:
            raise BadReport(f"Thrift structs are nested more than {DEPTH_MAX} deep")
        if kind == STRUCT:
            while inner := self._data[at]:
                at = self.skip(inner, at + 3, depth + 1)
            return at + 1
        if kind in (LIST, SET):
            return self._skip_elements(at, depth)
        if kind == MAP:
            keys, values = self._data[at], self._data[at + 1]
            count = self.count(at + 2, keys, values)
            at += 6
            for _ in range(count):
                at = self.skip(values, self.skip(keys, at, depth + 1), depth + 1)
            return at
        raise BadReport(f"not a Thrift struct: there is no type {kind}")

    def _skip_elements(self, at: int, depth: int) -> int:
        kind = self._data[at]
        count = self.count(at + 1, kind)
        at += 5
        if kind in _FIXED_BYTES:
            return self._within(at, count * _FIXED_BYTES[kind])
        for _ in range(count):
            at = self.skip(kind, at, depth + 1)
        return at

    def count(self, at: int, *kinds: int) -> int:
        """The number of elements that stands at a place, made sure that there can be so many."""
        count: int = _I32.unpack_from(self._data, at)[0]
        if count == 0:
            return 0  # of an empty container some senders leave the types 0
        unknown = [kind for kind in kinds if kind not in _LEAST_BYTES]
        if unknown:
            raise BadReport(f"not a Thrift struct: there is no type {unknown[0]}")
        least = sum(_LEAST_BYTES[kind] for kind in kinds)
        if count < 0 or count * least > self._end - at - 4:
            raise _impossible(count)
        if not all(kind in _FIXED_BYTES for kind in kinds):
            self._take(count)
        return count

    def _take(self, elements: int) -> None:
        self._left -= elements
        self._part_left -= elements
        if self._left < 0 or self._part_left < 0:
            raise TooLarge("Thrift lists hold more elements than a report of this size can hold")

    def _string(self, at: int) -> tuple[bytes, int]:
        end = self._within(at + 4, _I32.unpack_from(self._data, at)[0])
        return self._data[at + 4 : end], end

    def _within(self, at: int, size: int) -> int:
        """The place `size` bytes on, made sure that the body goes so far."""
        if size < 0 or at + size > self._end:
            raise _impossible(size)
        return at + size


def _decode(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("utf-8", "surrogateescape")


def _impossible(size: int) -> BadReport:
    return BadReport(f"not a Thrift struct: a length of {size} is impossible where it stands")


# Writing


def write_message(message: Message, content: bytes) -> bytes:
    """An envelope around a struct, strict or not as `message` says."""
    name = message.name.encode()
    head = len(name).to_bytes(4, "big") + name
    if message.strict:
        head = (_STRICT | message.type).to_bytes(4, "big") + head
    else:
        head += bytes([message.type])
    return head + _I32.pack(message.sequence) + content


def write_struct(value: Mapping[str, Any], schema: Schema) -> bytes:
    """A struct of those fields of the schema that `value` has, in the schema's order."""
    parts = []
    for number, field in schema.items():
        if field.name in value:
            parts.append(_FIELD.pack(field.kind, number))
            parts.append(_write(value[field.name], field.kind, field.of))
    return b"".join([*parts, b"\0"])


def write_list(values: Iterable[Mapping[str, Any]], schema: Schema) -> bytes:
    """A bare list of structs."""
    return _write(list(values), LIST, schema)


def _write(value: Any, kind: int, of: Schema | int | None) -> bytes:
    if kind == STRUCT:
        assert isinstance(of, dict)
        return write_struct(value, of)
    if kind in (LIST, SET):
        inner = STRUCT if isinstance(of, dict) else of or 0
        items = [_write(item, inner, of) for item in value]
        return b"".join([bytes([inner]), _I32.pack(len(items)), *items])
    if kind == STRING:
        text = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
        return _I32.pack(len(text)) + text
    if kind == BOOL:
        return bytes([bool(value)])
    return _NUMBERS[kind].pack(value)


APPLICATION_EXCEPTION: Schema = {1: Field("message", STRING), 2: Field("type", I32)}


def write_exception(message: Message, text: str, kind: int) -> bytes:
    """The answer to a call that was none: TApplicationException in a message of type 3."""
    content = write_struct({"message": text, "type": kind}, APPLICATION_EXCEPTION)
    return write_message(message._replace(type=EXCEPTION), content)
