"""A stream of binary reports taken apart: which protocol it is of, and where each report ends.

Protobuf has no frame of its own, so a file has one of four: none (one message, or several run together, which protobuf reads as
one), each message behind its length as a varint (what `export` writes) or as four bytes (the Collector's file exporter), or
behind the five bytes of gRPC. Which one it is shows in whether the first message has the shape of a report.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from satellite.errors import BadReport, TooLarge
from satellite.protocols.datadog import traces as datadog
from satellite.protocols.files.json_stream import PIECE_BYTES, UNIT_BYTES_MAX
from satellite.protocols.jaeger import batches as jaeger
from satellite.protocols.lightstep import protobuf as lightstep
from satellite.protocols.lightstep import thrift as lightstep_thrift
from satellite.protocols.otlp import protobuf as otlp
from satellite.protocols.wire import WireProtocol
from satellite.protocols.zipkin import v2 as zipkin

HEAD_BYTES = 64 << 10
"""What must have come before a guess, unless the file is shorter."""

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_SIZES = {_FIXED64: 8, _FIXED32: 4}


@dataclass(frozen=True, slots=True)
class Kind:
    """A protocol whose reports a binary file may hold."""

    title: str
    format: str
    """As in a form of JSON: of FILE_FORMATS, or ""."""
    reader: WireProtocol | None
    """None: these are no spans; the title says what."""
    in_parts: bool = False
    """Whether a message may be cut between its fields, each part being one itself."""


OTLP = Kind("OTLP protobuf", "otlp-protobuf", otlp.PROTOCOL, in_parts=True)
ZIPKIN = Kind("Zipkin's protobuf", "", zipkin.PROTOCOL, in_parts=True)
LIGHTSTEP = Kind("LightStep's reports", "lightstep", lightstep.PROTOCOL)
LOGS, METRICS = Kind("logs", "", None), Kind("metrics", "", None)
ZIPKIN_THRIFT = Kind("Zipkin's Thrift", "", zipkin.PROTOCOL)
JAEGER_THRIFT = Kind("Jaeger's Thrift", "", jaeger.THRIFT_PROTOCOL)
LIGHTSTEP_THRIFT = Kind("LightStep's Thrift", "", lightstep_thrift.PROTOCOL)
JAEGER_AGENT = Kind("a batch for Jaeger's agent (emitBatch)", "", None)
_FOR_AN_AGENT = re.compile(rb"(?:\x80\x01.{6}|\x82.{2,6}|\0{3}.)emit(?:Zipkin)?Batch", re.DOTALL)
"""The beginning of a call in Thrift's three forms: strict, compact, without a version."""
DATADOG = Kind("Datadog's MessagePack", "", datadog.PROTOCOL)

Frame = Callable[[bytes | bytearray, int], tuple[int, int] | None]
"""(text, place) → (where the message begins, its size); None when the text ends before that is known."""


def _by_varint(text: bytes | bytearray, at: int) -> tuple[int, int] | None:
    size = shift = 0
    for place in range(at, min(at + 5, len(text))):
        byte = text[place]
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return place + 1, size
    if len(text) - at >= 5:
        raise BadReport("no length of a message")
    return None


def _by_four_bytes(text: bytes | bytearray, at: int) -> tuple[int, int] | None:
    return (at + 4, int.from_bytes(text[at : at + 4], "big")) if len(text) >= at + 4 else None


def _by_grpc(text: bytes | bytearray, at: int) -> tuple[int, int] | None:
    if text[at : at + 1] != b"\0":
        raise BadReport("a compressed message of gRPC, which this does not read")
    return (at + 5, int.from_bytes(text[at + 1 : at + 5], "big")) if len(text) >= at + 5 else None


class BinaryStream:
    """Bytes in any portions in, reports out."""

    def __init__(self) -> None:
        self._text = bytearray()
        self._frame: Frame | None = None
        self.kind: Kind | None = None
        """None until enough has come to know."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The reports that are complete now. Raises BadReport when it is none of the kinds, TooLarge."""
        self._text += data
        if self.kind is None and len(self._text) >= HEAD_BYTES:
            self.kind, self._frame = _recognised(self._text)
        if self.kind is not None:
            yield from self._complete()
        if len(self._text) > UNIT_BYTES_MAX:
            raise TooLarge(f"a report of more than {UNIT_BYTES_MAX} bytes")

    def finish(self) -> Iterator[bytes]:
        """The rest. Raises BadReport when it is cut off."""
        if self.kind is None:
            self.kind, self._frame = _recognised(self._text)
        yield from self._complete()
        if self._text and self._frame is not None:
            raise BadReport("the file ends within a report; what was complete before it is kept")
        if self._text:
            yield bytes(self._text)
        self._text.clear()

    def _complete(self) -> Iterator[bytes]:
        assert self.kind is not None
        done = 0
        if self._frame is not None:
            while done < len(self._text) and (found := self._frame(self._text, done)) is not None:
                start, size = found
                if start + size > len(self._text):
                    break
                done = start + size
                yield bytes(self._text[start:done])
        elif self.kind.in_parts and len(self._text) > PIECE_BYTES:
            for _, _, _, end in _fields(self._text, whole=True):
                done = end
            if done:
                yield bytes(self._text[:done])
        del self._text[:done]


