"""The ports of one satellite: what answers at which, opening them, serving, letting go of them.

App puts together what stands behind them; sockets and what is spoken on them are the edges' business.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from satellite.api.guard import Guard
from satellite.api.operations import Diagnostics, Listener, create_admin, create_explorer
from satellite.api.pages import Pages
from satellite.edges import http2
from satellite.edges.budget import ReadingBudget
from satellite.edges.faulty_tls import FaultyTls
from satellite.edges.greeting import ALPN
from satellite.edges.grpc.call import Wire
from satellite.edges.grpc.engine import Engine
from satellite.edges.grpc.grpcio import GrpcioServer
from satellite.edges.grpc.services import Services
from satellite.edges.grpc.standard import add_standard
from satellite.edges.http import EVERY_ANSWER, OnTrap, ReportsApp, ReportsElsewhere
from satellite.edges.listeners import Listeners
from satellite.edges.paths import Paths
from satellite.edges.tls import NAMES, CertificateStore
from satellite.errors import SatelliteError
from satellite.faults.book import Faults
from satellite.intake.intake import Intake
from satellite.protocols import PROTOCOLS
from satellite.requests.log import RequestLog
from satellite.settings import ANY_FREE_PORT, NEIGHBOURS_PORTS, OFF, Loaded, Settings
from satellite.telemetry import get_logger

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

PAGES_FOLDER = Path(__file__).parent / "ui"
"""What `web/` is built into; not there in a checkout on a machine without Node.js."""


class CannotListen(SatelliteError):
    """A port that cannot be bound; the message names it and its setting."""

    code = "cannot_listen"


def wants_tls(settings: Settings) -> bool:
    """Whether any port with TLS is on, so that a certificate is needed."""
    return any(_wanted(settings, name) is not None for name in PURPOSES if "secure" in name)


class Ports:
    """All ports of a satellite; made, opened, started, served and stopped in one event loop."""

    def __init__(
        self,
        loaded: Loaded,
        *,
        intake: Intake,
        diagnostics: Diagnostics,
        exposition: Callable[[str], tuple[bytes, str]],
        api: ASGIApp,
        certificates: CertificateStore | None,
        clock_ns: Callable[[], int],
        trapped: OnTrap,
        faults: Faults,
        requests: RequestLog | None = None,
        services: Services | None = None,
    ) -> None:
        """Nothing is bound before `open`.

        Args:
            loaded: which ports, and their limits.
            intake: takes the reports.
            diagnostics: shown at the Explorer's port; answers `/_ready`. Learns what was left out.
            exposition: the metrics (`Accept` header → body, content type).
            api: Explorer's API.
            certificates: for ports with TLS; None when all of them are off.
            clock_ns: ns since the epoch.
            trapped: hears of connections and requests that came to nothing.
            faults: what is to go wrong on purpose.
            requests: keeps what came to the ports for reports.
            services: of gRPC, to be served beside reports, health and reflection by whichever engine.
        """
        self._trapped = trapped
        self.listeners: list[Listener] = []
        """The ports that answer, in the order of PURPOSES."""
        self._loaded = loaded
        self._settings = settings = loaded.settings
        self._diagnostics = diagnostics
        self._certificates = certificates
        faulty_tls = None
        if certificates is not None:
            faulty_tls = FaultyTls(
                issuer=certificates.issuer,
                names=certificates.names,
                clock=lambda: datetime.fromtimestamp(clock_ns() / 1e9, UTC),
            )
        self._listeners = Listeners(
            clock_ns=clock_ns,
            on_trap=trapped,
            connections_max=settings.connections_per_port_max,
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
            on_connection=_nothing if requests is None else requests.connected,
        )
        budget = ReadingBudget(settings.max_waiting_bytes)
        services = services or Services()
        self._health = add_standard(services, PROTOCOLS, lambda: not diagnostics.why_not_ready())
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
        ca_pem = _none if certificates is None else lambda: certificates.ca_pem
        reports = ReportsApp(
            intake,
            protocols=PROTOCOLS,
            clock_ns=clock_ns,
            body_bytes_max=settings.max_msg_size_bytes,
            budget=budget,
            ca_pem=ca_pem,
            on_trap=trapped,
            faults=faults,
            log=requests,
        )
        admin = create_admin(diagnostics, exposition)
        explorer = Pages(create_explorer(diagnostics, api, ca_pem), PAGES_FOLDER, prefix=settings.path_prefix)

        def guarded(app: ASGIApp) -> Guard:
            return Guard(app, self._names, settings.allowed_hosts)

        paths = Paths(PROTOCOLS)
        self._apps: dict[str, Any] = {
            GRPC: reports,
            HTTP: reports,
            ANY: reports,
            ADMIN: guarded(ReportsElsewhere(admin, paths, trapped, self._where_reports_go)),
            EXPLORER: guarded(ReportsElsewhere(explorer, paths, trapped, self._where_reports_go)),
        }

    def open(self) -> None:
        """Bind all of them; those of neighbours that are taken and were not asked for are left out.

        Raises:
            CannotListen: a port is taken, or not allowed.
        """
        for setting, purpose in PURPOSES.items():
            port = _wanted(self._settings, setting)
            if port is None:
                continue
            try:
                bound = self._bind(setting, port)
            except CannotListen as error:
                if setting not in NEIGHBOURS_PORTS or self._loaded.origin[setting] != "default":
                    raise
                log.warning("listener.left_out", setting=setting, reason=error.message)
                self._diagnostics.notes.append(f"left out: {error.message}")
                continue
            address = _address(self._settings.host, bound)
            self.listeners.append(Listener(setting, purpose, address, bound, "secure" in setting))

    def _bind(self, setting: str, port: int) -> int:
        host, tls, purpose = self._settings.host, "secure" in setting, PURPOSES[setting]
        app = self._apps[purpose]
        try:
            if purpose == GRPC and self._grpcio is not None:
                return self._grpcio.listen(host, port, self._tls.grpc_credentials() if tls else None)
            if app is not self._apps[ANY]:
                return self._listeners.listen(app, host, port, self._tls.ssl_context() if tls else None)
            mixed = self._mixed if purpose == ANY and self._serves_mixed else None
            has_context = tls or (mixed is not None and self._certificates is not None)
            return self._listeners.listen(
                app,
                host,
                port,
                self._tls.ssl_context(ALPN) if has_context else None,
                headers=EVERY_ANSWER,
                intake=self._intake,
                engine=self._engine,
                expects_tls=tls,
                on_mixed=mixed,
            )
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise CannotListen(
                f"cannot listen at {_address(host, port)} ({setting}): {reason}",
                hint=f"choose another port with --set {setting}=PORT, or turn it off with 0",
            ) from error

    @property
    def _tls(self) -> CertificateStore:
        assert self._certificates is not None
        return self._certificates

    @property
    def _serves_mixed(self) -> bool:
        chosen = self._settings.mixed_tls
        return self._diagnostics.token_mode in ("open", "single") if chosen is None else chosen

    def _names(self) -> Sequence[str]:
        """What the satellite is called: as its certificate says, or would say."""
        if self._certificates is not None:
            return self._certificates.names
        return (*NAMES, socket.gethostname().lower(), *map(str.lower, self._settings.san))

    def _where_reports_go(self) -> str:
        ports = [str(one.port) for one in self.listeners if one.purpose in (HTTP, ANY)]
        return (
            f"reports over HTTP go to port {' or '.join(ports)}"
            if ports
            else "no port takes reports over HTTP"
        )

    def _mixed(self, kind: str, port: int, peer: str) -> None:
        self._diagnostics.traps.note(f"{kind}_served", port, peer, "")

    def _unknown_method(self, wire: Wire, path: str) -> None:
        self._trapped("unknown_grpc_method", wire.port, wire.peer, path[:200])

    async def start(self) -> None:
        """Answer; `serve` must follow."""
        await self._listeners.start()
        if self._grpcio is not None:
            await self._grpcio.start()

    async def serve(self) -> None:
        """Own the connections until `stop`."""
        await self._listeners.run()

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


def _none() -> None:
    return None


def _nothing() -> None:
    pass


def _wanted(settings: Settings, setting: str) -> int | None:
    """What to bind: 0 for any free port, None when it is off."""
    port: int = getattr(settings, setting)
    return {OFF: None, ANY_FREE_PORT: 0}.get(port, port)


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
