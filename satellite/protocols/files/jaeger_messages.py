"""Jaeger's protobuf spans as protobuf's own JSON, turned into the protobuf: what grpcurl prints and Jaeger puts into Kafka.

Ids are base64, times RFC 3339, durations "0.005s"; a tag's value stands under the name of its type (`vInt64`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from satellite.errors import BadReport
from satellite.pb import jaeger_pb2 as pb
from satellite.protocols.files.console import Json, dicts, objects, time_ns
from satellite.protocols.otlp.odd_json import bytes_of, identifier, integer

_DURATION = re.compile(r"(-?)(\d{1,12})(?:\.(\d{1,9}))?s", re.ASCII)
_TYPES = {"STRING": 0, "BOOL": 1, "INT64": 2, "FLOAT64": 3, "BINARY": 4}
_REFERENCES = {"CHILD_OF": 0, "FOLLOWS_FROM": 1}


def to_protobuf(texts: Sequence[bytes]) -> list[bytes]:
    """One PostSpansRequest with these spans."""
    try:
        spans = [_span(one).SerializeToString() for one in objects(texts)]
    except (ValueError, TypeError, OverflowError) as error:
        raise BadReport(f"not a span of Jaeger's protobuf as JSON: {error}") from error
    return [pb.PostSpansRequest(batch=pb.Batch(spans=spans)).SerializeToString()]


def _span(said: Json) -> pb.Span:
    process = said.get("process")
    return pb.Span(
        trace_id=_trace_id(said.get("traceId")),
        span_id=identifier(said.get("spanId"), 8),
        operation_name=_text(said.get("operationName")),
        references=[
            pb.SpanRef(
                trace_id=_trace_id(one.get("traceId")),
                span_id=identifier(one.get("spanId"), 8),
                ref_type=_number(one.get("refType"), _REFERENCES),
            )
            for one in dicts(said.get("references"))
        ],
        flags=_number(said.get("flags"), {}),
        start_time=_time(int(time_ns(said.get("startTime")))),
        duration=_time(_duration_ns(said.get("duration"))),
        tags=_tags(said.get("tags")),
        logs=[
            pb.Log(timestamp=_time(int(time_ns(one.get("timestamp")))), fields=_tags(one.get("fields")))
            for one in dicts(said.get("logs"))
        ],
        process=[_process(process)] if isinstance(process, dict) else [],
        process_id=_text(said.get("processId")),
        warnings=[_text(warning) for warning in said.get("warnings") or ()],
    )


def _process(said: Json) -> bytes:
    process = pb.Process(service_name=_text(said.get("serviceName")), tags=_tags(said.get("tags")))
    return process.SerializeToString()


def _tags(said: Any) -> list[pb.KeyValue]:
    return [
        pb.KeyValue(
            key=_text(one.get("key")),
            v_type=_number(one.get("vType"), _TYPES),
            v_str=_text(one.get("vStr")),
            v_bool=one.get("vBool") is True,
            v_int64=_number(one.get("vInt64"), {}),
            v_float64=float(one.get("vFloat64") or 0),
            v_binary=bytes_of(one.get("vBinary") or ""),
        )
        for one in dicts(said)
    ]


def _trace_id(said: Any) -> bytes:
    found = identifier(said, 16)
    return found if len(found) != 1 else identifier(said, 8)


def _text(said: Any) -> bytes:
    return said.encode("utf-8", "surrogatepass") if isinstance(said, str) else b""


def _number(said: Any, names: dict[str, int]) -> int:
    return names[said] if isinstance(said, str) and said in names else integer(said) or 0


def _time(ns: int) -> pb.Time:
    return pb.Time(seconds=ns // 10**9, nanos=ns % 10**9)


def _duration_ns(said: Any) -> int:
    found = _DURATION.fullmatch(said) if isinstance(said, str) else None
    if found is None:
        return 0
    ns = int(found[2]) * 10**9 + int((found[3] or "").ljust(9, "0"))
    return -ns if found[1] else ns
