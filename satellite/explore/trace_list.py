"""The traces that matching spans belong to, a row each: what began it, how long it took, what failed."""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np

from satellite.explore.forest import Forest
from satellite.explore.operations import services_of
from satellite.model.spans import trace_text
from satellite.query.plan import Plan
from satellite.store import Questions
from satellite.store.assembled import TRACES_MAX

TraceOrder = Literal["-start", "start", "-duration", "duration"]


class ListedTrace(msgspec.Struct, frozen=True):
    """A trace at a glance."""

    trace_id: str
    service: str
    """Of its root: the first span without a parent, else the first span."""
    operation: str
    start_us: int
    """The earliest start."""
    duration_us: int
    """From there to the latest end."""
    spans: int
    matched: int
    """Those of them that match the query."""
    errors: int
    services: int
    complete: bool
    """It has one root, and no span's parent is missing."""


class TraceList(msgspec.Struct, frozen=True):
    """Some of the traces, in order."""

    traces: list[ListedTrace]
    total: int
    """All traces of the matching spans; those listed are told from 3,000 of them at most."""


def trace_list(
    source: Questions, project: str, plan: Plan, *, order: TraceOrder = "-start", limit: int, offset: int = 0
) -> TraceList:
    """The traces in order; of those that are equal in it the one with the smaller id comes first."""
    found = source.assemble(project, plan, traces_max=TRACES_MAX, bare=True)
    batch, trace = found.batch, found.trace
    if not len(batch):
        return TraceList([], found.traces)
    start = batch.column("start_ns")
    end = start + np.maximum(batch.column("duration_ns"), 0)
    forest = Forest.of(batch, trace)
    root = (forest.parent < 0) & (forest.missing == 0)
    rows = np.lexsort((start, ~root, trace))
    firsts = np.searchsorted(trace[rows], np.arange(found.held))
    zero = np.minimum.reduceat(start[rows], firsts)
    length = np.maximum.reduceat(end[rows], firsts) - zero
    high = np.maximum.reduceat(batch.column("trace_high")[rows], firsts)
    low = batch.column("trace_low")[rows[firsts]]
    spans, matched, errors, roots, orphans = (
        np.bincount(trace[mask], minlength=found.held)
        for mask in (slice(None), found.matched, found.is_error, root, forest.missing != 0)
    )
    service, names = services_of(batch)
    several = np.unique(trace * len(names) + service) // len(names)
    services = np.bincount(several, minlength=found.held)
    key = zero if order.endswith("start") else length
    shown = np.lexsort((high, low, -key if order.startswith("-") else key))[offset : offset + limit]
    first = rows[firsts]
    listed = [
        ListedTrace(
            trace_text(int(high[one]), int(low[one])),
            names[service[first[one]]],
            batch.names[int(batch.column("name")[first[one]])].as_py().decode(),
            int(zero[one]) // 1000,
            int(length[one]) // 1000,
            int(spans[one]),
            int(matched[one]),
            int(errors[one]),
            int(services[one]),
            bool(roots[one] == 1 and not orphans[one]),
        )
        for one in shown.tolist()
    ]
    return TraceList(listed, found.traces)
