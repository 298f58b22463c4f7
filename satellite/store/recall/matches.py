"""Which rows of which segments a plan means; what needs no more than that: counts, batches, whole traces."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from satellite.model.span import Span
from satellite.model.spans import SpanBatch
from satellite.query.limit import check
from satellite.query.plan import Plan
from satellite.store.recall.segment import Mask, Segment
from satellite.store.recall.segment_file import DamagedFile
from satellite.store.recall.terms import bounded, lacks, match, satisfies


def matches(segments: Sequence[Segment], plan: Plan) -> Iterator[tuple[Segment, Mask | None]]:
    """The segments that have any match, with the rows that do (None: all)."""
    for segment in within(segments, plan):
        first_ns, last_ns = segment.start_bounds_ns
        if (plan.oldest_ns is not None and last_ns < plan.oldest_ns) or (
            plan.youngest_ns is not None and first_ns >= plan.youngest_ns
        ):
            continue
        if lacks(segment, plan):
            continue
        mask = match(segment, plan)
        if mask is None or mask.any():
            yield segment, mask


def within(segments: Sequence[Segment], plan: Plan) -> Iterator[Segment]:
    """The segments that the plan's marks touch."""
    first = bisect_right(segments, plan.since, key=_last_mark) if plan.since else 0
    for segment in segments[first:]:
        if plan.until is not None and segment.first_mark > plan.until:
            return
        check()
        yield segment


def _last_mark(segment: Segment) -> int:
    return segment.last_mark


def of(values: npt.NDArray[Any], mask: Mask | None) -> npt.NDArray[Any]:
    """The values of the rows that match."""
    return values if mask is None else values[mask]


def size(segment: Segment, mask: Mask | None) -> int:
    """How many rows match."""
    return len(segment) if mask is None else int(np.count_nonzero(mask))


def count(segments: Sequence[Segment], plan: Plan) -> int:
    """How many spans match."""
    return sum(size(segment, mask) for segment, mask in matches(segments, plan))


class Batches(Sequence[SpanBatch]):
    """The matching rows of each segment, taken when they are asked for."""

    def __init__(
        self, segments: Sequence[Segment], plan: Plan, lose: Callable[[DamagedFile], object]
    ) -> None:
        self._found = [*matches(segments, plan)]
        self._lose = lose

    def __len__(self) -> int:
        return len(self._found)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        segment, mask = self._found[place]
        try:
            return segment.batch if mask is None else segment.batch.take(np.flatnonzero(mask)).compact()
        except DamagedFile as damaged:
            self._lose(damaged)
            raise


def funnel(segments: Sequence[Segment], plan: Plan) -> list[int]:
    """How many match the bounds and the first 0, 1, … all terms."""
    steps = [0] * (len(plan.terms) + 1)
    for segment in within(segments, plan):
        left = bounded(segment, plan)
        steps[0] += size(segment, left)
        for i, term in enumerate(plan.terms, 1):
            hit = satisfies(segment, term)
            left = hit if left is None else left & hit
            steps[i] += size(segment, left)
    return steps


def trace(segments: Sequence[Segment], high: int | None, low: int) -> list[Span]:
    """Every span of one trace, by start, then span id."""
    found = [
        (int(segment.start_ns[row]), span.span_id, span.mark, span)
        for segment in segments
        if (rows := segment.rows_of_trace(high, low))
        for row, span in zip(rows, segment.spans(rows), strict=True)
    ]
    return [span for *_, span in sorted(found, key=lambda place: place[:3])]
