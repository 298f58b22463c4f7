"""Ports that take any protocol: the first bytes tell TLS from plain, and HTTP/1 from HTTP/2.

HTTP/1 is then served as at a port of its own, nothing stands between. HTTP/2 is gRPC, whose server cannot be handed a
connection: its bytes are relayed to a gRPC port of this process on the loopback interface, TLS having been ended here.
What that costs is in docs/architecture.md.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

TLS_HELLO = b"\x16"
"""First byte of a TLS handshake; no method of HTTP begins so."""

HTTP2_PREFACE = b"PRI * HTTP/2.0"
_TOLD_APART_BYTES = 4
"""Of the preface: no method of HTTP/1 begins with `PRI `."""

ALPN = ("http/1.1", "h2")
"""Best first. A gRPC client offers h2 only; what offers both is an HTTP client, and reports over HTTP are HTTP/1."""

_BUFFER_BYTES = 256 * 1024
"""What is held in each direction when one side is slower; then the other is not read from."""


async def first_byte(connection: socket.socket) -> bytes:
    """The first byte that a peer sends, left where it is; b"" when it closes instead."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            return connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            readable: asyncio.Future[None] = loop.create_future()
            loop.add_reader(connection, _wake, readable)
            try:
                await readable
            finally:
                loop.remove_reader(connection)


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class Grpc:
    """Where HTTP/2 goes: a plain gRPC port of this process; and whose each relayed connection really is."""

    def __init__(self) -> None:
        """`port` is to be set before anything is relayed."""
        self.host = "127.0.0.1"
        self.port = 0
        self.peers: dict[str, str] = {}
        """Address of a connection that the relay made → the address of the client behind it."""


class Greeter(asyncio.Protocol):
    """Reads as much of a connection as tells HTTP/1 from HTTP/2, then lets another protocol take over."""

    def __init__(
        self,
        connections: set[Any],
        http1: Callable[[], asyncio.Protocol],
        http2: Callable[[], asyncio.Protocol],
        *,
        idle_seconds: float,
        closed: Callable[[], None],
    ) -> None:
        """Nothing has come yet.

        Args:
            connections: has it while it is open and undecided.
            http1: makes what takes over from here.
            http2: the same for HTTP/2.
            idle_seconds: how long it may say nothing.
            closed: hears when the connection ends undecided.
        """
        self._connections = connections
        self._http1 = http1
        self._http2 = http2
        self._idle_seconds = idle_seconds
        self._closed = closed
        self._since = asyncio.get_running_loop().time()
        self._began = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """It is open."""
        self.transport = transport
        self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        """Enough, or more of it later."""
        self._began += data
        known = self._began[:_TOLD_APART_BYTES]
        if not HTTP2_PREFACE.startswith(known):
            self._become(self._http1())
        elif len(known) == _TOLD_APART_BYTES:
            self._become(self._http2())

    def connection_lost(self, exc: Exception | None) -> None:
        """It came to nothing."""
        del exc
        self._connections.discard(self)
        self._closed()

    def is_overdue(self, now: float) -> bool:
        """Whether it said nothing for too long."""
        return now - self._since > self._idle_seconds

    @property
    def is_busy(self) -> bool:
        """Never: there is nothing to answer yet."""
        return False

    def shutdown(self) -> None:
        """We stop."""
        self.transport.close()

    def _become(self, protocol: asyncio.Protocol) -> None:
        self._connections.discard(self)
        self.transport.set_protocol(protocol)
        protocol.connection_made(self.transport)
        protocol.data_received(self._began)


class Relay(asyncio.Protocol):
    """The client's side of a relayed connection."""

    def __init__(
        self,
        grpc: Grpc,
        connections: set[Any],
        start: Callable[[Any], object],
        closed: Callable[[], None],
    ) -> None:
        """Args: `start` runs a coroutine; `closed` hears of the end."""
        self._grpc = grpc
        self._connections = connections
        self._start = start
        self._closed = closed
        self._began: list[bytes] = []
        self._server: _ServerSide | None = None
        self._client_ended = False
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The client is there; find the server."""
        self.transport = transport
        transport.set_write_buffer_limits(high=_BUFFER_BYTES)
        self._connections.add(self)
        transport.pause_reading()
        connecting = self._connect()
        try:
            self._start(connecting)
        except RuntimeError:  # we are stopping
            connecting.close()
            transport.abort()

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, server = await loop.create_connection(
                lambda: _ServerSide(self), self._grpc.host, self._grpc.port
            )
        except OSError:  # the server has stopped
            self.transport.abort()
            return
        if self.transport.is_closing():
            server.transport.abort()
            return
        host, port = server.transport.get_extra_info("sockname")[:2]
        client = self.transport.get_extra_info("peername")
        server.address = f"{host}:{port}"
        self._grpc.peers[server.address] = f"{client[0]}:{client[1]}" if client else ""
        self._server = server
        for data in self._began:
            server.transport.write(data)
        self._began.clear()
        if self._client_ended:
            server.transport.write_eof()
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """From the client."""
        if self._server is None:
            self._began.append(data)
        elif not self._server.transport.is_closing():
            self._server.transport.write(data)

    def eof_received(self) -> bool:
        """The client says no more, and may still listen; over TLS the connection ends."""
        self._client_ended = True
        if self._server is not None and not self._server.transport.is_closing():
            self._server.transport.write_eof()
        return self.transport.get_extra_info("sslcontext") is None

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone; calls in hand are the server's to end."""
        del exc
        self._connections.discard(self)
        if self._server is not None:
            self._server.transport.close()
        self._closed()

    def pause_writing(self) -> None:
        """The client is slow."""
        if self._server is not None and not self._server.transport.is_closing():
            self._server.transport.pause_reading()

    def resume_writing(self) -> None:
        """It caught up."""
        if self._server is not None and not self._server.transport.is_closing():
            self._server.transport.resume_reading()

    def is_overdue(self, now: float) -> bool:
        """Never: gRPC's own keep-alive finds peers that vanished."""
        del now
        return False

    @property
    def is_busy(self) -> bool:
        """Always: the gRPC server closes it when its calls are answered."""
        return True

    def shutdown(self) -> None:
        """We stop: the gRPC server says so itself."""

    def server_closed(self, address: str) -> None:
        """The server is done with it; what it sent is still delivered."""
        self._grpc.peers.pop(address, None)
        self.transport.close()


class _ServerSide(asyncio.Protocol):
    """The relay's connection to the gRPC port."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self.address = ""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        transport.set_write_buffer_limits(high=_BUFFER_BYTES)

    def data_received(self, data: bytes) -> None:
        if not self._relay.transport.is_closing():
            self._relay.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._relay.server_closed(self.address)

    def pause_writing(self) -> None:
        if not self._relay.transport.is_closing():
            self._relay.transport.pause_reading()

    def resume_writing(self) -> None:
        if not self._relay.transport.is_closing():
            self._relay.transport.resume_reading()
