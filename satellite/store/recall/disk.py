"""A data directory beneath the engine: what it takes in goes into the journal, what is sealed into files.

The engine decides what is kept; here it is made to last, and found again. Order is everything: a file is whole before
the manifest names it, the manifest is written before the journal is cut, and only then old files are removed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from satellite.errors import Overloaded
from satellite.model.spans import SpanBatch
from satellite.store.distinct import distinct
from satellite.store.durable import manifest
from satellite.store.durable.directory import BadDataDirectory, Directory
from satellite.store.durable.files import Damage, Refusal
from satellite.store.durable.journal import Entry, Journal
from satellite.store.durable.manifest import FileEntry, Manifest, ProjectEntry, Unreadable
from satellite.store.recall import records, segment_file
from satellite.store.recall.records import Emptied, Forgotten, Kept, Record
from satellite.store.recall.segment import Segment
from satellite.store.recall.segment_file import DamagedFile, Head, NewerFile, SegmentFile
from satellite.store.recall.tally import prepare

Marked = npt.NDArray[np.int64]

JOURNAL_BYTES = 256 * 2**20
"""Beyond it the spans that its oldest file is kept for are put into files of their own (ours)."""

GRACE_SECONDS = 60.0
"""So long a file stays after the manifest has stopped naming it: whoever copies the directory meanwhile gets a whole
one (ours)."""

GATHERED = 512
"""Batches of the journal that become one segment when they are read back (ours)."""


@dataclass(slots=True)
class Recovered:
    """A project as it is found."""

    entry: ProjectEntry
    segments: list[Segment] = field(default_factory=list)
    """From files."""
    loose: list[Segment] = field(default_factory=list)
    """From the journal."""
    gone: list[Marked] = field(default_factory=list)
    """Marks whose rows are dead."""
    counts_lost: bool = False
    """The manifest was damaged: what arrived before is counted as what is there."""
    _small: list[Segment] = field(default_factory=list)
    """The last ones from the journal, until they make a segment together."""
    _small_rows: int = 0

    def add(self, segment: Segment, segment_spans: int) -> None:
        """The next one from the journal."""
        if self._small_rows + len(segment) > segment_spans and self._small:
            self.loose.append(Segment.merged(self._small, sealed=True))
            self._small, self._small_rows = [], 0
        self._small.append(segment)
        self._small_rows += len(segment)
        if len(self._small) >= GATHERED:
            self._small = [Segment.merged(self._small, sealed=False)]

    def empty(self, mark: int) -> None:
        """Nothing up to this mark is left."""
        self.segments = [part for part in self.segments if part.first_mark > mark]
        self.loose = [part for part in self.loose if part.first_mark > mark]
        self._small = [part for part in self._small if part.first_mark > mark]
        self._small_rows = sum(map(len, self._small))
        self.entry.filed = max(self.entry.filed, mark)

    def finish(self) -> None:
        """Put together what is left to put together."""
        if self._small:
            parts = self._small
            self.loose.append(Segment.merged(parts, sealed=False) if len(parts) > 1 else parts[0])
        if self.gone:
            gone = distinct(np.concatenate(self.gone))
            self.segments = [_without(part, gone) for part in self.segments]
            self.loose = [_without(part, gone) for part in self.loose]
        if self.counts_lost:
            stored = sum(part.alive for part in (*self.segments, *self.loose))
            self.entry.received = stored + sum(self.entry.dropped.values())


class Disk:
    """Safe for several threads."""

    def __init__(
        self,
        directory: Directory,
        *,
        segment_spans: int,
        clock_seconds: Callable[[], float],
        journal_bytes: int = JOURNAL_BYTES,
    ) -> None:
        """Over a directory that is taken; `recover` comes first.

        Args:
            directory: the folder.
            segment_spans: rows of a full segment.
            clock_seconds: monotonic, for how long files stay that nothing names any more.
            journal_bytes: beyond it the journal is cut by filing what holds it; each of its files has a quarter.
        """
        self._directory = directory
        self.segment_spans = segment_spans
        self._clock_seconds = clock_seconds
        self._journal_bytes = journal_bytes
        self._journal = Journal(directory.journal, file_bytes=max(journal_bytes // 4, 1), written=self._pin)
        self._manifest = Manifest()
        self._lock = threading.Lock()
        self._pins: dict[int, dict[str, tuple[int, int]]] = {}
        """By first number of a file of the journal: of each project its last record there, and its last mark."""
        self._generation = self._written_generation = 0
        """Of manifests: the one that is being written, or was; the last that is on disk."""
        self._unwanted: list[tuple[int, float, Path]] = []
        """Files that manifests up to a generation name, and since when they are not needed."""
        self._refusal = Refusal()
        """Of files; the journal has its own."""
        self.damage: list[Damage] = []
        """What could not be read, at start and since; the newest last."""

    @property
    def problem(self) -> str:
        """Why nothing can be written now; "" when it can."""
        reason = self._journal.problem or self._refusal.reason
        return f"the data directory {self._directory.path} cannot be written: {reason}" if reason else ""

    # Coming back

    def recover(self) -> dict[str, Recovered]:
        """Everything that was kept, by project.

        Raises:
            BadDataDirectory: a newer satellite wrote something of it.
        """
        found = self._open_files()
        for entry in self._journal.replay(self.damage):
            if not entry.payload:
                continue  # a probe
            try:
                record, batch = records.decode(entry.payload)
            except ValueError as error:
                self.damage.append(Damage(entry.path, f"record {entry.number}", str(error)))
                continue
            self._pin(entry.file, entry.number, record)
            self._apply(found, entry, record, batch)
        self._journal.start_after(self._manifest.number)
        for one in found.values():
            one.finish()
        return found

    def _open_files(self) -> dict[str, Recovered]:
        read = self._read_manifest()
        rebuilt = read is None
        self._manifest = self._manifest_of_files() if read is None else read
        found = {name: self._open_project(name, entry) for name, entry in self._manifest.projects.items()}
        for one in found.values():
            one.counts_lost = rebuilt
        named = {self._path(name, file) for name, one in found.items() for file in one.entry.files}
        for path in self._directory.spans.glob("*/*"):
            if path not in named:
                path.unlink(missing_ok=True)
        return found

    def _read_manifest(self) -> Manifest | None:
        """The manifest; None when it was lost."""
        folder = self._directory.path
        lost = "which files count, and what was counted; made anew from the files themselves"
        try:
            read = manifest.read(folder)
        except Unreadable as error:
            self.damage.append(Damage(self._directory.set_aside(folder / manifest.NAME), lost, str(error)))
            return None
        if read is None:
            if any(self._directory.spans.glob("*/*")):
                self.damage.append(Damage(folder / manifest.NAME, lost, "it is missing"))
                return None
            read = Manifest()
            manifest.write(folder, read)  # from now on one that is missing was lost
        if read.version > manifest.VERSION:
            raise BadDataDirectory(
                f"{folder / manifest.NAME} has format {read.version}; this satellite knows up to {manifest.VERSION}",
                hint="run the newer satellite that wrote it, or choose another data_dir",
            )
        return read

    def _open_project(self, name: str, entry: ProjectEntry) -> Recovered:
        found = Recovered(entry)
        for file in entry.files:
            path = self._path(name, file)
            try:
                stored = SegmentFile(path)
                found.segments.append(stored.segment(np.array(file.dead, np.int64)))
            except NewerFile as error:
                raise BadDataDirectory(
                    str(error), hint="run the newer satellite that wrote it, or choose another data_dir"
                ) from error
            except DamagedFile as error:
                self.set_aside(name, path, file.rows - len(file.dead), error.reason)
                lost = file.rows - len(file.dead)
                entry.dropped["damaged"] = entry.dropped.get("damaged", 0) + lost
        return found

    def _manifest_of_files(self) -> Manifest:
        """When the manifest is lost: the newest files that do not hold the same spans."""
        heads: dict[str, list[tuple[Head, Path]]] = {}
        for path in self._directory.spans.glob(f"*/*{segment_file.SUFFIX}"):
            try:
                head = segment_file.read_head(path)
            except DamagedFile as error:
                self.set_aside(path.parent.name, path, None, error.reason)
            except NewerFile as error:
                raise BadDataDirectory(str(error), hint="choose another data_dir") from error
            else:
                heads.setdefault(head.project, []).append((head, path))
        projects = {}
        serial = 0
        for name, known in heads.items():
            chosen: list[tuple[Head, Path]] = []
            born = max(head.born for head, _ in known)
            for head, path in sorted(known, key=lambda one: -one[0].serial):
                serial = max(serial, head.serial)
                if head.born == born and all(
                    head.last_mark < it.first_mark or head.first_mark > it.last_mark for it, _ in chosen
                ):
                    chosen.append((head, path))
            chosen.sort(key=lambda one: one[0].first_mark)
            last = chosen[-1][0].last_mark
            files = [_file_entry(head, path) for head, path in chosen]
            projects[name] = ProjectEntry(born, 0, last, last, sum(file.rows for file in files), files=files)
        return Manifest(serial=serial, projects=projects)

    def _apply(
        self, found: dict[str, Recovered], entry: Entry, record: Record, batch: SpanBatch | None
    ) -> None:
        one = found.get(record.project)
        if one is not None and entry.number < one.entry.born:
            return  # of an earlier project with this name
        match record:
            case Forgotten():
                found.pop(record.project, None)
            case Emptied() if one is not None:
                one.empty(record.mark)
                one.entry.number = max(one.entry.number, entry.number)
            case Kept():
                if one is None:
                    one = found[record.project] = Recovered(ProjectEntry(entry.number, 0, 0, 0, 0))
                self._take(one, entry.number, record, batch)

    def _take(self, one: Recovered, number: int, record: Kept, batch: SpanBatch | None) -> None:
        known = one.entry
        if batch is not None and record.first_mark + len(batch) - 1 > known.filed:
            filed = max(known.filed - record.first_mark + 1, 0)
            rest = batch.slice(filed, len(batch)).compact() if filed else batch
            first_mark, full = record.first_mark + filed, self.segment_spans
            for segment in Segment.pieces(rest, first_mark, record.arrived_ns, full):
                one.add(segment, full)
        if record.gone:
            one.gone.append(records.marks_of(record.gone))
        if number > known.number:
            known.number = number
            known.mark = max(known.mark, record.first_mark + record.rows - 1)
            known.received += record.received
            for reason, lost in record.dropped.items():
                known.dropped[reason] = known.dropped.get(reason, 0) + lost

    # Taking in

    def accept(self, entries: Sequence[tuple[Record, SpanBatch | None]]) -> int:
        """Put records into the journal; the number of the first, once all are on disk.

        Raises:
            Overloaded: the disk does not take them; nothing of them is kept.
        """
        payloads = [(records.encode(record, batch), record) for record, batch in entries]
        try:
            return self._journal.append(*payloads)
        except OSError as error:
            raise Overloaded(
                f"spans cannot be kept now, the disk does not take them: {error.strerror}",
                hint="send again later",
            ) from error

    def _pin(self, file: int, number: int, record: Record | None) -> None:
        """Remember what a file of the journal is needed for; None: a probe, for nothing."""
        if record is None:
            return
        with self._lock:
            pinned = self._pins.setdefault(file, {})
            mark = pinned.get(record.project, (0, 0))[1]
            if isinstance(record, Kept):
                mark = max(mark, record.first_mark + record.rows - 1)
            elif isinstance(record, Forgotten):
                mark = 0  # one that begins anew has marks from 1 again
            pinned[record.project] = (number, mark)

    def probe(self) -> None:
        """Find out whether a disk that failed works again."""
        if self._journal.problem:
            self._journal.probe()
        if not self._refusal.stands(self._directory.path):
            self._refusal = Refusal()

    # Files

    def file(self, project: str, born: int, segment: Segment) -> Segment:
        """The same segment, mapped from a file of its own. Raises OSError."""
        with self._lock:
            self._manifest.serial += 1
            serial = self._manifest.serial
        folder = self._directory.spans / project
        path = folder / f"{segment.first_mark:020d}-{serial}{segment_file.SUFFIX}"
        prepare(segment)
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            segment_file.write(path, project, born, serial, segment)
        except OSError as error:
            self._refusal.failed(error, segment.nbytes)
            raise
        self._refusal.worked(segment.nbytes)
        return SegmentFile(path).segment(segment.dead)

    def checkpoint(self, capture: Callable[[], Mapping[str, ProjectEntry | None]]) -> None:
        """Say what is whole now: of the projects captured (None: dropped), of all others as before. Raises OSError."""
        with self._lock:
            self._generation += 1
            generation, number = self._generation, self._journal.last
        changed = capture()
        projects = {name: entry for name, entry in self._manifest.projects.items() if name not in changed}
        projects |= {name: entry for name, entry in changed.items() if entry is not None}
        written = Manifest(serial=self._manifest.serial, number=number, projects=projects)
        try:
            manifest.write(self._directory.path, written)
        except OSError as error:
            self._refusal.failed(error, 0)
            raise
        with self._lock:
            written.serial = self._manifest.serial
            self._manifest = written
            self._written_generation = generation
        self._cut()

    def _cut(self) -> None:
        """Remove the files at the journal's front that nothing needs any more."""
        for file in self._journal.files()[:-1]:
            if self._holding(file):
                return
            self._journal.remove(file)
            with self._lock:
                self._pins.pop(file, None)

    def _holding(self, file: int) -> set[str]:
        """The projects whose records in this file are not yet elsewhere."""
        with self._lock:
            pins = dict(self._pins.get(file, {}))
        return {project for project, pin in pins.items() if self._needs(project, *pin)}

    def _needs(self, project: str, number: int, mark: int) -> bool:
        """Whether the manifest does not yet say what a project's records up to this one said."""
        entry = self._manifest.projects.get(project)
        if entry is None:
            return number > self._manifest.number
        return entry.born <= number and (entry.filed < mark or entry.number < number)

    def holding(self) -> set[str]:
        """The projects whose spans must go into files for the journal to become shorter; none while it is short."""
        files = self._journal.files()
        if len(files) < 2 or self._journal.nbytes() <= self._journal_bytes:
            return set()
        return self._holding(files[0])

    def discard(self, segments: Iterable[Segment]) -> None:
        """These segments are in no project any more; their files go when no manifest names them."""
        now = self._clock_seconds()
        with self._lock:
            self._unwanted += [
                (self._generation, now, segment.file.path) for segment in segments if segment.file is not None
            ]

    def sweep(self, *, at_once: bool = False) -> None:
        """Remove files that no manifest names and nobody may be copying any more."""
        now = self._clock_seconds()
        with self._lock:
            unwanted, self._unwanted = self._unwanted, []
        for generation, since, path in unwanted:
            if generation < self._written_generation and (at_once or now - since >= GRACE_SECONDS):
                path.unlink(missing_ok=True)
            else:
                with self._lock:
                    self._unwanted.append((generation, since, path))

    def set_aside(self, project: str, path: Path, rows: int | None, reason: str) -> None:
        """A file turned out to be damaged: out of the way, and remembered."""
        what = f"spans of project {project}" if rows is None else f"{rows:,} spans of project {project}"
        if path.exists():
            path = self._directory.set_aside(path)
        self.damage.append(Damage(path, what, reason))

    def close(self) -> None:
        """Let another satellite have the directory."""
        self._journal.close()
        self.sweep(at_once=True)
        self._directory.close()

    def _path(self, project: str, file: FileEntry) -> Path:
        return self._directory.spans / project / file.name


def file_entry(segment: Segment) -> FileEntry:
    """What the manifest says of a segment that has a file."""
    assert segment.file is not None
    entry = _file_entry(segment.file.head, segment.file.path)
    entry.dead = segment.dead.tolist()
    return entry


def _file_entry(head: Head, path: Path) -> FileEntry:
    size = sum(head.body)
    return FileEntry(
        path.name,
        head.rows,
        size,
        head.first_mark,
        head.last_mark,
        head.oldest_arrived_ns,
        head.newest_arrived_ns,
        head.dead,
    )


def _without(segment: Segment, gone: Marked) -> Segment:
    """The segment with those of these marks dead that it has."""
    here = gone[(gone >= segment.first_mark) & (gone <= segment.last_mark)]
    if segment.steps is not None:
        here = here[np.isin(here, segment.marks)]
    return segment.without(segment.rows_at(here).tolist()) if len(here) else segment
