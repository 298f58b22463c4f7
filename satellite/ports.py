"""The ports of one satellite: which there are, and those that take reports (`SpanPorts`): open, serve, let go of.

What stands behind them is put together elsewhere; sockets and what is spoken on them are the edges' business.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from satellite.api.operations import Listener
from satellite.edges import http2
from satellite.edges.budget import ReadingBudget
from satellite.edges.faulty_tls import FaultyTls
from satellite.edges.greeting import ALPN
from satellite.edges.grpc.call import Wire
from satellite.edges.grpc.engine import Engine
from satellite.edges.grpc.grpcio import GrpcioServer
from satellite.edges.grpc.services import Services
from satellite.edges.grpc.standard import add_standard
from satellite.edges.http import ReportsApp
from satellite.edges.listener import OnMixed
from satellite.edges.listeners import Listeners
from satellite.edges.other_requests import EVERY_ANSWER, OnTrap
from satellite.edges.paths import shown
from satellite.edges.tls import CertificateStore
from satellite.errors import SatelliteError
from satellite.faults.book import EarlyFaults
from satellite.intake.intake import Intake
from satellite.protocols import PROTOCOLS, WEB_PROTOCOLS
from satellite.requests.entry import EntryTaker
from satellite.settings import ANY_FREE_PORT, NEIGHBOURS_PORTS, OFF, Loaded, Settings
from satellite.telemetry.logs import get_logger

log = get_logger(__name__)

GRPC, HTTP, ANY = "reports over gRPC", "reports over HTTP", "reports by any protocol"
ADMIN, EXPLORER = "health and metrics", "Explorer and its API"

PURPOSES = {
    "grpc_secure_port": GRPC,
    "grpc_plain_port": GRPC,
    "http_secure_port": HTTP,
    "http_plain_port": HTTP,
    "secure_port": ANY,
    "plain_port": ANY,
    "developer_plain_port": ANY,
    "otlp_grpc_port": GRPC,
    "otlp_http_port": HTTP,
    "zipkin_port": HTTP,
    "jaeger_grpc_port": GRPC,
    "jaeger_http_port": HTTP,
    "admin_plain_port": ADMIN,
    "admin_secure_port": ADMIN,
    "explorer_port": EXPLORER,
}
"""What answers at the port of each setting, in the order they are shown."""

SPANS = GRPC, HTTP, ANY
PAGES = ADMIN, EXPLORER


class CannotListen(SatelliteError):
    """A port that cannot be bound; the message names it and its setting."""

    code = "cannot_listen"


def wants_tls(settings: Settings) -> bool:
    """Whether any port with TLS is on, so that a certificate is needed."""
    return any(_wanted(settings, name) is not None for name in PURPOSES if "secure" in name)


def certificates_of(settings: Settings, clock_ns: Callable[[], int]) -> CertificateStore | None:
    """What the ports with TLS need; None when there are none. No file is touched yet."""
    if not wants_tls(settings):
        return None
    return CertificateStore(
        settings.cert_dir,
        clock=lambda: datetime.fromtimestamp(clock_ns() / 1e9, UTC),
        host_name=socket.gethostname(),
        names=settings.san,
        prefix=settings.tls_cert_prefix,
    )


OnLeftOut = Callable[[str], None]
"""Hears of a port that is done without, and why."""


def open_ports(
    loaded: Loaded, purposes: tuple[str, ...], bind: Callable[[str, int], int], on_left_out: OnLeftOut
) -> list[Listener]:
    """Bind the ports of these purposes, in the order of PURPOSES; those of neighbours that are taken and were not asked for are left out.

    Args:
        loaded: which ports.
        purposes: GRPC and others.
        bind: (setting, port or 0 for any free one) → the port.
        on_left_out: hears of those.

    Raises:
        CannotListen: a port is taken, or not allowed.
    """
    host, opened = loaded.settings.host, []
    for setting, purpose in PURPOSES.items():
        port = _wanted(loaded.settings, setting)
        if port is None or purpose not in purposes:
            continue
        try:
            bound = bind(setting, port)
        except OSError as error:
            elsewhere = isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL
            reason = os.strerror(error.errno) if error.errno else str(error)
            if elsewhere:
                reason = "no address of this machine"
            message = f"cannot listen at {_address(host, port)} ({setting}): {reason}"
            if elsewhere:
                hint = "the setting host takes 0.0.0.0 (all of IPv4), ::, 127.0.0.1, or an address or name of this machine"
                raise CannotListen(message, hint=hint) from error
            if setting not in NEIGHBOURS_PORTS or loaded.origin[setting] != "default":
                hint = f"choose another port with --set {setting}=PORT, or turn it off with 0"
                raise CannotListen(message, hint=hint) from error
            log.warning("listener.left_out", setting=setting, reason=message)
            on_left_out(f"left out: {message}")
            continue
        opened.append(Listener(setting, purpose, _address(host, bound), bound, "secure" in setting))
    return opened


class SpanPorts:
    """The ports that take reports; made, opened, started, served and stopped in one event loop."""

    def __init__(
        self,
        loaded: Loaded,
        *,
        intake: Intake,
        certificates: CertificateStore | None,
        clock_ns: Callable[[], int],
        trapped: OnTrap,
        mixed: OnMixed | None,
        faults: EarlyFaults,
        ready: Callable[[], bool],
        requests: EntryTaker | None = None,
        spans_received: Callable[[], int] = lambda: 0,
        fences: Callable[[], int] = lambda: 0,
        services: Services | None = None,
        on_left_out: OnLeftOut = lambda _: None,
        processes: int = 1,
        sockets: Mapping[str, socket.socket] | None = None,
    ) -> None:
        """Nothing is bound before `open`.

        Args:
            loaded: which ports, and their limits.
            intake: takes the reports.
            certificates: for ports with TLS; None when all of them are off.
            clock_ns: ns since the epoch.
            trapped: hears of connections and requests that came to nothing.
            mixed: hears of clients that are served though they speak TLS where none is expected, or the other way
                round; None: they are not.
            faults: what is to go wrong on purpose before a report is read.
            ready: what gRPC's health service answers.
            requests: keeps what came in and what was answered.
            spans_received: since the start, for `GET /spans_received` when `benchmark_mode` is set.
            fences: how many there are, see `explore/fence.py`.
            services: of gRPC, to be served beside reports, health and reflection by whichever engine.
            on_left_out: hears of ports that are done without.
            processes: that serve these ports and share the bounds of what is being read, and of connections.
            sockets: for the ports of these settings; somebody bound them.
        """
        self._trapped = trapped
        self._on_mixed = mixed
        self._on_left_out = on_left_out
        self._sockets = sockets or {}
        self.listeners: list[Listener] = []
        """The ports that answer, in the order of PURPOSES."""
        self._loaded = loaded
        self._settings = settings = loaded.settings
        self._certificates = certificates
        self._listeners = listeners_with(
            settings,
            certificates,
            clock_ns=clock_ns,
            trapped=trapped,
            faults=faults,
            on_connection=_nothing if requests is None else requests.connected,
            processes=processes,
        )
        budget = ReadingBudget(
            max(settings.max_waiting_bytes // processes, settings.max_msg_size_bytes if processes > 1 else 0),
            trapped,
        )
        services = services or Services()
        self._health = add_standard(services, PROTOCOLS, ready)
        self._intake = intake
        self._engine = Engine(
            protocols=PROTOCOLS,
            services=services,
            message_bytes_max=settings.max_msg_size_bytes,
            budget=budget,
            on_unknown=self._unknown_method,
            faults=faults,
            clock_ns=clock_ns,
            log=requests,
            fences=fences,
        )
        self._grpcio: GrpcioServer | None = None
        if settings.grpc_engine == "grpcio":
            self._grpcio = GrpcioServer(
                intake,
                protocols=PROTOCOLS,
                services=services,
                health=self._health,
                message_bytes_max=settings.max_msg_size_bytes,
                clock_ns=clock_ns,
                log=requests,
            )
        self._app = ReportsApp(
            intake,
            protocols=(*PROTOCOLS, *WEB_PROTOCOLS),
            clock_ns=clock_ns,
            body_bytes_max=settings.max_msg_size_bytes,
            budget=budget,
            ca_pem=no_ca if certificates is None else lambda: certificates.ca_pem,
            on_trap=trapped,
            vain_wait_seconds=self._listeners.vain_wait_seconds,
            later_wait_seconds=self._listeners.later_wait_seconds,
            faults=faults,
            log=requests,
            spans_received=spans_received if settings.benchmark_mode else None,
            fences=fences,
        )

    def open(self) -> None:
        """Bind all of them; see `open_ports`."""
        self.listeners = open_ports(self._loaded, SPANS, self._bind, self._on_left_out)

    def answer_at(self, sockets: Mapping[str, socket.socket]) -> None:
        """Instead of `open`: the sockets of these settings, which somebody bound."""
        self._sockets = sockets
        for setting in sockets:
            self._bind(setting, 0)

    def _bind(self, setting: str, port: int) -> int:
        host, tls, purpose = self._settings.host, "secure" in setting, PURPOSES[setting]
        if purpose == GRPC and self._grpcio is not None:
            return self._grpcio.listen(host, port, self._tls.grpc_credentials() if tls else None)
        mixed = self._on_mixed if purpose == ANY else None
        has_context = tls or (mixed is not None and self._certificates is not None)
        return self._listeners.listen(
            self._app,
            host,
            port,
            self._tls.ssl_context(ALPN) if has_context else None,
            headers=EVERY_ANSWER,
            intake=self._intake,
            engine=self._engine,
            expects_tls=tls,
            on_mixed=mixed,
            bound=self._sockets.get(setting),
        )

    @property
    def _tls(self) -> CertificateStore:
        assert self._certificates is not None
        return self._certificates

    def _unknown_method(self, wire: Wire, path: str) -> float:
        self._trapped("unknown_grpc_method", wire.port, wire.peer, shown(path))
        return self._listeners.vain_wait_seconds(wire.port, wire.peer)

    async def start(self, tasks: asyncio.TaskGroup) -> None:
        """Answer; `tasks` owns the connections until `stop`."""
        self._listeners.start()
        tasks.create_task(self._listeners.run())
        if self._grpcio is not None:
            await self._grpcio.start()

    def show_readiness(self) -> None:
        """Tell those who watch the health service, should readiness have changed; to be called now and then."""
        self._health.follow()

    async def stop(self, grace_seconds: float) -> None:
        """Take nothing new, answer what is in hand, within the bound."""
        self._health.end()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listeners.stop(grace_seconds))
            if self._grpcio is not None:
                tasks.create_task(self._grpcio.stop(grace_seconds))

    async def close(self) -> None:
        """Let go of ports that were never served."""
        if self._grpcio is not None:
            await self._grpcio.stop(0)
        self._listeners.close()


def listeners_with(
    settings: Settings,
    certificates: CertificateStore | None,
    *,
    clock_ns: Callable[[], int],
    trapped: OnTrap,
    faults: EarlyFaults,
    on_connection: Callable[[int], None] = lambda _: None,
    processes: int = 1,
) -> Listeners:
    """None yet; for ports within these bounds, of which this is one of so many processes, that meet these faults."""
    faulty_tls = None
    if certificates is not None:
        faulty_tls = FaultyTls(
            issuer=certificates.issuer,
            names=certificates.names,
            clock=lambda: datetime.fromtimestamp(clock_ns() / 1e9, UTC),
        )
    return Listeners(
        clock_ns=clock_ns,
        on_trap=trapped,
        connections_max=-(-settings.connections_per_port_max // processes),
        connections_per_peer_max=settings.connections_per_peer_max,
        head_seconds=settings.handshake_seconds_max,
        idle_seconds=settings.idle_seconds_max,
        slow_seconds=settings.slow_seconds_max,
        least_bytes_per_second=settings.body_bytes_per_second_min,
        http2_limits=http2.Limits(
            streams_max=settings.streams_per_connection_max,
            list_bytes_max=settings.header_list_bytes_max,
            block_bytes_max=settings.header_list_bytes_max,
        ),
        faults=faults,
        faulty_tls=faulty_tls,
        on_connection=on_connection,
    )


def _nothing(_: int) -> None:
    pass


def no_ca() -> None:
    """What there is for download where no port has TLS."""
    return


def _wanted(settings: Settings, setting: str) -> int | None:
    """What to bind: 0 for any free port, None when it is off."""
    port: int = getattr(settings, setting)
    return {OFF: None, ANY_FREE_PORT: 0}.get(port, port)


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
