"""Reports of LightStep's relatives (Thrift, JSON) written anew in its protobuf, and decoded by its one codec.

So ids, parents, kinds, errors, clock correction, broken UTF-8 and absurd times mean the same in every form, and the
columns are made as fast as on the hot path. What that protobuf cannot say goes beside it and is put in afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from satellite.errors import SatelliteError
from satellite.model.access_tokens import without_tokens
from satellite.model.report import Decoded, Report
from satellite.model.reporter import Reporter, decode_reporter
from satellite.model.span import TagValue
from satellite.model.spans import SCHEMA, SpanBatch, Status, decode_extra
from satellite.pb import lightstep_shallow_pb2 as shallow
from satellite.pb import satellite_model_pb2 as model
from satellite.protocols.lightstep import protobuf as lightstep
from satellite.protocols.readers.json_document import clean_text, encode_text

UINT64_MAX = 2**64 - 1

_SECONDS_MAX = 2**62
_CACHED_TEXT_MAX = 200
"""Longer texts rarely repeat."""


@dataclass(slots=True)
class Rewritten:
    """One report on its way to `decode_rewritten`."""

    reporter: Reporter
    token: str = ""
    offset_us: int = 0
    """The clock correction as sent; 64 bits, signed."""
    counters: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)
    echo: Any = None
    spans: list[bytes] = field(default_factory=list)
    """Serialised Spans, each with an id."""
    failed: list[int] = field(default_factory=list)
    """Positions of spans that are errors without a tag that says so."""
    extras: dict[int, dict[str, TagValue]] = field(default_factory=dict)
    """Position of a span → what only its protocol has."""

    def drop(self, reason: str, number: int, why: str) -> None:
        """Count spans that could not be kept, and tell the sender; nothing for 0."""
        if number:
            self.dropped[reason] = self.dropped.get(reason, 0) + number
            self.warnings.append(f"{number} spans {why} were dropped")

    def span(
        self,
        *,
        operation: str,
        trace_id: int,
        span_id: int,
        start: tuple[int, int],
        duration_us: int,
        tags: Sequence[bytes] = (),
        logs: Sequence[bytes] = (),
        references: Sequence[shallow.Reference] = (),
        baggage: Sequence[bytes] = (),
    ) -> None:
        """Add a span.

        Args:
            operation: its name.
            trace_id: 64 bits, unsigned; not 0 together with `span_id`.
            span_id: as `trace_id`.
            start: seconds and ns since the epoch, before clock correction; (0, 0) when there was none.
            duration_us: of any sign and size.
            tags: as `tag` makes them.
            logs: as `log` makes them.
            references: as `reference` makes them.
            baggage: as `tag` makes them, texts only.
        """
        context = shallow.Context(trace_id=trace_id, span_id=span_id, baggage=baggage)
        seconds, nanos = start
        # Below: as tracers do, a negative duration is let wrap; beyond 64 bits the codec clamps what is left.
        duration_us = max(-(2**63), min(2**63 - 1, duration_us))
        span = shallow.Span(
            span_context=context,
            operation_name=encode_text(operation),
            references=references,
            start_timestamp=shallow.Time(seconds=max(-_SECONDS_MAX, min(_SECONDS_MAX, seconds)), nanos=nanos),
            duration_micros=duration_us & UINT64_MAX,
            tags=tags,
            logs=logs,
        )
        self.spans.append(span.SerializeToString())


def reference(*, span_id: int, trace_id: int = 0, follows: bool = False) -> shallow.Reference:
    """A reference to another span; trace 0: the span's own."""
    context = shallow.Context(trace_id=trace_id, span_id=span_id)
    return shallow.Reference(relationship=int(follows), span_context=context)


def tag(key: str, value: TagValue, *, is_json: bool = False) -> bytes:
    """A serialised tag; a list or an object becomes its JSON text, an integer beyond 64 bits its digits."""
    if type(value) is str and not is_json:
        return _cached_text_tag(key, value) if len(value) <= _CACHED_TEXT_MAX else _text_tag(key, value)
    if isinstance(value, str) and len(value) > _CACHED_TEXT_MAX:
        return _tag(key, value, is_json)
    if isinstance(value, list | dict):
        return _tag(key, plain(value), is_json)
    return _cached_tag(key, value, is_json)


def _tag(key: str, value: TagValue, is_json: bool) -> bytes:  # noqa: FBT001 - a private spelling for the cache
    made = model.Tag(key=encode_text(key))
    match plain(value):
        case None:
            pass
        case bool(value):
            made.bool_value = value
        case int(value):
            made.int_value = value
        case float(value):
            made.double_value = value
        case text if is_json:
            made.json_value = encode_text(text)
        case text:
            made.string_value = encode_text(text)
    return made.SerializeToString()


