"""Values as they are written into a statement."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

_PLAIN = frozenset(range(0x20, 0x7F)) - frozenset(b"'\\{}")


def text(value: str | bytes) -> str:
    """A String, of any bytes."""
    encoded = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    return "'" + "".join(chr(byte) if byte in _PLAIN else f"\\x{byte:02X}" for byte in encoded) + "'"


def texts(values: Iterable[str | bytes]) -> str:
    """Several, with commas."""
    return ", ".join(map(text, values))


def numbers(values: npt.NDArray[np.integer]) -> str:
    """Whole numbers, with commas."""
    return ",".join(map(str, values.tolist()))
