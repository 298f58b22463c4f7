"""The plainest engine: a dictionary of rows, and a loop for every question. Other engines must give its answers.

Nothing here is shared with an engine but what the contract names: spans as `SpanBatch.spans` shows them, and values
as `text_of` writes them.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import zip_longest
from threading import RLock
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from satellite.errors import BadRequest
from satellite.model.ids import hashed as odd_id
from satellite.model.reporter import Reporter, decode_reporter
from satellite.model.span import PARENT_TAG, Span
from satellite.model.spans import SCHEMA, Marks, SpanBatch, SpanBuilder
from satellite.model.tag import decode_tag, encode_tag, text_of
from satellite.query.plan import Field, Plan, Term
from satellite.store import (
    COMPARED,
    DISTINCT_MAX,
    NUMBER,
    NUMBER_MAX,
    Bucket,
    ByValue,
    Cell,
    Column,
    Group,
    GroupOrder,
    Groups,
    Histogram,
    Ledger,
    Order,
    Page,
    ProjectStats,
    Questions,
    Suggestion,
    SuggestionKind,
    Written,
)
from satellite.store.assembled import Assembled, Ints

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


@dataclass(slots=True)
class _Project:
    rows: list[Row] = field(default_factory=list)
    """In the order of arrival."""
    mark: int = 0
    received: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    evicted: int = 0

    def take(self, new: Row) -> str:
        """Put one row where it belongs; says what became of it."""
        held = self._home_of(new)
        fate = "stored"
        if held is not None:
            part = new.is_part or held.is_part
            fate = "merged" if part else "replaced"
            row = held.with_part(new) if part or "merged" in held.span.marks else new
            if row.content() == held.content() and (new.is_part or not held.is_part):
                return "duplicate"
            if held.duration_ns and not row.duration_ns:
                return fate
            self.rows = [row for row in self.rows if row is not held]
            new = row
        self.mark += 1
        self.rows.append(replace(new, span=msgspec.structs.replace(new.span, mark=self.mark)))
        return fate

    def _home_of(self, new: Row) -> Row | None:
        same_key = [row for row in self.rows if row.key == new.key]
        versions = [row for row in same_key if not new.is_part and new.is_version_of(row)]
        if versions:
            return versions[0]
        fitting = [row for row in same_key if (new.is_part or row.is_part) and new.may_be_sent_by(row)]
        return max(
            fitting,
            key=lambda row: (row.process() == new.process(), not row.is_part, row.mark),
            default=None,
        )

    def ledger(self) -> Ledger:
        dropped = dict(self.dropped)
        return Ledger(self.received, len(self.rows), dropped, self.evicted, dropped.get("duplicate", 0))


class NaiveStore:
    """Keeps everything, for ever; its duplicate window has no end. Implements Store."""

    def __init__(self) -> None:
        """Nothing in it."""
        self._projects: dict[str, _Project] = {}
        self._lock = RLock()

    def write(
        self, project: str, batch: SpanBatch, *, arrived_ns: int, dropped: Mapping[str, int] | None = None
    ) -> Written:
        """As in Store."""
        arrived = rows_of(batch, arrived_ns)
        with self._lock:
            kept = self._projects.setdefault(project, _Project())
            fates = Counter(kept.take(row) for row in arrived)
            stored = fates.pop("stored", 0)
            kept.dropped.update(fates)
            kept.dropped.update(dropped or {})
            kept.received += len(arrived) + sum((dropped or {}).values())
            return Written(kept.mark, stored, fates["duplicate"], fates["replaced"], fates["merged"])

    def _all(self, project: str) -> list[Row]:
        with self._lock:
            return list(self._projects.get(project, _Project()).rows)

    def _matching(self, project: str, plan: Plan) -> list[Row]:
        rows = (row for row in self._all(project) if row.within(plan))
        return [row for row in rows if all(row.satisfies(term) for term in plan.terms)]

    def find(
        self, project: str, plan: Plan, *, order: Order | ByValue, limit: int, cursor: str | None = None
    ) -> Page:
        """As in Store."""
        mark, after = self.mark(project), None
        if cursor is not None:
            mark, after = _read_cursor(cursor, order)
        pinned = replace(plan, until=mark if plan.until is None else min(mark, plan.until))
        rows = sorted(self._matching(project, pinned), key=lambda row: row.sort_key(order))
        left = [row for row in rows if after is None or row.sort_key(order) > after]
        shown = left[:limit]
        more = len(left) > len(shown)
        next_cursor = _cursor(order, mark, shown[-1].sort_key(order)) if more and shown else None
        return Page([row.span for row in shown], len(rows), next_cursor, mark)

    def batches(self, project: str, plan: Plan) -> Sequence[SpanBatch]:
        """One batch per span."""
        return [row.batch for row in sorted(self._matching(project, plan), key=lambda row: row.mark)]

    def traces(self, project: str, trace_ids: Sequence[tuple[int | None, int]]) -> list[list[Span]]:
        """As in Store."""
        rows = sorted(self._all(project), key=lambda row: (row.start_ns, row.key[2], row.mark))
        return [
            [row.span for row in rows if row.key[1] == low and high in (None, row.key[0])]
            for high, low in trace_ids
        ]

    def over(
        self,
        project: str,
        traces: Assembled,
        *,
        exact: Mapping[Plan, Histogram] | None = None,
        recall_window_us: int = 0,
    ) -> Questions:
        """As in Questions, for traces of which none was left out; marks begin at 1."""
        assert (traces.weights == 1).all()
        held = NaiveStore()
        held.write(project, traces.batch, arrived_ns=0)
        return held

    def recall_window_us(self, project: str) -> int:
        """As in Questions."""
        return next((found.recall_window_us for found in self.projects() if found.project == project), 0)

    def assemble(
        self, project: str, plan: Plan, *, traces_max: int, seed: int = 0, bare: bool = False
    ) -> Assembled:
        """As in Store; the limit of spans aside."""
        matching = self._matching(project, plan)
        strata = defaultdict[tuple[bool, int], list[Row]](list)
        for row in matching:
            strata[not row.span.error, -bucket_index(row.duration_ns)].append(row)
        for rows in strata.values():
            rows.sort(key=lambda row: (hashed(row.key[2] ^ hashed(seed % 2**64)), row.key[2]))
        lows = {row.key[1] for row in matching}
        chosen: set[int] = lows if len(lows) <= traces_max else set()
        turns = zip_longest(*(strata[stratum] for stratum in sorted(strata)))
        for row in (row for turn in turns for row in turn if row is not None):
            if len(chosen) < traces_max:
                chosen.add(row.key[1])
        rows = [row for row in self._all(project) if row.key[1] in chosen]
        rows = [row for row in rows if plan.meta_events or "meta_event" not in row.span.marks]
        numbers = traces_of(rows)
        matched = {numbers[row.key[:2]] for row in matching if row.key[1] in chosen}
        # Of those with one lower half the first, then the second of each, and so on.
        by_low = defaultdict[int, list[int]](list)
        for (_, low), number in sorted(numbers.items(), key=lambda item: item[1]):
            if number in matched and number not in by_low[low]:
                by_low[low].append(number)
        turns_of_traces = zip_longest(*(by_low[low] for low in sorted(by_low)))
        held = [number for turn in turns_of_traces for number in turn if number is not None][:traces_max]
        rows = [row for row in rows if numbers[row.key[:2]] in held]
        numbers = traces_of(rows)
        marks = {row.mark for row in rows}
        taken = [row for row in matching if row.mark in marks]
        weights = dict.fromkeys((row.mark for row in rows), 1.0)
        if len(taken) < len(matching):
            for stratum in strata.values():
                share = len(stratum) / max(1, sum(row in taken for row in stratum))
                weights |= {row.mark: share for row in stratum}
            for row in rows:
                if row not in taken:
                    number = numbers[row.key[:2]]
                    whole = [weights[one.mark] for one in taken if numbers[one.key[:2]] == number]
                    weights[row.mark] = sum(whole) / len(whole) if whole else 1.0
        batch = SpanBatch.concat([SpanBuilder().build(), *(row.batch for row in rows)])
        return Assembled(
            batch.bare() if bare else batch,
            np.array([row.mark for row in rows], np.int64),
            np.array([numbers[row.key[:2]] for row in rows], np.int64),
            np.array([row in taken for row in rows], np.bool_),
            np.array([weights[row.mark] for row in rows], np.float64),
            len(matching),
            sum(row.span.error for row in matching),
            distinct_traces(matching),
        )

    def trace_batch(
        self, project: str, trace_ids: Sequence[tuple[int | None, int]]
    ) -> tuple[SpanBatch, Ints]:
        """As in Store."""
        rows = [
            row
            for row in self._all(project)
            if any(row.key[1] == low and high in (None, row.key[0]) for high, low in trace_ids)
        ]
        batch = SpanBatch.concat([SpanBuilder().build(), *(row.batch for row in rows)])
        return batch, np.array([row.mark for row in rows], np.int64)

    def count(self, project: str, plan: Plan) -> int:
        """As in Store."""
        return len(self._matching(project, plan))

    def funnel(self, project: str, plan: Plan) -> list[int]:
        """As in Store."""
        rows = [row for row in self._all(project) if row.within(plan)]
        return [
            sum(all(row.satisfies(term) for term in plan.terms[:most]) for row in rows)
            for most in range(len(plan.terms) + 1)
        ]

    def histogram(self, project: str, plan: Plan) -> Histogram:
        """As in Store."""
        rows = self._matching(project, plan)
        counts, errors = Counter[int](), Counter[int]()
        for row in rows:
            index = bucket_index(row.duration_ns)
            counts[index] += 1
            errors[index] += row.span.error
        buckets = [
            Bucket(i, 10 ** (i / 20), 10 ** ((i + 1) / 20), counts[i], errors[i]) for i in sorted(counts)
        ]
        durations = sorted(row.span.duration_us for row in rows)
        wanted = {"p50": 500, "p95": 950, "p99": 990, "p99.9": 999} if rows else {}
        percentiles = {name: nearest_rank(durations, thousandths) for name, thousandths in wanted.items()}
        starts = [row.start_ns // 1000 for row in rows]
        return Histogram(
            buckets,
            percentiles,
            len(rows),
            errors.total(),
            distinct_traces(rows),
            min(starts, default=None),
            max(starts, default=None),
        )

    def groups(
        self,
        project: str,
        plan: Plan,
        by: Sequence[str],
        *,
        order: GroupOrder = "-avg_latency_us",
        limit: int | None = None,
        offset: int = 0,
    ) -> Groups:
        """As in Questions."""
        members = defaultdict[tuple[str | None, ...], list[Row]](list)
        for row in self._matching(project, plan):
            members[tuple(row.of_key(key) for key in by)].append(row)
        found = [_group(list(values), rows) for values, rows in members.items()]

        def place(group: Group) -> tuple[Any, ...]:
            values = [(value is None, value or "") for value in group.values]
            number = 0 if order == "values" else getattr(group, order.lstrip("-"))
            return None in group.values, -number if order.startswith("-") else number, values

        stop = None if limit is None else offset + limit
        return Groups(sorted(found, key=place)[offset:stop], len(found))

    def timeline(
        self, project: str, plan: Plan, *, from_ns: int, step_ns: int, columns: int, by: Sequence[str] = ()
    ) -> dict[tuple[str | None, ...], list[Column]]:
        """As in Questions."""
        members = defaultdict[tuple[str | None, ...], list[list[Row]]](lambda: [[] for _ in range(columns)])
        if not by:
            _ = members[()]
        for row in self._matching(project, plan):
            at = (row.start_ns - from_ns) // step_ns
            if 0 <= at < columns:
                members[tuple(row.of_key(key) for key in by)][at].append(row)
        return {
            value: [_column((from_ns + i * step_ns) // 1000, rows) for i, rows in enumerate(steps)]
            for value, steps in members.items()
        }

    def suggest(
        self,
        project: str,
        kind: SuggestionKind,
        plan: Plan,
        *,
        key: str = "",
        text: str = "",
        limit: int = 100,
    ) -> list[Suggestion]:
        """As in Store."""
        counts, errors = Counter[str](), Counter[str]()
        for row in self._matching(project, plan):
            names: set[str] = set()
            match kind:
                case "service":
                    names = {row.span.service}
                case "operation":
                    names = {row.span.operation}
                case "key":
                    names = row.tags.keys() - {PARENT_TAG}
                    if text.startswith("log:"):
                        names |= {f"log:{name}" for log in row.span.logs for name in log.fields}
                case "value":
                    names = values(row, key)
                    logs = [log.fields for log in row.span.logs] if key.startswith("log:") else []
                    names |= shown([fields[key[4:]] for fields in logs if key[4:] in fields])
            counts.update(names)
            errors.update(names if row.span.error else ())
        fitting = [(name, spans) for name, spans in counts.items() if text.casefold() in name.casefold()]
        fitting.sort(key=lambda entry: (-entry[1], entry[0]))

        def distinct(key: str) -> int | None:
            if kind != "key" or key.startswith("log:"):
                return None
            rows = self._matching(project, plan)
            return min(len({one for row in rows for one in values(row, key)}), DISTINCT_MAX)

        return [Suggestion(name, spans, errors[name], distinct(name)) for name, spans in fitting[:limit]]

    def mark(self, project: str) -> int:
        """As in Store."""
        with self._lock:
            return self._projects.get(project, _Project()).mark

    def projects(self) -> list[ProjectStats]:
        """As in Store."""
        with self._lock:
            return [_stats(name, kept) for name, kept in sorted(self._projects.items())]

    def reset(self, project: str) -> int:
        """As in Store."""
        with self._lock:
            kept = self._projects.get(project, _Project())
            gone = len(kept.rows)
            kept.evicted += gone
            kept.rows.clear()
            return gone

    def drop(self, project: str) -> bool:
        """As in Store."""
        with self._lock:
            return self._projects.pop(project, None) is not None

    def close(self) -> None:
        """As in Store."""
        self._projects.clear()


def hashed(number: int) -> int:
    """64 well-mixed bits (splitmix64), in plain integers."""
    whole = 2**64 - 1
    mix = (number + 0x9E3779B97F4A7C15) & whole
    mix = ((mix ^ (mix >> 30)) * 0xBF58476D1CE4E5B9) & whole
    mix = ((mix ^ (mix >> 27)) * 0x94D049BB133111EB) & whole
    return mix ^ (mix >> 31)


def bucket_index(duration_ns: int) -> int:
    """floor(20 · log10(µs)), exactly: µs^20 has one decimal digit more than that."""
    return len(str(max(duration_ns // 1000, 1) ** 20)) - 1


def nearest_rank(ordered: Sequence[int], thousandths: int) -> int:
    """The ceil(p · n)-th smallest of sorted values."""
    return ordered[-(-thousandths * len(ordered) // 1000) - 1]


def traces_of(rows: Sequence[Row]) -> dict[tuple[int, int], int]:
    """The number of the trace of each id (upper half, lower half), by lower halves, then upper ones."""
    numbers: dict[tuple[int, int], int] = {}
    for low, high in sorted({(row.key[1], row.key[0]) for row in rows}):
        # The spans that only know the lower half, and those of the smallest upper half, are one trace.
        joins = (0, low) in numbers and not any(one[1] == low and one[0] for one in numbers)
        numbers[high, low] = numbers[0, low] if joins else max(numbers.values(), default=-1) + 1
    return numbers


def distinct_traces(rows: Sequence[Row]) -> int:
    """How many traces the rows belong to."""
    return len(set(traces_of(rows).values()))


def _group(values: list[str | None], rows: list[Row]) -> Group:
    rows = sorted(rows, key=lambda row: row.sort_key("-latency"))
    durations = sorted(row.span.duration_us for row in rows)
    errors = sum(row.span.error for row in rows)
    return Group(
        values=values,
        count=len(rows),
        exemplars=len(rows),
        errors=errors,
        error_ratio=errors / len(rows),
        avg_latency_us=sum(durations) / len(rows),
        sum_us=sum(durations),
        p50_us=nearest_rank(durations, 500),
        p95_us=nearest_rank(durations, 950),
        p99_us=nearest_rank(durations, 990),
        traces=distinct_traces(rows),
        exemplar_span_ids=[row.span.span_id for row in rows[:5]],
        buckets=_cells(rows),
    )


def _cells(rows: Sequence[Row]) -> list[Cell]:
    counts, errors = Counter[int](), Counter[int]()
    for row in rows:
        index = bucket_index(row.duration_ns)
        counts[index] += 1
        errors[index] += row.span.error
    return [Cell(index, counts[index], errors[index]) for index in sorted(counts)]


def _column(from_us: int, rows: Sequence[Row]) -> Column:
    durations = sorted(row.span.duration_us for row in rows)
    wanted = {"p50": 500, "p95": 950, "p99": 990, "p99.9": 999} if rows else {}
    percentiles = {name: nearest_rank(durations, thousandths) for name, thousandths in wanted.items()}
    return Column(from_us, len(rows), sum(row.span.error for row in rows), percentiles, _cells(rows))


def _stats(name: str, kept: _Project) -> ProjectStats:
    rows = kept.rows
    arrivals = [row.arrived_ns for row in rows]
    window_us = max(0, arrivals[-1] - arrivals[0]) // 1000 if arrivals else 0
    nbytes = sum(row.nbytes for row in rows)
    since_us = arrivals[0] // 1000 if arrivals else None
    return ProjectStats(
        name, len(rows), nbytes, window_us, kept.mark, kept.ledger(), oldest_arrived_us=since_us
    )


def _cursor(order: Order | ByValue, mark: int, last: tuple[Any, ...]) -> str:
    return msgspec.json.encode((repr(order), mark, last)).decode()


def _read_cursor(cursor: str, order: Order | ByValue) -> tuple[int, tuple[Any, ...]]:
    try:
        made_for, mark, last = msgspec.json.decode(cursor, type=tuple[str, int, tuple[Any, ...]])
    except msgspec.MsgspecError as error:
        raise BadRequest("no cursor of this satellite") from error
    if made_for != repr(order):
        raise BadRequest(f"this cursor continues the order {made_for!r}, not {order!r}")
    return mark, last
