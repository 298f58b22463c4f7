"""Compressed bodies and messages, inflated within a bound: never more than the limit and one piece of it is made.

Linear in the body's length, however many members it has. Every codec is a library's; what is ours is the bound.
"""

from __future__ import annotations

import re
import sys
import zlib
from collections.abc import Callable, Mapping
from typing import Protocol

import cramjam
import lz4.frame

from satellite.errors import BadReport, TooLarge

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_PIECE_BYTES = 1 << 20
_FIRST_STEP_BYTES = 256
"""What a later member is given first; doubled from then on, so that a small one costs little and a large one no more
than twice its size."""

_MEMBERS_MAX = 65_536
"""Of one body, chunks of a snappy stream likewise (ours). Tools that compress in parallel make one per 64 KiB or more; each costs
some microseconds."""

_WINDOW_LOG_MAX = 23
"""zstd's window, 8 MiB: what RFC 9659 §3 lets a sender ask of a receiver."""

_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_SNAPPY_STREAM = b"\xff\x06\x00\x00sNaPpY"
_ZEROS = re.compile(rb"\0*")


class Member(Protocol):
    """One compressed stream, in the shape of the standard library's decompressors (bz2, lzma, zstd)."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class ZlibMember:
    """The same for zlib, whose own decompressor hands unread input back."""

    def __init__(self, wbits: int) -> None:
        self._stream = zlib.decompressobj(wbits)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        piece = self._stream.decompress(self._stream.unconsumed_tail + data, max_length)
        self.needs_input = not self._stream.unconsumed_tail and len(piece) < max_length
        return piece


def gunzip(body: bytes, limit: int) -> bytes:
    """Gzip (RFC 1952), of one or more members, zeros after them allowed."""
    return _members(lambda: ZlibMember(31), body, limit, "gzip")


def _deflate(body: bytes, limit: int) -> bytes:
    """Zlib (RFC 1950), which is what HTTP calls deflate; or the bare deflate (RFC 1951) that some send instead."""
    is_zlib = len(body) > 1 and body[0] & 15 == 8 and (body[0] << 8 | body[1]) % 31 == 0
    return _members(lambda: ZlibMember(15 if is_zlib else -15), body, limit, "deflate", several=False)


def _unzstd(body: bytes, limit: int) -> bytes:
    """Zstandard (RFC 8878), of one or more frames."""
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: _WINDOW_LOG_MAX}
    return _members(lambda: zstd.ZstdDecompressor(options=options), body, limit, "zstd")


def _unlz4(body: bytes, limit: int) -> bytes:
    """LZ4 frames, one or more."""
    return _members(lz4.frame.LZ4FrameDecompressor, body, limit, "lz4")


def _unsnappy(body: bytes, limit: int) -> bytes:
    """Snappy as a stream of chunks (its framing format), or as one raw block."""
    try:
        if not body.startswith(_SNAPPY_STREAM):
            _check_size(cramjam.snappy.decompress_raw_len(body), limit)
            return bytes(cramjam.snappy.decompress_raw(body))
        _check_size(_snappy_stream_bytes(body, limit), limit)
        return bytes(cramjam.snappy.decompress(body))
    except cramjam.DecompressionError as error:
        raise BadReport(f"not a snappy body: {error}") from error


def _snappy_stream_bytes(body: bytes, limit: int) -> int:
    """What the chunks of a stream say they hold (framing_format.txt §4); at least one byte in each that holds data."""
    at = size = count = 0
    while at + 4 <= len(body) and size <= limit:
        count += 1
        if count > _MEMBERS_MAX:
            raise BadReport(f"the snappy body has more than {_MEMBERS_MAX} chunks")
        kind, length = body[at], int.from_bytes(body[at + 1 : at + 4], "little")
        if kind == 0:
            size += max(1, cramjam.snappy.decompress_raw_len(body[at + 8 : min(at + 4 + length, at + 18)]))
        elif kind == 1:
            size += max(1, length - 4)
        at += 4 + length
    return size


_INFLATE: Mapping[str, Callable[[bytes, int], bytes]] = {
    "gzip": gunzip,
    "x-gzip": gunzip,
    "deflate": _deflate,
    "zlib": _deflate,
    "zstd": _unzstd,
    "snappy": _unsnappy,
    "x-snappy-framed": _unsnappy,
    "lz4": _unlz4,
}

ENCODINGS = tuple(_INFLATE)
"""What `inflate` understands, as `Content-Encoding` names it; those an OpenTelemetry Collector understands, too."""

GRPC_ENCODINGS = ("gzip", "deflate", "zstd", "snappy")
"""Those among them that gRPC's clients use, as `grpc-encoding` names them."""


def encoding_of(body: bytes) -> str:
    """The encoding that a body shows by its first bytes where no header names one; "" for none (§4.4: some senders
    compress without saying so). No protocol's body begins so.
    """
    if body.startswith(_GZIP_MAGIC):
        return "gzip"
    return "zstd" if body.startswith(_ZSTD_MAGIC) else ""


def inflate(body: bytes, encoding: str, limit: int) -> bytes:
    """What a body holds that was compressed by one of ENCODINGS; an empty body holds nothing.

    Raises:
        BadReport: not of this encoding, which may be none of ENCODINGS; damaged, cut off, or of too many members.
        TooLarge: more than `limit` bytes.
    """
    if encoding not in _INFLATE:
        raise BadReport(f"content encoding {encoding!r} is none of {', '.join(ENCODINGS)}")
    return _INFLATE[encoding](body, limit) if body else b""


def _members(new: Callable[[], Member], body: bytes, limit: int, name: str, *, several: bool = True) -> bytes:
    pieces: list[bytes] = []
    size = at = count = 0
    step = len(body)  # nearly always there is one member
    try:
        while at < len(body):
            count += 1
            if count > 1 and not several:
                raise BadReport(f"the {name} body goes on after its end")
            if count > _MEMBERS_MAX:
                raise BadReport(f"the {name} body has more than {_MEMBERS_MAX} members")
            member = new()
            while not member.eof:
                data = b""
                if member.needs_input:
                    data = body[at : at + min(step, _PIECE_BYTES)]
                    if not data:
                        raise BadReport(f"the {name} body is cut off")
                    at += len(data)
                    step *= 2
                piece = member.decompress(data, _PIECE_BYTES)
                if piece:
                    pieces.append(piece)
                    size += len(piece)
                    _check_size(size, limit)
            at -= len(member.unused_data or b"")
            step = _FIRST_STEP_BYTES
            if padding := _ZEROS.match(body, at):
                at = padding.end()
    except (zlib.error, zstd.ZstdError, RuntimeError) as error:  # lz4 raises no error of its own
        raise BadReport(f"not a {name} body: {error}") from error
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise TooLarge(f"the report is larger than {limit} bytes after decompression")
