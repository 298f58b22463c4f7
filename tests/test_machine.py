"""What a process may use of its machine, from stand-ins of /proc and /sys/fs/cgroup."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from satellite.machine import limit_bytes, processors

MIB = 2**20
GIB = 2**30


def machine(folder: Path, cgroup: str, **limits: str) -> tuple[Path, Path]:
    """A /proc and a /sys/fs/cgroup with 8 GiB; names of limits have `__` for `/`."""
    (folder / "proc/self").mkdir(parents=True)
    (folder / "proc/meminfo").write_text("MemTotal:        8388608 kB\nMemFree: 1 kB\n")
    (folder / "proc/self/cgroup").write_text(cgroup)
    for name, text in limits.items():
        file = folder / "cgroup" / name.replace("__", "/").replace("DOT", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder / "proc", folder / "cgroup"


@pytest.mark.parametrize(
    ("cgroup", "limits", "expected"),
    [
        ("0::/\n", {"memoryDOTmax": "536870912\n"}, 512 * MIB),
        ("0::/\n", {"memoryDOTmax": "max\n"}, 8 * GIB),
        ("0::/a/b\n", {"a__memoryDOTmax": "1073741824\n", "a__b__memoryDOTmax": "max\n"}, GIB),
        ("4:memory:/docker/x\n", {"memory__memoryDOTlimit_in_bytes": "536870912\n"}, 512 * MIB),
        ("4:memory:/x\n", {"memory__x__memoryDOTlimit_in_bytes": "9223372036854771712\n"}, 8 * GIB),
        ("3:cpu:/x\n", {}, 8 * GIB),
        ("", {}, 8 * GIB),
    ],
)
def test_the_tightest_limit_counts(
    tmp_path: Path, cgroup: str, limits: dict[str, str], expected: int
) -> None:
    proc, cgroups = machine(tmp_path, cgroup, **limits)
    assert limit_bytes(proc, cgroups)[0] == expected


def test_without_proc_there_is_no_limit(tmp_path: Path) -> None:
    assert limit_bytes(tmp_path, tmp_path)[0] > 2**50


@pytest.mark.parametrize(
    ("cgroup", "limits", "expected"),
    [
        ("0::/\n", {"cpuDOTmax": "max 100000\n"}, 32),
        ("0::/\n", {"cpuDOTmax": "400000 100000\n"}, 4),
        ("0::/\n", {"cpuDOTmax": "250000 100000\n"}, 2),
        ("0::/\n", {"cpuDOTmax": "50000 100000\n"}, 1),
        ("0::/a/b\n", {"a__cpuDOTmax": "300000 100000\n", "a__b__cpuDOTmax": "max 100000\n"}, 3),
        ("0::/\n", {"cpuDOTmax": "max\n"}, 32),
        (
            "4:cpu,cpuacct:/x\n",
            {"cpu__cpuDOTcfs_quota_us": "200000\n", "cpu__cpuDOTcfs_period_us": "100000\n"},
            2,
        ),
        (
            "4:cpu,cpuacct:/x\n",
            {"cpu__cpuDOTcfs_quota_us": "-1\n", "cpu__cpuDOTcfs_period_us": "100000\n"},
            32,
        ),
        ("", {}, 32),
    ],
)
def test_the_tightest_share_of_time_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cgroup: str, limits: dict[str, str], expected: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(32)), raising=False)
    proc, cgroups = machine(tmp_path, cgroup, **limits)
    assert processors(proc, cgroups) == expected
