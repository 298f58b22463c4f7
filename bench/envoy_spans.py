"""Reports as Envoy would send them: laid out once, then any number of them with fresh ids for little work.

Every span is a protobuf message of exactly SPAN_BYTES with TAGS tags. What is fresh in it (ids, times, three tags)
has a fixed width and place, so many reports are one array of bytes that is patched column by column. Two liberties,
neither of which makes reading easier or harder: the operation's name comes after the times instead of before the
references, and the value of one tag is as long as it takes to make all spans equally long.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SPAN_BYTES = 880
TAGS = 20
SPANS_PER_TRACE = 10
"""Neighbours in a report that share a trace id, each the parent of the next."""

SERVICES = ("productpage", "details", "reviews", "ratings", "checkout", "cart", "search", "accounts")
PODS_PER_SERVICE = 4
AGENTS = tuple(f"Mozilla/5.0 (X11; Linux x86_64; rv:{version}.0)" for version in range(100, 120))

Bytes = npt.NDArray[np.uint8]
Ids = npt.NDArray[np.uint64]

_GRPC_HEAD = 5
_RECORD_HEAD = 3  # field 3 of ReportRequest; 880 is a varint of two bytes
_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)
_SHORTEST_US, _LONGEST_US = 1 << 14, (1 << 21) - 1  # what a varint of three bytes can say
_MEDIAN_US = 60_000


def varint(number: int) -> bytes:
    """A whole number as protobuf writes it."""
    out = bytearray()
    while number > 0x7F:
        out.append((number & 0x7F) | 0x80)
        number >>= 7
    return bytes([*out, number])


def field(number: int, content: bytes) -> bytes:
    """A field with a length: text, bytes or message."""
    return bytes([(number << 3) | 2]) + varint(len(content)) + content


def tag(key: str, value: str, *, number: int = 6) -> bytes:
    """A KeyValue with a text."""
    return field(number, field(1, key.encode()) + field(2, value.encode()))


def grpc_message(body: bytes) -> bytes:
    """A body with gRPC's five bytes before it."""
    return b"\0" + len(body).to_bytes(4, "big") + body


# The front of every span, with holes that are found by what fills them.

_TRACE, _SPAN, _PARENT = b"\xa1" * 10, b"\xa2" * 10, b"\xa3" * 10
_SECONDS, _NANOS, _DURATION = b"\xa4" * 5, b"\xa5" * 5, b"\xa6" * 3
_REQUEST, _REQUEST_END, _URL, _ORDER = b"R" * 8, b"E" * 8, b"U" * 16, b"O" * 16
_FRONT = (
    field(1, b"\x08" + _TRACE + b"\x10" + _SPAN)
    + field(3, field(2, b"\x08" + _TRACE + b"\x10" + _PARENT))  # CHILD_OF is 0, so it is not written
    + field(4, b"\x08" + _SECONDS + b"\x10" + _NANOS)
    + b"\x28"
    + _DURATION
    + tag("guid:x-request-id", f"{_REQUEST.decode()}-4c1d-9f64-8b43-7705{_REQUEST_END.decode()}")
    + tag("http.url", f"http://bookinfo.example/orders/{_URL.decode()}")
    + tag("order.id", _ORDER.decode())
)


def _holes(filling: bytes) -> list[slice]:
    """Where it is, counted from the start of the span's record in the report."""
    found: list[slice] = []
    at = _FRONT.find(filling)
    while at >= 0:
        found.append(slice(_RECORD_HEAD + at, _RECORD_HEAD + at + len(filling)))
        at = _FRONT.find(filling, at + len(filling))
    return found


def _span(pick: random.Random, service: str, pod: int) -> bytes:
    """One span of SPAN_BYTES, its holes unfilled."""
    upstream = pick.choice(SERVICES)
    status = pick.choices(("200", "404", "503"), (95, 3, 2))[0]
    failed = status == "503"
    node = f"sidecar~10.244.{pod}.{len(service)}~{service}-v1-659cfd6ff-{pod:05d}.default~default.svc.cluster.local"
    tags = {
        "component": "proxy",
        "http.method": pick.choice(("GET", "GET", "GET", "POST")),
        "http.protocol": "HTTP/1.1",
        "http.status_code": status,
        "istio.canonical_revision": f"v{1 + pod % 3}",
        "istio.canonical_service": service,
        "istio.namespace": "default",
        "node_id": node,
        "peer.address": f"10.244.{pick.randrange(4)}.{pick.randrange(10, 40)}",
        "request_size": "0",
        "response_flags": "UF" if failed else "-",
        "response_size": str(pick.randrange(200, 700)),
        "span.kind": pick.choice(("client", "server")),
        "upstream_cluster": f"outbound|9080||{upstream}.default.svc.cluster.local",
        "user_agent": pick.choice(AGENTS),
        "error" if failed else "zone": "true" if failed else "eu-1",
    }
    name = f"{upstream}.default.svc.cluster.local:9080/*"
    rest = field(2, name.encode()) + b"".join(tag(key, value) for key, value in tags.items())
    padding = tag("x-note", "." * (SPAN_BYTES - len(_FRONT) - len(rest) - len(tag("x-note", ""))))
    span = _FRONT + rest + padding
    assert len(span) == SPAN_BYTES, len(span)
    assert len(tags) + 4 == TAGS
    return span


