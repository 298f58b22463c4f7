"""The log itself: the newest requests of each project, and of those that reached none, within bounds of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import NamedTuple

from satellite.requests.entry import Entry

NOBODY = ""
"""The name under which requests stand that reached no project."""

ENTRY_BYTES = 800
"""What an entry takes beside its texts and bodies; measured at about this."""

CUT_BYTES = 64 * 2**10
"""What is left of a body that would take more than a quarter of its project's room (ours)."""

MARKS_REMEMBERED = 256
"""Of a project: where the log stood when a mark was given out (ours)."""

IDLE_PROJECTS = 1000
"""Projects without an entry whose marks are remembered; those that were first go first (ours)."""


@dataclass(slots=True)
class _Project:
    entries: deque[Entry] = field(default_factory=deque)
    bytes: int = 0
    marks: OrderedDict[int, tuple[int, int, int]] = field(default_factory=OrderedDict)
    """Mark → number of the last request, and how many connections and troubles there were, before it was given out."""


TROUBLES_REMEMBERED = 100
"""Connections that came to nothing, the last ones (ours)."""


class Trouble(NamedTuple):
    """A connection that came to nothing."""

    kind: str
    port: int
    peer: str
    advice: str


class Around(NamedTuple):
    """What came besides a project's own requests."""

    connections: int
    """To ports for reports; those of `grpc_engine = grpcio` are not counted."""
    earlier: int
    """Those before, which may still be used."""
    others: dict[str, list[Entry]]
    """Requests of other projects, and of NOBODY."""
    troubles: list[Trouble]
    """The last ones."""


class RequestLog:
    """Keeps entries; safe to use from any thread. Numbers grow over all projects."""

    def __init__(self, *, bytes_per_project: int, bytes_in_total: int) -> None:
        """Nothing is kept when either bound is 0."""
        self.on = bytes_per_project > 0 and bytes_in_total > 0
        self._bytes_per_project = min(bytes_per_project, bytes_in_total)
        self._bytes_in_total = bytes_in_total
        self._lock = threading.Lock()
        self._projects: dict[str, _Project] = {}
        self._number = 0
        self._connections = 0
        self._troubled = 0
        self._troubles: deque[Trouble] = deque(maxlen=TROUBLES_REMEMBERED)
        self.bytes = 0
        """What it takes, about."""

    def connected(self, number: int = 1) -> None:
        """So many more connected to a port for reports; -1: one was none, it ended without a byte. Told by one thread."""
        self._connections += number

    def troubled(self, trouble: Trouble) -> None:
        """A connection came to nothing, whatever the port."""
        with self._lock:
            self._troubled += 1
            self._troubles.append(trouble)

    def add(self, entry: Entry) -> None:
        """One more request; the oldest go when there is no room."""
        size = len(entry.body)
        entry.answer_bytes = len(entry.answer)
        entry.body_bytes = max(entry.body_bytes, size)
        if size * 4 > self._bytes_per_project:
            entry.body = entry.body[:CUT_BYTES]
        if entry.answer_bytes > CUT_BYTES:
            entry.answer = entry.answer[:CUT_BYTES]
        size = _size(entry)
        with self._lock:
            self._number = entry.number = self._number + 1
            kept = self._projects.get(entry.project) or self._begin(entry.project)
            kept.entries.append(entry)
            kept.bytes += size
            self.bytes += size
            while kept.bytes > self._bytes_per_project and len(kept.entries) > 1:
                self._forget_oldest(kept)
            if self.bytes > self._bytes_in_total:
                self._make_room()

    def _begin(self, project: str) -> _Project:
        if len(self._projects) >= IDLE_PROJECTS:
            idle = next((name for name, kept in self._projects.items() if not kept.entries), None)
            if idle is not None:
                del self._projects[idle]
        begun = self._projects[project] = _Project()
        return begun

    def _make_room(self) -> None:
        """The largest give way, so that a quiet project keeps its own."""
        wanted = self._bytes_in_total - self._bytes_in_total // 16
        while self.bytes > wanted:
            largest = max(self._projects.values(), key=lambda kept: kept.bytes)
            for _ in range(max(1, len(largest.entries) // 8)):
                self._forget_oldest(largest)

    def _forget_oldest(self, kept: _Project) -> None:
        size = _size(kept.entries.popleft())
        kept.bytes -= size
        self.bytes -= size

    def entries(self, project: str) -> list[Entry]:
        """Those of a project that are kept, the oldest first; NOBODY: those that reached none."""
        with self._lock:
            kept = self._projects.get(project)
            return list(kept.entries) if kept else []

    def marked(self, project: str, mark: int) -> None:
        """A mark was given out: requests from now on are `since` it."""
        with self._lock:
            kept = self._projects.get(project) or self._begin(project)
            kept.marks.pop(mark, None)
            kept.marks[mark] = self._number, self._connections, self._troubled
            if len(kept.marks) > MARKS_REMEMBERED:
                kept.marks.popitem(last=False)

    def since(self, project: str, mark: int) -> list[Entry]:
        """Entries that came after a mark; exactly, when `marked` heard of it, else from the first on that brought later spans."""
        with self._lock:
            kept = self._projects.get(project)
            if kept is None:
                return []
            entries = list(kept.entries)
            number = kept.marks.get(mark, (None if mark else 0, 0, 0))[0]
        if number is None:
            later = (entry.number for entry in entries if entry.mark > mark)
            number = next(later, entries[-1].number + 1 if entries else 0) - 1
        return [entry for entry in entries if entry.number > number]

    def around(self, project: str, mark: int) -> Around:
        """What came to all projects since a mark of this one was given out; since the start, when nobody heard of it."""
        with self._lock:
            kept = self._projects.get(project)
            number, connections, troubled = kept.marks.get(mark, (0, 0, 0)) if kept else (0, 0, 0)
            others = {
                name: [entry for entry in one.entries if entry.number > number]
                for name, one in self._projects.items()
                if name != project
            }
            return Around(
                max(0, self._connections - connections),
                min(connections, self._connections),
                {name: found for name, found in others.items() if found},
                list(self._troubles)[max(0, len(self._troubles) - (self._troubled - troubled)) :],
            )

    def drop(self, project: str) -> None:
        """Forget all of a project."""
        with self._lock:
            kept = self._projects.pop(project, None)
            if kept is not None:
                self.bytes -= kept.bytes

    def clear(self, project: str) -> None:
        """Forget the requests of a project; its marks hold."""
        with self._lock:
            kept = self._projects.get(project)
            if kept is not None:
                self.bytes -= kept.bytes
                kept.bytes = 0
                kept.entries.clear()


def _size(entry: Entry) -> int:
    texts = len(entry.path) + len(entry.message) + len(entry.service)
    return ENTRY_BYTES + len(entry.fields) + len(entry.body) + len(entry.answer) + texts
