"""The service directory: who reports, how fast, how often, how wrong (explorer.md §14)."""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal

import msgspec

from satellite.errors import BadRequest, NotFound
from satellite.explore.groups import rate_window_us
from satellite.explore.histogram import time_window_us
from satellite.explore.slots import Slots
from satellite.query.plan import Field, Plan, Term
from satellite.store import Column, Group, Questions

OPERATIONS_MAX = 50
"""Operations that a service shows, as in Explorer."""

SERIES_MAX = 200

_PLATFORMS = ("lightstep.tracer_platform", "telemetry.sdk.language")

Direction = Literal["ingress", "egress", "internal"]

_DIRECTIONS: dict[str | None, Direction] = {
    "server": "ingress",
    "consumer": "ingress",
    "client": "egress",
    "producer": "egress",
}


class Point(msgspec.Struct, frozen=True):
    """One step of time."""

    from_us: int
    count: int
    errors: int
    p50_us: int | None
    p95_us: int | None
    p99_us: int | None


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """How much, how wrong, how slow."""

    spans: int
    errors: int
    error_ratio: float
    ops_per_s: float | None
    """Spans ÷ seconds of the window, with a series of the time that it shows; None when that is 0."""
    avg_latency_us: float
    p50_us: int
    p95_us: int
    p99_us: int
    series: list[Point] | None
    """Over the window, when asked for."""


class Service(Traffic, frozen=True, kw_only=True):
    """One line of the service directory."""

    service: str
    slot: int
    """0 to 13: the place of its colour, given once, in order of first arrival."""
    operations: int
    """Distinct operations."""


class ServiceList(msgspec.Struct, frozen=True):
    """The services that report, alphabetical."""

    services: list[Service]


class Operation(Traffic, frozen=True, kw_only=True):
    """What a service does, or asks others to do."""

    operation: str
    kind: str | None
    """As `span.kind` says."""
    direction: Direction
    exemplar_span_ids: list[str]


class OneService(msgspec.Struct, frozen=True):
    """A service with its operations."""

    service: Service
    platforms: list[str]
    """Of its reporters: `c++`, `go`, …"""
    operations: list[Operation]
    """The most frequent OPERATIONS_MAX, by direction then count."""


def services(source: Questions, project: str, plan: Plan, slots: Slots, *, series: int = 0) -> list[Service]:
    """The services of the matching spans, alphabetical as in LightStep's service directory.

    `series`: in how many steps of time to show each; 0: none. Raises BadRequest for more than SERIES_MAX.
    """
    found = source.groups(project, plan, ("service",), order="values").groups
    operations = Counter(
        group.values[0] for group in source.groups(project, plan, ("service", "operation")).groups
    )
    names = [group.values[0] or "" for group in found]
    given = slots.of(source, project, names)
    seconds, steps = _series(source, project, plan, ("service",), series)
    return [
        Service(
            service=name,
            slot=given[name],
            operations=operations[name],
            **_traffic(group, seconds, steps.get((name,))),
        )
        for name, group in zip(names, found, strict=True)
    ]


def service(
    source: Questions, project: str, plan: Plan, slots: Slots, name: str, *, series: int = 0
) -> OneService:
    """One service with its operations, in and out. Raises NotFound, BadRequest."""
    mine = plan.also(Plan((Term(Field.SERVICE, "service", (name,)),)))
    found = services(source, project, mine, slots, series=series)
    if not found:
        raise NotFound(
            f"no span of service {name[:200]!r} is held here",
            hint=f"GET /api/v1/projects/{project}/services lists those that report",
        )
    keys = ("operation", "span.kind")
    rows = source.groups(project, mine, keys, order="-count", limit=OPERATIONS_MAX).groups
    seconds, steps = _series(source, project, mine, keys, series)
    operations = [
        Operation(
            operation=group.values[0] or "",
            kind=group.values[1],
            direction=_DIRECTIONS.get(group.values[1], "internal"),
            exemplar_span_ids=group.exemplar_span_ids,
            **_traffic(group, seconds, steps.get(tuple(group.values))),
        )
        for group in rows
    ]
    operations.sort(
        key=lambda row: (("ingress", "egress", "internal").index(row.direction), -row.spans, row.operation)
    )
    platforms = {
        group.values[0]
        for key in _PLATFORMS
        for group in source.groups(project, mine, (key,)).groups
        if group.values[0] is not None
    }
    return OneService(found[0], sorted(platforms), operations)


def _series(
    source: Questions, project: str, plan: Plan, by: tuple[str, ...], steps: int
) -> tuple[float, dict[tuple[str | None, ...], list[Column]]]:
    """(the seconds that rates are told by, the series).

    Who sees the course of a rate wants the rate of that course, also where spans of an hour arrived in a moment: from
    a file, from the demo. Without a series, or with less than a second in it, rates are those of groups.
    """
    if not 0 <= steps <= SERIES_MAX:
        raise BadRequest(f"series has at most {SERIES_MAX} steps", parameter="series")
    seconds = rate_window_us(source, project, plan) / 1e6
    if not steps:
        return seconds, {}
    from_us, to_us = time_window_us(plan, source.histogram(project, plan))
    step_us = max(1, -(-(to_us - from_us) // steps))
    series = source.timeline(
        project, plan, from_ns=from_us * 1000, step_ns=step_us * 1000, columns=steps, by=by
    )
    shown = (to_us - from_us) / 1e6
    return shown if shown >= 1 else seconds, series


def _traffic(group: Group, seconds: float, steps: list[Column] | None) -> dict[str, Any]:
    return {
        "spans": group.count,
        "errors": group.errors,
        "error_ratio": group.error_ratio,
        "ops_per_s": group.count / seconds if seconds > 0 else None,
        "avg_latency_us": group.avg_latency_us,
        "p50_us": group.p50_us,
        "p95_us": group.p95_us,
        "p99_us": group.p99_us,
        "series": None if steps is None else [point(step) for step in steps],
    }


def point(step: Column) -> Point:
    """A step without its cells."""
    at = step.percentiles.get
    return Point(step.from_us, step.count, step.errors, at("p50"), at("p95"), at("p99"))
