"""LightStep protobuf: `CollectorService/Report` over gRPC and `POST /api/v2/reports`, one codec for both.

The hot path. Bodies are parsed by ptars with a shallow schema (protos/lightstep_shallow.proto) into columns; no
statement here runs once per span or tag unless the span is out of the ordinary. Facts: wire-protocols of LightStep's
public collector interface and of its tracers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from google.protobuf.message import DecodeError

from satellite.errors import AccessDenied, BadReport, Overloaded, SatelliteError, TooLarge
from satellite.model.access_tokens import without_tokens
from satellite.model.report import Decoded, Receipt, Report
from satellite.model.reporter import UNKNOWN_SERVICE, Reporter, distinct_reporters
from satellite.model.span import META_EVENT_TAG, PARENT_TAG, TagValue
from satellite.model.spans import SCHEMA, Marks, SpanBatch, encode_reference
from satellite.model.tags import MALFORMED_KEY, normalise, text_of
from satellite.pb import lightstep_collector_pb2 as collector
from satellite.pb import lightstep_shallow_pb2 as shallow
from satellite.protocols.lightstep.meanings import meaningful, meanings
from satellite.protocols.lightstep.stream import ReportSplitter
from satellite.protocols.readers.columns import (
    FREE,
    MOMENT_BYTES_MIN,
    MOMENTS_FREE,
    SMALL_BYTES,
    ColumnReader,
    are_too_different,
    hold_more,
    is_crowded,
    joined_bytes_of_each,
    messages_in,
)
from satellite.protocols.rows import STATUS_TAG
from satellite.protocols.wire import Reply, RequestHead, WireProtocol

NAME = "lightstep"
PROTOBUF = "application/octet-stream"

OFFSET_LIMIT_US = 86_400_000_000
"""Clock corrections beyond a day are taken for a broken clock and left out (ours)."""

_CACHED_BYTES = 4096
"""Larger reporters and tokens are read again each time, so that the cache is bounded in bytes."""

MESSAGE_BYTES_MIN, ELEMENT_BYTES_MIN = 32, 8
"""A body may hold one span or reference for each 32 of its bytes (the ids and the start of one take 40, and become 250 in
memory), and one tag or log for each 8. Ours."""

_LIMIT_US = (2**63 - 1) // 1000
_LIMIT_S = (2**63 - 1) // 1_000_000_000 - 1
_FUTURE_NS = 86_400_000_000_000

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_TYPES = list(SCHEMA.types)
_NO_BYTES = pa.array([], pa.binary())
_NO_EXTRA = pa.array([b""], pa.binary())

_READER = ColumnReader(shallow.Report, shape=shallow.ReportShape, name="a ReportRequest")


def decode(bodies: Sequence[bytes], received_ns: int) -> Decoded:
    """One Report or BadReport per body, and the spans of all good ones in one batch."""
    return without_tokens(decode_as_sent(bodies, received_ns))


def decode_as_sent(bodies: Sequence[bytes], received_ns: int) -> Decoded:
    """The same with tokens still among the tags: for codecs that add to it what they read."""
    outcomes: list[Report | SatelliteError]
    try:
        columns = _parse(bodies)
        outcomes = list(_reports(columns))
    except (BadReport, TooLarge):
        # One of them is bad; the others must not notice. Each is tried alone, the good ones then decoded together.
        faults = [_fault(body) for body in bodies]
        columns = _parse([body for body, fault in zip(bodies, faults, strict=True) if fault is None])
        good = _reports(columns)
        outcomes = [next(good) if fault is None else fault for fault in faults]
    reports = [outcome for outcome in outcomes if isinstance(outcome, Report)]
    return Decoded(_Columns(columns, reports, received_ns).batch(), outcomes)


def _parse(bodies: Sequence[bytes]) -> pa.RecordBatch:
    size_bytes = sum(map(len, bodies))
    is_small = size_bytes <= SMALL_BYTES
    if not is_small and hold_more(bodies, MESSAGE_BYTES_MIN, (3,), _spans_and_references):
        raise _too_many()
    columns = _READER.read(bodies)
    spans = columns.column("spans").flatten()
    messages = len(spans) + len(spans.field("references").values)
    if is_small and messages > FREE and hold_more(bodies, MESSAGE_BYTES_MIN, (3,), _spans_and_references):
        raise _too_many()
    baggage = spans.field("span_context").field("baggage")
    elements = sum(len(lists.values) for lists in (spans.field("tags"), spans.field("logs"), baggage))
    if (
        elements > FREE + size_bytes // ELEMENT_BYTES_MIN
        or len(spans.field("logs").values) > MOMENTS_FREE + size_bytes // MOMENT_BYTES_MIN
    ):
        raise TooLarge("more tags or logs than a report of this size can hold")
    if are_too_different(spans.field("tags").flatten(), size_bytes):
        raise TooLarge("more different tags than a report of this size can hold")
    return columns


def _too_many() -> TooLarge:
    return TooLarge("more spans or references than a report of this size can hold")


def _spans_and_references(body: bytes) -> Iterator[object]:
    for span in messages_in(body, (0, len(body)), (3,)):
        yield span
        yield from messages_in(body, span, (3,))


def _fault(body: bytes) -> BadReport | TooLarge | None:
    try:
        _ = list(_reports(_parse([body])))
    except (BadReport, TooLarge) as fault:
        return fault
    return None


def _reports(columns: pa.RecordBatch) -> Iterator[Report]:
    parts = [joined_bytes_of_each(columns.column(name)) for name in ("auth", "reporter", "internal_metrics")]
    for auth, reporter, metrics in zip(*parts, strict=True):
        yield Report(_token(auth), _reporter(reporter), slice(0, 0), counters=_counters(metrics))


def _token(encoded: bytes) -> str:
    return _cached_token(encoded) if len(encoded) <= _CACHED_BYTES else _read_token(encoded)


def _read_token(encoded: bytes) -> str:
    return str(_read(shallow.Auth, encoded, "auth").access_token.decode("utf-8", "replace"))


_cached_token = lru_cache(maxsize=1024)(_read_token)


def _reporter(encoded: bytes) -> Reporter:
    """What a reporter says of itself; those of usual size are remembered."""
    return _cached_reporter(encoded) if len(encoded) <= _CACHED_BYTES else _read_reporter(encoded)


def _read_reporter(encoded: bytes) -> Reporter:
    message = _read(shallow.Reporter, encoded, "reporter")
    attributes = dict(_fields(message.tags))
    service = text_of(attributes.get("lightstep.component_name")) or UNKNOWN_SERVICE
    return Reporter(
        protocol=NAME, service=service, id=message.reporter_id, attributes=tuple(attributes.items())
    )


_cached_reporter = lru_cache(maxsize=1024)(_read_reporter)


def _counters(encoded: bytes) -> dict[str, float]:
    if not encoded:
        return {}
    message = _read(shallow.InternalMetrics, encoded, "internal_metrics")
    counters: dict[str, float] = {}
    for sample in message.counts:
        kind = sample.WhichOneof("value")
        if sample.name and kind:  # JavaScript sends seven empty samples with every report
            name = sample.name.decode("utf-8", "replace")
            counters[name] = counters.get(name, 0) + getattr(sample, kind)
    return counters


def _read(message: Any, encoded: bytes, what: str) -> Any:
    if is_crowded(encoded):
        raise TooLarge(f"{what}: more fields than can be meant")
    try:
        return message.FromString(encoded)
    except DecodeError as error:
        raise BadReport(f"not a ReportRequest: {what}: {error}") from error


def _fields(encoded: Sequence[Any]) -> Iterator[tuple[str, TagValue]]:
    for tag in encoded:
        kind = tag.WhichOneof("value")
        value = getattr(tag, kind) if kind else None
        key = tag.key.decode("utf-8", "replace")
        if key or kind:
            yield key, value.decode("utf-8", "replace") if isinstance(value, bytes) else value


@dataclass
class _Columns:
    """The spans of several reports on their way from the wire's columns to those of SpanBatch."""

    columns: pa.RecordBatch
    reports: list[Report]
    received_ns: int
    marks: npt.NDArray[np.uint16] = field(init=False)

    def batch(self) -> SpanBatch:
        """The kept spans; says in each report which rows are its own and what was dropped."""
        lists = self.columns.column("spans")
        counts = np.diff(lists.offsets.to_numpy()).astype(np.int64)
        spans = lists.flatten()
        body = np.repeat(np.arange(len(counts)), counts)
        context = spans.field("span_context")
        trace, span_id = _numbers(context, "trace_id"), _numbers(context, "span_id")
        nameless = (trace | span_id) == 0
        if nameless.any():
            for i, lost in enumerate(np.bincount(body[nameless], minlength=len(counts)).tolist()):
                if lost:
                    self.reports[i].dropped["no_ids"] = lost
                    self.reports[i].warnings.append(f"{lost} spans without trace id and span id were dropped")
            keep = ~nameless
            spans, body = spans.filter(pa.array(keep)), body[keep]
            context, trace, span_id = spans.field("span_context"), trace[keep], span_id[keep]
            counts = np.bincount(body, minlength=len(counts))
        start = 0
        for report, count in zip(self.reports, counts.tolist(), strict=True):
            report.rows = slice(start, start + count)
            start += count
        self.marks = np.zeros(len(trace), np.uint16)
        self._mark((trace == 0) | (span_id == 0), Marks.ZERO_ID)

        offsets = self._offsets()
        start_ns, duration_ns = self._times(spans, offsets[body])
        parent, references = self._references(spans, trace, span_id)
        tags, tag_lists, kind, status = self._tags(spans, body, parent)
        names = spans.field("operation_name").dictionary_encode()
        extra, extras = self._extras(context, body, offsets)
        reporter_of, reporters = distinct_reporters(report.reporter for report in self.reports)
        columns = [
            pa.array(np.zeros(len(trace), np.uint64)),
            pa.array(trace),
            pa.array(span_id),
            pa.array(parent),
            pa.array(start_ns),
            pa.array(duration_ns),
            names.indices,
            pa.array(np.array(reporter_of, np.int32)[body]),
            extra,
            pa.array(kind),
            pa.array(status),
            pa.array(self.marks),
            tag_lists,
            spans.field("logs"),
            references,
        ]
        rows = pa.RecordBatch.from_arrays(
            [c if c.type == kept else c.cast(kept) for c, kept in zip(columns, _TYPES, strict=True)],
            schema=SCHEMA,
        )
        return SpanBatch(rows, tags, self._names(names), pa.array(reporters, pa.binary()), extras)

    def _offsets(self) -> Ints:
        """The clock correction of each report in ns; 0 where it is absurd."""
        offsets = np.asarray(self.columns.column("timestamp_offset_micros")).copy()
        if offsets.any():
            for i in np.flatnonzero(np.abs(offsets.astype(np.float64)) > OFFSET_LIMIT_US).tolist():
                self.reports[i].warnings.append(
                    "timestamp_offset_micros is more than a day and was not applied"
                )
                offsets[i] = 0
        result: Ints = offsets * 1000
        return result

    def _times(self, spans: pa.StructArray, offset_ns: Ints) -> tuple[Ints, Ints]:
        start = spans.field("start_timestamp")
        seconds, nanos = _numbers(start, "seconds"), _numbers(start, "nanos")
        usable = ((seconds | nanos) != 0) & (seconds < _LIMIT_S) & (seconds > -_LIMIT_S)
        if usable.all():
            start_ns = seconds * 1_000_000_000 + nanos + offset_ns
        else:
            start_ns = np.where(usable, seconds, 0) * 1_000_000_000 + nanos + offset_ns
            start_ns[~usable] = self.received_ns
            self._mark(~usable, Marks.TIME_INVENTED)
        self._mark(usable & (offset_ns != 0), Marks.OFFSET_APPLIED)
        self._mark(start_ns > self.received_ns + _FUTURE_NS, Marks.FUTURE)
        # Unsigned on the wire; tracers let a negative duration wrap.
        duration_us = np.asarray(spans.field("duration_micros")).view(np.int64)
        odd = (duration_us < 0) | (duration_us > _LIMIT_US)
        if odd.any():
            self._mark(duration_us < 0, Marks.NEGATIVE_DURATION)
            self._mark((duration_us > _LIMIT_US) | (duration_us < -_LIMIT_US), Marks.CLAMPED)
            duration_us = np.clip(duration_us, -_LIMIT_US, _LIMIT_US)
        return start_ns, duration_us * 1000

    def _mark(self, rows: Mask, mark: Marks) -> None:
        if rows.any():
            self.marks[rows] |= np.uint16(mark)

    def _references(
        self, spans: pa.StructArray, trace: npt.NDArray[np.uint64], span_id: npt.NDArray[np.uint64]
    ) -> tuple[Any, pa.ListArray]:
        """(parent of each span or 0, the references that are more than just a parent)."""
        lists = spans.field("references")
        flat = lists.flatten()
        parent = np.zeros(len(spans), np.uint64)
        if not len(flat):
            return parent, _no_references(len(spans))
        counts = np.diff(lists.offsets.to_numpy())
        row = np.repeat(np.arange(len(counts)), counts)
        context = flat.field("span_context")
        ref_trace, ref_span = _numbers(context, "trace_id"), _numbers(context, "span_id")
        child_of = np.asarray(flat.field("relationship")) == 0
        baggage = np.diff(context.field("baggage").offsets.to_numpy()) > 0
        usable = ref_span != 0
        same = usable & (ref_span != span_id[row]) & ((ref_trace == 0) | (ref_trace == trace[row]))
        just_a_parent = same & child_of & ~baggage
        if just_a_parent.all() and counts.max() == 1:
            parent[row] = ref_span
            return parent, _no_references(len(spans))
        for candidates in (same, same & child_of):  # a CHILD_OF of the same trace wins; of several the first
            picked = np.flatnonzero(candidates)[::-1]
            parent[row[picked]] = ref_span[picked]
        plain = np.ones(len(counts), np.bool_)
        plain[row[usable & ~just_a_parent]] = False
        plain[np.bincount(row[usable], minlength=len(counts)) > 1] = False
        if plain.all():
            return parent, _no_references(len(spans))
        kept: list[list[bytes]] = [[] for _ in range(len(counts))]
        for i in np.flatnonzero(usable & ~plain[row]).tolist():
            kept[row[i]].append(
                encode_reference(
                    follows=not child_of[i],
                    trace_high=0,
                    trace_low=int(ref_trace[i]),
                    span_id=int(ref_span[i]),
                )
            )
        return parent, pa.array(kept, pa.list_(pa.binary()))

    def _tags(
        self, spans: pa.StructArray, body: Ints, parent: npt.NDArray[np.uint64]
    ) -> tuple[pa.BinaryArray, pa.ListArray, npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """(distinct tags, their positions per span, kind, status); fills in parents that only a tag names."""
        lists = spans.field("tags")
        offsets = lists.offsets.to_numpy()
        offsets = offsets - offsets[:1]
        encoded = lists.flatten().dictionary_encode()
        codes = encoded.indices.to_numpy()
        row = np.repeat(np.arange(len(spans)), np.diff(offsets))
        clean = normalise(encoded.dictionary, shallow.KeyValue.FromString)
        if len(clean.repaired):
            broken = np.isin(codes, clean.repaired)
            self._mark_rows(row[broken], Marks.BAD_UTF8)
            for i, count in enumerate(np.bincount(body[row[broken]], minlength=len(self.reports)).tolist()):
                if count:
                    self.reports[i].warnings.append(
                        f"{count} tags held invalid UTF-8; it was replaced by U+FFFD"
                    )
        if clean.mapping is not None:
            codes = clean.mapping[codes]
            present = codes >= 0
            if not present.all():
                codes, row = codes[present], row[present]
                offsets = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=len(spans)))])
        kind, status = np.zeros(len(spans), np.uint8), np.zeros(len(spans), np.uint8)
        places = meaningful(clean.tags, codes)
        for key, target in (("span.kind", kind), (STATUS_TAG, status), ("error", status)):
            if (hits := places.get(key)) is not None:
                target[row[hits]] = meanings(key, clean.tags, codes[hits])
        if (hits := places.get(META_EVENT_TAG)) is not None:
            self._mark_rows(
                row[hits[meanings(META_EVENT_TAG, clean.tags, codes[hits]) > 0]], Marks.META_EVENT
            )
        if (hits := places.get(PARENT_TAG)) is not None:
            hits = hits[parent[row[hits]] == 0]
            parent[row[hits]] = meanings(PARENT_TAG, clean.tags, codes[hits])
        tag_lists = pa.ListArray.from_arrays(
            pa.array(offsets.astype(np.int32)), pa.array(codes.astype(np.int32))
        )
        return clean.tags, tag_lists, kind, status

    def _mark_rows(self, rows: Ints, mark: Marks) -> None:
        self.marks[rows] |= np.uint16(mark)

    def _names(self, names: pa.DictionaryArray) -> pa.BinaryArray:
        """The distinct operations; invalid UTF-8 becomes U+FFFD (two of them may then read the same: harmless)."""
        data = names.dictionary.buffers()[2]
        if data is None or not data.size or np.frombuffer(data, np.uint8).max() < 0x80:
            return names.dictionary
        try:
            names.dictionary.cast(pa.string())
        except pa.ArrowInvalid:
            texts = [name.decode("utf-8", "replace").encode() for name in names.dictionary.to_pylist()]
            broken = [i for i, text in enumerate(texts) if text != names.dictionary[i].as_py()]
            self._mark(np.isin(names.indices.to_numpy(), broken), Marks.BAD_UTF8)
            return pa.array(texts, pa.binary())
        return names.dictionary

    def _extras(self, context: pa.StructArray, body: Ints, offsets: Ints) -> tuple[pa.Array, pa.BinaryArray]:
        """(position per span, distinct extras): the clock correction and the baggage, where there are any."""
        if not offsets.any() and not len(context.field("baggage").values):
            return pa.array(np.zeros(len(body), np.int32)), _NO_EXTRA
        per_body = [{"offset_us": offset // 1000} if offset else {} for offset in offsets.tolist()]
        packed = [msgspec.msgpack.encode(extra) if extra else b"" for extra in per_body]
        baggage = context.field("baggage")
        with_baggage = (
            np.flatnonzero(np.diff(baggage.offsets.to_numpy())) if len(context) else np.empty(0, np.int64)
        )
        if not len(with_baggage):
            distinct = pa.array(packed, pa.binary()).dictionary_encode()
            return pa.array(distinct.indices.to_numpy()[body]), distinct.dictionary
        values = [packed[i] for i in body.tolist()]
        for i in with_baggage.tolist():
            items = dict(_baggage_item(entry) for entry in baggage[i].as_py())
            values[i] = msgspec.msgpack.encode(per_body[body[i]] | {"baggage": items})
        distinct = pa.array(values, pa.binary()).dictionary_encode()
        return distinct.indices, distinct.dictionary


def _no_references(spans: int) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(np.zeros(spans + 1, np.int32)), _NO_BYTES)


def _baggage_item(entry: bytes) -> tuple[str, str]:
    """Key and text of an entry of the baggage map, which reads like a tag with text."""
    try:
        item = shallow.KeyValue.FromString(entry)
    except DecodeError:
        return MALFORMED_KEY, text_of(entry)
    return item.key.decode("utf-8", "replace"), item.string_value.decode("utf-8", "replace")


def _numbers(struct: pa.StructArray, name: str) -> npt.NDArray[Any]:
    """A field of numbers, 0 where the message itself was missing."""
    values = struct.field(name)
    numbers = np.asarray(values)
    return np.where(np.asarray(struct.is_valid()), numbers, 0) if struct.null_count else numbers


def sender(body: bytes) -> bytes:
    """The auth message as sent; b"" when there is none, or the body is none."""
    try:
        return bytes(shallow.Envelope.FromString(body).auth)
    except DecodeError:
        return b""


def encode(receipt: Receipt, _head: RequestHead) -> Reply:
    """A ReportResponse with both timestamps; plain text only for «try later», so that Python tracers keep the spans."""
    refusal = receipt.refusal
    if isinstance(refusal, Overloaded):
        return Reply(503, "text/plain; charset=utf-8", refusal.message.encode())
    response = response_of(receipt)
    if refusal is not None:
        response.errors.append(refusal.message.replace("%", "percent "))  # Go hands it to a format function
    return Reply(_status(refusal), PROTOBUF, response.SerializeToString())


def response_of(receipt: Receipt) -> collector.ReportResponse:
    """The answer but for a refusal: times, warnings, and what a fault has it say."""
    response = collector.ReportResponse(warnings=receipt.warnings)
    fault = receipt.fault
    if fault is None or not fault.no_timestamps:
        for timestamp, time_ns in (
            (response.receive_timestamp, receipt.received_ns),
            (response.transmit_timestamp, receipt.answered_ns),
        ):
            timestamp.seconds, timestamp.nanos = divmod(time_ns, 1_000_000_000)
    if fault is not None:
        response.errors.extend(fault.errors)
        response.infos.extend(fault.infos)
        for command in fault.commands:
            response.commands.add(**{command: True})
    return response


def _status(refusal: SatelliteError | None) -> int:
    match refusal:
        case None:
            return 200
        case TooLarge():
            return 413
        case BadReport() | AccessDenied():
            return 400
        case _:
            return 503


PROTOCOL = WireProtocol(
    name=NAME,
    http_routes=(("POST", "/api/v2/reports"), ("POST", "/api/v2/report")),
    grpc_methods=("/lightstep.collector.CollectorService/Report",),
    content_types=(PROTOBUF, "application/x-protobuf", "application/protobuf"),
    decode=decode,
    encode=encode,
    splitter=ReportSplitter,
    sender=sender,
)
