"""What fits into the memory that there is, and what is done when it runs short."""

from __future__ import annotations

import gc
import json
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest

from satellite import memory
from satellite.memory import (
    EASY,
    OVERHEAD,
    RECEIVER_BYTES,
    TIGHT,
    MemoryGuard,
    fitted,
    forget_start,
    keep_for_good,
    resident_bytes,
)
from satellite.settings import load
from tests import bookinfo
from tests.processes import Process
from tests.processes import resident_bytes as resident_of

MIB = 2**20
GIB = 2**30


def test_this_process_takes_something() -> None:
    assert 10 * MIB < resident_bytes() < 100 * GIB


@pytest.mark.parametrize("limit", [384 * MIB, 512 * MIB, GIB, 2 * GIB, 64 * GIB])
def test_defaults_fit_into_the_limit(limit: int) -> None:
    settings = fitted(load({}, {}), limit).settings
    spans = int(OVERHEAD * settings.bytes_in_total)
    assert spans + settings.max_waiting_bytes + settings.snapshot_bytes <= limit * EASY
    assert settings.bytes_per_project <= settings.bytes_in_total
    assert settings.bytes_in_total <= 4_000_000_000


def test_receivers_have_their_share_of_the_limit() -> None:
    without, beside = (fitted(load({}, {}), 2 * GIB, receivers=number).settings for number in (0, 4))
    assert without.bytes_in_total - beside.bytes_in_total > 4 * RECEIVER_BYTES / OVERHEAD / 2
    spans = int(OVERHEAD * beside.bytes_in_total)
    assert spans + beside.max_waiting_bytes + beside.snapshot_bytes + 4 * RECEIVER_BYTES <= 2 * GIB * EASY


def test_what_is_set_stays() -> None:
    given = load({"bytes_per_project": 7, "max_waiting_bytes": 8 * MIB}, {})
    found = fitted(given, 512 * MIB)
    assert (found.settings.bytes_per_project, found.settings.max_waiting_bytes) == (7, 8 * MIB)
    assert found.origin["bytes_per_project"] == given.origin["bytes_per_project"]
    assert found.origin["bytes_in_total"] == "default for 512 MiB of memory"


def test_what_a_start_made_is_no_work_for_the_collector() -> None:
    gc.disable()
    try:
        keep_for_good()
        assert gc.isenabled()
        assert gc.get_freeze_count() > 1000
    finally:
        gc.unfreeze()


class Spans:
    """What a guard takes memory from."""

    def __init__(self, taken: int) -> None:
        self.taken = taken
        self.asked: list[int] = []
        self.released = 0

    def release(self) -> None:
        self.released += 1

    def shrink(self, size_bytes: int) -> None:
        self.asked.append(size_bytes)
        self.taken -= size_bytes


def test_pages_of_libraries_go_and_come_back_when_they_are_needed() -> None:
    batch = bookinfo.batch()
    spans = batch.spans()
    before = resident_bytes()
    forget_start()
    assert resident_bytes() < before - 10 * MIB
    assert batch.take(np.arange(len(batch))).compact().spans() == spans


def test_only_mappings_without_pages_of_their_own_go() -> None:
    kinds = (("r-xp", "/lib/libarrow.so.2600", 0), ("r--p", "/lib/_rust.abi3.so", 0))
    others = (
        *(("r--p", "/lib/libc.so.6", 16), ("rw-p", "/lib/libc.so.6", 0), ("rw-p", "", 512)),
        *(("r--s", "/data/1.arrow", 0), ("r-xp", "[vdso]", 0), ("r--p", "/data/1.arrow", 0)),
    )
    smaps = "".join(
        f"{at:x}000-{at + 2:x}000 {perms} 00000000 08:01 7 {name}\nSize: 8 kB\nAnonymous: {anonymous:8} kB\nVmFlags: rd\n"
        for at, (perms, name, anonymous) in zip(range(0xA0, 0x100, 2), (*kinds, *others), strict=False)
    )
    assert [*memory._untouched(smaps)] == [(0xA0000, 0x2000), (0xA2000, 0x2000)]


