"""Files and bodies of other tools that went wrong here once, or that must go on working; reduced, with details replaced."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent


def case(name: str) -> bytes:
    """The content of one."""
    return (FOLDER / name).read_bytes()
