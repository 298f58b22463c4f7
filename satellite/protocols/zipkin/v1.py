"""Zipkin v1 turned into v2: one span of annotations becomes one span a side, each with its own kind and times.

Follows what Zipkin's own server does with v1 (its V1SpanConverter), as the wire reference tells it. In v1 a call is one
span which both sides annotate: `cs` client sends, `cr` client receives, `sr` server receives, `ss` server sends; `ms`
and `mr` say that a message was sent and received, `ws` and `wr` when its bytes were on the wire.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from satellite.protocols.readers.thrift import (
    BOOL,
    I16,
    I32,
    I64,
    LIST,
    STRING,
    STRUCT,
    Field,
    Schema,
    read_list,
)
from satellite.protocols.values import MASK, moment_us, whole_number
from satellite.protocols.zipkin.model import ZipkinSpan, address_text

_CORE = {"cs": "CLIENT", "cr": "CLIENT", "sr": "SERVER", "ss": "SERVER", "ms": "PRODUCER", "mr": "CONSUMER"}
_MARKERS = _CORE.keys() | {"ws", "wr"}
_ADDRESSES = ("ca", "sa", "ma")


class _Moment(NamedTuple):
    """A core annotation."""

    time_us: int
    endpoint: Any


def is_v1(span: ZipkinSpan) -> bool:
    """Whether a span has the form of v1: binary annotations, or annotations that say where they were made."""
    if span.binary_annotations is not None:
        return True
    return isinstance(span.annotations, list) and any(
        isinstance(one, dict) and "endpoint" in one for one in span.annotations
    )


def convert(span: ZipkinSpan) -> list[ZipkinSpan]:
    """The spans of v2 that a span of v1 is: one, or two when both sides of a call are in it."""
    sides = _Sides(span)
    sides.read_annotations()
    sides.place_calls()
    sides.place_messages()
    sides.read_binary_annotations()
    return sides.spans


class _Sides:
    """The spans that one span of v1 falls into, by endpoint; the first takes whatever names none."""

    def __init__(self, source: ZipkinSpan) -> None:
        self._source = source
        self._time_us = moment_us(source.timestamp)
        self._duration_us = whole_number(source.duration)
        self._moments: dict[str, _Moment] = {}
        self.spans = [self._new(None)]

    def _new(self, endpoint: Any) -> ZipkinSpan:
        source = self._source
        return ZipkinSpan(
            trace_id=source.trace_id,
            id=source.id,
            parent_id=source.parent_id,
            name=source.name,
            local_endpoint=endpoint,
            debug=source.debug,
            annotations=[],
            tags={},
        )

    def at(self, endpoint: Any) -> ZipkinSpan:
        """The span of an endpoint: the one with the same service, or the first that has none yet."""
        if not isinstance(endpoint, dict):
            return self.spans[0]
        for span in self.spans:
            if span.local_endpoint is None:
                span.local_endpoint = endpoint
                return span
            if _same_service(span.local_endpoint, endpoint):
                return span
        self.spans.append(self._new(endpoint))
        return self.spans[-1]

    def read_annotations(self) -> None:
        """Sort out the core annotations; the others are events where they were made."""
        annotations = self._source.annotations
        for one in annotations if isinstance(annotations, list) else []:
            if not isinstance(one, dict):
                continue
            value, endpoint = one.get("value"), one.get("endpoint")
            if isinstance(value, str) and value in _MARKERS and isinstance(endpoint, dict):
                self._moments[value] = _Moment(moment_us(one.get("timestamp")), endpoint)
                if value in _CORE:
                    self.at(endpoint).kind = _CORE[value]
            else:
                self.at(endpoint).annotations.append({"timestamp": one.get("timestamp"), "value": value})

    def place_calls(self) -> None:
        """Give the sides of a call their times."""
        moments = self._moments
        cr, ss = moments.get("cr"), moments.get("ss")
        # Who bridges from other models may leave the start out; it is known when the end agrees with the duration.
        if "cs" not in moments and cr and self._ends_span(cr):
            moments["cs"] = _Moment(self._time_us, cr.endpoint)
        if "sr" not in moments and ss and self._ends_span(ss):
            moments["sr"] = _Moment(self._time_us, ss.endpoint)
        cs, sr = moments.get("cs"), moments.get("sr")
        if cs and sr:
            self._both_sides(cs, cr, sr, ss)
        elif cs and cr:
            self._time(cs, cr)
        elif sr and ss:
            self._time(sr, ss)
        else:
            self._half_a_call()
        if sr and not cs and (not self._time_us or (ss and not self._duration_us)):
            # v1 has no flag: whoever leaves the times to the other side shares the span with it.
            self.at(sr.endpoint).shared = True

    def _ends_span(self, end: _Moment) -> bool:
        return bool(self._time_us and self._duration_us) and self._time_us + self._duration_us == end.time_us

    def _both_sides(self, cs: _Moment, cr: _Moment | None, sr: _Moment, ss: _Moment | None) -> None:
        self._time(cs, cr)
        client = self.at(cs.endpoint)
        if _same_service(cs.endpoint, sr.endpoint):  # a service that calls itself is two spans all the same
            client.kind = "CLIENT"
            server = self._new(sr.endpoint)
            self.spans.append(server)
        else:
            server = self.at(sr.endpoint)
        server.kind = "SERVER"
        server.shared = True
        server.timestamp = sr.time_us
        server.duration = ss.time_us - sr.time_us if ss else None
        if cr is None and not self._duration_us:
            client.duration = None  # one way: nobody waited

    def _half_a_call(self) -> None:
        """Only one end of a call is known: a start gives the time, an end is an event."""
        moments = self._moments
        for span in self.spans:
            for name, kind in (("cs", "CLIENT"), ("sr", "SERVER")):
                if name in moments and span.kind == kind:
                    span.timestamp = moments[name].time_us
        for name in ("cr", "ss"):
            if end := moments.get(name):
                self.at(end.endpoint).annotations.append({"timestamp": end.time_us, "value": name})
        if self._time_us:
            self.spans[0].timestamp, self.spans[0].duration = self._time_us, self._duration_us

    def place_messages(self) -> None:
        """Give the sides of a message their times."""
        moments = self._moments
        ms, mr, ws, wr = (moments.get(name) for name in ("ms", "mr", "ws", "wr"))
        if ms and mr:
            producer = self.at(ms.endpoint)
            if _same_service(ms.endpoint, mr.endpoint):
                consumer = self._new(mr.endpoint)
                self.spans.append(consumer)
            else:
                consumer = self.at(mr.endpoint)
            producer.kind, consumer.kind, consumer.shared = "PRODUCER", "CONSUMER", True
            consumer.timestamp = wr.time_us if wr else mr.time_us
            consumer.duration = mr.time_us - wr.time_us if wr else None
            producer.timestamp = ms.time_us
            producer.duration = ws.time_us - ms.time_us if ws else None
        elif ms:
            self._time(ms, ws)
        elif mr:
            self._time(wr or mr, mr if wr else None)
        else:
            for name, moment in (("ws", ws), ("wr", wr)):
                if moment:
                    self.at(moment.endpoint).annotations.append({"timestamp": moment.time_us, "value": name})

    def _time(self, begin: _Moment, end: _Moment | None) -> None:
        """The span's own times if it has both, else those of the annotations."""
        span = self.at(begin.endpoint)
        if self._time_us and self._duration_us:
            span.timestamp, span.duration = self._time_us, self._duration_us
        else:
            span.timestamp = begin.time_us
            span.duration = end.time_us - begin.time_us if end else None

    def read_binary_annotations(self) -> None:
        """Tags, where they were made, and the addresses of the other side."""
        addresses: dict[str, dict[str, Any]] = {}
        annotations = self._source.binary_annotations
        for one in annotations if isinstance(annotations, list) else []:
            if not isinstance(one, dict) or not isinstance(key := one.get("key"), str):
                continue
            value, endpoint = one.get("value"), one.get("endpoint")
            if key in _ADDRESSES and isinstance(endpoint, dict):
                addresses[key] = endpoint
                continue
            span = self.at(endpoint)
            if key != "lc" or value:  # an empty "lc" only carries its endpoint
                span.tags[key] = value
        self._place_addresses(addresses)

    def _place_addresses(self, addresses: dict[str, dict[str, Any]]) -> None:
        moments = self._moments
        client, server, message = (addresses.get(name) for name in ("ca", "sa", "ma"))
        serving = moments.get("sr") or moments.get("ss")
        calling = moments.get("cs") or moments.get("cr")
        if not serving and not calling and (client or server):
            if client and server:
                self.at(client).remote_endpoint = server
            elif server:
                self.spans[0].remote_endpoint = server
            else:
                self.spans[0].kind, self.spans[0].remote_endpoint = "SERVER", client
            return
        if client and serving and client != serving.endpoint:
            if _same_service(
                client, serving.endpoint
            ):  # Finagle names itself there; only the address is the client's
                client = client | {"serviceName": None}
            self._side(serving, "SERVER").remote_endpoint = client
        if server and calling:
            self._side(calling, "CLIENT").remote_endpoint = server
        for name in ("ms", "mr"):
            if message and name in moments:
                self._side(moments[name], _CORE[name]).remote_endpoint = message

    def _side(self, moment: _Moment, kind: str) -> ZipkinSpan:
        """The span of a side; where a service called itself, its endpoint alone does not tell."""
        for span in self.spans:
            if span.kind == kind and _same_service(span.local_endpoint, moment.endpoint):
                return span
        return self.at(moment.endpoint)