def test_near_the_limit_reports_are_refused_until_spans_have_gone() -> None:
    spans = Spans(900)
    guard = MemoryGuard(1000, spans, resident=lambda: spans.taken, failed=print)
    assert not guard.problem
    assert "memory is short: 0 of 0 MiB" in guard.refuses(10)
    assert guard.problem
    guard.relieve()
    assert spans.asked == [900 - int(1000 * EASY)]
    assert spans.released == 1
    assert not guard.problem
    assert guard.refuses(int(1000 * TIGHT - spans.taken) // 8 - 1) == ""


def test_with_room_nothing_is_done() -> None:
    spans = Spans(500)
    guard = MemoryGuard(1000, spans, resident=lambda: spans.taken, failed=print)
    guard.relieve()
    assert (spans.asked, spans.released, guard.refuses(10)) == ([], 0, "")


def test_a_process_that_grew_gives_back_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    spans, now, given = Spans(100 * MIB), 1000.0, 0

    def give_back() -> None:
        nonlocal now, given
        now, given, spans.taken = now + 0.05, given + 1, 90 * MIB

    monkeypatch.setattr(memory, "give_back", give_back)
    monkeypatch.setattr(memory, "time", SimpleNamespace(monotonic=lambda: now))
    guard = MemoryGuard(10_000 * MIB, spans, resident=lambda: spans.taken, failed=print)
    guard.tidy()
    now += 1000
    guard.tidy()
    assert given == 1  # it has not grown
    spans.taken = 95 * MIB
    guard.tidy()
    assert given == 2
    spans.taken = 99 * MIB
    now += 40  # it took 50 ms, and may take a thousandth
    guard.tidy()
    assert given == 2
    now += 10
    guard.tidy()
    assert given == 3


# A process under a limit

LIMIT = 512 * MIB


@pytest.fixture
def limited() -> Iterator[list[str]]:
    """A command that runs another in a cgroup of LIMIT; without the right to make one, just the command."""
    version1 = Path("/sys/fs/cgroup/memory")
    folder = (version1 if version1.is_dir() else Path("/sys/fs/cgroup")) / f"satellite-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError:
        yield []
        return
    try:
        names = ("memory.limit_in_bytes",) if version1.is_dir() else ("memory.max",)
        for name in names:
            (folder / name).write_text(str(LIMIT))
        yield ["sh", "-c", f'echo $$ > {folder}/cgroup.procs && exec "$@"', "sh"]
    finally:
        folder.rmdir()


TAG = 900
"""Characters of a tag."""


def body(sender: int, number: int) -> bytes:
    """100 spans in Zipkin's JSON, a megabyte, each with tags that no other has."""
    noise = os.urandom(100 * 10 * TAG // 2).hex()
    values = [noise[at : at + TAG] for at in range(0, len(noise), TAG)]
    spans = (
        {
            "traceId": f"{sender + 1:08x}{number:08x}",
            "id": f"{i + 1:016x}",
            "name": f"o{number}-{i}",
            "timestamp": 1_700_000_000_000_000,
            "duration": i + 1,
            "localEndpoint": {"serviceName": f"s{number % 50}"},
            "tags": {f"k{t}": values[10 * i + t] for t in range(10)},
        }
        for i in range(100)
    )
    return json.dumps(list(spans)).encode()


@pytest.mark.thorough
@pytest.mark.parametrize("durable", [False, True])
def test_three_times_the_limit_and_it_lives(tmp_path: Path, limited: list[str], durable: bool) -> None:
    given: dict[str, Any] = {"data_dir": tmp_path / "data"} if durable else {}
    with Process(wrapper=limited, memory_limit_bytes=LIMIT, **given) as satellite:

        def send(sender: int) -> tuple[int, int, int]:
            taken = refused = size = 0
            with httpx.Client(timeout=60) as client:
                while size < 3 * LIMIT // 4:
                    report = body(sender, taken + refused)
                    size += len(report)
                    answer = client.post(f"{satellite.url('http_plain_port')}/api/v2/spans", content=report)
                    taken += answer.is_success
                    refused += answer.status_code in {429, 503}
                    assert answer.is_success or answer.status_code in {429, 503}, answer.text
            return taken, refused, size

        with ThreadPoolExecutor(4) as pool:
            totals = list(pool.map(send, range(4)))
        assert satellite.process.poll() is None
        assert sum(taken for taken, _, _ in totals) > 0
        assert resident_of(satellite.process.pid, "VmHWM") < LIMIT
        (project,) = httpx.get(f"{satellite.url('explorer_port')}/api/v1/projects").json()["projects"]
        ledger = project["ledger"]
        assert ledger["received"] == ledger["stored"] + sum(ledger["dropped"].values()) + ledger["evicted"]
        assert ledger["received"] == 100 * sum(taken for taken, _, _ in totals)


def test_a_look_that_fails_is_told_and_the_next_one_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, Exception]] = []
    looks = 0
    again = threading.Event()

    def resident() -> int:
        nonlocal looks
        looks += 1
        if looks == 2:  # the first is of the start
            raise ValueError("no such figure")
        if looks > 2:
            again.set()
        return 0

    monkeypatch.setattr(memory, "PAUSE_SECONDS", 0)
    guard = MemoryGuard(
        1000, Spans(0), resident=resident, failed=lambda what, error: told.append((what, error))
    )
    guard.start()
    assert again.wait(60)
    guard.close()
    assert [(what, str(error)) for what, error in told] == [("relieving", "no such figure")]
