"""The ids of LightStep's Thrift, which are texts: hex digits in most tracers, decimal ones or anything else in some."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from satellite.model.tags import layout
from satellite.protocols.readers.json_document import encode_text
from satellite.protocols.values import MASK

_HEX = re.compile("[0-9a-fA-F]{1,32}")
_UUID = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DECIMAL = re.compile("[0-9]{17,20}")


@lru_cache(maxsize=16384)
def guid_number(text: str) -> int:
    """The id, 64 bits, that a text stands for; 0 for "" and for zeros.

    Up to 16 hex digits are the number; of up to 32 and of a UUID the lower half; anything else (decimal digits look
    like hex ones, base 36 does not) is hashed, so that equal texts meet.
    """
    if _HEX.fullmatch(text):
        return int(text, 16) & MASK
    if _UUID.fullmatch(text):
        return int(text[-17:].replace("-", ""), 16)
    if not text:
        return 0
    return int.from_bytes(hashlib.blake2b(encode_text(text), digest_size=8).digest(), "big") or 1


def early_number(text: str) -> int:
    """An id of the first tracers: longer than 16 digits it is decimal, shorter as `guid_number` says."""
    return runtime_number(text) if len(text) > 16 else guid_number(text)


def runtime_number(text: str) -> int:
    """The reporter id of a runtime guid: as `guid_number`, but that Go writes it in decimal digits."""
    if _DECIMAL.fullmatch(text) and int(text) <= MASK:
        return int(text)
    return guid_number(text)


_DIGITS = np.full(256, 16, np.uint8)
"""What a hex digit is worth; 16: it is none."""
_DIGITS[[*b"0123456789abcdef"]] = _DIGITS[[*b"0123456789ABCDEF"]] = np.arange(16)


def hex_numbers(texts: pa.BinaryArray) -> npt.NDArray[np.uint64] | None:
    """The numbers that all of these are in 1 to 16 hex digits; None when one is not."""
    start, end, data = layout(texts)
    if not ((end > start) & (end <= start + 16)).all():
        return None
    places = end[:, None] + np.arange(-16, 0)
    digits = np.where(places >= start[:, None], _DIGITS[data[np.maximum(places, 0)]], 0)
    if (digits > 15).any():
        return None
    octets = (digits[:, 0::2] << 4 | digits[:, 1::2]).astype(np.uint8)
    return np.ascontiguousarray(octets).view(">u8").ravel().astype(np.uint64)


@lru_cache(maxsize=16384)
def is_plain(text: str) -> bool:
    """Whether an id of at most 16 characters can be written again from its number, but for case and padding."""
    return not text or _HEX.fullmatch(text) is not None
