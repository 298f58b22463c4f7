"""OTLP's JSON written as its protobuf, which `otlp` reads: one meaning for both.

Rules of wire-protocols.md §6.3: ids in hex of any letter case, enums as numbers or names, 64-bit integers as texts or
numbers, bytes in base64, unknown keys ignored; names of older releases (§6.5) and snake_case are understood too. What
else may be meant by a value of a wrong type is in `odd_json`, and is said to the sender. Of a repeated key the last counts. Attributes are compared as they stand in the body,
and each distinct one is read once.
"""

from __future__ import annotations

import json
import math
import re
import struct
from typing import Any

import msgspec

from satellite.errors import BadReport
from satellite.pb import otlp_shallow_pb2 as shallow
from satellite.protocols.otlp import odd_json
from satellite.protocols.otlp.odd_json import DEPTH_MAX, Notes, bytes_of, identifier, integer
from satellite.protocols.otlp.request import SPAN_BYTES_MIN, too_many
from satellite.protocols.readers.columns import FREE
from satellite.protocols.readers.json_document import check_values

VALUE_BYTES_MIN, SPAN_VALUE_BYTES_MIN = 6, 12
"""A large body may have a value for each 6 of its bytes: `{"key":"a","value":{"intValue":1}},` is four; a large span one for each 12. Ours."""

_KNOWN_MAX = 2**14
"""Different attributes remembered while a body is read, in case that they come again."""

_KINDS = {
    name: number
    for number, kind in enumerate(("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"))
    for name in (kind, f"SPAN_KIND_{kind}")
}
_CODES = {
    name: number
    for number, code in enumerate(("UNSET", "OK", "ERROR"))
    for name in (code, f"STATUS_CODE_{code}")
}
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_NOT_FINITE = re.compile(rb"[:\[,]\s*(?:NaN|-?Infinity)\s*[,}\]]")
_CAMEL = re.compile("_([a-z0-9])")
_SNAKE_REQUEST = re.compile(rb'"resource_spans"|_time_unixnano"')
_SNAKE_VALUE = re.compile(rb'_value"\s*:')

Raws = list[msgspec.Raw] | None


class _Part(msgspec.Struct, rename="camel", omit_defaults=True):
    """Fields of any type: what is not as it should be is met where it is used."""


class _Resource(_Part):
    attributes: Raws = None
    dropped_attributes_count: Any = 0
    entity_refs: Any = None


class _Scope(_Part):
    name: Any = ""
    version: Any = ""
    attributes: Raws = None
    dropped_attributes_count: Any = 0


class _Event(_Part):
    time_unix_nano: Any = 0
    name: Any = ""
    attributes: Raws = None
    dropped_attributes_count: Any = 0
    time_unixnano: Any = 0


class _Link(_Part):
    trace_id: Any = ""
    span_id: Any = ""
    trace_state: Any = ""
    attributes: Raws = None
    dropped_attributes_count: Any = 0
    flags: Any = 0


class _Status(_Part):
    code: Any = 0
    message: Any = ""
    deprecated_code: Any = 0


class _Span(_Part):
    trace_id: Any = ""
    span_id: Any = ""
    parent_span_id: Any = ""
    trace_state: Any = ""
    name: Any = ""
    kind: Any = 0
    start_time_unix_nano: Any = 0
    end_time_unix_nano: Any = 0
    attributes: Raws = None
    events: list[_Event | None] | None = None
    links: list[_Link | None] | None = None
    status: _Status | None = None
    flags: Any = 0
    dropped_attributes_count: Any = 0
    dropped_events_count: Any = 0
    dropped_links_count: Any = 0
    start_time_unixnano: Any = 0
    end_time_unixnano: Any = 0


class _ScopeSpans(_Part):
    scope: _Scope | None = None
    instrumentation_library: _Scope | None = None
    spans: Raws = None
    """Read one by one."""
    schema_url: Any = ""


