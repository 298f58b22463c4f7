"""How much of its projects a store keeps: by bytes on disk, and by time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from satellite.store.clickhouse.commits import Standing

ROOM = 0.95
"""What is left of a budget that was exceeded, so that it is not exceeded again at once (ours)."""

LOOK_SHARE, LOOK_SECONDS_MIN, LOOK_SECONDS_MAX = 0.05, 1.0, 600.0
"""A span goes so much of its time too late at most: each deletion has ClickHouse write something of what stays (ours)."""


@dataclass(frozen=True, slots=True)
class Retention:
    """Beyond any of these a project's oldest spans go."""

    disk_bytes_per_project: int = 2**63
    """Counted as its share of the table, by spans."""
    disk_overrides: Mapping[str, int] = field(default_factory=dict)
    """Other budgets for some projects."""
    disk_bytes_in_total: int = 2**63
    """Beyond it the largest projects give."""
    seconds_per_project: float = math.inf
    """Since a span arrived."""
    seconds_overrides: Mapping[str, float] = field(default_factory=dict)
    """Other times for some projects."""

    def seconds(self, project: str) -> float:
        """How long its spans are kept."""
        return self.seconds_overrides.get(project, self.seconds_per_project)

    @property
    def look_seconds(self) -> float | None:
        """How often to look for spans whose time is up; None: it never is."""
        shortest = min([self.seconds_per_project, *self.seconds_overrides.values()])
        if math.isinf(shortest):
            return None
        return min(max(shortest * LOOK_SHARE, LOOK_SECONDS_MIN), LOOK_SECONDS_MAX)

    def over_budget(
        self, held: Sequence[tuple[Standing, int]], span_bytes: float
    ) -> list[tuple[Standing, int]]:
        """Of projects and how many spans each holds, those that hold too much, and how many of their spans are to go."""
        found = []
        over = sum(spans for _, spans in held) * span_bytes - self.disk_bytes_in_total
        for standing, spans in sorted(held, key=lambda one: one[1], reverse=True):
            size = spans * span_bytes
            own = self.disk_overrides.get(standing.name, self.disk_bytes_per_project)
            budget = min(own, size - max(over, 0))
            if size > budget:
                over -= size - budget
                found.append((standing, max(1, spans - int(max(budget, 0) * ROOM / span_bytes))))
        return found
