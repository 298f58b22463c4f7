"""Traces as LightStep's public API answered them (`stored-traces`), turned into OTLP's own JSON.

Ids have 64 bits there; the whole trace id of what came by OTLP is the tag `otlp.trace_id`, the parent `parent_span_guid`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from satellite.errors import BadReport
from satellite.protocols.files.console import Json, attributes_of, dicts, grouped, objects

_LINKED = ("otlp.trace_id", "parent_span_guid", "instrumentation.name", "instrumentation.version")
"""Tags that say what other forms have fields for."""
_WHOLE_ID = re.compile(r"[0-9a-fA-F]{32}")


def from_traces(texts: Sequence[bytes]) -> list[bytes]:
    """A request with the spans of these traces, elements of an answer's `data`."""
    return [grouped(span for trace in objects(texts) for span in _trace(trace))]


def from_spans(texts: Sequence[bytes]) -> list[bytes]:
    """A request with these spans, without their reporters."""
    return [grouped(_span(span, {}) for span in objects(texts))]


def _trace(trace: Json) -> list[tuple[Json, Json, Json]]:
    attributes, related = trace.get("attributes"), trace.get("relationships")
    if not isinstance(attributes, dict) or not isinstance(attributes.get("spans"), list):
        raise BadReport("an answer of LightStep's API without spans; those of stored-traces have them")
    reporters = {
        str(one.get("reporter-id")): one.get("attributes")
        for one in dicts(related.get("reporters") if isinstance(related, dict) else None)
    }
    return [_span(span, reporters) for span in dicts(attributes["spans"])]


def _span(span: Json, reporters: Json) -> tuple[Json, Json, Json]:
    tags = span.get("tags")
    tags = tags if isinstance(tags, dict) else {}
    reporter = reporters.get(str(span.get("reporter-id")))
    said: Json = dict(reporter) if isinstance(reporter, dict) else {}
    service = said.get("lightstep.component_name") or span.get("service") or tags.get("service.name")
    if service and not said.get("service.name"):
        said["service.name"] = service
    trace_id, whole = str(span.get("trace-id", "")), str(tags.get("otlp.trace_id", ""))
    if not (_WHOLE_ID.fullmatch(whole) and whole.lower().endswith(trace_id.lower())):
        whole = trace_id.rjust(32, "0") if trace_id else ""
    scope = {"name": tags.get("instrumentation.name"), "version": tags.get("instrumentation.version")}
    return (
        {"resource": {"attributes": attributes_of(said)}},
        {"scope": {key: value for key, value in scope.items() if isinstance(value, str)}},
        {
            "traceId": whole,
            "spanId": span.get("span-id"),
            "parentSpanId": tags.get("parent_span_guid", ""),
            "name": span.get("span-name", ""),
            "kind": str(tags.get("span.kind", "")),
            "startTimeUnixNano": _ns(span.get("start-time-micros")),
            "endTimeUnixNano": _ns(span.get("end-time-micros")),
            "status": {"code": 2} if span.get("is-error") is True else {},
            "attributes": attributes_of({key: value for key, value in tags.items() if key not in _LINKED}),
            "events": [
                {
                    "timeUnixNano": _ns(one.get("timestamp-micros")),
                    "attributes": attributes_of(one["fields"] if isinstance(one.get("fields"), dict) else {}),
                }
                for one in dicts(span.get("logs"))
            ],
        },
    )


def _ns(micros: object) -> str:
    return str(round(micros * 1000)) if isinstance(micros, int | float) and 0 <= micros < 1e16 else "0"
