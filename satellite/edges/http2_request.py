"""A request over HTTP/2 that is not gRPC, as an ASGI application sees it."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

from satellite.edges import http2
from satellite.edges.faulty import CONNECTION
from satellite.edges.grpc.call import Wire
from satellite.edges.http1 import HOLD, UNREAD
from satellite.edges.pace import PACE, Pace

_PENDING_BYTES_MAX = 256 * 1024
_NO_BODY = {204, 304}
_BODY_SECONDS = 0.05
_PARTS = 16
"""How long, and for how many DATA frames, the application waits for the rest of a body: nearly every body is whole by
then, and one task's turn is enough."""

log = logging.getLogger(__name__)


class Http2Request:
    """One stream with the application's task."""

    def __init__(
        self,
        wire: Wire,
        stream: http2.Stream,
        app: Any,
        *,
        server: tuple[str, int],
        scheme: str,
        headers: Sequence[tuple[bytes, bytes]],
    ) -> None:
        """Args: `headers` are on every answer."""
        self._wire = wire
        self._stream = stream
        self._app = app
        self._every_answer = headers
        self._parts: deque[bytes] = deque()
        self._complete = not stream.remote_open
        self._pace = Pace(asyncio.get_running_loop().time)
        self._left = False
        self._held = False
        """Whether what comes is thrown away."""
        self._told_to_continue = True
        self._started = False
        self._arrived = asyncio.Event()
        self._drained = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        head = stream.head
        path, _, query = head.path.partition(b"?")
        self._path = unquote(path.decode("latin-1"))
        fields = list(head.fields)
        if head.authority:
            fields = [
                (b"host", head.authority),
                *((name, value) for name, value in fields if name != b"host"),
            ]
        self._told_to_continue = (b"expect", b"100-continue") not in fields
        host, _, port = wire.peer.rpartition(":")
        self._scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "2",
            "server": server,
            "client": (host, int(port or 0)),
            "scheme": scheme,
            "method": head.method.decode("latin-1"),
            "root_path": "",
            "path": self._path,
            "raw_path": path,
            "query_string": query,
            "headers": fields,
            "state": {},
            "extensions": {HOLD: self._hold, UNREAD: self._unread, CONNECTION: wire, PACE: self._pace},
        }

    def begin(self) -> None:
        """Run the application once the body is here, or when it takes its time."""
        if self._complete or not self._told_to_continue:
            self._run_now()
        else:
            self._timer = asyncio.get_running_loop().call_later(_BODY_SECONDS, self._run_now)

    def _run_now(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is None and not self._left:
            self._task = self._wire.start(self._run())
            if self._task is None:
                self.refuse(503, b"the satellite is stopping; send again\n")

    def refuse(self, status: int, text: bytes) -> None:
        """An answer without the application."""
        fields = [
            (b":status", b"%d" % status),
            (b"content-type", b"text/plain"),
            (b"content-length", b"%d" % len(text)),
        ]
        self._wire.http2.send_headers(self._stream, [*fields, *self._every_answer])
        self._wire.http2.send_data(self._stream, text, end=True)
        self._finish()

    # What the connection tells

    def data(self, data: bytes, *, ended: bool) -> None:
        """A piece of the body."""
        if data:
            if not self._held:
                self._parts.append(data)
            self._pace.came(len(data))
        self._complete = ended
        self._arrived.set()
        if self._timer is not None and (ended or len(self._parts) >= _PARTS):
            self._run_now()

    def ended(self) -> None:
        """The client has said all."""
        self.data(b"", ended=True)

    def reset(self) -> None:
        """The client is gone."""
        self._left = True
        if self._timer is not None:
            self._timer.cancel()
        self._arrived.set()
        self._drained.set()

    def drained(self) -> None:
        """What was queued is written."""
        self._drained.set()

    def stop(self) -> None:
        """We stop: what is in hand is answered."""

    def tick(self, now: float) -> None:
        """A second passed: a body that is too slow is given up, unless it is the application that takes its time."""
        waits = not (self._complete or self._left or self._parts)
        if waits and self._stream.local_open and self._wire.is_too_slow(self._pace, now):
            self._pace.given_up = True
            self._wire.slow_body(self._path)
            if self._started:
                self._wire.http2.reset(self._stream, http2.ErrorCode.ENHANCE_YOUR_CALM)
            else:
                self.refuse(408, b"the body comes too slowly\n")
            self.reset()

    # What the application does

    async def _run(self) -> None:
        try:
            await self._app(self._scope, self._receive, self._send)
        except Exception as error:
            log.exception("the application failed", exc_info=error)
        if not self._left and self._stream.local_open:
            if self._started:
                self._wire.http2.reset(self._stream, http2.ErrorCode.INTERNAL_ERROR)
                self._wire.write_soon()
            else:
                self.refuse(500, b"the satellite failed; see its log\n")

    async def _receive(self) -> dict[str, Any]:
        if not self._told_to_continue:
            self._told_to_continue = True
            self._wire.http2.send_headers(self._stream, [(b":status", b"100")])
            self._wire.write_soon()
        while not self._parts and not self._complete and not self._left:
            self._arrived.clear()
            await self._arrived.wait()
        if self._left or (self._complete and not self._parts and not self._stream.local_open):
            return {"type": "http.disconnect"}
        body = b"".join(self._parts)
        self._parts.clear()
        self._wire.http2.consume(self._stream, len(body))
        self._wire.write_soon()
        return {"type": "http.request", "body": body, "more_body": not self._complete}

    def _hold(self) -> int:
        self._held = True
        self._parts.clear()
        return 0

    def _unread(self) -> tuple[bytes, bool]:
        body = b"".join(self._parts)
        self._parts.clear()
        return body, self._complete

    async def _send(self, message: dict[str, Any]) -> None:
        if self._left:
            return
        connection, stream = self._wire.http2, self._stream
        if message["type"] == "http.response.start":
            self._started = True
            fields = [
                (name.lower(), value) for name, value in message["headers"] if name.lower() != b"connection"
            ]
            self._bare = self._scope["method"] == "HEAD" or message["status"] in _NO_BODY
            connection.send_headers(
                stream, [(b":status", b"%d" % message["status"]), *self._every_answer, *fields]
            )
            return
        more = message.get("more_body", False)
        connection.send_data(stream, b"" if self._bare else message.get("body", b""), end=not more)
        if more:
            self._wire.write_soon()
            await self._wire.writable()
            while stream.pending_bytes > _PENDING_BYTES_MAX and not self._left:
                self._drained.clear()
                await self._drained.wait()
        else:
            self._finish()

    def _finish(self) -> None:
        self._wire.http2.want_no_more(self._stream)
        self._wire.write_soon()
