"""The latency histogram with what Explorer lays over it: the past, and one attribute (explorer.md §7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import msgspec
import numpy as np

from satellite.query.plan import ALL, Plan
from satellite.store import Cell, Histogram, Questions
from satellite.store.assembled import TRACES_MAX
from satellite.store.latency import bucket_of

LayerName = Literal["1h", "1d", "1w"]

_AGO_US: dict[LayerName, int] = {"1h": 3_600_000_000, "1d": 86_400_000_000, "1w": 604_800_000_000}

LAYERS: tuple[LayerName, ...] = ("1h", "1d", "1w")


class Layer(msgspec.Struct, frozen=True):
    """The same query over a window of the same length that ended so long ago."""

    name: LayerName
    from_us: int
    to_us: int
    scale: float
    """Spans now ÷ spans then: what to multiply the counts with, so that the shapes can be laid over each other."""
    histogram: Histogram
    reason: str | None
    """"no_data" when nothing is held of that time; no flat line then."""


class Overlay(msgspec.Struct, frozen=True):
    """How those of the spans that have an attribute are distributed."""

    count: int
    errors: int
    buckets: list[Cell]


class LatencyHistogram(Histogram, frozen=True, kw_only=True):
    """A histogram, and what lies over it."""

    layers: list[Layer]
    """Those asked for."""
    overlay: Overlay | None


def histogram(
    source: Questions,
    project: str,
    plan: Plan,
    *,
    layers: Sequence[LayerName] = (),
    overlay: Plan | None = None,
    anywhere: bool = False,
) -> LatencyHistogram:
    """Latencies of all matching spans.

    `layers`: how long ago to look too. `overlay`: terms of the attribute to lay over it; with `anywhere` it may be on
    any span of the same trace, not on the matching one only, and is looked for in at most 3,000 traces.
    """
    found = source.histogram(project, plan)
    return LatencyHistogram(
        **msgspec.structs.asdict(found),
        layers=[_layer(source, project, plan, found, name) for name in layers],
        overlay=None if overlay is None else _overlay(source, project, plan, overlay, anywhere=anywhere),
    )


def time_window_us(plan: Plan, found: Histogram) -> tuple[int, int]:
    """[from, to) of the starts of the spans found: the plan's own bounds, where it has none the spans' own."""
    oldest = found.oldest_us or 0
    newest = found.newest_us if found.newest_us is not None else oldest - 1
    return (
        oldest if plan.oldest_ns is None else plan.oldest_ns // 1000,
        newest + 1 if plan.youngest_ns is None else plan.youngest_ns // 1000,
    )


def layer_plan(plan: Plan, now: Histogram, name: LayerName) -> Plan:
    """What a layer asks for."""
    from_us, to_us = (bound - _AGO_US[name] for bound in time_window_us(plan, now))
    return replace(plan, oldest_ns=from_us * 1000, youngest_ns=to_us * 1000)


def _layer(source: Questions, project: str, plan: Plan, now: Histogram, name: LayerName) -> Layer:
    from_us, to_us = (bound - _AGO_US[name] for bound in time_window_us(plan, now))
    then = source.histogram(project, layer_plan(plan, now, name))
    if not then.count:
        return Layer(name, from_us, to_us, 0.0, then, "no_data")
    return Layer(name, from_us, to_us, now.count / then.count, then, None)


def _overlay(source: Questions, project: str, plan: Plan, overlay: Plan, *, anywhere: bool) -> Overlay:
    if not anywhere:
        found = source.histogram(project, plan.also(overlay))
        cells = [Cell(bucket.index, bucket.count, bucket.errors) for bucket in found.buckets]
        return Overlay(found.count, found.errors, cells)
    traces = source.assemble(project, plan, traces_max=TRACES_MAX)
    having = source.over(project, traces).assemble(project, ALL.also(overlay), traces_max=TRACES_MAX)
    marked = np.zeros(traces.held, np.bool_)
    marked[traces.trace[np.isin(traces.marks, having.marks[having.matched])]] = True
    rows = traces.matched & marked[traces.trace]
    bucket = bucket_of(traces.batch.column("duration_ns")[rows])
    weights, wrong = traces.weights[rows], traces.is_error[rows]
    counts = np.bincount(bucket, weights)
    errors = np.bincount(bucket[wrong], weights[wrong], minlength=len(counts))
    cells = [Cell(i, round(counts[i]), round(errors[i])) for i in np.flatnonzero(counts).tolist()]
    return Overlay(round(counts.sum()), round(errors.sum()), cells)
