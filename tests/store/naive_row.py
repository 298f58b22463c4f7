"""A row of the plainest engine: one span, what makes it a version or a part of another, and which terms it satisfies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from satellite.model.ids import hashed as odd_id
from satellite.model.reporter import Reporter, decode_reporter
from satellite.model.span import PARENT_TAG, Span
from satellite.model.spans import SCHEMA, Marks, SpanBatch
from satellite.model.tag import decode_tag, encode_tag, text_of
from satellite.query.plan import Field, Plan, Term
from satellite.store import COMPARED, NUMBER, NUMBER_MAX, ByValue, Order

SpanKey = tuple[int, int, int, bool]
"""The whole trace id in two halves, span id, whether it is the server half of a shared id."""

Said = dict[str, Any]
"""The columns of a row, with dictionary entries in place of codes."""


@dataclass(frozen=True, slots=True)
class Row:
    """One kept span, with what `Span` does not show exactly."""

    span: Span
    key: SpanKey
    said: Said
    reporter: Reporter
    offset_us: int
    """How far its start was moved."""
    start_ns: int
    duration_ns: int
    tracer_id: int
    tags: dict[str, str]
    """Canonical text; of a repeated key the last value."""
    attributes: dict[str, str]
    """The same for the reporter's."""
    arrived_ns: int
    nbytes: int
    batch: SpanBatch
    """It alone."""

    @property
    def mark(self) -> int:
        """Its arrival mark."""
        return self.span.mark

    @property
    def is_part(self) -> bool:
        """Whether it came without a time."""
        return "time_invented" in self.span.marks

    def content(self) -> Any:
        """What two arrivals of one span must have in common to be the same."""
        aside = {"start_ns", "reporter", "marks", "extra"}
        said = tuple(value for name, value in self.said.items() if name not in aside)
        extra = {name: value for name, value in self.span.extra.items() if name != "offset_us"}
        marks = set(self.span.marks) - {"offset_applied", "future", "merged"}
        return said, extra, marks

    def process(self) -> Any:
        """Who sent it, whatever the order of its tags."""
        attributes = {key: encode_tag(key, value) for key, value in self.reporter.attributes}
        return self.reporter.service, self.reporter.id, attributes

    def is_version_of(self, other: Row) -> bool:
        """Whether both are of one identity; their keys are the same already."""
        if self.is_part or other.is_part:
            return self.is_part and other.is_part and self.process() == other.process()
        starts = (self.start_ns - self.offset_us * 1000, other.start_ns - other.offset_us * 1000)
        return starts[0] == starts[1] and self.process() == other.process()

    def may_be_sent_by(self, other: Row) -> bool:
        """Whether nothing that both reporters say differs."""
        (service, tracer_id, here), (service2, tracer_id2, there) = self.process(), other.process()
        return (
            (service == service2 or "unknown_service" in (service, service2))
            and (tracer_id == tracer_id2 or 0 in (tracer_id, tracer_id2))
            and all(there.get(name, value) == value for name, value in here.items())
        )

    def with_part(self, new: Row) -> Row:
        """What is held with what is new in it."""
        main, other = (self, new) if new.is_part else (new, self)
        said = dict(main.said)
        for column in ("name", "duration_ns", "parent_id", "kind"):
            said[column] = main.said[column] or other.said[column]
        said["status"] = max(main.said["status"], other.said["status"])
        for column in ("tags", "logs", "references"):
            held = self.said[column]
            said[column] = held + [entry for entry in new.said[column] if entry not in held]
        extra = {
            name: value for name, value in other.span.extra.items() if name != "offset_us"
        } | main.span.extra
        said["extra"] = msgspec.msgpack.encode(extra) if extra else b""
        aside = Marks.TIME_INVENTED | Marks.NEGATIVE_DURATION | Marks.OFFSET_APPLIED | Marks.FUTURE
        said["marks"] = main.said["marks"] | other.said["marks"] & ~aside | Marks.MERGED
        (row,) = rows_of(batch_of(said), new.arrived_ns)
        return row

    def value(self, field: Field, key: str) -> str | None:
        """`val` of explorer.md §4.4; None when absent."""
        match field:
            case Field.SERVICE:
                return self.span.service
            case Field.OPERATION:
                return self.span.operation
            case Field.SPAN_ID:
                return f"{self.key[2]:x}"
            case Field.TRACE_ID:
                return f"{(self.key[0] << 64) | self.key[1]:x}"
            case Field.TRACER_ID:
                return f"{self.tracer_id:x}"
            case Field.TAG:
                return self.tags.get(key, self.attributes.get(key))

    def of_key(self, key: str) -> str | None:
        """Its value of a key to group by."""
        return self.value({"service": Field.SERVICE, "operation": Field.OPERATION}.get(key, Field.TAG), key)

    def texts(self, field: Field, key: str) -> list[str]:
        """All texts by which a term finds it."""
        if field is not Field.TAG:
            value = self.value(field, key)
            return [] if value is None else [value]
        attributes = dict(self.reporter.attributes)
        found = [tags[key] for tags in (self.span.tags | self.parent_tag, attributes) if key in tags][:1]
        if key.startswith("log:"):
            found += [log.fields[key[4:]] for log in self.span.logs if key[4:] in log.fields]
        return [text for value in found for text in texts_of(value)]

    @property
    def parent_tag(self) -> dict[str, Any]:
        """The parent's tag, which `Span` does not show."""
        return {PARENT_TAG: self.tags[PARENT_TAG]} if PARENT_TAG in self.tags else {}

    def is_of_trace(self, value: str) -> bool:
        """Whether a query's trace id means it: an upper half that one side lacks does not count (§4.4)."""
        try:
            high, low = divmod(int(value, 16), 2**64)
        except ValueError:
            high, low = 0, odd_id(value)
        if low == self.key[1] and (high == self.key[0] or not high or not self.key[0]):
            return True
        kept = (self.tags.get(key, "") for key in ("otlp.trace_id", "otel.trace_id"))
        return value in [text.lower().lstrip("0") for text in kept]

    def satisfies(self, term: Term) -> bool:
        """Whether one term holds."""
        texts = self.texts(term.field, term.key)
        if term.patterns:
            hit = any(full_match(pattern, text) for pattern in term.patterns for text in texts)
        elif term.field is Field.TRACE_ID:
            hit = any(self.is_of_trace(value) for value in term.values)
        else:
            values = term.values
            if term.field is Field.SPAN_ID:
                values = tuple(value if is_hex(value) else f"{odd_id(value):x}" for value in values)
            hit = any(text in values for text in texts)
            if term.field is Field.TAG and term.key == "error" and "true" in term.values:
                hit = hit or self.span.error
        return hit != term.negated

    def within(self, plan: Plan) -> bool:
        """Whether all bounds hold."""
        return (
            (plan.oldest_ns is None or self.start_ns >= plan.oldest_ns)
            and (plan.youngest_ns is None or self.start_ns < plan.youngest_ns)
            and (plan.min_duration_ns is None or self.duration_ns >= plan.min_duration_ns)
            and (plan.max_duration_ns is None or self.duration_ns < plan.max_duration_ns)
            and self.mark > plan.since
            and (plan.until is None or self.mark <= plan.until)
            and (plan.meta_events or "meta_event" not in self.span.marks)
        )

    def sort_key(self, order: Order | ByValue) -> tuple[Any, ...]:
        """Its place in an order; distinct for distinct rows."""
        span_id = self.key[2]
        if isinstance(order, ByValue):
            value = self.of_key(order.key)
            text = (value or "")[:COMPARED]
            number = float(text) if len(text) <= NUMBER_MAX and re.fullmatch(NUMBER, text) else None
            place = [int(number is None), number or 0.0, *text.encode(), -1]
            turned = [-part for part in place] if order.descending else place
            return (value is None, *turned[:2], turned[2:], -self.duration_ns, span_id, self.mark)
        match order:
            case "-latency":
                return (-self.duration_ns, -self.start_ns, span_id, self.mark)
            case "latency":
                return (self.duration_ns, self.start_ns, span_id, self.mark)
            case "-start":
                return (-self.start_ns, -self.duration_ns, span_id, self.mark)
            case "start":
                return (self.start_ns, self.duration_ns, span_id, self.mark)
            case "arrival":
                return (self.mark,)
            case "-arrival":
                return (-self.mark,)


