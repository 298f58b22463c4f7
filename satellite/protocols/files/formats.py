"""Spans written as files: the formats of `satellite export`, each piece by piece, whatever the number of spans."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from satellite.model.spans import SpanBatch
from satellite.protocols.jaeger.json import write_traces
from satellite.protocols.lightstep.export import encode_reports
from satellite.protocols.otlp.export import encode_request, encode_request_json
from satellite.protocols.zipkin.export import encode_spans

PIECE_SPANS = 1000
"""Written at once (ours): as objects of Python they take some 15 MB."""


@dataclass(frozen=True, slots=True)
class FileFormat:
    """One way to keep spans in a file."""

    name: str
    media_type: str
    suffix: str
    """Of a file's name."""
    write: Callable[[Iterable[SpanBatch]], Iterator[bytes]]
    """The file, a piece for each batch."""
    by_trace: bool = False
    """Whether all spans of a trace must stand together."""

    def pieces(self, batches: Sequence[SpanBatch]) -> Iterator[bytes]:
        """The file with all spans of these batches, in portions; in memory are those of one portion."""
        return self.write(_by_trace(batches) if self.by_trace else _in_order(batches))


def _in_order(batches: Iterable[SpanBatch]) -> Iterator[SpanBatch]:
    """The same spans in batches of at most PIECE_SPANS, small neighbours together."""
    waiting: list[SpanBatch] = []
    size = 0
    for batch in batches:
        for start in range(0, len(batch), PIECE_SPANS):
            part = batch.slice(start, min(start + PIECE_SPANS, len(batch)))
            if size + len(part) > PIECE_SPANS:
                yield _one(waiting)
                waiting, size = [], 0
            waiting.append(part.compact())
            size += len(part)
    if waiting:
        yield _one(waiting)


def _one(parts: list[SpanBatch]) -> SpanBatch:
    return parts[0] if len(parts) == 1 else SpanBatch.concat(parts)


def _by_trace(batches: Sequence[SpanBatch]) -> Iterator[SpanBatch]:
    """The spans trace by trace, traces by their first span, in batches of at most PIECE_SPANS."""
    if not batches:
        return
    places = [np.arange(len(batch)) for batch in batches]
    owners = np.repeat(np.arange(len(places)), [len(rows) for rows in places])
    rows = np.concatenate(places)
    order = _trace_order(batches)
    last: tuple[int, SpanBatch] | None = None
    for start in range(0, len(order), PIECE_SPANS):
        chosen = order[start : start + PIECE_SPANS]
        parts: list[SpanBatch] = []
        where: list[npt.NDArray[np.intp]] = []
        for owner in np.unique(owners[chosen]).tolist():
            if last is None or last[0] != owner:
                last = owner, batches[owner]
            mine = np.flatnonzero(owners[chosen] == owner)
            parts.append(last[1].take(rows[chosen[mine]]).compact())
            where.append(mine)
        yield _one(parts).take(np.argsort(np.concatenate(where)))


def _trace_order(batches: Sequence[SpanBatch]) -> npt.NDArray[np.intp]:
    """All rows of all batches by the first appearance of their trace, then as they come."""
    ids = np.empty(sum(len(batch) for batch in batches), [("high", np.uint64), ("low", np.uint64)])
    at = 0
    for batch in batches:
        part = ids[at : at + len(batch)]
        part["high"], part["low"] = batch.column("trace_high"), batch.column("trace_low")
        at += len(batch)
    _, first, codes = np.unique(ids, return_index=True, return_inverse=True)
    return np.argsort(first[codes], kind="stable")


# The formats


def _list(head: bytes, tail: bytes, encode: Callable[[SpanBatch], bytes]) -> Callable[..., Iterator[bytes]]:
    """Writes one list between `head` and `tail`, as `encode` writes the list of one batch."""

    def write(batches: Iterable[SpanBatch]) -> Iterator[bytes]:
        before = head
        for batch in batches:
            yield before + encode(batch)[len(head) : -len(tail)]
            before = b","
        yield tail if before == b"," else head + tail

    return write


def _messages(encode: Callable[[SpanBatch], bytes]) -> Callable[..., Iterator[bytes]]:
    """Writes messages one behind the other."""
    return lambda batches: (encode(batch) for batch in batches)


def _delimited_reports(batch: SpanBatch) -> bytes:
    return b"".join(_varint(len(report)) + report for report in encode_reports(batch))


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
        FileFormat(
            "otlp-json", "application/json", ".json", _list(b'{"resourceSpans":[', b"]}", encode_request_json)
        ),
        FileFormat("otlp-protobuf", "application/x-protobuf", ".pb", _messages(encode_request)),
        FileFormat("jaeger-json", "application/json", ".json", write_traces, by_trace=True),
        FileFormat("zipkin-json", "application/json", ".json", _list(b"[", b"]", encode_spans)),
        FileFormat("lightstep", "application/octet-stream", ".pb", _messages(_delimited_reports)),
    )
}
"""By name. OTLP loses nothing; what the others have no place for, their modules say. Parts of an OTLP message one behind the
other are one message; LightStep's reports stand each behind its length as a varint, protobuf's usual way."""
