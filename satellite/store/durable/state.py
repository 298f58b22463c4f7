"""Small things that outlive the process (snapshots, streams, reporters, …): named values, in SQLite.

Whoever keeps something here owns a `kind`, and turns what it keeps to bytes and back; in memory when there is no data
directory, so that nobody needs to know whether there is one.
"""

from __future__ import annotations

import sqlite3
import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from satellite.errors import StoreFailed
from satellite.store.durable.directory import BadDataDirectory
from satellite.store.durable.files import Damage

VERSION = 1

_TABLE = """
CREATE TABLE IF NOT EXISTS state (
    kind TEXT NOT NULL, project TEXT NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL, checksum INTEGER NOT NULL,
    PRIMARY KEY (kind, project, name)
) WITHOUT ROWID
"""

RETRY_SECONDS = 1.0
"""Between two tries when the disk does not take what is to be written soon (ours)."""

T = TypeVar("T")

_Key = tuple[str, str, str]
"""Kind, project, name."""


@dataclass(frozen=True, slots=True, eq=False)
class _Change:
    """Of one value, on its way to the disk."""

    value: bytes | None
    """None: it goes."""


class State:
    """Values by (kind, project, name); safe for several threads.

    What `write`, `remove` and `drop` did is on disk when they return. What is given to `write_soon` and `remove_soon` is
    there a moment later, or when the disk takes it again: for those who answer questions, which never wait for a disk.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Open or make the file; None: in memory.

        Raises:
            BadDataDirectory: the file is of a newer satellite, or the disk does not take it now.
            sqlite3.DatabaseError: it is damaged.
        """
        self._lock = threading.Lock()
        self._path = path
        self._soon: dict[_Key, _Change] = {}
        self._wake = threading.Condition()
        self._closed = False
        self._writer: threading.Thread | None = None
        self.damage: list[Damage] = []
        """Values that could not be read; they are left out."""
        try:
            self._open(path)
        except (
            sqlite3.OperationalError
        ) as error:  # of the disk: what is wrong with the file is another DatabaseError
            raise BadDataDirectory(
                f"{path} cannot be opened: {error}", hint="it must be writable, on a disk with room"
            ) from error

    def _open(self, path: Path | None) -> None:
        self._connection = sqlite3.connect(
            path or ":memory:", check_same_thread=False, isolation_level=None, timeout=10
        )
        try:
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
            if version > VERSION:
                raise BadDataDirectory(
                    f"{path} has format {version}; this satellite knows up to {VERSION}",
                    hint="run the newer satellite that wrote it, or choose another data_dir",
                )
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute(_TABLE)
            self._connection.execute(f"PRAGMA user_version = {VERSION}")
        except BaseException:
            self._connection.close()
            raise

    def read(self, kind: str, project: str = "") -> dict[str, bytes]:
        """All values of a kind in a project, by name."""
        query = "SELECT name, value, checksum FROM state WHERE kind = ? AND project = ? ORDER BY name"
        rows, waiting = self._run(
            lambda: (
                self._connection.execute(query, (kind, project)).fetchall(),
                self._soon_of(lambda key: key[:2] == (kind, project)),
            )
        )
        whole: dict[str, bytes] = {}
        for name, value, checksum in rows:
            if zlib.crc32(value) == checksum:
                whole[name] = value
            elif self._path is not None:
                what = f"{kind} {name!r} of project {project}"
                self.damage.append(Damage(self._path, what, "the checksum is wrong"))
        changed = {name: change.value for (_, _, name), change in waiting.items()}
        return {name: value for name, value in sorted((whole | changed).items()) if value is not None}

    def projects(self, kind: str) -> list[str]:
        """The projects that have values of a kind."""
        query = "SELECT DISTINCT project FROM state WHERE kind = ?"
        rows, waiting = self._run(
            lambda: (
                self._connection.execute(query, (kind,)).fetchall(),
                self._soon_of(lambda key: key[0] == kind),
            )
        )
        known = {project for (project,) in rows} | {project for _, project, _ in waiting}
        return sorted(project for project in known if self.read(kind, project)) if waiting else sorted(known)

    def write(self, kind: str, project: str, values: dict[str, bytes]) -> None:
        """Keep these values, all or none, in the place of those with the same names.

        Raises:
            StoreFailed: the disk does not take them; what was there stays.
        """
        self._change({(kind, project, name): value for name, value in values.items()})

    def remove(self, kind: str, project: str, name: str) -> None:
        """Forget a value, if it is there. Raises StoreFailed."""
        self._change({(kind, project, name): None})

    def drop(self, project: str) -> None:
        """Forget everything of a project. Raises StoreFailed."""

        def forget() -> None:
            stale = self._soon_of(lambda key: key[1] == project)
            self._connection.execute("DELETE FROM state WHERE project = ?", (project,))
            self._settle(stale)

        self._run(forget)

    def write_soon(self, kind: str, project: str, values: dict[str, bytes]) -> None:
        """The same as `write`, without waiting; a value that is given again meanwhile is written once."""
        self._later({(kind, project, name): value for name, value in values.items()})

    def remove_soon(self, kind: str, project: str, name: str) -> None:
        """The same as `remove`, without waiting."""
        self._later({(kind, project, name): None})

    def _later(self, changes: Mapping[_Key, bytes | None]) -> None:
        with self._wake:
            self._soon |= {key: _Change(value) for key, value in changes.items()}
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_behind, name="state", daemon=True)
                self._writer.start()
            self._wake.notify_all()

    def _write_behind(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._soon or self._closed)
                if self._closed:
                    return
            try:
                self._catch_up()
            except StoreFailed:
                with self._wake:
                    self._wake.wait_for(lambda: self._closed, RETRY_SECONDS)

    def _catch_up(self) -> None:
        """Write what should be there soon. Raises StoreFailed, and then it is still to be written."""

        def apply() -> None:
            waiting = self._soon_of(lambda _: True)
            self._execute({key: change.value for key, change in waiting.items()})
            self._settle(waiting)

        self._run(apply)

    def _change(self, changes: Mapping[_Key, bytes | None]) -> None:
        def apply() -> None:
            stale = self._soon_of(changes.__contains__)
            self._execute(changes)
            self._settle(stale)

        self._run(apply)

    def _soon_of(self, meant: Callable[[_Key], bool]) -> dict[_Key, _Change]:
        with self._wake:
            return {key: change for key, change in self._soon.items() if meant(key)}

    def _settle(self, done: Mapping[_Key, _Change]) -> None:
        """These are written, or out of date; what came for the same names meanwhile is still to be written."""
        with self._wake:
            for key, change in done.items():
                if self._soon.get(key) is change:
                    del self._soon[key]

    def _execute(self, changes: Mapping[_Key, bytes | None]) -> None:
        kept = [(*key, value, zlib.crc32(value)) for key, value in changes.items() if value is not None]
        gone = [key for key, value in changes.items() if value is None]
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT OR REPLACE INTO state VALUES (?, ?, ?, ?, ?)", kept)
            self._connection.executemany(
                "DELETE FROM state WHERE kind = ? AND project = ? AND name = ?", gone
            )

    def _run(self, step: Callable[[], T]) -> T:
        with self._lock:
            try:
                return step()
            except sqlite3.Error as error:
                raise StoreFailed(
                    f"the data directory does not take this now: {error}", hint="try again later"
                ) from error

    def close(self) -> None:
        """Write what is still to be written; without this only that is lost. Raises StoreFailed, closed all the same."""
        with self._wake:
            self._closed = True
            self._wake.notify_all()
        if self._writer is not None:
            self._writer.join()
        try:
            if self._soon:
                self._catch_up()
        finally:
            with self._lock:
                self._connection.close()
