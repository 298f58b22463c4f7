"""The engine that the settings ask for: in memory, or over a data directory."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

from satellite.settings import Settings
from satellite.store.durable.directory import Directory
from satellite.store.durable.files import Damage
from satellite.store.durable.state import State
from satellite.store.recall.disk import Disk
from satellite.store.recall.engine import RecallStore
from satellite.store.recall.segment import SEGMENT_SPANS

DISK_SHARE = 0.8
"""Of a disk that is shared with nobody we know of (ours)."""


def open_storage(settings: Settings, clock_seconds: Callable[[], float]) -> tuple[RecallStore, State]:
    """The store, with everything that its data directory holds, and the small state beside it.

    Raises:
        BadDataDirectory: another satellite has the directory, a newer one wrote it, or it cannot be written.
    """
    folder = settings.data_dir
    disk = None
    state = State()
    disk_bytes = settings.disk_bytes_in_total
    if folder is not None:
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
