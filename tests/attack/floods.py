"""Floods: clients of HTTP/2 and HTTP/1 that send as much as they can of what brings nothing; `flood` watches what others notice.

Two others report the same span again and again, one after the other: over HTTP/1 and by gRPC, each on a connection that stays. The
satellite is a process, and so is who floods it, from an address of its own (127.0.0.2).
"""

from __future__ import annotations

import http.client
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import grpc
import hpack
import httpx
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from satellite.edges.http2 import PREFACE
from satellite.edges.http2 import frames as f
from tests.processes import Process, resident_bytes

CONNECTIONS = 16
"""Of one flood at a time; what is closed is opened again at once."""
_REPEATED_BYTES = 64 * 1024
_POST = (
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/lightstep.collector.CollectorService/Report"),
    (":authority", "here"),
    ("content-type", "application/grpc"),
    ("te", "trailers"),
)
_BLOCK = hpack.Encoder().encode(_POST)
_STREAMS = 200


_SPAN = json_format.ParseDict(
    {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "1" * 32, "spanId": "2" * 16}]}]}]},
    ExportTraceServiceRequest(),
).SerializeToString()
_VICTIM = (("lightstep-access-token", "victim"),)


@dataclass(frozen=True)
class Flood:
    """What a connection sends first, and then again and again."""

    first: bytes
    again: Callable[[int], bytes]
    """By how often it was sent."""
    port: str = "grpc_plain_port"


def _begun(block: bytes = _BLOCK, flags: int = f.END_HEADERS) -> bytes:
    return PREFACE + f.frame(f.SETTINGS, 0, 0) + f.frame(f.HEADERS, flags, 1, block)


def _repeated(piece: bytes, first: bytes | None = None) -> Flood:
    many = piece * (_REPEATED_BYTES // len(piece) + 1)
    return Flood(_begun() if first is None else first, lambda _: many)


def _numbers(turn: int, many: int) -> range:
    return range(3 + 2 * many * turn, 3 + 2 * many * (turn + 1), 2)


def _resets(turn: int) -> bytes:
    return b"".join(
        f.frame(f.HEADERS, f.END_HEADERS, number, _BLOCK) + f.rst_stream(number, 8)
        for number in _numbers(turn, 500)
    )


def _new_heads(turn: int) -> bytes:
    """Each a block of its own, of many fields."""
    encoder = hpack.Encoder()
    encoder.header_table_size = 0
    return b"".join(
        f.frame(
            f.HEADERS,
            f.END_HEADERS | f.END_STREAM,
            number,
            encoder.encode([*_POST, *((f"x-{number}-{field}", "odd") for field in range(50))]),
        )
        for number in _numbers(turn, 50)
    )


_UNFINISHED = (
    PREFACE
    + f.frame(f.SETTINGS, 0, 0)
    + b"".join(
        f.frame(f.HEADERS, f.END_HEADERS, number, _BLOCK)
        + f.frame(f.DATA, 0, number, b"\0" + struct.pack(">L", 60_000_000))
        for number in range(1, 2 * _STREAMS, 2)
    )
)

FLOODS: dict[str, Flood] = {
    "nothing": Flood(PREFACE + f.frame(f.SETTINGS, 0, 0), lambda _: b""),
    "settings": _repeated(f.frame(f.SETTINGS, 0, 0)),
    "long settings": _repeated(f.frame(f.SETTINGS, 0, 0, struct.pack(">HL", 4, 70_000) * 2000)),
    "pings": _repeated(f.frame(f.PING, 0, 0, bytes(8))),
    "empty frames": _repeated(f.frame(f.DATA, 0, 1)),
    "frames of a byte": _repeated(f.frame(f.DATA, 0, 1, b"x")),
    "continuations": _repeated(f.frame(f.CONTINUATION, 0, 1), _begun(_BLOCK, 0)),
    "window updates": _repeated(f.window_update(1, 1)),
    "priorities": _repeated(f.frame(f.PRIORITY, 0, 1, struct.pack(">LB", 0, 1))),
    "resets": Flood(_begun(), _resets),
    "new heads": Flood(_begun(), _new_heads),
    "unfinished messages": _repeated(
        b"".join(f.frame(f.DATA, 0, number, bytes(320)) for number in range(1, 2 * _STREAMS, 2)), _UNFINISHED
    ),
    "pipelined requests": Flood(
        b"", lambda _: b"GET / HTTP/1.1\r\nhost: x\r\n\r\n" * 3000, "http_plain_port"
    ),
    "connections": Flood(PREFACE, lambda _: b"\xff" * 100),
}


@dataclass
class Harm:
    """What others noticed of a flood."""

    begun: int = 0
    """Connections of who floods."""
    sent_bytes: int = 0
    seconds: dict[str, list[float]] = field(default_factory=dict)
    """Of each report of others: over HTTP/1, and over HTTP/2 by a client of gRPC."""
    resident_bytes: int = 0
    traps: dict[str, int] = field(default_factory=dict)

    def median_ms(self, by: str) -> float:
        """Of their reports."""
        return median(self.seconds[by]) * 1000


def flood(name: str, seconds: float, **settings: Any) -> Harm:
    """One flood, while others report a span again and again."""
    harm = Harm()
    with ExitStack() as opened:
        satellite = opened.enter_context(Process(listens=["grpc_plain_port"], **settings))
        port = satellite.listeners[FLOODS[name].port].rpartition(":")[2]
        client = opened.enter_context(closing(_connected(satellite.listeners["http_plain_port"])))
        channel = opened.enter_context(grpc.insecure_channel(satellite.listeners["grpc_plain_port"]))
        export: Any = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        reports: dict[str, Callable[[], None]] = {
            "HTTP/1": lambda: _posted(client),
            "gRPC": lambda: export(_SPAN, timeout=60, metadata=_VICTIM),
        }
        for report in reports.values():
            report()
        flooder = subprocess.Popen(
            [sys.executable, "-m", "tests.attack.flooder", name, port, str(seconds)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert flooder.stdout is not None
        flooder.stdout.readline()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for by, report in reports.items():
                began = time.monotonic()
                report()
                harm.seconds.setdefault(by, []).append(time.monotonic() - began)
            harm.resident_bytes = max(harm.resident_bytes, resident_bytes(satellite.process.pid))
        begun, sent = flooder.communicate(timeout=60)[0].split()
        harm.begun, harm.sent_bytes = int(begun), int(sent)
        diagnostics = httpx.get(f"{satellite.url('explorer_port')}/diagnostics", trust_env=False).json()
        harm.traps = diagnostics["traps"]["counts"]
    return harm


def _connected(listener: str) -> http.client.HTTPConnection:
    host, _, port = listener.rpartition(":")
    return http.client.HTTPConnection(host, int(port), timeout=60)


def _posted(connection: http.client.HTTPConnection) -> None:
    headers = {"content-type": "application/x-protobuf", **dict(_VICTIM)}
    connection.request("POST", "/v1/traces", _SPAN, headers)
    answer = connection.getresponse()
    text = answer.read()
    assert answer.status == 200, text
