"""Files that are there whole or not at all, and what to say of those that are damaged."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Damage:
    """Something in the data directory that could not be read."""

    path: Path
    what: str
    """What was lost: bytes, or spans of a project."""
    reason: str
    torn: bool = False
    """Only the end of the journal, which nobody was told is kept."""

    def __str__(self) -> str:
        """One line for logs and diagnostics."""
        return f"{self.path.name}: {self.what}: {self.reason}"


def sync_folder(folder: Path) -> None:
    """Make the names in a folder last."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, buffers: Sequence[Any]) -> int:
    """Put a file in the place of what has its name, whole and lasting; its size in bytes.

    Raises:
        OSError: the old one, if any, is still there.
    """
    unfinished = path.with_name(f"{path.name}.unfinished")
    try:
        with unfinished.open("wb") as file:
            for buffer in buffers:
                file.write(buffer)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        unfinished.replace(path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
    return size