@dataclass(frozen=True)
class Layout:
    """One report with its gRPC prefix, holes unfilled."""

    message: Bytes
    first: int
    """Where its first span begins."""
    spans: int


def layouts(token: str, spans: int, *, seed: int = 1) -> list[Layout]:
    """Reports of every pod of every service, all of one reporter each; the same for the same seed."""
    pick = random.Random(seed)
    made = []
    for pod in range(PODS_PER_SERVICE):
        for service in SERVICES:
            reporter = (
                b"\x08"
                + varint(pick.randrange(1 << 63, 1 << 64))
                + b"".join(
                    tag(key, value, number=4)
                    for key, value in {
                        "lightstep.tracer_version": "0.14.0",
                        "lightstep.tracer_platform": "c++",
                        "lightstep.component_name": f"{service}.default",
                    }.items()
                )
            )
            head = field(1, reporter) + field(2, field(1, token.encode()))
            body = head + b"".join(field(3, _span(pick, service, pod)) for _ in range(spans))
            message = np.frombuffer(grpc_message(body), np.uint8)
            made.append(Layout(message, _GRPC_HEAD + len(head), spans))
    return made


def _varints(numbers: Ids, width: int) -> Bytes:
    """The numbers as varints; each must need exactly `width` bytes."""
    shifts = np.arange(0, 7 * width, 7, dtype=np.uint64)
    encoded = ((numbers[..., None] >> shifts) & np.uint64(0x7F)).astype(np.uint8)
    encoded[..., :-1] |= 0x80
    return encoded


def hex_digits(numbers: Ids) -> Bytes:
    """The numbers as 16 hex digits each."""
    octets = np.ascontiguousarray(numbers)[..., None].view(np.uint8)
    digits = np.empty((*numbers.shape, 16), np.uint8)
    digits[..., 0::2] = _HEX[octets >> 4]
    digits[..., 1::2] = _HEX[octets & 15]
    return digits


class Reports:
    """Reports with ids that no other has; those of one seed come in the same order each time."""

    def __init__(self, token: str, spans: int, *, seed: int, now_s: int) -> None:
        """Reports of `spans` spans each for one access token, all started in the second `now_s`, until it is changed."""
        self._layouts = layouts(token, spans)
        self._random = np.random.default_rng(seed)
        self.now_s = now_s
        self._turn = 0
        self.spans = spans

    def fresh(self, number: int) -> tuple[list[memoryview], Ids]:
        """(so many gRPC messages, all from one reporter; the trace ids of each, a row per message)."""
        layout = self._layouts[self._turn % len(self._layouts)]
        self._turn += 1
        spans = layout.spans
        shape = number, spans
        messages = np.empty((number, len(layout.message)), np.uint8)
        messages[:] = layout.message
        stop = layout.first + spans * (_RECORD_HEAD + SPAN_BYTES)
        records = messages[:, layout.first : stop].reshape(number, spans, -1)
        assert np.shares_memory(records, messages)

        per_trace = min(SPANS_PER_TRACE, spans)
        trace_ids = self._ids((number, -(-spans // per_trace)))
        span_ids = self._ids(shape)
        parents = np.concatenate([self._ids((number, 1)), span_ids[:, :-1]], axis=1)
        normal = self._random.standard_normal(shape, np.float32)
        duration_us = np.clip(_MEDIAN_US * np.exp(normal), _SHORTEST_US, _LONGEST_US).astype(np.uint64)
        nanos = self._random.integers(1 << 28, 10**9, shape, np.uint64)
        seconds = np.full(shape, self.now_s, np.uint64)
        words = hex_digits(self._ids((*shape, 3)))
        filled: list[tuple[bytes, Bytes]] = [
            (_TRACE, np.repeat(_varints(trace_ids, 10), per_trace, axis=1)[:, :spans]),
            (_SPAN, _varints(span_ids, 10)),
            (_PARENT, _varints(parents, 10)),
            (_SECONDS, _varints(seconds, 5)),
            (_NANOS, _varints(nanos, 5)),
            (_DURATION, _varints(duration_us, 3)),
            (_REQUEST, words[:, :, 0, :8]),
            (_REQUEST_END, words[:, :, 0, 8:]),
            (_URL, words[:, :, 1]),
            (_ORDER, words[:, :, 2]),
        ]
        for hole, content in filled:
            for place in _holes(hole):
                records[:, :, place] = content
        return [message.data for message in messages], trace_ids

    def _ids(self, shape: tuple[int, ...]) -> Ids:
        """64 random bits with the top one set: always a varint of ten bytes."""
        ids: Ids = self._random.integers(1 << 63, (1 << 64) - 1, shape, np.uint64, endpoint=True)
        return ids
