"""The matching spans by their values of some keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from satellite.model import compute as pc
from satellite.model.spans import id_text
from satellite.query.plan import Plan
from satellite.store import Cell, Group, GroupOrder, Groups
from satellite.store.recall.distributions import (
    Combinations,
    Distributions,
    Hits,
    Ints,
    sorted_in_groups,
)
from satellite.store.recall.segment import Segment
from satellite.store.recall.tally import EXEMPLARS, Sum, added_up
from satellite.store.recall.traces import distinct_traces_by_group
from satellite.store.recall.value_order import texts


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
    if hits.weights is None and (summed := added_up(hits.parts, tuple(by))) is not None:
        return _told(summed, order, limit, offset)
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
            values=values.values(number),
            exemplar_span_ids=[id_text(int(span_id[row])) for row in exemplars[i]],
            buckets=cells[i],
            **{name: column[i] for name, column in columns.items()},
        )
        for i, number in enumerate(chosen)
    ]
    return Groups(found, len(values))


def _told(summed: Sum, order: GroupOrder, limit: int | None, offset: int) -> Groups:
    chosen = _page(summed.table, summed.values, order, limit, offset)
    cells: dict[int, list[Cell]] = {number: [] for number in chosen}
    for cell, count, errors in zip(
        summed.cells.tolist(), summed.counts.tolist(), summed.errors.tolist(), strict=True
    ):
        if cell >> 10 in cells:
            cells[cell >> 10].append(Cell(cell & 1023, count, errors))
    found = [
        Group(
            values=summed.values.values(number),
            exemplar_span_ids=summed.exemplars[number],
            buckets=cells[number],
            **{name: column[number].item() for name, column in summed.table.items()},
        )
        for number in chosen
    ]
    return Groups(found, len(summed.values))


def _page(
    table: dict[str, npt.NDArray[Any]],
    values: Combinations,
    order: GroupOrder,
    limit: int | None,
    offset: int,
) -> list[int]:
    """The numbers of the groups asked for, in order. Arrow sorts: a million groups keep nobody else waiting."""
    stop = len(values) if limit is None else min(offset + limit, len(values))
    column = table[order.lstrip("-")] if order != "values" else np.zeros(len(values), np.int64)
    columns: dict[str, Any] = {
        "lacking": np.zeros(len(values), np.bool_),
        "key": -column if order.startswith("-") else column,
    }
    for i, names in enumerate(values.names):
        lacking = np.array([name is None for name in names], np.bool_)[values.places[:, i]]
        columns["lacking"] |= lacking
        columns[f"none{i}"] = lacking
        columns[f"value{i}"] = pc.fill_null(texts(names), "").take(pa.array(values.places[:, i]))
    keys = [(name, "ascending") for name in columns]
    ranked = pc.select_k_unstable(pa.table(columns), k=stop, sort_keys=keys)
    chosen: list[int] = ranked.to_numpy()[offset:].tolist()
    return chosen


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
