"""A tag as bytes: one canonical byte string per (key, typed value), and the text by which queries compare the value.

The form is `protos/satellite_model.proto`: LightStep's own KeyValue, so that what a tracer sent needs no rewriting.
"""

from __future__ import annotations

import base64
import math
from contextlib import suppress
from functools import lru_cache
from typing import Any

import msgspec

from satellite.model.span import TagValue
from satellite.pb import satellite_model_pb2 as pb

KEY, STRING, INT, DOUBLE, BOOL, JSON, BYTES, ANY = 0x0A, 0x12, 0x18, 0x21, 0x28, 0x32, 0x3A, 0x42
"""How the fields of a canonical tag begin."""

MALFORMED_KEY = "satellite.malformed_tag"
"""Key (ours) of a tag whose bytes could not be read; its value is those bytes."""

_DEPTH_MAX = 64
"""Arrays and maps within each other in a value of ours: OTLP has 45 at most."""


class JsonText(str):
    """A text that its sender marked as JSON."""

    __slots__ = ()


class NotFinite(float):
    """A double that JSON has no number for: a text there, for which the encoder asks `json_form`."""

    __slots__ = ()


def json_form(value: object) -> str:
    """The `enc_hook` for JSON that shows spans. Raises NotImplementedError."""
    if isinstance(value, NotFinite):
        return text_of(value)
    raise NotImplementedError(type(value))


def shown(value: TagValue) -> TagValue:
    """A value as spans show it: the same, but doubles that are not finite are `NotFinite`."""
    match value:
        case float() if not math.isfinite(value):
            return NotFinite(value)
        case list():
            return [shown(inner) for inner in value]
        case dict():
            return {key: shown(inner) for key, inner in value.items()}
        case _:
            return value


def encode_tag(key: str, value: TagValue) -> bytes:
    """The canonical bytes of one tag."""
    name = key.encode("utf-8", "surrogatepass")
    if type(value) is str and name:  # as protobuf's own writer does it, in a third of the time
        text = value.encode("utf-8", "replace")
        if len(name) < 128 and len(text) < 128:
            return b"\x0a%c%b\x12%c%b" % (len(name), name, len(text), text)
        return b"\x0a%b%b\x12%b%b" % (varint(len(name)), name, varint(len(text)), text)
    tag = pb.Tag(key=name)
    match value:
        case None:
            pass
        case bool():
            tag.bool_value = value
        case int() if -(2**63) <= value < 2**63:
            tag.int_value = value
        case int():
            tag.string_value = str(value).encode()
        case float():
            tag.double_value = value
        case JsonText():
            tag.json_value = value.encode("utf-8", "replace")
        case str():
            tag.string_value = value.encode("utf-8", "replace")
        case bytes():
            tag.bytes_value = value
        case _:
            tag.any_value = msgspec.msgpack.encode(value)
    return tag.SerializeToString()


def varint(number: int) -> bytes:
    """A number as protobuf writes it."""
    made = bytearray()
    while number > 0x7F:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    made.append(number)
    return bytes(made)


def decode_tag(encoded: bytes) -> tuple[str, TagValue]:
    """Key and typed value of one canonical tag; text marked as JSON comes out as text."""
    size = len(encoded)
    # A short text below a short key, as most are, is read here in a third of protobuf's time.
    if (
        size > 3
        and encoded[0] == KEY
        and (end := encoded[1] + 2) < min(130, size - 1)
        and encoded[end] == STRING
        and encoded[end + 1] == size - end - 2 < 128
    ):
        return encoded[2:end].decode("utf-8", "replace"), encoded[end + 2 :].decode("utf-8", "replace")
    tag = pb.Tag.FromString(encoded)
    key = tag.key.decode("utf-8", "replace")
    kind = tag.WhichOneof("value")
    if kind is None:
        return key, None
    value = getattr(tag, kind)
    if kind in ("string_value", "json_value"):
        return key, value.decode("utf-8", "replace")
    if kind == "any_value":
        return key, _structure(value)
    return key, value


def _structure(encoded: bytes) -> TagValue:
    """The array or map that we wrote as MessagePack; or the bytes, when a sender put something else in that field.

    LightStep's logs are kept as they came, and their fields read as tags; no client has such a field.
    """
    try:
        value = msgspec.msgpack.decode(encoded)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return encoded
    return value if _is_structure(value, _DEPTH_MAX) else encoded


def _is_structure(value: Any, depth: int) -> bool:
    match value:
        case dict():
            return depth > 0 and all(
                isinstance(key, str) and _is_structure(inner, depth - 1) for key, inner in value.items()
            )
        case list():
            return depth > 0 and all(_is_structure(inner, depth - 1) for inner in value)
        case _:
            return value is None or isinstance(value, str | bool | int | float | bytes)


def text_of(value: TagValue) -> str:
    """The canonical text that queries compare (explorer.md §1.4).

    Bool: true/false. Float: shortest, without a fraction when integral; NaN, Infinity, -Infinity as in OTLP's JSON.
    None: "". Bytes: base64. List, dict: JSON.
    """
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float() if math.isfinite(value):
            return str(int(value)) if value.is_integer() else repr(value)
        case float():
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        case bytes():
            return base64.b64encode(value).decode()
        case _:
            return msgspec.json.encode(shown(value), enc_hook=json_form).decode()


def element_texts(value: TagValue) -> list[str]:
    """The canonical texts of a list's elements, each once, which queries find beside the text of the whole list."""
    return list(dict.fromkeys(map(text_of, value))) if isinstance(value, list) else []


@lru_cache(maxsize=32)  # a question asks each segment for the same
def encodings_of(key: str, text: str) -> tuple[bytes, ...]:
    """The canonical bytes of every scalar tag with this key and canonical text: what to look up for `key = text`."""
    values: list[TagValue] = [text]
    if text in ("true", "false"):
        values.append(text == "true")
    if text == "":
        values.append(None)
    with suppress(ValueError):
        if text.lstrip("-").isdecimal() and text.isascii() and -(2**63) <= int(text) < 2**63:
            values.append(int(text))
    with suppress(ValueError):
        values += [float(text), -0.0]
    encoded = [encode_tag(key, value) for value in values if text_of(value) == text]
    return (encode_tag(key, JsonText(text)), *encoded)


def key_prefix(key: str) -> bytes:
    """What the canonical bytes of every tag with this key begin with, and no other's do."""
    return pb.Tag(key=key.encode("utf-8", "surrogatepass")).SerializeToString()


def is_complex(encoded: bytes, key: str) -> bool:
    """Whether the bytes of a canonical tag with this key are not all that `encodings_of` gives for its text.

    Bytes, lists and maps; doubles that are not finite, since NaN is written in many ways.
    """
    at = len(key_prefix(key))
    kind = encoded[at] if at < len(encoded) else 0
    return kind in (BYTES, ANY) or (kind == DOUBLE and encoded[-1] & 0x7F == 0x7F and encoded[-2] >= 0xF0)