def texts_of(value: Any) -> list[str]:
    """The text of a value, and of each element of a list."""
    return [text_of(value), *(map(text_of, value) if isinstance(value, list) else [])]


def shown(values: Sequence[Any]) -> set[str]:
    """What is suggested for these values."""
    return {text for value in values for text in (texts_of(value)[1:] or [text_of(value)])}


def values(row: Row, key: str) -> set[str]:
    """What is suggested for a row's tag."""
    own = row.span.tags | row.parent_tag
    return shown([own[key]] if key in own else [])


def is_hex(text: str) -> bool:
    """Whether it is a number in hex."""
    return bool(text) and all(digit in "0123456789abcdef" for digit in text)


@lru_cache(maxsize=65536)
def full_match(pattern: str, text: str) -> bool:
    """Whether an RE2 pattern matches the whole text."""
    matched = pc.match_substring_regex(pa.array([text], pa.string()), pattern=f"^(?:{pattern})$")
    return bool(matched[0].as_py())


def rows_of(batch: SpanBatch, arrived_ns: int) -> list[Row]:
    """The spans of a batch; marks are still those of `SpanBatch.spans`."""
    encoded = batch.tags.to_pylist()
    texts = [(key, text_of(value)) for key, value in map(decode_tag, encoded)]
    dictionaries = {
        "name": batch.names.to_pylist(),
        "reporter": batch.reporters.to_pylist(),
        "extra": batch.extras.to_pylist(),
    }
    columns = {name: batch.rows.column(name).to_pylist() for name in SCHEMA.names}
    tags = [dict(texts[code] for code in codes) for codes in columns["tags"]]
    columns["tags"] = [[encoded[code] for code in codes] for codes in columns["tags"]]
    for name, entries in dictionaries.items():
        columns[name] = [entries[code] for code in columns[name]]
    rows = []
    for i, span in enumerate(batch.spans()):
        reporter = decode_reporter(columns["reporter"][i])
        rows.append(
            Row(
                span=span,
                key=(
                    columns["trace_high"][i],
                    columns["trace_low"][i],
                    columns["span_id"][i],
                    bool(columns["marks"][i] & Marks.SHARED),
                ),
                said={name: columns[name][i] for name in SCHEMA.names},
                reporter=reporter,
                offset_us=span.extra.get("offset_us", 0) if "offset_applied" in span.marks else 0,
                start_ns=columns["start_ns"][i],
                duration_ns=columns["duration_ns"][i],
                tracer_id=reporter.id,
                tags=tags[i],
                attributes=reporter.texts(),
                arrived_ns=arrived_ns,
                nbytes=batch.nbytes // len(batch),
                batch=batch.slice(i, i + 1),
            )
        )
    return rows


def batch_of(said: Said) -> SpanBatch:
    """One row as a batch."""
    columns = said | {"name": 0, "reporter": 0, "extra": 0, "tags": list(range(len(said["tags"])))}
    return SpanBatch(
        pa.RecordBatch.from_pylist([columns], schema=SCHEMA),
        tags=pa.array(said["tags"], pa.binary()),
        names=pa.array([said["name"]], pa.binary()),
        reporters=pa.array([said["reporter"]], pa.binary()),
        extras=pa.array([said["extra"]], pa.binary()),
    )
