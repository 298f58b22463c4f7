"""The default engine: every span in memory, newest first to be kept, under a byte budget per project.

A project is a row of segments in order of arrival. A batch that arrives becomes a small segment at once; a
background thread merges neighbours geometrically and seals every `segment_spans` of them. Readers take the tuple of
segments as it is and never wait; writers of one project take turns.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from satellite.errors import Overloaded
from satellite.model.spans import SpanBatch
from satellite.query.plan import ALL
from satellite.query.plan import Plan as QueryPlan
from satellite.store import ProjectStats, Suggestion, SuggestionKind, Written
from satellite.store.assembled import Ints
from satellite.store.durable.files import Damage
from satellite.store.recall import assembly, row
from satellite.store.recall.budget import Budget, Budgets
from satellite.store.recall.disk import Disk
from satellite.store.recall.eviction import Eviction
from satellite.store.recall.keeper import Keeper, tell_python
from satellite.store.recall.project import Account, Plan, Project
from satellite.store.recall.questions import RecallQuestions
from satellite.store.recall.recent import Remembered
from satellite.store.recall.records import Emptied, Forgotten, Kept
from satellite.store.recall.segment import SEGMENT_SPANS, Segment
from satellite.store.recall.segment_file import DamagedFile
from satellite.store.recall.suggested import Suggested
from satellite.store.recall.tally import prepare

MOST_LOOSE = 256
"""Unsealed segments of a project beyond which its writer merges too, so that the merging thread cannot fall behind."""

MERGE_PAUSE_SECONDS = 0.05
"""From the first batches that wait to be merged until they are: what comes meanwhile moves with them, so that under load
spans move once where they moved twice. Only while nobody asks, whom many small segments cost (ours)."""

MOST_PROJECTS = 10_000
"""In open mode any token makes a project, and each holds some kilobytes whatever its budget (ours)."""


_AT_HAND_SEGMENTS = 128
"""To look for an id in each of them takes about half a millisecond (ours)."""


def _are_at_hand(segments: Sequence[Segment]) -> bool:
    return len(segments) <= _AT_HAND_SEGMENTS and all(segment.file is None for segment in segments)


class RecallStore(RecallQuestions):
    """Store in memory; see the module."""

    def __init__(
        self,
        bytes_per_project: int = 1_000_000_000,
        overrides: Mapping[str, int] | None = None,
        *,
        bytes_in_total: int | None = None,
        disk_bytes_per_project: int = 2**63,
        disk_overrides: Mapping[str, int] | None = None,
        disk_bytes_in_total: int = 2**63,
        duplicate_window_seconds: float = 120,
        segment_spans: int = SEGMENT_SPANS,
        disk: Disk | None = None,
        failed: Callable[[str, Exception], None] = tell_python,
    ) -> None:
        """A store with what its disk holds; without a disk an empty one.

        Args:
            bytes_per_project: of memory. Beyond it a project's oldest segments go, to the disk if there is one; the newest
                stays whatever its size.
            overrides: other budgets for some projects.
            bytes_in_total: beyond it the oldest segments of the largest projects go.
            disk_bytes_per_project: of files. Beyond it a project's oldest segments go for good.
            disk_overrides: other budgets for some projects.
            disk_bytes_in_total: as `bytes_in_total`.
            duplicate_window_seconds: how long after its arrival a span is recognised when it is sent again; 0: never.
            segment_spans: rows per sealed segment, at most 65,536.
            disk: where everything is kept besides; None: nowhere, all is in memory.
            failed: hears what a thread of the store could not do (`merging`, `filing`) and why; the thread goes on.
        """
        budgets = Budgets.given(
            Budget(bytes_per_project, disk_bytes_per_project),
            Budget(2**63 if bytes_in_total is None else bytes_in_total, disk_bytes_in_total),
            overrides or {},
            disk_overrides or {},
            on_disk=disk is not None,
        )
        self._account = Account(budgets.whole.memory_bytes)
        self._suggested = Suggested()
        self._window_ns = int(duplicate_window_seconds * 1e9)
        self._segment_spans = min(segment_spans, SEGMENT_SPANS)
        self._projects: dict[str, Project] = {}
        self._disk = disk
        self._failed = failed
        self._keeper = Keeper(disk, self._projects, failed) if disk is not None else None
        self._eviction = Eviction(
            self._projects,
            self._account,
            budgets,
            segment_spans=self._segment_spans,
            disk=disk,
            keeper=self._keeper,
            lose=self.lose,
        )
        self._lock = threading.Lock()
        self._todo: dict[Project, None] = {}
        """Where something is to be merged, in the order in which it was noticed."""
        self._busy = False
        self._closed = False
        self._wake = threading.Condition()
        self._asked = threading.Event()
        """Somebody asked since the last merge: there is no pause before the next."""
        self._merger = threading.Thread(target=self._merge_forever, name="recall-merge", daemon=True)
        if disk is not None and self._keeper is not None:
            self._recover(disk, self._keeper)
            self._keeper.start()
        self._merger.start()

    def _recover(self, disk: Disk, keeper: Keeper) -> None:
        for name, found in disk.recover().items():
            home = Project.recovered(name, self._window_ns, self._account, found)
            self._projects[name] = home
            keeper.changed(home, due=True)
            while True:
                try:
                    home.remember_held()
                    break
                except DamagedFile as damaged:
                    self.lose(name, damaged)
            self._eviction.evict(home)
            self._schedule(home)
        self._eviction.evict_largest()

    # Writing

    @property
    def write_waits(self) -> bool:
        """See Store."""
        return self._disk is not None

    def write(
        self, project: str, batch: SpanBatch, *, arrived_ns: int, dropped: Mapping[str, int] | None = None
    ) -> Written:
        """Keep a batch, see Store."""
        home, written = self._keep(project, batch, arrived_ns, dropped or {})
        if len(batch):
            if row.loose_are_more(home.segments, MOST_LOOSE):
                self._merge(home)
            if home not in self._todo and self._merge_step(home) is not None:  # nobody is woken for nothing
                self._schedule(home)
            self._eviction.unload(home)
            self._eviction.evict(home)
            self._eviction.evict_largest()
        return written

    def _keep(
        self, project: str, batch: SpanBatch, arrived_ns: int, dropped: Mapping[str, int]
    ) -> tuple[Project, Written]:
        while True:
            home = self._home(project)
            with home.writing:
                if home.over:  # dropped since we asked for it
                    continue
                self._eviction.refuse_full(home)
                try:
                    with home.lock:
                        plan = home.plan(batch, arrived_ns, dropped)
                except DamagedFile as damaged:
                    self.lose(project, damaged)
                    continue
                number = self._journal(home, plan, arrived_ns)
                with home.lock:
                    home.apply(plan, arrived_ns, self._segment_spans)
                    home.number = number
                    home.born = home.born or number
            return home, plan.written

    def _journal(self, home: Project, plan: Plan, arrived_ns: int) -> int:
        """Make a plan last before it is carried out; the number of its record."""
        if self._disk is None or self._keeper is None:
            return 0
        settled = plan.settled
        record = Kept(
            home.name,
            arrived_ns,
            home.mark + 1,
            len(settled.batch),
            plan.received,
            plan.dropped,
            settled.gone.astype(np.int64).tobytes(),
        )
        number = self._disk.accept([(record, settled.batch if len(settled.batch) else None)])
        self._keeper.changed(home)
        return number

    def _home(self, project: str) -> Project:
        home = self._projects.get(project)
        if home is None:
            with self._lock:
                if len(self._projects) >= MOST_PROJECTS and project not in self._projects:
                    raise Overloaded(
                        f"there are {MOST_PROJECTS} projects already, and this access token would make another",
                        hint="drop some with DELETE /api/v1/projects/{project}, or list the access tokens in settings",
                    )
                home = self._projects.setdefault(project, Project(project, self._window_ns, self._account))
        return home

    # Merging

    def _schedule(self, home: Project) -> None:
        with self._wake:
            self._todo[home] = None
            self._wake.notify_all()

    def _merge_forever(self) -> None:
        while True:
            with self._wake:
                self._busy = False
                self._wake.notify_all()
                self._wake.wait_for(lambda: self._todo or self._closed)
                self._busy = True
            self._asked.wait(MERGE_PAUSE_SECONDS)
            self._asked.clear()
            if self._closed:
                return
            with self._wake:
                todo = list(self._todo)
                self._todo.clear()
            for home in todo:
                try:
                    self._merge(home)
                    self._eviction.evict(home)  # what is sealed takes a little more
                    self._eviction.evict_largest()
                except DamagedFile as damaged:
                    self.lose(home.name, damaged)
                except Exception as error:  # noqa: BLE001 - other projects, and what comes here, are still to be merged
                    self._failed("merging", error)

    def _merge(self, home: Project) -> None:
        """Merge what there is to merge in one project."""
        with home.merging:
            while not self._closed:
                step = self._merge_step(home)
                if step is None:
                    return
                parts, sealed = step
                merged = Segment.merged(parts, sealed=sealed)
                if sealed:
                    prepare(merged)
                # Unless a part is evicted, or a row of it replaced, meanwhile; then we look again.
                if self._keeper is not None and any(part.file for part in parts):
                    if not self._keeper.swap_filed(home, parts, merged):
                        return
                    continue
                with home.lock:
                    now = row.swapped(home.segments, parts, merged)
                    if now is not None:
                        home.place(now)
                if sealed and self._keeper is not None:
                    self._keeper.changed(home)

    def _merge_step(self, home: Project) -> tuple[row.Segments, bool] | None:
        """Which segments of a project to merge next, and whether that seals them; None: leave them."""
        segments = home.segments
        first = len(segments) - row.loose(segments)
        step = row.merge_step(
            [len(segment) for segment in segments[first:]], self._eviction.spans_of(home, segments[first:])
        )
        return step and (segments[first + step[0] : first + step[1]], step[2])

    def settle(self) -> None:
        """Return when there is nothing left to merge."""
        self._asked.set()
        with self._wake:
            self._wake.wait_for(lambda: not self._todo and not self._busy)

    # Questions

    def moment(self, project: str) -> tuple[tuple[Segment, ...], int]:
        """See Questions."""
        home = self._projects.get(project)
        if home is None:
            return (), 0
        self._asked.set()
        with home.lock:
            return home.segments, home.mark

    def lose(self, project: str, damaged: DamagedFile) -> None:
        """See RecallQuestions."""
        home = self._projects.get(project)
        if home is None or self._disk is None or self._keeper is None:
            raise damaged
        if rows := home.lose(damaged.path):
            self._disk.set_aside(project, damaged.path, rows, damaged.reason)
            self._keeper.changed(home, due=True)

    def suggest(
        self,
        project: str,
        kind: SuggestionKind,
        plan: QueryPlan,
        *,
        key: str = "",
        text: str = "",
        limit: int = 100,
    ) -> list[Suggestion]:
        """See Questions; what is asked about all spans is kept until they are others."""
        home = self._projects.get(project)
        if home is None or plan != ALL:
            return super().suggest(project, kind, plan, key=key, text=text, limit=limit)
        question, state = (project, kind, key, text, str(limit)), home.state
        found = self._suggested.get(question, state)
        if found is None:
            found = super().suggest(project, kind, plan, key=key, text=text, limit=limit)
            self._suggested.keep(question, state, found)
        return found

    def mark(self, project: str) -> int:
        """See Store."""
        home = self._projects.get(project)
        return home.mark if home else 0

    def at_hand(self, project: str) -> bool:
        """See Store."""
        return _are_at_hand(self._now(project))

    def small_trace(
        self, project: str, trace_ids: Sequence[tuple[int | None, int]], spans_max: int
    ) -> tuple[SpanBatch, Ints] | None:
        """See Store."""
        segments = self._now(project)
        return assembly.small_trace(segments, trace_ids, spans_max) if _are_at_hand(segments) else None

    def _now(self, project: str) -> tuple[Segment, ...]:
        """The segments without waiting for a writer, and so perhaps without the mark of their moment."""
        home = self._projects.get(project)
        return home.segments if home else ()

    @property
    def shared(self) -> bool:
        """Nobody else writes to it."""
        return False

    @property
    def commons(self) -> None:
        """Nobody has anything in common with it."""

    def newest(self, projects: Sequence[str]) -> dict[str, int]:
        """The newest mark of each of these projects."""
        return {project: self.mark(project) for project in projects}

    def projects(self) -> list[ProjectStats]:
        """See Store."""
        return [home.stats() for _, home in sorted(self._projects.items())]

    # Letting go

    def reset(self, project: str) -> int:
        """See Store."""
        home = self._projects.get(project)
        if home is None:
            return 0
        with home.writing:
            number = home.number
            if self._disk is not None:
                number = self._disk.accept([(Emptied(project, home.mark), None)])
            with home.lock:
                before = home.evicted
                held = home.empty()
                home.number = number
                removed = home.evicted - before
        if self._keeper is not None:
            self._keeper.discard(home, held)
        return removed

    def drop(self, project: str) -> bool:
        """See Store."""
        home = self._projects.get(project)
        if home is None:
            return False
        with home.writing:
            if home.over:
                return False
            if self._disk is not None and self._keeper is not None:
                self._disk.accept([(Forgotten(project), None)])
            with self._lock:
                self._projects.pop(project)
            with home.lock:
                held = home.leave()
        if self._disk is not None and self._keeper is not None:
            self._disk.discard(held)
            self._keeper.dropped(home)
        return True

    # Looking after it

    def shrink(self, size_bytes: int) -> None:
        """Take so many bytes of memory less: the largest projects give theirs to the disk, or lose their oldest."""
        self._eviction.shrink(size_bytes)

    def release(self) -> None:
        """Let the operating system have the pages of files that questions read; they are read again when needed."""
        for home in list(self._projects.values()):
            for segment in home.segments:
                if segment.file is not None and segment.file.touched:
                    segment.file.release()

    def check(self) -> None:
        """Look at every byte of every file; `damage` then says what was found and set aside."""
        for home in list(self._projects.values()):
            for segment in home.segments:
                try:
                    if segment.file is not None:
                        segment.file.check()
                except DamagedFile as damaged:
                    self.lose(home.name, damaged)

    def compact(self) -> None:
        """Everything into files, small neighbours together, replaced spans left out. Raises OSError."""
        if self._keeper is None or self._disk is None:
            return
        self.settle()
        for home in list(self._projects.values()):
            with home.evicting:
                for parts in row.runs(home.segments, self._segment_spans):
                    alive = [
                        part.picked(part.alive_rows) if len(part.dead) else part
                        for part in parts
                        if part.alive
                    ]
                    left = Segment.merged(alive, sealed=True) if alive else None
                    if left is not None:
                        left = self._disk.file(home.name, home.born, left)
                    if home.give_up(parts, left):
                        self._keeper.discard(home, parts)
            self._keeper.file_all(home)
        self._keeper.turn()

    @property
    def remembered(self) -> Remembered:
        """What of recent spans is remembered, to know those that are sent again."""
        return self._account.remembered

    @property
    def problem(self) -> str:
        """Why nothing can be kept now; "" when it can."""
        return self._disk.problem if self._disk is not None else ""

    @property
    def damage(self) -> Sequence[Damage]:
        """What could not be read of the data directory, the newest last."""
        return self._disk.damage if self._disk is not None else ()

    def close(self) -> None:
        """See Store."""
        with self._wake:
            self._closed = True
            self._wake.notify_all()
        self._asked.set()
        self._merger.join()
        if self._keeper is not None:
            self._keeper.turn()
            for home in list(self._projects.values()):
                self._eviction.evict(home)  # files take a little more than what was in memory
            self._keeper.close()
        if self._disk is not None:
            self._disk.close()
        self._projects.clear()
