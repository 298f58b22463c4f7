"""A segment as a file: mapped, not read, and each part of it checked when a question first needs it.

    magic, version, length and checksum of the head │ head, MessagePack │ an Arrow IPC file

The Arrow file holds one record batch of one row (see model/span_bytes.py): the rows, their dictionaries and, when the
segment is sealed, its postings and prepared columns. The head says what is in it and has a checksum for each part; of
the largest, of which a question wants little, one for each piece as well.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from satellite.errors import StoreFailed
from satellite.model.codes import picked
from satellite.model.span_bytes import ROWS, array_of, checksum, pack, rows_of
from satellite.model.spans import SCHEMA, SpanBatch
from satellite.store.durable.files import write_whole
from satellite.store.recall import read_ahead
from satellite.store.recall.fingerprints import Prints
from satellite.store.recall.segment import Segment
from satellite.store.recall.tag_index import PostingIndex, ScanIndex

VERSION = 1
SUFFIX = ".spans"

_START = struct.Struct("<8sIII")  # magic, version, bytes of the head, its checksum
_MAGIC = b"SATSPAN\n"
_ALIGNMENT = 64

STEPS = "steps"

_RUNS_MAX = 64
"""Of more runs of neighbouring tags everything between the first and the last is looked at (ours)."""

IN_PIECES = ("tags", "posting_rows", "posting_offsets", "tag_prints")
PIECE_BYTES = 2**16


class DamagedFile(StoreFailed):
    """A file of spans that cannot be trusted; who asks again is answered without it."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path.name}: {reason}", hint="ask again")
        self.path = path
        self.reason = reason


class NewerFile(Exception):
    """A file of spans that a newer satellite wrote."""


class Head(msgspec.Struct, omit_defaults=True):
    """What is in the file."""

    project: str
    born: int
    """The journal's record that the project began with."""
    serial: int
    """Of two files with the same rows the one with the higher serial is in force."""
    rows: int
    first_mark: int
    last_mark: int
    oldest_arrived_ns: int
    newest_arrived_ns: int
    start_bounds_ns: tuple[int, int]
    meta_events: bool
    """Whether any row is one."""
    sealed: bool
    body: tuple[int, int]
    """Offset and bytes of the Arrow file."""
    frame: tuple[int, int, int] = (0, 0, 0)
    """Of the Arrow file: bytes before its buffers, bytes after them, checksum of both."""
    sums: dict[str, int] = {}
    """Checksum of each part."""
    pieces: dict[str, list[list[int]]] = {}
    """Of each buffer of a part that is IN_PIECES the checksum of every `piece_bytes`."""
    piece_bytes: int = 0
    keys: list[str] = []
    """Tag keys, in the order of their tags."""
    repeated: list[str] = []
    dead: list[int] = []
    """Rows that were dead when it was written; later ones are in the manifest."""


