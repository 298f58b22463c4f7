"""The gRPC edge: the methods of every protocol on one plain and one TLS port, with health and reflection.

Owns sockets, TLS, the size limit and decompression; what it hands to the intake is still bytes. Handlers have no
(de)serialisers: a report of a few spans costs little more than gRPC itself. What gRPC's core refuses (a TLS client
on the plain port, a handshake that fails) it does not tell anyone, so nothing of it is counted here.
"""

from __future__ import annotations

import asyncio
import socket
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, NoReturn, Protocol
from urllib.parse import unquote

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from satellite.errors import AccessDenied, BadReport, Overloaded, SatelliteError, StoreFailed, TooLarge
from satellite.model.report import Receipt
from satellite.protocols.wire import RequestHead, WireProtocol

TOKEN_METADATA = "lightstep-access-token"  # noqa: S105 - a name, not a token
DETAILS_TRAILER = "grpc-status-details-bin"

STATUS: dict[type[SatelliteError], grpc.StatusCode] = {
    BadReport: grpc.StatusCode.INVALID_ARGUMENT,
    AccessDenied: grpc.StatusCode.INVALID_ARGUMENT,
    TooLarge: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Overloaded: grpc.StatusCode.UNAVAILABLE,
    StoreFailed: grpc.StatusCode.UNAVAILABLE,
}
"""How a refused report is answered (wire-protocols.md §0.3, §1.2); an error that is not here is INTERNAL."""

_STREAMS_PER_CONNECTION = 256
_KEEPALIVE_MS = 60_000
_KEEPALIVE_TIMEOUT_MS = 20_000
_HANDSHAKE_MS = 10_000


class ReportIntake(Protocol):
    """What this edge needs of the intake."""

    async def submit(
        self, protocol: WireProtocol, body: bytes, *, header_token: str = "", peer: str = ""
    ) -> Receipt:
        """Take one report; the receipt says what became of it."""
        ...


class GrpcServer:
    """One gRPC server with any number of ports; made, started and stopped in one event loop."""

    def __init__(
        self,
        intake: ReportIntake,
        *,
        protocols: Sequence[WireProtocol],
        message_bytes_max: int,
        ready: Callable[[], bool],
        relayed: Mapping[str, str] | None = None,
    ) -> None:
        """Nothing listens yet.

        Args:
            intake: takes the messages.
            protocols: whose methods are served.
            message_bytes_max: of one message, as sent and once more after decompression.
            ready: what the health service answers from.
            relayed: address of a connection that comes through a relay of ours → whose it really is.
        """
        self._intake = intake
        self._relayed = {} if relayed is None else relayed
        self._stopping = False
        self._silent: set[asyncio.Task[Any]] = set()
        """Calls that wait for another message, which may never come."""
        # Since 1.85 the core holds the limit after decompression, too, and inflates no further than that.
        self._server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", message_bytes_max),
                ("grpc.max_send_message_length", -1),
                ("grpc.max_concurrent_streams", _STREAMS_PER_CONNECTION),
                ("grpc.so_reuseport", 0),  # else a second satellite would silently share the port
                ("grpc.keepalive_time_ms", _KEEPALIVE_MS),  # notices peers that vanished
                ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_MS),
                ("grpc.http2.max_ping_strikes", 0),  # eager pings of a client are no reason to GOAWAY
                ("grpc.server_handshake_timeout_ms", _HANDSHAKE_MS),
            ]
        )
        services: defaultdict[str, dict[str, grpc.RpcMethodHandler[Any, Any]]] = defaultdict(dict)
        for protocol in protocols:
            for path in protocol.grpc_methods:
                _, service, method = path.split("/")
                services[service][method] = (
                    grpc.stream_stream_rpc_method_handler(self._stream_handler(protocol))
                    if protocol.grpc_streams
                    else grpc.unary_unary_rpc_method_handler(self._handler(protocol))
                )
        for service, handlers in services.items():
            self._server.add_registered_method_handlers(service, handlers)
        self._health = _Health(ready, ["", *services])
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection(
            [*services, health.SERVICE_NAME, reflection.SERVICE_NAME], self._server
        )

    def listen(self, host: str, port: int, credentials: grpc.ServerCredentials | None = None) -> int:
        """Bind a port, with TLS when there are credentials; 0 takes a free one. Returns the port.

        Raises:
            OSError: the address cannot be bound; says why, which gRPC's own error does not.
        """
        address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(address[0], address[1]) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address[4])
        target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            if credentials is None:
                return self._server.add_insecure_port(target)
            return self._server.add_secure_port(target, credentials)
        except RuntimeError as error:
            raise OSError(str(error)) from error

    async def start(self) -> None:
        """Serve; the ports answer when it returns."""
        await self._server.start()

    def show_readiness(self) -> None:
        """Tell those who watch the health service, should readiness have changed; to be called now and then."""
        self._health.follow()

    async def stop(self, grace_seconds: float) -> None:
        """Take no more calls; return when those in hand are answered, or cut off when the time is up."""
        self._health.end()
        self._stopping = True
        for task in self._silent:
            task.cancel()
        await self._server.stop(grace_seconds)

    def _handler(self, protocol: WireProtocol) -> Callable[[bytes, Any], Awaitable[bytes]]:
        submit, encode, head = self._intake.submit, protocol.encode, RequestHead()

        async def report(body: bytes, context: _Context) -> bytes:
            receipt = await submit(
                protocol, body, header_token=_token(context), peer=self._address(context.peer())
            )
            if receipt.refusal is not None:
                await _refuse(context, protocol, receipt.refusal)
            return encode(receipt, head).body

        return report

    def _stream_handler(self, protocol: WireProtocol) -> Callable[[Any, Any], AsyncIterator[bytes]]:
        """Each message is handled when it is complete and has its answer; the client ends the call, or a refusal.

        To a client that sends one message and reads one answer this is an ordinary unary call.
        """
        submit, encode, head = self._intake.submit, protocol.encode, RequestHead()

        async def reports(bodies: AsyncIterator[bytes], context: _Context) -> AsyncIterator[bytes]:
            token, peer = _token(context), self._address(context.peer())
            body = await anext(bodies, None)
            while body is not None:
                receipt = await submit(protocol, body, header_token=token, peer=peer)
                if receipt.refusal is not None:
                    await _refuse(context, protocol, receipt.refusal)
                yield encode(receipt, head).body
                body = await self._next(bodies)

        return reports

    async def _next(self, bodies: AsyncIterator[bytes]) -> bytes | None:
        """The next message of a call; None when it ends, or when we stop while it is silent."""
        task = asyncio.current_task()
        if self._stopping or task is None:
            return None
        self._silent.add(task)
        try:
            return await anext(bodies, None)
        except asyncio.CancelledError:
            if self._stopping and not task.uncancel():
                return None
            raise
        finally:
            self._silent.discard(task)

    def _address(self, peer: str) -> str:
        """`host:port` of what gRPC writes as `ipv4:…` or, percent-encoded, `ipv6:…`."""
        family, _, text = peer.partition(":")
        address = text if family == "ipv4" else unquote(text)
        return self._relayed.get(address, address)


