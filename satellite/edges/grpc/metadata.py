"""Metadata: header fields whose names end in `-bin` carry bytes, as Base64 with or without padding."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence

Metadata = Sequence[tuple[str, str | bytes]]

_RESERVED = (b"grpc-", b":")
_NOT_METADATA = frozenset((b"content-type", b"te", b"content-length", b"host"))


def to_wire(metadata: Metadata) -> list[tuple[bytes, bytes]]:
    """Header fields of metadata."""
    return [(name.lower().encode("latin-1"), _value(name, value)) for name, value in metadata]


def _value(name: str, value: str | bytes) -> bytes:
    raw = value.encode("latin-1", "replace") if isinstance(value, str) else bytes(value)
    return base64.b64encode(raw).rstrip(b"=") if name.lower().endswith("-bin") else raw


def from_wire(fields: Iterable[tuple[bytes, bytes]]) -> Metadata:
    """The metadata among header fields. Bytes that are no Base64 are left out; a list with commas is several (RFC 9110 §5.3)."""
    found: list[tuple[str, str | bytes]] = []
    for name, value in fields:
        if name.startswith(_RESERVED) or name in _NOT_METADATA:
            continue
        key = name.decode("latin-1")
        if not key.endswith("-bin"):
            found.append((key, value.decode("latin-1")))
            continue
        for part in value.split(b","):
            try:
                found.append(
                    (key, base64.b64decode(part.strip() + b"=" * (-len(part.strip()) % 4), validate=True))
                )
            except binascii.Error:
                continue
    return tuple(found)
