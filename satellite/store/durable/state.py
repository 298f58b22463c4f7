"""Small things that outlive the process (snapshots, streams, reporters, …): named values, in SQLite.

Whoever keeps something here owns a `kind`, and turns what it keeps to bytes and back; in memory when there is no data
directory, so that nobody needs to know whether there is one.
"""

from __future__ import annotations

import sqlite3
import threading
import zlib
from collections.abc import Callable
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

T = TypeVar("T")


class State:
    """Values by (kind, project, name); safe for several threads. What a method wrote is on disk when it returns."""

    def __init__(self, path: Path | None = None) -> None:
        """Open or make the file; None: in memory.

        Raises:
            BadDataDirectory: the file is of a newer satellite.
            sqlite3.DatabaseError: it is damaged.
        """
        self._lock = threading.Lock()
        self._path = path
        self._connection = sqlite3.connect(
            path or ":memory:", check_same_thread=False, isolation_level=None, timeout=10
        )
        self.damage: list[Damage] = []
        """Values that could not be read; they are left out."""
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
        rows = self._run(
            lambda: self._connection.execute(
                "SELECT name, value, checksum FROM state WHERE kind = ? AND project = ? ORDER BY name",
                (kind, project),
            ).fetchall()
        )
        whole: dict[str, bytes] = {}
        for name, value, checksum in rows:
            if zlib.crc32(value) == checksum:
                whole[name] = value
            elif self._path is not None:
                what = f"{kind} {name!r} of project {project}"
                self.damage.append(Damage(self._path, what, "the checksum is wrong"))
        return whole

    def projects(self, kind: str) -> list[str]:
        """The projects that have values of a kind."""
        query = "SELECT DISTINCT project FROM state WHERE kind = ? ORDER BY project"
        return [
            project for (project,) in self._run(lambda: self._connection.execute(query, (kind,)).fetchall())
        ]

    def write(self, kind: str, project: str, values: dict[str, bytes]) -> None:
        """Keep these values, all or none, in the place of those with the same names.

        Raises:
            StoreFailed: the disk does not take them; what was there stays.
        """
        rows = [(kind, project, name, value, zlib.crc32(value)) for name, value in values.items()]

        def insert() -> None:
            with self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.executemany("INSERT OR REPLACE INTO state VALUES (?, ?, ?, ?, ?)", rows)

        self._run(insert)

    def remove(self, kind: str, project: str, name: str) -> None:
        """Forget a value, if it is there. Raises StoreFailed."""
        query = "DELETE FROM state WHERE kind = ? AND project = ? AND name = ?"
        self._run(lambda: self._connection.execute(query, (kind, project, name)))

    def drop(self, project: str) -> None:
        """Forget everything of a project. Raises StoreFailed."""
        self._run(lambda: self._connection.execute("DELETE FROM state WHERE project = ?", (project,)))

    def _run(self, step: Callable[[], T]) -> T:
        with self._lock:
            try:
                return step()
            except sqlite3.Error as error:
                raise StoreFailed(
                    f"the data directory does not take this now: {error}", hint="try again later"
                ) from error

    def close(self) -> None:
        """Nothing is lost by leaving this out."""
        with self._lock:
            self._connection.close()
