"""The journal: what was accepted, in order, in files that are written at their end and removed from the front.

A record is there whole or not at all. Writers that come while a group is on its way to the disk form the next group:
one `fdatasync` for all of them, and nobody waits longer than two of those take.
"""

from __future__ import annotations

import os
import struct
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from satellite.store.durable.files import Damage, Refusal, sync_folder

VERSION = 1
FILE_BYTES = 64 * 2**20
"""A file that has reached this is followed by the next (ours)."""

SUFFIX = ".journal"

_FILE = struct.Struct("<8sII")  # magic, version, checksum of both
_FILE_MAGIC = b"SATJRNL\n"
_RECORD = struct.Struct("<4sIIQ")  # magic, checksum of what follows, bytes of payload, number
_MAGIC = b"\xf5REC"

_TORN = "was being written when the process or the machine stopped"


@dataclass(slots=True)
class _Group:
    """Records that go to the disk together."""

    records: list[tuple[Sequence[Any], Any]] = field(default_factory=list)
    first: int = 0
    done: bool = False
    failure: OSError | None = None

    @property
    def nbytes(self) -> int:
        """Of all payloads."""
        return sum(memoryview(part).nbytes for payload, _ in self.records for part in payload)


@dataclass(frozen=True, slots=True)
class Entry:
    """A record that was read back."""

    number: int
    payload: memoryview
    path: Path

    @property
    def file(self) -> int:
        """The first number of the file it is in."""
        return _number_of(self.path)


class Journal:
    """Open for appending once all of `replay` has been gone through."""

    def __init__(
        self,
        folder: Path,
        *,
        file_bytes: int = FILE_BYTES,
        written: Callable[[int, int, Any], None] = lambda *_: None,
    ) -> None:
        """A journal in this folder, which exists.

        Args:
            folder: where its files are.
            file_bytes: a file that has reached this is followed by the next.
            written: told of each record that is on disk: first number of its file, its number, its tag.
        """
        self._folder = folder
        self._told = written
        self._file_bytes = file_bytes
        self._turn = threading.Condition()
        self._waiting = _Group()
        self._writing = False
        self._next = 1
        self._descriptor = -1
        self._file = 0
        self._written = 0
        self._refusal = Refusal()

    # Reading back

    def paths(self) -> list[Path]:
        """Its files, oldest first; the name of each is the number of its first record."""
        return sorted(self._folder.glob(f"*{SUFFIX}"))

    def files(self) -> list[int]:
        """The first number of each file, ascending."""
        return [_number_of(path) for path in self.paths()]

    def nbytes(self) -> int:
        """Bytes of all files."""
        return sum(path.stat().st_size for path in self.paths())

    def remove(self, file: int) -> None:
        """Forget the oldest file, given by its first number."""
        (self._folder / f"{file:020d}{SUFFIX}").unlink()

    def replay(self, damage: list[Damage], *, repair: bool = True) -> Iterator[Entry]:
        """Every record, in order. What cannot be read is told in `damage`, a torn end is cut off (`repair`)."""
        paths = self.paths()
        for path, end in zip(paths, [*map(_number_of, paths[1:]), None], strict=False):
            for entry in _read(path, damage, end, repair=repair):
                if end is not None and entry.number >= end:
                    break  # it was refused: the file was given up, and its number went to another record
                self._next = max(self._next, entry.number + 1)
                yield entry
        if paths:
            self._next = max(self._next, _number_of(paths[-1]))

    def start_after(self, number: int) -> None:
        """Numbers go on after this one, if the journal has not seen it."""
        self._next = max(self._next, number + 1)

    # Writing

    @property
    def problem(self) -> str:
        """Why a group could not be written; "" when one of its size could."""
        return self._refusal.reason

    @property
    def last(self) -> int:
        """The number of the last record."""
        return self._next - 1

    def append(self, *records: tuple[Sequence[Any], Any]) -> int:
        """Write records; the first one's number, once all are on disk.

        Each is given as (buffers that follow each other, a tag for `written`).

        Raises:
            OSError: nothing of these records is in the journal.
        """
        with self._turn:
            group = self._waiting
            place = len(group.records)
            group.records += records
            self._turn.wait_for(lambda: group.done or not self._writing)
            if not group.done:  # ours is the turn, for all that wait
                self._writing, self._waiting = True, _Group()
        if not group.done:
            try:
                group.first = self._next
                self._write(group)
                self._next += len(group.records)
                self._refusal.worked(group.nbytes)
            except OSError as failure:
                group.failure = failure
                self._refusal.failed(failure, group.nbytes)
            finally:
                with self._turn:
                    group.done, self._writing = True, False
                    self._turn.notify_all()
        if group.failure is not None:
            raise OSError(group.failure.errno, group.failure.strerror) from group.failure
        return group.first + place

    def probe(self) -> None:
        """Find out whether a disk that failed takes records again; `problem` then says."""
        if self._refusal.stands(self._folder):
            return
        try:
            self.append(([], None))
        except OSError:
            return
        self._refusal = Refusal()

    def _write(self, group: _Group) -> None:
        if self._descriptor < 0 or self._written >= self._file_bytes:
            self._open_next()
        buffers: list[Any] = []
        for number, (payload, _) in enumerate(group.records, group.first):
            size = sum(memoryview(part).nbytes for part in payload)
            summed = zlib.crc32(struct.pack("<IQ", size, number))
            for part in payload:
                summed = zlib.crc32(part, summed)
            buffers += [_RECORD.pack(_MAGIC, summed, size, number), *payload]
        try:
            written = write_all(self._descriptor, buffers)
            os.fdatasync(self._descriptor)
        except OSError:
            self._give_up()
            raise
        self._written += written
        for number, (_, tag) in enumerate(group.records, group.first):
            self._told(self._file, number, tag)

    def _open_next(self) -> None:
        self._close()
        path = self._folder / f"{self._next:020d}{SUFFIX}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        head = _FILE_MAGIC + struct.pack("<I", VERSION)
        try:
            self._written = write_all(descriptor, [head, struct.pack("<I", zlib.crc32(head))])
            os.fsync(descriptor)
            sync_folder(self._folder)
        except OSError:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise
        self._descriptor, self._file = descriptor, self._next

    def _give_up(self) -> None:
        """After a failure: cut off what may be there of the group. A file whose state is unknown gets no more."""
        try:
            os.ftruncate(self._descriptor, self._written)
            os.fdatasync(self._descriptor)
        except OSError:
            self._close()

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def roll(self) -> None:
        """The next record goes into a new file."""
        with self._turn:
            self._turn.wait_for(lambda: not self._writing)
            self._close()

    def close(self) -> None:
        """Nothing is lost by leaving this out."""
        self.roll()


