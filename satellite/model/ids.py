"""Ids of spans and traces as people and senders write them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

TEXT_MAX = 128
"""Characters of an odd id that count (ours)."""

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?", re.IGNORECASE)
_DIGITS = re.compile(r"(?:0[xX])?([0-9a-fA-F]{1,32})")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{22}==|[A-Za-z0-9+/_-]{11}=")


def hex_digits(text: str, *, of_span: bool = False) -> str:
    """The hex digits of the id that a text means, "" for none.

    Taken are digits of any letter case with or without leading zeros, `0x` and dashes, a whole `traceparent` (of which
    the part asked for), base64 as protobuf's JSON has ids; any other text is the id of a sender that uses such texts.
    """
    text = text.strip()
    if match := _TRACEPARENT.fullmatch(text):
        return match[2] if of_span else match[1]
    if match := _DIGITS.fullmatch(text.replace("-", "")):
        return match[1]
    if _BASE64.fullmatch(text) and (decoded := from_base64(text)) is not None:
        return decoded.hex()
    return f"{hashed(text):016x}" if text else ""


def from_base64(text: str) -> bytes | None:
    """The bytes of a text in either alphabet of base64; None when it is none."""
    try:
        return base64.b64decode(text.translate({0x2D: "+", 0x5F: "/"}), validate=True)
    except binascii.Error:
        return None


def hashed(text: str) -> int:
    """The 64 bits that stand for an id which is no number, always the same ones."""
    digest = hashlib.blake2b(text[:TEXT_MAX].encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest)
