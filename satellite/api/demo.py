"""Demo traffic from within: what `satellite demo` would send in an hour, kept at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from itertools import islice

import msgspec
from starlette.responses import Response

from satellite.api.parameters import Project, named
from satellite.api.routes import Routes, json
from satellite.errors import Overloaded
from satellite.intake.intake import Intake
from satellite.model.report import Receipt
from satellite.protocols.lightstep import protobuf

AT_ONCE = 20
"""Reports handed to the intake together: the first are seen while the rest are made up, and none waits long for the others."""

PAUSES_S = (0.1, 0.3, 1.0, 3.0, 10.0)
"""A report for which there is no room is sent again after these, as senders do."""


class DemoSent(msgspec.Struct, frozen=True):
    """What was sent."""

    spans: int


def routes(intake: Intake, traffic: Callable[[], Iterable[bytes]]) -> Routes:
    """Its endpoint; `traffic`: the reports of a run that ends now, as LightStep's protobuf."""
    routes = Routes()
    one_at_a_time = asyncio.Lock()

    async def sent(body: bytes, project: str) -> Receipt:
        pauses = iter(PAUSES_S)
        while True:
            receipt = await intake.submit(protobuf.PROTOCOL, body, project=project, peer="demo")
            pause_s = next(pauses, None) if isinstance(receipt.refusal, Overloaded) else None
            if pause_s is None:
                return receipt
            await asyncio.sleep(pause_s)

    @routes.post("/projects/{project}/demo", DemoSent)
    async def demo(project: Project) -> Response:
        """Send an hour of Bookinfo traffic that ends now into the project; some 15,000 spans."""
        named(project)
        spans = 0
        async with one_at_a_time:
            reports = iter(traffic())
            while bodies := await asyncio.to_thread(lambda: list(islice(reports, AT_ONCE))):
                for receipt in await asyncio.gather(*(sent(body, project) for body in bodies)):
                    if receipt.refusal is not None:
                        raise receipt.refusal
                    spans += receipt.stored
        return json(DemoSent(spans))

    return routes
