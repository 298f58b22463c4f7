"""The other spans that a span names: which of them is its parent, and which say more than that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from satellite.model.spans import encode_reference
from satellite.protocols.values import NO_ID, SpanId


class SentReference(NamedTuple):
    """Another span that a span names."""

    follows: bool
    trace: SpanId
    span_id: int
    text: str = ""
    """The span id as sent, when the number cannot be turned back into it."""


def read_references(
    references: Sequence[SentReference], trace: SpanId, span_id: SpanId, parent: int = 0
) -> tuple[int, list[bytes]]:
    """(the parent or 0, the references that say more than that, for `Rows.add`) of the span with these ids.

    The parent is the first «child of» in the same trace, else the first reference into it (never to itself), else `parent`: what a
    field of the span's own says, which usually repeats one of the references, and is then not told twice.
    """
    usable = [one for one in references if one.span_id]
    if not usable:
        return parent, []
    same = [one for one in usable if _same_trace(one.trace, trace) and one.span_id != span_id.low]
    children = [one for one in same if not one.follows]
    if len(usable) == len(children) == 1 and parent in (0, children[0].span_id):
        return children[0].span_id, []
    if parent and all(one.span_id != parent for one in same):
        own = SentReference(follows=False, trace=NO_ID, span_id=parent)
        usable, children = [own, *usable], [own, *children]
    named = [*children, *same]
    encoded = [
        encode_reference(
            follows=one.follows, trace_high=one.trace.high, trace_low=one.trace.low, span_id=one.span_id
        )
        for one in usable
    ]
    return named[0].span_id if named else 0, encoded


def _same_trace(one: SpanId, other: SpanId) -> bool:
    """Whether ids are of one trace: no id is the span's own, and half an id agrees with a whole one."""
    if not one.low and not one.high:
        return True
    return one.low == other.low and (one.high == other.high or not one.high or not other.high)
