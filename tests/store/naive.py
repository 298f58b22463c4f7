"""The plainest engine: a dictionary of rows, and a loop for every question. Other engines must give its answers.

Nothing here is shared with an engine but what the contract names: spans as `SpanBatch.spans` shows them, and values
as `text_of` writes them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from threading import RLock
from typing import Any

import msgspec
import numpy as np

from satellite.errors import BadRequest
from satellite.model.span import PARENT_TAG, Span
from satellite.model.spans import SpanBatch, SpanBuilder
from satellite.query.plan import Plan
from satellite.store import (
    DISTINCT_MAX,
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
from tests.store.naive_row import Row, rows_of, shown, values


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
            [batch.bare() if bare else batch],
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

    write_waits = False

    def at_hand(self, project: str) -> bool:
        """As in Store."""
        return len(self._all(project)) < 1000

    def small_trace(
        self, project: str, trace_ids: Sequence[tuple[int | None, int]], spans_max: int
    ) -> tuple[SpanBatch, Ints] | None:
        """As in Store."""
        found = self.trace_batch(project, trace_ids)
        return found if self.at_hand(project) and len(found[0]) <= spans_max else None

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
