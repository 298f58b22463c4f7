"""Spans as files: the formats that `satellite export` writes and `satellite import` reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from satellite.errors import BadReport
from satellite.model.spans import SpanBatch
from satellite.protocols.jaeger import json as jaeger_json
from satellite.protocols.lightstep import protobuf as lightstep
from satellite.protocols.lightstep.export import encode_reports
from satellite.protocols.otlp import export as otlp_export
from satellite.protocols.otlp import protobuf as otlp
from satellite.protocols.wire import WireProtocol
from satellite.protocols.zipkin import export as zipkin_export
from satellite.protocols.zipkin import v2 as zipkin


@dataclass(frozen=True, slots=True)
class FileFormat:
    """One way to keep spans in a file."""

    name: str
    media_type: str
    encode: Callable[[SpanBatch], bytes]
    """The whole file."""
    reader: WireProtocol
    """Decodes the bodies in such a file."""
    bodies: Callable[[bytes], list[bytes]] = lambda content: [content]
    """The bodies in a file. Raises BadReport when it is cut off."""


def join_delimited(bodies: list[bytes]) -> bytes:
    """Each body behind its length as a varint: protobuf's usual way to put messages one after another."""
    return b"".join(_varint(len(body)) + body for body in bodies)


def split_delimited(content: bytes) -> list[bytes]:
    """What `join_delimited` joined. Raises BadReport for a file that ends within a body."""
    bodies: list[bytes] = []
    at = 0
    while at < len(content):
        size = shift = 0
        while True:
            if at == len(content) or shift > 35:
                raise BadReport(
                    "the file ends within the length of a report, or is none of delimited reports"
                )
            byte = content[at]
            size |= (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if byte < 0x80:
                break
        if at + size > len(content):
            raise BadReport("the file ends within a report, or is none of delimited reports")
        bodies.append(content[at : at + size])
        at += size
    return bodies


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


FILE_FORMATS = {
    known.name: known
    for known in (
        FileFormat("otlp-json", "application/json", otlp_export.encode_request_json, otlp.JSON_PROTOCOL),
        FileFormat("otlp-protobuf", "application/x-protobuf", otlp_export.encode_request, otlp.PROTOCOL),
        FileFormat("jaeger-json", "application/json", jaeger_json.encode_traces, jaeger_json.PROTOCOL),
        FileFormat("zipkin-json", "application/json", zipkin_export.encode_spans, zipkin.PROTOCOL),
        FileFormat(
            "lightstep",
            "application/octet-stream",
            lambda batch: join_delimited(encode_reports(batch)),
            lightstep.PROTOCOL,
            split_delimited,
        ),
    )
}
"""By name. OTLP loses nothing; what the others have no place for, their modules say."""
