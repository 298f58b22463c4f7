"""OTLP's JSON written as its protobuf, which `otlp` reads: one meaning for both.

Rules of wire-protocols.md §6.3: ids in hex of any letter case, enums as numbers or names, 64-bit integers as texts or
numbers, bytes in base64, unknown keys ignored; names of older releases (§6.5) and snake_case are understood too. What
else may be meant by a value of a wrong type is in `odd_json`, and is said to the sender. Of a key repeated within a span the last counts.
Attributes are compared as they stand in the body, and each distinct one is read once.
"""

from __future__ import annotations

import struct
from typing import Any

from satellite.errors import BadReport
from satellite.pb import otlp_shallow_pb2 as shallow
from satellite.protocols.otlp import odd_json
from satellite.protocols.otlp.json_request import (
    Event,
    Link,
    Raws,
    Resource,
    ResourceSpans,
    ScopeSpans,
    Span,
    Status,
    read_request,
    read_span,
)
from satellite.protocols.otlp.json_values import attribute
from satellite.protocols.otlp.odd_json import Notes, identifier, integer, moment_ns, shown

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


def to_protobuf(body: bytes) -> tuple[bytes, list[str], int]:
    """(an ExportTraceServiceRequest, warnings for the sender, how many spans were none and are left out).

    Raises as `read_request` does, and BadReport where none of the spans is one.
    """
    request, warnings = read_request(body)
    notes = Notes()
    writer = _Writer(notes)
    for resource_spans in request.resource_spans or ():
        if resource_spans is not None:
            writer.resource_spans(resource_spans)
    if writer.malformed and not writer.spans:
        raise BadReport(f"not an OTLP request in JSON: {writer.fault}")
    why = [writer.fault] if writer.malformed else []
    return writer.body(), [*why, *warnings, *notes.texts()], writer.malformed


# Writing protobuf. Lists of a hundred spans go through here a thousand times a second, so bytes are put together by hand.


def _varint(value: int) -> bytes:
    made = bytearray()
    value &= 0xFFFF_FFFF_FFFF_FFFF
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)


def _delimited(key: bytes, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return b"%b%c%b" % (key, size, content)
    if size < 0x4000:
        return b"%b%c%c%b" % (key, size & 0x7F | 0x80, size >> 7, content)
    return b"%b%b%b" % (key, _varint(size), content)


def _number(key: bytes, value: int) -> bytes:
    return key + _varint(value) if value else b""


class _Writer:
    """Puts a request together; remembers the attributes it has seen."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._parts: list[bytes] = []
        self._attributes: dict[bytes, bytes] = {}
        self.spans = self.malformed = 0
        self.fault = ""
        """What is wrong with the first that is malformed."""

    def body(self) -> bytes:
        """The request."""
        return b"".join(self._parts)

    def resource_spans(self, said: ResourceSpans) -> None:
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

    def _scope_spans(self, said: ScopeSpans, *, old: bool) -> bytes:
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
        for raw in said.spans or ():
            try:
                span = read_span(raw, self._notes)
            except BadReport as fault:
                self.malformed += 1
                self.fault = self.fault or fault.message
                continue
            if span is not None:
                self.spans += 1
                parts.append(_delimited(b"\x12", self._span(span, old=old)))
        parts.append(_text(b"\x1a", said.schema_url))
        return b"".join(parts)

    def _resource(self, said: Resource) -> bytes:
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

    def _span(self, said: Span, *, old: bool) -> bytes:
        parts = [
            _delimited(b"\x0a", identifier(said.trace_id, 16)),
            _delimited(b"\x12", identifier(said.span_id, 8)),
            _delimited(b"\x2a", self._text_of("name", said.name)),
            b"\x39",
            self._time(
                "startTimeUnixNano", said.start_time_unix_nano or said.start_time_unixnano, said.start_time
            ),
            b"\x41",
            self._time("endTimeUnixNano", said.end_time_unix_nano or said.end_time_unixnano, said.end_time),
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

    def _event(self, said: Event) -> bytes:
        parts = (
            b"\x09",
            self._time("timeUnixNano", said.time_unix_nano or said.time_unixnano, said.time),
            _delimited(b"\x12", self._text_of("name of an event", said.name)),
            self._keyed(b"\x1a", said.attributes),
            _number(b"\x20", whole(said.dropped_attributes_count, 32)),
        )
        return b"".join(parts)

    def _link(self, said: Link) -> bytes:
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

    def _time(self, name: str, value: Any, other: Any) -> bytes:
        """64 bits of ns; 0 for none. `other`: what stands under the name that other tools have, as a moment."""
        if type(value) is str and value.isdecimal() and len(value) < 20:
            return int(value).to_bytes(8, "little")
        number = integer(value)
        if number is None or not number:
            for said in (value, other):
                if (found := moment_ns(said)) is not None:
                    self._notes.add(f"{name} came as {shown(said)}, which was read as a moment")
                    return found.to_bytes(8, "little")
        if value and (number is None or not 0 <= number < 2**64):
            self._notes.add(f"{name} is no number of nanoseconds: {shown(value)}")
        elif isinstance(value, dict):
            self._notes.add(f"{name} came as a pair of 32-bit halves, which were put together")
        return whole(value).to_bytes(8, "little")

    def _text_of(self, name: str, value: Any) -> bytes:
        if isinstance(value, str):
            return value.encode()
        if value is None:
            return b""
        self._notes.add(f"{name} is no text: {shown(value)}")
        return odd_json.text(value).encode()

    def _unknown(self, name: str, tag: str, value: Any, names: dict[str, int]) -> bytes:
        """The attribute that keeps a name which is none of an enum's; mostly nothing."""
        if not isinstance(value, str) or value.upper() in names or integer(value) is not None or not value:
            return b""
        self._notes.add(f"{name} {shown(value)} is unknown; it was kept as the attribute {tag!r}")
        kept = shallow.KeyValue(key=tag.encode())
        kept.value.string_value = value.encode()
        return _delimited(b"\x4a", kept.SerializeToString())


def _sized(content: bytes) -> bytes:
    return _delimited(b"", content)


def _status(said: Status, *, old: bool) -> bytes:
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
