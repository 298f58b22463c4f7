"""HTTP listeners on uvicorn's protocol: sockets, TLS handshakes, time limits, connection limits, the stop.

uvicorn parses HTTP and calls an ASGI application; its own server is left out, since it would own signals, polls ten
times a second, and says nothing of a failed handshake. What arrives at the wrong port (a TLS client on a plain one,
a plain client on a TLS one, a client without our CA, gRPC on an HTTP port) is handed to `on_trap`. A listener for any
protocol serves such clients, too, where it may; see `any_port`.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from email.utils import formatdate
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from satellite.edges.any_port import HTTP2_PREFACE, TLS_HELLO, Greeter, Grpc, Relay, first_byte

Headers = Sequence[tuple[bytes, bytes]]
OnTrap = Callable[[str, int, str, str], None]
"""(kind, our port, the peer's address, what the TLS library or parser said)."""

OnMixed = Callable[[str, int, str], None]
"""(kind, our port, the peer's address) of a client that is served though it speaks TLS where none is expected, or the
other way round."""

HEAD_BYTES_MAX = 65_536
"""A request's line and headers (ours)."""

UNREAD = "satellite.unread"
"""Key in an ASGI scope's `extensions`: a function that gives what came of a body and was never received, and whether
that was all of it. After a disconnect ASGI has no other way to it."""

_UPGRADE = re.compile(rb"\r\nupgrade:", re.IGNORECASE)
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
        listening = _bound(host, port)
        self._listeners.append(_Listener(self, app, listening, context, headers))
        return int(listening.getsockname()[1])

    def listen_any(
        self,
        app: Any,
        host: str,
        port: int,
        context: ssl.SSLContext | None,
        *,
        grpc: Grpc,
        expects_tls: bool,
        on_mixed: OnMixed | None,
        headers: Headers = (),
    ) -> int:
        """The same for a port that takes HTTP/1 (for the application) and gRPC (relayed).

        With `on_mixed` it takes TLS and plain alike and tells of those that are not as expected; without a context
        there is no TLS. Else only what `expects_tls` says.
        """
        listening = _bound(host, port)
        self._listeners.append(
            _AnyListener(
                self, app, listening, context, headers, grpc=grpc, expects_tls=expects_tls, on_mixed=on_mixed
            )
        )
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
                if listener.accepts_itself:
                    listener.accepting = tasks.create_task(listener.accept(tasks))
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


def _bound(host: str, port: int) -> socket.socket:
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
    return listening


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
        self.accepts_itself = context is not None
        """The loop's own server would keep to itself why a TLS handshake failed."""
        self.accepting: asyncio.Task[None] | None = None
        self._handshakes: set[asyncio.Task[None]] = set()
        self._socket = listening
        self._server: asyncio.Server | None = None

    @property
    def open_connections(self) -> int:
        """Connections, those in their handshake included."""
        return len(self.state.connections) + len(self._handshakes)

    async def start(self) -> None:
        if self.accepts_itself:
            self._socket.listen(_BACKLOG)
        else:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self.connection, sock=self._socket, backlog=_BACKLOG)

    async def accept(self, tasks: asyncio.TaskGroup) -> None:
        """Accept for ever."""
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
            task = tasks.create_task(self._welcome(accepted, f"{peer[0]}:{peer[1]}", tasks))
            self._handshakes.add(task)
            task.add_done_callback(self._shook_hands)

    async def _welcome(self, accepted: socket.socket, peer: str, tasks: asyncio.TaskGroup) -> None:
        del tasks
        await self._shake_hands(self.connection, accepted, peer)

    async def _shake_hands(
        self,
        protocol: Callable[[], asyncio.Protocol],
        accepted: socket.socket,
        peer: str,
        *,
        tls: bool = True,
    ) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                protocol,
                accepted,
                ssl=self.context if tls else None,
                ssl_handshake_timeout=self.owner.head_seconds if tls else None,
            )
        except Exception as error:  # noqa: BLE001 - whatever a peer does, the others are served
            self.trap(self.trap_kind(error), peer, _reason(error))
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

    def trap_kind(self, error: Exception) -> str:
        """What a failed handshake is called."""
        return _trap_kind(error)

    def close_idle(self, now: float) -> None:
        for connection in self._connections():
            if connection.is_overdue(now):
                connection.transport.close()

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self._socket.close()

    def cut_off(self, *, only_written: bool) -> None:
        """Abort what is still open; with `only_written` only what has nothing left to send."""
        for connection in self._connections():
            if not (only_written and connection.is_busy):
                connection.transport.abort()

    def _connections(self) -> list[_Connection | Greeter | Relay]:
        connections: Any = self.state.connections
        return list(connections)


