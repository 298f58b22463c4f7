"""Span: one span as people and clients see it, and what it holds."""

from __future__ import annotations

from typing import Any

import msgspec

TagValue = Any
"""str, int, float, bool, None, bytes, or a list or dict (text keys) of these."""


class Log(msgspec.Struct, frozen=True):
    """A timed event in a span."""

    time_us: int
    fields: dict[str, TagValue]


class Reference(msgspec.Struct, frozen=True, omit_defaults=True):
    """Another span that this one follows; its parent usually."""

    kind: str
    """child_of or follows_from."""
    trace_id: str
    span_id: str
    attributes: dict[str, TagValue] = {}


class ReporterView(msgspec.Struct, frozen=True):
    """The process that sent a span, as the API shows it."""

    id: str
    """16 hex digits, zeros when the protocol has none."""
    attributes: dict[str, TagValue]


class Span(msgspec.Struct, frozen=True, omit_defaults=True):
    """One span as the API shows it; the README's JSON, field by field."""

    trace_id: str
    """16 hex digits, 32 when the upper half is not zero."""
    span_id: str
    parent_span_id: str | None
    """None for a root; the parent itself may be missing."""
    service: str
    operation: str
    kind: str | None
    """internal, server, client, producer or consumer; None when the sender did not say."""
    start_us: int
    """Since the epoch, clock correction applied."""
    duration_us: int
    error: bool
    tags: dict[str, TagValue]
    """Typed as sent; of a repeated key the last value."""
    logs: list[Log]
    references: list[Reference]
    reporter: ReporterView
    protocol: str
    mark: int
    """Position in the order of arrival, within the project."""
    marks: list[str] = []
    """What was out of the ordinary (Marks)."""
    extra: dict[str, TagValue] = {}
    """What only some protocols have: baggage, trace state, status message, offset_us."""
    duration_ns: int | None = None
    """The same as `duration_us`, where that is not all of it: a duration that is no whole number of µs."""

    @property
    def exact_duration_us(self) -> float:
        """With the part of a microsecond that `duration_us` leaves out; for showing."""
        return self.duration_us if self.duration_ns is None else self.duration_ns / 1000


def counted(number: int, one: str) -> str:
    """`1 span`, `2 spans`."""
    return f"{number} {one}" if number == 1 else f"{number} {one}s"


def latency(duration_us: float) -> str:
    """A duration in the unit that suits it; what is less than a microsecond in ns, so that only 0 is shown as such."""
    if 0 < abs(duration_us) < 1:
        return f"{duration_us * 1000:.4g} ns"
    for unit, size in (("s", 1_000_000), ("ms", 1000)):
        if abs(duration_us) >= size:
            return f"{duration_us / size:.4g} {unit}"
    return f"{duration_us:.4g} µs"
