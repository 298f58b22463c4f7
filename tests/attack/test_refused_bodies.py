"""What was refused leaves nothing behind: not the body, what it was inflated to, nor what a question had in hand, until a collector of garbage looks."""

from __future__ import annotations

import gc
import gzip
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import grpc
import httpx
import pytest

from satellite import Satellite
from satellite.errors import SatelliteError
from satellite.protocols.readers.thrift import CALL, Message, write_message

LIMIT_BYTES = 2**20
BOMB = gzip.compress(bytes(2 * LIMIT_BYTES))
METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
SPAN = b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"%032x","spanId":"%016x"}]}]}]}' % (1, 2)


@pytest.fixture(scope="module")
def satellite() -> Iterator[Satellite]:
    with Satellite(max_msg_size_bytes=LIMIT_BYTES, access_tokens={"known": "shop"}) as satellite:
        yield satellite


@contextmanager
def _nothing_stays() -> Iterator[None]:
    """No error that came up within is alive behind it with the variables of where it was raised."""
    gc.collect()
    gc.disable()
    try:
        before = {id(one) for one in gc.get_objects() if isinstance(one, SatelliteError)}
        yield
        stayed = [
            one for one in gc.get_objects() if isinstance(one, SatelliteError) and id(one) not in before
        ]
        assert not [
            (one, found)
            for one in stayed
            if (found := one.__traceback__ or one.__context__ or one.__cause__) is not None
        ]
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("path", "kind", "body", "encoding"),
    [
        ("/v1/traces", "application/x-protobuf", BOMB, "gzip"),
        ("/v1/traces", "application/x-protobuf", b"no gzip", "gzip"),
        ("/v1/traces", "application/x-protobuf", b"\x0a\xff", ""),
        ("/v1/traces", "application/json", b"[", ""),
        ("/v1/traces", "application/json", SPAN, ""),
        ("/v1/metrics", "application/json", b"[", ""),
        ("/api/v2/reports", "application/octet-stream", b"\x0a\xff", ""),
        ("/api/v2/reports", "application/json", b"[", ""),
        ("/api/v2/spans", "application/json", b"[1", ""),
        ("/api/traces", "application/x-thrift", b"\x0c", ""),
        (
            "/_rpc/v1/reports/binary",
            "application/x-thrift",
            write_message(Message("Report", CALL, 1), b""),
            "",
        ),
        ("/v0.4/traces", "application/msgpack", b"\x91", ""),
    ],
    ids=lambda given: given if isinstance(given, str) else f"{len(given)} bytes",
)
def test_over_http(satellite: Satellite, path: str, kind: str, body: bytes, encoding: str) -> None:
    headers = {"content-type": kind} | ({"content-encoding": encoding} if encoding else {})
    with httpx.Client(base_url=satellite.http_url) as client, _nothing_stays():
        assert client.post(path, content=body, headers=headers).status_code >= 400
        numbers = client.get(f"{satellite.url}/api/v1/requests").json()["requests"]
        client.get(f"{satellite.url}/api/v1/requests/{numbers[0]['number']}/decoded")


@pytest.mark.parametrize("body", [bytes(2 * LIMIT_BYTES), b"\x0a\xff"], ids=["too large", "no report"])
def test_over_grpc(satellite: Satellite, body: bytes) -> None:
    with grpc.insecure_channel(satellite.grpc_plain_target, compression=grpc.Compression.Gzip) as channel:
        call: Any = channel.unary_unary(METHOD)
        with _nothing_stays(), suppress(grpc.RpcError):
            call(body)
            pytest.fail("it was taken")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "spans?query=nope(", b""),
        ("GET", "tail?query=(", b""),
        ("GET", "traces/abc", b""),
        ("GET", "traces/abc/html", b""),
        ("GET", "groups?by=", b""),
        ("POST", "expect", b'{"timeout_ms":1}'),
        ("POST", "expect", b"x" * 100_000),
        ("POST", "import", b"nonsense" * 100_000),
        ("POST", "import", BOMB),
        ("POST", "import-snapshot", b'{"a":1}'),
    ],
    ids=lambda given: given if isinstance(given, str) else f"{len(given)} bytes",
)
def test_questions(satellite: Satellite, method: str, path: str, body: bytes) -> None:
    url = f"{satellite.url}/api/v1/projects/shop/{path}"
    with httpx.Client(timeout=60) as client, _nothing_stays():
        answer = client.request(method, url, content=body, headers={"content-type": "application/json"})
        assert answer.status_code >= 400
