"""Answers and connections that go wrong on purpose: how an edge does what a fault's decision says."""

from __future__ import annotations

import math
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Protocol

from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import error_details_pb2, status_pb2

from satellite.edges.pause import pause
from satellite.faults.decision import Decision
from satellite.protocols.wire import Reply

CONNECTION = "satellite.connection"
"""Key in an ASGI scope's `extensions`: the Breakable that the request came on."""

OVERSIZED_BYTES = 5 * 2**20
"""More than the 4 MiB that gRPC clients take unless told otherwise."""

_SLICES_PER_SECOND = 10
_MALFORMED = b"\xff\xff\xff\xff{]"
"""Neither protobuf nor Thrift, JSON or text."""
_PADDING_FIELD = b"\xfa\x3e"
"""Tag of field 1007, length-delimited: what a protobuf reader skips."""
_JSON_TYPES = ("json", "text", "javascript")


class Breakable(Protocol):
    """A connection, for faults."""

    def cut(self) -> None:
        """End it at once, by a reset if the transport can."""
        ...

    def end_soon(self) -> None:
        """Take no more requests on it; what is in hand is answered."""
        ...


def reset(connection: Any) -> None:
    """Have the close of this socket (or what a transport says its socket is) be a reset."""
    with suppress(OSError, AttributeError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def body(wrong: str | None, right: bytes, content_type: str) -> bytes:
    """The body with what is to be wrong about it."""
    match wrong:
        case "malformed":
            return _MALFORMED + right
        case "truncated":
            return right[:-1] if len(right) > 1 else _PADDING_FIELD  # half could be whole, of fewer fields
        case "empty":
            return b""
        case "oversized":
            if any(kind in content_type for kind in _JSON_TYPES):
                return right + b" " * OVERSIZED_BYTES
            return right + _PADDING_FIELD + _varint(OVERSIZED_BYTES) + bytes(OVERSIZED_BYTES)
        case _:
            return right


def reply(decision: Decision, right: Reply) -> tuple[Reply, list[tuple[bytes, bytes]]]:
    """An HTTP answer, and headers, as the decision wants them."""
    status = decision.http_status or right.status
    content_type = "text/html" if decision.body == "wrong-type" else right.content_type
    extra = []
    if decision.retry_after_s is not None:
        extra.append((b"retry-after", b"%d" % math.ceil(decision.retry_after_s)))
    if decision.connection == "goaway":
        extra.append((b"connection", b"close"))
    return Reply(status, content_type, body(decision.body, right.body, right.content_type)), extra


def details(decision: Decision, code: int, message: str, usual: bytes | None) -> bytes | None:
    """The google.rpc.Status that goes with a gRPC refusal, with a RetryInfo; None: there is none.

    `usual` is what the protocol says of the refusal. It goes only where the decision names no status of its own: of
    details that contradict the status gRPC's clients make an INTERNAL error.
    """
    if decision.retry_after_s is None:
        return usual if decision.grpc_code is None else None
    hint = error_details_pb2.RetryInfo()
    hint.retry_delay.FromMilliseconds(round(decision.retry_after_s * 1000))
    packed = AnyMessage()
    packed.Pack(hint)
    encoded: bytes = status_pb2.Status(code=code, message=message, details=[packed]).SerializeToString()
    return encoded


async def slices(decision: Decision, data: bytes) -> AsyncIterator[bytes]:
    """The data at the speed that the decision allows, piece by piece; never nothing."""
    if decision.bytes_per_second is None:
        yield data
        return
    size = max(1, decision.bytes_per_second // _SLICES_PER_SECOND)
    for start in range(0, max(len(data), 1), size):
        if start and not await pause(size / decision.bytes_per_second):
            yield data[start:]
            return
        yield data[start : start + size]


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
