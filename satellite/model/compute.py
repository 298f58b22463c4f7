"""Arrow's compute functions, imported when the first of them is used: to make all their wrappers takes a twentieth of a start."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    import pyarrow.compute

    found = globals()[name] = getattr(pyarrow.compute, name)
    return found
