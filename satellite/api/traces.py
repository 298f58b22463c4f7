"""Whole traces: their spans, their tree, one span looked at closely, a page to keep."""

from __future__ import annotations

from typing import Annotated, cast

import msgspec
import numpy as np
from pydantic import Field
from starlette.responses import Response

from satellite.api.parameters import US_MAX, Bounds, Project, SourceAsked
from satellite.api.routes import Routes, json
from satellite.errors import BadRequest
from satellite.explore.asked import Sources
from satellite.explore.span_detail import SpanDetail, span_detail
from satellite.explore.trace_list import TraceList, TraceOrder, trace_list
from satellite.explore.trace_page import trace_page
from satellite.explore.trace_path import TracePath, trace_path
from satellite.explore.trace_tree import ROWS_MAX, TraceTree, Tree, trace_tree, until_of
from satellite.explore.whole_trace import WholeTrace, longest_id, rows_of_trace, trace_ids, whole_trace
from satellite.model.span import Span
from satellite.model.span_json import span_jsons
from satellite.model.spans import SpanBatch
from satellite.store.assembled import Ints

_FEW_SPANS = 32
"""Their JSON takes about half a millisecond, in which nothing else happens in the event loop (ours)."""

TraceId = Annotated[str, Field(description="16 or 32 hex digits.")]
SpanId = Annotated[str, Field(description="16 hex digits.")]


class Trace(msgspec.Struct, frozen=True):
    """The spans of one trace, by start, then span id."""

    trace_id: str
    spans: list[Span]
    total: int
    """All its spans, this page or not."""
    next_cursor: str | None
    """Continues after the last span; None at the end."""


class TracesAsked(Bounds):
    """Parameters of …/traces."""

    order: TraceOrder = Field("-start", description="`-` is descending.")
    limit: int = Field(50, ge=1, le=1000)
    offset: int = Field(0, ge=0, le=2**31, description="Leave out so many traces.")


class TraceAsked(SourceAsked):
    """Parameters of …/traces/{trace_id}."""

    limit: int = Field(ROWS_MAX, ge=1, le=ROWS_MAX)
    cursor: str | None = Field(None, max_length=100, description="`next_cursor` of the page before.")

    @property
    def until(self) -> int | None:
        """The mark up to which the first page saw the trace. Raises BadRequest."""
        return until_of(self.cursor)


class TreeAsked(TraceAsked):
    """Parameters of …/traces/{trace_id}/tree."""

    join: bool = Field(
        default=True, description="Also traces that share a request id (`guid:` tags) with it."
    )
    below: str | None = Field(None, max_length=64, description="Only rows below the span with this id.")
    row: int | None = Field(
        None,
        ge=0,
        le=2**31,
        description="Rows from this place of the tree on; with a cursor of the trace as that saw it.",
    )
    span: str | None = Field(
        None,
        max_length=64,
        description="The rows around the span with this id, and before them those above the first of them; not with "
        "`row` or `below`, with a cursor of the trace as that saw it.",
    )

    def check_span_alone(self) -> None:
        """Raises BadRequest: the rows around a span are not others at the same time."""
        for name, given in (("row", self.row), ("below", self.below)):
            if given is not None:
                raise BadRequest(
                    f"{name}: not with span, which says itself where its rows are", parameter=name
                )


class DetailAsked(SourceAsked):
    """Parameters of …/traces/{trace_id}/spans/{span_id}."""

    join: bool = True
    oldest_us: int | None = Field(
        None, ge=-US_MAX, le=US_MAX, description="Compare with spans that start at or after."
    )


class WholeAsked(SourceAsked):
    """Parameters of …/traces/{trace_id}/critical-path and …/html."""

    join: bool = True

    def whole(self, sources: Sources, project: str, trace_id: str) -> WholeTrace:
        """The trace."""
        return whole_trace(self.asked(sources, project).source, project, trace_id, join=self.join)


