"""Waiting until all that was sent before is in: each reporter has begun a report since then, and it was taken (testing.md §7.1).

Fences are numbered. Whoever takes reports notes how many there are when one begins, so that no clock is asked which of two began
first: clocks are set, and differ.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec

from satellite.errors import BadRequest, NotFound, NotMet, SatelliteError, StoreFailed
from satellite.explore.evidence import evidence
from satellite.explore.explanation import explain
from satellite.explore.standing import in_worker
from satellite.intake.arrivals import Arrivals
from satellite.intake.reporters import ReporterStatus
from satellite.query.plan import ALL
from satellite.requests.log import RequestLog
from satellite.store import Store

TIMEOUT_MS_DEFAULT = 5_000
TIMEOUT_MS_MAX = 60_000
"""Longer waits would outlive proxies and test runners; wait again instead (testing.md §7.3)."""
SERVICES_MAX = 100
"""That one fence may name (ours)."""
NAMED = 5
"""Reporters that a failure's text names."""


class Whose(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose reports are waited for."""

    services: Annotated[list[str], msgspec.Meta(max_length=SERVICES_MAX)] = []
    """A report of each of these; none: of each reporter that was heard of so far, or of the first one."""


class Fence(Whose, frozen=True, forbid_unknown_fields=True):
    """Whose reports are waited for, and how long."""

    timeout_ms: Annotated[int, msgspec.Meta(ge=0, le=2**62)] = TIMEOUT_MS_DEFAULT


class Fenced(msgspec.Struct, frozen=True):
    """What they had sent before is in."""

    reporters: list[ReporterStatus]
    """Those that have reported since, the last heard first."""
    mark: int
    """The place of the last span in the order of arrival: `since` for what comes next."""


@dataclass(frozen=True)
class Fences:
    """Knows who reports."""

    store: Store
    arrivals: Arrivals
    reporters: Callable[[str], list[ReporterStatus]]
    """Of a project."""
    behind: Callable[[str, int], list[ReporterStatus]]
    """Those of them of whom a report was taken that began when there was this fence."""
    begin: Callable[[], int]
    """Makes one more fence, and says which it is."""
    clock_ns: Callable[[], int]
    """ns since the epoch."""
    log: RequestLog

    async def passed(self, project: str, wanted: Fence) -> Fenced:
        """As soon as each has begun a report after this call, and its spans are visible.

        Raises:
            BadRequest: a timeout over TIMEOUT_MS_MAX.
            NotMet: the time is over, or a report was refused for good, which can never come in.
            NotFound: the project was dropped meanwhile.
            StoreFailed: the satellite stops.
        """
        if wanted.timeout_ms > TIMEOUT_MS_MAX:
            raise BadRequest(f"timeout_ms is at most {TIMEOUT_MS_MAX}", hint="wait again")
        clock = asyncio.get_running_loop().time
        deadline = clock() + wanted.timeout_ms / 1000
        with self.arrivals.watch(project, reports=True) as watch:
            fence = self.begin()
            before = {_identity(one) for one in self.reporters(project)}
            while True:
                begun = self.behind(project, fence)
                late: Sequence[str | ReporterStatus]
                if wanted.services:
                    heard = {one.service for one in begun}
                    late = [name for name in wanted.services if name not in heard]
                else:
                    due = before - {_identity(one) for one in begun}
                    late = [one for one in self.reporters(project) if _identity(one) in due] or (
                        [] if begun else ["anybody"]
                    )
                if not late:
                    return Fenced(begun, self.store.mark(project))
                if watch.dropped:
                    raise NotFound(f"project {project} was dropped during the wait")
                if watch.closed:
                    raise StoreFailed("the satellite stops; the wait ends without a result")
                if watch.refusal:
                    why = f"a report was refused for good: {watch.refusal}"
                    raise await self._failed(project, why, [self._named(one) for one in late])
                if not await watch.wait(max(0.0, deadline - clock())) and clock() >= deadline:
                    names = [self._named(one) for one in late]
                    shown = ", ".join(names[:NAMED]) + f" and {len(names) - NAMED} more" * (
                        len(names) > NAMED
                    )
                    within = f"within {wanted.timeout_ms / 1000:g} s"
                    raise await self._failed(project, f"no report was begun {within} by {shown}", names)

    def _named(self, one: str | ReporterStatus) -> str:
        if isinstance(one, str):
            return one
        ago_s = (self.clock_ns() - one.last_seen_ns) / 1e9
        tracer = f"{one.tracer} {one.tracer_version}".strip() or one.protocol
        return f"{one.service} ({tracer}, last heard {ago_s:.1f} s ago)"

    async def _failed(self, project: str, why: str, late: Sequence[str]) -> SatelliteError:
        found = evidence(self.log, project, 0)
        explanation = await in_worker(
            self.arrivals, lambda: explain(self.store, project, ALL, self.arrivals.latest(), found=found)
        )
        return NotMet(
            f"not all that was sent is known to be in: {why} (project {project})",
            hint="many tracers send nothing while they have nothing: let each make a span or flush, or name the services that do",
            project=project,
            waiting_for=list(late),
            explanation=msgspec.to_builtins(explanation),
        )


def _identity(one: ReporterStatus) -> tuple[str, str, str]:
    return one.protocol, one.id, one.service
