"""A segment answers from its file as it did from memory, and every damaged byte is found before it is believed."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest

from satellite.query.plan import ALL, Plan
from satellite.store import GroupOrder, Store
from satellite.store.recall import segment_file
from satellite.store.recall.questions import RecallQuestions
from satellite.store.recall.read_ahead import FILES, reading_ahead
from satellite.store.recall.segment import Segment
from satellite.store.recall.segment_file import DamagedFile, NewerFile, SegmentFile
from satellite.store.recall.tally import prepare
from tests import bookinfo
from tests.store.asking import answers, tag
from tests.store.rows import NOW_NS

NOTHING = np.empty(0, np.int64)


class Fixed(RecallQuestions):
    """Questions of these segments."""

    def __init__(self, *segments: Segment) -> None:
        self._all = segments

    def moment(self, project: str) -> tuple[tuple[Segment, ...], int]:
        return self._all, self._all[-1].last_mark


def answers_of(segment: Segment, plan: Plan) -> dict[str, Any]:
    return answers(cast(Store, Fixed(segment)), "p", plan)


def segment(*, sealed: bool = True) -> Segment:
    parts = [Segment.of(bookinfo.batch(), 5, NOW_NS), Segment.of(bookinfo.batch(), 900, NOW_NS + 7)]
    return Segment.merged(parts, sealed=sealed)


def stored(folder: Path, of: Segment) -> SegmentFile:
    path = folder / f"1{segment_file.SUFFIX}"
    size = segment_file.write(path, "p", 1, 3, of)
    assert path.stat().st_size == size
    return SegmentFile(path)


@pytest.mark.parametrize(("sealed", "piece_bytes"), [(True, 64), (False, 2**18)])
def test_a_file_answers_as_memory_does(
    tmp_path: Path, sealed: bool, piece_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment_file, "PIECE_BYTES", piece_bytes)
    before = segment(sealed=sealed).without([3, 40])
    file = stored(tmp_path, before)
    after = file.segment(before.dead)
    assert after.sealed is sealed
    assert after.nbytes < 10_000 < file.nbytes
    for plan in (ALL, *(answer.plan for answer in bookinfo.ANSWERS[::3]), tag("http.status_code", "503")):
        assert answers_of(after, plan) == answers_of(before, plan)
    assert after.spans(range(len(after))) == before.spans(range(len(before)))
    assert after.marks.tolist() == before.marks.tolist()


@pytest.mark.parametrize("tallied", [True, False], ids=["as it is written", "as older ones were"])
def test_groups_of_all_rows_are_told_without_their_columns(tmp_path: Path, tallied: bool) -> None:
    parts = [Segment.of(bookinfo.batch(), 5, NOW_NS), Segment.of(bookinfo.batch(), 900, NOW_NS + 7)]
    before = [Segment.merged([part], sealed=True) for part in parts]
    after = []
    for i, part in enumerate(before):
        if tallied:
            prepare(part)
        (tmp_path / str(i)).mkdir()
        after.append(stored(tmp_path / str(i), part).segment(NOTHING))
    orders: tuple[GroupOrder, ...] = ("-count", "-p95_us", "traces")
    for by in (["service"], ["service", "operation"], ["operation"], ["service", "http.status_code"]):
        for order in orders:
            asked = ("p", ALL, by)
            assert Fixed(*after).groups(*asked, order=order) == Fixed(*before).groups(*asked, order=order)
    assert Fixed(*after).histogram("p", ALL) == Fixed(*before).histogram("p", ALL)
    if tallied:
        files = [SegmentFile(part.file.path) for part in after if part.file is not None]
        fresh = Fixed(*(file.segment(NOTHING) for file in files))
        fresh.groups("p", ALL, ["service", "operation"])
        fresh.histogram("p", ALL)
        read = {name for file in files for name in file._checked if name.startswith("rows.")}
        assert read == {"rows.duration_ns"}


def test_merged_from_a_file(tmp_path: Path) -> None:
    before = segment(sealed=False)
    more = Segment.of(bookinfo.batch(), 2000, NOW_NS + 9)
    both = Segment.merged([stored(tmp_path, before).segment(NOTHING), more], sealed=True)
    expected = Segment.merged([before, more], sealed=True)
    assert answers_of(both, ALL) == answers_of(expected, ALL)


def test_pages_are_let_go_and_come_back(tmp_path: Path) -> None:
    file = stored(tmp_path, segment())
    after = file.segment(NOTHING)
    first = answers_of(after, ALL)
    assert file.touched
    file.release()
    assert not file.touched
    assert answers_of(after, ALL) == first


class Advised:
    """Stands for a file's map, and remembers what it was told to fetch."""

    def __init__(self, real: mmap.mmap) -> None:
        self._real = real
        self.fetched: list[range] = []

    def madvise(self, advice: int, first: int, size: int) -> None:
        assert advice == mmap.MADV_WILLNEED
        self._real.madvise(advice, first, size)  # refuses what is no page of it
        self.fetched.append(range(first, first + size))


def test_a_part_is_fetched_as_one_before_it_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    piece_bytes = 2 * mmap.PAGESIZE
    monkeypatch.setattr(segment_file, "PIECE_BYTES", piece_bytes)
    parts = [Segment.of(bookinfo.batch(), 5 + 100 * i, NOW_NS) for i in range(16)]
    file = stored(tmp_path, Segment.merged(parts, sealed=True))
    advised = Advised(file._map)
    monkeypatch.setattr(file, "_map", advised)

    def place(array: pa.Array) -> int:
        return int(array.buffers()[1].address - file._address)

    few = file.some("posting_rows", 3, 5)  # a few bytes, of which whole pieces are checked
    [fetched] = advised.fetched
    assert few.nbytes > piece_bytes
    assert fetched.start <= place(few)
    assert fetched.stop == place(few) + piece_bytes
    advised.fetched.clear()
    column = file.column("span_id")
    [fetched] = advised.fetched
    assert column.nbytes > mmap.PAGESIZE
    assert fetched.start <= place(column)
    assert fetched.stop == place(column) + column.nbytes


