"""As much of HTTP/1.1 as a client needs that posts one body after the other on one connection and looks at the status."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from bench.protocol_spans import Form

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"\r\ncontent-length: "


class PostConnection(asyncio.Protocol):
    """One connection with one request at a time, replaced by the next as soon as it is answered."""

    def __init__(
        self,
        next_body: Callable[[], memoryview | None],
        on_answer: Callable[[bool], None],
        *,
        form: Form,
        token: str,
    ) -> None:
        """Posts nothing yet.

        Args:
            next_body: a request's body; None when there are no more.
            on_answer: told of each answer whether it was a success.
            form: path and content type.
            token: for the header that all protocols may use.
        """
        self._next_body = next_body
        self._on_answer = on_answer
        self._head = (
            f"POST {form.path} HTTP/1.1\r\nhost: localhost\r\nuser-agent: bench\r\n"
            f"lightstep-access-token: {token}\r\ncontent-type: {form.content_type}\r\ncontent-length: "
        ).encode()
        self._transport: asyncio.WriteTransport | None = None
        self._received = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Set when there are no more bodies and all are answered; an error when the connection broke."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The first request."""
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's are not subclasses
        self._post()

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever waits for the end hears it."""
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server closed the connection"))

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def _post(self) -> None:
        body = self._next_body()
        if body is None:
            self.done.set_result(None)
            return
        assert self._transport is not None
        self._transport.write(b"".join([self._head, b"%d" % len(body), _HEAD_END, body]))

    def data_received(self, data: bytes) -> None:
        """The next request once the answer is complete; the satellite always says how long it is."""
        self._received += data
        head, end, body = self._received.partition(_HEAD_END)
        if not end:
            return
        length = int(head.lower().partition(_LENGTH)[2].partition(b"\r")[0])
        if len(body) >= length:
            self._received = b""
            self._on_answer(head.startswith(b"HTTP/1.1 2"))
            self._post()
