"""A data directory: one satellite's at a time, of a format that this satellite knows."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from satellite.errors import SatelliteError
from satellite.store.durable.files import sync_folder

FORMAT = 1
"""Of the directory as a whole: which files there are and what they mean. Each file has a version of its own besides."""

_FORMAT_NAME = "format"
_LOCK_NAME = "lock"

README = """\
The spans of a mock LightStep satellite (its setting data_dir). `satellite data check` says how it is.

journal/      what came last, until it is in a file below
spans/        a folder for each project, its spans in Arrow files, never changed once written
manifest.json which of these files count
state.sqlite  everything small
damaged/      what could not be read and was set aside; nothing looks at it again
"""


class BadDataDirectory(SatelliteError):
    """A data directory that cannot be used: another satellite has it, it is of a newer format, or not writable."""

    code = "bad_data_directory"


class Directory:
    """The folder itself: its lock, its format, its rooms."""

    @staticmethod
    def is_one(path: Path) -> bool:
        """Whether a folder was made to be a data directory."""
        return (path / _FORMAT_NAME).exists()

    def __init__(self, path: Path) -> None:
        """Take it, and make it when it is not there.

        Raises:
            BadDataDirectory: it cannot be used.
        """
        self.path = path
        self.journal = path / "journal"
        self.spans = path / "spans"
        self.damaged = path / "damaged"
        self.state = path / "state.sqlite"
        try:
            for folder in (path, self.journal, self.spans, self.damaged):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(path / _LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise BadDataDirectory(
                f"the data directory {path} cannot be written: {error.strerror}",
                hint="give the satellite's user the right to write there, or choose another with data_dir",
            ) from error
        try:
            self._take()
            self._check_format()
        except BaseException:
            os.close(self._lock)
            raise

    def _take(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._lock, 100, 0).decode("ascii", "replace").strip()
            raise BadDataDirectory(
                f"the data directory {self.path} is in use by another satellite"
                + (f" (process {holder})" if holder else ""),
                hint="stop that one, or give this one a data_dir of its own",
            ) from error
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)

    def _check_format(self) -> None:
        file = self.path / _FORMAT_NAME
        if not file.exists():
            if any(self.journal.iterdir()) or any(self.spans.iterdir()):
                return self._write_format()  # the file alone was lost; everything else has its own version
            (self.path / "README").write_text(README)
            return self._write_format()
        text = file.read_text("ascii", "replace").strip()
        if not text.isdigit():
            return self._write_format()
        if int(text) > FORMAT:
            raise BadDataDirectory(
                f"the data directory {self.path} has format {text}; this satellite knows up to {FORMAT}",
                hint="run the newer satellite that wrote it, export with it, or choose another data_dir",
            )
        return None

    def _write_format(self) -> None:
        (self.path / _FORMAT_NAME).write_text(f"{FORMAT}\n")
        sync_folder(self.path)

    def set_aside(self, path: Path) -> Path:
        """Move a damaged file where nothing looks at it again; where it is now."""
        project = path.parent.name + "-" if path.parent.parent == self.spans else ""
        target = self.damaged / f"{project}{path.name}"
        number = 0
        while target.exists():
            number += 1
            target = self.damaged / f"{project}{path.name}.{number}"
        path.replace(target)
        sync_folder(self.damaged)
        return target

    def close(self) -> None:
        """Let another satellite have it."""
        os.close(self._lock)
