"""Letting spans go: those whose time is up, the oldest beyond a budget, and what somebody wants gone.

First they count no more (a commit moves the project's floor), then their rows are deleted.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from math import isfinite
from typing import Any

from satellite.errors import SatelliteError
from satellite.store.clickhouse.commits import Standing, commit, row
from satellite.store.clickhouse.projects import Projects
from satellite.store.clickhouse.retention import Retention

BUDGET_INSERTS = 64
"""After so many inserts the budgets are looked at (ours)."""


class Eviction:
    """For the thread that writes."""

    def __init__(self, projects: Projects, retention: Retention, clock_seconds: Callable[[], float]) -> None:
        """Of these projects, as far as that says; `clock_seconds` is monotonic."""
        self._projects, self._retention, self._clock_seconds = projects, retention, clock_seconds
        self._inserts = 0
        self._looked = clock_seconds()

    def reset(self, project: str) -> int:
        """See Store."""
        standing = self._projects.standings([project]).get(project)
        if standing is None:
            return 0
        before = self._projects.stored(standing)
        self._evict(standing, standing.moment.mark)
        return before

    def drop(self, project: str) -> bool:
        """See Store. Its counts go back to nothing and its spans are evicted; its marks go on, should it come again."""
        standing = self._projects.standings([project]).get(project)
        if standing is None:
            return False
        mark = standing.moment.mark
        less = {reason: -count for reason, count in standing.dropped.items() if count}
        self._commit(standing, mark, received=-standing.received, dropped=less, forgotten=mark)
        self._projects.dropped(project)
        self._delete(standing, mark, wait=False)
        return True

    def after_insert(self) -> None:
        """The oldest spans go where there are more than the budgets hold; looked at now and then."""
        self._inserts += 1
        if self._inserts % BUDGET_INSERTS:
            return
        projects = self._projects
        with suppress(SatelliteError):  # looked at again after the next inserts
            over = self._retention.over_budget(projects.held(), projects.holdings.span_bytes())
            for standing, spans in over:
                self._evict(standing, projects.holdings.oldest(standing, spans))

    @property
    def look_seconds(self) -> float | None:
        """How often to call `keep_times`; None: never."""
        return self._retention.look_seconds

    def keep_times(self) -> None:
        """Spans go whose time is up, when it is time to look for them."""
        now, every = self._clock_seconds(), self.look_seconds
        if every is None or now - self._looked < every:
            return
        self._looked = now
        with suppress(SatelliteError):  # looked at again later
            for standing in self._projects.standings().values():
                seconds = self._retention.seconds(standing.name)
                if isfinite(seconds):
                    floor = self._projects.holdings.older(standing, seconds)
                    if floor > standing.moment.floor:
                        self._evict(standing, floor)

    def _evict(self, standing: Standing, floor: int) -> None:
        """A project's spans up to this mark go."""
        self._commit(standing, floor)
        self._projects.evicted(standing.name, floor)
        self._delete(standing, floor, wait=True)

    def _commit(self, standing: Standing, floor: int, **counts: Any) -> None:
        number, seat = standing.moment.project, self._projects.seat_number
        commit(self._projects.connection, row(number, seat, standing.name, 0, floor=floor, **counts))

    def _delete(self, standing: Standing, floor: int, *, wait: bool) -> None:
        connection = self._projects.connection
        for table in ("spans", "gone"):
            deletion = connection.tables.deletion(
                table, f"project = {standing.moment.project} AND mark <= {floor}"
            )
            connection.run(f"{deletion} SETTINGS lightweight_deletes_sync = {2 * wait}")
