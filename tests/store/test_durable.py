"""The engine on a disk: the suite, closed and opened again between write and question; and what only a disk does."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from satellite.errors import Overloaded
from satellite.model.spans import SpanBatch
from satellite.query.plan import ALL
from satellite.store import Store, Written
from satellite.store.durable.directory import BadDataDirectory, Directory
from satellite.store.recall import keeper
from satellite.store.recall.disk import Disk
from satellite.store.recall.engine import RecallStore
from tests import bookinfo
from tests.store.asking import answers, assert_balanced, find, stats, unmarked
from tests.store.conformance import StoreConformance
from tests.store.naive import NaiveStore
from tests.store.rows import NOW_NS, numbered, one
from tests.store.strategies import Question, Step, play, questions, steps


def opened(
    folder: Path, *, segment_spans: int = 65_536, journal_bytes: int = 2**28, **given: Any
) -> RecallStore:
    disk = Disk(
        Directory(folder), segment_spans=segment_spans, clock_seconds=lambda: 0.0, journal_bytes=journal_bytes
    )
    return RecallStore(segment_spans=segment_spans, disk=disk, **given)


def abandon(store: RecallStore) -> None:
    """As if the process were killed: nothing more is written."""
    assert store._keeper is not None
    assert store._disk is not None
    with store._wake:
        store._closed = True
        store._wake.notify_all()
    with store._keeper._wake:
        store._keeper._closed = True
        store._keeper._wake.notify_all()
    store._merger.join()
    store._keeper._thread.join()
    store._disk._directory.close()


class Reopened:
    """A store that is closed (or killed) and opened again after each write."""

    def __init__(self, opens: Callable[[], RecallStore], *, kills: bool) -> None:
        self._opens = opens
        self._kills = kills
        self._store = opens()
        self._written = False

    def write(self, project: str, batch: SpanBatch, **given: Any) -> Written:
        self._written = True
        return self._store.write(project, batch, **given)

    def __getattr__(self, name: str) -> Any:
        if self._written and name != "close":
            self._written = False
            if self._kills:
                abandon(self._store)
            else:
                self._store.close()
            self._store = self._opens()
        return getattr(self._store, name)


def some(count: int, first: int) -> SpanBatch:
    """Spans `first` and so on of `numbered`."""
    return numbered(first - 1 + count).slice(first - 1, first - 1 + count).compact()


@pytest.mark.thorough
class TestDurable(StoreConformance):
    """Closed and opened again between write and question."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        with closing(cast(Any, Reopened(lambda: opened(tmp_path), kills=False))) as store:
            yield store

    def test_readers_see_whole_batches(self, tmp_path: Path) -> None:  # type: ignore[override]
        with closing(opened(tmp_path)) as store:  # it stays open: others read meanwhile
            super().test_readers_see_whole_batches(store)


@pytest.mark.thorough
class TestDurableInSmallSegments(TestDurable):
    """Killed and opened again, with segments and a journal so small that there are files and cuts all the time."""

    many_spans = 7_000

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        def open_small() -> RecallStore:
            return opened(tmp_path, segment_spans=50, journal_bytes=20_000)

        with closing(cast(Any, Reopened(open_small, kills=True))) as store:
            yield store


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(
    st.lists(steps, min_size=1, max_size=4),
    st.lists(questions, max_size=2),
    st.sampled_from((5, 50, 65_536)),
    st.sampled_from((1, 3_000, 2**28)),
    st.booleans(),
)
def test_answers_are_the_oracle_s_after_any_number_of_restarts(
    tmp_path_factory: pytest.TempPathFactory,
    histories: list[list[Step]],
    asked: list[Question],
    segment_spans: int,
    journal_bytes: int,
    kills: bool,
) -> None:
    folder = tmp_path_factory.mktemp("data")
    oracle = NaiveStore()
    for history in histories:
        expected_marks = play(oracle, "p", history)
        store = opened(folder, segment_spans=segment_spans, journal_bytes=journal_bytes)
        marks = play(store, "p", history)
        assert store._keeper is not None
        store._keeper.turn()
        for question in [Question(ALL, None, None), *asked]:
            expected = answers(oracle, "p", question.for_marks(expected_marks))
            assert answers(store, "p", question.for_marks(marks)) == expected
        assert [found.ledger for found in store.projects()] == [found.ledger for found in oracle.projects()]
        assert_balanced(store)
        if kills:
            abandon(store)
        else:
            store.close()
    with closing(opened(folder)) as store:
        assert answers(store, "p", ALL) == answers(oracle, "p", ALL)
        assert [found.ledger for found in store.projects()] == [found.ledger for found in oracle.projects()]


