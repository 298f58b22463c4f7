"""Puts what is sealed into files, beside everything else: a thread with a disk to wait for, so that nobody else does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

from satellite.store.durable.manifest import ProjectEntry
from satellite.store.recall import row
from satellite.store.recall.disk import Disk
from satellite.store.recall.project import Project
from satellite.store.recall.segment import Segment

PAUSE_SECONDS = 1.0
"""Between two looks when nothing calls for one (ours)."""


def tell_python(what: str, error: Exception) -> None:  # noqa: ARG001 - the thread's name says it
    """Say what a thread could not do as Python says it of one that ended."""
    thread = threading.current_thread()
    threading.excepthook(threading.ExceptHookArgs((type(error), error, error.__traceback__, thread)))


class Keeper:
    """One for a store with a disk."""

    def __init__(
        self, disk: Disk, projects: Mapping[str, Project], failed: Callable[[str, Exception], None]
    ) -> None:
        """For these projects, whose mapping grows and shrinks; `start` begins. `failed`: see RecallStore."""
        self._disk = disk
        self._failed = failed
        self._projects = projects
        self._changed: set[Project] = set()
        self._gone: set[str] = set()
        self._due = False
        self._closed = False
        self._wake = threading.Condition()
        self._turn = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="recall-keep", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def changed(self, project: Project, *, due: bool = False) -> None:
        """What the manifest says of a project is out of date; `due`: and it should be written soon."""
        with self._wake:
            self._changed.add(project)
            self._due |= due
            if due:
                self._wake.notify_all()

    def discard(self, project: Project, segments: Sequence[Segment]) -> None:
        """These are no longer of a project: their files go."""
        self._disk.discard(segments)
        self.changed(project, due=True)

    def dropped(self, project: Project) -> None:
        """It is gone."""
        with self._wake:
            self._changed.discard(project)
            self._gone.add(project.name)
            self._due = True
            self._wake.notify_all()

    def _work(self) -> None:
        while True:
            with self._wake:
                if not self._closed and not self._due:
                    self._wake.wait(PAUSE_SECONDS)
                if self._closed:
                    return
            try:
                self.turn()
            except Exception as error:  # noqa: BLE001 - what comes is still to be filed
                self._failed("filing", error)
                with self._wake:
                    self._wake.wait_for(lambda: self._closed, PAUSE_SECONDS)

    def turn(self) -> None:
        """File what is sealed and what makes the journal long, say so in the manifest, remove what is not needed.

        A disk that does not take it now is tried again in the next turn.
        """
        with self._turn:
            if self._disk.problem:
                self._disk.probe()
            with self._wake:
                changed = list(self._changed)
            try:
                for project in changed:
                    self._file_sealed(project)
                for name in self._disk.holding():
                    if name in self._projects:
                        self.file_all(self._projects[name])
                    self._due = True
                if self._due:
                    self._checkpoint()
            except OSError:
                return  # `Disk.problem` says why
            self._disk.sweep()

    def _checkpoint(self) -> None:
        with self._wake:
            changed, self._changed = self._changed, set()
            gone, self._gone = self._gone, set()
            self._due = False

        def capture() -> dict[str, ProjectEntry | None]:
            entries: dict[str, ProjectEntry | None] = dict.fromkeys(gone)
            for project in changed:
                if not project.over:
                    entries[project.name] = project.entry()
            return entries

        try:
            self._disk.checkpoint(capture)
        except OSError:
            with self._wake:
                self._changed |= changed
                self._gone |= gone
                self._due = True
            raise
        sealed = {one for one in changed if not one.over and any(part.sealed for part in one.unfiled)}
        with self._wake:
            self._changed |= sealed  # since they were looked at: they are filed in the next turn

    def _file_sealed(self, project: Project) -> None:
        with project.merging:
            for segment in project.unfiled:
                if segment.sealed:
                    self._file(project, segment)

    def file_all(self, project: Project) -> None:
        """Put all of a project into files, small as they may be. Raises OSError."""
        with project.merging:
            while True:
                segments = project.segments
                tail = segments[len(segments) - row.loose(segments) :]
                small = all(segment.file is not None for segment in tail)
                if len(tail) < 2 or small or sum(map(len, tail)) > self._disk.segment_spans:
                    break
                merged = self._disk.file(project.name, project.born, Segment.merged(tail, sealed=False))
                self.swap(project, tail, merged)
            for segment in project.unfiled:
                self._file(project, segment)

    def swap_filed(self, project: Project, parts: row.Segments, merged: Segment) -> bool:
        """The same with a merged segment that gets its file first; False when the disk does not take it."""
        try:
            self.swap(project, parts, self._disk.file(project.name, project.born, merged))
        except OSError:
            return False
        return True

    def swap(self, project: Project, parts: row.Segments, merged: Segment) -> None:
        """Put one segment in the place of its parts, unless they changed meanwhile; old files go."""
        with project.lock:
            now = row.swapped(project.segments, parts, merged)
            if now is not None:
                project.place(now)
        self._disk.discard([merged] if now is None else parts)
        self.changed(project, due=True)

    def _file(self, project: Project, segment: Segment) -> None:
        stored = self._disk.file(project.name, project.born, segment)
        if not project.put_in_file(segment, stored):
            self._disk.discard([stored])
        self.changed(project, due=True)

    def close(self) -> None:
        """Write the manifest a last time; nobody writes spans any more."""
        with self._wake:
            self._closed = True
            self._wake.notify_all()
        self._thread.join()
        self._due = True
        self.turn()
