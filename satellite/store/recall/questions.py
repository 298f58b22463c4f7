"""The contract's questions, answered from the segments of a moment; whoever has segments says which."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from satellite.errors import BadRequest
from satellite.model.span import Span
from satellite.model.spans import SpanBatch
from satellite.query.plan import Plan
from satellite.store import (
    ByValue,
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
from satellite.store.recall.read_ahead import reading_ahead
from satellite.store.recall.segment import Segment, held_ns
from satellite.store.recall.segment_file import DamagedFile
from satellite.store.recall.suggestions import suggest
from satellite.store.recall.timeline import timeline

P = ParamSpec("P")
T = TypeVar("T")


def without_damaged(
    question: Callable[Concatenate[Any, str, P], T],
) -> Callable[Concatenate[Any, str, P], T]:
    """The question's answer, read ahead for, and if need be without the files that turn out to be damaged."""

    @wraps(question)
    def answer(self: Any, project: str, /, *args: P.args, **kwargs: P.kwargs) -> T:
        while True:
            files = [segment.file for segment in self.moment(project)[0] if segment.file is not None]
            try:
                with reading_ahead(files):
                    return question(self, project, *args, **kwargs)
            except DamagedFile as damaged:
                self.lose(project, damaged)

    return answer


class RecallQuestions(ABC):
    """Answers `satellite.store.Questions`."""

    def lose(self, project: str, damaged: DamagedFile) -> None:  # noqa: ARG002 - for those who have files
        """A file of the project is damaged: from now on `moment` is without it. Raises it when that cannot be."""
        raise damaged

    @abstractmethod
    def moment(self, project: str) -> tuple[tuple[Segment, ...], int]:
        """The segments that the project holds now, in order of arrival, and its mark; both of one moment."""

    def _segments(self, project: str) -> tuple[Segment, ...]:
        return self.moment(project)[0]

    @without_damaged
    def find(
        self, project: str, plan: Plan, *, order: Order | ByValue, limit: int, cursor: str | None = None
    ) -> Page:
        """See Questions."""
        if limit < 1:
            raise BadRequest("limit: must be at least 1")
        segments, mark = self.moment(project)
        return find(segments, plan, order, limit, cursor, mark)

    @without_damaged
    def batches(self, project: str, plan: Plan) -> Sequence[SpanBatch]:
        """See Questions. A file that turns out to be damaged later raises DamagedFile once."""
        return matches.Batches(self._segments(project), plan, partial(self.lose, project))

    @without_damaged
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
        return held_ns(self._segments(project)) // 1000

    @without_damaged
    def assemble(
        self, project: str, plan: Plan, *, traces_max: int, seed: int = 0, bare: bool = False
    ) -> Assembled:
        """See Questions."""
        return assembly.assemble(self._segments(project), plan, traces_max, seed, bare=bare)

    @without_damaged
    def trace_batch(
        self, project: str, trace_ids: Sequence[tuple[int | None, int]]
    ) -> tuple[SpanBatch, Ints]:
        """See Questions."""
        return assembly.trace_batch(self._segments(project), trace_ids)

    @without_damaged
    def count(self, project: str, plan: Plan) -> int:
        """See Questions."""
        return matches.count(self._segments(project), plan)

    @without_damaged
    def funnel(self, project: str, plan: Plan) -> list[int]:
        """See Questions."""
        return matches.funnel(self._segments(project), plan)

    @without_damaged
    def histogram(self, project: str, plan: Plan) -> Histogram:
        """See Questions."""
        return histogram(self._segments(project), plan)

    @without_damaged
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

    @without_damaged
    def timeline(
        self, project: str, plan: Plan, *, from_ns: int, step_ns: int, columns: int, by: Sequence[str] = ()
    ) -> dict[tuple[str | None, ...], list[Column]]:
        """See Questions."""
        return timeline(self._segments(project), plan, from_ns, step_ns, columns, by)

    @without_damaged
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
