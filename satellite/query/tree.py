"""A query as written: its terms in order, each word with its place in the text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from satellite.query.plan import Field

FIELDS = {
    "service": Field.SERVICE,
    "component": Field.SERVICE,
    "lightstep.component_name": Field.SERVICE,
    "operation": Field.OPERATION,
    "lightstep.span_id": Field.SPAN_ID,
    "lightstep.trace_id": Field.TRACE_ID,
    "lightstep.tracer_id": Field.TRACER_ID,
}
"""Keys written without quotes; as a chip each is a kind of its own (for the ids that is ours)."""

QUOTES = '"\u201c\u201d\u201e\u201f'
"""All are read as the first: word processors put the others in its place."""


class Word(NamedTuple):
    """A key or a value."""

    text: str
    """Without quotes and escapes."""
    start: int
    """Where it begins in the query, from 0, quotes included."""
    end: int
    """Where it ends: the place after its last character."""
    quoted: bool


@dataclass(frozen=True, slots=True)
class TreeTerm:
    """One term or chip, names resolved (`component` is the service) but nothing checked."""

    field: Field
    key: Word
    values: tuple[Word, ...]
    """At least one; regular expressions when `regexp`."""
    negated: bool = False
    regexp: bool = False

    @property
    def operator(self) -> str:
        """As the predicate form writes it."""
        return ("NOT " if self.negated else "") + ("MATCHES REGEXP" if self.regexp else "IN")


@dataclass(frozen=True, slots=True)
class Tree:
    """All terms of a query, as written; none for the empty query."""

    form: Literal["predicate", "chips"] = "predicate"
    terms: tuple[TreeTerm, ...] = ()
