"""HTTP listeners on uvicorn's protocol: sockets, TLS handshakes, time limits, connection limits, the stop.

uvicorn parses HTTP and calls an ASGI application; its own server is left out, since it would own signals, polls ten
times a second, and says nothing of a failed handshake. What arrives at the wrong port (a TLS client on a plain one,
a plain client on a TLS one, a client without our CA, gRPC on an HTTP port) is handed to `on_trap`.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from email.utils import formatdate
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

Headers = Sequence[tuple[bytes, bytes]]
OnTrap = Callable[[str, int, str, str], None]
"""(kind, our port, the peer's address, what the TLS library or parser said)."""

HEAD_BYTES_MAX = 65_536
"""A request's line and headers (ours)."""

UNREAD = "satellite.unread"
"""Key in an ASGI scope's `extensions`: a function that gives what came of a body and was never received, and whether
that was all of it. After a disconnect ASGI has no other way to it."""

_TLS_HELLO = b"\x16\x03"
_HTTP2_PREFACE = b"PRI * HTTP/2.0"
_BACKLOG = 2048
_ACCEPT_AGAIN_SECONDS = 0.1
_LINGER_SECONDS = 0.05
"""How long a TLS peer may take to say goodbye when we stop and it has all its answers."""


class HttpListeners:
    """Any number of listeners, each with its application; made, run and stopped in one event loop."""

    def __init__(
        self,
        *,
        clock_ns: Callable[[], int],
        on_trap: OnTrap,
        connections_max: int = 4096,
        head_seconds: float = 10,
        idle_seconds: float = 75,
    ) -> None:
        """Nothing listens yet.

        Args:
            clock_ns: for the Date header.
            on_trap: hears of connections that came to nothing, and why.
            connections_max: of one listener; more are answered 503 and closed.
            head_seconds: for a TLS handshake, and for a request's headers once they began.
            idle_seconds: without a byte between requests or within a body; a streaming tracer is silent for 7 s.
        """
        self.connections_max = connections_max
        self.head_seconds = head_seconds
        self.idle_seconds = idle_seconds
        self.on_trap = on_trap
        self._clock_ns = clock_ns
        self._listeners: list[_Listener] = []
        self._stopping = asyncio.Event()
        self._idle = asyncio.Event()

    def listen(
        self,
        app: Any,
        host: str,
        port: int,
        context: ssl.SSLContext | None = None,
        *,
        headers: Headers = (),
    ) -> int:
        """Bind a port for an ASGI application, with TLS when there is a context; 0 takes a free one.

        `headers` are on every answer. Returns the port; it is answered once `start` ran. Raises OSError when the
        address cannot be bound.
        """
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, proto)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6 and host == "::":
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            listening.bind(address)
            listening.setblocking(False)
        except OSError:
            listening.close()
            raise
        self._listeners.append(_Listener(self, app, listening, context, headers))
        return int(listening.getsockname()[1])

    async def start(self) -> None:
        """Accept connections; `run` must follow."""
        self._show_date()
        for listener in self._listeners:
            await listener.start()

    async def run(self) -> None:
        """Own the handshakes and the time limits until `stop`."""
        async with asyncio.TaskGroup() as tasks:
            for listener in self._listeners:
                if listener.context is not None:
                    listener.accepting = tasks.create_task(listener.accept_tls(tasks))
            while not self._stopping.is_set():
                self._show_date()
                now = asyncio.get_running_loop().time()
                for listener in self._listeners:
                    listener.close_idle(now)
                with suppress(TimeoutError):
                    async with asyncio.timeout(1):
                        await self._stopping.wait()

    def close(self) -> None:
        """Let go of ports that `run` never served."""
        for listener in self._listeners:
            listener.close()

    async def stop(self, grace_seconds: float) -> None:
        """Return when all requests in hand are answered and their connections closed, or cut off in time."""
        for listener in self._listeners:
            await listener.stop_accepting()
        self._stopping.set()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + grace_seconds
        states = [listener.state for listener in self._listeners]
        for state in states:
            for connection in list(state.connections):
                connection.shutdown()
        if requests := [task for state in states for task in state.tasks]:
            _, late = await asyncio.wait(requests, timeout=grace_seconds)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        await self._drained(_LINGER_SECONDS)
        for listener in self._listeners:
            listener.cut_off(only_written=True)
        await self._drained(max(0.0, deadline - loop.time()))
        for listener in self._listeners:
            listener.cut_off(only_written=False)
        await self._drained(_LINGER_SECONDS)

    async def _drained(self, seconds: float) -> None:
        """Wait until no connection is left, or the time is up."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while any(listener.open_connections for listener in self._listeners):
                    self._idle.clear()
                    await self._idle.wait()

    def connection_closed(self) -> None:
        """A listener's word that one is gone."""
        self._idle.set()

    def _show_date(self) -> None:
        date = formatdate(self._clock_ns() / 1e9, usegmt=True).encode()
        for listener in self._listeners:
            listener.state.default_headers = [(b"date", date), *listener.headers]


