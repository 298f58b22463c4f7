"""Parameters that several endpoints share: the project, the spans that are meant."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

from satellite.api.routes import ROOT
from satellite.errors import NotFound
from satellite.explore.window import plan_of
from satellite.query.plan import Plan
from satellite.store import Store

_US_MAX = (2**63 - 1) // 1000

Project = Annotated[str, Path(description="A project's name; in open mode the access token itself.")]


class Bounds(BaseModel):
    """Which spans: the query, and what is no part of a predicate."""

    model_config = ConfigDict(extra="forbid")

    query: str = Field(
        "", max_length=65_536, description="The predicate, in any written form; empty: all spans."
    )
    oldest_us: int | None = Field(
        None, ge=-_US_MAX, le=_US_MAX, description="Start at or after; µs since 1970."
    )
    youngest_us: int | None = Field(None, ge=-_US_MAX, le=_US_MAX, description="Start before.")
    min_latency_us: int | None = Field(None, ge=-_US_MAX, le=_US_MAX, description="Duration at least.")
    max_latency_us: int | None = Field(None, ge=-_US_MAX, le=_US_MAX, description="Duration below.")
    since: int = Field(0, ge=0, le=2**62, description="Only what arrived after this mark.")

    def plan(self) -> Plan:
        """What they mean together."""
        return plan_of(
            self.query,
            oldest_us=self.oldest_us,
            youngest_us=self.youngest_us,
            min_latency_us=self.min_latency_us,
            max_latency_us=self.max_latency_us,
            since=self.since,
        )


def known(store: Store, project: str) -> str:
    """The project, which has received spans or reports at least. Raises NotFound."""
    if not store.mark(project) and all(stats.project != project for stats in store.projects()):
        raise NotFound(
            f"no project {project!r} has received spans",
            hint=f"GET {ROOT}/projects lists those that have; a project begins with its first report",
        )
    return project
