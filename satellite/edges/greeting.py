"""The beginning of a connection: its first bytes tell TLS from plain, and HTTP/1 from HTTP/2."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

from satellite.edges.faulty import reset
from satellite.edges.http2 import PREFACE
from satellite.edges.turns import WORK_OF_CONNECTION

if TYPE_CHECKING:
    from satellite.edges.http1 import Http1Connection
    from satellite.edges.http2_connection import Http2Connection
    from satellite.edges.listener import Listener
    from satellite.faults.decision import Decision

TLS_HELLO = b"\x16"
"""First byte of a TLS handshake; no method of HTTP begins so."""

ALPN = ("h2", "http/1.1")
"""Best first: what offers h2 gets it, gRPC over OkHttp among them (wire-protocols.md §1.2)."""

_TOLD_APART_BYTES = 4
"""Of the preface: no method of HTTP/1 begins with `PRI `."""

_FIRST_READ_BYTES = 4096
"""Enough for a request without a large body, and little to read of each where thousands begin at once (ours)."""


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


class Greeter(asyncio.BufferedProtocol):
    """Reads the beginning of a connection, which tells HTTP/1 from HTTP/2, and lets the other protocol take over in its turn."""

    def __init__(self, listener: Listener, fault: Decision | None = None, *, waited: bool = False) -> None:
        """Nothing has come yet. `fault`: what is to go wrong, if that was decided before; `waited`: it was counted, and had its turn."""
        self._waited = self._has_turn = waited
        self._waits = False
        """Whether nothing of it is looked at yet."""
        self._buffer = bytearray()
        self._fault = fault
        self._listener = listener
        self._since = asyncio.get_running_loop().time()
        self._began = b""
        self._refused = False
        self._let_go = False
        self._peer = self._host = ""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """It is open."""
        self.transport = transport
        host, port = (transport.get_extra_info("peername") or ("", 0))[:2]
        self._peer, self._host = f"{host}:{port}", str(host)
        self._listener.connections.add(self)
        self._refused = not self._listener.admit(self._peer)
        self._listener.silent(self, self.shutdown)
        if not self._waited:
            self._listener.begun()
            seconds = self._listener.wait_seconds(self._peer)
            if seconds is None:
                self._cut()
                return
            if seconds:
                self._waits = True
                asyncio.get_running_loop().call_later(seconds, self._waited_enough)
        if self._fault is None and transport.get_extra_info("sslcontext") is None:
            self._fault = self._listener.fault(self._peer)
            if self._fault is not None and self._fault.connection == "refuse":
                self._cut()

    def get_buffer(self, sizehint: int) -> memoryview:
        """For what is read now; asyncio reads the second TLS record into a slice of it, which must not be a copy."""
        del sizehint
        self._buffer = bytearray(_FIRST_READ_BYTES)
        return memoryview(self._buffer)

    def buffer_updated(self, nbytes: int) -> None:
        """So much came."""
        self._listener.spoke(self)
        self._began += self._buffer[:nbytes]
        if self._waits:  # a loop may begin to read whatever was said before there was something
            self.transport.pause_reading()
        else:
            self._take_turn()

    def go_on(self) -> int:
        """It is its turn; what that is worth."""
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            return 0
        self._waits, self._has_turn = False, True
        self.transport.resume_reading()
        self._listener.turns.spend(self._host, WORK_OF_CONNECTION)
        self._tell_apart()
        return WORK_OF_CONNECTION

    def _take_turn(self) -> None:
        if self._has_turn:
            self._tell_apart()
        elif self._listener.turns.allowance(self._host):
            self.go_on()
        else:
            self._waits = True
            self.transport.pause_reading()
            self._listener.turns.put_off(self._host, self)

    def _waited_enough(self) -> None:
        self._waits = False
        self._since = asyncio.get_running_loop().time()
        if self._began and not self.transport.is_closing():
            self._take_turn()

    def _tell_apart(self) -> None:
        """Enough came, or more of it will."""
        listener = self._listener
        if self._fault is not None and self._fault.connection == "reset-before":
            self._cut()
            return
        if self._fault is not None and self._fault.connection == "stall":
            self.transport.pause_reading()  # `tick` ends it
            return
        known = self._began[:_TOLD_APART_BYTES]
        if known.startswith(TLS_HELLO):
            listener.trap("tls_client_on_plain_port", self._peer, "a TLS handshake began")
            self.transport.close()
        elif not PREFACE.startswith(known) and not self._chose_http2():
            self._become(listener.http1())
        elif len(known) == _TOLD_APART_BYTES:
            protocol = listener.http2(self._fault)
            if protocol is None:
                listener.trap(
                    "http2_client_on_http1_port", self._peer, "reports over HTTP/2 have ports of their own"
                )
                self.transport.close()
            else:
                self._become(protocol)

    def connection_lost(self, exc: Exception | None) -> None:
        """It came to nothing."""
        del exc
        listener = self._listener
        listener.connections.discard(self)
        listener.spoke(self)
        tls = self.transport.get_extra_info("ssl_object")
        silent = not self._began and not self._let_go
        if silent:
            listener.left_silent()
        if silent and tls is not None and listener.takes_http2 and tls.selected_alpn_protocol() is None:
            listener.trap(
                "no_alpn", self._peer, "it left after TLS stood, having offered neither h2 nor http/1.1"
            )
        if not self._let_go:
            listener.trouble(self._peer)
        listener.connection_closed(self._peer)

    def tick(self, now: float) -> None:
        """A second passed: who says nothing for too long is let go."""
        limit = self._listener.owner.head_seconds if self._began else self._listener.owner.idle_seconds
        if now - self._since > limit and not self._waits:
            self.shutdown()

    def idle_seconds(self, now: float) -> float:
        """For how long nothing was asked of us, and nothing is on its way; 0: it is busy."""
        return 0.0 if self._began else max(0.0, now - self._since)

    @property
    def is_busy(self) -> bool:
        """Never: there is nothing to answer yet."""
        return False

    def shutdown(self) -> None:
        """We stop: what has come is answered."""
        self._let_go = True
        if self._waits and self._began:
            self.go_on()
        protocol: Any = self.transport.get_protocol()
        if protocol is self:
            self.transport.close()
        else:
            protocol.shutdown()

    def _cut(self) -> None:
        reset(self.transport.get_extra_info("socket"))
        self._let_go = True
        self.transport.abort()

    def _chose_http2(self) -> bool:
        """Whether ALPN did, so that nothing else may come."""
        tls = self.transport.get_extra_info("ssl_object")
        return tls is not None and tls.selected_alpn_protocol() == "h2"

    def _become(self, protocol: Http1Connection | Http2Connection) -> None:
        self._listener.connections.discard(self)
        self.transport.set_protocol(protocol)
        protocol.connection_made(self.transport)
        if self._refused:
            protocol.refuse_connection()
        else:
            protocol.data_received(self._began)
