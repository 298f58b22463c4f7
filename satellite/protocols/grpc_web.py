"""gRPC-Web (the specification PROTOCOL-WEB of grpc/grpc): gRPC's report methods for pages in browsers, as protocols over HTTP.

A body is one message with its prefix of five bytes. An answer is the same, and then a frame whose first byte has its top bit set and
that holds what would be trailers. The form `-text` is that in base64.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from satellite.errors import BadReport, SatelliteError
from satellite.model.report import Decoded, Receipt
from satellite.protocols.refused import grpc_code_of
from satellite.protocols.wire import Reply, RequestHead, WireProtocol

BINARY, TEXT = "application/grpc-web", "application/grpc-web-text"

_PREFIX_BYTES = 5
_MESSAGE, _TRAILERS = 0x00, 0x80
_ESCAPED = re.compile(rb"[^ -$&-~]")
_BASE64 = re.compile(rb"[^=]+=*")
"""A body may be several pieces, each with its padding."""


def percent_encoded(message: str) -> bytes:
    """A message as `grpc-message` carries it."""
    return _ESCAPED.sub(lambda found: b"%%%02X" % found[0][0], message.encode("utf-8", "replace"))


def over_web(protocol: WireProtocol) -> WireProtocol:
    """The same at the paths of its gRPC methods, under a name of its own."""
    return replace(
        protocol,
        name=f"{protocol.name}_web",
        http_routes=tuple(("POST", method) for method in protocol.grpc_methods),
        grpc_methods=(),
        grpc_streams=False,
        content_types=(BINARY, f"{BINARY}+proto", TEXT, f"{TEXT}+proto"),
        decode=partial(_decode, protocol),
        encode=partial(_encode, protocol),
        splitter=None,
    )


def _decode(protocol: WireProtocol, bodies: Sequence[bytes], received_ns: int) -> Decoded:
    messages = [_message(body) for body in bodies]
    decoded = protocol.decode([one for one in messages if isinstance(one, bytes)], received_ns)
    reports = iter(decoded.reports)
    return Decoded(decoded.batch, [next(reports) if isinstance(one, bytes) else one for one in messages])


def _message(body: bytes) -> bytes | BadReport:
    """The one in a body. Its first byte tells the form: no base64 begins with what a prefix does."""
    if body[:1] > b"\1":
        try:
            body = b"".join(base64.b64decode(piece, validate=True) for piece in _BASE64.findall(body))
        except binascii.Error:
            return BadReport(
                "a body of gRPC-Web that is neither a message with its prefix nor that in base64"
            )
    if len(body) < _PREFIX_BYTES or int.from_bytes(body[1:_PREFIX_BYTES], "big") != len(body) - _PREFIX_BYTES:
        return BadReport("a body of gRPC-Web is one message with its prefix of five bytes")
    if body[0] != _MESSAGE:
        return BadReport("messages of gRPC-Web are taken as they are, not compressed")
    return body[_PREFIX_BYTES:]


def _encode(protocol: WireProtocol, receipt: Receipt, head: RequestHead) -> Reply:
    if receipt.refusal is None:
        body = _frame(_MESSAGE, protocol.encode(receipt, RequestHead()).body)
        body += _frame(_TRAILERS, b"grpc-status: 0\r\n")
    else:
        body = _frame(_TRAILERS, _refused(protocol, receipt.refusal))
    if head.content_type.startswith(TEXT):
        return Reply(200, f"{TEXT}+proto", base64.b64encode(body))
    return Reply(200, f"{BINARY}+proto", body)


def _refused(protocol: WireProtocol, refusal: SatelliteError) -> bytes:
    status = grpc_code_of(refusal)
    lines = b"grpc-status: %d\r\ngrpc-message: %b\r\n" % (status, percent_encoded(refusal.message))
    if (details := protocol.grpc_details(refusal)) is not None:
        lines += b"grpc-status-details-bin: %b\r\n" % base64.b64encode(details).rstrip(b"=")
    return lines


def _frame(first: int, content: bytes) -> bytes:
    return bytes((first,)) + len(content).to_bytes(4, "big") + content