class _ResourceSpans(_Part):
    resource: _Resource | None = None
    scope_spans: list[_ScopeSpans | None] | None = None
    instrumentation_library_spans: list[_ScopeSpans | None] | None = None
    schema_url: Any = ""


class _Request(_Part):
    resource_spans: list[_ResourceSpans | None] | None = None


_REQUEST = msgspec.json.Decoder(_Request)
_SPAN = msgspec.json.Decoder(_Span | None)


def to_protobuf(body: bytes) -> tuple[bytes, list[str]]:
    """(an ExportTraceServiceRequest, warnings for the sender).

    Raises:
        BadReport: not JSON, or an object stands where a list should, and the like.
        TooLarge: more values or spans than a request of this size can hold.
    """
    body, warnings = sound(body)
    request = _decoded(_REQUEST, body, _SNAKE_REQUEST)
    _check_count(request, len(body))
    notes = Notes()
    writer = _Writer(notes)
    for resource_spans in request.resource_spans or ():
        if resource_spans is not None:
            writer.resource_spans(resource_spans)
    return writer.body(), warnings + notes.texts()


def _check_count(request: _Request, size_bytes: int) -> None:
    """Make sure that there are no more resources, scopes and spans than protobuf may hold, before any is read."""
    resources = [resource for resource in request.resource_spans or () if resource is not None]
    lists = [
        each for one in resources for each in (one.scope_spans, one.instrumentation_library_spans) if each
    ]
    count = len(request.resource_spans or ()) + sum(map(len, lists))
    count += sum(len(scope.spans or ()) for scopes in lists for scope in scopes if scope is not None)
    if count > FREE + size_bytes // SPAN_BYTES_MIN:
        raise too_many()


def sound(body: bytes, bytes_each: int = VALUE_BYTES_MIN) -> tuple[bytes, list[str]]:
    """(the body in UTF-8 without lone surrogates, what was done about it). Raises as `check_values` does."""
    check_values(body, bytes_each)
    repaired = body.removeprefix(b"\xef\xbb\xbf")
    warnings = []
    try:
        repaired.decode()
    except UnicodeDecodeError:
        repaired = repaired.decode("utf-8", "replace").encode()
        warnings.append("the body held invalid UTF-8; it was replaced by U+FFFD")
    if _SURROGATE.search(repaired):
        whole = _ESCAPES.sub(_paired, repaired)
        if whole != repaired:
            warnings.append("the body held halves of surrogate pairs; they were replaced by U+FFFD")
        repaired = whole
    return repaired, warnings


_ESCAPES = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\[^u]|\\u"
)
"""A surrogate pair, half of one, or any other escape (so that `\\\\ud800` is none)."""


def _paired(match: re.Match[bytes]) -> bytes:
    found = match.group()
    return rb"\ufffd" if len(found) == 6 else found


def _decoded(decoder: msgspec.json.Decoder[Any], body: bytes, snake: re.Pattern[bytes]) -> Any:
    """The body as the decoder's type; when it has keys like those, all in snake_case are renamed first."""
    try:
        if snake.search(body):
            body = msgspec.json.encode(_camel_keys(msgspec.json.decode(body)))
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise BadReport(f"not an OTLP request in JSON: {error}") from error
    except msgspec.DecodeError as error:
        if not _NOT_FINITE.search(body):
            raise BadReport(f"not an OTLP request in JSON: {error}") from error
        try:
            finite = odd_json.finite(body)
        except (ValueError, RecursionError, TypeError):
            raise BadReport(f"not an OTLP request in JSON: {error}") from error
        return _decoded(decoder, finite, snake)
    except (RecursionError, UnicodeDecodeError, OverflowError) as error:
        raise BadReport(f"not an OTLP request in JSON: {type(error).__name__}") from error


def _span_of(raw: msgspec.Raw) -> _Span | None:
    check_values(memoryview(raw), SPAN_VALUE_BYTES_MIN)
    try:
        span: _Span | None = _SPAN.decode(raw)
    except (msgspec.MsgspecError, RecursionError, OverflowError) as error:
        raise BadReport(f"not an OTLP request in JSON: a span: {error}") from error
    return span


