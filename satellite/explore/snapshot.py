"""A snapshot as it is told: what was asked, when, and how much was found."""

from __future__ import annotations

from typing import Any

import msgspec

from satellite.explore.histogram import LatencyHistogram
from satellite.query import parse
from satellite.query.plan import Plan
from satellite.store import Page


class Snapshot(msgspec.Struct, frozen=True):
    """One run: what was asked, when, and how much was found."""

    id: str
    """10 letters and digits."""
    project: str
    query: str
    """As posted."""
    canonical: str
    created_us: int
    complete_us: int
    """From then on it can be asked; a run here is complete at once."""
    oldest_us: int | None
    """The bounds of the run, as posted; None: no bound."""
    youngest_us: int | None
    min_latency_us: int | None
    max_latency_us: int | None
    recall_window_us: int
    """Of the project at that moment."""
    mark: int
    """The project's mark at that moment."""
    spans: int
    """Matching spans, kept or not."""
    errors: int
    traces: int
    """Their traces, kept or not."""
    kept_traces: int
    """At most 3,000; fewer than `traces`: exemplars, each with a weight."""
    kept_spans: int
    """All spans of those traces."""
    bytes: int
    pinned: bool = False
    """Never goes to make room."""
    name: str = ""
    state: dict[str, Any] = {}
    """Of the screen that shows it; the satellite only keeps it."""
    url: str = ""
    """Path of the page that shows it."""

    @property
    def plan(self) -> Plan:
        """What was asked."""
        return parse(self.query).plan.bounded(
            oldest_ns=_ns(self.oldest_us),
            youngest_ns=_ns(self.youngest_us),
            min_duration_ns=_ns(self.min_latency_us),
            max_duration_ns=_ns(self.max_latency_us),
        )


class Kept(msgspec.Struct, frozen=True):
    """A snapshot with its histogram."""

    snapshot: Snapshot
    histogram: LatencyHistogram
    """Of all matching spans, with the historical layers of that moment."""


class Run(msgspec.Struct, frozen=True):
    """What a run found: a snapshot from now on."""

    snapshot: Snapshot
    histogram: LatencyHistogram
    page: Page
    """The slowest spans; further pages are asked of the snapshot."""
    removed: list[str]
    """Snapshots that went to make room."""


def _ns(us: int | None) -> int | None:
    return None if us is None else us * 1000
