"""The engine that the settings ask for: the satellite's own, in memory or over a data directory, or ClickHouse."""

from __future__ import annotations

import math
import shutil
import socket
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from satellite.settings import Settings
from satellite.store import Store
from satellite.store.commons import Commons
from satellite.store.durable.directory import BadDataDirectory, Directory
from satellite.store.durable.files import Damage
from satellite.store.durable.state import State
from satellite.store.recall.disk import Disk
from satellite.store.recall.engine import RecallStore
from satellite.store.recall.keeper import tell_python
from satellite.store.recall.recent import Remembered
from satellite.store.recall.segment import SEGMENT_SPANS

if TYPE_CHECKING:
    from satellite.store.clickhouse.engine import ClickHouseStore
    from satellite.store.clickhouse.server import Server

CLICKHOUSE = "clickhouse"
"""The folder of ClickHouse's own files, below that of `clickhouse_url`."""

DISK_SHARE = 0.8
"""Of a disk that is shared with nobody we know of (ours)."""


class Engine(Store, Protocol):
    """A Store, and what the satellite around it asks."""

    @property
    def shared(self) -> bool:
        """Whether other satellites write to it, too; `satellite.store` says what that means for marks."""
        ...

    @property
    def commons(self) -> Commons | None:
        """What those satellites have in common besides spans; None: there are none."""
        ...

    @property
    def remembered(self) -> Remembered:
        """What of recent spans is remembered, to know those that are sent again."""
        ...

    @property
    def problem(self) -> str:
        """Why nothing can be kept now; "" when it can."""
        ...

    @property
    def damage(self) -> Sequence[Damage]:
        """What could not be read of what it keeps, the newest last."""
        ...

    def release(self) -> None:
        """Let go of memory that can be filled again."""
        ...

    def shrink(self, size_bytes: int) -> None:
        """Take so many bytes of memory less."""
        ...

    def newest(self, projects: Sequence[str]) -> dict[str, int]:
        """The newest mark of each of these projects, whichever satellite gave it."""
        ...


def open_storage(
    settings: Settings, clock_seconds: Callable[[], float], failed: Callable[[str, Exception], None]
) -> tuple[Engine, State]:
    """The store, with everything that it held before, and the small state beside it; `failed`: see RecallStore.

    Raises:
        BadDataDirectory: another satellite has the directory, a newer one wrote it, or it cannot be written.
    """
    if settings.store != "clickhouse":
        return open_recall(settings, clock_seconds, failed)
    url = settings.clickhouse_url.get_secret_value()
    if url.startswith("chdb://"):
        return open_chdb(Path(url.removeprefix("chdb://")), settings, clock_seconds)
    return open_clickhouse(url, settings, clock_seconds)


def open_chdb(
    folder: Path, settings: Settings, clock_seconds: Callable[[], float]
) -> tuple[ClickHouseStore, State]:
    """ClickHouse in a folder, beside a file with the small state. Raises BadDataDirectory."""
    tables = folder / CLICKHOUSE
    if not tables.is_dir() and Directory.is_one(folder):
        raise BadDataDirectory(
            f"clickhouse_url: {folder} is a data directory of the satellite's own engine",
            hint=f"choose another folder; `satellite data import chdb:///another {folder}` takes the spans over",
        )
    try:
        tables.mkdir(parents=True, exist_ok=True)
        room = shutil.disk_usage(tables).free + sum(file.stat().st_size for file in tables.rglob("*.bin"))
    except OSError as error:
        raise BadDataDirectory(
            f"clickhouse_url: {folder} cannot be used: {error.strerror}",
            hint="it must be a folder that can be written",
        ) from error
    store = _clickhouse(tables, settings, clock_seconds, int(room * DISK_SHARE))
    try:
        return store, State(folder / "state.sqlite")
    except sqlite3.DatabaseError as error:
        store.close()
        raise BadDataDirectory(
            f"{folder / 'state.sqlite'} cannot be read: {error}",
            hint="it has snapshots, streams and who reported; without the file they begin anew",
        ) from error
    except BaseException:
        store.close()
        raise


def open_clickhouse(
    url: str, settings: Settings, clock_seconds: Callable[[], float]
) -> tuple[ClickHouseStore, State]:
    """A server of ClickHouse, which other satellites may have, too; small state is in memory. Raises BadDataDirectory."""
    from satellite.store.clickhouse.server import Server

    return _clickhouse(Server.of(url), settings, clock_seconds, 2**63), State()


def _clickhouse(
    target: Path | Server, settings: Settings, clock_seconds: Callable[[], float], disk_bytes: int
) -> ClickHouseStore:
    from satellite.store.clickhouse.connection import Connection
    from satellite.store.clickhouse.engine import ClickHouseStore
    from satellite.store.clickhouse.retention import Retention

    return ClickHouseStore(
        Connection(target, cluster=settings.clickhouse_cluster),
        clock_seconds=clock_seconds,
        host=socket.gethostname(),
        retention=Retention(
            disk_bytes_per_project=settings.disk_bytes_per_project,
            disk_overrides=settings.disk_bytes_per_project_overrides,
            disk_bytes_in_total=settings.disk_bytes_in_total or disk_bytes,
            seconds_per_project=settings.retention_seconds or math.inf,
            seconds_overrides=settings.retention_seconds_overrides,
        ),
        duplicate_window_seconds=settings.duplicate_window_seconds,
    )


def open_recall(
    settings: Settings,
    clock_seconds: Callable[[], float],
    failed: Callable[[str, Exception], None] = tell_python,
) -> tuple[RecallStore, State]:
    """The satellite's own engine; `failed`: see there. Raises BadDataDirectory."""
    folder = settings.data_dir
    disk = None
    disk_bytes = settings.disk_bytes_in_total
    if folder is None:
        state = State()
    else:
        if (folder / CLICKHOUSE).is_dir() and not Directory.is_one(folder):
            raise BadDataDirectory(
                f"data_dir: {folder} has the tables of a ClickHouse",
                hint=f"set store = clickhouse and clickhouse_url = chdb://{folder}, or choose another folder",
            )
        directory = Directory(folder)
        try:
            disk = Disk(directory, segment_spans=SEGMENT_SPANS, clock_seconds=clock_seconds)
            state = _open_state(directory, disk.damage)
        except BaseException:
            directory.close()
            raise
        disk_bytes = disk_bytes or int(
            (shutil.disk_usage(folder).free + _bytes_in(directory.spans)) * DISK_SHARE
        )
    store = RecallStore(
        settings.bytes_per_project,
        settings.bytes_per_project_overrides,
        bytes_in_total=settings.bytes_in_total,
        disk_bytes_per_project=settings.disk_bytes_per_project,
        disk_overrides=settings.disk_bytes_per_project_overrides,
        disk_bytes_in_total=disk_bytes or 2**63,
        duplicate_window_seconds=settings.duplicate_window_seconds,
        disk=disk,
        failed=failed,
    )
    return store, state


def _open_state(directory: Directory, damage: list[Damage]) -> State:
    try:
        state = State(directory.state)
    except sqlite3.DatabaseError as error:
        aside = directory.set_aside(directory.state)
        for beside in ("-wal", "-shm"):
            directory.state.with_name(directory.state.name + beside).unlink(missing_ok=True)
        damage.append(Damage(aside, "snapshots, streams and who reported", str(error)))
        state = State(directory.state)
    state.damage = damage
    return state


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*/*"))
