"""The contract's questions as statements: what each says, and its rows as an answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from satellite.errors import BadRequest
from satellite.model.span import Span
from satellite.model.spans import Marks, SpanBatch, id_text
from satellite.query.plan import Plan
from satellite.store import (
    Bucket,
    ByValue,
    Cell,
    Column,
    Group,
    GroupOrder,
    Groups,
    Histogram,
    Order,
    Page,
    Questions,
    Suggestion,
    SuggestionKind,
)
from satellite.store import cursor as cursors
from satellite.store.assembled import (
    SPANS_MAX,
    Assembled,
    Candidates,
    Ids,
    Ints,
    assembled,
    choose,
    sizes_of,
    strata,
    trace_numbers,
)
from satellite.store.clickhouse import literal
from satellite.store.clickhouse.columns import WHOLE, batch_of, numbers_of
from satellite.store.clickhouse.connection import Connection
from satellite.store.clickhouse.orders import sorting
from satellite.store.clickhouse.predicates import (
    IS_ERROR,
    NAMED,
    UNSHELVED,
    Moment,
    bounds,
    counted,
    has_rare,
    microseconds,
    terms,
    value,
    where,
)
from satellite.store.clickhouse.shelves import PRESENT
from satellite.store.clickhouse.suggestions import suggestions
from satellite.store.latency import EDGES_US, PERCENTILES, bounds_us

BATCH_SPANS = 65_536
"""Spans that `batches` reads at a time (ours)."""

_SPAN = ", ".join((*WHOLE, "mark"))

_EXEMPLARS = 5

_A_HAIR = 1e-13
"""`quantileExact` takes the value at the place ⌊level · n⌋ of n; a hair below p that is ⌈p · n⌉ − 1, the nearest rank."""

_LEVELS = {name: f"{percent / 100 - _A_HAIR:.15f}" for name, percent in PERCENTILES.items()}

_RANKS = f"arrayMap(ns -> {microseconds('ns')}, quantilesExact({', '.join(_LEVELS.values())})(duration_ns))"
"""Microseconds; the order is the same as in nanoseconds."""
_PLACE = f"toUInt16(bucket * 2 + {IS_ERROR})"
_COUNT_PLACES = f"countResample(0, {2 * (len(EDGES_US) + 1)}, 1)"
_COUNTED = f"{_COUNT_PLACES}({_PLACE})"
"""How many spans each bucket has without an error, and with one, in turn: for few groups, since it takes place for all buckets."""
_CELLS = f"sumMap([bucket], [toUInt64(1)], [toUInt64({IS_ERROR})])"
_TRACES = (
    "uniqExact(trace_low) + uniqExactIf((trace_low, trace_high), trace_high != 0)"
    " - uniqExactIf(trace_low, trace_high != 0)"
)
"""As `satellite.store` says what one trace is."""


class ClickHouseQuestions(ABC):
    """Answers `satellite.store.Questions`."""

    connection: Connection

    @abstractmethod
    def moment(self, project: str) -> Moment | None:
        """What can be seen of the project now; None: there is none."""

    def find(
        self, project: str, plan: Plan, *, order: Order | ByValue, limit: int, cursor: str | None = None
    ) -> Page:
        """See Questions."""
        if limit < 1:
            raise BadRequest("limit: must be at least 1")
        read = None if cursor is None else cursors.read(cursor, order)
        moment = self.moment(project)
        if moment is None:
            return Page([], 0, None, 0)
        if read is not None:
            moment = moment._replace(mark=read.until)
        condition = where(moment, plan)
        text = "" if isinstance(order, str) else self._value(moment, order.key)
        ordered = sorting(order, text, read, by_columns=not plan.terms)
        part = f"{condition} AND {ordered.later} ORDER BY {ordered.keys} LIMIT {limit + 1}"
        if order not in {"arrival", "-arrival"}:  # to sort whole spans would have all of them read
            part = f"{moment.condition} AND mark GLOBAL IN (SELECT mark FROM spans WHERE {part}) ORDER BY {ordered.keys}"
        found = self.connection.ask(
            f"SELECT {_SPAN}, {ordered.place}, {counted(moment, plan)} AS total FROM spans WHERE {part}"
        )
        total = found["total"][0].as_py() if found.num_rows else self._count(moment, plan)
        page = found.slice(0, limit)
        following = None
        if found.num_rows > limit:
            first, second, span_id, mark, text = (
                page[name][-1].as_py() for name in ("first", "second", "span_id", "mark", "value")
            )
            shown = None if text is None else text.decode()
            following = cursors.Cursor.behind(
                order, moment.mark, (first, second, span_id, mark), shown
            ).text()
        return Page(_spans(page), total, following, moment.mark)

    def batches(self, project: str, plan: Plan) -> Sequence[SpanBatch]:
        """See Questions."""
        moment = self.moment(project)
        return _Batches(self.connection, moment, plan) if moment is not None else []

    def traces(self, project: str, trace_ids: Sequence[tuple[int | None, int]]) -> list[list[Span]]:
        """See Questions."""
        rows = self._trace_rows(project, trace_ids, "start_ns, span_id, mark")
        low, high = numbers_of(rows, "trace_low"), numbers_of(rows, "trace_high")
        spans = _spans(rows)
        found = []
        for upper, lower in trace_ids:
            mine = low == np.uint64(lower)
            if upper is not None:
                mine &= high == np.uint64(upper)
            found.append([spans[row] for row in np.flatnonzero(mine).tolist()])
        return found

    def trace_batch(
        self, project: str, trace_ids: Sequence[tuple[int | None, int]]
    ) -> tuple[SpanBatch, Ints]:
        """See Questions."""
        rows = self._trace_rows(project, trace_ids, "mark")
        return batch_of(rows), numbers_of(rows, "mark")

    def _trace_rows(self, project: str, trace_ids: Sequence[tuple[int | None, int]], order: str) -> pa.Table:
        moment = self.moment(project)
        if moment is None or not trace_ids:
            moment, trace_ids = Moment(0, 0, 0, replaced=False), [(None, 0)]
        low = ", ".join(sorted({str(low) for _, low in trace_ids}))
        exact = " OR ".join(
            sorted(
                {
                    f"(trace_low = {low}" + (")" if high is None else f" AND trace_high = {high})")
                    for high, low in trace_ids
                }
            )
        )
        return self.connection.ask(
            f"SELECT {_SPAN} FROM spans WHERE {moment.condition} AND trace_low IN ({low}) AND ({exact}) ORDER BY {order}"
        )

    def over(
        self,
        project: str,
        traces: Assembled,
        *,
        exact: Mapping[Plan, Histogram] | None = None,
        recall_window_us: int = 0,
    ) -> Questions:
        """See Questions; they are answered by the engine that holds spans in memory."""
        from satellite.store.recall.held import HeldSpans

        return HeldSpans(project, traces, exact or {}, recall_window_us)

    def recall_window_us(self, project: str) -> int:
        """See Questions."""
        moment = self.moment(project)
        if moment is None:
            return 0
        found = self.connection.ask(
            "SELECT argMax(arrived_ns, mark) - argMin(arrived_ns, mark) AS held"
            f" FROM spans WHERE {moment.condition}"
        )
        return max(0, int(found["held"][0].as_py())) // 1000

    def assemble(
        self, project: str, plan: Plan, *, traces_max: int, seed: int = 0, bare: bool = False
    ) -> Assembled:
        """See Questions. The ids of all matches are read; which traces to take is the contract's rule, not SQL."""
        moment = self.moment(project) or Moment(0, 0, 0, replaced=False)
        hits = self.connection.ask(
            f"SELECT trace_high, trace_low, span_id, bucket, {IS_ERROR} AS error FROM spans WHERE {where(moment, plan)}"
            " ORDER BY mark"  # of spans with the same id the first to arrive is chosen
        )
        low, high = numbers_of(hits, "trace_low"), numbers_of(hits, "trace_high")
        stratum = strata(numbers_of(hits, "bucket"), numbers_of(hits, "error") > 0)
        candidates = [Candidates(low, numbers_of(hits, "span_id"), stratum)]
        traces = int(trace_numbers(high, low).max(initial=-1)) + 1
        chosen = choose(candidates, traces_max, seed, traces)
        chosen = self._affordable(moment, plan, chosen)
        matches = " AND ".join(["1", *bounds(plan), *terms(moment, plan)])
        rows = self.connection.ask(
            f"SELECT {_SPAN}, bucket, {matches} AS matched FROM spans WHERE {_of_traces(moment, plan, chosen)} ORDER BY mark"
        )
        batch = batch_of(rows).bare() if bare else batch_of(rows)
        taken = strata(numbers_of(rows, "bucket"), numbers_of(rows, "status") == 2)
        matched = numbers_of(rows, "matched") > 0
        return assembled(
            [batch], numbers_of(rows, "mark"), matched, taken, sizes_of(candidates), traces, traces_max
        )

    def _affordable(self, moment: Moment, plan: Plan, chosen: Ids) -> Ids:
        """The first of the chosen traces that together have no more than SPANS_MAX spans; one at least."""
        rows = self.connection.ask(
            f"SELECT trace_low, count() AS spans FROM spans WHERE {_of_traces(moment, plan, chosen)} GROUP BY trace_low"
        )
        size = numbers_of(rows, "spans").astype(np.int64)
        if size.sum() <= SPANS_MAX:
            return chosen
        low = numbers_of(rows, "trace_low")
        order = np.argsort(low)
        ordered = size[order][np.searchsorted(low[order], chosen)]
        return chosen[: max(1, int(np.searchsorted(np.cumsum(ordered), SPANS_MAX, "right")))]

    def count(self, project: str, plan: Plan) -> int:
        """See Questions."""
        moment = self.moment(project)
        return 0 if moment is None else self._count(moment, plan)

    def _count(self, moment: Moment, plan: Plan) -> int:
        found = self.connection.ask(f"SELECT {counted(moment, plan)} AS spans")
        return int(found["spans"][0].as_py())

    def funnel(self, project: str, plan: Plan) -> list[int]:
        """See Questions."""
        moment = self.moment(project)
        if moment is None:
            return [0] * (len(plan.terms) + 1)
        said = terms(moment, plan)
        steps = [f"countIf({' AND '.join(said[:most])})" for most in range(1, len(said) + 1)]
        found = self.connection.ask(
            f"SELECT [count(){''.join(f', {step}' for step in steps)}] AS steps"
            f" FROM spans WHERE {' AND '.join([moment.condition, *bounds(plan)])}"
        )
        steps_found: list[int] = found["steps"][0].as_py()
        return steps_found

    def histogram(self, project: str, plan: Plan) -> Histogram:
        """See Questions."""
        moment = self.moment(project) or Moment(0, 0, 0, replaced=False)
        (row,) = self.connection.ask(
            f"SELECT count() AS spans, countIf({IS_ERROR}) AS errors, {_TRACES} AS traces, {_RANKS} AS ranks,"
            f" min(start_ns) AS oldest, max(start_ns) AS newest, {_COUNTED} AS cells FROM spans WHERE {where(moment, plan)}"
        ).to_pylist()
        some = row["spans"] > 0
        return Histogram(
            buckets=[
                Bucket(cell.index, *bounds_us(cell.index), cell.count, cell.errors)
                for cell in _counted(row["cells"])
            ],
            percentiles=dict(zip(PERCENTILES, row["ranks"], strict=True)) if some else {},
            count=row["spans"],
            errors=row["errors"],
            traces=row["traces"],
            oldest_us=row["oldest"] // 1000 if some else None,
            newest_us=row["newest"] // 1000 if some else None,
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
        """See Questions."""
        moment = self.moment(project)
        if moment is None:
            return Groups([], 0)
        names, values = self._grouping(moment, by)
        group_by = f"GROUP BY {', '.join(names)}" if names else ""
        key = (
            "" if order == "values" else f"{order.lstrip('-')} {'DESC' if order.startswith('-') else 'ASC'}, "
        )
        lacking = " OR ".join(f"{name} = ''" for name in names) or "0"
        ordered = f"{lacking}, {key}" + ", ".join([f"{name} = '', {name}" for name in names] or ["1"])
        part = "" if limit is None and not offset else f"LIMIT {offset}, {2**62 if limit is None else limit}"
        condition = where(moment, plan)
        found = self.connection.ask(
            f"SELECT * EXCEPT places, arrayReduce('{_COUNT_PLACES}', places) AS cells FROM ("
            f"SELECT {values}count() AS count, countIf({IS_ERROR}) AS errors, sum({microseconds('duration_ns')}) AS sum_us,"
            f" {_RANKS} AS ranks, ranks[1] AS p50_us, ranks[2] AS p95_us, ranks[3] AS p99_us,"
            f" sum_us / count AS avg_latency_us, errors / count AS error_ratio, {_TRACES} AS traces, groupArray({_PLACE}) AS places,"
            f" bitNot(groupArraySorted({_EXEMPLARS})(bitNot(duration_ns))[-1]) AS slow_ns, count() OVER () AS total"
            f" FROM spans WHERE {condition} {group_by} HAVING count > 0 ORDER BY {ordered} {part})"
            f" ORDER BY {ordered}"
        ).to_pylist()
        if found:
            total = found[0]["total"]
        else:
            counted = self.connection.ask(
                f"SELECT count() AS total FROM (SELECT {values}1 FROM spans WHERE {condition} {group_by})"
            )
            total = counted["total"][0].as_py() if names else 0
        slowest = self._slowest(condition, values, names, min((row["slow_ns"] for row in found), default=0))
        return Groups([_group(row, names, slowest[_values(row, names)]) for row in found], total)

    def _grouping(self, moment: Moment, by: Sequence[str]) -> tuple[list[str], str]:
        """Names for the columns to group by, and what to select for them."""
        names = [f"v{i}" for i in range(len(by))]
        values = (f"{self._value(moment, key)} AS {name}, " for key, name in zip(by, names, strict=True))
        return names, "".join(values)

    def _value(self, moment: Moment, key: str) -> str:
        if key in NAMED:
            return value(key)
        rare, unshelved = (self.any_is(moment, which) for which in (has_rare(key), UNSHELVED))
        return value(key, rare=rare, unshelved=unshelved)

    def any_is(self, moment: Moment, condition: str) -> bool:
        """Whether any span of the project fulfils a condition."""
        found = self.connection.ask(
            f"SELECT 1 FROM spans WHERE project = {moment.project} AND {condition} LIMIT 1"
        )
        return bool(found.num_rows)

    def _slowest(
        self, condition: str, values: str, names: Sequence[str], slow_ns: int
    ) -> Mapping[tuple[str | None, ...], list[str]]:
        """The ids of the slowest spans of each group, of those that are as slow as this; apart, since it costs by the span."""
        found = self.connection.ask(
            f"SELECT {values}groupArraySorted({_EXEMPLARS})((bitNot(duration_ns), bitNot(start_ns), span_id, mark)) AS slowest"
            f" FROM spans WHERE {condition} AND duration_ns >= {slow_ns} {f'GROUP BY {chr(44).join(names)}' if names else ''}"
        ).to_pylist()
        ids = {
            _values(row, names): [id_text([*place.values()][2]) for place in row["slowest"]] for row in found
        }
        return defaultdict(list, ids)  # what was let go of in between has none

    def timeline(
        self, project: str, plan: Plan, *, from_ns: int, step_ns: int, columns: int, by: Sequence[str] = ()
    ) -> dict[tuple[str | None, ...], list[Column]]:
        """See Questions."""
        empty = [Column((from_ns + i * step_ns) // 1000, 0, 0, {}, []) for i in range(columns)]
        found: dict[tuple[str | None, ...], list[Column]] = {} if by else {(): empty}
        moment = self.moment(project)
        if moment is None:
            return found
        names, values = self._grouping(moment, by)
        rows = self.connection.ask(
            f"SELECT {values}intDiv(start_ns - ({from_ns}), {step_ns}) AS step, count() AS spans,"
            f" countIf({IS_ERROR}) AS errors, {_RANKS} AS ranks, {_CELLS} AS cells"
            f" FROM spans WHERE {where(moment, plan.starting(from_ns, from_ns + columns * step_ns))}"
            f" GROUP BY {', '.join([*names, 'step'])}"
        )
        for row in rows.to_pylist():
            steps = found.setdefault(_values(row, names), list(empty))
            steps[row["step"]] = Column(
                empty[row["step"]].from_us,
                row["spans"],
                row["errors"],
                dict(zip(PERCENTILES, row["ranks"], strict=True)),
                _cells(row["cells"]),
            )
        return found

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
        """See Questions."""
        moment = self.moment(project)
        if moment is None:
            return []
        return suggestions(self.connection, where(moment, plan), kind, key, text, limit)


class _Batches(Sequence[SpanBatch]):
    """The matches of a moment, BATCH_SPANS at a time, read when they are asked for."""

    def __init__(self, connection: Connection, moment: Moment, plan: Plan) -> None:
        self._connection, self._moment, self._plan = connection, moment, plan
        condition = where(moment, plan)
        found = connection.ask(
            "SELECT max(mark) AS last FROM (SELECT mark, row_number() OVER (ORDER BY mark) AS place"
            f" FROM spans WHERE {condition}) GROUP BY intDiv(place - 1, {BATCH_SPANS}) ORDER BY last"
        )
        self._last: list[int] = numbers_of(found, "last").tolist()

    def __len__(self) -> int:
        return len(self._last)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        last = self._last[place]
        before = self._last[place % len(self) - 1] if place % len(self) else 0
        plan = self._plan
        part = replace(plan, since=max(plan.since, before), until=last)
        return batch_of(
            self._connection.ask(f"SELECT {_SPAN} FROM spans WHERE {where(self._moment, part)} ORDER BY mark")
        )


def _of_traces(moment: Moment, plan: Plan, low: Ids) -> str:
    """All spans of traces, whether they match or not; meta events only if the plan asks for them."""
    found = f"{moment.condition} AND trace_low IN ({literal.numbers(low) or 'NULL'})"
    return found if plan.meta_events else f"{found} AND bitAnd(marks, {int(Marks.META_EVENT)}) = 0"


def _spans(rows: pa.Table) -> list[Span]:
    return batch_of(rows).spans(marks=numbers_of(rows, "mark").tolist()) if rows.num_rows else []


def _cells(summed: Any) -> list[Cell]:
    """What sumMap says; a tuple comes as a struct."""
    indices, counts, errors = summed.values()
    return [Cell(*cell) for cell in zip(indices, counts, errors, strict=True)]


def _counted(places: Sequence[int]) -> list[Cell]:
    """What _COUNTED says."""
    counts = np.array(places, np.int64).reshape(-1, 2)
    used = np.flatnonzero(counts.any(axis=1))
    return [Cell(int(i), int(counts[i].sum()), int(counts[i, 1])) for i in used]


def _values(row: dict[str, Any], names: Sequence[str]) -> tuple[str | None, ...]:
    return tuple(
        row[name].decode("utf-8", "replace")[len(PRESENT) :] if row[name] else None for name in names
    )


def _group(row: dict[str, Any], names: Sequence[str], slowest: list[str]) -> Group:
    said = {
        name: row[name] for name in ("count", "errors", "error_ratio", "avg_latency_us", "sum_us", "traces")
    }
    return Group(
        values=list(_values(row, names)),
        exemplars=row["count"],
        p50_us=row["p50_us"],
        p95_us=row["p95_us"],
        p99_us=row["p99_us"],
        exemplar_span_ids=slowest,
        buckets=_counted(row["cells"]),
        **said,
    )
