"""Requests of the other protocols: laid out once by a library, then patched into any number of distinct ones.

A span is the same in all of them: TAGS attributes, two of which no other span has (URL, order id), and nothing else;
as OTLP it takes about 350 bytes. Fresh parts (ids, times, those two) have a fixed width, so a request is bytes with
holes, and many requests are one array in which the holes are filled. See envoy_spans for LightStep's own reports.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from bench.envoy_spans import (
    PODS_PER_SERVICE,
    SERVICES,
    SPANS_PER_TRACE,
    Bytes,
    Ids,
    grpc_message,
    hex_digits,
)
from satellite.protocols.lightstep import crouton
from satellite.protocols.readers import thrift

TAGS = 10
_ROUTES = tuple(f"/api/{what}" for what in ("orders", "carts", "items", "reviews", "ratings", "users"))

# What fills the holes of a layout: bytes that stand nowhere else in it.

_TRACE, _SPAN, _PARENT = "a1b2" * 8, "c3d4" * 4, "e5f6" * 4
_THRIFT_TRACE = "d7c8" * 4
_START_NS, _END_NS = 0xA1A2A3A4A5A6A7A8, 0xB1B2B3B4B5B6B7B8
_START_US, _END_US, _DURATION_US = 7_171_727_273_737_474, 7_272_737_374_747_575, 987_654
_URL, _ORDER = "U" * 16, "O" * 16


def _attributes(pick: random.Random) -> dict[str, Any]:
    status = pick.choices((200, 404, 503), (95, 3, 2))[0]
    return {
        "http.method": pick.choice(("GET", "GET", "GET", "POST")),
        "http.status_code": status,
        "http.route": pick.choice(_ROUTES),
        "http.url": f"http://shop/{_URL}",
        "peer.address": f"10.244.{pick.randrange(4)}.{pick.randrange(10, 40)}",
        "peer.port": 8080,
        "http.protocol": "http/1.1",
        "order.id": _ORDER,
        "cache.hit": status == 200,
        "zone": pick.choice(("eu-1", "eu-2")),
    }


def _otlp(pick: random.Random, service: str, pod: int, token: str, spans: int) -> bytes:
    """ExportTraceServiceRequest; the token travels in a header."""
    del token
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    about = {"service.name": service, "service.instance.id": f"{service}-{pod}", "host.name": f"node-{pod}"}
    resource.resource.attributes.extend(
        KeyValue(key=key, value=AnyValue(string_value=value)) for key, value in about.items()
    )
    scope = resource.scope_spans.add()
    scope.scope.name, scope.scope.version = "bench", "1"
    for _ in range(spans):
        scope.spans.append(
            Span(
                trace_id=bytes.fromhex(_TRACE),
                span_id=bytes.fromhex(_SPAN),
                parent_span_id=bytes.fromhex(_PARENT),
                name=f"GET {pick.choice(_ROUTES)}",
                kind=pick.choice((Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_SERVER)),
                start_time_unix_nano=_START_NS,
                end_time_unix_nano=_END_NS,
                attributes=[
                    KeyValue(key=key, value=_any_value(value)) for key, value in _attributes(pick).items()
                ],
            )
        )
    return request.SerializeToString()


def _any_value(value: Any) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case _:
            return AnyValue(string_value=value)


def _grpc_otlp(pick: random.Random, service: str, pod: int, token: str, spans: int) -> bytes:
    return grpc_message(_otlp(pick, service, pod, token, spans))


def _thrift(pick: random.Random, service: str, pod: int, token: str, spans: int) -> bytes:
    """The call that PyPI's `lightstep` makes with Thrift."""
    guid = f"{pod:08x}{SERVICES.index(service):08x}"
    records = [
        {
            "span_guid": _SPAN,
            "runtime_guid": guid,
            "span_name": f"GET {pick.choice(_ROUTES)}",
            "join_ids": [],
            "oldest_micros": _START_US,
            "youngest_micros": _END_US,
            "attributes": _pairs(_attributes(pick) | {"parent_span_guid": _PARENT}),
            "error_flag": False,
            "log_records": [],
            "trace_guid": _THRIFT_TRACE,
        }
        for _ in range(spans)
    ]
    runtime = {
        "guid": guid,
        "start_micros": 1_700_000_000_000_000,
        "group_name": service,
        "attrs": _pairs({"lightstep.tracer_platform": "python", "lightstep.tracer_version": "4.4.8"}),
    }
    arguments = {
        "auth": {"access_token": token},
        "request": {"runtime": runtime, "span_records": records, "timestamp_offset_micros": 0},
    }
    call = thrift.Message("Report", thrift.CALL, 0)
    return thrift.write_message(call, thrift.write_struct(arguments, crouton.ARGUMENTS))


