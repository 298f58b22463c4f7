"""A wait ends with the connection, or the call, of who waits; and so does the work on a question."""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import grpc
import pytest

from satellite import Satellite
from satellite.errors import TookTooLong
from satellite.explore.standing import _Crowd
from satellite.pb import explorer_pb2
from satellite.protocols.otlp.export import encode_request
from satellite.query.limit import check, seconds_left
from tests import bookinfo

PATIENCE_S = 50
"""Less than the wait itself, which takes a minute."""


class Crowds:
    """Hears of the first who waits, and of the last who leaves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.ended = threading.Event(), threading.Event()
        begin, leave = _Crowd.__init__, _Crowd.leave

        def heard_begin(crowd: _Crowd, *arguments: Any) -> None:
            begin(crowd, *arguments)
            self.begun.set()

        def heard_leave(crowd: _Crowd) -> None:
            leave(crowd)
            self.ended.set()

        monkeypatch.setattr(_Crowd, "__init__", heard_begin)
        monkeypatch.setattr(_Crowd, "leave", heard_leave)


@pytest.fixture
def crowds(monkeypatch: pytest.MonkeyPatch) -> Crowds:
    return Crowds(monkeypatch)


@pytest.fixture(scope="module")
def satellite() -> Iterator[Satellite]:
    with Satellite() as started:
        yield started


def test_over_http(satellite: Satellite, crowds: Crowds) -> None:
    body = b'{"timeout_ms": 60000}'
    address = urlsplit(satellite.url)
    head = (
        "POST /api/v1/projects/p/expect HTTP/1.1\r\n"
        f"host: {address.netloc}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(head.encode() + body)
        assert crowds.begun.wait(PATIENCE_S)
        assert not crowds.ended.is_set()
    assert crowds.ended.wait(PATIENCE_S)


def test_over_grpc(satellite: Satellite, crowds: Crowds) -> None:
    with grpc.insecure_channel(satellite.grpc_plain_target) as channel:
        call: Any = channel.unary_unary(
            "/satellite.explorer.v1.Explorer/Expect",
            request_serializer=explorer_pb2.ExpectRequest.SerializeToString,
        ).future(explorer_pb2.ExpectRequest(project="p", timeout_ms=60_000))
        assert crowds.begun.wait(PATIENCE_S)
        assert not crowds.ended.is_set()
        call.cancel()
        assert crowds.ended.wait(PATIENCE_S)


def test_a_question_too(
    satellite: Satellite, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    begun, ended = threading.Event(), threading.Event()
    left: list[float | None] = []

    def endless(*_: Any, **__: Any) -> None:
        begun.set()
        try:
            while not ended.wait(0.01):
                check()
        except TookTooLong:
            left.append(seconds_left())
            ended.set()
            raise

    monkeypatch.setattr("satellite.api.histogram.histogram", endless)
    satellite.client.project("q").import_(encode_request(bookinfo.batch(range(1))), format="otlp-protobuf")
    address = urlsplit(satellite.url)
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(
            f"GET /api/v1/projects/q/histogram HTTP/1.1\r\nhost: {address.netloc}\r\n\r\n".encode()
        )
        assert begun.wait(PATIENCE_S)
        assert not ended.is_set()
    assert ended.wait(PATIENCE_S)
    assert left == [-float("inf")], "it was given up, not out of time"
    satellite.client.project("q").services()  # the loop has gone on
    gc.collect()
    assert not [record for record in caplog.records if record.name == "asyncio"], "nobody asked for its end"