def _text_tag(key: str, value: str) -> bytes:
    name, text = encode_text(key), encode_text(value)
    if len(name) < 128 and len(text) < 128:  # as protobuf's own writer does it, in half the time
        return b"\x0a%c%b\x12%c%b" % (len(name), name, len(text), text)
    return model.Tag(key=name, string_value=text).SerializeToString()


_cached_text_tag = lru_cache(maxsize=16384)(_text_tag)
_cached_tag = lru_cache(maxsize=16384, typed=True)(_tag)


def plain(value: TagValue) -> TagValue:
    """A value as a tag or an attribute may have it: scalar, integers of 64 bits; texts may still be broken."""
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str(value) if value.bit_length() < 4096 else hex(value)
    return json.dumps(value) if isinstance(value, list | dict) else value


def clean(value: TagValue) -> TagValue:
    """`plain`, and texts without what is broken in them: fit for a Reporter and for extras."""
    value = plain(value)
    return clean_text(value) if isinstance(value, str) else value


def log(time: tuple[int, int], fields: Iterable[bytes]) -> bytes:
    """A serialised log at (seconds, ns); fields as `tag` makes them."""
    seconds = max(-_SECONDS_MAX, min(_SECONDS_MAX, time[0]))
    return model.Log(timestamp=model.Time(seconds=seconds, nanos=time[1]), fields=fields).SerializeToString()


def decode_rewritten(outcomes: Sequence[Rewritten | SatelliteError], received_ns: int) -> Decoded:
    """What `decode` of a codec must give, for the reports and errors of its bodies."""
    written = [outcome for outcome in outcomes if isinstance(outcome, Rewritten)]
    # A number stands for each distinct reporter on the way through the codec.
    numbers: dict[bytes, int] = {}
    bodies = [_body(one, numbers.setdefault(one.reporter.encode(), len(numbers))) for one in written]
    decoded = lightstep.decode_as_sent(bodies, received_ns)
    reports = iter(decoded.reports)
    result: list[Report | SatelliteError] = []
    failed: list[int] = []
    extras: dict[int, dict[str, TagValue]] = {}
    for outcome in outcomes:
        if not isinstance(outcome, Rewritten):
            result.append(outcome)
            continue
        report = next(reports)
        result.append(report)
        if isinstance(report, Report):
            _complete(report, outcome)
            first = report.rows.start
            failed.extend(first + row for row in outcome.failed)
            extras.update((first + row, extra) for row, extra in outcome.extras.items())
    batch = _patched(decoded.batch, list(numbers), failed, extras)
    return without_tokens(Decoded(batch, result), bare=True)


def _body(written: Rewritten, number: int) -> bytes:
    report = shallow.Report(
        reporter=[shallow.Reporter(reporter_id=number).SerializeToString()],
        timestamp_offset_micros=max(-(2**63), min(2**63 - 1, written.offset_us)),
    )
    return report.SerializeToString() + b"".join(_nested(_SPANS, written.spans))


_SPANS = 3


def _nested(number: int, messages: Iterable[bytes]) -> Iterator[bytes]:
    """The repeated field of a message, from its serialised entries."""
    head = bytes([number << 3 | 2])
    for message in messages:
        size = len(message)
        yield head
        while size >= 0x80:
            yield bytes([size & 0x7F | 0x80])
            size >>= 7
        yield bytes([size])
        yield message


def _complete(report: Report, written: Rewritten) -> None:
    """Put what was said beside the spans into the report."""
    report.reporter = written.reporter
    report.token = clean_text(written.token)
    report.counters = written.counters
    report.dropped = written.dropped
    report.warnings = written.warnings + report.warnings
    report.echo = written.echo


def _patched(
    batch: SpanBatch, reporters: list[bytes], failed: list[int], extras: dict[int, dict[str, TagValue]]
) -> SpanBatch:
    """The batch with its true reporters, and with what the protobuf could not say of single spans."""
    rows, packed = batch.rows, batch.extras
    if failed:
        status = batch.column("status").copy()
        status[failed] = Status.ERROR
        rows = rows.set_column(SCHEMA.get_field_index("status"), "status", pa.array(status))
    if extras:
        codes = batch.column("extra").copy()
        known = {extra: code for code, extra in enumerate(packed.to_pylist())}
        entries = list(known)
        for row, extra in extras.items():
            joined = msgspec.msgpack.encode(decode_extra(entries[codes[row]]) | extra)
            codes[row] = known.setdefault(joined, len(known))
        rows = rows.set_column(
            SCHEMA.get_field_index("extra"), "extra", pa.array(codes.astype(np.int32), pa.int32())
        )
        packed = pa.array(known, pa.binary())
    true = [reporters[decode_reporter(entry).id] for entry in batch.reporters.to_pylist()]
    return SpanBatch(rows, batch.tags, batch.names, pa.array(true, pa.binary()), packed)
