"""Manifest, directory and state: whole or not at all, one satellite's, and no newer than this one."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from satellite.errors import StoreFailed
from satellite.settings import Settings
from satellite.storage import open_recall
from satellite.store.durable import directory, manifest
from satellite.store.durable.directory import BadDataDirectory, Directory
from satellite.store.durable.manifest import FileEntry, Manifest, ProjectEntry, Unreadable
from satellite.store.durable.state import State

MANIFEST = Manifest(
    serial=7,
    number=9,
    projects={
        "p": ProjectEntry(1, 9, 100, 50, 120, {"duplicate": 20}, [FileEntry("a", 50, 1, 1, 50, 3, 4, [7])])
    },
)


def test_a_manifest_comes_back(tmp_path: Path) -> None:
    assert manifest.read(tmp_path) is None
    manifest.write(tmp_path, Manifest())
    manifest.write(tmp_path, MANIFEST)
    assert manifest.read(tmp_path) == MANIFEST


def test_a_damaged_manifest_is_seen(tmp_path: Path) -> None:
    manifest.write(tmp_path, MANIFEST)
    path = tmp_path / manifest.NAME
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(Unreadable):
            manifest.read(tmp_path)


def test_a_manifest_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest.write(tmp_path, MANIFEST)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            manifest.write(tmp_path, Manifest())
    assert manifest.read(tmp_path) == MANIFEST
    assert [path.name for path in tmp_path.iterdir()] == [manifest.NAME]


def test_a_second_satellite_is_refused(tmp_path: Path) -> None:
    message = f"in use by another satellite .process {os.getpid()}."
    with closing(Directory(tmp_path)), pytest.raises(BadDataDirectory, match=message):
        Directory(tmp_path)
    Directory(tmp_path).close()


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    Directory(tmp_path).close()
    (tmp_path / "format").write_text(f"{directory.FORMAT + 1}\n")
    with pytest.raises(
        BadDataDirectory, match=f"has format {directory.FORMAT + 1}; this satellite knows up to"
    ):
        Directory(tmp_path)


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadDataDirectory, match="cannot be written: Not a directory"):
        Directory(tmp_path / "file" / "data")


def test_what_is_set_aside_keeps_its_name(tmp_path: Path) -> None:
    with closing(Directory(tmp_path)) as home:
        for content in ("first", "second"):
            (home.spans / "p").mkdir(exist_ok=True)
            file = home.spans / "p" / "1-2.spans"
            file.write_text(content)
            home.set_aside(file)
        assert sorted(path.name for path in home.damaged.iterdir()) == ["p-1-2.spans", "p-1-2.spans.1"]


@pytest.mark.parametrize("in_file", [True, False])
def test_state_by_kind_project_and_name(tmp_path: Path, in_file: bool) -> None:
    with closing(State(tmp_path / "state.sqlite" if in_file else None)) as state:
        state.write("stream", "p", {"b": b"2", "a": b"1"})
        state.write("stream", "p", {"b": b"3"})
        state.write("stream", "q", {"a": b"\x00"})
        state.write("fault", "p", {"a": b""})
        assert state.read("stream", "p") == {"a": b"1", "b": b"3"}
        assert state.read("fault", "p") == {"a": b""}
        assert state.read("stream") == {}
        assert state.projects("stream") == ["p", "q"]
        state.remove("stream", "p", "a")
        state.remove("stream", "p", "nothing")
        assert state.read("stream", "p") == {"b": b"3"}
        state.drop("p")
        assert (state.read("stream", "p"), state.read("fault", "p")) == ({}, {})
        assert state.projects("stream") == ["q"]


def test_state_outlives_the_process(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    with closing(State(path)) as killed:
        killed.write("stream", "p", {"a": b"1"})
        with closing(State(path)) as state:
            assert state.read("stream", "p") == {"a": b"1"}


def test_state_that_is_damaged_is_left_out_and_told(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    with closing(State(path)) as state:
        state.write("stream", "p", {"a": b"1", "b": b"2"})
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE state SET value = x'ff' WHERE name = 'a'")
    with closing(State(path)) as state:
        assert state.read("stream", "p") == {"b": b"2"}
        assert [str(one) for one in state.damage] == [
            "state.sqlite: stream 'a' of project p: the checksum is wrong"
        ]


def test_state_of_a_newer_satellite_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    State(path).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(BadDataDirectory, match="has format 99"):
        State(path)


def test_state_that_the_disk_does_not_take_is_no_damage(tmp_path: Path) -> None:
    mine = Directory(tmp_path / "data")
    with closing(State(mine.state)) as state:
        state.write("stream", "p", {"a": b"1"})
    mine.close()
    beside = mine.state.with_name("state.sqlite-wal")
    beside.mkdir()  # as little to be opened as on a full disk
    with pytest.raises(BadDataDirectory, match="cannot be opened"):
        open_recall(Settings(data_dir=mine.path), time.monotonic)
    beside.rmdir()
    assert not any(mine.damaged.iterdir())
    with closing(State(mine.state)) as state:
        assert state.read("stream", "p") == {"a": b"1"}


def test_state_that_cannot_be_written(tmp_path: Path) -> None:
    with closing(State(tmp_path / "state.sqlite")) as state:
        state.write("stream", "p", {"a": b"1"})
        state._connection.execute("PRAGMA query_only = 1")
        with pytest.raises(StoreFailed, match="does not take this now"):
            state.write("stream", "p", {"a": b"2"})
        assert state.read("stream", "p") == {"a": b"1"}


def test_what_is_written_soon_is_there_after_a_close(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    with closing(State(path)) as state:
        state.write("stream", "p", {"gone": b"1"})
        state.write_soon("stream", "p", {"a": b"1", "b": b"1"})
        state.write_soon("stream", "p", {"a": b"2"})
        state.remove_soon("stream", "p", "gone")
        state.write_soon("fault", "q", {"a": b"1"})
        assert state.read("stream", "p") == {"a": b"2", "b": b"1"}
        assert state.projects("fault") == ["q"]
        state.remove_soon("fault", "q", "a")
        assert state.projects("fault") == []
    with closing(State(path)) as state:
        assert state.read("stream", "p") == {"a": b"2", "b": b"1"}


def test_what_is_written_at_once_is_the_last_word(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    with closing(State(path)) as state:
        with state._lock:  # as while the disk is slow
            state.write_soon("stream", "p", {"a": b"1"})
            state.write_soon("stream", "q", {"a": b"1"})
        state.write("stream", "p", {"a": b"2"})
        state.drop("q")
    with closing(State(path)) as state:
        assert state.read("stream", "p") == {"a": b"2"}
        assert state.projects("stream") == ["p"]


def test_what_is_written_soon_waits_for_a_disk_that_does_not_take_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("satellite.store.durable.state.RETRY_SECONDS", 0.001)
    path = tmp_path / "state.sqlite"
    with closing(State(path)) as state:
        state._connection.execute("PRAGMA query_only = 1")
        state.write_soon("stream", "p", {"a": b"1"})
        with pytest.raises(StoreFailed):
            state.write("stream", "p", {"b": b"1"})
        state._connection.execute("PRAGMA query_only = 0")
    with closing(State(path)) as state:
        assert state.read("stream", "p") == {"a": b"1"}


def test_a_state_that_cannot_be_saved_says_so_at_its_end(tmp_path: Path) -> None:
    state = State(tmp_path / "state.sqlite")
    state._connection.execute("PRAGMA query_only = 1")
    state.write_soon("stream", "p", {"a": b"1"})
    with pytest.raises(StoreFailed, match="does not take this now"):
        state.close()
