"""Datadog's v0.5: a list of all texts, then traces whose spans are lists of twelve that name texts by their places."""

from __future__ import annotations

from typing import Any

import msgspec

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


class _Document(msgspec.Struct, array_like=True):
    texts: list[str]
    traces: list[list[list[Any]]]


_READER = msgspec.msgpack.Decoder(_Document, strict=True)


def is_one(body: bytes) -> bool:
    """Whether a body is of this form: a list of two whose first is a list that is empty or begins with a text."""
    inner = _after_list_header(body, 0)
    if inner is None or inner[1] != 2:
        return False
    first = _after_list_header(body, inner[0])
    if first is None:
        return False
    at, count = first
    if not count:
        return _after_list_header(body, at) is not None
    head = body[at : at + 1]
    return bool(head) and (0xA0 <= head[0] <= 0xBF or 0xD9 <= head[0] <= 0xDB)


def _after_list_header(body: bytes, at: int) -> tuple[int, int] | None:
    """(where the elements of the list at `at` begin, how many there are); None where no list is."""
    head = body[at] if at < len(body) else 0
    if 0x90 <= head <= 0x9F:
        return at + 1, head & 15
    if head in (0xDC, 0xDD):
        size = 2 if head == 0xDC else 4
        return at + 1 + size, int.from_bytes(body[at + 1 : at + 1 + size])
    return None


def read(body: bytes) -> list[list[dict[str, Any]]]:
    """The traces, each span as the map that v0.4 has. Raises msgspec.MsgspecError for anything odd."""
    document = _READER.decode(body)
    traces, malformed = expand([document.texts, document.traces])
    if malformed:
        raise msgspec.ValidationError("a span that is none")
    return traces


def expand(document: list[Any]) -> tuple[list[list[dict[str, Any]]], int]:
    """(the traces of a decoded document, how many spans were none)."""
    texts, traces = document
    found: list[list[dict[str, Any]]] = []
    malformed = 0
    for trace in traces if isinstance(traces, list) else ():
        spans: list[dict[str, Any]] = []
        for span in trace if isinstance(trace, list) else [trace]:
            if isinstance(span, list) and len(span) >= len(_NAMES):
                spans.append(_span(span, texts))
            else:
                malformed += 1
        found.append(spans)
    return found, malformed


def _span(values: list[Any], texts: list[Any]) -> dict[str, Any]:
    span = dict(zip(_NAMES, values, strict=False))
    for name in _TEXTS:
        span[name] = _text(span[name], texts)
    if isinstance(span["meta"], dict):
        span["meta"] = {_text(key, texts): _text(value, texts) for key, value in span["meta"].items()}
    if isinstance(span["metrics"], dict):
        span["metrics"] = {_text(key, texts): value for key, value in span["metrics"].items()}
    return span


def _text(place: Any, texts: list[Any]) -> Any:
    """The text at a place; a text that stands there itself stays, "" where there is none."""
    if isinstance(place, int) and not isinstance(place, bool):
        return texts[place] if 0 <= place < len(texts) else ""
    return place
