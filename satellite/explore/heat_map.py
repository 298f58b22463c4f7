"""Latency over time: how many spans start in each step of time and fall in each latency bucket (ours)."""

from __future__ import annotations

import msgspec

from satellite.errors import BadRequest
from satellite.explore.histogram import time_window_us
from satellite.query.plan import Plan
from satellite.store import Column, Questions

COLUMNS = 60
COLUMNS_MAX = 1000


class HeatMap(msgspec.Struct, frozen=True):
    """Steps of time, each with its own distribution; all spans within the window are counted."""

    from_us: int
    to_us: int
    """After the last start in the window; the last step may reach beyond it."""
    step_us: int
    columns: list[Column]
    """Every step, empty ones too."""
    count: int
    errors: int


def heat_map(source: Questions, project: str, plan: Plan, *, columns: int = COLUMNS) -> HeatMap:
    """The matching spans over the plan's window, or over the time between the first and last start among them.

    A box is asked for by the bounds that every question takes: start in [oldest, youngest), duration in [min, max).

    Raises:
        BadRequest: not 1 to COLUMNS_MAX columns.
    """
    if not 1 <= columns <= COLUMNS_MAX:
        raise BadRequest(f"columns must be 1 to {COLUMNS_MAX}", parameter="columns")
    from_us, to_us = time_window_us(plan, source.histogram(project, plan))
    step_us = max(1, -(-(to_us - from_us) // columns))
    found = source.timeline(project, plan, from_ns=from_us * 1000, step_ns=step_us * 1000, columns=columns)
    steps = found[()]
    count, errors = sum(step.count for step in steps), sum(step.errors for step in steps)
    return HeatMap(from_us, to_us, step_us, steps, count, errors)