_Context = grpc.aio.ServicerContext[bytes, bytes]


def _token(context: _Context) -> str:
    token = ""
    for key, value in context.invocation_metadata() or ():
        if key == TOKEN_METADATA:
            token = value if isinstance(value, str) else value.decode("latin-1")
    return token


async def _refuse(context: _Context, protocol: WireProtocol, refusal: SatelliteError) -> NoReturn:
    code = STATUS.get(type(refusal), grpc.StatusCode.INTERNAL)
    details = protocol.grpc_details(refusal)
    trailers = ((DETAILS_TRAILER, details),) if details is not None else ()
    await context.abort(code, refusal.message, trailers)
    raise AssertionError  # abort raises; its annotation does not say so in all versions


class _Health(health_pb2_grpc.HealthServicer):  # type: ignore[misc]
    """Answers what `ready` says at that moment. The package's own servicer would hold up the stop while watched."""

    def __init__(self, ready: Callable[[], bool], services: Sequence[str]) -> None:
        self._ready = ready
        self._services = frozenset(services)
        self._shown: bool | None = None
        self._ended = False
        self._changed = asyncio.Event()

    def follow(self) -> None:
        """Wake the watchers when `ready` says something new."""
        ready = not self._ended and self._ready()
        if ready is not self._shown:
            self._shown = ready
            self._changed.set()
            self._changed = asyncio.Event()

    def end(self) -> None:
        """NOT_SERVING from now on; watchers hear it and are let go."""
        self._ended = True
        self.follow()
        self._changed.set()

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        """The status of one service, or of the whole ("")."""
        if request.service not in self._services:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such service")
        return health_pb2.HealthCheckResponse(status=self._status(request.service))

    async def Watch(self, request: Any, context: Any) -> None:  # noqa: N802 - gRPC's name
        """The status now and whenever it changes, until the server stops."""
        last = None
        while True:
            changed = self._changed
            status = self._status(request.service)
            if status != last:
                last = status
                await context.write(health_pb2.HealthCheckResponse(status=status))
            if self._ended:
                return
            await changed.wait()

    def _status(self, service: str) -> int:
        self.follow()
        response = health_pb2.HealthCheckResponse
        if service not in self._services:
            return int(response.SERVICE_UNKNOWN)
        return int(response.SERVING if self._shown else response.NOT_SERVING)
