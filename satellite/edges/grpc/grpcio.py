"""grpcio's own server, the reference that our engine is compared with (`grpc_engine = grpcio`).

Handlers have no (de)serialisers, so what goes to the intake is still bytes. What gRPC's core refuses (a TLS client on a
plain port, a handshake that fails) it does not tell anyone, so nothing of it is counted here.
"""

from __future__ import annotations

import asyncio
import socket
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Protocol
from urllib.parse import unquote

import grpc
import grpc.aio

from satellite.edges import faulty
from satellite.edges.grpc.health import Health
from satellite.edges.grpc.metadata import to_wire
from satellite.edges.grpc.services import Services
from satellite.edges.grpc.status import DETAILS_TRAILER, CallFailed, code_of, number
from satellite.edges.noted import became
from satellite.intake.head import NOWHERE, Head
from satellite.model.report import Receipt
from satellite.protocols.wire import RequestHead, WireProtocol
from satellite.requests.entry import Entry, EntryTaker, packed

TOKEN_METADATA = "lightstep-access-token"  # noqa: S105 - a name, not a token

_HEAD = RequestHead()
_STREAMS_PER_CONNECTION = 256
_KEEPALIVE_MS = 60_000
_KEEPALIVE_TIMEOUT_MS = 20_000
_HANDSHAKE_MS = 10_000


class ReportIntake(Protocol):
    """What this edge needs of the intake."""

    async def submit(
        self,
        protocol: WireProtocol,
        body: bytes,
        *,
        header_token: str = "",
        peer: str = "",
        head: Head = NOWHERE,
    ) -> Receipt:
        """Take one report; the receipt says what became of it."""
        ...


class GrpcioServer:
    """One gRPC server with any number of ports; made, started and stopped in one event loop."""

    def __init__(
        self,
        intake: ReportIntake,
        *,
        protocols: Sequence[WireProtocol],
        services: Services,
        health: Health,
        message_bytes_max: int,
        clock_ns: Callable[[], int] = lambda: 0,
        log: EntryTaker | None = None,
    ) -> None:
        """Nothing listens yet.

        Args:
            intake: takes the messages.
            protocols: whose methods are served.
            services: what else is served, health and reflection among it.
            health: told when we stop.
            message_bytes_max: of one message, as sent and once more after decompression.
            clock_ns: ns since the epoch, for the log.
            log: keeps what came (inflated by gRPC's core) and what was answered; not what that core itself refuses.
        """
        self._intake = intake
        self._clock_ns = clock_ns
        self._log = log
        self._health = health
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
        reports: defaultdict[str, dict[str, grpc.RpcMethodHandler[Any, Any]]] = defaultdict(dict)
        for protocol in protocols:
            for path in protocol.grpc_methods:
                _, service, method = path.split("/")
                reports[service][method] = (
                    grpc.stream_stream_rpc_method_handler(self._stream_handler(protocol))
                    if protocol.grpc_streams
                    else grpc.unary_unary_rpc_method_handler(self._handler(protocol))
                )
        for service, handlers in {**reports, **services.handlers}.items():
            self._server.add_registered_method_handlers(service, dict(handlers))

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

    async def stop(self, grace_seconds: float) -> None:
        """Take no more calls; return when those in hand are answered, or cut off when the time is up."""
        self._health.end()
        self._stopping = True
        for task in self._silent:
            task.cancel()
        await self._server.stop(grace_seconds)

    def _handler(self, protocol: WireProtocol) -> Callable[[bytes, Any], Awaitable[bytes]]:
        submit = self._intake.submit
        where = Head("grpc", protocol.grpc_methods[0])

        async def report(body: bytes, context: _Context) -> bytes:
            began_ns, token, peer = self._clock_ns(), _token(context), _address(context.peer())
            receipt = await submit(protocol, body, header_token=token, peer=peer, head=where)
            return await self._answer(context, protocol, receipt, began_ns, body)

        return report

    def _stream_handler(self, protocol: WireProtocol) -> Callable[[Any, Any], AsyncIterator[bytes]]:
        """Each message is handled when it is complete and has its answer; the client ends the call, or a refusal.

        To a client that sends one message and reads one answer this is an ordinary unary call.
        """
        submit = self._intake.submit
        where = Head("grpc", protocol.grpc_methods[0])

        async def reports(bodies: AsyncIterator[bytes], context: _Context) -> AsyncIterator[bytes]:
            token, peer = _token(context), _address(context.peer())
            body = await anext(bodies, None)
            while body is not None:
                began_ns = self._clock_ns()
                receipt = await submit(protocol, body, header_token=token, peer=peer, head=where)
                yield await self._answer(context, protocol, receipt, began_ns, body)
                body = await self._next(bodies)

        return reports

    async def _answer(
        self, context: _Context, protocol: WireProtocol, receipt: Receipt, began_ns: int, body: bytes
    ) -> bytes:
        """The answer, also the one that a fault wants, as far as this engine can: it has no hold on the connection."""
        fault = receipt.fault
        if fault is not None:
            await asyncio.sleep(fault.delay_s)
        failure = _failure(protocol, receipt)
        answer = b""
        if failure is None:
            answer = faulty.body(
                None if fault is None else fault.body, protocol.encode(receipt, _HEAD).body, "protobuf"
            )
        if self._log is not None:
            entry = Entry(
                began_ns,
                self._clock_ns(),
                "grpc",
                "POST",
                protocol.grpc_methods[0],
                0,
                _address(context.peer()),
                packed(_fields(context)),
                body,
                "",
                "stored",
                protocol.name,
                status=200,
                grpc_status=failure.code.name if failure is not None else "OK",
                answer_type="application/grpc",
                answer=answer,
            )
            became(entry, receipt, answered=True)
            self._log.add(entry)
        if failure is not None:
            details = ((DETAILS_TRAILER, failure.details),) if failure.details is not None else ()
            await context.abort(failure.code, failure.message, details)
        return answer

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


def _address(peer: str) -> str:
    """`host:port` of what gRPC writes as `ipv4:…` or, percent-encoded, `ipv6:…`."""
    family, _, text = peer.partition(":")
    return text if family == "ipv4" else unquote(text)


_Context = grpc.aio.ServicerContext[bytes, bytes]


def _token(context: _Context) -> str:
    token = ""
    for key, value in context.invocation_metadata() or ():
        if key == TOKEN_METADATA:
            token = value if isinstance(value, str) else value.decode("latin-1")
    return token


def _fields(context: _Context) -> list[tuple[bytes, bytes]]:
    """The call's metadata as header fields."""
    return to_wire([(key, value) for key, value in context.invocation_metadata() or ()])


def _failure(protocol: WireProtocol, receipt: Receipt) -> CallFailed | None:
    """The status of a refusal, as a fault wants it."""
    refusal, fault = receipt.refusal, receipt.fault
    if refusal is None:
        return None
    code = code_of(refusal) if fault is None or fault.grpc_code is None else grpc.StatusCode[fault.grpc_code]
    details = protocol.grpc_details(refusal)
    if fault is not None:
        details = faulty.details(fault, number(code), refusal.message, details)
    return CallFailed(code, refusal.message, details)
