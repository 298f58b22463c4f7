"""Waiting for spans."""

from __future__ import annotations

import msgspec
from fastapi import Request, Response

from satellite.api.parameters import Project
from satellite.api.routes import BODY_BYTES_MAX, Routes, content_of, json, with_notes
from satellite.errors import BadRequest
from satellite.explore.expect import Expectation, Met, expect
from satellite.intake.arrivals import Arrivals
from satellite.requests.log import RequestLog
from satellite.store import Store


def routes(store: Store, arrivals: Arrivals, log: RequestLog) -> Routes:
    """Its endpoint."""
    routes = Routes()

    @routes.post(
        "/projects/{project}/expect",
        Met,
        takes=Expectation,
        fails={408: "They did not come in time", 409: "More came than are right"},
    )
    async def wait(project: Project, request: Request) -> Response:
        """Wait until the right number of spans has arrived: 200; 408 when they do not, 409 when too many do.

        The answer comes with the arrival that completes it. A project that has not received anything yet will do.
        """
        wanted = await _body(request)
        return with_notes(json(await expect(store, arrivals, project, wanted, log)), wanted.query)

    return routes


async def _body(request: Request) -> Expectation:
    """The expectation posted, whatever content type it claims (`curl -d` claims a form). Empty: the default."""
    body = await content_of(request, BODY_BYTES_MAX, "the body")
    try:
        return msgspec.json.decode(body or b"{}", type=Expectation)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        hint = '{"query": …, "since": mark, "count": {"min": 1, "max": null}, "timeout_ms": …, "quiet_ms": …}'
        raise BadRequest(f"the body is no expectation: {error}", hint=hint) from error
