"""An OTLP request as it stands in JSON: its shapes, and how they are read, with bounds and with patience."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import msgspec

from satellite.errors import BadReport, TooLarge
from satellite.protocols.otlp import odd_json
from satellite.protocols.otlp.odd_json import Notes, shown
from satellite.protocols.otlp.request import SPAN_BYTES_MIN, too_many
from satellite.protocols.readers.columns import FREE
from satellite.protocols.readers.json_document import (
    REPLACED,
    TOO_BROKEN,
    broken_max,
    check_keys,
    check_values,
)

VALUE_BYTES_MIN, SPAN_VALUE_BYTES_MIN = 6, 12
"""A large body may have a value for each 6 of its bytes: `{"key":"a","value":{"intValue":1}},` is four; a large span one for each 12. Ours."""

MENDED_BYTES_MAX = 2**20
"""Of a request or span that is not put together as it should be: a larger one is not looked through for what was meant. Ours."""

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_NOT_FINITE = re.compile(rb"[:\[,]\s*(?:NaN|-?Infinity)\s*[,}\]]")
_NEVER = re.compile(rb"(?!)")
_SNAKE_REQUEST = re.compile(rb'"resource_spans"|_time_unixnano"')

_LISTS = {
    "resourceSpans": "resource_spans",
    "scopeSpans": "scope_spans",
    "instrumentationLibrarySpans": "instrumentation_library_spans",
}
"""What has spans, and its other spelling."""

_LEVELS = (
    (("resourceSpans", "resource_spans"), frozenset[str]()),
    (("scopeSpans", "instrumentationLibrarySpans", "scope_spans"), frozenset(("resource", "schemaUrl"))),
    (("spans",), frozenset(("scope", "instrumentationLibrary", "schemaUrl"))),
)
"""Of a request, a resource and a scope: what has the level below, and what else is read."""

Raws = list[msgspec.Raw] | None


class Part(msgspec.Struct, rename="camel", omit_defaults=True):
    """Fields of any type: what is not as it should be is met where it is used."""


class Resource(Part):
    """What made the spans."""

    attributes: Raws = None
    dropped_attributes_count: Any = 0
    entity_refs: Any = None


class Scope(Part):
    """The library that made them."""

    name: Any = ""
    version: Any = ""
    attributes: Raws = None
    dropped_attributes_count: Any = 0


class Event(Part):
    """Something at one time in a span."""

    time_unix_nano: Any = 0
    name: Any = ""
    attributes: Raws = None
    dropped_attributes_count: Any = 0
    time_unixnano: Any = 0
    time: Any = 0


class Link(Part):
    """Another span that one belongs to."""

    trace_id: Any = ""
    span_id: Any = ""
    trace_state: Any = ""
    attributes: Raws = None
    dropped_attributes_count: Any = 0
    flags: Any = 0


class Status(Part):
    """How a span ended."""

    code: Any = 0
    message: Any = ""
    deprecated_code: Any = 0


class Span(Part):
    """A span."""

    trace_id: Any = ""
    span_id: Any = ""
    parent_span_id: Any = ""
    trace_state: Any = ""
    name: Any = ""
    kind: Any = 0
    start_time_unix_nano: Any = 0
    end_time_unix_nano: Any = 0
    attributes: Raws = None
    events: list[Event | None] | None = None
    links: list[Link | None] | None = None
    status: Status | None = None
    flags: Any = 0
    dropped_attributes_count: Any = 0
    dropped_events_count: Any = 0
    dropped_links_count: Any = 0
    start_time_unixnano: Any = 0
    end_time_unixnano: Any = 0
    start_time: Any = 0
    end_time: Any = 0


class ScopeSpans(Part):
    """The spans of one library."""

    scope: Scope | None = None
    instrumentation_library: Scope | None = None
    spans: Raws = None
    """Read one by one."""
    schema_url: Any = ""


class ResourceSpans(Part):
    """The spans of one resource."""

    resource: Resource | None = None
    scope_spans: list[ScopeSpans | None] | None = None
    instrumentation_library_spans: list[ScopeSpans | None] | None = None
    schema_url: Any = ""


class Request(Part):
    """An ExportTraceServiceRequest."""

    resource_spans: list[ResourceSpans | None] | None = None


_REQUEST = msgspec.json.Decoder(Request)
_SPAN = msgspec.json.Decoder(Span | None)


def read_request(body: bytes) -> tuple[Request, list[str]]:
    """(the request, warnings for the sender); its spans for `read_span`.

    Raises:
        BadReport: not JSON, or an object stands where a list should, and the like; spans under a key that stands twice.
        TooLarge: more values or spans than a request of this size can hold.
    """
    if not body.strip():
        raise BadReport("not an OTLP request in JSON: the body is empty")
    body, warnings = sound(body)
    if _SNAKE_REQUEST.search(body):
        body = odd_json.in_camel_case(body)
    notes = Notes()
    request = decoded(_REQUEST, body, _NEVER, notes)
    _check_count(request, body)
    return request, [*warnings, *notes.texts(), *_misplaced(request, body)]


def _misplaced(request: Request, body: bytes) -> list[str]:
    """What nobody reads and stands where a list of spans is missing: it may be spans, which are not to be lost in silence."""
    resources = [one for one in request.resource_spans or () if one is not None]
    scopes = [one.scope_spans or one.instrumentation_library_spans or () for one in resources]
    spans = (scope.spans for each in scopes for scope in each if scope is not None)
    if resources and all(scopes) and all(found is not None for found in spans):
        return []
    notes = Notes()
    _note_misplaced(msgspec.Raw(body), 0, notes)
    return notes.texts()


_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
"""Of what is looked through the parts stay as they were sent: the body may be large, and little of it odd."""


def _note_misplaced(written: msgspec.Raw, level: int, notes: Notes) -> None:
    if level == len(_LEVELS):
        return
    lists, others = _LEVELS[level]
    try:
        members = _OBJECT.decode(written)
        found = [key for key in lists if key in members]
        inner = [one for key in found for one in _LIST.decode(members[key])]
    except msgspec.MsgspecError:
        return  # no object, no list, or what only patience reads: rare enough to be told nothing more
    for one in inner:
        _note_misplaced(one, level + 1, notes)
    unread = [] if found else sorted(members.keys() - others)
    if unread:
        notes.add(f"spans are expected in {lists[0]!r}; {shown(', '.join(unread))} was not read")


def _check_count(request: Request, body: bytes) -> None:
    """Make sure that there are no more resources, scopes and spans than protobuf may hold, before any is read."""
    resources = request.resource_spans or ()
    lists = [
        each
        for one in resources
        if one is not None
        for each in (one.scope_spans, one.instrumentation_library_spans)
        if each
    ]
    scopes = sum(map(len, lists))
    spans = sum(len(scope.spans or ()) for each in lists for scope in each if scope is not None)
    if len(resources) + scopes + spans > FREE + len(body) // SPAN_BYTES_MIN:
        raise too_many()
    # A list under a key that comes again would be lost with all its spans: of such the last counts.
    mosts = (1, len(resources), len(resources), scopes)
    for most, keys in zip(mosts, (*_LISTS.items(), ("spans",)), strict=True):
        if sum(body.count(f'"{key}"'.encode()) for key in keys) > most:
            check_keys(body)
            break


def sound(body: bytes, bytes_each: int = VALUE_BYTES_MIN) -> tuple[bytes, list[str]]:
    """(the body in UTF-8 without lone surrogates, what was done about it). Raises as `check_values` does."""
    check_values(body, bytes_each)
    repaired = body.removeprefix(b"\xef\xbb\xbf")
    warnings = []
    try:
        repaired.decode()
    except UnicodeDecodeError:
        text = repaired.decode("utf-8", "replace")
        if text.count(REPLACED) > broken_max(len(body)):
            raise TooLarge(TOO_BROKEN) from None
        repaired = text.encode()
        warnings.append("the body held invalid UTF-8; it was replaced by U+FFFD")
    if _SURROGATE.search(repaired):
        whole = _paired(repaired)
        if whole != repaired:
            warnings.append("the body held halves of surrogate pairs; they were replaced by U+FFFD")
        repaired = whole
    return repaired, warnings


_ESCAPES = re.compile(
    rb"\\(?:\\|u[dD](?:[89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>[89a-fA-F][0-9a-fA-F]{2})))"
)
"""A backslash (so that `\\\\ud800` is none), a surrogate pair, or half of one."""


def _paired(body: bytes) -> bytes:
    """With U+FFFD for halves of surrogate pairs, in place: it is as long."""
    whole = bytearray(body)
    for match in _ESCAPES.finditer(body):
        if match["half"] is not None:
            whole[match.start() : match.end()] = rb"\ufffd"
    return bytes(whole)


def decoded(
    decoder: msgspec.json.Decoder[Any], body: bytes, snake: re.Pattern[bytes], notes: Notes | None = None
) -> Any:
    """The body as the decoder's type; when it has keys like those, all in snake_case are renamed first.

    With notes it is mended where that is needed, and they say so.
    """
    try:
        if snake.search(body):
            body = odd_json.in_camel_case(body)
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        if notes is not None and len(body) <= MENDED_BYTES_MAX:
            with suppress(RecursionError, OverflowError, msgspec.DecodeError):
                mended = odd_json.mended(msgspec.json.decode(body), notes)
                return decoded(decoder, msgspec.json.encode(mended), snake)
        raise BadReport(f"not an OTLP request in JSON: {error}") from error
    except msgspec.DecodeError as error:
        finite = odd_json.finite(body) if _NOT_FINITE.search(body) else body
        if finite == body:
            raise BadReport(f"not an OTLP request in JSON: {error}") from error
        return decoded(decoder, finite, snake, notes)
    except (RecursionError, UnicodeDecodeError, OverflowError) as error:
        raise BadReport(f"not an OTLP request in JSON: {type(error).__name__}") from error


def read_span(raw: msgspec.Raw, notes: Notes) -> Span | None:
    """A span; None for null. Raises BadReport or TooLarge."""
    check_values(memoryview(raw), SPAN_VALUE_BYTES_MIN)
    try:
        span: Span | None = _SPAN.decode(raw)
    except (msgspec.MsgspecError, RecursionError, OverflowError):
        span = decoded(_SPAN, bytes(raw), _NEVER, notes)
    return span