class _AnyListener(_Listener):
    """One port for any protocol."""

    def __init__(
        self,
        owner: HttpListeners,
        app: Any,
        listening: socket.socket,
        context: ssl.SSLContext | None,
        headers: Headers,
        *,
        grpc: Grpc,
        expects_tls: bool,
        on_mixed: OnMixed | None,
    ) -> None:
        super().__init__(owner, app, listening, context, headers)
        self.accepts_itself = True
        self._grpc = grpc
        self._expects_tls = expects_tls
        self._on_mixed = on_mixed

    async def _welcome(self, accepted: socket.socket, peer: str, tasks: asyncio.TaskGroup) -> None:
        try:
            async with asyncio.timeout(self.owner.idle_seconds):
                first = await first_byte(accepted)
        except OSError:  # a TimeoutError, too: the peer said nothing, or is gone
            first = b""
        except asyncio.CancelledError:
            accepted.close()
            raise
        if not first:
            accepted.close()
            return
        tls = first == TLS_HELLO
        if tls is not self._expects_tls:
            kind = "tls_client_on_plain_port" if tls else "plain_client_on_tls_port"
            if self._on_mixed is None or (tls and self.context is None):
                self.trap(kind, peer, "")
                with suppress(OSError):  # what is closed unread ends with a reset, which hides the close
                    accepted.recv(HEAD_BYTES_MAX)
                accepted.close()
                return
            self._on_mixed(kind, self.port, peer)

        def relay() -> Relay:
            return Relay(
                self._grpc, self._open_ones, start=tasks.create_task, closed=self.owner.connection_closed
            )

        def greeter() -> Greeter:
            return Greeter(
                self._open_ones,
                self.connection,
                relay,
                idle_seconds=self.owner.idle_seconds,
                closed=self.owner.connection_closed,
            )

        await self._shake_hands(greeter, accepted, peer, tls=tls)

    def trap_kind(self, error: Exception) -> str:
        kind = _trap_kind(error)
        return "tls_handshake_failed" if kind == "plain_client_on_tls_port" else kind  # it began with TLS

    @property
    def _open_ones(self) -> set[Any]:
        return self.state.connections


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
            if data.startswith(TLS_HELLO):
                self._listener.trap("tls_client_on_plain_port", self._peer(), "a TLS handshake began")
                self.transport.close()
                return
            if data.startswith(HTTP2_PREFACE):
                self._listener.trap("http2_client_on_http1_port", self._peer(), "gRPC has ports of its own")
                self.transport.close()
                return
        if b"pgrade:" in data and (self.cycle is None or not self.cycle.more_body):
            data = _without_upgrade(data)
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

    @property
    def is_busy(self) -> bool:
        """Whether something is left to send."""
        transport: Any = self.transport
        return bool(transport.get_write_buffer_size())

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


def _without_upgrade(data: bytes) -> bytes:
    """A request without its wish for another protocol, which a server may ignore (RFC 9110 §7.8) and the parser cannot.

    Java's own client has it in every plain request.
    """
    head, end, rest = data.partition(b"\r\n\r\n")
    return _UPGRADE.sub(b"\r\nx-upgrade:", head) + end + rest


def _reason(error: Exception) -> str:
    return (error.reason if isinstance(error, ssl.SSLError) else "") or type(error).__name__


def _trap_kind(error: Exception) -> str:
    reason = _reason(error)
    if reason in ("HTTP_REQUEST", "WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG"):
        return "plain_client_on_tls_port"
    if "ALERT" in reason and ("UNKNOWN_CA" in reason or "CERTIFICATE" in reason):
        return "client_rejected_certificate"
    return "tls_handshake_failed"
