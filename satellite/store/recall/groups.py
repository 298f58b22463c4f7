"""The matching spans by their values of some keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from satellite.model.spans import id_text
from satellite.query.plan import Plan
from satellite.store import Group, GroupOrder, Groups
from satellite.store.recall.distributions import Distributions, Hits, Ints, Values, sorted_in_groups
from satellite.store.recall.segment import Segment
from satellite.store.recall.traces import distinct_traces_by_group

EXEMPLARS = 5


def groups(
    segments: Sequence[Segment],
    plan: Plan,
    by: Sequence[str],
    order: GroupOrder,
    limit: int | None,
    offset: int,
) -> Groups:
    """The matches by their values of the keys."""
    hits = Hits.of(segments, plan)
    if not hits.parts:
        return Groups([], 0)
    group, values = hits.combined(by)
    rows = hits.distributions(group, len(values))
    span_id, start_ns, duration_ns = (hits.column(name) for name in ("span_id", "start_ns", "duration_ns"))
    table: dict[str, npt.NDArray[Any]] = {
        "count": rows.counts,
        "exemplars": rows.rows,
        "errors": rows.errors,
        "error_ratio": np.minimum(rows.errors / rows.counts, 1.0),
        "avg_latency_us": rows.sums_us / rows.counts,
        "sum_us": rows.sums_us,
        "p50_us": rows.percentile(50),
        "p95_us": rows.percentile(95),
        "p99_us": rows.percentile(99),
        "traces": distinct_traces_by_group(hits.parts, group, len(values), rows.weights),
    }
    chosen = _page(table, values, order, limit, offset)
    exemplars = _slowest(rows, chosen, duration_ns, start_ns, span_id)
    cells = rows.cells(chosen)
    columns = {name: column[chosen].tolist() for name, column in table.items()}
    found = [
        Group(
            values=values[number],
            exemplar_span_ids=[id_text(int(span_id[row])) for row in exemplars[i]],
            buckets=cells[i],
            **{name: column[i] for name, column in columns.items()},
        )
        for i, number in enumerate(chosen)
    ]
    return Groups(found, len(values))


def _page(
    table: dict[str, npt.NDArray[Any]],
    values: list[Values],
    order: GroupOrder,
    limit: int | None,
    offset: int,
) -> list[int]:
    """The numbers of the groups asked for, in order."""
    column = table[order.lstrip("-")] if order != "values" else np.zeros(len(values))
    key = -column if order.startswith("-") else column
    candidates = np.arange(len(values))
    stop = len(values) if limit is None else offset + limit
    if stop < len(values):  # names are compared only of those that could be shown
        lacking = np.array([None in combination for combination in values])
        place = np.where(lacking, np.inf, key)
        candidates = np.flatnonzero(place <= np.partition(place, stop - 1)[stop - 1])
    ordered = sorted(
        candidates.tolist(),
        key=lambda i: (
            None in values[i],
            key[i],
            [(value is None, value or "") for value in values[i]],
        ),
    )
    return ordered[offset:stop]


def _slowest(
    rows: Distributions, chosen: Sequence[int], duration_ns: Ints, start_ns: Ints, span_id: npt.NDArray[Any]
) -> list[list[int]]:
    """Of each of these groups the rows of its EXEMPLARS slowest, in the order "-latency"."""
    ordered = sorted_in_groups(rows.group, duration_ns)
    ends = np.cumsum(rows.rows)
    bar = np.full(rows.groups, np.iinfo(np.int64).max)
    bar[chosen] = ordered[np.maximum(ends - EXEMPLARS, ends - rows.rows)[chosen]]
    found = np.flatnonzero(duration_ns >= bar[rows.group])
    group = rows.group[found]
    ranked = np.lexsort((span_id[found], -start_ns[found], -duration_ns[found], group))
    found, group = found[ranked], group[ranked]
    place = {number: i for i, number in enumerate(chosen)}
    exemplars: list[list[int]] = [[] for _ in chosen]
    for row, number in zip(found.tolist(), group.tolist(), strict=True):
        mine = exemplars[place[number]] if number in place else []
        if len(mine) < EXEMPLARS:
            mine.append(row)
    return exemplars