def _number_of(path: Path) -> int:
    return int(path.name.removesuffix(SUFFIX))


def write_all(descriptor: int, buffers: Sequence[Any]) -> int:
    """Write every byte of the buffers; how many."""
    left = [memoryview(buffer).cast("B") for buffer in buffers if memoryview(buffer).nbytes]
    total = sum(len(buffer) for buffer in left)
    at = 0
    while at < len(left):
        written = os.writev(descriptor, left[at : at + 512])
        while at < len(left) and written >= len(left[at]):
            written -= len(left[at])
            at += 1
        if written:
            left[at] = left[at][written:]
    return total


def _read(path: Path, damage: list[Damage], end: int | None, *, repair: bool) -> Iterator[Entry]:
    """The records of one file; `end`: the number that the next file begins with, None when this is the last."""
    last, expected = end is None, _number_of(path)
    data = memoryview(path.read_bytes())
    head = bytes(data[: _FILE.size])
    if len(head) < _FILE.size or head != _head():
        if not last or len(data) > _FILE.size:
            damage.append(Damage(path, f"{len(data):,} bytes", "it does not begin as a journal does"))
            at = _next_record(data, 0)
        elif repair:
            path.unlink()
            return
        else:
            return
    else:
        at = _FILE.size
    while at < len(data):
        entry = _record_at(data, at, path)
        if entry is not None:
            yield entry
            at += _RECORD.size + len(entry.payload)
            expected = entry.number + 1
            continue
        if expected == end:
            return  # what follows was refused, and this file given up
        following = _next_record(data, at + 1)
        if following == len(data) and last:
            damage.append(Damage(path, f"the last {len(data) - at:,} bytes", _TORN, torn=True))
            if repair:
                os.truncate(path, at)
            return
        damage.append(Damage(path, f"{following - at:,} bytes at {at:,}", "the checksum is wrong"))
        at = following


def _head() -> bytes:
    start = _FILE_MAGIC + struct.pack("<I", VERSION)
    return start + struct.pack("<I", zlib.crc32(start))


def _record_at(data: memoryview, at: int, path: Path) -> Entry | None:
    if at + _RECORD.size > len(data):
        return None
    magic, summed, size, number = _RECORD.unpack_from(data, at)
    end = at + _RECORD.size + size
    if magic != _MAGIC or end > len(data) or zlib.crc32(data[at + 8 : end]) != summed:
        return None
    return Entry(number, data[at + _RECORD.size : end], path)


def _next_record(data: memoryview, at: int) -> int:
    """Where the next whole record begins; the end when there is none."""
    whole = bytes(data)
    while (at := whole.find(_MAGIC, at)) >= 0:
        if _record_at(data, at, Path()) is not None:
            return at
        at += 1
    return len(data)
