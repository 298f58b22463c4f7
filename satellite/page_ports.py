"""The ports that are asked: health and metrics, Explorer and its API."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from satellite.api.guard import Guard
from satellite.api.operations import Diagnostics, Listener, create_admin, create_explorer
from satellite.api.pages import Pages
from satellite.edges.certificate_folder import NAMES
from satellite.edges.other_requests import OnTrap, ReportsElsewhere
from satellite.edges.paths import Paths
from satellite.edges.tls import CertificateStore
from satellite.faults.book import Faults
from satellite.ports import (
    ADMIN,
    ANY,
    EXPLORER,
    HTTP,
    PAGES,
    PURPOSES,
    OnLeftOut,
    listeners_with,
    no_ca,
    open_ports,
)
from satellite.protocols import PROTOCOLS
from satellite.settings import Loaded

PAGES_FOLDER = Path(__file__).parent / "ui"
"""What `web/` is built into; not there in a checkout on a machine without Node.js."""


class PagePorts:
    """All of them; made, opened, started, served and stopped in one event loop."""

    def __init__(
        self,
        loaded: Loaded,
        *,
        diagnostics: Diagnostics,
        exposition: Callable[[str], tuple[bytes, str]],
        api: ASGIApp,
        certificates: CertificateStore | None,
        clock_ns: Callable[[], int],
        trapped: OnTrap,
        faults: Faults,
        span_listeners: Callable[[], Sequence[Listener]],
        on_left_out: OnLeftOut,
    ) -> None:
        """Nothing is bound before `open`.

        Args:
            loaded: which ports.
            diagnostics: shown at the Explorer's port; answers `/_ready`.
            exposition: the metrics (`Accept` header → body, content type).
            api: Explorer's API.
            certificates: for ports with TLS; None when all of them are off.
            clock_ns: ns since the epoch.
            trapped: hears of connections and requests that came to nothing.
            faults: what is to go wrong with connections, on purpose.
            span_listeners: where reports go, for those that come here.
            on_left_out: hears of ports that are done without.
        """
        self.listeners: list[Listener] = []
        """The ports that answer, in the order of PURPOSES."""
        self._loaded = loaded
        self._certificates = certificates
        self._span_listeners = span_listeners
        self._on_left_out = on_left_out
        self._listeners = listeners_with(
            loaded.settings, certificates, clock_ns=clock_ns, trapped=trapped, faults=faults
        )
        ca_pem = no_ca if certificates is None else lambda: certificates.ca_pem
        paths = Paths(PROTOCOLS)
        explorer = Pages(
            create_explorer(diagnostics, api, ca_pem), PAGES_FOLDER, prefix=loaded.settings.path_prefix
        )

        def guarded(app: Any) -> Guard:
            app = ReportsElsewhere(app, paths, trapped, self._where_reports_go)
            return Guard(app, self._names, loaded.settings.allowed_hosts)

        self._apps = {ADMIN: guarded(create_admin(diagnostics, exposition)), EXPLORER: guarded(explorer)}

    def open(self) -> None:
        """Bind all of them; see `open_ports`."""
        self.listeners = open_ports(self._loaded, PAGES, self._bind, self._on_left_out)

    def _bind(self, setting: str, port: int) -> int:
        context = None
        if "secure" in setting:
            assert self._certificates is not None
            context = self._certificates.ssl_context()
        return self._listeners.listen(
            self._apps[PURPOSES[setting]], self._loaded.settings.host, port, context
        )

    def _names(self) -> Sequence[str]:
        """What the satellite is called: as its certificate says, or would say."""
        if self._certificates is not None:
            return self._certificates.names
        return (*NAMES, socket.gethostname().lower(), *map(str.lower, self._loaded.settings.san))

    def _where_reports_go(self) -> str:
        ports = [str(one.port) for one in self._span_listeners() if one.purpose in (HTTP, ANY)]
        return (
            f"reports over HTTP go to port {' or '.join(ports)}"
            if ports
            else "no port takes reports over HTTP"
        )

    async def start(self, tasks: asyncio.TaskGroup) -> None:
        """Answer; `tasks` owns the connections until `stop`."""
        self._listeners.start()
        tasks.create_task(self._listeners.run())

    async def stop(self, grace_seconds: float) -> None:
        """Take nothing new, answer what is in hand, within the bound."""
        await self._listeners.stop(grace_seconds)

    def close(self) -> None:
        """Let go of ports that were never served."""
        self._listeners.close()
