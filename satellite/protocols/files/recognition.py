"""What a single body is, whoever it was sent to: for telling a sender's operator what would have been right."""

from __future__ import annotations

from satellite.errors import SatelliteError
from satellite.protocols.files import binary_stream, json_forms
from satellite.protocols.wire import WireProtocol

LOOKED_AT_BYTES = 1 << 20
"""Larger bodies are not looked at (ours)."""


def recognised(body: bytes) -> tuple[str, WireProtocol | None] | None:
    """(what it is, in words; the protocol that reads it, None when it holds no spans); None: nothing that is known here."""
    if len(body) > LOOKED_AT_BYTES:
        return None
    if body.lstrip()[:1] in (b"{", b"["):
        for part in json_forms.parts(body):
            if part.form is not None:
                return part.form.title, part.form.reader
            if part.other:
                return part.other, None
        return None
    try:
        kind = binary_stream.recognised(bytearray(body)) if body else None
    except SatelliteError:
        return None
    return (kind.title, kind.reader) if kind else None
