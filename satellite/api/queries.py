"""A query by itself: what a text means, without asking any span."""

from __future__ import annotations

import msgspec
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from satellite.api.routes import Routes, json
from satellite.query import parse
from satellite.query.plan import Field as Of


class TermView(msgspec.Struct, frozen=True):
    """One term, as a chip shows it."""

    key: str
    built_in: bool
    """A key of the language (`service`, `operation`, …) and no tag of that name."""
    negated: bool
    regexp: bool
    """The values are regular expressions."""
    values: list[str]
    """In the order written; at least one."""


class QueryView(msgspec.Struct, frozen=True):
    """A query that parses."""

    terms: list[TermView]
    """In the order written."""
    predicate: str
    """The canonical text (form A); the same for every way to write the query."""
    chips: str
    """The text on screen (form B)."""


class QueryAsked(BaseModel):
    """Parameters of /query."""

    model_config = ConfigDict(extra="forbid")

    query: str = Field("", max_length=65_536, description="In any written form; empty: all spans.")
    lenient: bool = Field(
        False, description="Take a bare custom key as quoted, and merge terms of one key and operator."
    )


def routes() -> Routes:
    """Its endpoint."""
    routes = Routes()

    @routes.get("/query", QueryView)
    def query(asked: QueryAsked) -> Response:
        """The terms of a query and its canonical text; 400 with line and column when it is none."""
        found = parse(asked.query, lenient=asked.lenient)
        terms = [
            TermView(
                key=term.key,
                built_in=term.field is not Of.TAG,
                negated=term.negated,
                regexp=bool(term.patterns),
                values=[*term.values, *term.patterns],
            )
            for term in found.plan.terms
        ]
        return json(QueryView(terms, found.canonical, found.chips))

    return routes
