"""The engine that the settings ask for: in memory, or over a data directory."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from satellite.settings import Settings
from satellite.store.durable.directory import Directory
from satellite.store.recall.disk import Disk
from satellite.store.recall.engine import RecallStore
from satellite.store.recall.segment import SEGMENT_SPANS

DISK_SHARE = 0.8
"""Of a disk that is shared with nobody we know of (ours)."""


def open_store(settings: Settings, clock_seconds: Callable[[], float]) -> RecallStore:
    """The store, with everything that its data directory holds.

    Raises:
        BadDataDirectory: another satellite has the directory, a newer one wrote it, or it cannot be written.
    """
    folder = settings.data_dir
    disk = None
    disk_bytes = settings.disk_bytes_in_total
    if folder is not None:
        directory = Directory(folder)
        disk = Disk(directory, segment_spans=SEGMENT_SPANS, clock_seconds=clock_seconds)
        disk_bytes = disk_bytes or int(
            (shutil.disk_usage(folder).free + _bytes_in(directory.spans)) * DISK_SHARE
        )
    return RecallStore(
        settings.bytes_per_project,
        settings.bytes_per_project_overrides,
        bytes_in_total=settings.bytes_in_total,
        disk_bytes_per_project=settings.disk_bytes_per_project,
        disk_overrides=settings.disk_bytes_per_project_overrides,
        disk_bytes_in_total=disk_bytes or 2**63,
        duplicate_window_seconds=settings.duplicate_window_seconds,
        disk=disk,
    )


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*/*"))
