"""Zipkin v1, as JSON and as Thrift, becomes what v2 says."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest

from satellite.protocols.readers import thrift
from satellite.protocols.zipkin import v1 as zipkin_v1
from tests.protocols.zipkin.sent import V1, decode_one


def test_a_call_of_v1_is_two_spans() -> None:
    _, [client, server] = decode_one(V1)
    assert (client.service, client.kind, client.start_us, client.duration_us) == (
        "web",
        "client",
        1556604172000000,
        1000,
    )
    assert (client.parent_span_id, client.extra, client.marks) == (f"{3:016x}", {"debug": True}, [])
    assert client.tags == {
        "http.path": "/",
        "span.kind": "client",
        "peer.service": "app",
        "peer.ipv4": "10.0.0.9",
        "peer.port": 81,
    }
    assert (server.service, server.kind, server.start_us, server.duration_us) == (
        "app",
        "server",
        1556604172000100,
        700,
    )
    assert (server.parent_span_id, server.marks) == (client.span_id, ["shared"])
    assert server.tags == {"rows": "7", "span.kind": "server", "peer.service": "web", "peer.ipv4": "10.0.0.8"}
    assert [log.fields for log in server.logs] == [{"event": "cache.miss"}]


WEB, APP = {"serviceName": "web"}, {"serviceName": "app"}


def v1(*annotations: tuple[int, str, Any], binary: Any = (), **fields: Any) -> list[dict[str, Any]]:
    """What each span says: service, kind, times, and what else is not empty."""
    span = {
        "traceId": "1",
        "id": "2",
        "annotations": [{"timestamp": at, "value": value, "endpoint": end} for at, value, end in annotations],
        "binaryAnnotations": [{"key": key, "value": value, "endpoint": end} for key, value, end in binary],
    }
    _, spans = decode_one(json.dumps([span | fields]).encode())
    return [
        {"service": span.service, "kind": span.kind, "at": (span.start_us, span.duration_us)}
        | ({"tags": tags} if (tags := {k: v for k, v in span.tags.items() if k != "span.kind"}) else {})
        | ({"logs": [log.fields["event"] for log in span.logs]} if span.logs else {})
        | ({"marks": span.marks} if span.marks else {})
        for span in spans
    ]


def one(service: str, kind: str | None, start: int, duration: int = 0, **more: Any) -> dict[str, Any]:
    return {"service": service, "kind": kind, "at": (start, duration), **more}


SHARED: dict[str, Any] = {"marks": ["shared"]}


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (lambda: v1((5, "cs", WEB), (9, "cr", WEB)), [one("web", "client", 5, 4)]),
        (lambda: v1((5, "cs", WEB), (9, "cr", WEB), timestamp=4, duration=7), [one("web", "client", 4, 7)]),
        (lambda: v1((5, "sr", APP), (9, "ss", APP)), [one("app", "server", 5, 4, **SHARED)]),
        (lambda: v1((5, "sr", APP), (9, "ss", APP), timestamp=5, duration=4), [one("app", "server", 5, 4)]),
        (lambda: v1((9, "cr", WEB), timestamp=5, duration=4), [one("web", "client", 5, 4)]),
        (lambda: v1((9, "ss", APP), timestamp=5, duration=4), [one("app", "server", 5, 4)]),
        (lambda: v1((9, "cs", WEB)), [one("web", "client", 9)]),
        (lambda: v1((9, "sr", APP)), [one("app", "server", 9, **SHARED)]),
        (lambda: v1((9, "cr", WEB), timestamp=3), [one("web", "client", 3, logs=["cr"])]),
        (
            lambda: v1((5, "cs", WEB), (6, "sr", APP)),
            [one("web", "client", 5), one("app", "server", 6, **SHARED)],
        ),
        (
            lambda: v1((5, "cs", WEB), (6, "sr", WEB), (8, "ss", WEB), (9, "cr", WEB)),
            [one("web", "client", 5, 4), one("web", "server", 6, 2, **SHARED)],
        ),
        (lambda: v1((5, "ms", WEB), (7, "ws", WEB)), [one("web", "producer", 5, 2)]),
        (lambda: v1((7, "wr", APP), (9, "mr", APP)), [one("app", "consumer", 7, 2)]),
        (lambda: v1((9, "mr", APP)), [one("app", "consumer", 9)]),
        (
            lambda: v1((5, "ms", WEB), (6, "ws", WEB), (7, "wr", APP), (9, "mr", APP)),
            [one("web", "producer", 5, 1), one("app", "consumer", 7, 2, **SHARED)],
        ),
        (
            lambda: v1((5, "ms", WEB), (9, "mr", WEB)),
            [one("web", "producer", 5), one("web", "consumer", 9, **SHARED)],
        ),
        (lambda: v1((5, "ws", WEB), timestamp=3), [one("web", None, 3, logs=["ws"])]),
        (
            lambda: v1((5, "cs", None), timestamp=3, duration=1),
            [one("unknown_service", None, 3, 1, logs=["cs"])],
        ),
        (
            lambda: v1(timestamp=3, duration=1, binary=[("lc", "", WEB)]),
            [one("web", None, 3, 1)],
        ),
        (
            lambda: v1(timestamp=3, binary=[("lc", "disk", WEB), ("n", 5, WEB)]),
            [one("web", None, 3, tags={"lc": "disk", "n": 5})],
        ),
        (
            lambda: v1(timestamp=3, binary=[("ca", True, WEB), ("sa", True, APP)]),
            [one("web", None, 3, tags={"peer.service": "app"})],
        ),
        (
            lambda: v1(timestamp=3, binary=[("sa", "1", APP)]),
            [one("unknown_service", None, 3, tags={"peer.service": "app"})],
        ),
        (
            lambda: v1(timestamp=3, binary=[("ca", True, WEB), ("k", "v", APP)]),
            [one("app", "server", 3, tags={"k": "v", "peer.service": "web"})],
        ),
        (
            lambda: v1(
                (5, "sr", APP),
                (9, "ss", APP),
                timestamp=5,
                duration=4,
                binary=[("ca", True, APP | {"port": 7})],
            ),
            [one("app", "server", 5, 4, tags={"peer.port": 7})],
        ),
        (
            lambda: v1((5, "ms", WEB), binary=[("ma", True, {"serviceName": "kafka"})]),
            [one("web", "producer", 5, tags={"peer.service": "kafka"})],
        ),
    ],
)
def test_v1_becomes_v2(shown: Any, expected: list[dict[str, Any]]) -> None:
    assert shown() == expected


def test_odd_v1_does_not_fail() -> None:
    _, [span] = decode_one(
        b'[{"traceId":"1","id":"2","timestamp":5,"annotations":[3,{"endpoint":4,"value":"x"}],"binaryAnnotations":[7,{}]}]'
    )
    assert [log.fields for log in span.logs] == [{"event": "x"}]


ENDPOINT = {"ipv4": 0x0A000001, "port": -1, "serviceName": "shop"}
THRIFT_SPAN = {
    "trace_id": -2,
    "trace_id_high": 1,
    "id": 2,
    "parent_id": 3,
    "name": "buy",
    "timestamp": 5,
    "duration": 4,
    "annotations": [{"timestamp": 6, "value": "hit", "endpoint": ENDPOINT}],
    "binary_annotations": [
        {"key": "bool", "value": b"\1", "type": 0, "endpoint": ENDPOINT},
        {"key": "bytes", "value": b"\1\2", "type": 1, "endpoint": ENDPOINT},
        {"key": "i16", "value": struct.pack(">h", -3), "type": 2, "endpoint": ENDPOINT},
        {"key": "i32", "value": struct.pack(">i", -4), "type": 3},
        {"key": "i64", "value": struct.pack(">q", -5), "type": 4},
        {"key": "double", "value": struct.pack(">d", 0.5), "type": 5},
        {"key": "text", "value": b"a\xff", "type": 6},
        {"key": "short", "value": b"\1", "type": 4},
        {"key": "sa", "value": b"\1", "type": 0, "endpoint": {"ipv6": b"\0" * 15 + b"\1", "port": 9}},
    ],
}
THRIFT = thrift.write_list([THRIFT_SPAN], zipkin_v1.SPAN)


def test_v1_as_thrift() -> None:
    assert THRIFT[:5] == b"\x0c\0\0\0\1"
    _, [span] = decode_one(THRIFT)
    assert (span.trace_id, span.span_id, span.parent_span_id) == (
        "0000000000000001fffffffffffffffe",
        f"{2:016x}",
        f"{3:016x}",
    )
    assert (span.service, span.operation, span.start_us, span.duration_us) == ("shop", "buy", 5, 4)
    assert span.reporter.attributes == {"ipv4": "10.0.0.1", "port": 65535}
    assert span.tags == {
        "bool": True,
        "bytes": b"\1\2",
        "i16": -3,
        "i32": -4,
        "i64": -5,
        "double": 0.5,
        "text": "a�",
        "short": b"\1",
        "peer.ipv6": "::1",
        "peer.port": 9,
    }
    assert [log.fields for log in span.logs] == [{"event": "hit"}]
    assert span.marks == ["bad_utf8"]
