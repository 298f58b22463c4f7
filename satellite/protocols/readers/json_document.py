"""JSON bodies, read with bounds: exact integers, no duplicate keys, no NaN, and a limit on how much there may be."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from satellite.errors import BadReport, TooLarge

VALUE_BYTES_MIN = 8
"""`read_json` takes one value for each so many bytes of a large body: `{"Key":"a","Value":"b"},` takes 24, and is three. Ours."""

UNCOUNTED_BYTES, VALUES_FREE = 2**18, 2**15
"""Bodies of so many bytes may hold what they like: at worst they take 20 MiB; larger ones so many values, and some for each byte. Ours."""

DEPTH_MAX = 1000
"""Brackets within each other; Python's own limit of recursion."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_CHUNK_BYTES = 2**17
_LONE = re.compile("[\ud800-\udc7f\udd00-\udfff]")


def read_json(body: bytes, bytes_each: int = VALUE_BYTES_MIN) -> Any:
    """The value that a body holds; integers of any size, texts as `encode_text` wants them.

    Nesting is bounded by the interpreter's own limit of recursion. Bytes that are no UTF-8 become surrogates
    (`surrogateescape`), so that one broken text costs no more than itself.

    Raises:
        BadReport: not JSON, too deep, a key twice in one object, NaN or Infinity, an integer of thousands of digits.
        TooLarge: more values than `check_values` allows.
    """
    if not body.strip():
        raise BadReport("not JSON: the body is empty")
    check_values(body, bytes_each)
    text = body.removeprefix(BYTE_ORDER_MARK).decode("utf-8", "surrogateescape")
    try:
        return _DECODER.decode(text)
    except RecursionError as error:
        raise BadReport("JSON is nested too deeply") from error
    except ValueError as error:
        raise BadReport(f"not JSON: {error}") from error


def check_values(body: bytes | memoryview, bytes_each: int) -> None:
    """Make sure that a large body holds no more than VALUES_FREE values and one for each so many bytes.

    Whoever reads JSON makes an object of 50 to 200 bytes of each value; so they are counted, at the speed of memory,
    before anything is read. What stands in texts does not count.

    Raises:
        TooLarge: more commas and opening brackets.
        BadReport: most of them are brackets within each other.
    """
    if len(body) <= UNCOUNTED_BYTES:
        return
    limit = VALUES_FREE + len(body) // bytes_each
    data = np.frombuffer(body, np.uint8)
    if sum(int(np.count_nonzero(_begins(part))) for part in _parts(data)) <= limit:
        return
    found, deepest = _outside_of_texts(bytes(body))
    if deepest > DEPTH_MAX:
        raise BadReport("JSON is nested too deeply")
    if found > limit:
        raise TooLarge("the JSON has more values than a body of this size can hold")


def check_keys(body: bytes) -> None:
    """Make sure that no key stands twice in one object. Raises BadReport."""
    try:
        _KEYS.decode(body.decode("utf-8", "surrogateescape"))
    except (RecursionError, ValueError) as error:
        raise BadReport(f"not JSON: {error}") from error


Bytes = npt.NDArray[np.uint8]


def _parts(data: Bytes) -> Iterator[Bytes]:
    return (data[first : first + _CHUNK_BYTES] for first in range(0, len(data), _CHUNK_BYTES))


def _begins(part: Bytes) -> npt.NDArray[np.bool_]:
    """Where a comma or an opening bracket is."""
    begins: npt.NDArray[np.bool_] = (part == ord(",")) | (part | 0x20 == ord("{"))  # [ is { without a bit
    return begins


def _outside_of_texts(body: bytes) -> tuple[int, int]:
    """(how many commas and opening brackets stand outside of texts, how deep the brackets go)."""
    plain = body.replace(rb"\\", b"--").replace(rb"\"", b"--")
    found, depth, deepest, within = 0, 0, 0, np.False_
    for part in _parts(np.frombuffer(plain, np.uint8)):
        texts = np.bitwise_xor.accumulate(part == ord('"')) ^ within
        within = texts[-1]
        found += int(np.count_nonzero(_begins(part) & ~texts))
        opened = ((part | 0x20 == ord("{")) & ~texts).astype(np.int32)
        opened -= (part | 0x20 == ord("}")) & ~texts
        depths = np.cumsum(opened) + depth
        depth, deepest = int(depths[-1]), max(deepest, int(depths.max()))
    return found, deepest


def encode_text(text: str) -> bytes:
    """UTF-8; what was broken in the text is broken in the bytes, one byte for each place."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return _LONE.sub("\udcff", text).encode("utf-8", "surrogateescape")


def clean_text(text: str) -> str:
    """The text with U+FFFD for what is broken in it."""
    return text if text.isascii() else encode_text(text).decode("utf-8", "replace")


REPLACED = "\ufffd"
_REPLACED_BYTES = REPLACED.encode()
BROKEN_FREE, BROKEN_SHARE = 2**17, 8
"""So many places of a body may be no UTF-8, and one more for each so many bytes: each takes three times its byte, several times over. Ours."""
TOO_BROKEN = "more of it is no UTF-8 than a report of this size may hold"


def broken_max(size_bytes: int) -> int:
    """How many places of a body may be no UTF-8."""
    return BROKEN_FREE + size_bytes // BROKEN_SHARE


def broken_places(text: bytes) -> int:
    """How many of a text are no UTF-8: so many times U+FFFD is put in."""
    if text.isascii():
        return 0
    return text.decode("utf-8", "replace").count(REPLACED) - text.count(_REPLACED_BYTES)


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
_KEYS = json.JSONDecoder(object_pairs_hook=lambda pairs: len(_object(pairs)))
"""Looks at all and keeps little of it."""
