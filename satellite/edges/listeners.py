"""Listeners: all ports, their limits, time, the stop. One port is `listener`'s.

What is spoken on a connection is told by its first bytes (`greeting`) and then another module's business (`http1`,
`http2_connection`). What arrives at the wrong port (a TLS client on a plain one, a plain client on a TLS one, a client
without our CA), what breaks a rule or exceeds a limit is handed to `on_trap`.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from email.utils import formatdate
from itertools import islice
from typing import Any

from satellite.edges import http2
from satellite.edges.brake import LATER_AT_ONCE, LATER_PER_SECOND, LATER_WAIT_SECONDS_MAX, Brake
from satellite.edges.descriptors import Descriptors
from satellite.edges.faulty_tls import FaultyTls
from satellite.edges.grpc.engine import Engine
from satellite.edges.listener import DeliveryTaker, Headers, Listener, OnMixed, OnTrap
from satellite.edges.pace import LEAST_BYTES_PER_SECOND, SLOW_SECONDS
from satellite.edges.peers import VAIN_PER_SECOND, Peers
from satellite.edges.turns import LoopTurns
from satellite.faults.book import EarlyFaults, Faults

_LINGER_SECONDS = 0.05
"""How long a TLS peer may take to say goodbye when we stop and it has all its answers."""
_IDLE_SECONDS = 1.0
_LET_GO = 16
"""Connections of each port that are closed at a time, when descriptors are short and they were idle for so long."""


class Listeners:
    """Any number of listeners, each with its application; made, run and stopped in one event loop."""

    def __init__(
        self,
        *,
        clock_ns: Callable[[], int],
        on_trap: OnTrap,
        connections_max: int = 4096,
        connections_per_peer_max: int = 1024,
        head_seconds: float = 10,
        idle_seconds: float = 75,
        slow_seconds: float = SLOW_SECONDS,
        least_bytes_per_second: float = LEAST_BYTES_PER_SECOND,
        http2_limits: http2.Limits | None = None,
        faults: EarlyFaults | None = None,
        faulty_tls: FaultyTls | None = None,
        on_connection: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Nothing listens yet.

        Args:
            clock_ns: for the Date header.
            on_trap: hears of connections that came to nothing, and why.
            connections_max: of one listener; more are refused and closed.
            connections_per_peer_max: of one listener from one address, so that one client cannot take all of them.
            head_seconds: for a TLS handshake, for a request's headers once they began, for HTTP/2's settings.
            idle_seconds: without a byte between requests or within a body of HTTP/1; a streaming tracer is silent for 7 s.
            slow_seconds: how long a client may leave its answers untaken, or a frame unfinished, or be below the least rate.
            least_bytes_per_second: of a body or message, on average; 0: any rate will do.
            http2_limits: of each connection.
            faults: what is to go wrong with connections, on purpose.
            faulty_tls: what they meet in a handshake then.
            on_connection: hears of each connection at a port for reports (1), and of each that ended without a byte (-1).
        """
        self.connections_max = connections_max
        self.connections_per_peer_max = connections_per_peer_max
        self.head_seconds = head_seconds
        self.idle_seconds = idle_seconds
        self.slow_seconds = slow_seconds
        self.least_bytes_per_second = least_bytes_per_second
        self.http2_limits = http2_limits or http2.Limits()
        self.on_trap = on_trap
        self.faults: EarlyFaults = faults or Faults(clock_ns)
        self.faulty_tls = faulty_tls
        self.turns = LoopTurns()
        self.descriptors = Descriptors(asyncio.get_running_loop().time)
        self.peers = Peers(asyncio.get_running_loop().time)
        self._later = Brake(
            at_once=LATER_AT_ONCE, per_second=LATER_PER_SECOND, wait_seconds_max=LATER_WAIT_SECONDS_MAX
        )
        self.on_connection = on_connection
        self.tasks: asyncio.TaskGroup | None = None
        """Owns what connections start, while `run` runs."""
        self._clock_ns = clock_ns
        self._listeners: list[Listener] = []
        self._ends = False
        """Whether `stop` was called."""
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
        intake: DeliveryTaker | None = None,
        engine: Engine | None = None,
        expects_tls: bool | None = None,
        on_mixed: OnMixed | None = None,
        bound: socket.socket | None = None,
    ) -> int:
        """Bind a port; returns it. It is answered once `start` ran.

        Args:
            app: an ASGI application.
            host: an address of this machine.
            port: 0 takes a free one.
            context: for TLS.
            headers: on every answer.
            intake: takes reports over gRPC.
            engine: serves gRPC. Without it (and the intake) the port takes HTTP/1 only.
            expects_tls: whether clients should speak TLS; by default when there is a context.
            on_mixed: those that do otherwise are served, too, and this hears of them.
            bound: a socket that somebody bound; host and port do not count then.

        Raises:
            OSError: the address cannot be bound.
        """
        listening = bound or bound_socket(host, port)
        listener = Listener(self, app, listening, context, headers, intake=intake, engine=engine)
        listener.expects_tls = context is not None if expects_tls is None else expects_tls
        listener.on_mixed = on_mixed
        self._listeners.append(listener)
        return listener.port

    def start(self) -> None:
        """Accept connections; `run` must follow."""
        self._show_date()
        for listener in self._listeners:
            listener.start()

    async def run(self) -> None:
        """Own the handshakes, what connections start, and the time limits until `stop`."""
        async with asyncio.TaskGroup() as self.tasks:
            for listener in self._listeners:
                listener.begin(self.tasks)
            while not self._stopping.is_set():
                self._show_date()
                self.descriptors.measure()
                now = asyncio.get_running_loop().time()
                for listener in self._listeners:
                    listener.tick(now)
                with suppress(TimeoutError):
                    async with asyncio.timeout(1):
                        await self._stopping.wait()

    def close(self) -> None:
        """Let go of ports that `run` never served."""
        for listener in self._listeners:
            listener.close()

    async def stop(self, grace_seconds: float) -> None:
        """Return when all requests in hand are answered and their connections closed, or cut off in time."""
        self._ends = True
        for listener in self._listeners:
            await listener.stop_accepting()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + grace_seconds
        for listener in self._listeners:
            for connection in list(listener.connections):
                connection.shutdown()
        states = [listener.state for listener in self._listeners]
        if requests := [task for state in states for task in state.tasks]:
            _, late = await asyncio.wait(requests, timeout=grace_seconds)
            if late:
                for listener in self._listeners:
                    listener.refuse_unfinished()
                _, late = await asyncio.wait(late, timeout=_LINGER_SECONDS)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        await self._drained(_LINGER_SECONDS)
        for listener in self._listeners:
            listener.cut_off(only_written=True)
        await self._drained(max(0.0, deadline - loop.time()))
        self._stopping.set()
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

    def let_go_of_idle(self) -> None:
        """Close some connections for reports that have nothing to do: others need their descriptors."""
        now = asyncio.get_running_loop().time()
        for listener in self._listeners:
            if listener.takes_http2:
                idle = (one for one in listener.connections if one.idle_seconds(now) > _IDLE_SECONDS)
                for connection in list(islice(idle, _LET_GO)):
                    connection.shutdown()

    def vain_wait_seconds(self, port: int, peer: str) -> float:
        """A request to this port of ours brought nothing; how long its answer is to wait."""
        seconds = self.peers.vain_wait_seconds(peer.rpartition(":")[0])
        if seconds:
            self.on_trap("answers_wait", port, peer, f"more than {VAIN_PER_SECOND:g} a second")
        return seconds

    def later_wait_seconds(self) -> float:
        """A report is told to come later; how long that is to wait."""
        return 0.0 if self._ends else self._later.wait_seconds(asyncio.get_running_loop().time())

    def connection_closed(self) -> None:
        """A listener's word that one is gone."""
        self._idle.set()

    def _show_date(self) -> None:
        date = formatdate(self._clock_ns() / 1e9, usegmt=True).encode()
        for listener in self._listeners:
            listener.state.default_headers = [(b"date", date), *listener.headers]


def bound_socket(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A TCP socket, bound and not listening yet; `shared`: others may bind the same port, and take connections in turn.

    Raises:
        OSError: the address cannot be bound.
    """
    family, kind, proto, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listening = socket.socket(family, kind, proto)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6 and host == "::":
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listening.bind(address)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening
