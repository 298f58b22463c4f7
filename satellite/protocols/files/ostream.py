"""Spans as OpenTelemetry C++'s ostream exporter prints them, turned into OTLP's own JSON.

    {
      name          : GET /basket
      trace_id      : 7c1e5a90…
      attributes    :
        http.status_code: 200
    }

What type a value had is not printed, so all are texts.
"""

from __future__ import annotations

import re

from satellite.errors import BadReport
from satellite.protocols.files.console import Json, attributes_of, grouped, id_of

_BEGIN = re.compile(rb"\{\s*name +: [^\n]*\n\s*trace_id +: ")
_FIELD = re.compile(
    r"(name|trace_id|span_id|tracestate|parent_span_id|start|duration|description|span kind|status|timestamp|attributes|events|links"
    r"|resources|instr-lib) *: ?(.*)"
)
_PAIR = re.compile(r"([^\s:][^\s]*?): (.*)")
_SECTIONS = ("attributes", "resources")
_PART_SECTIONS = ("events", "links")


def is_printed(text: bytes) -> bool:
    """Whether it begins as such a span does."""
    return _BEGIN.match(text) is not None


def to_otlp(text: bytes) -> bytes:
    """A request with this span. Raises BadReport."""
    span: Json = {"events": [], "links": []}
    part, values, last = span, {}, ""
    section = ""
    for line in text.decode("utf-8", "replace").splitlines()[1:]:
        bare = line.strip()
        found = _FIELD.fullmatch(bare)
        if bare == "{" and section in _PART_SECTIONS:
            span[section].append(part := {})
        elif bare == "}":
            part = span
        elif found and (" :" in bare[:16] or found[1] == "parent_span_id"):
            name = found[1]
            if name in _SECTIONS:
                values = part.setdefault(name, {})
                last = ""
            elif name in _PART_SECTIONS:
                section = name
            else:
                part[name] = found[2].strip()
        elif pair := _PAIR.fullmatch(bare):
            last = pair[1]
            values[last] = [pair[2]]
        elif last:
            values[last].append(bare)
    return _request(span)


def _request(span: Json) -> bytes:
    name, _, version = span.get("instr-lib", "").rpartition("-")
    start = _number(span.get("start"))
    return grouped(
        [
            (
                {"resource": {"attributes": _attributes(span, "resources")}},
                {"scope": {"name": name or version, "version": version if name else ""}},
                {
                    "traceId": id_of(span.get("trace_id")),
                    "spanId": id_of(span.get("span_id")),
                    "parentSpanId": id_of(span.get("parent_span_id")),
                    "traceState": span.get("tracestate", ""),
                    "name": span.get("name", ""),
                    "kind": span.get("span kind", ""),
                    "startTimeUnixNano": str(start),
                    "endTimeUnixNano": str(start + _number(span.get("duration"))),
                    "status": {
                        "code": span.get("status") or "Unset",
                        "message": span.get("description", ""),
                    },
                    "attributes": _attributes(span),
                    "events": [
                        {
                            "name": one.get("name", ""),
                            "timeUnixNano": str(_number(one.get("timestamp"))),
                            "attributes": _attributes(one),
                        }
                        for one in span["events"]
                    ],
                    "links": [
                        {
                            "traceId": id_of(one.get("trace_id")),
                            "spanId": id_of(one.get("span_id")),
                            "attributes": _attributes(one),
                        }
                        for one in span["links"]
                    ],
                },
            )
        ]
    )


def _attributes(owner: Json, section: str = "attributes") -> list[Json]:
    return attributes_of({key: "\n".join(lines) for key, lines in owner.get(section, {}).items()})


def _number(text: str | None) -> int:
    if not text:
        return 0
    if not text.isascii() or not text.isdigit() or len(text) > 20:
        raise BadReport(f"not what OpenTelemetry C++ prints: {text[:40]!r} stands where a time should")
    return int(text)
