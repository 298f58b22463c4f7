"""The matching spans over time: counts, errors and latencies of each step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from satellite.query.plan import Plan
from satellite.store import Column
from satellite.store.latency import PERCENTILES
from satellite.store.recall.distributions import Hits, dense
from satellite.store.recall.segment import Segment


def timeline(
    segments: Sequence[Segment], plan: Plan, from_ns: int, step_ns: int, columns: int, by: Sequence[str]
) -> dict[tuple[str | None, ...], list[Column]]:
    """All steps of each combination of values."""
    empty = [Column((from_ns + i * step_ns) // 1000, 0, 0, {}, []) for i in range(columns)]
    hits = Hits.of(segments, plan.starting(from_ns, from_ns + columns * step_ns))
    if not hits.parts:
        return {} if by else {(): empty}
    column = (hits.column("start_ns") - from_ns) // step_ns
    number, values = hits.combined(by)
    group, used = dense(number * columns + column, len(values) * columns)
    rows = hits.distributions(group, len(used))
    percentiles = {name: rows.percentile(percent).tolist() for name, percent in PERCENTILES.items()}
    counts, errors = rows.counts.tolist(), rows.errors.tolist()
    cells = rows.cells(np.arange(len(used)).tolist())
    names = [tuple(values.values(number)) for number in range(len(values))]
    found = {name: list(empty) for name in names}
    for i, at in enumerate(used.tolist()):
        which, step = divmod(at, columns)
        shown = {name: ordered[i] for name, ordered in percentiles.items()}
        found[names[which]][step] = Column(empty[step].from_us, counts[i], errors[i], shown, cells[i])
    return found