def write(path: Path, project: str, born: int, serial: int, segment: Segment) -> int:
    """Make the file of a segment; its size. Raises OSError; there is no file then."""
    packed = pack(segment.batch, segment.stored_arrays())
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, packed.schema) as file:
        file.write_batch(packed)
    body = sink.getvalue()
    written = _read_body(body)
    index = segment.index
    head = Head(
        project=project,
        born=born,
        serial=serial,
        rows=len(segment),
        first_mark=segment.first_mark,
        last_mark=segment.last_mark,
        oldest_arrived_ns=segment.oldest_arrived_ns,
        newest_arrived_ns=segment.newest_arrived_ns,
        start_bounds_ns=segment.start_bounds_ns,
        meta_events=segment.meta_events is not None,
        sealed=segment.sealed,
        body=(0, body.size),
        frame=_frame(body, written),
        sums={name: checksum(part) for name, part in _parts(written).items()},
        pieces={
            name: _piece_sums(array_of(written, name)) for name in IN_PIECES if name in written.schema.names
        },
        piece_bytes=PIECE_BYTES,
        keys=index.keys() if segment.sealed else [],
        repeated=sorted(index.repeated) if segment.sealed else [],
        dead=segment.dead.tolist(),
    )
    # The head's length depends on the offset in it, in MessagePack by a few bytes: so it is given room.
    room = _START.size + len(msgspec.msgpack.encode(head)) + 16
    head.body = (-(-room // _ALIGNMENT) * _ALIGNMENT, body.size)
    encoded = msgspec.msgpack.encode(head)
    start = _START.pack(_MAGIC, VERSION, len(encoded), zlib.crc32(encoded))
    padding = bytes(head.body[0] - len(start) - len(encoded))
    return write_whole(path, [start, encoded, padding, body])


def _read_body(body: pa.Buffer) -> pa.RecordBatch:
    return pa.ipc.open_file(body).get_batch(0)


def _parts(packed: pa.RecordBatch) -> dict[str, pa.Array]:
    """Every array that has a checksum, by name; columns of the rows by theirs."""
    rows = array_of(packed, ROWS)
    parts = {f"{ROWS}.{field.name}": rows.field(i) for i, field in enumerate(rows.type)}
    return parts | {name: array_of(packed, name) for name in packed.schema.names if name != ROWS}


def _piece_sums(part: pa.Array) -> list[list[int]]:
    return [
        [zlib.crc32(buffer[at : at + PIECE_BYTES]) for at in range(0, buffer.size, PIECE_BYTES)]
        for buffer in part.buffers()
        if buffer is not None
    ]


def _frame(body: pa.Buffer, packed: pa.RecordBatch) -> tuple[int, int, int]:
    buffers = [
        one for part in _parts(packed).values() for one in part.buffers() if one is not None and one.size
    ]
    before = min((one.address for one in buffers), default=body.address) - body.address
    after = body.address + body.size - max((one.address + one.size for one in buffers), default=body.address)
    return before, after, _frame_sum(body, before, after)


def _frame_sum(body: pa.Buffer, before: int, after: int) -> int:
    return zlib.crc32(body.slice(body.size - after), zlib.crc32(body.slice(0, before)))


def read_head(path: Path) -> Head:
    """What a file says of itself.

    Raises:
        DamagedFile: nothing can be said.
        NewerFile: it is of a newer satellite.
    """
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            start = file.read(_START.size)
            if len(start) < _START.size:
                raise DamagedFile(path, "it is cut off")
            magic, version, length, summed = _START.unpack(start)
            if magic != _MAGIC:
                raise DamagedFile(path, "it does not begin as a file of spans does")
            if version > VERSION:
                raise NewerFile(f"{path} has format {version}; this satellite knows up to {VERSION}")
            encoded = file.read(length) if length <= size else b""
    except OSError as error:
        raise DamagedFile(path, error.strerror or str(error)) from error
    if len(encoded) < length or zlib.crc32(encoded) != summed:
        raise DamagedFile(path, "the checksum of its head is wrong")
    head = msgspec.msgpack.decode(encoded, type=Head)
    if size != sum(head.body):
        raise DamagedFile(path, f"it has {size:,} bytes instead of {sum(head.body):,}")
    return head


class SegmentFile:
    """A mapped file. Every part it hands out has been checked."""

    def __init__(self, path: Path) -> None:
        """Map it.

        Raises:
            DamagedFile: as a whole; a part that is damaged raises it when it is asked for.
            NewerFile: it is of a newer satellite.
        """
        self.path = path
        self.head = read_head(path)
        try:
            with path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise DamagedFile(path, str(error)) from error
        self.nbytes = len(self._map)
        # What is read beside a part would push others out where memory is short; each part is fetched as one.
        self._map.madvise(mmap.MADV_RANDOM)
        self.touched = False
        """Whether a part was asked for since `release`."""
        whole = pa.py_buffer(self._map)
        self._address = whole.address
        body = whole.slice(*self.head.body)
        before, after, summed = self.head.frame
        if before + after > body.size or _frame_sum(body, before, after) != summed:
            raise DamagedFile(path, "the checksum of its frame is wrong")
        try:
            self._packed = _read_body(body)
        except (pa.ArrowException, OSError) as error:
            raise DamagedFile(path, str(error)) from error
        self._known = set(self._packed.schema.names)
        rows = array_of(self._packed, ROWS)
        self._columns = {field.name: i for i, field in enumerate(rows.type)}
        self._checked: set[str] = set()
        self._read: set[str | tuple[str, int, int]] = set()
        """Parts, and pieces of parts, that were fetched since `release`."""

    def has(self, name: str) -> bool:
        """Whether it holds this array beside the spans."""
        return name in self._known

    def size(self, name: str) -> int:
        """How many entries an array beside the spans has."""
        return len(array_of(self._packed, name))

    def array(self, name: str) -> pa.Array:
        """A dictionary, or an array beside the spans. Raises DamagedFile."""
        array = array_of(self._packed, name)
        self._check(name, array)
        return array

    def some(self, name: str, first: int, last: int) -> pa.Array:
        """The same, of which only the entries first … last may be looked at. Raises DamagedFile."""
        sums = self.head.pieces.get(name)
        if sums is None:  # an older file
            return self.array(name)
        self.touched = True
        first, last = int(first), int(last)  # of numpy they are too small for addresses
        array = array_of(self._packed, name)
        buffers = array.buffers()
        if pa.types.is_binary(array.type):
            begins = np.frombuffer(buffers[1], np.int32)
            self._check_pieces(name, buffers[1], 0, 4 * first, 4 * (last + 1))
            self._check_pieces(name, buffers[2], 1, int(begins[first]), int(begins[last]))
        else:
            width = array.type.bit_width // 8
            self._check_pieces(name, buffers[1], 0, width * first, width * last)
        return array

    def _check_pieces(self, name: str, buffer: pa.Buffer, number: int, start: int, stop: int) -> None:
        """The pieces that hold these bytes of the buffer, whose checksums are the `number`-th of the part."""
        size, sums = self.head.piece_bytes, self.head.pieces[name][number]
        numbers = range(start // size, -(-stop // size))
        self._fetch_pieces(name, number, numbers)
        self._tell_ahead(
            (name, number, numbers.start), lambda other: other._fetch_pieces(name, number, numbers)
        )
        for piece_number in numbers:
            piece = buffer[piece_number * size : (piece_number + 1) * size]
            if self._checked.isdisjoint((name, key := f"{name}@{piece.address}")):
                if zlib.crc32(piece) != sums[piece_number]:
                    raise DamagedFile(self.path, f"the checksum of {name} is wrong")
                self._checked.add(key)

    def _fetch_pieces(self, name: str, number: int, pieces: range) -> None:
        """Have pieces read, as far as there are any; for `number` see `_check_pieces`."""
        array = self._part(name)
        buffer = None if array is None else array.buffers()[1 + number]
        if buffer is None:
            return
        begin = min(pieces.start * self.head.piece_bytes, buffer.size)
        end = min(pieces.stop * self.head.piece_bytes, buffer.size)
        self._fetch(buffer.address + begin, end - begin)

    def _tell_ahead(self, part: str | tuple[str, int, int], expect: Callable[[SegmentFile], None]) -> None:
        """That a part is read, if it was not lately."""
        if part not in self._read:
            self._read.add(part)
            if (ahead := read_ahead.now()) is not None:
                ahead.asked(self, part if isinstance(part, str) else part[:2], expect)

    def numbers(self, name: str) -> npt.NDArray[Any]:
        """The same as numbers."""
        return np.asarray(self.array(name))

    def column(self, name: str) -> pa.Array:
        """A column of the rows. Raises DamagedFile."""
        place = self._columns.get(name)
        if place is None:  # an older format did not have it
            return rows_of(self._packed).column(name)
        array = array_of(self._packed, ROWS).field(place)
        self._check(f"{ROWS}.{name}", array)
        return array

    def rows(self) -> pa.RecordBatch:
        """All columns. Raises DamagedFile."""
        for name in SCHEMA.names:
            self.column(name)
        return rows_of(self._packed)

    def check(self) -> None:
        """Look at every byte. Raises DamagedFile."""
        for name, array in _parts(self._packed).items():
            self._check(name, array)

    def _check(self, name: str, array: pa.Array) -> None:
        self.touched = True
        self._fetch_all(array)
        self._tell_ahead(name, lambda other: other._fetch_all(other._part(name)))
        if name not in self._checked:
            if checksum(array) != self.head.sums.get(name):
                raise DamagedFile(self.path, f"the checksum of {name} is wrong")
            self._checked.add(name)

    def _part(self, name: str) -> pa.Array | None:
        """By the name of its checksum; None: it has none."""
        column = name.removeprefix(f"{ROWS}.")
        if column == name:
            return array_of(self._packed, name) if name in self._known else None
        place = self._columns.get(column)
        return None if place is None else array_of(self._packed, ROWS).field(place)

    def _fetch_all(self, array: pa.Array | None) -> None:
        for buffer in () if array is None else array.buffers():
            if buffer is not None:
                self._fetch(buffer.address, buffer.size)

    def _fetch(self, address: int, size: int) -> None:
        """Have these bytes read, those that are not in memory, in few large reads."""
        start = address - self._address
        if size:
            first = start - start % mmap.PAGESIZE
            self._map.madvise(mmap.MADV_WILLNEED, first, start + size - first)

    def release(self) -> None:
        """Let the operating system have the pages that were read; they come back when they are needed."""
        self.touched = False
        self._read.clear()
        self._map.madvise(mmap.MADV_DONTNEED)

    def segment(self, dead: npt.NDArray[np.int64]) -> Segment:
        """The segment in it."""
        head, batch = self.head, MappedBatch(self)
        index = StoredIndex(self, batch) if head.sealed else ScanIndex(batch)
        steps = self.numbers(STEPS) if self.has(STEPS) else None
        return Segment(
            batch, index, head.first_mark, head.oldest_arrived_ns, head.newest_arrived_ns, dead, steps, self
        )


class MappedBatch(SpanBatch):
    """The spans of a file: each part is looked at when it is needed."""

    __slots__ = ("_file",)
    _file: SegmentFile

    def __init__(self, file: SegmentFile) -> None:
        object.__setattr__(self, "_file", file)

    def __len__(self) -> int:
        """Number of spans."""
        return self._file.head.rows

    @property
    def nbytes(self) -> int:
        """Nothing of it is in memory that is ours."""
        return 0

    def array(self, name: str) -> pa.Array:
        """A column as Arrow has it."""
        return self._file.column(name)

    @property
    def rows(self) -> pa.RecordBatch:
        """All columns."""
        return self._file.rows()

    @property
    def tags(self) -> pa.BinaryArray:
        """Distinct tags."""
        return self._file.array("tags")

    def tags_at(self, codes: npt.NDArray[np.int32]) -> pa.BinaryArray:
        """See SpanBatch."""
        gaps = np.flatnonzero(np.diff(codes) != 1) + 1
        tags = pa.array([], pa.binary())
        for run in np.split(codes, gaps if len(gaps) < _RUNS_MAX else []):
            if len(run):
                tags = self._file.some("tags", int(run[0]), int(run[-1]) + 1)
        return picked(tags, codes)

    @property
    def names(self) -> pa.BinaryArray:
        """Distinct operations."""
        return self._file.array("names")

    @property
    def reporters(self) -> pa.BinaryArray:
        """Distinct reporters."""
        return self._file.array("reporters")

    @property
    def extras(self) -> pa.BinaryArray:
        """Distinct extras."""
        return self._file.array("extras")


class StoredIndex(PostingIndex):
    """The postings of a file."""

    def __init__(self, file: SegmentFile, batch: SpanBatch) -> None:
        self._file = file
        self._batch = batch
        self._keys = file.head.keys
        self._position = {key: i for i, key in enumerate(self._keys)}
        self.repeated = frozenset(file.head.repeated)

    @cached_property
    def _rows(self) -> npt.NDArray[np.uint16]:  # type: ignore[override]
        return self._file.numbers("posting_rows")

    def _size(self) -> int:
        """How many tags there are."""
        return self._file.size("posting_offsets") - 1

    def _rows_between(self, first: int, last: int) -> npt.NDArray[np.uint16]:
        return np.asarray(self._file.some("posting_rows", first, last))[first:last]

    def _bounds(self, first: int, last: int) -> npt.NDArray[np.int32]:
        return np.asarray(self._file.some("posting_offsets", first, last + 1))[first : last + 1]

    def _prints_between(self, first: int, last: int) -> Prints | None:
        if not self._file.has("tag_prints"):
            return None
        return np.asarray(self._file.some("tag_prints", first, last))[first:last]

    @cached_property
    def _offsets(self) -> npt.NDArray[np.int32]:  # type: ignore[override]
        return self._file.numbers("posting_offsets")

    @cached_property
    def _starts(self) -> npt.NDArray[np.int32]:  # type: ignore[override]
        return self._file.numbers("key_starts")

    @cached_property
    def _prints(self) -> Prints | None:  # type: ignore[override]
        return self._file.numbers("tag_prints") if self._file.has("tag_prints") else None

    @property
    def nbytes(self) -> int:
        """Nothing of it is in memory that is ours."""
        return 0
