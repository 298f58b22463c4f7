"""Traces as Grafana's data frames, which its query inspector shows and copies: a column a field; times and durations in ms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec

from satellite.errors import BadReport
from satellite.protocols.files.console import Json, dicts, objects


def to_jaeger(texts: Sequence[bytes]) -> list[bytes]:
    """One document of Jaeger's JSON with the spans of these frames."""
    spans = [_span(row) for frame in objects(texts) for row in _rows(frame)]
    return [msgspec.json.encode({"data": [{"spans": spans, "processes": {}}]})]


def _rows(frame: Json) -> list[Json]:
    """Each row under the names of its columns."""
    schema, data = frame.get("schema"), frame.get("data")
    names = [
        str(one.get("name")) for one in dicts(schema.get("fields") if isinstance(schema, dict) else None)
    ]
    columns = data.get("values") if isinstance(data, dict) else None
    if (
        "spanID" not in names
        or not isinstance(columns, list)
        or not all(isinstance(one, list) for one in columns)
    ):
        raise BadReport("a frame of Grafana without spans: its query was not one for a trace")
    return [dict(zip(names, row, strict=False)) for row in zip(*columns, strict=False)]


def _span(row: Json) -> Json:
    trace_id, parent = row.get("traceID"), row.get("parentSpanID")
    named = [{"refType": "CHILD_OF", "traceID": trace_id, "spanID": parent}] if parent else []
    links = [
        {"refType": "FOLLOWS_FROM", "traceID": one.get("traceID"), "spanID": one.get("spanID")}
        for one in dicts(row.get("references"))
    ]
    code = row.get("statusCode")
    own = {
        "span.kind": row.get("kind"),
        "otel.status_code": {1: "OK", 2: "ERROR"}.get(code) if isinstance(code, int) else None,
        "otel.status_description": row.get("statusMessage"),
    }
    tags = dicts(row.get("tags"))
    known = {str(one.get("key")) for one in tags}
    return {
        "traceID": trace_id,
        "spanID": row.get("spanID"),
        "operationName": row.get("operationName"),
        "references": named + links,
        "startTime": _us(row.get("startTime")),
        "duration": _us(row.get("duration")),
        "tags": tags
        + [{"key": key, "value": value} for key, value in own.items() if value and key not in known],
        "logs": [
            {"timestamp": _us(one.get("timestamp")), "fields": _fields(one)} for one in dicts(row.get("logs"))
        ],
        "process": {"serviceName": row.get("serviceName"), "tags": dicts(row.get("serviceTags"))},
        "warnings": row.get("warnings"),
    }


def _fields(log: Json) -> list[Json]:
    """Of a log; the name of an event stands beside them."""
    name = log.get("name")
    return [*([{"key": "event", "value": name}] if name else []), *dicts(log.get("fields"))]


def _us(value: Any) -> int:
    """The µs that ms with a fraction are."""
    return round(value * 1000) if isinstance(value, int | float) and math.isfinite(value) else 0
