"""Why an answer is empty."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from satellite.api.parameters import Bounds, Project
from satellite.api.routes import Routes, json
from satellite.explore.asked import Sources
from satellite.explore.evidence import evidence
from satellite.explore.explanation import Explanation, explain
from satellite.explore.standing import Gone, gone
from satellite.explore.window import plan_of
from satellite.intake.arrivals import Arrivals
from satellite.intake.writer import Writer
from satellite.query.plan import Plan
from satellite.requests.log import RequestLog
from satellite.store import Questions, Store

REFUSALS = 3
"""Kinds of refusals that are told, the latest first."""


@dataclass(frozen=True, slots=True)
class Explanations:
    """Explains with what the store, the writer and the arrivals know."""

    store: Store
    arrivals: Arrivals
    writer: Writer
    log: RequestLog

    def of(self, source: Questions, project: str, plan: Plan) -> Explanation:
        """Why these spans are none."""
        told = dict.fromkeys(
            f"{refusal.protocol} from {refusal.peer or 'unknown'}: {refusal.message}"
            for refusal in reversed(self.writer.refusals)
            if refusal.project in ("", project)
        )
        found = evidence(self.log, project, plan.since)
        live = source is self.store  # a snapshot keeps what it has
        left = gone(self.store, self.arrivals, project, plan.since) if live else Gone()
        return explain(source, project, plan, self.arrivals.latest(), list(told)[:REFUSALS], found, left=left)


def routes(sources: Sources, explanations: Explanations) -> Routes:
    """Its endpoint."""
    routes = Routes()

    @routes.get("/projects/{project}/explain", Explanation)
    def explanation(project: Project, asked: Bounds) -> Response:
        """What each term of a query matches, alone and after those before it; what comes near; what arrived at all.

        Also for a project that has not received anything.
        """
        if asked.snapshot is not None or asked.percentile is not None:
            where = asked.asked(sources, project)
            return json(explanations.of(where.source, project, where.plan))
        plan = plan_of(
            asked.query or "",
            oldest_us=asked.oldest_us,
            youngest_us=asked.youngest_us,
            min_latency_us=asked.min_latency_us,
            max_latency_us=asked.max_latency_us,
            since=asked.since,
        )
        return json(explanations.of(sources.store, project, plan))

    return routes
