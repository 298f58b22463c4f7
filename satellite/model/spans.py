"""The one model of spans that everything speaks: SpanBatch, many spans as columns.

A codec builds a batch, an engine keeps it, an endpoint shows rows of it as Span (span.py). Nothing here knows a wire
protocol.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from functools import lru_cache
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from satellite.model import compute as pc
from satellite.model.codes import codes_of, picked, recoded, used_of
from satellite.model.logs import decode_log
from satellite.model.reporter import Reporter, decode_reporter
from satellite.model.span import PARENT_TAG, Log, Reference, ReporterView, Span, TagValue
from satellite.model.tag import decode_tag, encode_tag, shown
from satellite.pb import satellite_model_pb2 as pb

Rows = npt.NDArray[np.integer[Any]]


class Kind(IntEnum):
    """What part a span plays (numbers of OTLP)."""

    UNSPECIFIED = 0
    INTERNAL = 1
    SERVER = 2
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5


class Status(IntEnum):
    """How it ended (numbers of OTLP). ERROR also when only an `error` tag says so."""

    UNSET = 0
    OK = 1
    ERROR = 2


class Marks(IntFlag):
    """What was out of the ordinary when the span arrived."""

    BAD_UTF8 = 1
    """A text held invalid UTF-8; U+FFFD stands in its place."""
    TIME_INVENTED = 2
    """It came without a usable start; the time of arrival stands in its place."""
    NEGATIVE_DURATION = 4
    OFFSET_APPLIED = 8
    """Its times were shifted by the reporter's clock correction (`extra["offset_us"]`)."""
    ZERO_ID = 16
    """Trace id or span id is 0."""
    META_EVENT = 32
    """The tracer speaks of itself (`lightstep.meta_event`)."""
    SHARED = 64
    """The server half of a span id shared with the client (Zipkin)."""
    CLAMPED = 128
    """A time or duration beyond 64 bits of nanoseconds was cut to the limit."""
    FUTURE = 256
    """It starts more than a day after its arrival."""
    MERGED = 512
    """Parts that came without a time of their own were added to it (store/identity.py)."""


SCHEMA = pa.schema(
    [
        pa.field("trace_high", pa.uint64()),  # upper half of the trace id; 0 for 64-bit ids
        pa.field("trace_low", pa.uint64()),
        pa.field("span_id", pa.uint64()),
        pa.field("parent_id", pa.uint64()),  # 0: none
        pa.field("start_ns", pa.int64()),  # since the epoch, clock correction applied
        pa.field("duration_ns", pa.int64()),  # may be negative
        pa.field("name", pa.int32()),  # position in SpanBatch.names
        pa.field("reporter", pa.int32()),  # position in SpanBatch.reporters
        pa.field("extra", pa.int32()),  # position in SpanBatch.extras
        pa.field("kind", pa.uint8()),  # Kind
        pa.field("status", pa.uint8()),  # Status
        pa.field("marks", pa.uint16()),  # Marks
        pa.field("tags", pa.list_(pa.int32())),  # positions in SpanBatch.tags, in the order sent
        pa.field("logs", pa.list_(pa.binary())),  # satellite.model.Log; times before clock correction
        pa.field("references", pa.list_(pa.binary())),  # satellite.model.Reference; empty: just the parent
    ]
)
"""One row a span; none of the columns holds nulls."""

