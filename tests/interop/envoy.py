"""A worker thread of Envoy up to 1.23, as the wire sees it: HTTP/2 by hand, since gRPC's own clients insist on names.

Only as much of HTTP/2 (RFC 9113) as one report at a time on one connection needs.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.interop.processes import PATIENCE_S

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM, ACK, END_HEADERS = 0x1, 0x1, 0x4
FRAME_BYTES = 16_384
"""What every peer takes (RFC 9113 §6.5.2)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back on a stream."""

    headers: bytes
    """Compressed (HPACK)."""
    message: bytes
    """Without gRPC's prefix."""
    trailers: bytes
    """Compressed (HPACK); names and values are legible when they come for the first time on a connection."""


class Worker:
    """One connection to a satellite, with one report at a time on it."""

    def __init__(
        self,
        port: int,
        ca_file: Path,
        *,
        sni: str | None = None,
        tls_max: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED,
    ) -> None:
        """Istio sets no name to check and, unless told otherwise, no `sni`."""
        context = ssl.create_default_context(cafile=str(ca_file))
        context.maximum_version = tls_max
        context.check_hostname = False
        context.set_alpn_protocols(["h2"])
        plain = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self.socket = context.wrap_socket(plain, server_hostname=sni)
        self._stream = -1

    def __enter__(self) -> Self:
        self.socket.sendall(PREFACE + _frame(SETTINGS, 0, 0, b""))
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def report(self, message: bytes) -> Answer:
        """Send one report of less than 64 KiB as Envoy does; the answer to it."""
        self._stream += 2
        head = {
            ":method": "POST",
            ":path": "/lightstep.collector.CollectorService/Report",
            ":authority": "lightstep",  # the name of the cluster, not of the host
            ":scheme": "http",
            "te": "trailers",
            "grpc-timeout": "5000m",
            "content-type": "application/grpc",
            "x-envoy-internal": "true",
            "x-forwarded-for": "10.1.2.3",
        }
        body = b"\0" + len(message).to_bytes(4) + message
        pieces = [body[at : at + FRAME_BYTES] for at in range(0, len(body), FRAME_BYTES)]
        frames = [_frame(HEADERS, END_HEADERS, self._stream, b"".join(map(_literal, head.items())))]
        frames += [_frame(DATA, 0, self._stream, piece) for piece in pieces[:-1]]
        frames += [_frame(DATA, END_STREAM, self._stream, pieces[-1])]
        self.socket.sendall(b"".join(frames))
        return self._answer()

    def _answer(self) -> Answer:
        blocks: list[bytes] = []
        body = b""
        while True:
            head = self._read(9)
            payload = self._read(int.from_bytes(head[:3]))
            kind, flags, stream = head[3], head[4], int.from_bytes(head[5:])
            if kind in {SETTINGS, PING} and not flags & ACK:
                echo = payload if kind == PING else b""
                self.socket.sendall(_frame(kind, ACK, 0, echo))
            assert kind not in {RST_STREAM, GOAWAY}, payload
            if stream != self._stream:
                continue
            if kind == HEADERS:
                blocks.append(payload)
            elif kind == DATA:
                body += payload
            if kind in {HEADERS, DATA} and flags & END_STREAM:
                assert len(body) >= 5, "Envoy up to 1.13 wants a message"
                assert body[:5] == b"\0" + len(body[5:]).to_bytes(4)
                return Answer(blocks[0], body[5:], blocks[-1])

    def _read(self, count: int) -> bytes:
        read = b""
        while len(read) < count:
            piece = self.socket.recv(count - len(read))
            assert piece, "the satellite closed the connection"
            read += piece
        return read


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


def _literal(header: tuple[str, str]) -> bytes:
    """A header as HPACK's literal without indexing (RFC 7541 §6.2.2); shorter than 127 bytes each."""
    name, value = (text.encode() for text in header)
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value
