"""Files that are there whole or not at all, and what to say of those that are damaged."""

from __future__ import annotations

import os
import shutil
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


@dataclass(slots=True)
class Refusal:
    """Why a disk did not take something, and how much that was: on one that is nearly full smaller things go on fitting, which proves nothing."""

    reason: str = ""
    """"" when there is none."""
    nbytes: int = 0

    def failed(self, error: OSError, nbytes: int) -> None:
        """So many bytes were refused."""
        self.reason, self.nbytes = error.strerror or str(error), max(self.nbytes, nbytes)

    def worked(self, nbytes: int) -> None:
        """So many bytes were taken: enough, if as many as were refused."""
        if nbytes >= self.nbytes:
            self.reason, self.nbytes = "", 0

    def stands(self, folder: Path) -> bool:
        """Whether the same would be refused again for want of room."""
        return bool(self.reason) and shutil.disk_usage(folder).free < self.nbytes


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
