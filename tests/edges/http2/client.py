"""As much of a client as shows what a server's `Connection` does: bytes there, frames back."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import hpack

from satellite.edges.http2 import PREFACE, Connection, ErrorCode, Event, Limits
from satellite.edges.http2.frames import GOAWAY, HEADERS, RST_STREAM, SETTINGS, frame

REQUEST = ((":method", "POST"), (":scheme", "http"), (":path", "/x"), (":authority", "here"))
END_STREAM, END_HEADERS = 1, 4


@dataclass
class Frame:
    kind: int
    flags: int
    stream: int
    payload: bytes


def frames_of(data: bytes) -> list[Frame]:
    found = []
    at = 0
    while at < len(data):
        high, low, kind, flags, stream = struct.unpack_from(">HBBBL", data, at)
        at += 9 + (high << 8 | low)
        found.append(Frame(kind, flags, stream, data[at - (high << 8 | low) : at]))
    assert at == len(data), "a frame is cut off"
    return found


class Client:
    """One connection and its server."""

    def __init__(self, limits: Limits | None = None, *, settings: dict[int, int] | None = None) -> None:
        self.server = Connection(limits or Limits())
        self.encoder = hpack.Encoder()
        self.decoder = hpack.Decoder()
        self.greeting = frames_of(self.server.take())
        payload = b"".join(struct.pack(">HL", *one) for one in (settings or {}).items())
        assert self.receive(PREFACE + frame(SETTINGS, 0, 0, payload)) == []
        assert [(one.kind, one.flags) for one in self.take()] == [(SETTINGS, 1)]

    def receive(self, data: bytes) -> list[Event]:
        return self.server.receive(data)

    def take(self) -> list[Frame]:
        return frames_of(self.server.take())

    def block(self, *more: tuple[str, str], fields: Any = REQUEST) -> bytes:
        encoded: bytes = self.encoder.encode([*fields, *more])
        return encoded

    def begin(self, stream: int = 1, *more: tuple[str, str], end: bool = False, fields: Any = REQUEST) -> Any:
        """Sends a request's head; the event."""
        flags = END_HEADERS | (END_STREAM if end else 0)
        [event] = self.receive(frame(HEADERS, flags, stream, self.block(*more, fields=fields)))
        return event

    def reset_code(self, data: bytes) -> ErrorCode:
        """The code of the RST_STREAM that these bytes bring."""
        self.receive(data)
        [answer] = [one for one in self.take() if one.kind == RST_STREAM]
        return ErrorCode(int.from_bytes(answer.payload, "big"))

    def end_code(self, data: bytes) -> ErrorCode:
        """The code of the GOAWAY that these bytes bring."""
        self.receive(data)
        assert self.server.ended
        last = self.take()[-1]
        assert last.kind == GOAWAY
        return ErrorCode(int.from_bytes(last.payload[4:8], "big"))
