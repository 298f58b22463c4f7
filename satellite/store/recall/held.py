"""The contract's questions about spans that somebody else holds: whole traces, some of which stand for others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain

import numpy as np

from satellite.model.spans import SpanBatch
from satellite.query.plan import Plan
from satellite.store import Histogram
from satellite.store.assembled import Assembled, picked
from satellite.store.recall.questions import RecallQuestions
from satellite.store.recall.segment import SEGMENT_SPANS, Segment
from satellite.store.recall.terms import match


class HeldSpans(RecallQuestions):
    """Answers about one project from the traces that were put together; the same at any time."""

    def __init__(
        self, project: str, traces: Assembled, exact: Mapping[Plan, Histogram], recall_window_us: int
    ) -> None:
        """See `Questions.over`."""
        self._project = project
        self._traces = traces
        self._exact = dict(exact)
        self._recall_window_us = recall_window_us
        self._sampled = traces.held < traces.traces
        self._parts = tuple(self._held())

    def _held(self) -> Iterator[Segment]:
        begin = 0
        for batch in chain.from_iterable(map(_pieces, self._traces.parts)):
            rows = slice(begin, begin + len(batch))
            weights = self._traces.weights[rows] if self._sampled else None
            yield Segment.held(batch, self._traces.marks[rows], weights)
            begin += len(batch)

    def moment(self, project: str) -> tuple[tuple[Segment, ...], int]:
        """See RecallQuestions."""
        if project != self._project or not self._parts:
            return (), 0
        return self._parts, self._parts[-1].last_mark

    def recall_window_us(self, project: str) -> int:
        """See Questions."""
        return self._recall_window_us if project == self._project else 0

    def histogram(self, project: str, plan: Plan) -> Histogram:
        """See Questions."""
        exact = self._exact.get(plan) if project == self._project else None
        return exact or super().histogram(project, plan)

    def assemble(
        self, project: str, plan: Plan, *, traces_max: int, seed: int = 0, bare: bool = False
    ) -> Assembled:
        """See Questions. Which traces stand for others was settled when they were put together."""
        whole = self._traces
        if project != self._project or whole.held > traces_max:
            return super().assemble(project, plan, traces_max=traces_max, seed=seed, bare=bare)
        matched = np.zeros(len(whole.marks), np.bool_)
        begin = 0
        for segment in self._parts:
            mask = match(segment, plan)
            matched[begin : begin + len(segment)] = True if mask is None else mask
            begin += len(segment)
        wanted = np.zeros(whole.held, np.bool_)
        wanted[whole.trace[matched]] = True
        rows = wanted[whole.trace]
        weights = whole.weights[matched]
        return Assembled(
            parts=picked([part.bare() for part in whole.parts] if bare else whole.parts, rows),
            marks=whole.marks[rows],
            trace=(np.cumsum(wanted) - 1)[whole.trace[rows]],
            matched=matched[rows],
            weights=whole.weights[rows],
            spans=round(weights.sum()),
            errors=round(weights[whole.is_error[matched]].sum()),
            traces=round(whole.trace_weights()[wanted].sum()),
        )


def _pieces(batch: SpanBatch) -> Iterator[SpanBatch]:
    """The rows in order, in batches that a segment can have."""
    for start in range(0, len(batch), SEGMENT_SPANS):
        stop = min(start + SEGMENT_SPANS, len(batch))
        yield batch if stop - start == len(batch) else batch.slice(start, stop).compact()