_PLACES = {name: i for i, name in enumerate(SCHEMA.names)}
_LISTS = ("tags", "logs", "references")
_ROW_BYTES: int = sum(field.type.bit_width // 8 for field in SCHEMA if field.name not in _LISTS)
_DICTIONARIES = {"tags": "tags", "names": "name", "reporters": "reporter", "extras": "extra"}


@dataclass(frozen=True, slots=True)
class SpanBatch:
    """Many spans: an Arrow record batch of SCHEMA, and the dictionaries that its codes point into."""

    rows: pa.RecordBatch
    tags: pa.BinaryArray
    """Distinct tags in canonical form (tags.py)."""
    names: pa.BinaryArray
    """Distinct operations, UTF-8."""
    reporters: pa.BinaryArray
    """Distinct `Reporter.encoded`."""
    extras: pa.BinaryArray
    """Distinct MessagePack maps of what few spans have (`extra` of Span); b"" for none."""

    def __len__(self) -> int:
        """Number of spans."""
        return int(self.rows.num_rows)

    @property
    def nbytes(self) -> int:
        """Bytes its buffers hold, shared or not."""
        lists = [self.array(name) for name in _LISTS]
        parts = (*lists, self.tags, self.names, self.reporters, self.extras)
        return _ROW_BYTES * len(self) + int(sum(part.nbytes for part in parts))

    def array(self, name: str) -> pa.Array:
        """A column as Arrow has it, without copying."""
        return self.rows.column(_PLACES[name])

    def column(self, name: str) -> npt.NDArray[Any]:
        """A column of numbers, without copying."""
        numbers: npt.NDArray[Any] = self.array(name).to_numpy()
        return numbers

    def tags_at(self, codes: npt.NDArray[np.int32]) -> pa.BinaryArray:
        """The tags behind ascending codes; without copying where they are neighbours."""
        return picked(self.tags, codes)

    def slice(self, start: int, stop: int) -> SpanBatch:
        """Rows start … stop, without copying."""
        return self._with_rows(self.rows.slice(start, stop - start))

    def take(self, rows: Rows) -> SpanBatch:
        """These rows; dictionaries stay as they are."""
        return self._with_rows(self.rows.take(pa.array(rows)))

    def _with_rows(self, rows: pa.RecordBatch) -> SpanBatch:
        return SpanBatch(rows, self.tags, self.names, self.reporters, self.extras)

    @staticmethod
    def concat(batches: Sequence[SpanBatch]) -> SpanBatch:
        """All rows in order, with joint dictionaries that hold each entry once."""
        joint: dict[str, pa.BinaryArray] = {}
        columns: dict[str, pa.Array] = {}
        tables = pa.Table.from_batches([batch.rows for batch in batches]).combine_chunks()
        for name in SCHEMA.names:
            chunked = tables.column(name)
            columns[name] = chunked.chunk(0) if chunked.num_chunks == 1 else pa.concat_arrays(chunked.chunks)
        bounds = np.cumsum([0, *(len(batch) for batch in batches)])
        for dictionary, column in _DICTIONARIES.items():
            parts = [getattr(batch, dictionary) for batch in batches]
            encoded = pa.concat_arrays(parts).dictionary_encode()
            joint[dictionary] = encoded.dictionary
            bases = np.cumsum([0, *(len(part) for part in parts[:-1])], dtype=np.int32)
            is_list = column in _LISTS
            ends = columns[column].offsets.to_numpy()[bounds] if is_list else bounds
            places = codes_of(columns[column]) + np.repeat(bases, np.diff(ends))
            columns[column] = recoded(columns[column], encoded.indices.to_numpy().take(places))
        return SpanBatch(pa.RecordBatch.from_arrays(list(columns.values()), schema=SCHEMA), **joint)

    def compact(self) -> SpanBatch:
        """The same spans, without dictionary entries that no row uses (slices and picked rows bring many)."""
        columns = {name: self.rows.column(name) for name in SCHEMA.names}
        kept: dict[str, pa.BinaryArray] = {}
        for dictionary, column in _DICTIONARIES.items():
            values = getattr(self, dictionary)
            codes = codes_of(columns[column])
            used, places = used_of(codes, len(values))
            kept[dictionary] = values.take(pa.array(used))
            columns[column] = recoded(columns[column], places)
        return SpanBatch(pa.RecordBatch.from_arrays(list(columns.values()), schema=SCHEMA), **kept)

    def bare(self) -> SpanBatch:
        """The same spans without tags and logs, without looking at them."""
        nothing = pa.array(np.zeros(len(self) + 1, np.int32))
        lists = {
            name: pa.ListArray.from_arrays(nothing, pa.array([], SCHEMA.field(name).type.value_type))
            for name in ("tags", "logs")
        }
        columns = [lists[name] if name in lists else self.array(name) for name in SCHEMA.names]
        rows = pa.RecordBatch.from_arrays(columns, schema=SCHEMA)
        return SpanBatch(rows, pa.array([], pa.binary()), self.names, self.reporters, self.extras)

    def with_tags(self, tags: Mapping[str, TagValue]) -> SpanBatch:
        """The same spans, each with these tags after its own."""
        known = len(self.tags)
        extended = pa.concat_arrays(
            [self.tags, pa.array([encode_tag(*tag) for tag in tags.items()], pa.binary())]
        )
        encoded = extended.dictionary_encode()  # a tag that was there already keeps one place
        codes = encoded.indices.to_numpy()
        lists = self.rows.column("tags")
        counts = np.diff(lists.offsets.to_numpy())
        flat = np.insert(
            codes[codes_of(lists)],
            np.repeat(np.cumsum(counts), len(tags)),
            np.tile(codes[known:], len(self)),
        )
        offsets = np.concatenate([[0], np.cumsum(counts + len(tags))]).astype(np.int32)
        column = pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat.astype(np.int32)))
        rows = self.rows.set_column(SCHEMA.get_field_index("tags"), "tags", column)
        return SpanBatch(rows, encoded.dictionary, self.names, self.reporters, self.extras)

    def spans(
        self, rows: Iterable[int] | None = None, first_mark: int = 1, *, marks: Sequence[int] | None = None
    ) -> list[Span]:
        """Rows (all when None) as objects; `first_mark` is the mark of row 0, unless `marks` has one for each."""
        chosen = list(range(len(self))) if rows is None else [int(row) for row in rows]
        return spans_of([(self, chosen)], [first_mark + row for row in chosen] if marks is None else marks)

    def _span(self, columns: dict[str, list[Any]], i: int, mark: int) -> Span:
        reporter = decode_reporter(self.reporters[columns["reporter"][i]].as_py())
        extra = decode_extra(self.extras[columns["extra"][i]].as_py())
        high, low, parent = (columns[name][i] for name in ("trace_high", "trace_low", "parent_id"))
        tags = dict(columns["tags"][i])
        if parent:
            tags.pop(PARENT_TAG, None)
        references = [read_reference(encoded, high, low) for encoded in columns["references"][i]]
        if parent and not references:
            references = [Reference("child_of", trace_text(high, low), id_text(parent))]
        kind, duration_ns = Kind(columns["kind"][i]), columns["duration_ns"][i]
        return Span(
            trace_id=trace_text(high, low),
            span_id=id_text(columns["span_id"][i]),
            parent_span_id=id_text(parent) if parent else None,
            service=reporter.service,
            operation=self.names[columns["name"][i]].as_py().decode(),
            kind=kind.name.lower() if kind else None,
            start_us=columns["start_ns"][i] // 1000,
            duration_us=duration_ns // 1000,
            error=columns["status"][i] == Status.ERROR,
            tags=tags,
            logs=[read_log(encoded, extra.get("offset_us", 0)) for encoded in columns["logs"][i]],
            references=references,
            reporter=ReporterView(id_text(reporter.id), shown_items(reporter.attributes)),
            protocol=reporter.protocol,
            mark=mark,
            marks=list(mark_names(columns["marks"][i])),
            extra=shown_items(extra.items()),
            duration_ns=duration_ns if duration_ns % 1000 else None,
        )