class _Listener:
    """One port with its connections."""

    def __init__(
        self,
        owner: HttpListeners,
        app: Any,
        listening: socket.socket,
        context: ssl.SSLContext | None,
        headers: Headers,
    ) -> None:
        self.owner = owner
        self.port = int(listening.getsockname()[1])
        self.context = context
        self.headers = headers
        self.config = uvicorn.Config(
            app,
            loop="none",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            interface="asgi3",
            proxy_headers=False,
            timeout_keep_alive=int(owner.idle_seconds),
        )
        self.config.load()
        self.state = ServerState()
        self.accepting: asyncio.Task[None] | None = None
        self._handshakes: set[asyncio.Task[None]] = set()
        self._socket = listening
        self._server: asyncio.Server | None = None

    @property
    def open_connections(self) -> int:
        """Connections, those in their handshake included."""
        return len(self.state.connections) + len(self._handshakes)

    async def start(self) -> None:
        if self.context is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self.connection, sock=self._socket, backlog=_BACKLOG)
        else:
            self._socket.listen(_BACKLOG)

    async def accept_tls(self, tasks: asyncio.TaskGroup) -> None:
        """Accept for ever. The loop's own TLS server would keep to itself why a handshake failed."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, peer = await loop.sock_accept(self._socket)
            except OSError:  # no file descriptor left, or the peer has gone again
                await asyncio.sleep(_ACCEPT_AGAIN_SECONDS)
                continue
            if self.open_connections >= self.owner.connections_max:
                accepted.close()
                continue
            task = tasks.create_task(self._shake_hands(accepted, f"{peer[0]}:{peer[1]}"))
            self._handshakes.add(task)
            task.add_done_callback(self._shook_hands)

    async def _shake_hands(self, accepted: socket.socket, peer: str) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self.connection, accepted, ssl=self.context, ssl_handshake_timeout=self.owner.head_seconds
            )
        except Exception as error:  # noqa: BLE001 - whatever a peer does, the others are served
            self.trap(_trap_kind(error), peer, _reason(error))
            accepted.close()

    def _shook_hands(self, task: asyncio.Task[None]) -> None:
        self._handshakes.discard(task)
        self.owner.connection_closed()

    async def stop_accepting(self) -> None:
        """Close the listening socket, give up handshakes; open connections live on."""
        tasks = [*self._handshakes, *([self.accepting] if self.accepting else [])]
        for task in tasks:
            task.cancel()
        if tasks:  # the loop must have let go of the socket before it is closed
            await asyncio.wait(tasks)
        self.close()

    def connection(self) -> _Connection:
        return _Connection(self)

    def trap(self, kind: str, peer: str, detail: str) -> None:
        self.owner.on_trap(kind, self.port, peer, detail)

    def close_idle(self, now: float) -> None:
        for connection in list(self.state.connections):
            if isinstance(connection, _Connection) and connection.is_overdue(now):
                connection.transport.close()

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self._socket.close()

    def cut_off(self, *, only_written: bool) -> None:
        """Abort what is still open; with `only_written` only what has nothing left to send."""
        for connection in list(self.state.connections):
            transport: Any = connection.transport
            if not (only_written and transport.get_write_buffer_size()):
                transport.abort()


class _Connection(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 connection, with limits on its head and its silence."""

    def __init__(self, listener: _Listener) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(config=listener.config, server_state=listener.state, app_state={}, _loop=loop)
        self._listener = listener
        self._heard = loop.time()
        self._head_since: float | None = None
        self._head_bytes = 0
        self._greeted = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self._listener.owner.connections_max:
            self._answer_and_close(b"503 Service Unavailable", b"too many connections, try again later\n")

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._listener.owner.connection_closed()

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self._heard = self.loop.time()
        if not self._greeted:
            self._greeted = True
            if data.startswith(_TLS_HELLO):
                self._listener.trap("tls_client_on_plain_port", self._peer(), "a TLS handshake began")
                self.transport.close()
                return
            if data.startswith(_HTTP2_PREFACE):
                self._listener.trap("http2_client_on_http1_port", self._peer(), "gRPC has ports of its own")
                self.transport.close()
                return
        super().data_received(data)
        if self._head_since is not None:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self._answer_and_close(b"431 Request Header Fields Too Large", b"headers too large\n")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_since, self._head_bytes = self.loop.time(), 0
        self.scope["extensions"] = {UNREAD: self._unread}  # type: ignore[dict-item]

    def on_headers_complete(self) -> None:
        self._head_since = None
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        self._listener.trap("not_http", self._peer(), msg)
        super().send_400_response(msg)

    def is_overdue(self, now: float) -> bool:
        """Whether it is the peer's turn, and has been for too long."""
        owner = self._listener.owner
        if self._head_since is not None:
            return now - self._head_since > owner.head_seconds
        ours = self.cycle is not None and not self.cycle.response_complete and not self.cycle.more_body
        return not ours and not self.flow.read_paused and now - self._heard > owner.idle_seconds

    def _unread(self) -> tuple[bytes, bool]:
        body, self.cycle.body = bytes(self.cycle.body), bytearray()
        return body, not self.cycle.more_body

    def _peer(self) -> str:
        return f"{self.client[0]}:{self.client[1]}" if self.client else ""

    def _answer_and_close(self, status: bytes, text: bytes) -> None:
        head = b"HTTP/1.1 %b\r\ncontent-type: text/plain\r\ncontent-length: %d\r\nretry-after: 1\r\n"
        more = b"".join(b"%b: %b\r\n" % header for header in self.server_state.default_headers)
        self.transport.write(head % (status, len(text)) + more + b"connection: close\r\n\r\n" + text)
        self.transport.close()


def _reason(error: Exception) -> str:
    return (error.reason if isinstance(error, ssl.SSLError) else "") or type(error).__name__


def _trap_kind(error: Exception) -> str:
    reason = _reason(error)
    if reason in ("HTTP_REQUEST", "WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG"):
        return "plain_client_on_tls_port"
    if "ALERT" in reason and ("UNKNOWN_CA" in reason or "CERTIFICATE" in reason):
        return "client_rejected_certificate"
    return "tls_handshake_failed"
