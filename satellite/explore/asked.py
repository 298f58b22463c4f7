"""What is asked: which spans of which source. Every way in (HTTP, gRPC) turns its parameters into this."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from satellite.errors import NotFound
from satellite.explore.snapshots import Snapshots
from satellite.explore.window import plan_of
from satellite.query import parse
from satellite.query.plan import Plan
from satellite.store import Questions, Store
from satellite.store.assembled import TRACES_MAX

Percentile = Literal["p50", "p95", "p99", "p99.9"]


@dataclass(frozen=True)
class Asked:
    """Spans to ask about: those of a project that satisfy the plan, in the store or in a snapshot."""

    source: Questions
    project: str
    plan: Plan

    def table(self, *, filtered: str = "", whole: bool = False) -> Asked:
        """The spans that a table shows: with `whole` all spans of the matches' traces, of at most 3,000 traces.

        `filtered` is one more query, for the table only. Raises BadQuery.
        """
        terms = parse(filtered).plan
        if not whole:
            return replace(self, plan=self.plan.also(terms))
        traces = self.source.assemble(self.project, self.plan, traces_max=TRACES_MAX)
        window_us = self.source.recall_window_us(self.project)
        return replace(
            self,
            source=self.source.over(self.project, traces, recall_window_us=window_us),
            plan=terms,
        )


@dataclass(frozen=True)
class Sources:
    """Where spans can be asked for."""

    store: Store
    snapshots: Snapshots

    def asked(
        self,
        project: str,
        query: str | None = None,
        *,
        snapshot: str | None = None,
        percentile: Percentile | None = None,
        oldest_us: int | None = None,
        youngest_us: int | None = None,
        min_latency_us: int | None = None,
        max_latency_us: int | None = None,
        since: int = 0,
    ) -> Asked:
        """Which spans are meant.

        Without a query: all spans; of a snapshot those that its run asked for, where "" means all of its traces.
        `percentile`: only what is as slow as this one of the matching spans, or slower. For the other bounds see
        `plan_of`.

        Raises:
            BadQuery, BadRequest: they make no sense.
            NotFound: no such project, or snapshot.
        """
        bounds = plan_of(
            query or "",
            oldest_us=oldest_us,
            youngest_us=youngest_us,
            min_latency_us=min_latency_us,
            max_latency_us=max_latency_us,
            since=since,
        )
        source: Questions = self.store
        plan = bounds
        if snapshot is None:
            known(self.store, project)
        else:
            source, own = self.snapshots.source(project, snapshot)
            if query is None:
                plan = own.within(bounds)
        if percentile is not None:
            least_us = source.histogram(project, plan).percentiles.get(percentile)
            plan = plan if least_us is None else plan.lasting(least_us * 1000, None)
        return Asked(source, project, plan)


def known(store: Store, project: str) -> str:
    """The project, which has received spans or reports at least. Raises NotFound."""
    if not store.mark(project) and all(stats.project != project for stats in store.projects()):
        raise NotFound(
            f"no project {project!r} has received spans",
            hint="GET /api/v1/projects lists those that have; a project begins with its first report",
        )
    return project