# Reset, drop, budgets


def test_a_batch_larger_than_a_segment_comes_back_in_several(tmp_path: Path) -> None:
    store = opened(tmp_path, segment_spans=50)
    store.write("p", some(130, 1), arrived_ns=NOW_NS)
    abandon(store)  # before it is sealed
    with (
        closing(RecallStore(segment_spans=50)) as expected,
        closing(opened(tmp_path, segment_spans=50)) as store,
    ):
        expected.write("p", some(130, 1), arrived_ns=NOW_NS)
        assert max(map(len, store.moment("p")[0])) == 50
        store.settle()
        assert answers(store, "p", ALL) == answers(expected, "p", ALL)
        assert_balanced(store)


def test_a_reset_lasts_and_marks_go_on(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.write("p", numbered(5), arrived_ns=NOW_NS)
    store.reset("p")
    abandon(store)
    with closing(opened(tmp_path)) as store:
        assert store.count("p", ALL) == 0
        assert store.mark("p") == 5
        assert store.write("p", one(span_id=77), arrived_ns=NOW_NS).mark == 6
        assert_balanced(store)
        assert stats(store).ledger.evicted == 5


def test_a_drop_lasts_and_the_name_starts_anew(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.write("p", numbered(5), arrived_ns=NOW_NS)
    store.write("q", numbered(3), arrived_ns=NOW_NS)
    store.drop("p")
    store.write("p", one(span_id=9), arrived_ns=NOW_NS)
    abandon(store)
    store = opened(tmp_path)
    assert [span.mark for span in find(store)] == [1]
    assert store.drop("p")
    abandon(store)
    with closing(opened(tmp_path)) as store:
        assert [found.project for found in store.projects()] == ["q"]


def test_spans_beyond_the_memory_s_budget_are_in_files_and_answer_alike(tmp_path: Path) -> None:
    with (
        closing(RecallStore(segment_spans=50)) as expected,
        closing(opened(tmp_path, segment_spans=50, bytes_per_project=50_000)) as store,
    ):
        for i in range(20):
            for each in (expected, store):
                each.write("p", some(30, 1 + 30 * i), arrived_ns=NOW_NS + i)
        store.settle()
        found = stats(store)
        assert found.spans == 600
        assert found.bytes <= 50_000 < found.disk_bytes
        assert answers(store, "p", ALL) == answers(expected, "p", ALL)


def test_what_is_filed_at_the_close_keeps_the_disk_s_budget_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(tmp_path, segment_spans=50, disk_bytes_per_project=300_000)
    assert store._keeper is not None
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(store._keeper, "_file_sealed", lambda _: None)
        for i in range(60):
            store.write("p", some(30, 1 + 30 * i), arrived_ns=NOW_NS + i)
        store.settle()
    store.close()
    assert sum(path.stat().st_size for path in (tmp_path / "spans" / "p").iterdir()) <= 300_000


def test_beyond_the_disk_s_budget_the_oldest_go(tmp_path: Path) -> None:
    store = opened(tmp_path, segment_spans=50, disk_bytes_per_project=300_000)
    for i in range(60):
        store.write("p", some(30, 1 + 30 * i), arrived_ns=NOW_NS + i)
    store.settle()
    found = stats(store)
    assert 0 < found.spans < 1800
    assert found.bytes + found.disk_bytes <= 300_000
    kept = [span.span_id for span in find(store)]
    assert_balanced(store)
    store.close()
    assert sum(path.stat().st_size for path in (tmp_path / "spans" / "p").iterdir()) <= 300_000
    with closing(opened(tmp_path, segment_spans=50, disk_bytes_per_project=300_000)) as store:
        again = [span.span_id for span in find(store)]
        assert again == kept[len(kept) - len(again) :]  # what was filed at the close took its room, too
        assert len(again) > len(kept) // 2
        assert_balanced(store)


# Damage


def filed(folder: Path) -> list[Path]:
    """Three files of 50 spans, and 10 in the journal."""
    store = opened(folder, segment_spans=50)
    for i in range(16):
        store.write("p", some(10, 1 + 10 * i), arrived_ns=NOW_NS + i)
    store.settle()
    store.close()
    files = sorted((folder / "spans" / "p").iterdir())
    assert len(files) == 3
    return files


@pytest.mark.parametrize("seen", ["at start", "by a question"])
def test_a_damaged_file_is_set_aside_and_all_else_is_served(tmp_path: Path, seen: str) -> None:
    victim = filed(tmp_path)[1]
    content = bytearray(victim.read_bytes())
    at = len(content) // 2 if seen == "by a question" else 30
    content[at : at + 2000] = bytes(byte ^ 0xFF for byte in content[at : at + 2000])
    victim.write_bytes(content)
    store = opened(tmp_path, segment_spans=50)
    assert len(store.find("p", ALL, order="arrival", limit=1000).spans) == 110
    assert stats(store).ledger.dropped == {"damaged": 50}
    assert_balanced(store)
    (told,) = store.damage
    assert str(told).startswith(f"p-{victim.name}: 50 spans of project p: ")
    assert [path.name for path in (tmp_path / "damaged").iterdir()] == [f"p-{victim.name}"]
    store.close()
    with closing(opened(tmp_path, segment_spans=50)) as store:
        assert store.count("p", ALL) == 110
        assert stats(store).ledger.dropped == {"damaged": 50}


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    filed(tmp_path)[0].unlink()
    with closing(opened(tmp_path, segment_spans=50)) as store:
        assert store.count("p", ALL) == 110
        assert "50 spans of project p: No such file or directory" in str(store.damage[0])


def test_a_damaged_manifest_is_made_anew(tmp_path: Path) -> None:
    filed(tmp_path)
    (tmp_path / "manifest.json").write_bytes(b"{}")
    store = opened(tmp_path, segment_spans=50)
    assert [int(span.span_id, 16) for span in find(store)] == list(range(1, 161))
    assert_balanced(store)
    assert "which files count" in str(store.damage[0])
    store.write("p", one(span_id=999), arrived_ns=NOW_NS)
    store.close()
    with closing(opened(tmp_path, segment_spans=50)) as store:
        assert store.count("p", ALL) == 161
        assert_balanced(store)
        assert not store.damage


def test_a_newer_file_refuses_the_start(tmp_path: Path) -> None:
    victim = filed(tmp_path)[1]
    content = bytearray(victim.read_bytes())
    content[8] = 9
    victim.write_bytes(content)
    with pytest.raises(BadDataDirectory, match="has format 9; this satellite knows up to 1"):
        opened(tmp_path, segment_spans=50)


def test_what_is_sealed_while_others_are_filed_is_filed_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(tmp_path, segment_spans=50)
    disk, keeper = store._disk, store._keeper
    assert disk is not None
    assert keeper is not None
    store.write("p", one(span_id=1), arrived_ns=NOW_NS)
    home, holding = store._projects["p"], disk.holding
    written = False

    def then_comes_more() -> set[str]:  # after what was sealed is filed, before the manifest says so
        nonlocal written
        if not written:
            written = True
            for i in range(16):
                store.write("p", some(10, 2 + 10 * i), arrived_ns=NOW_NS + i)
            store.settle()
            keeper.changed(home, due=True)
        return holding()

    monkeypatch.setattr(disk, "holding", then_comes_more)
    keeper.turn()
    store.close()
    assert written
    assert len(list((tmp_path / "spans" / "p").iterdir())) == 3


def test_what_is_sealed_after_the_manifest_was_written_is_filed_too(tmp_path: Path) -> None:
    store = opened(tmp_path, segment_spans=50)
    keeper = store._keeper
    assert keeper is not None
    store.write("p", one(span_id=1), arrived_ns=NOW_NS)
    with store._projects["p"].merging:
        for i in range(16):
            store.write("p", some(10, 2 + 10 * i), arrived_ns=NOW_NS + i)
        with keeper._wake:
            keeper._changed.clear()
    store.settle()
    store.close()
    assert len(list((tmp_path / "spans" / "p").iterdir())) == 3


def test_filing_that_fails_is_told_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, str]] = []
    again = threading.Event()
    holding = Disk.holding

    def now_and_then(disk: Disk) -> set[str]:
        if not told:
            raise ZeroDivisionError("never seen before")
        again.set()
        return holding(disk)

    monkeypatch.setattr(keeper, "PAUSE_SECONDS", 0)
    monkeypatch.setattr(Disk, "holding", now_and_then)
    store = opened(tmp_path, segment_spans=50, failed=lambda what, error: told.append((what, str(error))))
    for i in range(16):
        store.write("p", some(10, 1 + 10 * i), arrived_ns=NOW_NS + i)
    assert again.wait(60)
    store.settle()
    store.close()
    assert told == [("filing", "never seen before")]
    assert [*(tmp_path / "spans" / "p").iterdir()]


