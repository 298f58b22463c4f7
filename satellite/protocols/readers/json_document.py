"""JSON bodies, read with bounds: exact integers, no duplicate keys, no NaN, and a limit on how much there may be."""

from __future__ import annotations

import json
import re
from typing import Any

from satellite.errors import BadReport, TooLarge

CONTAINERS_MAX = 2**21
"""Objects and arrays of one body: several times what 64 MiB of real spans hold. Ours."""

_LONE = re.compile("[\ud800-\udc7f\udd00-\udfff]")


def read_json(body: bytes) -> Any:
    """The value that a body holds; integers of any size, texts as `encode_text` wants them.

    Nesting is bounded by the interpreter's own limit of recursion. Bytes that are no UTF-8 become surrogates
    (`surrogateescape`), so that one broken text costs no more than itself.

    Raises:
        BadReport: not JSON, too deep, a key twice in one object, NaN or Infinity, an integer of thousands of digits.
        TooLarge: more objects and arrays than CONTAINERS_MAX.
    """
    if not body.strip():
        raise BadReport("not JSON: the body is empty")
    if body.count(b"{") + body.count(b"[") > CONTAINERS_MAX:
        raise TooLarge(f"more than {CONTAINERS_MAX} JSON objects and arrays")
    text = body.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    try:
        return _DECODER.decode(text)
    except RecursionError as error:
        raise BadReport("JSON is nested too deeply") from error
    except ValueError as error:
        raise BadReport(f"not JSON: {error}") from error


def encode_text(text: str) -> bytes:
    """UTF-8; what was broken in the text is broken in the bytes, one byte for each place."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _LONE.sub("\udcff", text).encode("utf-8", "surrogateescape")


def clean_text(text: str) -> str:
    """The text with U+FFFD for what is broken in it."""
    return text if text.isascii() else encode_text(text).decode("utf-8", "replace")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        left = dict.fromkeys(found, 1)
        twice = next(key for key, _ in pairs if not left.pop(key, 0))
        raise ValueError(f"the key {clean_text(twice)[:40]!r} stands twice in one object")
    return found


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)
