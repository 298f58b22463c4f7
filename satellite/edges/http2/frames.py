"""Frames as bytes (RFC 9113 §4, §6), and the errors that end a stream or a connection (§5.4, §7)."""

from __future__ import annotations

import struct
from enum import IntEnum

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""What a client sends first (§3.4)."""

HEADER_BYTES = 9
FRAME_BYTES = 16_384
"""The largest payload of a frame unless settings say otherwise (§4.2). Ours never do: nearly every client writes frames
of this size whatever it may, and a frame that is not complete is held."""

WINDOW_MAX = 2**31 - 1
WINDOW = 65_535
"""A window before any setting (§6.9.2)."""

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = (
    range(10)
)

ACK = END_STREAM = 0x1
END_HEADERS = 0x4
PADDED = 0x8
PRIORITISED = 0x20

(
    HEADER_TABLE_SIZE,
    ENABLE_PUSH,
    MAX_CONCURRENT_STREAMS,
    INITIAL_WINDOW_SIZE,
    MAX_FRAME_SIZE,
    MAX_HEADER_LIST_SIZE,
) = range(1, 7)

head_of = struct.Struct(">HBBBL").unpack_from
"""(length >> 8, length & 255, type, flags, stream with the reserved bit) of a frame's nine bytes."""

_pack_head = struct.Struct(">HBBBL").pack
_pack_window = struct.Struct(">HBBBLL").pack


class ErrorCode(IntEnum):
    """Why a stream or a connection ended (§7)."""

    NO_ERROR = 0x0
    PROTOCOL_ERROR = 0x1
    INTERNAL_ERROR = 0x2
    FLOW_CONTROL_ERROR = 0x3
    SETTINGS_TIMEOUT = 0x4
    STREAM_CLOSED = 0x5
    FRAME_SIZE_ERROR = 0x6
    REFUSED_STREAM = 0x7
    CANCEL = 0x8
    COMPRESSION_ERROR = 0x9
    CONNECT_ERROR = 0xA
    ENHANCE_YOUR_CALM = 0xB
    INADEQUATE_SECURITY = 0xC
    HTTP_1_1_REQUIRED = 0xD


class ConnectionFault(Exception):
    """The peer broke a rule that ends the connection (§5.4.1)."""

    def __init__(self, code: ErrorCode, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class StreamFault(Exception):
    """The peer broke a rule that ends one stream (§5.4.2)."""

    def __init__(self, stream_id: int, code: ErrorCode, detail: str) -> None:
        super().__init__(detail)
        self.stream_id = stream_id
        self.code = code
        self.detail = detail


def frame(kind: int, flags: int, stream_id: int, payload: bytes | memoryview = b"") -> bytes:
    """One frame."""
    length = len(payload)
    return _pack_head(length >> 8, length & 0xFF, kind, flags, stream_id) + payload


def window_update(stream_id: int, increment: int) -> bytes:
    """Room for more of a stream, or of the connection (0) (§6.9)."""
    return _pack_window(0, 4, WINDOW_UPDATE, 0, stream_id, increment)


def rst_stream(stream_id: int, code: int) -> bytes:
    """The end of a stream (§6.4)."""
    return _pack_window(0, 4, RST_STREAM, 0, stream_id, code)


def goaway(last_stream_id: int, code: int, detail: str = "") -> bytes:
    """The end of a connection, or that no stream after this one is taken (§6.8)."""
    return frame(GOAWAY, 0, 0, struct.pack(">LL", last_stream_id, code) + detail.encode())


def settings(values: dict[int, int]) -> bytes:
    """Our settings (§6.5)."""
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HL", name, value) for name, value in values.items()))


def headers(stream_id: int, block: bytes, *, end: bool, frame_bytes: int = FRAME_BYTES) -> bytes:
    """A header block as HEADERS and as many CONTINUATIONs as it needs (§6.2, §6.10)."""
    flags = END_STREAM if end else 0
    if len(block) <= frame_bytes:
        return frame(HEADERS, flags | END_HEADERS, stream_id, block)
    parts = [block[at : at + frame_bytes] for at in range(0, len(block), frame_bytes)]
    frames = [frame(HEADERS, flags, stream_id, parts[0])]
    frames += [frame(CONTINUATION, 0, stream_id, part) for part in parts[1:-1]]
    frames.append(frame(CONTINUATION, END_HEADERS, stream_id, parts[-1]))
    return b"".join(frames)


def answer(stream_id: int, head: bytes, body: bytes, trailers: bytes) -> bytes:
    """HEADERS, DATA and HEADERS that end the stream, of blocks and a body that each fit a frame."""
    head_bytes, body_bytes, trailer_bytes = len(head), len(body), len(trailers)
    return b"".join(
        (
            _pack_head(head_bytes >> 8, head_bytes & 0xFF, HEADERS, END_HEADERS, stream_id),
            head,
            _pack_head(body_bytes >> 8, body_bytes & 0xFF, DATA, 0, stream_id),
            body,
            _pack_head(
                trailer_bytes >> 8, trailer_bytes & 0xFF, HEADERS, END_HEADERS | END_STREAM, stream_id
            ),
            trailers,
        )
    )


def unpadded(flags: int, payload: bytes) -> bytes:
    """The payload of a DATA or HEADERS frame without its padding (§6.1). Raises ConnectionFault: more padding than frame."""
    if not flags & PADDED:
        return payload
    if not payload or payload[0] >= len(payload):
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a frame has more padding than bytes")
    return payload[1 : len(payload) - payload[0]]
