"""What a Datadog span says of other spans and of moments: its links as references, its events as logs.

Tracers send them in fields of their own (`span_links`, `span_events`), or as JSON texts in `meta`, which every agent keeps.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from satellite.errors import BadReport, TooLarge
from satellite.model.span import TagValue
from satellite.model.spans import encode_reference
from satellite.protocols.readers.json_document import read_json
from satellite.protocols.values import plain_value, read_id, sound_text, whole_number

LINKS_TAG, EVENTS_TAG = "_dd.span_links", "events"
"""Keys of `meta` that hold them as JSON."""

Event = tuple[int, list[tuple[str, TagValue]]]
"""(time in ns, fields), as `Rows.log` takes them."""

_TYPED = ("string_value", "bool_value", "int_value", "double_value")
"""Where a value of an event's own field is, by its type."""


def in_text(text: Any, needed: str) -> list[dict[str, Any]]:
    """The objects that a text of `meta` lists, all with a member; none when it is anything else."""
    if not isinstance(text, str):
        return []
    try:
        listed = read_json(text.encode("utf-8", "surrogateescape"))
    except (BadReport, TooLarge, UnicodeEncodeError):
        return []
    found = objects(listed)
    return found if found == listed and all(needed in one for one in found) else []


def objects(listed: Any) -> list[dict[str, Any]]:
    """The objects in a list; none of what is no list."""
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def references(links: list[dict[str, Any]]) -> Iterator[bytes]:
    """The spans that links name, for `Rows.add`: ids are numbers of 64 bits, or in JSON texts of hex digits."""
    for link in links:
        trace, high = read_id(link.get("trace_id")), whole_number(link.get("trace_id_high"))
        yield encode_reference(
            follows=True,
            trace_high=trace.high or read_id(high).low,
            trace_low=trace.low,
            span_id=read_id(link.get("span_id")).low,
            attributes=_attributes(link.get("attributes")),
            trace_state=_text(link.get("tracestate")),
        )


def moments(events: list[dict[str, Any]]) -> Iterator[Event]:
    """What happened when."""
    for event in events:
        named = [("event", _text(event.get("name")))]
        yield whole_number(event.get("time_unix_nano")), [*named, *_attributes(event.get("attributes"))]


def _attributes(said: Any) -> list[tuple[str, TagValue]]:
    return [(_text(key), _value(value)) for key, value in said.items()] if isinstance(said, dict) else []


def _value(said: Any) -> TagValue:
    """A value as it stands, or as a field of its own says it: `{"type": 2, "int_value": 5}`."""
    match said:
        case {"type": 4, "array_value": {"values": list(values)}} | list(values):
            return [_scalar(value) for value in values]
        case _:
            return _scalar(said)


def _scalar(said: Any) -> TagValue:
    match said:
        case {"type": int(kind)} if 0 <= kind < len(_TYPED):
            said = said.get(_TYPED[kind])
    return sound_text(said) if isinstance(said, str) else plain_value(said)


def _text(said: Any) -> str:
    return sound_text(said) if isinstance(said, str) else ""
