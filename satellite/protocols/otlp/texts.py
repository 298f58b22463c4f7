"""The texts within the messages that OTLP's columns keep as bytes: for who counts how much of them is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from google.protobuf.message import DecodeError

from satellite.pb import otlp_shallow_pb2 as shallow
from satellite.protocols.otlp.tags import is_kept_whole

Texts = Callable[[bytes], Iterator[bytes]]

_NO_TEXTS = frozenset(("bytes_value", "trace_id", "span_id"))


def of_attribute(encoded: bytes) -> Iterator[bytes]:
    """Key and texts of a KeyValue; none of one that stays bytes."""
    try:
        if not is_kept_whole(encoded):
            yield from _within(shallow.KeyValue.FromString(encoded))
    except DecodeError:
        return


def of_event(encoded: bytes) -> Iterator[bytes]:
    """Name and attributes of an Event."""
    return _of(shallow.Event, encoded)


def of_link(encoded: bytes) -> Iterator[bytes]:
    """Trace state and attributes of a Link."""
    return _of(shallow.Link, encoded)


def of_status(encoded: bytes) -> Iterator[bytes]:
    """The message of a Status."""
    return _of(shallow.Status, encoded)


def of_scope(encoded: bytes) -> Iterator[bytes]:
    """Name, version and attributes of an InstrumentationScope."""
    return _of(shallow.Scope, encoded)


def of_resource(encoded: bytes) -> Iterator[bytes]:
    """Attributes and entities of a Resource."""
    return _of(shallow.Resource, encoded)


def _of(kind: Any, encoded: bytes) -> Iterator[bytes]:
    try:
        yield from _within(kind.FromString(encoded))
    except DecodeError:
        return


def _within(message: Any) -> Iterator[bytes]:
    for field, value in message.ListFields():
        if field.name in _NO_TEXTS:
            continue
        for one in value if field.is_repeated else (value,):
            if field.name == "attributes":
                yield from of_attribute(one)
            elif field.message_type is not None:
                yield from _within(one)
            elif isinstance(one, bytes):
                yield one
