"""Spans of LightStep reports, from the wire's columns to those of a SpanBatch; no statement runs once per span that is not odd."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from google.protobuf.message import DecodeError

from satellite.model.logs import begin_with_logs
from satellite.model.report import Report
from satellite.model.reporter import distinct_reporters
from satellite.model.span import META_EVENT_TAG, PARENT_TAG
from satellite.model.spans import SCHEMA, Marks, SpanBatch, encode_reference
from satellite.model.tag import MALFORMED_KEY, text_of
from satellite.model.tags import normalise
from satellite.pb import lightstep_shallow_pb2 as shallow
from satellite.protocols.lightstep.meanings import meaningful, meanings
from satellite.protocols.readers.columns import lengths_of, readable
from satellite.protocols.values import STATUS_TAG

OFFSET_LIMIT_US = 86_400_000_000
"""Clock corrections beyond a day are taken for a broken clock and left out (ours)."""

_LIMIT_NS = 2**63 - 1
_LIMIT_US = _LIMIT_NS // 1000
_LIMIT_S = (2**63 - 1) // 1_000_000_000 - 1
_FUTURE_NS = 86_400_000_000_000

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_NO_BYTES = pa.array([], pa.binary())
_NO_EXTRA = pa.array([b""], pa.binary())


@dataclass
class SpanColumns:
    """The spans of several reports on their way; `batch` is where they end."""

    columns: pa.RecordBatch
    reports: list[Report]
    received_ns: int
    marks: npt.NDArray[np.uint16] = field(init=False)

    def batch(self) -> SpanBatch:
        """The kept spans; says in each report which rows are its own and what was dropped."""
        lists = self.columns.column("spans")
        counts = lengths_of(lists)
        spans = lists.values
        body = np.repeat(np.arange(len(counts)), counts)
        context = spans.field("span_context")
        trace, span_id = _numbers(context, "trace_id"), _numbers(context, "span_id")
        zero_ids = np.count_nonzero(trace) < len(trace) or np.count_nonzero(span_id) < len(trace)
        if zero_ids and (nameless := (trace | span_id) == 0).any():
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
        if zero_ids:
            self._mark((trace == 0) | (span_id == 0), Marks.ZERO_ID)

        offsets = self._offsets()
        start_ns, duration_ns = self._times(spans, offsets[body])
        parent, references = self._references(spans, trace, span_id)
        tags, tag_lists, kind, status = self._tags(spans, body, parent)
        names = spans.field("operation_name").dictionary_encode()
        operations, broken = readable(names)
        if broken:
            self._mark(np.isin(names.indices.to_numpy(), broken), Marks.BAD_UTF8)
        extra, extras = self._extras(context, body, offsets)
        reporter_of, reporters = distinct_reporters(report.reporter for report in self.reports)
        # Of the wire's own type: to put the lists together anew is a tenth of a cast.
        logs = spans.field("logs")
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
            pa.ListArray.from_arrays(logs.offsets, logs.values),
            references,
        ]
        rows = pa.RecordBatch.from_arrays(columns, schema=SCHEMA)
        return SpanBatch(rows, tags, operations, pa.array(reporters, pa.binary()), extras)

    def _offsets(self) -> Ints:
        """The clock correction of each report in ns; 0 where it is absurd."""
        sent: Ints = np.asarray(self.columns.column("timestamp_offset_micros"))
        if not sent.any():
            return sent
        offsets = sent.copy()
        for i in np.flatnonzero(np.abs(offsets.astype(np.float64)) > OFFSET_LIMIT_US).tolist():
            self.reports[i].warnings.append("timestamp_offset_micros is more than a day and was not applied")
            offsets[i] = 0
        result: Ints = offsets * 1000
        return result

    def _times(self, spans: pa.StructArray, offset_ns: Ints) -> tuple[Ints, Ints]:
        start = spans.field("start_timestamp")
        seconds, nanos = _numbers(start, "seconds"), _numbers(start, "nanos")
        moved = offset_ns != 0
        start_ns: Ints
        if not len(spans) or (seconds.min() > 0 and seconds.max() < _LIMIT_S):
            start_ns = seconds * 1_000_000_000 + nanos + offset_ns
        else:
            usable: Mask = ((seconds | nanos) != 0) & (seconds < _LIMIT_S) & (seconds > -_LIMIT_S)
            moved &= usable
            start_ns = np.where(usable, seconds, 0) * 1_000_000_000 + nanos + offset_ns
            start_ns[~usable] = self.received_ns
            begin_with_logs(start_ns, spans.field("logs"), ~usable)
            self._mark(~usable, Marks.TIME_INVENTED)
        self._mark(moved, Marks.OFFSET_APPLIED)
        self._mark(start_ns > self.received_ns + _FUTURE_NS, Marks.FUTURE)
        # Unsigned on the wire; tracers let a negative duration wrap.
        sent_us = np.asarray(spans.field("duration_micros"))
        duration_us = sent_us.view(np.int64)
        duration_ns = duration_us * 1000
        if len(sent_us) and sent_us.max() > _LIMIT_US:
            self._mark(duration_us < 0, Marks.NEGATIVE_DURATION)
            too_long = (duration_us > _LIMIT_US) | (duration_us < -_LIMIT_US)
            self._mark(too_long, Marks.CLAMPED)
            duration_ns[too_long] = np.where(duration_us[too_long] > 0, _LIMIT_NS, -_LIMIT_NS)
        return start_ns, duration_ns

    def _mark(self, rows: Mask, mark: Marks) -> None:
        if rows.any():
            self.marks[rows] |= np.uint16(mark)

    def _references(
        self, spans: pa.StructArray, trace: npt.NDArray[np.uint64], span_id: npt.NDArray[np.uint64]
    ) -> tuple[Any, pa.ListArray]:
        """(parent of each span or 0, the references that are more than just a parent)."""
        lists = spans.field("references")
        flat = lists.values
        parent = np.zeros(len(spans), np.uint64)
        if not len(flat):
            return parent, _no_references(len(spans))
        counts = lengths_of(lists)
        row = np.repeat(np.arange(len(counts)), counts)
        context = flat.field("span_context")
        ref_trace, ref_span = _numbers(context, "trace_id"), _numbers(context, "span_id")
        child_of = np.asarray(flat.field("relationship")) == 0
        baggage = lengths_of(context.field("baggage")) > 0
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
        encoded = lists.values.dictionary_encode()
        codes = encoded.indices.to_numpy()
        row = np.repeat(np.arange(len(spans)), lengths_of(lists))
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
        if clean.mapping is None:
            tag_lists = pa.ListArray.from_arrays(lists.offsets, encoded.indices)
        else:
            tag_lists = pa.ListArray.from_arrays(
                pa.array(offsets.astype(np.int32)), pa.array(codes.astype(np.int32))
            )
        return clean.tags, tag_lists, kind, status

    def _mark_rows(self, rows: Ints, mark: Marks) -> None:
        self.marks[rows] |= np.uint16(mark)

    def _extras(self, context: pa.StructArray, body: Ints, offsets: Ints) -> tuple[pa.Array, pa.BinaryArray]:
        """(position per span, distinct extras): the clock correction and the baggage, where there are any."""
        if not offsets.any() and not len(context.field("baggage").values):
            return pa.array(np.zeros(len(body), np.int32)), _NO_EXTRA
        per_body = [{"offset_us": offset // 1000} if offset else {} for offset in offsets.tolist()]
        packed = [msgspec.msgpack.encode(extra) if extra else b"" for extra in per_body]
        baggage = context.field("baggage")
        with_baggage = np.flatnonzero(lengths_of(baggage)) if len(context) else np.empty(0, np.int64)
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