def _camel_keys(value: Any) -> Any:
    match value:
        case dict():
            camel = {
                _CAMEL.sub(lambda match: match[1].upper(), key): _camel_keys(inner)
                for key, inner in value.items()
            }
            return camel
        case list():
            return [_camel_keys(inner) for inner in value]
        case int() if value.bit_length() > 64:
            return str(value)
        case _:
            return value


# Writing protobuf. Lists of a hundred spans go through here a thousand times a second, so bytes are put together by hand.


def _varint(value: int) -> bytes:
    made = bytearray()
    value &= 0xFFFF_FFFF_FFFF_FFFF
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)


_LENGTHS = [_varint(length) for length in range(16384)]


def _delimited(key: bytes, content: bytes) -> bytes:
    size = len(content)
    return b"%b%b%b" % (key, _LENGTHS[size] if size < 16384 else _varint(size), content)


def _number(key: bytes, value: int) -> bytes:
    return key + _varint(value) if value else b""


class _Writer:
    """Puts a request together; remembers the attributes it has seen."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._parts: list[bytes] = []
        self._attributes: dict[bytes, bytes] = {}

    def body(self) -> bytes:
        """The request."""
        return b"".join(self._parts)

    def resource_spans(self, said: _ResourceSpans) -> None:
        """Add what one resource sent."""
        parts = []
        if said.resource is not None:
            parts.append(_delimited(b"\x0a", self._resource(said.resource)))
        old = not said.scope_spans
        scopes = said.scope_spans or said.instrumentation_library_spans or ()
        parts.extend(
            _delimited(b"\x12", self._scope_spans(scope, old=old)) for scope in scopes if scope is not None
        )
        parts.append(_text(b"\x1a", said.schema_url))
        self._parts.append(_delimited(b"\x0a", b"".join(parts)))

    def _scope_spans(self, said: _ScopeSpans, *, old: bool) -> bytes:
        parts = []
        scope = said.scope or said.instrumentation_library
        if scope is not None:
            head = (
                _text(b"\x0a", scope.name),
                _text(b"\x12", scope.version),
                self._keyed(b"\x1a", scope.attributes),
                _number(b"\x20", whole(scope.dropped_attributes_count, 32)),
            )
            parts.append(_delimited(b"\x0a", b"".join(head)))
        parts.extend(
            _delimited(b"\x12", self._span(span, old=old))
            for raw in said.spans or ()
            if (span := _span_of(raw)) is not None
        )
        parts.append(_text(b"\x1a", said.schema_url))
        return b"".join(parts)

    def _resource(self, said: _Resource) -> bytes:
        message = shallow.Resource(dropped_attributes_count=whole(said.dropped_attributes_count, 32))
        for ref in said.entity_refs if isinstance(said.entity_refs, list) else ():
            if isinstance(ref, dict):
                message.entity_refs.add(
                    schema_url=_bytes(ref.get("schemaUrl")),
                    type=_bytes(ref.get("type")),
                    id_keys=_texts(ref.get("idKeys")),
                    description_keys=_texts(ref.get("descriptionKeys")),
                )
        return b"".join([self._keyed(b"\x0a", said.attributes), message.SerializeToString()])

    def _span(self, said: _Span, *, old: bool) -> bytes:
        parts = [
            _delimited(b"\x0a", identifier(said.trace_id, 16)),
            _delimited(b"\x12", identifier(said.span_id, 8)),
            _delimited(b"\x2a", self._text_of("name", said.name)),
            b"\x39",
            self._time("startTimeUnixNano", said.start_time_unix_nano or said.start_time_unixnano),
            b"\x41",
            self._time("endTimeUnixNano", said.end_time_unix_nano or said.end_time_unixnano),
        ]
        if said.parent_span_id:
            parts.append(_delimited(b"\x22", identifier(said.parent_span_id, 8)))
        if said.kind:
            parts.append(_number(b"\x30", _enum(said.kind, _KINDS)))
            parts.append(self._unknown("kind", "span.kind", said.kind, _KINDS))
        if said.attributes:
            parts.append(self._keyed(b"\x4a", said.attributes))
        if said.trace_state:
            parts.append(_text(b"\x1a", said.trace_state))
        if said.events:
            parts.extend(
                _delimited(b"\x5a", self._event(event)) for event in said.events if event is not None
            )
        if said.links:
            parts.extend(_delimited(b"\x6a", self._link(link)) for link in said.links if link is not None)
        if said.status is not None:
            parts.append(_delimited(b"\x7a", _status(said.status, old=old)))
            parts.append(self._unknown("code of a status", "otel.status_code", said.status.code, _CODES))
        if said.flags:
            parts += [b"\x85\x01", struct.pack("<I", whole(said.flags, 32))]
        parts.append(_number(b"\x50", whole(said.dropped_attributes_count, 32)))
        parts.append(_number(b"\x60", whole(said.dropped_events_count, 32)))
        parts.append(_number(b"\x70", whole(said.dropped_links_count, 32)))
        return b"".join(parts)

    def _event(self, said: _Event) -> bytes:
        parts = (
            b"\x09",
            self._time("timeUnixNano", said.time_unix_nano or said.time_unixnano),
            _delimited(b"\x12", self._text_of("name of an event", said.name)),
            self._keyed(b"\x1a", said.attributes),
            _number(b"\x20", whole(said.dropped_attributes_count, 32)),
        )
        return b"".join(parts)

    def _link(self, said: _Link) -> bytes:
        parts = (
            _delimited(b"\x0a", identifier(said.trace_id, 16)),
            _delimited(b"\x12", identifier(said.span_id, 8)),
            _text(b"\x1a", said.trace_state),
            self._keyed(b"\x22", said.attributes),
            _number(b"\x28", whole(said.dropped_attributes_count, 32)),
            b"\x35" + struct.pack("<I", whole(said.flags, 32)),
        )
        return b"".join(parts)

    def _keyed(self, key: bytes, attributes: Raws) -> bytes:
        known = self._attributes
        joined = bytearray()  # to join pieces takes a hundred bytes for each
        for raw in attributes or ():
            written = bytes(raw)
            encoded = known.get(written)
            if encoded is None:
                if len(known) >= _KNOWN_MAX:
                    known.clear()
                encoded = known[written] = _sized(attribute(written, self._notes))
            joined += key
            joined += encoded
        return bytes(joined)

    def _time(self, name: str, value: Any) -> bytes:
        """64 bits of ns; 0 for none."""
        if type(value) is str and value.isdecimal() and len(value) < 20:
            return int(value).to_bytes(8, "little")
        number = integer(value)
        if value and (number is None or not 0 <= number < 2**64):
            self._notes.add(f"{name} is no number of nanoseconds: {_shown(value)}")
        elif isinstance(value, dict):
            self._notes.add(f"{name} came as a pair of 32-bit halves, which were put together")
        return whole(value).to_bytes(8, "little")

    def _text_of(self, name: str, value: Any) -> bytes:
        if isinstance(value, str):
            return value.encode()
        if value is None:
            return b""
        self._notes.add(f"{name} is no text: {_shown(value)}")
        return odd_json.text(value).encode()

    def _unknown(self, name: str, tag: str, value: Any, names: dict[str, int]) -> bytes:
        """The attribute that keeps a name which is none of an enum's; mostly nothing."""
        if not isinstance(value, str) or value.upper() in names or integer(value) is not None or not value:
            return b""
        self._notes.add(f"{name} {_shown(value)} is unknown; it was kept as the attribute {tag!r}")
        kept = shallow.KeyValue(key=tag.encode())
        kept.value.string_value = value.encode()
        return _delimited(b"\x4a", kept.SerializeToString())


