"""A row of segments in order of arrival: rows found by their marks, and which neighbours to merge next."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

import numpy as np
import numpy.typing as npt

from satellite.model.spans import SpanBatch, SpanBuilder
from satellite.store.distinct import distinct
from satellite.store.recall.segment import Mask, Segment

Marked = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]
Segments = tuple[Segment, ...]

MERGE_WIDTH = 8
"""So many neighbours of one size class become one of the next: a span is moved once per class."""


def loose(segments: Sequence[Segment]) -> int:
    """How many are not sealed; they are the last ones."""
    return sum(1 for _ in takewhile(lambda segment: not segment.sealed, reversed(segments)))


def loose_are_more(segments: Sequence[Segment], most: int) -> bool:
    """Whether more than so many are not sealed."""
    return len(segments) > most and not segments[-most - 1].sealed


def merge_step(sizes: Sequence[int], segment_spans: int) -> tuple[int, int, bool] | None:
    """Which of the unsealed segments to merge next: (first, one after the last, whether that seals them).

    The oldest are sealed as soon as one more would not fit; before that, MERGE_WIDTH neighbours of one size class,
    and the smaller ones that came after them, become one, unless that is more than half a full segment, which is
    sealed from its parts as well. None: leave them.
    """
    total = 0
    for stop, size in enumerate(sizes):
        if total + size > segment_spans:
            return 0, max(stop, 1), True
        total += size
    if total == segment_spans:
        return 0, len(sizes), True
    for size_class in sorted({_size_class(size) for size in sizes}):
        start = len(sizes)
        while start and _size_class(sizes[start - 1]) <= size_class:
            start -= 1
        if 2 * sum(sizes[start:]) > segment_spans:
            return None
        if sum(_size_class(size) == size_class for size in sizes[start:]) >= MERGE_WIDTH:
            return start, len(sizes), False
    return None


def _size_class(size: int) -> int:
    """Classes are powers of MERGE_WIDTH wide."""
    return (size.bit_length() - 1) // 3


def _owners(segments: Sequence[Segment], marks: Marked) -> Marked:
    """The position of the segment that each mark belongs to; -1: before the first."""
    return np.searchsorted([segment.first_mark for segment in segments], marks, side="right") - 1


def alive(segments: Sequence[Segment], marks: Marked) -> Mask:
    """Which of these marks are held: neither evicted nor replaced."""
    owners = _owners(segments, marks)
    held = owners >= 0
    for owner in distinct(owners[held]).tolist():
        mine = owners == owner
        held[mine] = segments[owner].holds(marks[mine])
    return held


def rows_at(segments: Sequence[Segment], marks: Marked) -> SpanBatch:
    """The rows with these marks, which are held; same order."""
    owners = _owners(segments, marks)
    parts, places = [SpanBuilder().build()], []
    for owner in distinct(owners).tolist():
        mine = np.flatnonzero(owners == owner)
        segment = segments[owner]
        parts.append(segment.batch.take(segment.rows_at(marks[mine])).compact())
        places.append(mine)
    found = SpanBatch.concat(parts)
    return found.take(np.argsort(np.concatenate(places))) if places else found


def without(segments: Segments, marks: Marked) -> Segments:
    """The same segments with the rows of these marks dead; marks that are not held do not matter."""
    marks = marks[alive(segments, marks)]
    left = list(segments)
    owners = _owners(segments, marks)
    for owner in distinct(owners).tolist():
        left[owner] = left[owner].without(left[owner].rows_at(marks[owners == owner]).tolist())
    return tuple(left)


def swapped(segments: Segments, parts: Segments, *instead: Segment) -> Segments | None:
    """Others in the place of these neighbours; None: they are not there any more, or changed."""
    try:
        at = segments.index(parts[0])
    except ValueError:
        return None
    if segments[at : at + len(parts)] != parts:
        return None
    return (*segments[:at], *instead, *segments[at + len(parts) :])


def runs(segments: Segments, segment_spans: int) -> list[Segments]:
    """Neighbours that make one full segment together, or less; without those that are best left as they are."""
    found: list[Segments] = []
    run: Segments = ()
    rows = 0
    for segment in segments:
        if run and rows + segment.alive > segment_spans:
            found.append(run)
            run, rows = (), 0
        run += (segment,)
        rows += segment.alive
    found += [run] if run else []
    return [run for run in found if len(run) > 1 or len(run[0].dead) or not run[0].sealed]
