"""`q`: a query put together in Python, that prints itself as the predicate and can look at spans itself.

    q.service("reviews.default").tag("http.status_code", 503)
    # service IN ("reviews.default") AND "http.status_code" IN ("503")

Wherever a query is asked for, a selector will do. Each call gives a new selector with one condition more; all of them
must hold. The same key twice is refused, as the predicate does (explorer.md §4.1): several values go into one call.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mock_lightstep_satellite.errors import BadRequest
from mock_lightstep_satellite.span import Span

_LOG_PREFIX = "log:"
_SPECIAL = re.compile('[\\\\"\u201c\u201d]')


def text_of(value: Any) -> str:
    """The text by which queries compare a tag's value (explorer.md §1.4): `true`, `500`, `0.5`, `200` for 200.0."""
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float() if math.isfinite(value):
            return str(int(value)) if value.is_integer() else repr(value)
        case float():
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        case bytes():
            return base64.b64encode(value).decode()
        case _:
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def texts_of(value: Any) -> list[str]:
    """All texts by which a query finds a tag's value: its own, and those of a list's elements."""
    return [text_of(value), *(map(text_of, value) if isinstance(value, list) else [])]


@dataclass(frozen=True, slots=True)
class _Term:
    key: str
    """`service`, `operation`, a generated key, or a tag in double quotes: as the predicate writes it."""
    values: tuple[str, ...]
    reads: Callable[[Span], list[str]]
    """The texts that a span has for the key; none when it lacks the key."""
    negated: bool = False
    regular: bool = False

    def __str__(self) -> str:
        sign = ("NOT " if self.negated else "") + ("MATCHES REGEXP" if self.regular else "IN")
        return f"{self.key} {sign} ({', '.join(map(_quoted, self.values))})"

    def holds(self, span: Span) -> bool:
        texts = self.reads(span)
        if self.regular:
            hit = any(re.fullmatch(pattern, text) for pattern in self.values for text in texts)
        else:
            hit = any(text in self.values for text in texts)
        return hit != self.negated


@dataclass(frozen=True, slots=True, repr=False)
class Selector:
    """Conditions on one span. Empty, as `q` itself, it is every span."""

    terms: tuple[_Term, ...] = ()

    def __str__(self) -> str:
        return " AND ".join(map(str, self.terms))

    def __repr__(self) -> str:
        return f"<q {self}>" if self.terms else "<q>"

    def service(self, *names: str) -> Selector:
        """From one of these services."""
        return self._with("service", names, _service)

    def not_service(self, *names: str) -> Selector:
        """From none of these services."""
        return self._with("service", names, _service, negated=True)

    def operation(self, *names: str) -> Selector:
        """With one of these names."""
        return self._with("operation", names, _operation)

    def not_operation(self, *names: str) -> Selector:
        """With none of these names."""
        return self._with("operation", names, _operation, negated=True)

    def tag(self, key: str, *values: Any) -> Selector:
        """With one of these values, compared as text: `500` and `"500"` are the same; of a list each element counts."""
        return self._with(_quoted(key), values, lambda span: _equal(span, key))

    def not_tag(self, key: str, *values: Any) -> Selector:
        """With none of these values, or without the tag."""
        return self._with(_quoted(key), values, lambda span: _equal(span, key), negated=True)

    def tag_matches(self, key: str, *patterns: str) -> Selector:
        """With a value that one of these regular expressions describes from end to end (RE2: no look-around)."""
        return self._with(_quoted(key), patterns, lambda span: _tag(span, key), regular=True)

    def has_tag(self, key: str) -> Selector:
        """With this tag, whatever its value."""
        return self._with(_quoted(key), ("(?s).*",), lambda span: _tag(span, key), regular=True)

    def log(self, key: str, *values: Any) -> Selector:
        """With a log (an OTLP event) whose field has one of these values; an event's name is its field `event`."""
        return self.tag(f"{_LOG_PREFIX}{key}", *values)

    def error(self) -> Selector:
        """Spans that count as failed, however their sender says it."""
        return self.tag("error", True)

    def trace(self, *trace_ids: str) -> Selector:
        """Of one of these traces; ids in any spelling that has their hex digits."""
        wanted = tuple(_plain_id(one) for one in trace_ids)
        return self._with("lightstep.trace_id", wanted, lambda span: [_plain_id(span.trace_id)])

    def matches(self, span: Span) -> bool:
        """Whether this span meets every condition, as the satellite would say."""
        return all(term.holds(span) for term in self.terms)

    def _with(
        self,
        key: str,
        values: tuple[Any, ...],
        reads: Callable[[Span], list[str]],
        *,
        negated: bool = False,
        regular: bool = False,
    ) -> Selector:
        if not values:
            raise BadRequest(f"{key}: name at least one value")
        if any(term.key == key for term in self.terms):
            raise BadRequest(
                f"{key} is already in {str(self)!r}",
                hint="one call takes several values: any of them will do",
            )
        term = _Term(key, tuple(map(text_of, values)), reads, negated, regular)
        return Selector((*self.terms, term))


q = Selector()
"""The selector to begin with."""


def _service(span: Span) -> list[str]:
    return [span.service]


def _operation(span: Span) -> list[str]:
    return [span.operation]


def _tag(span: Span, key: str) -> list[str]:
    """The span's tag or else its reporter's attribute, and for `log:…` the fields of logs."""
    found = [tags[key] for tags in (span.tags, span.reporter.attributes) if key in tags][:1]
    if key.startswith(_LOG_PREFIX):
        field = key.removeprefix(_LOG_PREFIX)
        found += [log.fields[field] for log in span.logs if field in log.fields]
    return [text for value in found for text in texts_of(value)]


def _equal(span: Span, key: str) -> list[str]:
    """The same; a span that counts as an error has the value true for "error" besides, whatever was sent."""
    return _tag(span, key) + (["true"] if key == "error" and span.error else [])


def _plain_id(trace_id: str) -> str:
    digits = trace_id.lower().removeprefix("0x").replace("-", "").lstrip("0")
    return digits or "0"


def _quoted(text: str) -> str:
    return '"' + _SPECIAL.sub(r"\\\g<0>", text) + '"'
