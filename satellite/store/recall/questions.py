"""The contract's questions, answered from the segments of a moment; whoever has segments says which."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from satellite.errors import BadRequest
from satellite.model.span import Span
from satellite.model.spans import SpanBatch
from satellite.query.plan import Plan
from satellite.store import (
    Column,
    GroupOrder,
    Groups,
    Histogram,
    Order,
    Page,
    Questions,
    Suggestion,
    SuggestionKind,
)
from satellite.store.assembled import Assembled, Ints
from satellite.store.recall import assembly, matches
from satellite.store.recall.groups import groups
from satellite.store.recall.latencies import histogram
from satellite.store.recall.pages import find
from satellite.store.recall.segment import Segment
from satellite.store.recall.suggestions import suggest
from satellite.store.recall.timeline import timeline


class RecallQuestions(ABC):
    """Answers `satellite.store.Questions`."""

    @abstractmethod
    def moment(self, project: str) -> tuple[tuple[Segment, ...], int]:
        """The segments that the project holds now, in order of arrival, and its mark; both of one moment."""

    def _segments(self, project: str) -> tuple[Segment, ...]:
        return self.moment(project)[0]

    def find(self, project: str, plan: Plan, *, order: Order, limit: int, cursor: str | None = None) -> Page:
        """See Questions."""
        if limit < 1:
            raise BadRequest("limit: must be at least 1")
        segments, mark = self.moment(project)
        return find(segments, plan, order, limit, cursor, mark)

    def batches(self, project: str, plan: Plan) -> Sequence[SpanBatch]:
        """See Questions."""
        return matches.Batches(self._segments(project), plan)

    def traces(self, project: str, trace_ids: Sequence[tuple[int | None, int]]) -> list[list[Span]]:
        """See Questions."""
        segments = self._segments(project)
        return [matches.trace(segments, high, low) for high, low in trace_ids]

    def over(
        self,
        project: str,
        traces: Assembled,
        *,
        exact: Mapping[Plan, Histogram] | None = None,
        recall_window_us: int = 0,
    ) -> Questions:
        """See Questions."""
        from satellite.store.recall.held import HeldSpans

        return HeldSpans(project, traces, exact or {}, recall_window_us)

    def recall_window_us(self, project: str) -> int:
        """See Questions."""
        segments = self._segments(project)
        if not segments:
            return 0
        return (segments[-1].newest_arrived_ns - segments[0].oldest_arrived_ns) // 1000

    def assemble(self, project: str, plan: Plan, *, traces_max: int, seed: int = 0) -> Assembled:
        """See Questions."""
        return assembly.assemble(self._segments(project), plan, traces_max, seed)

    def trace_batch(
        self, project: str, trace_ids: Sequence[tuple[int | None, int]]
    ) -> tuple[SpanBatch, Ints]:
        """See Questions."""
        return assembly.trace_batch(self._segments(project), trace_ids)

    def count(self, project: str, plan: Plan) -> int:
        """See Questions."""
        return matches.count(self._segments(project), plan)

    def funnel(self, project: str, plan: Plan) -> list[int]:
        """See Questions."""
        return matches.funnel(self._segments(project), plan)

    def histogram(self, project: str, plan: Plan) -> Histogram:
        """See Questions."""
        return histogram(self._segments(project), plan)

    def groups(
        self,
        project: str,
        plan: Plan,
        by: Sequence[str],
        *,
        order: GroupOrder = "-avg_latency_us",
        limit: int | None = None,
        offset: int = 0,
    ) -> Groups:
        """See Questions."""
        return groups(self._segments(project), plan, by, order, limit, offset)

    def timeline(
        self, project: str, plan: Plan, *, from_ns: int, step_ns: int, columns: int, by: Sequence[str] = ()
    ) -> dict[tuple[str | None, ...], list[Column]]:
        """See Questions."""
        return timeline(self._segments(project), plan, from_ns, step_ns, columns, by)

    def suggest(
        self,
        project: str,
        kind: SuggestionKind,
        plan: Plan,
        *,
        key: str = "",
        text: str = "",
        limit: int = 100,
    ) -> list[Suggestion]:
        """See Questions."""
        return suggest(self._segments(project), kind, plan, key, text, limit)