_FEW = 32
"""Rows of a batch that are gathered one by one: what a `take` costs before the first row is more."""


def spans_of(parts: Sequence[tuple[SpanBatch, Sequence[int]]], marks: Sequence[int]) -> list[Span]:
    """Rows of several batches as objects, batch after batch; `marks`: of each."""
    owners = [batch for batch, rows in parts for _ in rows]
    if not owners:
        return []
    table = pa.concat_batches([piece for batch, rows in parts for piece in _pieces(batch.rows, rows)])
    columns = {name: table.column(name).to_pylist() for name in SCHEMA.names if name != "tags"}
    lists = table.column("tags")
    codes, bounds = codes_of(lists), lists.offsets.to_numpy() - lists.offsets[0].as_py()
    tags: list[tuple[str, TagValue]] = []
    done = 0
    for batch, rows in parts:
        done += len(rows)
        used, places = used_of(codes[len(tags) : bounds[done]], len(batch.tags))
        distinct = [_decode_tag(encoded) for encoded in batch.tags_at(used).to_pylist()]
        tags += [distinct[place] for place in places.tolist()]
    columns["tags"] = [tags[begin:end] for begin, end in pairwise(bounds.tolist())]
    return [owner._span(columns, i, mark) for i, (owner, mark) in enumerate(zip(owners, marks, strict=True))]


def _pieces(table: pa.RecordBatch, rows: Sequence[int]) -> list[pa.RecordBatch]:
    """These rows, in one or several."""
    if len(rows) > _FEW:
        return [table.take(pa.array(rows, pa.int64()))]
    return [table.slice(row, 1) for row in rows]


def trace_text(high: int, low: int) -> str:
    """A trace id as people read it: 16 hex digits, 32 when the upper half is not zero."""
    return f"{high:016x}{low:016x}" if high else f"{low:016x}"


def id_text(number: int) -> str:
    """A 64-bit id as 16 hex digits."""
    return f"{number:016x}"


_CACHED_BYTES = 512
"""What is longer is decoded each time, so that the caches are bounded in bytes."""


def shown_tag(encoded: bytes) -> tuple[str, TagValue]:
    """Key and value of a canonical tag, as spans show it."""
    key, value = decode_tag(encoded)
    return key, value if type(value) is str else shown(value)


_cached_tag = lru_cache(maxsize=16384)(shown_tag)


def _decode_tag(encoded: bytes) -> tuple[str, TagValue]:
    return _cached_tag(encoded) if len(encoded) <= _CACHED_BYTES else shown_tag(encoded)


def shown_items(values: Iterable[tuple[str, TagValue]]) -> dict[str, TagValue]:
    """The same as spans show them; of a repeated key the last."""
    return {key: value if type(value) is str else shown(value) for key, value in values}


