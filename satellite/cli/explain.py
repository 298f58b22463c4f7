"""`satellite explain`: what ClickHouse is asked when a question is."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

import typer

from satellite.store import Questions


class Question(StrEnum):
    """What can be asked about the spans that a query finds."""

    SPANS = "spans"
    COUNT = "count"
    HISTOGRAM = "histogram"
    GROUPS = "groups"
    TIMELINE = "timeline"
    SNAPSHOT = "snapshot"


def explain(
    query: Annotated[
        str, typer.Argument(help='Such as: service IN ("a") AND "http.status_code" IN ("503")')
    ] = "",
    question: Annotated[
        Question, typer.Option("--question", help="What is asked about these spans.")
    ] = Question.SPANS,
    by: Annotated[
        list[str] | None,
        typer.Option("--by", help="For groups and timeline: service, operation or a tag; may be repeated."),
    ] = None,
    project: Annotated[str, typer.Option("--project", "-p", help="The project.")] = "default",
) -> None:
    """Show the SQL that answers a question where `store` is clickhouse. Nothing is asked; no satellite is needed.

    The mark up to which spans count is that of the moment; here it is the largest number.
    """
    from satellite.explore.window import plan_of
    from satellite.store.clickhouse.explained import statement_of

    plan, keys = plan_of(query), by or []
    asked: dict[Question, Callable[[Questions], Any]] = {
        Question.SPANS: lambda store: store.find(project, plan, order="-start", limit=100),
        Question.COUNT: lambda store: store.count(project, plan),
        Question.HISTOGRAM: lambda store: store.histogram(project, plan),
        Question.GROUPS: lambda store: store.groups(project, plan, keys or ["service"], limit=100),
        Question.TIMELINE: lambda store: store.timeline(
            project, plan, from_ns=0, step_ns=60_000_000_000, columns=60, by=keys
        ),
        Question.SNAPSHOT: lambda store: store.assemble(project, plan, traces_max=3_000),
    }
    print(statement_of(asked[question]))
