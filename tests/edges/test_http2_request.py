"""A request over HTTP/2 as an application sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any, cast

from satellite.edges.grpc.call import Wire
from satellite.edges.http1 import HOLD, UNREAD
from satellite.edges.http2_request import Http2Request
from tests.edges.http2.client import Client


def test_while_it_waits_to_be_refused_nothing_of_its_body_is_kept() -> None:
    held, gate = asyncio.Event(), asyncio.Event()

    async def refuse(scope: Any, receive: Any, send: Any) -> None:
        assert scope["extensions"][HOLD]() == 0
        held.set()
        await gate.wait()
        assert scope["extensions"][UNREAD]() == (b"", False)
        await send({"type": "http.response.start", "status": 503, "headers": []})
        await send({"type": "http.response.body", "body": b"later"})

    async def run() -> None:
        client = Client()
        stream = client.begin().stream
        async with asyncio.TaskGroup() as tasks:

            def start(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
                return tasks.create_task(work)

            wire = SimpleNamespace(http2=client.server, peer="10.1.2.3:4", start=start, write_soon=int)
            request = Http2Request(
                cast(Wire, wire), stream, refuse, server=("10.9.9.9", 8181), scheme="http", headers=[]
            )
            request.begin()
            for _ in range(16):  # then it is begun without the rest
                request.data(b"x" * 1000, ended=False)
            await held.wait()
            request.data(b"y" * 1000, ended=False)
            gate.set()
        assert [one.payload for one in client.take()][-2:-1] == [b"later"], "and the stream is reset"

    asyncio.run(run())
