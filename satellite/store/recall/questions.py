"""The contract's questions, answered from the segments of a moment; whoever has segments says which."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

from satellite.errors import BadRequest
from satellite.model.span import Span
from satellite.model.spans import SpanBatch
from satellite.query.plan import Plan
from satellite.store import Group, Histogram, Order, Page, Suggestion, SuggestionKind
from satellite.store.recall import matches
from satellite.store.recall.groups import groups
from satellite.store.recall.latencies import histogram
from satellite.store.recall.pages import find
from satellite.store.recall.segment import Segment
from satellite.store.recall.suggestions import suggest


class RecallQuestions(ABC):
    """Answers `satellite.store.Questions`."""

    @abstractmethod
    def moment(self, project: str) -> tuple[tuple[Segment, ...], int]:
        """The segments that the project holds now, in order of arrival, and its mark; both of one moment."""

    def _segments(self, project: str) -> tuple[Segment, ...]:
        return self.moment(project)[0]

    def find(self, project: str, plan: Plan, *, order: Order, limit: int, cursor: str | None = None) -> Page:
        """See Store."""
        if limit < 1:
            raise BadRequest("limit: must be at least 1")
        segments, mark = self.moment(project)
        return find(segments, plan, order, limit, cursor, mark)

    def batches(self, project: str, plan: Plan) -> Iterator[SpanBatch]:
        """See Store."""
        return matches.batches(self._segments(project), plan)

    def traces(self, project: str, trace_ids: Sequence[tuple[int | None, int]]) -> list[list[Span]]:
        """See Store."""
        segments = self._segments(project)
        return [matches.trace(segments, high, low) for high, low in trace_ids]

    def count(self, project: str, plan: Plan) -> int:
        """See Store."""
        return matches.count(self._segments(project), plan)

    def funnel(self, project: str, plan: Plan) -> list[int]:
        """See Store."""
        return matches.funnel(self._segments(project), plan)

    def histogram(self, project: str, plan: Plan) -> Histogram:
        """See Store."""
        return histogram(self._segments(project), plan)

    def groups(self, project: str, plan: Plan, by: Sequence[str]) -> list[Group]:
        """See Store."""
        return groups(self._segments(project), plan, by)

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
        """See Store."""
        return suggest(self._segments(project), kind, plan, key, text, limit)
