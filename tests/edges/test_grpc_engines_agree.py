"""The same calls to our engine and to grpcio's: status, message, trailers, and what reached the intake.

Where they are known to differ, ours follows gRPC's specification: a unary call that ends without a whole message is INTERNAL
(grpcio never answers), a stream that ends in mid-message too (grpcio: OK), an unknown grpc-encoding UNIMPLEMENTED (INTERNAL), a
message that begins with neither 0 nor 1 INTERNAL (grpcio: an empty message), a second message in a unary call too (grpcio leaves
it, and says OK).
"""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Self

import hpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.edges.http2 import PREFACE
from satellite.edges.http2 import frames as f
from satellite.edges.http2.patience import SMALL_DATA_BYTES
from satellite.errors import AccessDenied, BadReport, Overloaded, SatelliteError
from satellite.intake.head import NOWHERE, Head
from satellite.model.report import Receipt
from satellite.protocols.wire import WireProtocol
from tests.edges.test_grpc import METHOD, STREAM, FakeIntake, serving

REFUSALS: dict[bytes, SatelliteError] = {
    b"bad": BadReport("no report: 100 % wrong\n«ü»"),
    b"denied": AccessDenied("unknown access token"),
    b"full": Overloaded("try again later"),
}


class Judge(FakeIntake):
    """Refuses what begins with a refusal's name."""

    async def submit(
        self,
        protocol: WireProtocol,
        body: bytes,
        *,
        header_token: str = "",
        peer: str = "",
        head: Head = NOWHERE,
    ) -> Receipt:
        self.came.append((body, header_token, ""))
        refusal = next((refusal for name, refusal in REFUSALS.items() if body.startswith(name)), None)
        return Receipt(1, 2, refusal=refusal, stored=len(body))


@dataclass
class Answer:
    """What came back on one stream."""

    http_status: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    """Of the last header section: the trailers, or the only one."""
    body: bytes = b""
    reset: int | None = None

    @property
    def said(self) -> tuple[Any, ...]:
        """What a client's caller sees of it."""
        status = self.fields.get("grpc-status")
        ours = status in {"3", "14"}  # refusals; other texts are each engine's own
        return (
            self.http_status,
            status,
            self.fields.get("grpc-message", "") if ours else "",
            self.fields.get("grpc-status-details-bin", "").rstrip("="),
            self.body,
        )


def call(port: int, headers: list[tuple[str, str]], body: bytes, *, piece: int = 16_384) -> Answer:
    """One call as bytes on a connection of its own."""
    block = hpack.Encoder().encode(headers)
    parts = [body[at : at + piece] for at in range(0, len(body), piece)] or [b""]
    data = PREFACE + f.settings({f.INITIAL_WINDOW_SIZE: 1 << 20})
    data += f.headers(1, block, end=False)
    data += b"".join(f.frame(f.DATA, 0, 1, part) for part in parts[:-1])
    data += f.frame(f.DATA, f.END_STREAM, 1, parts[-1])
    answer = Answer()
    decoder = hpack.Decoder()
    with (
        socket.create_connection(("127.0.0.1", port), timeout=20) as connection,
        connection.makefile("rb") as reader,
    ):
        connection.sendall(data)
        while head := reader.read(9):
            high, low, kind, flags, stream = struct.unpack(">HBBBL", head)
            payload = reader.read(high << 8 | low)
            if kind == f.SETTINGS and not flags & f.ACK:
                connection.sendall(f.frame(f.SETTINGS, f.ACK, 0))
            elif kind == f.PING and not flags & f.ACK:
                connection.sendall(f.frame(f.PING, f.ACK, 0, payload))
            elif kind == f.HEADERS and stream == 1:
                answer.fields = {str(name): str(value) for name, value in decoder.decode(payload)}
                answer.http_status = answer.fields.pop(":status", answer.http_status)
            elif kind == f.DATA and stream == 1:
                answer.body += payload
            elif kind == f.RST_STREAM and stream == 1:
                answer.reset = int.from_bytes(payload, "big")
                break
            elif kind == f.GOAWAY and payload[4:8] != bytes(4):
                break
            if kind in {f.HEADERS, f.DATA} and flags & f.END_STREAM:
                break
    return answer


class Both:
    """Both engines, each with its intake, in a loop of their own."""

    def __init__(self) -> None:
        self.intakes = {"edge": Judge(), "grpcio": Judge()}
        self.ports: dict[str, int] = {}
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        async with AsyncExitStack() as opened:
            for engine, intake in self.intakes.items():
                _, self.ports[engine] = await opened.enter_async_context(serving(engine, intake))
            self._ready.set()
            await self._over.wait()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    def ask(
        self, headers: list[tuple[str, str]], body: bytes, *, piece: int = 16_384, status_too: bool = True
    ) -> Answer:
        """What both say; a difference fails the test, in their answers only with `status_too`."""
        answers = {}
        came = {}
        for engine, port in self.ports.items():
            self.intakes[engine].came.clear()
            answers[engine] = call(port, headers, body, piece=piece)
            came[engine] = [(one, token) for one, token, _ in self.intakes[engine].came]
        assert not status_too or answers["edge"].said == answers["grpcio"].said, answers
        assert came["edge"] == came["grpcio"]
        return answers["edge"]


