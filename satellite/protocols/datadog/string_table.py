"""Datadog's v0.5: a list of all texts, then traces whose spans are lists of twelve that name texts by their places."""

from __future__ import annotations

from typing import Any

from satellite.protocols.readers.messagepack import list_at

_NAMES = (
    "service",
    "name",
    "resource",
    "trace_id",
    "span_id",
    "parent_id",
    "start",
    "duration",
    "error",
    "meta",
    "metrics",
    "type",
)
"""In this order; later versions may add to the end."""

_TEXTS = frozenset(("service", "name", "resource", "type"))


def is_one(body: bytes) -> bool:
    """Whether a body is of this form: a list of two whose first is a list that is empty or begins with a text."""
    inner = list_at(body, 0)
    if inner is None or inner[1] != 2:
        return False
    first = list_at(body, inner[0])
    if first is None:
        return False
    at, count = first
    if not count:
        return list_at(body, at) is not None
    head = body[at : at + 1]
    return bool(head) and (0xA0 <= head[0] <= 0xBF or 0xD9 <= head[0] <= 0xDB)


def expanded(span: Any, texts: list[Any]) -> dict[str, Any] | None:
    """A span as the map that v0.4 has; None where it is none."""
    return _span(span, texts) if isinstance(span, list) and len(span) >= len(_NAMES) else None


def _span(values: list[Any], texts: list[Any]) -> dict[str, Any]:
    span = dict(zip(_NAMES, values, strict=False))
    for name in _TEXTS:
        span[name] = _text(span[name], texts)
    if isinstance(span["meta"], dict):
        span["meta"] = {_key(key, texts): _text(value, texts) for key, value in span["meta"].items()}
    if isinstance(span["metrics"], dict):
        span["metrics"] = {_key(key, texts): value for key, value in span["metrics"].items()}
    return span


def _key(place: Any, texts: list[Any]) -> str:
    text = _text(place, texts)
    return text if isinstance(text, str) else repr(text)


def _text(place: Any, texts: list[Any]) -> Any:
    """The text at a place; a text that stands there itself stays, "" where there is none."""
    if isinstance(place, int) and not isinstance(place, bool):
        return texts[place] if 0 <= place < len(texts) else ""
    return place
