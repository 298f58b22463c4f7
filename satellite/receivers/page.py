"""What all processes of a satellite must know at every moment: numbers in memory that they share.

Each number has one writer, so nothing is locked. A number read is at most one report old.
"""

from __future__ import annotations

import mmap
import os
import sys
import tempfile
import threading
from typing import Self

_EARLY, _READY, _SPARE, _SPANS, _FENCES = range(5)
_HEAD = 8
_WAITING, _FULL, _WIDTH = 0, 1, 8
"""Where a process's numbers are, and how many each process has: as many as are in a line of a processor's cache."""

STORE = 0
"""The number of the store's process, which takes what is imported; receivers count from 1."""


class Page:
    """The numbers; made by the store's process, found by a receiver through the file descriptor."""

    def __init__(self, descriptor: int) -> None:
        """Over a file that `create` made."""
        self.descriptor = descriptor
        self._cells = memoryview(mmap.mmap(descriptor, 0)).cast("q")
        self._counting = threading.Lock()

    @classmethod
    def create(cls, receivers: int) -> Self:
        """All zero, for the store's process and so many receivers."""
        if sys.platform == "linux":
            descriptor = os.memfd_create("satellite")
        else:
            with tempfile.TemporaryFile() as file:
                descriptor = os.dup(file.fileno())
        os.ftruncate(descriptor, (_HEAD + (1 + receivers) * _WIDTH) * 8)
        return cls(descriptor)

    def close(self) -> None:
        """Let go of the file; the numbers go with the last process."""
        os.close(self.descriptor)

    @property
    def early(self) -> bool:
        """Whether there are faults that edges must ask about."""
        return bool(self._cells[_EARLY])

    @early.setter
    def early(self, value: bool) -> None:
        self._cells[_EARLY] = value

    @property
    def ready(self) -> bool:
        """Whether the satellite is."""
        return bool(self._cells[_READY])

    @ready.setter
    def ready(self, value: bool) -> None:
        self._cells[_READY] = value

    @property
    def spare_bytes(self) -> int:
        """How much more memory may be taken, by all processes together."""
        return self._cells[_SPARE]

    @spare_bytes.setter
    def spare_bytes(self, value: int) -> None:
        self._cells[_SPARE] = value

    @property
    def spans(self) -> int:
        """Spans of all reports that were taken since the start."""
        return self._cells[_SPANS]

    @property
    def fences(self) -> int:
        """How many waits have begun that go by reports which begin after them, see `explore/fence.py`."""
        return self._cells[_FENCES]

    def begin_fence(self) -> int:
        """One more, by its number; in the thread of the event loop."""
        self._cells[_FENCES] += 1
        return self._cells[_FENCES]

    def count(self, spans: int) -> None:
        """So many more; from any thread of the store's process."""
        with self._counting:
            self._cells[_SPANS] += spans

    def tell(self, process: int, waiting_bytes: int, *, full: bool) -> None:
        """What waits at a process, and whether it refuses more."""
        at = _HEAD + process * _WIDTH
        self._cells[at + _WAITING] = waiting_bytes
        self._cells[at + _FULL] = full

    def waiting_bytes(self, *, but: int = -1) -> int:
        """What waits at all processes, or at all but one."""
        waiting = self._cells[_HEAD + _WAITING :: _WIDTH].tolist()
        return sum(waiting) - (waiting[but] if but >= 0 else 0)

    @property
    def full(self) -> bool:
        """Whether any process refuses more."""
        return any(self._cells[_HEAD + _FULL :: _WIDTH].tolist())