@pytest.fixture(scope="module")
def both() -> Iterator[Both]:
    with Both() as servers:
        yield servers


def headers(
    path: str = METHOD, *more: tuple[str, str], content_type: str = "application/grpc"
) -> list[tuple[str, str]]:
    return [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "here"),
        ("te", "trailers"),
        ("content-type", content_type),
        *more,
    ]


def message(body: bytes, flag: int = 0) -> bytes:
    return struct.pack(">BL", flag, len(body)) + body


@pytest.mark.parametrize("path", [METHOD, STREAM])
@pytest.mark.parametrize("body", [b"", b"x", b"x" * 50_000, b"bad", b"denied", b"full"])
def test_reports(both: Both, path: str, body: bytes) -> None:
    for piece in (16_384, 3):
        if len(body) < 100 or piece > 3:
            both.ask(headers(path, ("lightstep-access-token", "t")), message(body), piece=piece)


@pytest.mark.parametrize(
    "path", ["/nobody/Method", "/lightstep.collector.CollectorService/Nothing", "/", "/a/b/c"]
)
def test_methods_that_nobody_serves(both: Both, path: str) -> None:
    assert both.ask(headers(path), message(b"x")).fields["grpc-status"] == "12"


@pytest.mark.parametrize("content_type", ["application/grpc+proto", "application/grpc;charset=x"])
def test_content_types(both: Both, content_type: str) -> None:
    assert both.ask(headers(content_type=content_type), message(b"x")).fields["grpc-status"] == "0"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "identity"])
@pytest.mark.parametrize("flag", [0, 1])
def test_encodings(both: Both, encoding: str, flag: int) -> None:
    codecs: dict[str, Callable[[bytes], bytes]] = {
        "gzip": gzip.compress,
        "deflate": zlib.compress,
        "identity": bytes,
    }
    packed = codecs[encoding](b"some report")
    if (encoding, flag) == ("identity", 1):
        assert (
            both.ask(headers(METHOD, ("grpc-encoding", encoding)), message(packed, flag)).fields[
                "grpc-status"
            ]
            == "13"
        )
    else:
        assert (
            both.ask(headers(METHOD, ("grpc-encoding", encoding)), message(packed, flag)).fields[
                "grpc-status"
            ]
            == "0"
        )


def test_an_encoding_that_nobody_knows(both: Both) -> None:
    both.ask(headers(METHOD, ("grpc-encoding", "rot13")), message(b"x", 1), status_too=False)


@pytest.mark.parametrize("timeout", ["x", "1", "-1S"])
def test_timeouts_that_are_none(both: Both, timeout: str) -> None:
    assert both.ask(headers(METHOD, ("grpc-timeout", timeout)), message(b"x")).fields["grpc-status"] == "13"


BODIES = st.one_of(
    st.binary(max_size=30),
    st.sampled_from([*REFUSALS, b"x" * 20_000, gzip.compress(b"hello"), zlib.compress(b"hi")]),
)
MESSAGES = st.builds(message, BODIES, st.sampled_from([0, 0, 0, 1]))


@given(
    path=st.sampled_from([METHOD, STREAM]),
    messages=st.lists(MESSAGES, min_size=1, max_size=3),
    cut=st.integers(0, 6),
    more=st.lists(
        st.sampled_from(
            [
                ("grpc-encoding", "gzip"),
                ("grpc-encoding", "identity"),
                ("grpc-timeout", "20S"),
                ("grpc-timeout", "99999999n"),
                ("lightstep-access-token", "token"),
                ("x-bin", "AAEC"),
                ("user-agent", "a test"),
            ]
        ),
        max_size=3,
        unique_by=lambda one: one[0],
    ),
    piece=st.sampled_from([16_384, SMALL_DATA_BYTES]),  # with smaller ones the edge loses its patience
)
def test_any_call(
    both: Both, path: str, messages: list[bytes], cut: int, more: list[tuple[str, str]], piece: int
) -> None:
    if path == METHOD:
        messages, cut = messages[:1], 0  # grpcio would let us wait for the end, and leave the second
    body = b"".join(messages)
    both.ask(
        headers(path, *more), body[: max(len(messages[0]), len(body) - cut)], piece=piece, status_too=not cut
    )


@pytest.mark.parametrize("second", [message(b"two"), message(b"two")[:3], message(b"two")[:6], b"\7\0\0\0\0"])
@pytest.mark.parametrize("piece", [16_384, 8])
def test_a_second_message_in_a_unary_call_is_not_lost_in_silence(
    both: Both, second: bytes, piece: int
) -> None:
    answer = call(both.ports["edge"], headers(METHOD), message(b"one") + second, piece=piece)
    assert answer.fields["grpc-status"] == "13"
    assert answer.fields["grpc-message"] == "more than one message in a call that has one"
    assert answer.body == b""