def routes(sources: Sources) -> Routes:
    """Their endpoints."""
    routes = Routes()

    @routes.get("/projects/{project}/traces", TraceList)
    def all_traces(project: Project, asked: TracesAsked) -> Response:
        """The traces that matching spans belong to, told from 3,000 of them at most."""
        where = asked.asked(sources, project)
        found = trace_list(
            where.source, project, where.plan, order=asked.order, limit=asked.limit, offset=asked.offset
        )
        return json(found)

    def small_trace(project: Project, trace_id: TraceId, asked: TraceAsked) -> Response | None:
        if asked.snapshot is not None or asked.cursor is not None:
            return None
        found = sources.store.small_trace(project, trace_ids(trace_id), _FEW_SPANS)
        return json(_spans(*found, asked)) if found and len(found[0]) else None

    @routes.get("/projects/{project}/traces/{trace_id}", Trace, at_once=small_trace)
    def one_trace(project: Project, trace_id: TraceId, asked: TraceAsked) -> Response:
        """The spans of a trace, in pages of at most 4,000."""
        source = asked.asked(sources, project).source
        return json(_spans(*rows_of_trace(source, project, trace_id, until=asked.until), asked))

    @routes.get("/projects/{project}/traces/{trace_id}/tree", TraceTree)
    def tree(project: Project, trace_id: TraceId, asked: TreeAsked) -> Response:
        """The rows of the trace view: parents, critical path, self time, pairs of proxies, clocks that differ."""
        source = asked.asked(sources, project).source
        whole = whole_trace(source, project, trace_id, join=asked.join, until=asked.until)
        if asked.span is not None:
            asked.check_span_alone()
            return json(Tree(whole).around(asked.span, limit=asked.limit))
        found = trace_tree(whole, limit=asked.limit, cursor=asked.cursor, below=asked.below, first=asked.row)
        return json(found)

    @routes.get("/projects/{project}/traces/{trace_id}/critical-path", TracePath)
    def critical_path(project: Project, trace_id: TraceId, asked: WholeAsked) -> Response:
        """The spans on which the root's time was spent, most of it first."""
        return json(trace_path(asked.whole(sources, project, trace_id)))

    @routes.get("/projects/{project}/traces/{trace_id}/spans/{span_id}", SpanDetail)
    def one_span(project: Project, trace_id: TraceId, span_id: SpanId, asked: DetailAsked) -> Response:
        """A span in full, and how unusual it is among those of its operation."""
        source = asked.asked(sources, project).source
        whole = whole_trace(source, project, trace_id, join=asked.join)
        oldest_ns = None if asked.oldest_us is None else asked.oldest_us * 1000
        return json(span_detail(source, project, whole, span_id, oldest_ns=oldest_ns))

    @routes.other("GET", "/projects/{project}/traces/{trace_id}/html")
    def page(project: Project, trace_id: TraceId, asked: WholeAsked) -> Response:
        """The trace as one HTML file that needs nothing else."""
        whole = asked.whole(sources, project, trace_id)
        name = f"trace-{whole.trace_id}.html"
        headers = {"content-disposition": f'inline; filename="{name}"'}
        return Response(trace_page(whole), media_type="text/html; charset=utf-8", headers=headers)

    return routes


def _spans(batch: SpanBatch, marks: Ints, asked: TraceAsked) -> Trace:
    order = np.lexsort((marks, batch.column("span_id"), batch.column("start_ns")))
    first = 0 if asked.cursor is None else int(asked.cursor.partition(".")[0])
    rows = order[first : first + asked.limit]
    more = first + len(rows) < len(order)
    following = f"{first + len(rows)}.{int(marks.max())}" if more else None
    trace_id = longest_id(batch.column("trace_high"), batch.column("trace_low"))
    spans = span_jsons(batch, rows, marks[rows].tolist())
    return Trace(trace_id, cast("list[Span]", spans), len(order), following)