# A disk that does not take it


def test_a_full_disk_refuses_keeps_what_it_has_and_recovers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(tmp_path)
    store.write("p", numbered(5), arrived_ns=NOW_NS)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "writev", full)
        with pytest.raises(Overloaded, match="No space left on device"):
            store.write("p", some(3, 100), arrived_ns=NOW_NS)
        assert "No space left on device" in store.problem
        assert store.count("p", ALL) == 5
        assert stats(store).ledger.received == 5
        with pytest.raises(Overloaded):
            store.reset("p")
    assert store._keeper is not None
    store._keeper.turn()
    assert not store.problem
    assert store.write("p", some(3, 100), arrived_ns=NOW_NS).mark == 8
    abandon(store)
    with closing(opened(tmp_path)) as store:
        assert unmarked([find(store)])
        assert store.count("p", ALL) == 8


def test_a_disk_that_takes_no_files_fills_the_memory_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(tmp_path, segment_spans=50, bytes_per_project=200_000)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr("satellite.store.recall.segment_file.write", full)
        written = 0
        with suppress(Overloaded):
            for i in range(100):
                store.write("p", some(30, 1 + 30 * i), arrived_ns=NOW_NS + i)
                written += 1
        assert written < 100
        assert store.count("p", ALL) == stats(store).spans > 0
        assert stats(store).bytes < 400_000
    before = stats(store).spans
    assert store._keeper is not None
    store._keeper.turn()
    store.write("p", some(30, 9000), arrived_ns=NOW_NS)
    assert stats(store).spans == before + 30
    assert_balanced(store)
    store.close()


def test_a_copy_taken_while_it_runs_is_whole(tmp_path: Path) -> None:
    import shutil

    store = opened(tmp_path / "data", segment_spans=50)
    for i in range(16):
        store.write("p", some(10, 1 + 10 * i), arrived_ns=NOW_NS + i)
    shutil.copytree(tmp_path / "data" / "journal", tmp_path / "copy" / "journal")
    shutil.copy(tmp_path / "data" / "manifest.json", tmp_path / "copy")
    store.reset("p")
    store.settle()
    shutil.copytree(tmp_path / "data" / "spans", tmp_path / "copy" / "spans")
    store.close()
    with closing(opened(tmp_path / "copy", segment_spans=50)) as copy:
        assert [int(span.span_id, 16) for span in find(copy)] == list(range(1, 161))
        assert not copy.damage


def test_the_worked_example_comes_back(tmp_path: Path) -> None:
    with closing(opened(tmp_path)) as store:
        store.write("p", bookinfo.batch(), arrived_ns=NOW_NS)
        expected = answers(store, "p", ALL)
    with closing(opened(tmp_path)) as store:
        assert answers(store, "p", ALL) == expected
