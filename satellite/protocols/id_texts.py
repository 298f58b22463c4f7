"""Ids that are no numbers, or not written as usual, as their senders wrote them: kept in `extra`, given back on the way out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from satellite.model.span import Span, TagValue
from satellite.model.spans import id_text, trace_text
from satellite.protocols.values import SpanId, read_id

PARENT, REFERENCES = "parent_id_text", "reference_id_texts"
OWN = ("trace_id_text", "span_id_text", PARENT)
"""In `extra`, each for one id; `rows.add` writes the first two."""


def named_texts(parent: str, others: Iterable[SpanId] = ()) -> dict[str, TagValue]:
    """What `extra` says of the ids that a span names: its parent's text, "" for a usual one, and other references."""
    texts = [text for text in dict.fromkeys(one.text for one in others) if text not in ("", parent)]
    return ({PARENT: parent} if parent else {}) | ({REFERENCES: texts} if texts else {})


def id_texts(span: Span) -> dict[str, str]:
    """For each id that the span has or names and that came as another text: as we write it → as it came."""
    extra = span.extra
    texts: dict[str, str] = {}
    for text in _all_texts(extra.get(REFERENCES), extra.get(PARENT)):
        number = read_id(text)
        texts |= {id_text(number.low): text, trace_text(number.high, number.low): text}
    own = {span.trace_id: extra.get("trace_id_text"), span.span_id: extra.get("span_id_text")}
    return texts | {shown: text for shown, text in own.items() if text}


def _all_texts(references: Any, parent: Any) -> list[str]:
    return [text for text in (*(references or ()), parent) if isinstance(text, str) and text]