def _pairs(attributes: dict[str, Any]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": _text(value)} for key, value in attributes.items()]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _zipkin(pick: random.Random, service: str, pod: int, token: str, spans: int) -> bytes:
    """A list of v2 spans; the token travels in a header."""
    del token
    return msgspec.json.encode(
        [
            {
                "traceId": _TRACE,
                "id": _SPAN,
                "parentId": _PARENT,
                "name": f"get {pick.choice(_ROUTES)}",
                "kind": pick.choice(("CLIENT", "SERVER")),
                "timestamp": _START_US,
                "duration": _DURATION_US,
                "localEndpoint": {"serviceName": service, "ipv4": f"10.244.{pod}.7", "port": 8080},
                "tags": {key: _text(value) for key, value in _attributes(pick).items()},
            }
            for _ in range(spans)
        ]
    )


@dataclass(frozen=True)
class Form:
    """One way to send spans."""

    path: str
    content_type: str
    layout: Callable[[random.Random, str, int, str, int], bytes] | None
    """(random, service, pod, token, spans) → a request with holes; None: envoy_spans makes it."""

    @property
    def grpc(self) -> bool:
        """Whether over HTTP/2."""
        return self.content_type == "application/grpc"


FORMS = {
    "lightstep": Form("/lightstep.collector.CollectorService/Report", "application/grpc", None),
    "otlp-grpc": Form(
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export", "application/grpc", _grpc_otlp
    ),
    "otlp-http": Form("/v1/traces", "application/x-protobuf", _otlp),
    "thrift": Form("/_rpc/v1/reports/binary", "application/x-thrift", _thrift),
    "zipkin": Form("/api/v2/spans", "application/json", _zipkin),
}
"""By the name of the load's option."""


class _Holes:
    """Where one filling is in a request."""

    def __init__(self, request: bytes, filling: bytes) -> None:
        self.width = len(filling)
        starts = []
        at = request.find(filling)
        while at >= 0:
            starts.append(at)
            at = request.find(filling, at + self.width)
        self.places = np.array(starts, np.int64)[:, None] + np.arange(self.width)


class PatchedRequests:
    """Requests of one form with ids that no other has, in turn from every pod of every service."""

    def __init__(self, form: str, token: str, spans: int, *, seed: int, now_s: int) -> None:
        """Requests of `spans` spans each, all started in the second `now_s`."""
        layout = FORMS[form].layout
        assert layout is not None
        pick = random.Random(1)
        self._layouts = [
            np.frombuffer(layout(pick, service, pod, token, spans), np.uint8)
            for pod in range(PODS_PER_SERVICE)
            for service in SERVICES
        ]
        self._holes: dict[int, list[tuple[_Holes, str]]] = {}
        self._random = np.random.default_rng(seed)
        self._now_s = now_s
        self._turn = 0
        self.spans = spans

    def fresh(self, number: int) -> tuple[list[memoryview], Ids]:
        """(so many requests, all from one reporter; the low halves of their trace ids, a row per request)."""
        turn = self._turn % len(self._layouts)
        self._turn += 1
        layout = self._layouts[turn]
        if turn not in self._holes:
            request = layout.tobytes()
            found = [(_Holes(request, filling), what) for filling, what in _FILLINGS]
            self._holes[turn] = [(holes, what) for holes, what in found if len(holes.places)]
        requests = np.empty((number, len(layout)), np.uint8)
        requests[:] = layout
        contents, trace_ids = self._contents((number, self.spans))
        for holes, what in self._holes[turn]:
            assert len(holes.places) == self.spans, what
            requests[:, holes.places] = contents[what]
        return [request.data for request in requests], trace_ids

    def _contents(self, shape: tuple[int, int]) -> tuple[dict[str, Bytes], Ids]:
        number, spans = shape
        per_trace = min(SPANS_PER_TRACE, spans)
        trace_ids = self._ids((number, -(-spans // per_trace), 2))
        trace = np.repeat(trace_ids, per_trace, axis=1)[:, :spans]
        span_ids = self._ids(shape)
        parents = np.concatenate([self._ids((number, 1)), span_ids[:, :-1]], axis=1)
        start_us = self._now_s * 10**6 + self._random.integers(0, 10**6, shape, np.int64)
        duration_us = self._random.integers(100_000, 10**6, shape, np.int64)
        end_us = start_us + duration_us
        words = _hex(self._ids((*shape, 2)))
        contents = {
            "trace": _octets(trace, ">u8").reshape(*shape, 16),
            "trace, hex": _hex(trace).reshape(*shape, 32),
            "low trace, hex": _hex(trace[:, :, 1]),
            "span": _octets(span_ids, ">u8"),
            "span, hex": _hex(span_ids),
            "parent": _octets(parents, ">u8"),
            "parent, hex": _hex(parents),
            "start, ns": _octets(start_us * 1000, "<u8"),
            "end, ns": _octets(end_us * 1000, "<u8"),
            "start, µs": _octets(start_us, ">u8"),
            "end, µs": _octets(end_us, ">u8"),
            "start, text": _decimals(start_us, 16),
            "duration, text": _decimals(duration_us, 6),
            "URL": words[:, :, 0],
            "order": words[:, :, 1],
        }
        return contents, trace_ids[:, :, 1]

    def _ids(self, shape: tuple[int, ...]) -> Ids:
        ids: Ids = self._random.integers(1, (1 << 64) - 1, shape, np.uint64, endpoint=True)
        return ids


_FILLINGS: tuple[tuple[bytes, str], ...] = (
    (bytes.fromhex(_TRACE), "trace"),
    (_TRACE.encode(), "trace, hex"),
    (_THRIFT_TRACE.encode(), "low trace, hex"),
    (bytes.fromhex(_SPAN), "span"),
    (_SPAN.encode(), "span, hex"),
    (bytes.fromhex(_PARENT), "parent"),
    (_PARENT.encode(), "parent, hex"),
    (_START_NS.to_bytes(8, "little"), "start, ns"),
    (_END_NS.to_bytes(8, "little"), "end, ns"),
    (_START_US.to_bytes(8, "big"), "start, µs"),
    (_END_US.to_bytes(8, "big"), "end, µs"),
    (str(_START_US).encode(), "start, text"),
    (str(_DURATION_US).encode(), "duration, text"),
    (_URL.encode(), "URL"),
    (_ORDER.encode(), "order"),
)


def _hex(numbers: Ids) -> Bytes:
    """The numbers as 16 hex digits each, the highest first."""
    return hex_digits(numbers.byteswap())


def _octets(numbers: npt.NDArray[Any], form: str) -> Bytes:
    """The numbers' bytes along a new last axis."""
    return np.ascontiguousarray(numbers).astype(form)[..., None].view(np.uint8)


def _decimals(numbers: npt.NDArray[np.int64], width: int) -> Bytes:
    """The numbers as so many digits each."""
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    return (numbers[..., None] // powers % 10 + ord("0")).astype(np.uint8)
