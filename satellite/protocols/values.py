"""What senders write for ids, times and values, and what it means: the same in every codec that reads a span at a time."""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

import msgspec

from satellite.model.ids import TEXT_MAX, hashed, hex_digits
from satellite.model.span import META_EVENT_TAG, PARENT_TAG, TagValue
from satellite.model.spans import Kind, Marks
from satellite.model.tag import text_of
from satellite.protocols.readers.json_document import encode_text
from satellite.protocols.time_text import read_time

SERVICE_TAG = "lightstep.service_name"
"""A tag that speaks to the satellite: used, and never stored."""

KIND_TAG = "span.kind"
STATUS_TAG = "otel.status_code"
"""Where OpenTelemetry's exporters for other protocols say OK or ERROR; an `error` tag beside it counts more."""
TELLING = frozenset((SERVICE_TAG, KIND_TAG, STATUS_TAG, "error", META_EVENT_TAG, PARENT_TAG))
"""Keys of tags that say something of their span; what, is the protocol's to know."""

MASK = 2**64 - 1

_LIMIT_NS = 2**63 - 1
FUTURE_NS = 86_400_000_000_000
"""What starts so much later than it arrives is marked."""
_HEX = re.compile(r"[0-9a-fA-F]{1,32}")
_NO_MARKS = Marks(0)
_KINDS = {kind.name: kind for kind in Kind}


class SpanId(NamedTuple):
    """What an id says; a trace's has two halves, of a span's only `low` counts."""

    high: int
    low: int
    text: str = ""
    """The text sent, when the number cannot be turned back into it."""


NO_ID = SpanId(0, 0)


def read_id(value: Any) -> SpanId:
    """The id behind a text or a number of any size.

    Up to 32 hex digits are read as such, short ones as if padded on the left, UUIDs without their dashes, `0x` and base64
    as `model.ids` says; of any other text a stable 64-bit hash is the id. No text, 0 and what is neither: NO_ID. Rule: LightStep's clients sent all of it.
    """
    if type(value) is str:
        if _HEX.fullmatch(value):
            number = int(value, 16)
            return SpanId(number >> 64, number & MASK)
        if not value:
            return NO_ID
        if len(value) == 36 and _HEX.fullmatch(digits := value.replace("-", "")):
            number = int(digits, 16)
            return SpanId(number >> 64, number & MASK, value)
        text = sound_text(value[:TEXT_MAX])
        if value.startswith(("0x", "0X")) or value.endswith("="):
            number = int(hex_digits(value), 16)
            return SpanId(number >> 64, number & MASK, text)
        return SpanId(0, hashed(text), text)
    if isinstance(value, int) and -(2**63) <= value < 2**128:
        return SpanId(value >> 64, value & MASK) if value >= 0 else SpanId(0, value & MASK)
    return NO_ID


class Times(NamedTuple):
    """When a span was, in ns."""

    start_ns: int
    duration_ns: int
    marks: Marks


def read_times(start_ns: int, duration_ns: int, received_ns: int) -> Times:
    """Start and duration as they may be kept; 0 or a start beyond 64 bits: none was sent."""
    if 0 < start_ns <= received_ns + FUTURE_NS and 0 <= duration_ns <= _LIMIT_NS:
        return Times(start_ns, duration_ns, _NO_MARKS)
    marks = _NO_MARKS
    if start_ns == 0 or not -_LIMIT_NS <= start_ns <= _LIMIT_NS:
        start_ns, marks = received_ns, Marks.TIME_INVENTED
    if start_ns > received_ns + FUTURE_NS:
        marks |= Marks.FUTURE
    if duration_ns < 0:
        marks |= Marks.NEGATIVE_DURATION
    if not -_LIMIT_NS <= duration_ns <= _LIMIT_NS:
        marks |= Marks.CLAMPED
        duration_ns = _LIMIT_NS if duration_ns > 0 else -_LIMIT_NS
    return Times(start_ns, duration_ns, marks)


def whole_number(value: Any) -> int:
    """The integer that a number, or a text of one, stands for; 0 for anything else."""
    if type(value) is int:
        return value
    if isinstance(value, str) and len(value) <= 40:
        try:
            return int(value)
        except ValueError:
            try:
                value = float(value)
            except ValueError:
                return 0
    return int(value) if isinstance(value, float) and math.isfinite(value) else 0


def moment_us(value: Any) -> int:
    """As `whole_number`, of µs since the epoch; also a moment as RFC 3339 writes it."""
    if isinstance(value, str) and (time_ns := read_time(value)) is not None:
        return time_ns // 1000
    return whole_number(value)


def plain_value(value: Any) -> TagValue:
    """A value from JSON or MessagePack as a tag may have it: lists and maps become JSON text, huge integers digits."""
    if value is None or isinstance(value, str | bool | float | bytes):
        return value
    if isinstance(value, int):
        if -(2**63) <= value < 2**64:
            return value
        return str(value) if value.bit_length() <= 256 else hex(value)
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError):
        return None


def is_true(value: TagValue) -> bool:
    """Whether an `error` tag says so in LightStep's and Jaeger's reading: true, a number not 0, the text "true"."""
    return value.lower() == "true" if isinstance(value, str) else bool(value)


def says_error(value: TagValue) -> bool:
    """Whether a STATUS_TAG says ERROR."""
    return text_of(value).upper() in ("ERROR", "STATUS_CODE_ERROR")


def kind_of(value: TagValue) -> Kind:
    """The kind a text names, in any letter case; UNSPECIFIED when it names none."""
    return _KINDS.get(text_of(value).upper(), Kind.UNSPECIFIED)


def sound_text(text: str) -> str:
    """The text with U+FFFD for what UTF-8 cannot hold: half a surrogate pair, or a byte that came as one.

    The very same object when nothing is wrong with it.
    """
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return encode_text(text).decode("utf-8", "replace")
    return text
