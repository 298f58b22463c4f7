"""One port with its connections: accepting, TLS handshakes, who is let in."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import uvicorn
from uvicorn.server import ServerState

from satellite.edges.faulty import reset
from satellite.edges.faulty_tls import HANDSHAKE_FAILURE
from satellite.edges.greeting import TLS_HELLO, Greeter, first_byte
from satellite.edges.grpc.engine import Engine
from satellite.edges.http1 import HEAD_BYTES_MAX, Http1Connection
from satellite.edges.http2_connection import Http2Connection
from satellite.edges.pace import Pace
from satellite.edges.paths import shown
from satellite.edges.turns import WORK_OF_CONNECTION, WORK_OF_HANDSHAKE, LoopTurns
from satellite.errors import SatelliteError
from satellite.faults.decision import Decision
from satellite.intake.intake import Delivery
from satellite.intake.queue import Waiter

if TYPE_CHECKING:
    from satellite.edges.listeners import Listeners

Headers = Sequence[tuple[bytes, bytes]]
OnTrap = Callable[[str, int, str, str], None]
"""(kind, our port, the peer's address, what the TLS library or parser said)."""

OnMixed = Callable[[str, int, str], None]
"""(kind, our port, the peer's address) of a client that is served though it speaks TLS where none is expected, or the
other way round."""

_BACKLOG = 2048
_AT_ONCE = 64
"""Connections are accepted in a turn of the loop; what is read of them waits for its turn (ours)."""
_ACCEPT_AGAIN_SECONDS = 0.1
_REFUSED_MAX = 64
"""Connections over the limit of a port that are told so; beyond it they are closed without a word."""
_SILENT_SECONDS = 1.0
"""After which one that has said nothing yet makes room for another where the port is full (ours)."""


class DeliveryTaker(Protocol):
    """What connections need of the intake, wherever it runs."""

    def hand_over(self, delivery: Delivery, waiter: Waiter) -> None:
        """Take a report; the waiter gets its receipt."""
        ...

    def refuse(self, protocol: str, error: SatelliteError, *, size_bytes: int = 0, peer: str = "") -> None:
        """Count a report that an edge had to refuse before it was one."""
        ...


class Listener:
    """One port with its connections."""

    def __init__(
        self,
        owner: Listeners,
        app: Any,
        listening: socket.socket,
        context: ssl.SSLContext | None,
        headers: Headers,
        *,
        intake: DeliveryTaker | None,
        engine: Engine | None,
    ) -> None:
        """See `Listeners.listen`."""
        self.owner = owner
        self.app = app
        self.port = int(listening.getsockname()[1])
        self.headers = headers
        self.expects_tls = context is not None
        self.on_mixed: OnMixed | None = None
        self.config = uvicorn.Config(
            app,
            loop="none",
            ws="none",
            lifespan="off",
            log_config=None,
            interface="asgi3",
            proxy_headers=False,
            timeout_keep_alive=int(owner.idle_seconds),
        )
        self.config.load()
        self.state = ServerState()
        self.http2_limits = owner.http2_limits
        self._context = context
        self._intake = intake
        self._engine = engine
        self._peers: Counter[str] = Counter()
        """Open connections by the peer's host."""
        self._accepting: asyncio.Task[None] | None = None
        self._handshakes: set[asyncio.Task[None]] = set()
        self._silent: dict[object, tuple[float, Callable[[], object]]] = {}
        """Connections that have said nothing yet, the oldest first: since when, and what ends one."""
        self._socket = listening

    # For connections

    @property
    def connections(self) -> set[Any]:
        """All that are open, whatever they speak."""
        return self.state.connections

    @property
    def tasks(self) -> asyncio.TaskGroup | None:
        """What may run a connection's work."""
        return self.owner.tasks

    @property
    def intake(self) -> DeliveryTaker:
        """What takes reports over gRPC."""
        assert self._intake is not None
        return self._intake

    @property
    def takes_http2(self) -> bool:
        """Whether this port speaks HTTP/2."""
        return self._engine is not None

    def http1(self) -> Http1Connection:
        """What goes on with a connection of HTTP/1."""
        return Http1Connection(self)

    def http2(self, fault: Decision | None) -> Http2Connection | None:
        """What goes on with a connection of HTTP/2; None where it is not spoken."""
        if self._engine is None:
            return None
        limits = self.http2_limits
        if fault is not None and fault.streams is not None:
            limits = replace(limits, streams_max=fault.streams)
        return Http2Connection(self, self._engine, limits)

    def fault(self, peer: str) -> Decision | None:
        """What is to go wrong with a connection that begins."""
        return self.owner.faults.of_connection(self.port, peer)

    def is_grpc_method(self, path: bytes) -> bool:
        """Whether this port serves such a method, over HTTP/2."""
        return self._engine is not None and self._engine.serves(path)

    @property
    def turns(self) -> LoopTurns:
        """Whose bytes are read when."""
        return self.owner.turns

    def trouble(self, peer: str, points: float = 1.0) -> None:
        """A connection came to nothing, or worse."""
        if self.owner.peers.trouble(_host(peer), points):
            self.trap("peer_waits", peer, "its connections are served slowly for ten seconds")

    def is_too_slow(self, pace: Pace, now: float) -> bool:
        """Whether a body comes below the least rate."""
        return pace.is_too_slow(now, self.owner.slow_seconds, self.owner.least_bytes_per_second)

    def slow_body(self, peer: str, path: str) -> None:
        """One was given up."""
        self.trap("slow_body", peer, shown(f"at {path}"))

    def wait_seconds(self, peer: str) -> float | None:
        """How long a new connection has to wait before anything is read of it; None: it is not to be served at all."""
        if self.takes_http2 and not self.owner.descriptors.take():
            limit = self.owner.descriptors.limit
            self.trap("no_descriptors", peer, f"the process may open {limit} files (ulimit -n {limit})")
            self.owner.let_go_of_idle()
            return None
        seconds = self.owner.peers.wait_seconds(_host(peer))
        if seconds <= self.owner.head_seconds:
            return seconds
        self.trap("too_many_connections", peer, "of an address that sent floods")
        return None

    def begun(self) -> None:
        """Somebody connected, whatever becomes of it."""
        if self._engine is not None:
            self.owner.on_connection(1)

    def left_silent(self) -> None:
        """Somebody who had connected left without a byte, as who looks whether a port is open: that is no connection for reports."""
        if self._engine is not None:
            self.owner.on_connection(-1)

    def admit(self, peer: str) -> bool:
        """Count a connection that is open; False when it is one too many."""
        host = _host(peer)
        self._peers[host] += 1
        if self._peers[host] > self.owner.connections_per_peer_max:
            self.trap("too_many_connections", peer, "of this client's address")
            return False
        if len(self.connections) > self.owner.connections_max and not self._made_room():
            self.trap("too_many_connections", peer, "of this port")
            return False
        return True

    def silent(self, connection: object, end: Callable[[], object]) -> None:
        """It is open, and has said nothing; `end` lets it go."""
        self._silent[connection] = asyncio.get_running_loop().time(), end

    def spoke(self, connection: object) -> None:
        """It has said something, or is gone."""
        self._silent.pop(connection, None)

    def _made_room(self) -> bool:
        """Whether one that has been silent for long was let go, for one more."""
        now = asyncio.get_running_loop().time()
        for connection, (since, end) in self._silent.items():
            if now - since < _SILENT_SECONDS:
                break
            del self._silent[connection]
            end()
            return True
        return False

    def connection_closed(self, peer: str) -> None:
        """One that was admitted, or not, is gone."""
        host = _host(peer)
        self._peers[host] -= 1
        if self._peers[host] <= 0:
            del self._peers[host]
        self.owner.connection_closed()

    def trap(self, kind: str, peer: str, detail: str) -> None:
        """Something went wrong with a connection."""
        self.owner.on_trap(kind, self.port, peer, detail)

    # Accepting

    @property
    def open_connections(self) -> int:
        """Connections, those in their handshake included."""
        return len(self.connections) + len(self._handshakes)

    @property
    def _is_plain_only(self) -> bool:
        """Whether there is nothing to tell apart before a connection is one."""
        return self._context is None and self.on_mixed is None

    def start(self) -> None:
        """Listen."""
        self._socket.listen(_BACKLOG)

    def begin(self, tasks: asyncio.TaskGroup) -> None:
        """Accept."""
        self._accepting = tasks.create_task(self._accept(tasks))

    async def _accept(self, tasks: asyncio.TaskGroup) -> None:
        """Accept for ever. A loop's own server takes one connection in a turn, and behind a crowd everybody waits for seconds."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                self._take(*await loop.sock_accept(self._socket), tasks)
                for _ in range(_AT_ONCE - 1):
                    self._take(*self._socket.accept(), tasks)
            except BlockingIOError:  # nobody else waits
                continue
            except OSError:  # no file descriptor left, or the peer has gone again
                await asyncio.sleep(_ACCEPT_AGAIN_SECONDS)
            else:
                await asyncio.sleep(0)

    def _take(self, accepted: socket.socket, address: Any, tasks: asyncio.TaskGroup) -> None:
        """A connection that was accepted."""
        accepted.setblocking(False)
        peer = f"{address[0]}:{address[1]}"
        if self.open_connections >= self.owner.connections_max + _REFUSED_MAX and not self._made_room():
            self.trap("too_many_connections", peer, "of this port")
            accepted.close()
            return
        task = tasks.create_task(self._welcome(accepted, peer))
        self._handshakes.add(task)
        task.add_done_callback(self._shook_hands)

    async def _welcome(self, accepted: socket.socket, peer: str) -> None:
        try:
            if self._is_plain_only:
                await self._connect(accepted, peer, Greeter(self))
            else:
                self.begun()
                await self._begin(accepted, peer)
        except asyncio.CancelledError:
            accepted.close()
            raise

    async def _begin(self, accepted: socket.socket, peer: str) -> None:
        """Tell TLS from plain by the first byte, and go on when it is its turn."""
        seconds = self.wait_seconds(peer)
        if seconds is None:
            reset(accepted)
            accepted.close()
            return
        if seconds:
            await asyncio.sleep(seconds)
        fault = self.fault(peer)
        if fault is not None and await self._spoilt(accepted, fault):
            return
        tls_only = self.expects_tls and self.on_mixed is None
        first = await self._first_byte(
            accepted, self.owner.head_seconds if tls_only else self.owner.idle_seconds
        )
        if not first:
            self.left_silent()
            if tls_only:
                self.trap("tls_handshake_failed", peer, "it did not begin")
                self.trouble(peer)
            accepted.close()
            return
        tls = first == TLS_HELLO
        if tls is not self.expects_tls:
            kind = "tls_client_on_plain_port" if tls else "plain_client_on_tls_port"
            if self.on_mixed is None or (tls and self._context is None):
                self.trap(kind, peer, "")
                with suppress(OSError):  # what is closed unread ends with a reset, which hides the close
                    accepted.recv(HEAD_BYTES_MAX)
                accepted.close()
                return
            self.on_mixed(kind, self.port, peer)
        await self.turns.turn(_host(peer), WORK_OF_CONNECTION + (WORK_OF_HANDSHAKE if tls else 0))
        await self._connect(
            accepted, peer, Greeter(self, fault, waited=True), self._context_for(fault) if tls else None
        )

    async def _connect(
        self, accepted: socket.socket, peer: str, greeter: Greeter, tls: ssl.SSLContext | None = None
    ) -> None:
        """Have it read, behind its handshake."""
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: greeter,
                accepted,
                ssl=tls,
                ssl_handshake_timeout=self.owner.head_seconds if tls else None,
            )
        except Exception as error:  # noqa: BLE001 - whatever a peer does, the others are served
            self.trap(self._trap_kind(error), peer, _reason(error))
            self.trouble(peer)
            accepted.close()

    async def _spoilt(self, accepted: socket.socket, fault: Decision) -> bool:
        """Do what a fault wants before a byte is read; False when it wants something later, or of the handshake."""
        if fault.connection == "stall":
            await asyncio.sleep(self.owner.idle_seconds)
        elif fault.connection == "reset-before" or fault.tls == "handshake-failure":
            await self._first_byte(accepted, self.owner.idle_seconds)
        elif fault.connection != "refuse":
            return False
        if fault.tls == "handshake-failure":
            with suppress(OSError):
                accepted.send(HANDSHAKE_FAILURE)
                accepted.recv(
                    HEAD_BYTES_MAX
                )  # what is closed unread ends with a reset, which hides the alert
        elif fault.connection != "stall":
            reset(accepted)
        accepted.close()
        return True

    def _context_for(self, fault: Decision | None) -> ssl.SSLContext | None:
        if fault is None or fault.tls is None or self.owner.faulty_tls is None:
            return self._context
        return self.owner.faulty_tls.context(fault.tls)

    async def _first_byte(self, accepted: socket.socket, seconds: float) -> bytes:
        task = asyncio.current_task()
        assert task is not None
        self.silent(task, task.cancel)
        try:
            async with asyncio.timeout(seconds):
                return await first_byte(accepted)
        except OSError:  # a TimeoutError, too: the peer said nothing, or is gone
            return b""
        finally:
            self.spoke(task)

    def _trap_kind(self, error: Exception) -> str:
        kind = _trap_kind(error)
        if kind == "plain_client_on_tls_port" and self.on_mixed is not None:
            return "tls_handshake_failed"  # it began with TLS
        return kind

    def _shook_hands(self, task: asyncio.Task[None]) -> None:
        self._handshakes.discard(task)
        self.owner.connection_closed()

    # Stopping

    async def stop_accepting(self) -> None:
        """Close the listening socket, give up handshakes; open connections live on."""
        tasks = [*self._handshakes, *([self._accepting] if self._accepting else [])]
        for task in tasks:
            task.cancel()
        if tasks:  # the loop must have let go of the socket before it is closed
            await asyncio.wait(tasks)
        self.close()

    def tick(self, now: float) -> None:
        """A second passed."""
        for connection in list(self.connections):
            connection.tick(now)

    def close(self) -> None:
        """Let go of the port."""
        self._socket.close()

    def refuse_unfinished(self) -> None:
        """Answer those whose bodies are not complete."""
        for connection in list(self.connections):
            if isinstance(connection, Http1Connection):
                connection.refuse_unfinished()

    def cut_off(self, *, only_written: bool) -> None:
        """Abort what is still open; with `only_written` only what has nothing left to send."""
        for connection in list(self.connections):
            if not (only_written and connection.is_busy):
                connection.transport.abort()


def _host(peer: str) -> str:
    return peer.rpartition(":")[0]


def _reason(error: Exception) -> str:
    return (error.reason if isinstance(error, ssl.SSLError) else "") or type(error).__name__


def _trap_kind(error: Exception) -> str:
    reason = _reason(error)
    if reason in ("HTTP_REQUEST", "WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG"):
        return "plain_client_on_tls_port"
    if "ALERT" in reason and ("UNKNOWN_CA" in reason or "CERTIFICATE" in reason):
        return "client_rejected_certificate"
    return "tls_handshake_failed"
