r"""Spans as OpenTelemetry Ruby's console exporter prints them, by `pp`, turned into OTLP's own JSON.

    #<struct OpenTelemetry::SDK::Trace::SpanData
     name="GET /basket",
     kind=:server,
     attributes={"http.status_code"=>200},
     span_id="\xA1\xB2…",

Lines come without their indentation, and without a comma behind what looks like an object of JSON: commas mean nothing here.
"""

from __future__ import annotations

import re
from typing import Any

from satellite.protocols.files.console import Json, attributes_of, carried, dict_of
from satellite.protocols.files.held import Held

DEPTH_MAX = 40

_BEGIN = "#<struct OpenTelemetry::SDK::Trace::SpanData"
_LAST = "tracestate="
_SPACE = re.compile(r"[\s,]*")
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*+)"?', re.DOTALL)
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{4})|u\{([0-9A-Fa-f]{1,6})\}|(.))", re.DOTALL)
_ESCAPED = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "e": "\x1b",
    "a": "\a",
    "b": "\b",
    "v": "\v",
    "f": "\f",
    "0": "\0",
}
_NUMBER = re.compile(r"-?\d{1,30}(?:\.\d{1,30})?(?:e[+-]?\d{1,3})?", re.ASCII)
_WORD = re.compile(r":?\w+[?!]?")
_OBJECT = re.compile(r"#<(?:struct )?[\w:]*(?::0x[0-9a-f.]+)?")
_MEMBER = re.compile(r"@?(\w+)=(?!>)")
_ARROW = re.compile(r"\s*=>")
_KEY = re.compile(r"(\w+): ")
_WORDS = {"nil": None, "true": True, "false": False}
_CODES = {0: "OK", 1: "UNSET", 2: "ERROR"}
"""As Ruby numbers them."""


class RubyLines:
    """Lines in, requests out."""

    def __init__(self) -> None:
        """No line came yet."""
        self._held = Held()
        self._lines: list[str] = []

    def take(self, line: str) -> bool:
        """Whether the line is one of a span."""
        if line.startswith(_BEGIN):
            self._end()
        elif not self._lines:
            return False
        self._lines.append(line)
        self._held.count(line)
        is_last = line.startswith(_LAST) or self._lines[-2:-1] == [_LAST]
        if (is_last and line != _LAST) or self._held.full:
            self._end()
        return True

    def request(self, *, last: bool = False) -> bytes:
        """An OTLP request of the spans that are complete, once there are many; `last`: of all. b"" for none."""
        if last:
            self._end()
        return self._held.request(last=last)

    def _end(self) -> None:
        if self._lines:
            said = _Reader("\n".join(self._lines)).value(0)
            self._held.add(*_converted(said if isinstance(said, dict) else {}))
        self._lines = []


class _Reader:
    """Reads what `inspect` writes; what it does not understand it leaves out."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def _found(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self._text, self._at)
        if found is not None:
            self._at = found.end()
        return found

    def value(self, depth: int) -> Any:
        """The value that begins here; None for none."""
        self._found(_SPACE)
        if depth > DEPTH_MAX:
            self._at = len(self._text)
            return None
        if found := self._found(_TEXT):
            return _ESCAPE.sub(_unescaped, found[1])
        if self._found(_OBJECT):
            return self._members(depth)
        if self._text.startswith("{", self._at):
            self._at += 1
            return self._pairs(depth)
        if self._text.startswith("[", self._at):
            self._at += 1
            return [*self._items(depth)]
        if found := self._found(_NUMBER):
            return float(found[0]) if set(found[0]) & set(".e") else int(found[0])
        if found := self._found(_WORD):
            return _WORDS.get(found[0], found[0].removeprefix(":"))
        return None

    def _members(self, depth: int) -> Json:
        members: Json = {}
        while not self._over(">"):
            if found := self._found(_MEMBER):
                members[found[1]] = self.value(depth + 1)
            elif not self._found(_WORD):
                self._at += 1
        return members

    def _pairs(self, depth: int) -> Json:
        pairs: Json = {}
        while not self._over("}"):
            if found := self._found(_KEY):
                pairs[found[1]] = self.value(depth + 1)
                continue
            start, key = self._at, self.value(depth + 1)
            if self._found(_ARROW):
                pairs[str(key)] = self.value(depth + 1)
            elif self._at == start:
                self._at += 1
        return pairs

    def _items(self, depth: int) -> Any:
        while not self._over("]"):
            start, item = self._at, self.value(depth + 1)
            if self._at == start:
                self._at += 1
            else:
                yield item

    def _over(self, end: str) -> bool:
        self._found(_SPACE)
        if self._at < len(self._text) and not self._text.startswith(end, self._at):
            return False
        self._at += 1
        return True


def _unescaped(found: re.Match[str]) -> str:
    byte, four, braced, other = found.groups()
    if other is not None:
        return _ESCAPED.get(other, other)
    code = int(byte or four or braced, 16)
    return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"


def _converted(span: Json) -> tuple[Json, Json, Json]:
    status = dict_of(span.get("status"))
    scope = dict_of(span.get("instrumentation_scope") or span.get("instrumentation_library"))
    return (
        {"resource": {"attributes": attributes_of(dict_of(dict_of(span.get("resource")).get("attributes")))}},
        {"scope": {key: scope[key] for key in ("name", "version") if isinstance(scope.get(key), str)}},
        {
            "traceId": _hex(span.get("trace_id")),
            "spanId": _hex(span.get("span_id")),
            "parentSpanId": _hex(span.get("parent_span_id")),
            "name": span.get("name"),
            "kind": str(span.get("kind") or ""),
            "startTimeUnixNano": _ns(span.get("start_timestamp")),
            "endTimeUnixNano": _ns(span.get("end_timestamp")),
            "status": {
                "code": f"STATUS_CODE_{_CODES.get(status.get('code', 1), 'UNSET')}",
                "message": status.get("description"),
            },
        }
        | carried(span, "span_context", _hex, _ns),
    )


def _hex(value: Any) -> str:
    """An id, which Ruby prints as a text of its bytes; "" for one of zeros."""
    digits = value.encode("latin-1", "replace").hex() if isinstance(value, str) else ""
    return digits if digits.strip("0") else ""


def _ns(value: Any) -> str:
    return str(value) if isinstance(value, int) and 0 <= value < 2**64 else "0"
