"""The default engine: every span in memory, newest first to be kept, under a byte budget per project.

A project is a row of segments in order of arrival. A batch that arrives becomes a small segment at once; a
background thread merges neighbours geometrically and seals every `segment_spans` of them. Readers take the tuple of
segments as it is and never wait; writers of one project take turns.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

import numpy as np

from satellite.errors import Overloaded
from satellite.model.spans import Marks, SpanBatch, SpanBuilder
from satellite.store import Ledger, ProjectStats, Written
from satellite.store.identity import span_of
from satellite.store.recall.questions import RecallQuestions
from satellite.store.recall.recent import Marked, RecentIds
from satellite.store.recall.segment import SEGMENT_SPANS, Mask, Segment
from satellite.store.recall.settle import Held, Settled, settle

MERGE_WIDTH = 8
"""So many neighbours of one size class become one of the next: a span is moved once per class."""

MOST_LOOSE = 256
"""Unsealed segments of a project beyond which its writer merges too, so that the merging thread cannot fall behind."""

MOST_PROJECTS = 10_000
"""In open mode any token makes a project, and each holds some kilobytes whatever its budget (ours)."""

MOST_RECENT = 2**21
"""Identities remembered for finding duplicates, whatever the window: 32 MiB a project."""


@dataclass(eq=False)
class _Project:
    recent: RecentIds
    parts: RecentIds
    """Of the recent spans those that are parts or have some, by `span_of` their keys."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held by whoever changes the project."""
    merging: threading.Lock = field(default_factory=threading.Lock)
    """Held while segments are merged, which needs `lock` only at its end."""
    segments: tuple[Segment, ...] = ()
    mark: int = 0
    received: int = 0
    evicted: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    bytes: int = 0

    def place(self, segments: tuple[Segment, ...]) -> None:
        self.segments = segments
        self.bytes = sum(segment.nbytes for segment in segments)

    def append(self, segments: Sequence[Segment]) -> None:
        self.segments += tuple(segments)
        self.bytes += sum(segment.nbytes for segment in segments)

    def settle(self, batch: SpanBatch, arrived_ns: int) -> Settled:
        """See the module `settle`; what is kept of the batch is remembered with the marks that it will have."""
        held = Held(self.recent, self.parts, self._alive, lambda marks: _rows_at(self.segments, marks))
        settled = settle(batch, held, arrived_ns)
        if len(settled.gone):
            self.place(_without(self.segments, settled.gone))
        kept = settled.batch
        marks = np.arange(self.mark + 1, self.mark + len(kept) + 1)
        if len(kept):
            self.recent.add(settled.keys, marks, arrived_ns)
        flags = kept.column("marks") & np.uint16(Marks.TIME_INVENTED | Marks.MERGED)
        if flags.any():
            parts = np.flatnonzero(flags)
            self.parts.add(span_of(settled.keys[parts]), marks[parts], arrived_ns)
        return settled

    def _alive(self, marks: Marked) -> Mask:
        """Which of these marks are held: neither evicted nor replaced."""
        owners = _segment_of(self.segments, marks)
        alive = owners >= 0
        for owner in np.unique(owners[alive]).tolist():
            mine = np.flatnonzero(owners == owner)
            segment = self.segments[owner]
            rows = np.minimum(segment.rows_at(marks[mine]), len(segment) - 1)
            alive[mine] = (segment.marks_of(rows) == marks[mine]) & ~np.isin(rows, segment.dead)
        return alive

    def count(self, arrived: int, written: Written, dropped: Mapping[str, int]) -> None:
        """Enter one batch in the ledger."""
        self.received += arrived + sum(dropped.values())
        for reason, number in (*dropped.items(), *written.kept_once().items()):
            if number:
                self.dropped[reason] = self.dropped.get(reason, 0) + number

    def stats(self, name: str) -> ProjectStats:
        with self.lock:
            stored = sum(segment.alive for segment in self.segments)
            window_ns = 0
            if self.segments:
                window_ns = self.segments[-1].newest_arrived_ns - self.segments[0].oldest_arrived_ns
            duplicates = self.dropped.get("duplicate", 0)
            ledger = Ledger(self.received, stored, dict(self.dropped), self.evicted, duplicates)
            return ProjectStats(name, stored, self.bytes, window_ns // 1000, self.mark, ledger)


class RecallStore(RecallQuestions):
    """Store in memory; see the module."""

    def __init__(
        self,
        bytes_per_project: int = 1_000_000_000,
        overrides: Mapping[str, int] | None = None,
        *,
        bytes_in_total: int | None = None,
        duplicate_window_seconds: float = 120,
        segment_spans: int = SEGMENT_SPANS,
    ) -> None:
        """An empty store.

        Args:
            bytes_per_project: beyond it a project's oldest segments go; the newest stays whatever its size.
            overrides: other budgets for some projects.
            bytes_in_total: beyond it the oldest segment of the largest project goes.
            duplicate_window_seconds: how long after its arrival a span is recognised when it is sent again; 0: never.
            segment_spans: rows per sealed segment, at most 65,536.
        """
        self._budget = bytes_per_project
        self._overrides = dict(overrides or {})
        self._bytes_in_total = bytes_in_total
        self._window_ns = int(duplicate_window_seconds * 1e9)
        self._segment_spans = min(segment_spans, SEGMENT_SPANS)
        self._projects: dict[str, _Project] = {}
        self._lock = threading.Lock()
        self._todo: deque[_Project] = deque()
        self._busy = False
        self._closed = False
        self._wake = threading.Condition()
        self._merger = threading.Thread(target=self._merge_forever, name="recall-merge", daemon=True)
        self._merger.start()

    # Writing

    def write(
        self, project: str, batch: SpanBatch, *, arrived_ns: int, dropped: Mapping[str, int] | None = None
    ) -> Written:
        """Keep a batch, see Store."""
        home = self._home(project)
        with home.lock:
            written = self._keep(home, batch, arrived_ns) if len(batch) else Written(home.mark)
            home.count(len(batch), written, dropped or {})
            self._evict(home, self._overrides.get(project, self._budget))
            loose = _loose(home.segments)
        if len(batch):
            if loose > MOST_LOOSE:
                self._merge(home)
            self._schedule(home)
            self._evict_largest()
        return written

    def _home(self, project: str) -> _Project:
        home = self._projects.get(project)
        if home is None:
            with self._lock:
                if len(self._projects) >= MOST_PROJECTS and project not in self._projects:
                    raise Overloaded(
                        f"there are {MOST_PROJECTS} projects already, and this access token would make another",
                        hint="drop some with DELETE /api/v1/projects/{project}, or list the access tokens in settings",
                    )
                home = self._projects.setdefault(project, self._new_project())
        return home

    def _new_project(self) -> _Project:
        return _Project(RecentIds(self._window_ns, MOST_RECENT), RecentIds(self._window_ns, MOST_RECENT))

    def _keep(self, home: _Project, batch: SpanBatch, arrived_ns: int) -> Written:
        """Keep what is to be kept of a batch that is not empty."""
        size = len(batch)
        if self._window_ns:
            settled = home.settle(batch, arrived_ns)
        else:
            settled = Settled(batch, np.empty(0, np.uint64), np.empty(0, np.int64))
        batch = settled.batch
        arrived: list[Segment] = []
        for start in range(0, len(batch), self._segment_spans):
            part = batch.slice(start, min(start + self._segment_spans, len(batch)))
            part = part if len(part) == len(batch) else part.compact()
            arrived.append(Segment.of(part, home.mark + 1, arrived_ns))
            home.mark += len(part)
        home.append(arrived)
        return Written(
            home.mark, size - settled.kept_once, settled.duplicates, settled.replaced, settled.merged
        )

    @staticmethod
    def _evict(home: _Project, budget: int) -> None:
        while home.bytes > budget and len(home.segments) > 1:
            home.evicted += home.segments[0].alive
            home.place(home.segments[1:])

    def _evict_largest(self) -> None:
        if self._bytes_in_total is None:
            return
        while True:
            homes = list(self._projects.values())
            if sum(home.bytes for home in homes) <= self._bytes_in_total:
                return
            largest = max(homes, key=lambda home: home.bytes if len(home.segments) > 1 else 0)
            if len(largest.segments) < 2:
                return
            with largest.lock:
                self._evict(largest, largest.bytes - 1)

    # Merging

    def _schedule(self, home: _Project) -> None:
        with self._wake:
            if home not in self._todo:
                self._todo.append(home)
            self._wake.notify_all()

    def _merge_forever(self) -> None:
        while True:
            with self._wake:
                self._busy = False
                self._wake.notify_all()
                self._wake.wait_for(lambda: self._todo or self._closed)
                if self._closed:
                    return
                home = self._todo.popleft()
                self._busy = True
            self._merge(home)

    def _merge(self, home: _Project) -> None:
        """Merge what there is to merge in one project."""
        with home.merging:
            while not self._closed:
                segments = home.segments
                first = len(segments) - _loose(segments)
                step = merge_step([len(segment) for segment in segments[first:]], self._segment_spans)
                if step is None:
                    return
                start, stop, sealed = first + step[0], first + step[1], step[2]
                parts = segments[start:stop]
                merged = Segment.merged(parts, sealed=sealed)
                with home.lock:
                    now = home.segments
                    if parts[0] in now and now[now.index(parts[0]) :][: len(parts)] == parts:
                        at = now.index(parts[0])
                        home.place((*now[:at], merged, *now[at + len(parts) :]))
                    # Otherwise a part was evicted, or a row of it replaced, meanwhile: look again.

    def settle(self) -> None:
        """Return when there is nothing left to merge."""
        with self._wake:
            self._wake.wait_for(lambda: not self._todo and not self._busy)

    # Questions

    def moment(self, project: str) -> tuple[tuple[Segment, ...], int]:
        """See Questions."""
        home = self._projects.get(project)
        if home is None:
            return (), 0
        with home.lock:
            return home.segments, home.mark

    def mark(self, project: str) -> int:
        """See Store."""
        home = self._projects.get(project)
        return home.mark if home else 0

    def projects(self) -> list[ProjectStats]:
        """See Store."""
        return [home.stats(name) for name, home in sorted(self._projects.items())]

    # Letting go

    def reset(self, project: str) -> int:
        """See Store."""
        home = self._projects.get(project)
        if home is None:
            return 0
        with home.lock:
            removed = sum(segment.alive for segment in home.segments)
            home.evicted += removed
            home.place(())
            home.recent.clear()
            home.parts.clear()
        return removed

    def drop(self, project: str) -> bool:
        """See Store."""
        with self._lock:
            return self._projects.pop(project, None) is not None

    def close(self) -> None:
        """See Store."""
        with self._wake:
            self._closed = True
            self._wake.notify_all()
        self._merger.join()
        self._projects.clear()


def _loose(segments: Sequence[Segment]) -> int:
    """How many are not sealed; they are the last ones."""
    return sum(1 for _ in takewhile(lambda segment: not segment.sealed, reversed(segments)))


def merge_step(sizes: Sequence[int], segment_spans: int) -> tuple[int, int, bool] | None:
    """Which of the unsealed segments to merge next: (first, one after the last, whether that seals them).

    The oldest are sealed as soon as one more would not fit; before that, MERGE_WIDTH neighbours of one size class,
    and the smaller ones that came after them, become one. None: leave them.
    """
    total = 0
    for stop, size in enumerate(sizes):
        if total + size > segment_spans:
            return 0, stop, True
        total += size
    if total == segment_spans:
        return 0, len(sizes), True
    for size_class in sorted({_size_class(size) for size in sizes}):
        start = len(sizes)
        while start and _size_class(sizes[start - 1]) <= size_class:
            start -= 1
        if sum(_size_class(size) == size_class for size in sizes[start:]) >= MERGE_WIDTH:
            return start, len(sizes), False
    return None


def _size_class(size: int) -> int:
    """Classes are powers of MERGE_WIDTH wide."""
    return (size.bit_length() - 1) // 3


def _segment_of(segments: Sequence[Segment], marks: Marked) -> Marked:
    """The position of the segment that holds each mark."""
    return np.searchsorted([segment.first_mark for segment in segments], marks, side="right") - 1


def _rows_at(segments: Sequence[Segment], marks: Marked) -> SpanBatch:
    """The rows with these marks, same order."""
    owners = _segment_of(segments, marks)
    parts, places = [SpanBuilder().build()], []
    for owner in np.unique(owners).tolist():
        mine = np.flatnonzero(owners == owner)
        parts.append(segments[owner].batch.take(segments[owner].rows_at(marks[mine])).compact())
        places.append(mine)
    found = SpanBatch.concat(parts)
    return found.take(np.argsort(np.concatenate(places))) if places else found


def _without(segments: tuple[Segment, ...], marks: Marked) -> tuple[Segment, ...]:
    """The same segments with the rows of these marks dead."""
    left = list(segments)
    owners = _segment_of(segments, marks)
    for owner in np.unique(owners).tolist():
        left[owner] = left[owner].without(left[owner].rows_at(marks[owners == owner]).tolist())
    return tuple(left)
