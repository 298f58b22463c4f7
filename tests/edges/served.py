"""HTTP listeners on real sockets of 127.0.0.1, before an application that answers with what it got."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trustme

from satellite.edges.listeners import Listeners

CA = trustme.CA()
CERTIFICATE = CA.issue_cert("127.0.0.1")
REQUEST = b"POST /x HTTP/1.1\r\nHost: here\r\nContent-Length: 5\r\n\r\nhello"


def context() -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CERTIFICATE.configure_cert(made)
    made.set_alpn_protocols(["http/1.1"])
    return made


def client_context() -> ssl.SSLContext:
    made = ssl.create_default_context()
    CA.configure_trust(made)
    return made


class Echo:
    """Answers with the body it got; can be held up."""

    def __init__(self) -> None:
        self.gate: asyncio.Event | None = None
        self.entered = asyncio.Event()
        self.left = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.entered.set()
        body = b""
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.left.set()
                return
            body += message["body"]
            more = message["more_body"]
        if self.gate is not None:
            await self.gate.wait()
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class Served:
    def __init__(self, app: Any = None, **limits: Any) -> None:
        self.echo = Echo()
        self.traps: asyncio.Queue[tuple[str, int, str, str]] = asyncio.Queue()
        self.server = Listeners(
            clock_ns=lambda: 1_700_000_000 * 10**9,
            on_trap=lambda *trap: self.traps.put_nowait(trap),
            **limits,
        )
        self.plain = self.server.listen(app or self.echo, "127.0.0.1", 0)
        self.secure = self.server.listen(self.echo, "127.0.0.1", 0, context())

    async def talk(self, data: bytes, *, tls: bool = False) -> bytes:
        """Everything that comes back before the connection ends."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.secure if tls else self.plain, ssl=client_context() if tls else None
        )
        writer.write(data)
        answer = await reader.read()
        writer.close()
        return answer


@asynccontextmanager
async def served(**limits: Any) -> AsyncIterator[Served]:
    here = Served(**limits)
    here.server.start()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(here.server.run())
        await asyncio.sleep(0)
        try:
            yield here
        finally:
            await here.server.stop(5)


def closing(request: bytes) -> bytes:
    return request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
