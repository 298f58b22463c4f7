"""The Explorer's HTTP API: `/api/v1`, put together from its resources, one file each.

Endpoints turn parameters into a Plan, ask the store or `explore`, and write the answer with msgspec; the schemas of
the OpenAPI document are made from the same types. What is served beside the API (pages, diagnostics) is mounted by
others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fastapi import FastAPI

from satellite.api import (
    ROOT,
    checks,
    correlations,
    demo,
    diagram,
    expect,
    explanations,
    faults,
    files,
    groups,
    histogram,
    projects,
    queries,
    reporters,
    requests,
    services,
    snapshots,
    spans,
    streams,
    suggestions,
    tail,
    traces,
)
from satellite.api.document import document
from satellite.api.refusals import handle_errors
from satellite.api.routes import Workers
from satellite.explore.asked import Sources
from satellite.explore.slots import Slots
from satellite.explore.streams import Streams
from satellite.faults.book import Faults
from satellite.intake.arrivals import Arrivals
from satellite.intake.intake import Intake
from satellite.intake.writer import Writer
from satellite.requests.decoded import Inflate
from satellite.requests.log import RequestLog


def create_api(
    *,
    sources: Sources,
    slots: Slots,
    saved: Streams,
    arrivals: Arrivals,
    intake: Intake,
    writer: Writer,
    book: Faults,
    log: RequestLog,
    inflate: Inflate,
    version: str,
    question_seconds_max: float = 10.0,
    demo_traffic: Callable[[], Iterable[bytes]] = tuple,
) -> FastAPI:
    """The application that answers `/api/v1` about the projects of this store and its snapshots.

    `log` has the requests, `inflate` is for their bodies. `demo_traffic`: LightStep reports of a bounded run that ends now,
    for whoever wants to try it.
    """
    api = FastAPI(
        title="Mock LightStep Satellite",
        version=version,
        openapi_url=f"{ROOT}/openapi.json",
        docs_url=None,  # FastAPI's pages load scripts from elsewhere
        redoc_url=None,
        # A program that is tested in this process sets OpenTelemetry's providers for itself: our answers are not its spans.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    handle_errors(api)
    why = explanations.Explanations(sources.store, arrivals, writer, log)
    resources = [
        # Routes are tried in order; many ask this one at once.
        expect.routes(sources.store, arrivals, writer, log),
        projects.routes(sources.store, [sources.snapshots, slots, saved, book, log], arrivals, writer, log),
        queries.routes(),
        services.routes(sources, slots),
        streams.routes(saved),
        suggestions.routes(sources),
        spans.routes(sources, why),
        explanations.routes(sources, why),
        traces.routes(sources),
        histogram.routes(sources),
        groups.routes(sources),
        correlations.routes(sources),
        diagram.routes(sources),
        checks.routes(sources),
        snapshots.routes(sources),
        files.routes(sources, intake),
        demo.routes(intake, demo_traffic),
        tail.routes(sources.store, arrivals),
        faults.routes(book),
        requests.routes(log, inflate),
        reporters.routes(writer),
    ]
    workers = Workers(seconds_max=question_seconds_max)
    for routes in resources:
        routes.workers = workers
        api.router.routes += (
            routes.router.routes
        )  # `include_router` would match each request twice, route by route
    structs = [struct for routes in resources for struct in routes.structs]
    api.openapi = lambda: document(api, structs)  # type: ignore[method-assign]
    return api
