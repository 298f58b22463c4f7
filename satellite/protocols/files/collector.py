"""Spans as the OpenTelemetry Collector's debug exporter (once `logging`) prints them in detail, turned into OTLP's own JSON.

    ResourceSpans #0
    Resource attributes:
         -> service.name: Str(shop)
    Span #0
        Trace ID       : 7c1e5a90…
    Attributes:
         -> http.status_code: Int(200)

Lines come without their indentation; before them may stand what Docker Compose or Kubernetes puts there. What is pasted
often begins in the middle, with a span.
"""

from __future__ import annotations

import json
import re
from typing import Any

from satellite.protocols.files.console import Json, attributes_of, id_of, time_ns
from satellite.protocols.files.held import Held

_BEFORE = re.compile(
    r"\A(?:[\w./-]+ +\| ?)?(?:\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d) (?:std(?:out|err) [FP] )?)?\s*"
)
_LOGGED = re.compile(r"\d{4}-\d\d-\d\dT\S+\s+\w+\s+(?:\S+\.go:\d+\s+)?(ResourceSpans #\d+)")
"""The first line of what is printed stands in one with the time of the log."""
_ANNOUNCED = re.compile(r"\s(?:TracesExporter|Traces)\s+\{")
_CLOSED = re.compile(r'\{.*"(?:kind|otelcol\.[\w.]+)": ?"')
"""What the log knows of the exporter, before the spans and behind them."""
_OTHER = re.compile(r"\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:")
_RESOURCE = re.compile(r"ResourceSpans #\d+")
_SCOPE = re.compile(r"(?:Scope|InstrumentationLibrary)Spans #\d+")
_SCHEMA = re.compile(r"(Resource|ScopeSpans|InstrumentationLibrarySpans) SchemaURL: ?(.*)")
_NAMED = re.compile(r"Instrumentation(?:Scope|Library)(?: (\S*) ?(.*))?")
_SPAN = re.compile(r"Span #\d+")
_PART = re.compile(r"Span(Event|Link) #\d+")
_SECTIONS = {
    "Resource attributes:": "resource",
    "Resource labels:": "resource",
    "InstrumentationScope attributes:": "scope",
    "Attributes:": "span",
    "-> Attributes::": "part",
    "Events:": "",
    "Links:": "",
}
_FIELD = re.compile(
    r"(Trace ID|Parent ID|ID|Name|Kind|TraceState|Start time|End time|Status code|Status message|Dropped\w+Count) *: ?(.*)",
    re.DOTALL,
)
_PART_FIELD = re.compile(
    r"-> (Name|Timestamp|Trace ID|ID|TraceState|DroppedAttributesCount): ?(.*)", re.DOTALL
)
_ATTRIBUTE = re.compile(
    r"-> (.*?): (Str|Int|Bool|Double|Bytes|Slice|Map|Empty|STRING|INT|BOOL|DOUBLE|BYTES|SLICE|ARRAY|MAP|EMPTY|NULL)\((.*)",
    re.DOTALL,
)