def test_what_two_files_were_asked_for_the_next_ones_have_read_already(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment_file, "PIECE_BYTES", mmap.PAGESIZE)
    files = []
    for number in range(FILES + 4):
        folder = tmp_path / str(number)
        folder.mkdir()
        files.append(stored(folder, segment()))
    advised = [Advised(file._map) for file in files]
    for file, one in zip(files, advised, strict=True):
        monkeypatch.setattr(file, "_map", one)

    def told() -> list[int]:
        found = [len(one.fetched) for one in advised]
        for one in advised:
            one.fetched.clear()
        return found

    def some(file: SegmentFile) -> None:
        file.some("posting_rows", 3, 5)

    rest = [0] * (len(files) - 3)
    for ask in (lambda file: file.array("bucket"), some):
        for file in files:
            file._read.clear()
        with reading_ahead(files):
            ask(files[0])
            assert told() == [1, 0, 0, *rest], "it may be the only one"
            ask(files[1])
            assert told() == [0, *[1] * (FILES + 1), 0, 0]
            ask(files[2])
            assert told() == [0, 0, 1, *rest[:-2], 1, 0]
            ask(files[2])
            assert told() == [0, 0, 1, *rest], "it was read"
        ask(files[3])
        ask(files[4])
        assert told() == [0, 0, 0, 1, 1, *rest[2:]], "nobody goes through them"


def test_every_damaged_byte_is_found(tmp_path: Path) -> None:
    file = stored(tmp_path, segment())
    whole, body = file.path.read_bytes(), file.head.body[0]
    spared = 0
    for at in [*range(0, body, 37), *range(body, len(whole), 397)]:
        file.path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        try:
            SegmentFile(file.path).check()
        except (DamagedFile, NewerFile):
            continue
        spared += 1  # padding, which nobody reads
        assert answers_of(SegmentFile(file.path).segment(NOTHING), ALL)
    assert spared < 20


def test_only_what_is_asked_for_is_checked(tmp_path: Path) -> None:
    file = stored(tmp_path, segment())
    whole = bytearray(file.path.read_bytes())
    start = whole.index(b"istio.canonical_revision", file.head.body[0])
    whole[start] ^= 1
    file.path.write_bytes(whole)
    damaged = Fixed(SegmentFile(file.path).segment(NOTHING))
    assert damaged.histogram("p", ALL).count == len(segment())
    with pytest.raises(DamagedFile, match="the checksum of tags is wrong"):
        damaged.find("p", ALL, order="start", limit=1)


def test_of_tags_only_those_pieces_are_checked_that_a_question_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment_file, "PIECE_BYTES", 8)
    before = segment()
    file = stored(tmp_path, before)
    whole = bytearray(file.path.read_bytes())
    whole[whole.index(b"istio.canonical_revision", file.head.body[0])] ^= 1
    file.path.write_bytes(whole)
    damaged = Fixed(SegmentFile(file.path).segment(NOTHING))
    plan = tag("http.status_code", "200")
    assert damaged.histogram("p", plan) == Fixed(before).histogram("p", plan)
    assert damaged.count("p", plan)
    with pytest.raises(DamagedFile, match="the checksum of tags is wrong"):
        damaged.suggest("p", "value", ALL, key="istio.canonical_revision")
    with pytest.raises(DamagedFile, match="the checksum of tags is wrong"):
        SegmentFile(file.path).check()


def test_every_damaged_byte_of_a_tag_is_found_by_who_asks_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment_file, "PIECE_BYTES", 32)
    file = stored(tmp_path, segment())
    whole = file.path.read_bytes()
    first = whole.index(b"http.status_code", file.head.body[0]) - 2
    for at in range(first, first + 21):
        file.path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        with pytest.raises(DamagedFile, match="the checksum of tags is wrong"):
            Fixed(SegmentFile(file.path).segment(NOTHING)).suggest("p", "value", ALL, key="http.status_code")


def test_a_file_without_pieces_is_checked_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment_file, "IN_PIECES", ())
    before, plan = segment(), tag("http.status_code", "200")
    file = stored(tmp_path, before)
    assert not file.head.pieces
    after = Fixed(file.segment(NOTHING))
    assert after.histogram("p", plan) == Fixed(before).histogram("p", plan)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "cut off"),
        (b"x" * 4000, "does not begin as"),
        (b"SATSPAN\n" + bytes([1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0x7F]) + bytes(100), "checksum of its head"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "1.spans"
    path.write_bytes(content)
    with pytest.raises(DamagedFile, match=reason):
        SegmentFile(path)


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    path = stored(tmp_path, segment()).path
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DamagedFile, match="bytes instead of"):
        SegmentFile(path)


def test_a_newer_file_is_refused(tmp_path: Path) -> None:
    path = stored(tmp_path, segment()).path
    content = bytearray(path.read_bytes())
    content[8] = segment_file.VERSION + 1
    path.write_bytes(content)
    with pytest.raises(NewerFile, match="has format 2; this satellite knows up to 1"):
        SegmentFile(path)
