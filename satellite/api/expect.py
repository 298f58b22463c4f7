"""Waiting for spans."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import msgspec
from fastapi import Request, Response

from satellite.api.parameters import Project
from satellite.api.routes import BODY_BYTES_MAX, Routes, content_of, json, with_notes
from satellite.errors import BadRequest, SatelliteError
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

        The answer comes with the arrival that completes it. A project that has not received anything yet will do. The wait of
        who leaves ends with it.
        """
        wanted = await _body(request)
        met = await _while_there(request, expect(store, arrivals, project, wanted, log))
        return Response(status_code=_LEFT) if met is None else with_notes(json(met), wanted.query)

    return routes


_LEFT = 499
"""In logs, for an answer that nobody reads; the number that nginx made usual."""


async def _while_there(request: Request, waiting: Coroutine[Any, Any, Met]) -> Met | None:
    """What comes of the wait; None when who asked has left before. Raises as the wait does."""
    async with asyncio.TaskGroup() as tasks:
        wait = tasks.create_task(_outcome(waiting))
        leaving = tasks.create_task(_left(request))
        await asyncio.wait((wait, leaving), return_when=asyncio.FIRST_COMPLETED)
        outcome = wait.result() if wait.done() else None
        wait.cancel()
        leaving.cancel()
    if isinstance(outcome, SatelliteError):
        raise outcome
    return outcome


async def _outcome(waiting: Coroutine[Any, Any, Met]) -> Met | SatelliteError:
    try:
        return await waiting
    except SatelliteError as error:  # as it is, and not in a group
        return error


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _body(request: Request) -> Expectation:
    """The expectation posted, whatever content type it claims (`curl -d` claims a form). Empty: the default."""
    body = await content_of(request, BODY_BYTES_MAX, "the body")
    try:
        return msgspec.json.decode(body or b"{}", type=Expectation)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        hint = '{"query": …, "since": mark, "count": {"min": 1, "max": null}, "timeout_ms": …, "quiet_ms": …}'
        raise BadRequest(f"the body is no expectation: {error}", hint=hint) from error
