"""A call of any other method: a task that runs a servicer's own code, as grpc.aio would."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio

from satellite.edges import http2
from satellite.edges.compression import inflate_aside
from satellite.edges.grpc import status
from satellite.edges.grpc.call import HEADERS, STOPPING, Call
from satellite.edges.grpc.context import Context
from satellite.edges.grpc.messages import message
from satellite.edges.grpc.metadata import Metadata, to_wire
from satellite.edges.grpc.status import CallFailed
from satellite.errors import SatelliteError

_PENDING_BYTES_MAX = 256 * 1024
"""Of answers that wait for the client's windows; a servicer that writes more waits, too."""


class ServicerCall(Call):
    """One method's call, whichever side of it streams."""

    __slots__ = ("_arrived", "_drained", "_handler", "_task", "cancelled")

    def __init__(self, *arguments: Any, handler: Any, **limits: Any) -> None:
        super().__init__(*arguments, **limits)
        self._handler = handler
        self._arrived = asyncio.Event()
        self._drained = asyncio.Event()
        self.cancelled = False
        """Whether the client has gone."""
        self._task = self.wire.start(self._run())
        if self._task is None:
            self.fail(CallFailed(grpc.StatusCode.UNAVAILABLE, STOPPING))

    def data(self, data: bytes, *, ended: bool) -> None:
        """A piece of the body."""
        if self.over:
            return
        try:
            self.feed(data)
        except SatelliteError as refusal:
            self.fail(CallFailed(status.code_of(refusal), refusal.message))
            self._give_up()
            return
        self.done = ended
        self._arrived.set()

    def ended(self) -> None:
        """The client has said all."""
        self.done = True
        self._arrived.set()

    def reset(self) -> None:
        """The client is gone."""
        self.cancelled = True
        self.release()
        self._give_up()

    def drained(self) -> None:
        """What was queued is written."""
        self._drained.set()

    def stop(self) -> None:
        """A servicer that waits for a request is told that there is none."""
        self.done = True
        self._arrived.set()

    def _expired(self) -> None:
        super()._expired()
        self._give_up()

    def _give_up(self) -> None:
        if self._task is not None:
            self._task.cancel()

    # What the servicer does

    async def next_request(self) -> Any:
        """The next request, `grpc.aio.EOF` after the last."""
        while not self.messages.whole:
            if self.messages.fault is not None:
                raise CallFailed(status.code_of_message(self.messages.fault), self.messages.fault.message)
            if self.done:
                if self.messages.unfinished_bytes and not self.wire.stopping:
                    raise CallFailed(grpc.StatusCode.INTERNAL, "the body ends in the middle of a message")
                return grpc.aio.EOF
            self._arrived.clear()
            await self._arrived.wait()
        compressed, body = self.take()
        self.wire.write_soon()  # a window update, perhaps
        if compressed:
            try:
                body = await inflate_aside(body, self.encoding(), self.messages.limit_bytes)
            except SatelliteError as refusal:
                raise CallFailed(status.code_of_message(refusal), refusal.message) from refusal.bare()
        if self._handler.request_deserializer is None:
            return body
        try:
            return self._handler.request_deserializer(body)
        except Exception as error:
            raise CallFailed(grpc.StatusCode.INTERNAL, "Exception deserializing request!") from error

    async def write(self, response: Any) -> None:
        """Send a response; waits while the client reads slowly."""
        if self.over:
            return
        self.send_headers(())
        body = self._handler.response_serializer(response) if self._handler.response_serializer else response
        self.wire.http2.send_data(self.stream, message(body))
        self.wire.write_soon()
        await self.wire.writable()
        while self.stream.pending_bytes > _PENDING_BYTES_MAX:
            self._drained.clear()
            await self._drained.wait()

    def send_headers(self, metadata: Metadata) -> None:
        """Send our headers, unless they were sent."""
        if not self.sent_headers and not self.over:
            self.sent_headers = True
            self.wire.http2.send_headers(self.stream, [*HEADERS, *to_wire(metadata)])
            self.wire.write_soon()

    async def _run(self) -> None:
        context = Context(self)
        try:
            await self._answer(context)
            code, details, trailers = context.finish()
            if code is grpc.StatusCode.OK:
                self._end_well(trailers)
            else:
                self.fail(CallFailed(code, details), trailers)
        except CallFailed as failure:
            self.fail(failure, context.trailing_metadata())
        except asyncio.CancelledError:
            self.fail(CallFailed(grpc.StatusCode.UNAVAILABLE, STOPPING))
            if not self.cancelled:
                raise
        except Exception as error:  # noqa: BLE001 - whatever a servicer does, the others are served
            self.fail(CallFailed(grpc.StatusCode.UNKNOWN, f"Unexpected {type(error)}: {error}"))
        finally:
            context.call_back()

    async def _answer(self, context: Context) -> None:
        handler = self._handler
        request: Any = self._requests() if handler.request_streaming else await self._only_request()
        if not handler.response_streaming:
            method = handler.stream_unary if handler.request_streaming else handler.unary_unary
            await self.write(await method(request, context))
            return
        method = handler.stream_stream if handler.request_streaming else handler.unary_stream
        responses = method(request, context)
        if not hasattr(responses, "__aiter__"):
            await responses  # it writes by itself
            return
        async for response in responses:
            await self.write(response)

    async def _only_request(self) -> Any:
        request = await self.next_request()
        if request is grpc.aio.EOF:
            raise CallFailed(grpc.StatusCode.INTERNAL, "a call without a message")
        self.check_only()
        return request

    async def _requests(self) -> AsyncIterator[Any]:
        while (request := await self.next_request()) is not grpc.aio.EOF:
            yield request

    def _end_well(self, trailers: Metadata) -> None:
        if self.over:
            return
        self.send_headers(())
        self.end(http2.encode([(b"grpc-status", b"0"), *to_wire(trailers)]))