def read_log(encoded: bytes, offset_us: int) -> Log:
    """One entry of the `logs` column, at its time with the clock correction."""
    log = decode_log(encoded, offset_us)
    return Log(log.time_us, shown_items(log.fields.items()))


@lru_cache(maxsize=1024)
def mark_names(marks: int) -> tuple[str, ...]:
    """The names of these `Marks`."""
    return tuple(flag.name.lower() for flag in Marks(marks) if flag.name)


def decode_extra(encoded: bytes) -> dict[str, TagValue]:
    """The map behind one entry of `SpanBatch.extras`."""
    return _cached_extra(encoded) if len(encoded) <= _CACHED_BYTES else _decode_extra(encoded)


def _decode_extra(encoded: bytes) -> dict[str, TagValue]:
    return msgspec.msgpack.decode(encoded, type=dict[str, Any]) if encoded else {}


_cached_extra = lru_cache(maxsize=1024)(_decode_extra)


def read_reference(encoded: bytes, high: int, low: int) -> Reference:
    """One entry of the `references` column, of a span of this trace."""
    reference = pb.Reference.FromString(encoded)
    context = reference.span_context
    if context.trace_id or context.trace_id_high:
        high, low = context.trace_id_high, context.trace_id
    kind = "follows_from" if reference.relationship else "child_of"
    attributes = dict(map(shown_tag, reference.attributes))
    return Reference(kind, trace_text(high, low), id_text(context.span_id), attributes)


def encode_log(time_ns: int, fields: Iterable[tuple[str, TagValue]], name: str = "") -> bytes:
    """One entry of the `logs` column."""
    seconds, nanos = divmod(time_ns, 1_000_000_000)
    encoded = [encode_tag(key, value) for key, value in fields]
    time = pb.Time(seconds=seconds, nanos=nanos)
    return pb.Log(timestamp=time, fields=encoded, name=name.encode("utf-8", "replace")).SerializeToString()


def encode_reference(
    *,
    follows: bool,
    trace_high: int,
    trace_low: int,
    span_id: int,
    attributes: Iterable[tuple[str, TagValue]] = (),
    trace_state: str = "",
) -> bytes:
    """One entry of the `references` column; trace 0: the span's own."""
    context = pb.Context(trace_id=trace_low, span_id=span_id, trace_id_high=trace_high)
    return pb.Reference(
        relationship=int(follows),
        span_context=context,
        attributes=[encode_tag(key, value) for key, value in attributes],
        trace_state=trace_state.encode(),
    ).SerializeToString()


@dataclass(slots=True)
class SpanBuilder:
    """Makes a SpanBatch row by row: for tests, and for protocols that bring few spans."""

    _columns: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in SCHEMA.names})
    _codes: dict[str, dict[bytes, int]] = field(default_factory=lambda: {name: {} for name in _DICTIONARIES})

    def add(
        self,
        *,
        reporter: Reporter,
        operation: str,
        trace_low: int,
        span_id: int,
        start_ns: int,
        duration_ns: int,
        trace_high: int = 0,
        parent_id: int = 0,
        kind: Kind = Kind.UNSPECIFIED,
        status: Status = Status.UNSET,
        marks: Marks = Marks(0),
        tags: Iterable[tuple[str, TagValue]] = (),
        logs: Sequence[bytes] = (),
        references: Sequence[bytes] = (),
        extra: dict[str, TagValue] | None = None,
    ) -> None:
        """Add one span; `logs` and `references` as `encode_log` and `encode_reference` make them."""
        row = {
            "trace_high": trace_high,
            "trace_low": trace_low,
            "span_id": span_id,
            "parent_id": parent_id,
            "start_ns": start_ns,
            "duration_ns": duration_ns,
            "name": self._code("names", operation.encode("utf-8", "replace")),
            "reporter": self._code("reporters", reporter.encoded),
            "extra": self._code("extras", msgspec.msgpack.encode(extra) if extra else b""),
            "kind": kind,
            "status": status,
            "marks": marks,
            "tags": [self._code("tags", encode_tag(key, value)) for key, value in tags],
            "logs": list(logs),
            "references": list(references),
        }
        for name, value in row.items():
            self._columns[name].append(value)

    def _code(self, dictionary: str, value: bytes) -> int:
        codes = self._codes[dictionary]
        return codes.setdefault(value, len(codes))

    def build(self) -> SpanBatch:
        """Everything added so far."""
        rows = pa.RecordBatch.from_pydict(self._columns, schema=SCHEMA)
        return SpanBatch(rows, **{name: pa.array(codes, pa.binary()) for name, codes in self._codes.items()})


def decode_names(names: pa.BinaryArray) -> pa.StringArray:
    """Operations as text; they were made valid UTF-8 when they came."""
    return pc.cast(names, pa.string())
