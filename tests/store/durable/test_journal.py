"""The journal: what was appended comes back, whatever happened to the process, the disk or the bytes."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from satellite.store.durable.files import Damage
from satellite.store.durable.journal import Journal


def records(
    folder: Path, damage: list[Damage] | None = None, *, repair: bool = True
) -> list[tuple[int, bytes]]:
    found: list[Damage] = []
    read = [(one.number, bytes(one.payload)) for one in Journal(folder).replay(found, repair=repair)]
    if damage is None:
        assert not found
    else:
        damage += found
    return read


def test_records_come_back_in_order(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert journal.append(([b"one"], "")) == 1
    assert journal.append(([b"t", b"w", b"", b"o"], ""), ([b"three"], "")) == 2
    assert journal.append(([], "")) == 4
    journal.close()
    assert records(tmp_path) == [(1, b"one"), (2, b"two"), (3, b"three"), (4, b"")]


def test_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(([b"one"], ""))
    again = Journal(tmp_path)
    assert [one.number for one in again.replay([])] == [1]
    assert again.append(([b"two"], "")) == 2
    assert records(tmp_path) == [(1, b"one"), (2, b"two")]


def test_numbers_go_on_when_all_was_cut(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert list(journal.replay([])) == []
    journal.start_after(41)
    assert journal.append(([b"x"], "")) == 42


def test_files_follow_each_other(tmp_path: Path) -> None:
    journal = Journal(tmp_path, file_bytes=100)
    for i in range(10):
        journal.append(([b"%d" % i * 40], ""))
    assert len(journal.paths()) > 2
    assert [number for number, _ in records(tmp_path)] == list(range(1, 11))


def test_writers_that_wait_share_a_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path)
    journal.append(([b"first"], ""))
    entered, release = threading.Event(), threading.Event()
    syncs: list[int] = []

    def slow(descriptor: int) -> None:
        syncs.append(descriptor)
        entered.set()
        release.wait(10)

    monkeypatch.setattr(os, "fdatasync", slow)
    numbers: list[int] = []
    threads = [
        threading.Thread(target=lambda: numbers.append(journal.append(([b"x"], "")))) for _ in range(8)
    ]
    threads[0].start()
    assert entered.wait(10)
    for thread in threads[1:]:
        thread.start()
    while len(journal._waiting.records) < 7:  # all others have come
        pass
    release.set()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(2, 10))
    assert len(syncs) == 2


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
@pytest.mark.parametrize("truncates", [True, False])
def test_a_refused_record_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, truncates: bool
) -> None:
    journal = Journal(tmp_path)
    journal.append(([b"one"], ""))

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", fail)
        if not truncates:
            broken.setattr(os, "ftruncate", fail)
        with pytest.raises(OSError, match=os.strerror(number)):
            journal.append(([b"refused"], ""))
        assert journal.problem == os.strerror(number)
        journal.probe()
        assert journal.problem
    assert journal.append(([b"two"], "")) == 2
    assert journal.problem  # less than what was refused
    journal.probe()
    assert not journal.problem
    assert [entry for entry in records(tmp_path) if entry[1]] == [(1, b"one"), (2, b"two")]


def test_a_nearly_full_disk_is_full_until_it_has_room_for_what_it_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path)
    journal.append(([b"one"], ""))
    room, writes = 1000, os.writev

    def write(descriptor: int, buffers: list[memoryview]) -> int:
        if sum(map(len, buffers)) > room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return writes(descriptor, buffers)

    monkeypatch.setattr(os, "writev", write)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=room))
    with pytest.raises(OSError, match="No space left"):
        journal.append(([bytes(5000)], ""))
    for _ in range(3):
        journal.append(([b"small"], ""))
        journal.probe()
        assert journal.problem
    room = 10_000
    journal.probe()
    assert not journal.problem


def test_a_torn_end_is_cut_and_told(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(([b"one"], ""))
    whole = journal.paths()[0].stat().st_size
    journal.append(([b"two"], ""))
    size = journal.paths()[0].stat().st_size
    for cut in range(whole, size):
        path = journal.paths()[0]
        kept = path.read_bytes()
        os.truncate(path, cut)
        damage: list[Damage] = []
        assert records(tmp_path, damage) == [(1, b"one")]
        assert [one.torn for one in damage] == ([True] if cut > whole else [])
        assert path.stat().st_size == whole
        path.write_bytes(kept)


def test_a_file_that_was_only_begun(tmp_path: Path) -> None:
    Journal(tmp_path).append(([b"one"], ""))
    (tmp_path / f"{2:020d}.journal").write_bytes(b"SATJ")
    assert records(tmp_path) == [(1, b"one")]
    assert Journal(tmp_path).paths() == [tmp_path / f"{1:020d}.journal"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_record_costs_itself(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("journal")
    journal = Journal(folder)
    payloads = [bytes([65 + i]) * (i * 7 % 50) for i in range(12)]
    journal.append(*(([payload], "") for payload in payloads))
    path = journal.paths()[0]
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    damage: list[Damage] = []
    read = records(folder, damage)
    assert damage
    assert len(read) >= len(payloads) - 1
    assert all(payloads[number - 1] == payload for number, payload in read)
