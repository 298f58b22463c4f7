"""What of the machine this process may use: memory and processors, by its cgroups (a container's limits) or all there are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_UNLIMITED = 2**60
"""What cgroups say instead of «no limit of memory» is somewhere beyond this."""

_PROC, _CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")


def limit_bytes(proc: Path = _PROC, cgroups: Path = _CGROUPS) -> tuple[int, str]:
    """(how much memory this process may take, who says so): the tightest cgroup, or the machine."""
    limits = []
    for version2, folder in _groups(proc, cgroups, "memory"):
        with suppress(OSError, ValueError):
            size = int((folder / ("memory.max" if version2 else "memory.limit_in_bytes")).read_text())
            if size < _UNLIMITED:
                limits.append((size, "the container's limit"))
    with suppress(OSError, ValueError):
        for name, kilobytes, *_ in map(str.split, (proc / "meminfo").read_text().splitlines()):
            if name == "MemTotal:":
                limits.append((int(kilobytes) * 1024, "the machine's memory"))
    return min(limits, default=(_UNLIMITED, "no limit that could be found"))


def processors(proc: Path = _PROC, cgroups: Path = _CGROUPS) -> int:
    """How many processors this process may use: those it may run on, or what its tightest share of time is worth, at least 1."""
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for version2, folder in _groups(proc, cgroups, "cpu"):
        with suppress(OSError, ValueError):
            if version2:
                quota, period = map(
                    int, (folder / "cpu.max").read_text().split()
                )  # "max": no number, no limit
            else:
                quota = int((folder / "cpu.cfs_quota_us").read_text())
                period = int((folder / "cpu.cfs_period_us").read_text())
            if quota > 0 and period > 0:
                found = min(found, quota // period)
    return max(found, 1)


def _groups(proc: Path, cgroups: Path, controller: str) -> Iterator[tuple[bool, Path]]:
    """The folders of the cgroups that bind this process, as (whether of version 2, folder)."""
    try:
        lines = (proc / "self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            roots = [cgroups, cgroups / "unified"]
        elif controller in controllers.split(","):
            roots = [cgroups / controller, cgroups / controllers]
        else:
            continue
        for root in roots:
            # In a container the path is often that of the host, and the group is the root that is seen.
            for folder in {root, *(root / part for part in _parents(path))}:
                yield controllers == "", folder


def _parents(path: str) -> list[str]:
    parts = [part for part in path.split("/") if part and part != ".."]
    return ["/".join(parts[: i + 1]) for i in range(len(parts))]