def recognised(text: bytearray) -> Kind:
    """What a body is. Raises BadReport when it is none of the kinds."""
    return _recognised(text)[0]


def _recognised(text: bytearray) -> tuple[Kind, Frame | None]:
    if _FOR_AN_AGENT.match(text):
        return JAEGER_AGENT, None
    for magic, kind in (
        (b"\x0c\x00\x01", JAEGER_THRIFT),  # a struct's first field: the process
        (b"\x0c\x00", ZIPKIN_THRIFT),  # a list of structs
        (b"\x80\x01\x00", LIGHTSTEP_THRIFT),  # a call
    ):
        if text.startswith(magic):
            return kind, None
    for frame in (None, _by_four_bytes, _by_grpc, _by_varint):
        if (framed := _framed_so(text, frame)) is not None:
            return framed, frame
    if text[0] >> 4 == 9 or text[0] in (0xDC, 0xDD):  # arrays
        return DATADOG, None
    raise BadReport(
        f"no JSON, and no protobuf, Thrift or MessagePack of spans; it begins with {text[:8].hex(' ')}"
    )


def _framed_so(text: bytearray, frame: Frame | None) -> Kind | None:
    """What the first messages are if they are framed so; None: they are not."""
    at = 0
    while at < len(text):
        message: bytes | bytearray = text
        if frame is not None:
            try:
                found = frame(text, at)
            except BadReport:
                return None
            if found is None:
                return None
            start, size = found
            if size > UNIT_BYTES_MAX:
                return None
            message, at = text[start : start + size], start + size
        if (kind := kind_of(message)) is not None or frame is None:
            return kind
        if message:
            return None
    return None


def kind_of(message: bytes | bytearray) -> Kind | None:
    """What a message (or its beginning) is a report of, by the shape of its first fields; None: of nothing known."""
    for number, wire_type, value, _ in _fields(message):
        if wire_type != _LENGTH:
            if (number, wire_type) in ((4, _VARINT), (5, _VARINT)):
                continue  # LightStep's clock correction
            return None
        if number == 1:
            inner = _shape(value)
            if not inner:
                continue
            if inner.get(1, _VARINT) == _VARINT and inner.keys() <= {1, 4}:  # a reporter: its number, tags
                return LIGHTSTEP
            if _is_id(value, 1, (8, 16)) and _is_id(value, 3, (8,)):
                return ZIPKIN
            if (signal := _signal_of(value)) is not None:
                return signal
        elif number in (2, 3) and 1 in _shape(value):
            return LIGHTSTEP  # a report without a reporter: the token, a span
        else:
            return None
    return None


def _signal_of(resource: bytes) -> Kind | None:
    """Of OTLP: which signal one ResourceSpans, ResourceLogs or ResourceMetrics is of; they differ at the bottom only."""
    found: Kind | None = None
    for number, wire_type, scope, _ in _fields(resource):
        if wire_type != _LENGTH or number not in (1, 2, 3, 1000):
            return None
        if number == 1:
            if any(inner not in (1, 2, 3) for inner in _shape(scope)):
                return None
            found = found or OTLP
        if number not in (2, 1000):
            continue
        for inner, inner_type, record, _ in _fields(scope):
            if inner_type != _LENGTH or inner not in (1, 2, 3):
                return None
            if inner == 2:
                shape = _shape(record)
                if _FIXED64 in (shape.get(7), shape.get(8)):  # a span's times, whatever its ids are
                    return OTLP
                if _is_id(record, 1, (16, 8, 0)) and shape.get(2) == _LENGTH:
                    return OTLP
                if shape.get(1) == _FIXED64 or shape.get(11) == _FIXED64:
                    return LOGS
                if shape.get(1) == _LENGTH and shape.keys() & {5, 7, 9, 10, 11}:
                    return METRICS
                return None
        found = found or OTLP
    return found


def _shape(message: bytes) -> dict[int, int]:
    """Number → wire type of the fields; of a repeated one the first."""
    shape: dict[int, int] = {}
    for number, wire_type, _, _ in _fields(message):
        shape.setdefault(number, wire_type)
    return shape


def _is_id(message: bytes, wanted: int, sizes: tuple[int, ...]) -> bool:
    return any(
        number == wanted and wire_type == _LENGTH and len(value) in sizes
        for number, wire_type, value, _ in _fields(message)
    )


def _fields(message: bytes | bytearray, *, whole: bool = False) -> Iterator[tuple[int, int, bytes, int]]:
    """(number, wire type, content, where it ends) of each field; ends at what is none.

    The last one may be cut off, unless only `whole` ones are wanted.
    """
    at = 0
    while at < len(message):
        try:
            if (tag := _by_varint(message, at)) is None:
                return
            start, key = tag
            number, wire_type = key >> 3, key & 7
            if wire_type == _VARINT:
                at = start
                while at < len(message) and message[at] >= 0x80:
                    at += 1
                at += 1
            elif wire_type == _LENGTH:
                if (sized := _by_varint(message, start)) is None:
                    return
                start, size = sized
                at = start + size
            else:
                at = start + _SIZES.get(wire_type, 2**32)
        except BadReport:
            return
        cut_off = at > len(message)
        if not number or (cut_off and (whole or wire_type != _LENGTH)):
            return
        yield number, wire_type, bytes(message[start:at]), at
