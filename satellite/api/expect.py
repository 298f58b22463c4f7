"""Waiting for spans, and for all that was sent."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from satellite.api.parameters import Project
from satellite.api.presence import LEFT, while_there
from satellite.api.routes import BODY_BYTES_MAX, Routes, content_of, json, with_notes
from satellite.errors import BadRequest
from satellite.explore.expect import Expectation, Met, expect
from satellite.explore.fence import Fence, Fenced, Fences
from satellite.intake.arrivals import Arrivals
from satellite.intake.writer import Writer
from satellite.requests.log import RequestLog
from satellite.store import Store


def routes(store: Store, arrivals: Arrivals, writer: Writer, log: RequestLog) -> Routes:
    """Its endpoints."""
    fences = Fences(
        store, arrivals, writer.reporters, writer.behind, writer.begin_fence, writer.clock_ns, log
    )
    routes = Routes()

    @routes.post(
        "/projects/{project}/expect",
        Met,
        takes=Expectation,
        fails={408: "They did not come in time", 409: "More came than are right"},
    )
    async def wait(project: Project, request: Request) -> Response:
        """Wait until the right number of spans has arrived: 200; 408 when they do not, 409 when too many do.

        The answer comes with the arrival that completes it. A project that has not received anything yet will do. The wait of
        who leaves ends with it.
        """
        wanted = await _body(request, Expectation, _EXPECTATION)
        met = await while_there(request, expect(store, arrivals, project, wanted, log, fences))
        return Response(status_code=LEFT) if met is None else with_notes(json(met), wanted.query)

    @routes.post(
        "/projects/{project}/fence",
        Fenced,
        takes=Fence,
        fails={408: "Not each of them began a report in time, or one was refused for good"},
    )
    async def fence(project: Project, request: Request) -> Response:
        """Wait until each reporter has begun a report after this call and it is in: so all that it sent before is in, too.

        Also a report without spans counts. Of tracers that send nothing while they have nothing it never comes.
        """
        wanted = await _body(request, Fence, _FENCE)
        passed = await while_there(request, fences.passed(project, wanted))
        return Response(status_code=LEFT) if passed is None else json(passed)

    return routes


T = TypeVar("T")

_EXPECTATION = '{"query": …, "since": mark, "count": {"min": 1, "max": null}, "timeout_ms": …, "quiet_ms": …, "fence": {}}'
_FENCE = '{"services": [], "timeout_ms": …}'


async def _body(request: Request, kind: type[T], form: str) -> T:
    """What is posted, whatever content type it claims (`curl -d` claims a form). Empty: the default."""
    body = await content_of(request, BODY_BYTES_MAX, "the body")
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"the body is no {kind.__name__.lower()}: {error}", hint=form) from error