def _same_service(one: Any, other: Any) -> bool:
    """Whether two endpoints are of one service; without names, whether they are the same."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return False
    if one.get("serviceName") and other.get("serviceName"):
        return bool(one["serviceName"] == other["serviceName"])
    return one == other


# Thrift

_ENDPOINT: Schema = {
    1: Field("ipv4", I32),
    2: Field("port", I16),
    3: Field("serviceName", STRING),
    4: Field("ipv6", STRING, binary=True),
}
_ANNOTATION: Schema = {
    1: Field("timestamp", I64),
    2: Field("value", STRING),
    3: Field("endpoint", STRUCT, _ENDPOINT),
}
_BINARY_ANNOTATION: Schema = {
    1: Field("key", STRING),
    2: Field("value", STRING, binary=True),
    3: Field("type", I32),
    4: Field("endpoint", STRUCT, _ENDPOINT),
}
SPAN: Schema = {
    1: Field("trace_id", I64),
    3: Field("name", STRING),
    4: Field("id", I64),
    5: Field("parent_id", I64),
    6: Field("annotations", LIST, _ANNOTATION),
    8: Field("binary_annotations", LIST, _BINARY_ANNOTATION),
    9: Field("debug", BOOL),
    10: Field("timestamp", I64),
    11: Field("duration", I64),
    12: Field("trace_id_high", I64),
}


def read_thrift(body: bytes) -> Iterator[ZipkinSpan]:
    """The spans of v1 in a bare Thrift list, one by one.

    Raises:
        BadReport: it is none.
    """
    return map(_from_thrift, read_list(body, SPAN))


def _from_thrift(found: dict[str, Any]) -> ZipkinSpan:
    trace = (found.get("trace_id_high", 0) & MASK) << 64 | found.get("trace_id", 0) & MASK
    return ZipkinSpan(
        trace_id=trace,
        id=found.get("id", 0) & MASK,
        parent_id=found.get("parent_id", 0) & MASK,
        name=found.get("name"),
        timestamp=found.get("timestamp"),
        duration=found.get("duration"),
        debug=found.get("debug"),
        annotations=[
            {"timestamp": one.get("timestamp"), "value": one.get("value"), "endpoint": _endpoint(one)}
            for one in found.get("annotations", ())
        ],
        binary_annotations=[
            {"key": one.get("key"), "value": _value(one), "endpoint": _endpoint(one)}
            for one in found.get("binary_annotations", ())
        ],
    )


_NUMBER_BYTES = {0: 1, 2: 2, 3: 4, 4: 8, 5: 8}
"""Type of a binary annotation → length of its value; 1 are bytes and 6 is text."""


def _value(annotation: dict[str, Any]) -> Any:
    """The typed value of a binary annotation; bytes where type and length do not agree."""
    value, kind = annotation.get("value", b""), annotation.get("type", 6)
    if kind == 6:
        return value.decode("utf-8", "surrogateescape")
    if _NUMBER_BYTES.get(kind) != len(value):
        return value
    if kind == 0:
        return value != b"\0"
    return struct.unpack(">d", value)[0] if kind == 5 else int.from_bytes(value, "big", signed=True)


def _endpoint(annotation: dict[str, Any]) -> dict[str, Any] | None:
    endpoint = annotation.get("endpoint")
    if endpoint is None:
        return None
    ipv4, port = endpoint.get("ipv4", 0) & 0xFFFF_FFFF, endpoint.get("port", 0) & 0xFFFF
    return {
        "serviceName": endpoint.get("serviceName"),
        "ipv4": address_text(ipv4.to_bytes(4, "big")) if ipv4 else "",
        "ipv6": address_text(endpoint.get("ipv6", b"")),
        "port": port,
    }
