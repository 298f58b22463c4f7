"""One project: its segments in order of arrival, what came lately, and its ledger."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from satellite.model.spans import Marks, SpanBatch
from satellite.store import Ledger, ProjectStats, Written
from satellite.store.durable.manifest import ProjectEntry
from satellite.store.identity import Identities, span_of
from satellite.store.recall import row
from satellite.store.recall.disk import Recovered, file_entry
from satellite.store.recall.fairness import windows
from satellite.store.recall.recent import REMEMBERED_BYTES, RecentIds, Remembered
from satellite.store.recall.row import Segments
from satellite.store.recall.segment import Segment, held_ns
from satellite.store.recall.settle import Held, Settled, settle

SERVICES_SHOWN = 50
"""In what is said of a project at a glance (ours)."""

MOST_RECENT = 2**21
"""Identities remembered for finding duplicates, whatever the window: 32 MiB a project; of all together see `Account`."""


@dataclass(slots=True)
class Plan:
    """What is to be done with a batch; nothing has changed yet."""

    settled: Settled
    written: Written
    received: int
    dropped: dict[str, int]


class Account:
    """What all projects take together, kept up as they change."""

    def __init__(self, bytes_in_total: int) -> None:
        """Of so many bytes of spans; what came lately may take a sixteenth of that beside them."""
        self.bytes = 0
        self.file_bytes = 0
        self.remembered = Remembered(min(max(bytes_in_total // 16, 2**20), REMEMBERED_BYTES))
        self._lock = threading.Lock()

    def add(self, memory_bytes: int, file_bytes: int) -> None:
        """A project takes so much more, or less."""
        with self._lock:
            self.bytes += memory_bytes
            self.file_bytes += file_bytes


@dataclass(eq=False)
class Project:
    """Everything the engine holds of one. `lock` is held for whatever changes it, and never while a disk is waited for."""

    name: str
    window_ns: int
    account: Account
    segments: Segments = ()
    mark: int = 0
    received: int = 0
    evicted: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    bytes: int = 0
    """In memory."""
    file_bytes: int = 0
    """In files."""
    born: int = 0
    """The journal's record that it begins with."""
    number: int = 0
    """The journal's last record of it."""
    over: bool = False
    """It was dropped; whoever still has it looks for the one that now has its name."""
    state: object = field(default_factory=object)
    """Stands for the segments that there are now: another as soon as there are others."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    writing: threading.Lock = field(default_factory=threading.Lock)
    """Held while a batch is on its way into the journal; taken before `lock`."""
    evicting: threading.Lock = field(default_factory=threading.Lock)
    """Held while room is made; taken before `lock`."""
    merging: threading.Lock = field(default_factory=threading.Lock)
    """Held while segments are merged or put into files; taken before `lock`."""

    def __post_init__(self) -> None:
        self.recent = RecentIds(self.window_ns, MOST_RECENT, self.account.remembered)
        self.parts = RecentIds(self.window_ns, MOST_RECENT, self.account.remembered)
        """Of the recent spans those that are parts or have some, by `span_of` their keys."""

    @classmethod
    def recovered(cls, name: str, window_ns: int, account: Account, found: Recovered) -> Project:
        """As it was found on disk."""
        entry = found.entry
        project = cls(name, window_ns, account, born=entry.born, number=entry.number, mark=entry.mark)
        project.received, project.dropped = entry.received, dict(entry.dropped)
        project.place(tuple(sorted((*found.segments, *found.loose), key=lambda part: part.first_mark)))
        # Spans that were evicted and whose journal is still there come back; so this is derived, not stored.
        stored = sum(part.alive for part in project.segments)
        project.evicted = entry.received - stored - sum(entry.dropped.values())
        return project

    def remember_held(self) -> None:
        """After a restart: its latest spans came lately, should they come again."""
        self.recent.clear()
        self.parts.clear()
        newest_ns = self.segments[-1].newest_arrived_ns if self.segments else 0
        for part in self.segments if self.window_ns else ():
            if part.newest_arrived_ns >= newest_ns - self.window_ns:
                keys = Identities.of(part.batch).keys()
                self.remember(part.batch, keys, part.marks, part.newest_arrived_ns)

    # What it holds

    def place(self, segments: Segments) -> None:
        """These are its segments now."""
        self.segments = segments
        self._count(
            sum(segment.nbytes for segment in segments),
            sum(segment.file.nbytes for segment in segments if segment.file is not None),
        )

    def _count(self, memory_bytes: int, file_bytes: int) -> None:
        self.state = object()  # after the segments: who began with the others has the other
        self.account.add(memory_bytes - self.bytes, file_bytes - self.file_bytes)
        self.bytes, self.file_bytes = memory_bytes, file_bytes

    def append(self, segments: Sequence[Segment]) -> None:
        """These came."""
        self.segments += tuple(segments)
        self._count(self.bytes + sum(segment.nbytes for segment in segments), self.file_bytes)

    @property
    def unfiled(self) -> Segments:
        """The segments that are in memory only; they are the last ones."""
        return tuple(segment for segment in self.segments if segment.file is None)

    # Writing

    def plan(self, batch: SpanBatch, arrived_ns: int, dropped: Mapping[str, int]) -> Plan:
        """What becomes of a batch."""
        if self.window_ns and len(batch):
            held = Held(
                self.recent,
                self.parts,
                lambda marks: row.alive(self.segments, marks),
                lambda marks: row.rows_at(self.segments, marks),
            )
            settled = settle(batch, held, arrived_ns)
        else:
            settled = Settled(batch, np.empty(0, np.uint64), np.empty(0, np.int64))
        written = Written(
            self.mark + len(settled.batch),
            len(batch) - settled.kept_once,
            settled.duplicates,
            settled.replaced,
            settled.merged,
        )
        counts: dict[str, int] = {}
        for reason, number in (*dropped.items(), *written.kept_once().items()):
            if number:
                counts[reason] = counts.get(reason, 0) + number
        return Plan(settled, written, len(batch) + sum(dropped.values()), counts)

    def apply(self, plan: Plan, arrived_ns: int, segment_spans: int) -> None:
        """Do what was planned; nothing but evicting and merging happened since."""
        settled, batch = plan.settled, plan.settled.batch
        if len(settled.gone):
            self.place(row.without(self.segments, settled.gone))
        if self.window_ns and len(batch):
            marks = np.arange(self.mark + 1, self.mark + len(batch) + 1)
            self.remember(batch, settled.keys, marks, arrived_ns)
        self.append(Segment.pieces(batch, self.mark + 1, arrived_ns, segment_spans))
        self.mark += len(batch)
        self.received += plan.received
        for reason, number in plan.dropped.items():
            self.dropped[reason] = self.dropped.get(reason, 0) + number

    def remember(self, batch: SpanBatch, keys: row.Keys, marks: row.Marked, arrived_ns: int) -> None:
        """These came lately, should they come again."""
        self.recent.add(keys, marks, arrived_ns)
        flags = batch.column("marks") & np.uint16(Marks.TIME_INVENTED | Marks.MERGED)
        if flags.any():
            parts = np.flatnonzero(flags)
            self.parts.add(span_of(keys[parts]), marks[parts], arrived_ns)

    def give_up(self, segments: Segments, left: Segment | None) -> bool:
        """Some rows of neighbouring segments go, all that are not `left`; False when the segments went or changed meanwhile."""
        with self.lock:
            now = row.swapped(self.segments, segments, *(() if left is None else (left,)))
            if now is None:
                return False
            before = sum(segment.alive for segment in segments)
            self.evicted += before - (0 if left is None else left.alive)
            self.place(now)
        return True

    def lose(self, file: Path) -> int:
        """A file is damaged: its spans are gone; how many."""
        with self.lock:
            lost = [part for part in self.segments if part.file is not None and part.file.path == file]
            rows = sum(part.alive for part in lost)
            if lost:
                self.dropped["damaged"] = self.dropped.get("damaged", 0) + rows
                self.place(tuple(part for part in self.segments if part not in lost))
        return rows

    def leave(self) -> Segments:
        """It was dropped: nothing of it counts any more; what it held."""
        held = self.segments
        self.over = True
        self.place(())
        self.recent.clear()
        self.parts.clear()
        return held

    def empty(self) -> Segments:
        """Let go of all; what it held."""
        held = self.segments
        self.evicted += sum(segment.alive for segment in held)
        self.place(())
        self.recent.clear()
        self.parts.clear()
        return held

    # What to say of it

    def stats(self) -> ProjectStats:
        """At a glance."""
        with self.lock:
            segments = self.segments
            stored = sum(segment.alive for segment in segments)
            duplicates = self.dropped.get("duplicate", 0)
            ledger = Ledger(self.received, stored, dict(self.dropped), self.evicted, duplicates)
            mark, memory_bytes, file_bytes = self.mark, self.bytes, self.file_bytes
        window_ns = held_ns(segments)
        services = windows(segments, SERVICES_SHOWN)
        since_us = segments[0].oldest_arrived_ns // 1000 if segments else None
        return ProjectStats(
            self.name, stored, memory_bytes, window_ns // 1000, mark, ledger, file_bytes, services, since_us
        )

    def entry(self) -> ProjectEntry:
        """For the manifest."""
        with self.lock:
            unfiled = self.unfiled
            return ProjectEntry(
                born=self.born,
                number=self.number,
                mark=self.mark,
                filed=unfiled[0].first_mark - 1 if unfiled else self.mark,
                received=self.received,
                dropped=dict(self.dropped),
                files=[file_entry(segment) for segment in self.segments if segment.file is not None],
            )

    def put_in_file(self, was: Segment, stored: Segment) -> bool:
        """A segment is in a file now; False when it went meanwhile. Rows that died meanwhile are dead in it, too."""
        with self.lock:
            for i, segment in enumerate(self.segments):
                if segment.batch is was.batch:
                    now = replace(stored, dead=segment.dead)
                    self.place((*self.segments[:i], now, *self.segments[i + 1 :]))
                    return True
        return False