def _shown(value: Any) -> str:
    """A value in a warning: short, as JSON."""
    said = msgspec.json.encode(value).decode()
    return said if len(said) <= 40 else said[:39] + "…"


def _sized(content: bytes) -> bytes:
    return _delimited(b"", content)


def _status(said: _Status, *, old: bool) -> bytes:
    code, deprecated = _enum(said.code, _CODES), _enum(said.deprecated_code, {})
    if old and code > 2 and not deprecated:  # up to 0.5 `code` was what is deprecated now
        code, deprecated = 0, code
    return _number(b"\x08", deprecated) + _text(b"\x12", said.message) + _number(b"\x18", code)


# Values


def _bytes(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else b""


def _text(key: bytes, value: Any) -> bytes:
    return _delimited(key, value.encode()) if value and isinstance(value, str) else b""


def _texts(value: Any) -> list[bytes]:
    return [_bytes(item) for item in value] if isinstance(value, list) else []


def whole(value: Any, bits: int = 64) -> int:
    """The integer that a number or a text of digits stands for, cut to so many unsigned bits; else 0."""
    found = integer(value)
    return 0 if found is None else max(0, min(found, (1 << bits) - 1))


def _enum(value: Any, names: dict[str, int]) -> int:
    """The number of an enum's value; 0 for what is none, and beyond 31 bits."""
    found = names.get(value.upper()) if isinstance(value, str) else None
    number = integer(value) if found is None else found
    return number if number is not None and -(2**31) <= number < 2**31 else 0


class _AnyValue(msgspec.Struct, rename="camel"):
    string_value: Any = msgspec.UNSET
    bool_value: Any = msgspec.UNSET
    int_value: Any = msgspec.UNSET
    double_value: Any = msgspec.UNSET
    array_value: _ArrayValue | msgspec.UnsetType | None = msgspec.UNSET
    kvlist_value: _KeyValueList | msgspec.UnsetType | None = msgspec.UNSET
    bytes_value: Any = msgspec.UNSET


class _ArrayValue(msgspec.Struct):
    values: list[_AnyValue | None] | None = None


class _KeyValue(msgspec.Struct):
    key: Any = ""
    value: _AnyValue | None = None


class _KeyValueList(msgspec.Struct):
    values: list[_KeyValue | None] | None = None


_ATTRIBUTE = msgspec.json.Decoder(_KeyValue)


def attribute(written: bytes, notes: Notes) -> bytes:
    """A KeyValue of JSON as protobuf; of one that is not as it should be what is meant, else its text.

    What is no attribute at all becomes bytes that are none either, which `otlp.tags` keeps as such.
    """
    try:
        said = _decoded(_ATTRIBUTE, written, _SNAKE_VALUE)
        if not isinstance(said.key, str):
            raise TypeError("no key")
        message = shallow.KeyValue(key=said.key.encode())
        if said.value is not None:
            _fill(message.value, said.value, 0)
        if not said.key:
            notes.add("an attribute without a key was kept under the empty key")
        return bytes(message.SerializeToString())
    except RecursionError:
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
    notes.add(f"attribute {_shown(said.get('key'))} has a value of a wrong type: {_shown(said.get('value'))}")
    return encoded


def _fill(message: Any, said: _AnyValue, depth: int) -> None:
    """Fill in a value that is as it should be. Raises TypeError or ValueError when it is not."""
    if depth > DEPTH_MAX:
        raise RecursionError
    if isinstance(said.string_value, str):
        message.string_value = said.string_value.encode()
    elif isinstance(said.bool_value, bool):
        message.bool_value = said.bool_value
    elif isinstance(said.int_value, str | int) and (number := integer(said.int_value)) is not None:
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
                added = message.kvlist_value.values.add(key=_bytes(pair.key))
                _fill(added.value, pair.value or _AnyValue(), depth + 1)
    elif isinstance(said.bytes_value, str):
        message.bytes_value = bytes_of(said.bytes_value)
    elif any(getattr(said, name) not in (msgspec.UNSET, None) for name in said.__struct_fields__):
        raise TypeError("a value of another type than its name says")
