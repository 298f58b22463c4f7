"""Parameters that several endpoints share: the project, the spans that are meant."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from satellite.errors import BadRequest
from satellite.explore.asked import Asked, Percentile, Sources
from satellite.intake.tokens import is_project_name, looks_secret, name_of

US_MAX = (2**63 - 1) // 1000


def _of_token(project: str) -> str:
    """What looks like an access token stands for the project that it names; its name is a hash of it."""
    return name_of(project) if looks_secret(project) else project


Project = Annotated[
    str,
    AfterValidator(_of_token),
    Field(description="A project's name; in open mode the access token itself."),
]


def named(project: str) -> str:
    """The project, if one can be called so. Raises BadRequest."""
    if not is_project_name(project):
        raise BadRequest(
            f"{project!r} cannot be a project's name",
            hint="1 to 64 letters, digits, '.', '_', '-', and not one of '.', '..', '-'",
            parameter="project",
        )
    return project


class SourceAsked(BaseModel):
    """Where to look."""

    model_config = ConfigDict(extra="forbid")

    snapshot: str | None = Field(
        None, max_length=64, description="Ask this snapshot in place of the live store."
    )

    def asked(self, sources: Sources, project: str) -> Asked:
        """The source, with all its spans."""
        return sources.asked(project, "", snapshot=self.snapshot)


class Bounds(SourceAsked):
    """Which spans: the query, what is no part of a predicate, and where to look."""

    query: str | None = Field(
        None,
        max_length=65_536,
        description="The predicate, in any written form; empty: all spans. Left out, a snapshot is asked for what "
        "its run asked for.",
    )
    oldest_us: int | None = Field(
        None, ge=-US_MAX, le=US_MAX, description="Start at or after; µs since 1970."
    )
    youngest_us: int | None = Field(None, ge=-US_MAX, le=US_MAX, description="Start before.")
    min_latency_us: int | None = Field(None, ge=-US_MAX, le=US_MAX, description="Duration at least.")
    max_latency_us: int | None = Field(None, ge=-US_MAX, le=US_MAX, description="Duration below.")
    percentile: Percentile | None = Field(
        None, description="Only what is as slow as this percentile of the matching spans, or slower."
    )
    since: int = Field(0, ge=0, le=2**62, description="Only what arrived after this mark.")

    def asked(self, sources: Sources, project: str) -> Asked:
        """What they mean together."""
        return sources.asked(
            project,
            self.query,
            snapshot=self.snapshot,
            percentile=self.percentile,
            oldest_us=self.oldest_us,
            youngest_us=self.youngest_us,
            min_latency_us=self.min_latency_us,
            max_latency_us=self.max_latency_us,
            since=self.since,
        )


class TableBounds(Bounds):
    """Which spans a table shows."""

    filter: str = Field(
        "",
        max_length=65_536,
        description="One more predicate, for this table only; keys may repeat the query's.",
    )
    whole: bool = Field(
        default=False,
        description="All spans in the traces of the matching ones, of at most 3,000 traces.",
    )

    def table(self, sources: Sources, project: str) -> Asked:
        """What they mean together."""
        return self.asked(sources, project).table(filtered=self.filter, whole=self.whole)