class CollectorLines:
    """Lines in, requests out."""

    def __init__(self) -> None:
        """No line came yet."""
        self._held = Held()
        self._open = False
        """Whether what comes next may belong to what was printed."""
        self._resource: Json = {}
        self._scope: Json = {}
        self._span: Json | None = None
        self._section = ""
        """Whose attributes come; "field" for the lines of a span itself."""
        self._text: tuple[dict[str, tuple[str, list[str]]], str] | None = None
        """The attributes and the key of a value that goes on in the next line."""

    def take(self, line: str) -> bool:
        """Whether the line is one of what the exporter printed."""
        if _LOGGED.match(line) is None:
            line = _BEFORE.sub("", line)
        if logged := _LOGGED.fullmatch(line):
            line = logged[1]
        elif _ANNOUNCED.search(line) and "spans" in line:
            return True
        if self._held.full:
            self._end()
        if self._structure(line) or (self._open and (self._value(line) or self._more(line))):
            self._held.count(line)
            return True
        was_open = self._open
        self._open, self._text = False, None
        return was_open and _CLOSED.match(line) is not None

    def request(self, *, last: bool = False) -> bytes:
        """An OTLP request of the spans that are complete, once there are many; `last`: of all. b"" for none."""
        if last:
            self._end()
        return self._held.request(last=last)

    def _structure(self, line: str) -> bool:
        """Whether it is a line that begins something, or belongs to no attribute."""
        if _RESOURCE.fullmatch(line):
            self._end()
            self._resource, self._scope = {}, {}
        elif _SCOPE.fullmatch(line):
            self._end()
            self._scope = {}
        elif found := _SCHEMA.fullmatch(line):
            (self._resource if found[1] == "Resource" else self._scope)["schema"] = found[2]
        elif line in _SECTIONS and (self._open or _SECTIONS[line] == "resource"):
            self._section = _SECTIONS[line]
        elif found := _NAMED.fullmatch(line):
            self._scope |= {"name": found[1], "version": found[2]}
        elif _SPAN.fullmatch(line):
            self._end()
            self._span, self._section = {"events": [], "links": []}, "field"
        elif self._span is not None and (found := _PART.fullmatch(line)):
            part: Json = {}
            self._span["events" if found[1] == "Event" else "links"].append(part)
            self._span["part"], self._section = part, "fields of a part"
        else:
            return False
        self._open, self._text = True, None
        return True

    def _value(self, line: str) -> bool:
        """Whether it is a field of a span, an event or a link, or an attribute of what the section is about."""
        if self._section == "field" and self._span is not None and (found := _FIELD.fullmatch(line)):
            self._span[found[1]] = found[2].strip()
            return True
        if self._section == "fields of a part" and self._span is not None:
            if (found := _PART_FIELD.fullmatch(line)) is None:
                return False
            self._span["part"][found[1]] = found[2].strip()
            return True
        found = _ATTRIBUTE.fullmatch(line)
        owner = self._owner()
        if found is None or owner is None:
            return False
        values = owner.setdefault("attributes", {})
        values[found[1]] = (found[2].lower(), [found[3]])
        self._text = None if line.endswith(")") else (values, found[1])
        return True

    def _owner(self) -> Json | None:
        span = self._span
        return {
            "resource": self._resource,
            "scope": self._scope,
            "span": span,
            "part": span.get("part") if span is not None else None,
        }.get(self._section)

    def _more(self, line: str) -> bool:
        """Whether it is one more line of a value, as of a stack trace: until something else begins."""
        if self._text is None or _OTHER.match(line) or _CLOSED.match(line):
            return False
        values, key = self._text
        values[key][1].append(line)
        return True

    def _end(self) -> None:
        if self._span is not None and self._span.keys() & {"Trace ID", "ID"}:  # other exporters begin so, too
            scope = self._scope
            self._held.add(
                {
                    "resource": {"attributes": _attributes(self._resource)},
                    "schemaUrl": self._resource.get("schema", ""),
                },
                {
                    "scope": {
                        "name": scope.get("name") or "",
                        "version": scope.get("version") or "",
                        "attributes": _attributes(scope),
                    },
                    "schemaUrl": scope.get("schema", ""),
                },
                _converted(self._span),
            )
        self._span, self._section, self._text = None, "", None


def _converted(span: Json) -> Json:
    return {
        "traceId": id_of(span.get("Trace ID")),
        "spanId": id_of(span.get("ID")),
        "parentSpanId": id_of(span.get("Parent ID")),
        "traceState": span.get("TraceState", ""),
        "name": span.get("Name", ""),
        "kind": span.get("Kind", ""),
        "startTimeUnixNano": _moment(span.get("Start time")),
        "endTimeUnixNano": _moment(span.get("End time")),
        "status": {"code": span.get("Status code") or "Unset", "message": span.get("Status message", "")},
        "attributes": _attributes(span),
        "events": [
            {
                "name": one.get("Name", ""),
                "timeUnixNano": _moment(one.get("Timestamp")),
                "attributes": _attributes(one),
            }
            for one in span["events"]
        ],
        "links": [
            {
                "traceId": id_of(one.get("Trace ID")),
                "spanId": id_of(one.get("ID")),
                "traceState": one.get("TraceState", ""),
                "attributes": _attributes(one),
            }
            for one in span["links"]
        ],
    }


def _attributes(owner: Json) -> list[Json]:
    said: dict[str, tuple[str, list[str]]] = owner.get("attributes", {})
    return attributes_of({key: _typed(kind, "\n".join(lines)) for key, (kind, lines) in said.items()})


def _typed(kind: str, text: str) -> Any:
    """A value by the type that is named; what is none of it stays a text."""
    text = text.rstrip().removesuffix(")")
    try:
        match kind:
            case "int" if len(text) < 20:
                return int(text)
            case "double":
                return float(text)
            case "bool" if text in ("true", "false"):
                return text == "true"
            case "slice" | "array" | "map":
                return json.loads(text)
            case "empty" | "null":
                return None
            case _:
                return text
    except (ValueError, RecursionError):
        return text


def _moment(text: str | None) -> str:
    """Go prints a zone twice: `2026-11-10 08:40:00.001 +0000 UTC`."""
    return time_ns((text or "").removesuffix(" UTC").replace(" +", "+").replace(" -", "-"))
