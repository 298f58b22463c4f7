"""What a servicer sees of a call on our engine: the methods of grpc.aio.ServicerContext that servicers use."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

import grpc

from satellite.edges.grpc.metadata import Metadata, from_wire
from satellite.edges.grpc.status import CallFailed

if TYPE_CHECKING:
    from satellite.edges.grpc.servicer_call import ServicerCall


class Context:
    """The context of one call; belongs to its event loop."""

    def __init__(self, call: ServicerCall) -> None:
        """Made by the engine."""
        self._call = call
        self._code = grpc.StatusCode.OK
        self._details = ""
        self._trailers: Metadata = ()
        self._callbacks: list[Callable[[Any], None]] = []

    async def read(self) -> Any:
        """The next request, `grpc.aio.EOF` after the last."""
        return await self._call.next_request()

    async def write(self, message: Any) -> None:
        """Send a response; waits while the client reads slowly."""
        await self._call.write(message)

    async def send_initial_metadata(self, metadata: Metadata) -> None:
        """Send our headers now."""
        self._call.send_headers(metadata)

    def set_trailing_metadata(self, metadata: Metadata) -> None:
        """What goes with the status."""
        self._trailers = metadata

    def trailing_metadata(self) -> Metadata:
        """What `set_trailing_metadata` said."""
        return self._trailers

    async def abort(
        self, code: grpc.StatusCode, details: str = "", trailing_metadata: Metadata = ()
    ) -> NoReturn:
        """End the call with a status that is not OK; raises in the servicer."""
        self._trailers = trailing_metadata or self._trailers
        raise CallFailed(code, details)

    def set_code(self, code: grpc.StatusCode) -> None:
        """The status, should the servicer return."""
        self._code = code

    def set_details(self, details: str) -> None:
        """The status' message, should the servicer return."""
        self._details = details

    def code(self) -> grpc.StatusCode:
        """What `set_code` said."""
        return self._code

    def details(self) -> str:
        """What `set_details` said."""
        return self._details

    def invocation_metadata(self) -> Metadata:
        """The request's own metadata: names and texts, bytes for names that end in `-bin`."""
        return from_wire(self._call.head.fields)

    def peer(self) -> str:
        """The client's address as grpcio writes it."""
        host, _, port = self._call.wire.peer.rpartition(":")
        return f"ipv6:[{host}]:{port}" if ":" in host else f"ipv4:{self._call.wire.peer}"

    def time_remaining(self) -> float | None:
        """Seconds until the client's deadline; None without one."""
        return self._call.seconds_left()

    def cancelled(self) -> bool:
        """Whether the client has gone."""
        return self._call.cancelled

    def done(self) -> bool:
        """Whether the call is over."""
        return self._call.over

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Called with this context when the call is over."""
        self._callbacks.append(callback)

    def finish(self) -> tuple[grpc.StatusCode, str, Metadata]:
        """The servicer has returned: its status, message and trailers."""
        return self._code, self._details, self._trailers

    def call_back(self) -> None:
        """The call is over."""
        for callback in self._callbacks:
            callback(self)
