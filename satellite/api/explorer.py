"""The Explorer's HTTP API: `/api/v1`, put together from its resources, one file each.

Endpoints turn parameters into a Plan, ask the store or `explore`, and write the answer with msgspec; the schemas of
the OpenAPI document are made from the same types. What is served beside the API (pages, diagnostics) is mounted by
others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import cached_property
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

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
from satellite.api.refusals import HANDLERS, failure, refusal
from satellite.api.routes import Routes
from satellite.api.workers import Workers
from satellite.errors import SatelliteError
from satellite.explore.asked import Sources
from satellite.explore.slots import Slots
from satellite.explore.streams import Streams
from satellite.faults.book import Faults
from satellite.intake.arrivals import Arrivals
from satellite.intake.intake import Intake
from satellite.intake.writer import Writer
from satellite.requests.decoded import Inflate
from satellite.requests.log import RequestLog


class Api:
    """The application; its own description of itself is made when it is first asked for.

    What an endpoint answers goes to it at once. Starlette, whose layers cost the event loop more than a small question does,
    has the rest: paths and methods that there are not, and the description.
    """

    def __init__(self, resources: Sequence[Routes], workers: Workers, version: str) -> None:
        """Args: `version` of the satellite, for the description."""
        self._resources = resources
        self._version = version
        self.close = workers.close
        self._routes: defaultdict[str, list[Route]] = defaultdict(list)
        """In the order in which they are tried, by the resource that their paths name."""
        for one in resources:
            one.workers = workers
            for endpoint in one.endpoints:
                route = endpoint.route(workers)
                self._routes[_resource(route.path)].append(route)
        served = [route for routes in self._routes.values() for route in routes]
        described = Route(f"{ROOT}/openapi.json", self._described)
        self._others = Starlette(routes=[*served, described], exception_handlers=HANDLERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        for route in self._routes.get(_resource(scope["path"]), ()):
            match, found = route.matches(scope)
            if match is Match.FULL:
                await _answer(route.endpoint, {**scope, **found}, receive, send)
                return
        await self._others(scope, receive, send)

    @cached_property
    def _document(self) -> dict[str, Any]:
        return document(self._resources, self._version)

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document."""
        return self._document

    async def _described(self, _: Request) -> Response:
        body = await run_in_threadpool(lambda: msgspec.json.encode(self.openapi()))
        return Response(body, media_type="application/json")


async def _answer(
    endpoint: Callable[[Request], Awaitable[Response]], scope: Scope, receive: Receive, send: Send
) -> None:
    try:
        response = await endpoint(Request(scope, receive, send))
    except SatelliteError as error:
        response = refusal(error)
    except Exception:
        await failure()(scope, receive, send)
        raise
    await response(scope, receive, send)


def _resource(path: str) -> str:
    """What a path below ROOT is about: the name behind `/projects/{project}/` if it has one, else the first."""
    _, _, _, first, *more = (*path.split("/", 6), "", "", "")
    return more[1] or first if first == "projects" else first


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
) -> Api:
    """The application that answers `/api/v1` about the projects of this store and its snapshots.

    `log` has the requests, `inflate` is for their bodies. `demo_traffic`: LightStep reports of a bounded run that ends now,
    for whoever wants to try it.
    """
    why = explanations.Explanations(sources.store, arrivals, writer, log)
    resources = [
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
    return Api(resources, Workers(seconds_max=question_seconds_max), version)
