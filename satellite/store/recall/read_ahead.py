"""Reading ahead: who goes through files one after another finds the parts of the next ones on their way from the disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from satellite.store.recall.segment_file import SegmentFile

FILES = 8
"""So many files are read ahead: a disk has enough to do with parts of 50 to 500 KiB (ours)."""

_ahead: ContextVar[ReadAhead | None] = ContextVar("read_ahead", default=None)


class ReadAhead:
    """One question's way through some files. A part that two neighbours were asked for, the next ones will be, too."""

    def __init__(self, files: Sequence[SegmentFile]) -> None:
        """In the order in which they are asked."""
        self._files = files
        self._place = {id(file): place for place, file in enumerate(files)}
        self._asked: dict[object, int] = {}
        """Of each part the file that was asked for it last."""
        self._expected: dict[object, int] = {}
        """The last file that reads it."""

    def asked(self, file: SegmentFile, part: object, expect: Callable[[SegmentFile], None]) -> None:
        """A file reads this part; `expect` has another one read its own."""
        place = self._place.get(id(file))
        if place is None:
            return
        if self._asked.get(part) == place - 1:
            begin = max(place, self._expected.get(part, 0)) + 1
            end = min(place + FILES, len(self._files) - 1)
            for following in self._files[begin : end + 1]:
                expect(following)
            self._expected[part] = end
        self._asked[part] = place


@contextmanager
def reading_ahead(files: Sequence[SegmentFile]) -> Iterator[None]:
    """What is asked of these files within the block is one way through them."""
    token = _ahead.set(ReadAhead(files) if len(files) > 1 else None)
    try:
        yield
    finally:
        _ahead.reset(token)


def now() -> ReadAhead | None:
    """That of the question which this thread answers."""
    return _ahead.get()
