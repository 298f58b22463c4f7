"""Header sections: decompression (RFC 7541, by the library hpack), and what makes one malformed (RFC 9113 §8.2, §8.3).

A client sends the same few blocks again and again. Each is decoded and checked once, as long as the connection's
dynamic table stands still; what an owner makes of a head is kept with it (`Head.meaning`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import hpack

from satellite.edges.http2.frames import ConnectionFault, ErrorCode

Fields = tuple[tuple[bytes, bytes], ...]
"""Names in lower case and their values, in the order they came."""

_CACHED_BLOCKS_MAX = 64
_CACHED_BLOCK_BYTES_MAX = 2048
_HARD_LIMIT_FACTOR = 4
"""A list up to this many times the limit is read to its end, so that its stream can be answered and the others live."""

_WORK_OF_BLOCK = 16
"""What a block costs that has to be decoded, in frames; and each two bytes of it one more."""

_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
_BAD_VALUE = re.compile(rb"[\0\r\n]")
_PSEUDO = (b":method", b":scheme", b":authority", b":path")
_CONNECTION_SPECIFIC = frozenset(
    (b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade")
)


class Head:
    """The header section of a request."""

    __slots__ = (
        "authority",
        "content_length",
        "fault",
        "fields",
        "meaning",
        "method",
        "path",
        "scheme",
        "too_large",
    )

    def __init__(self) -> None:
        self.method = self.scheme = self.authority = self.path = b""
        self.fields: Fields = ()
        """Without pseudo-header fields; spaces around values removed."""
        self.content_length: int | None = None
        self.fault = ""
        """Why it is malformed; "" when it is not."""
        self.too_large = False
        """It is over the limit for header lists or their fields; to be answered 431 (RFC 6585)."""
        self.meaning: Any = None
        """Whatever the owner made of it; the same object comes again with the same block."""


class HeaderReader:
    """The receiving end of one connection's header compression."""

    def __init__(self, *, list_bytes_max: int, fields_max: int) -> None:
        self.work = 0
        """What was decoded since somebody last set this to 0; a block that is known costs nothing."""
        self._decoder = hpack.Decoder(max_header_list_size=list_bytes_max * _HARD_LIMIT_FACTOR)
        self._list_bytes_max = list_bytes_max
        self._fields_max = fields_max
        self._known: dict[bytes, Head] = {}

    def request(self, block: bytes) -> Head:
        """The head that a block is. Raises ConnectionFault when it cannot be decompressed."""
        head = self._known.get(block)
        if head is not None:
            return head
        table = self._decoder.header_table
        entries = table.dynamic_entries
        before = (len(entries), entries[0] if entries else None, table.maxsize)
        head = self._head(self._decode(block))
        newest = entries[0] if entries else None
        if (len(entries), table.maxsize) != (before[0], before[2]) or newest is not before[1]:
            self._known.clear()
        elif len(block) <= _CACHED_BLOCK_BYTES_MAX:  # what changed nothing now changes nothing again
            if len(self._known) >= _CACHED_BLOCKS_MAX:
                del self._known[next(iter(self._known))]
            self._known[block] = head
        return head

    def trailers(self, block: bytes) -> tuple[Fields, str]:
        """(fields, why they are malformed or ""). Raises ConnectionFault when it cannot be decompressed."""
        self._known.clear()  # they may have changed the table
        fields = self._decode(block)
        fault = next((fault for name, value in fields if (fault := _field_fault(name, value))), "")
        return tuple(fields), fault

    def _decode(self, block: bytes) -> list[tuple[bytes, bytes]]:
        self.work += _WORK_OF_BLOCK + len(block) // 2
        try:
            decoded: Any = self._decoder.decode(block, raw=True)
        except hpack.OversizedHeaderListError as error:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "the header list is too large") from error
        except (hpack.HPACKError, IndexError, ValueError) as error:
            raise ConnectionFault(
                ErrorCode.COMPRESSION_ERROR, "a header block cannot be decompressed"
            ) from error
        return decoded  # type: ignore[no-any-return]

    def _head(self, decoded: list[tuple[bytes, bytes]]) -> Head:
        head = Head()
        size = 0
        fields: list[tuple[bytes, bytes]] = []
        pseudo: dict[bytes, bytes] = {}
        for name, value in decoded:
            size += 32 + len(name) + len(value)
            if name[:1] == b":":
                if fields:
                    head.fault = head.fault or "a pseudo-header field after a field"
                elif name not in _PSEUDO or name in pseudo:
                    head.fault = head.fault or "an unknown or repeated pseudo-header field"
                pseudo[name] = value
                continue
            head.fault = head.fault or _field_fault(name, value)
            if name == b"content-length":
                head.fault = head.fault or _set_length(head, value)
            fields.append((name, value.strip(b" \t")))
        head.too_large = size > self._list_bytes_max or len(decoded) > self._fields_max
        head.fields = tuple(fields)
        head.method, head.scheme = pseudo.get(b":method", b""), pseudo.get(b":scheme", b"")
        head.authority, head.path = pseudo.get(b":authority", b""), pseudo.get(b":path", b"")
        head.fault = head.fault or _pseudo_fault(head, pseudo)
        return head


def _pseudo_fault(head: Head, pseudo: dict[bytes, bytes]) -> str:
    """§8.3.1; CONNECT (§8.5) has no scheme and path."""
    if any(_BAD_VALUE.search(value) for value in pseudo.values()):
        return "a pseudo-header field with NUL, CR or LF"
    if not head.method:
        return "no :method"
    if head.method == b"CONNECT":
        return (
            "" if head.authority and b":path" not in pseudo and b":scheme" not in pseudo else "a bad CONNECT"
        )
    if not head.scheme or not head.path:
        return "no :scheme or no :path"
    if not (head.path.startswith(b"/") or (head.path == b"*" and head.method == b"OPTIONS")):
        return "a :path that is none"
    return ""


def _field_fault(name: bytes, value: bytes) -> str:
    """§8.2: why a field makes its message malformed. Spaces around a value do not: gRPC's clients may send them."""
    if not _NAME.fullmatch(name):
        return "a field name with capitals or signs that none may have"
    if _BAD_VALUE.search(value):
        return "a field value with NUL, CR or LF"
    if name in _CONNECTION_SPECIFIC:
        return "a field that belongs to HTTP/1 connections"
    if name == b"te" and value.strip().lower() != b"trailers":
        return "a te field that does not say trailers"
    return ""


def _set_length(head: Head, value: bytes) -> str:
    text = value.strip(b" \t")
    if not text.isdigit() or len(text) > 18:
        return "a content-length that is no number"
    length = int(text)
    if head.content_length not in {None, length}:
        return "two content-lengths"
    head.content_length = length
    return ""


def encode(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A header block: every field as a literal that is not put into a table (RFC 7541 §6.2.2), `:status` 200 as its index.

    Fields with secrets may be among them; nothing is remembered from block to block.
    """
    return b"".join(_encoded(name, value) for name, value in fields)


def _encoded(name: bytes, value: bytes) -> bytes:
    if name == b":status" and value == b"200":
        return b"\x88"
    return b"\0" + _length(len(name)) + name + _length(len(value)) + value


def _length(number: int) -> bytes:
    """An integer with a prefix of seven bits (RFC 7541 §5.1)."""
    if number < 127:
        return bytes((number,))
    rest = number - 127
    encoded = bytearray(b"\x7f")
    while rest >= 128:
        encoded.append(rest & 127 | 128)
        rest >>= 7
    encoded.append(rest)
    return bytes(encoded)
