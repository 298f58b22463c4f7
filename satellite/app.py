"""Put together, start, run, stop: the only module that knows everything.

`App` is one satellite in the current event loop (`embedded.Satellite` is one in a thread of this process). Everything else
is given what it needs; the clock, the settings and the host's name are read here.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from satellite.api.explorer_service import add_explorer
from satellite.api.later import Later
from satellite.api.operations import Diagnostics, Listener, Setting
from satellite.api.traps import OF_CONNECTIONS, Traps
from satellite.edges.grpc.services import Services
from satellite.edges.tls import CertificateStore
from satellite.errors import StoreFailed
from satellite.explore.asked import Sources
from satellite.explore.slots import Slots
from satellite.explore.snapshots import Snapshots
from satellite.explore.standing import end_workers
from satellite.explore.streams import Streams
from satellite.faults.book import Faults
from satellite.faults.profiles import profile
from satellite.faults.rule import Fault
from satellite.intake.arrivals import Arrivals
from satellite.intake.intake import Intake
from satellite.intake.tokens import Tokens
from satellite.intake.writer import Writer
from satellite.machine import limit_bytes
from satellite.memory import MemoryGuard, fitted, forget_start, keep_for_good, resident_bytes
from satellite.page_ports import PagePorts
from satellite.ports import CannotListen, SpanPorts, certificates_of
from satellite.protocols.readers.compression import inflate
from satellite.receivers.page import STORE, Page
from satellite.receivers.receivers import Receivers, receivers_of
from satellite.requests.log import RequestLog, Trouble
from satellite.settings import Loaded
from satellite.storage import open_storage
from satellite.store import ProjectStats
from satellite.telemetry.logs import get_logger
from satellite.telemetry.metrics import Metrics, version
from satellite.telemetry.witness import Witness
from satellite.upkeep import Upkeep

if TYPE_CHECKING:
    from satellite.api.explorer import Api

log = get_logger(__name__)

_WRITERS = 8
"""Projects that wait for the disk at the same time (ours)."""


class App:
    """One satellite: open the store, start the servers, wait to be told, stop in reverse."""

    def __init__(
        self,
        loaded: Loaded,
        *,
        clock_ns: Callable[[], int] = time.time_ns,
        sockets: Mapping[str, socket.socket] | None = None,
    ) -> None:
        """Nothing is opened before `run`.

        Args:
            loaded: the settings.
            clock_ns: ns since the epoch.
            sockets: for the ports of these settings; somebody bound them. Not with receivers.
        """
        self._sockets = sockets
        found, self._memory_limit_of = limit_bytes()
        if loaded.settings.memory_limit_bytes is not None:
            found, self._memory_limit_of = (
                loaded.settings.memory_limit_bytes,
                "the setting memory_limit_bytes",
            )
        self._memory_limit = found
        self._receivers_wanted = receivers_of(loaded.settings, found)
        self._loaded = fitted(loaded, found, receivers=self._receivers_wanted)
        self._settings = self._loaded.settings
        self._clock_ns = clock_ns
        self._state = "starting"
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told = asyncio.Event()
        self._certificates: CertificateStore | None = None
        self._receivers: Receivers | None = None
        self.listeners: list[Listener] = []
        """The ports that answer, in the order of PURPOSES; from `started` on."""

    async def run(self, started: Callable[[], None] = lambda: None, *, signals: bool = False) -> None:
        """Serve until `stop`, or with `signals` until SIGTERM or SIGINT; `started` is called when all ports answer.

        A second signal does not wait for anything.

        Raises:
            CannotListen: a port is taken, or not allowed.
            BadCertificates: there is nothing to serve TLS with, and it cannot be made.
        """
        self._loop = asyncio.get_running_loop()
        async with AsyncExitStack() as opened:
            await self._open_store(opened)
            self._open_intake(opened)
            await self._listen(opened)
            try:
                await self._serve(opened, started, signals=signals)
            except ExceptionGroup as group:  # a start that failed says why, not how it was put together
                raise next(
                    (one for one in group.exceptions if isinstance(one, CannotListen)), group
                ) from None
        log.info("satellite.stopped")

    async def _serve(self, opened: AsyncExitStack, started: Callable[[], None], *, signals: bool) -> None:
        async with asyncio.TaskGroup() as tasks:
            await self._spans.start(tasks)
            await self._pages.start(tasks)
            making = tasks.create_task(self._api.make())
            if not signals:
                # In a program of others (a test) nothing is imported beside what they do.
                await making
            chores = [tasks.create_task(chore()) for chore in self._upkeep().chores]
            if signals:  # a process of its own
                self._obey_signals(opened)
                tasks.create_task(_settle_down(making))
            self._state = ""
            self._announce()
            started()
            await self._told.wait()
            await self._stop()
            for chore in chores:
                chore.cancel()

    def stop(self) -> None:
        """Tell it to stop; from any thread, more than once if you like."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: it has stopped
                self._loop.call_soon_threadsafe(self._told.set)

    @property
    def ca_file(self) -> Path | None:
        """The file with the CA that clients should trust; None without TLS ports."""
        if self._certificates is None:
            return None
        prefix = self._settings.tls_cert_prefix
        return Path(f"{prefix}.bundle.pem") if prefix else self._certificates.folder / "ca.pem"

    def listener(self, setting: str) -> Listener | None:
        """The listener of a port setting; None when it is off."""
        return next((one for one in self.listeners if one.setting == setting), None)

    def _make_api(self) -> Api:
        # What the first report and the first query would wait for otherwise.
        import pyarrow.compute  # noqa: F401

        import satellite.query.predicate  # noqa: F401
        from satellite.api.explorer import create_api
        from satellite.mesh.bookinfo import an_hour

        return create_api(
            sources=self._sources,
            slots=self._slots,
            saved=self._streams,
            arrivals=self._arrivals,
            intake=self._intake,
            writer=self._writer,
            book=self._faults,
            log=self._requests,
            inflate=inflate,
            version=version(),
            question_seconds_max=self._settings.question_seconds_max,
            demo_traffic=lambda: an_hour(self._clock_ns()),
        )

    # Open, start

    async def _open_store(self, opened: AsyncExitStack) -> None:
        """What keeps spans, and what is kept beside them."""
        settings = self._settings
        self._page = page = Page.create(self._receivers_wanted)
        opened.callback(page.close)
        self._metrics = Metrics()
        self._witness = Witness(self._metrics, log, clock_seconds=time.monotonic)
        self._store, self._kept = await asyncio.to_thread(
            open_storage, settings, time.monotonic, self._witness.failed
        )
        opened.push_async_callback(asyncio.to_thread, self._store.close)
        opened.push_async_callback(asyncio.to_thread, _save, self._kept.close)
        self._memory = MemoryGuard(
            self._memory_limit,
            self._store,
            resident=self._resident_bytes,
            tell=partial(setattr, page, "spare_bytes"),
            failed=self._witness.failed,
        )
        self._memory.start()
        opened.push_async_callback(asyncio.to_thread, self._memory.close)
        commons = self._store.commons
        snapshots = Snapshots(
            self._store,
            self._clock_ns,
            bytes_max=settings.snapshot_bytes,
            state=self._kept,
            commons=commons,
        )
        opened.push_async_callback(asyncio.to_thread, _save, snapshots.close)
        self._sources = Sources(self._store, snapshots)
        self._slots = Slots(self._kept)
        self._streams = Streams(self._store, self._clock_ns, state=self._kept, commons=commons)
        opened.push_async_callback(asyncio.to_thread, self._streams.close)

    def _open_intake(self, opened: AsyncExitStack) -> None:
        """The way of reports to the store, and who is told of them."""
        settings, page = self._settings, self._page
        self._metrics.watch_projects(self._figures)
        remembered = self._store.remembered
        self._metrics.watch_remembered(lambda: remembered.bytes, max_bytes=remembered.bytes_max)
        self._tokens = Tokens.configured(
            settings.access_tokens.get_secret_value(),
            disable_access_token_checking=settings.disable_access_token_checking,
            project_name=settings.project_name,
        )
        self._arrivals = Arrivals()
        opened.callback(end_workers, self._arrivals)
        self._faults = Faults(self._clock_ns, tell=partial(setattr, page, "early"), state=self._kept)
        opened.callback(self._faults.keep)
        for name in filter(None, (settings.faults, settings.benchmark_mode)):
            self._faults.add(profile(name), None, lasting=False)
        if settings.strict_checks:
            self._faults.add([Fault(strict=True, name="strict_checks")], None, lasting=False)
        self._requests = RequestLog(
            bytes_per_project=settings.request_log_bytes_per_project,
            bytes_in_total=settings.request_log_bytes,
        )
        self._writer = Writer(
            self._store,
            self._tokens,
            self._arrivals,
            clock_ns=self._clock_ns,
            ingestion_tags=settings.ingestion_tags,
            observer=self._witness,
            writers=1 if settings.store == "recall" and settings.data_dir is None else _WRITERS,
            faults=self._faults,
            count=page.count,
            begin_fence=page.begin_fence,
        )
        self._writer.restore(self._kept)
        opened.push_async_callback(asyncio.to_thread, self._writer.keep, self._kept)
        opened.callback(self._writer.close)
        self._intake = Intake(
            self._writer,
            clock_ns=self._clock_ns,
            max_waiting_bytes=settings.max_waiting_bytes,
            short_of_memory=self._memory.refuses,
            elsewhere_bytes=lambda: page.waiting_bytes(but=STORE),
            tell=lambda waiting_bytes, full: page.tell(STORE, waiting_bytes, full=full),
            fences=lambda: page.fences,
        )
        opened.push_async_callback(asyncio.to_thread, self._intake.close, settings.shutdown_grace_seconds)
        self._metrics.watch_waiting(page.waiting_bytes, max_bytes=settings.max_waiting_bytes)

    async def _listen(self, opened: AsyncExitStack) -> None:
        self._certificates = certificates_of(self._settings, self._clock_ns)
        if self._certificates is not None:
            await asyncio.to_thread(self._certificates.refresh)
        self._traps = Traps(self._clock_ns)
        diagnostics = self._diagnostics()
        self._api = Later(self._make_api)
        opened.callback(self._api.close)
        self._spans = self._make_span_ports(diagnostics.notes.append)
        opened.push_async_callback(self._spans.close)
        self._spans.open()
        self._pages = PagePorts(
            self._loaded,
            diagnostics=diagnostics,
            exposition=self._metrics.exposition,
            api=self._api,
            certificates=self._certificates,
            clock_ns=self._clock_ns,
            trapped=self._trapped,
            faults=self._faults,
            span_listeners=lambda: self._spans.listeners,
            on_left_out=diagnostics.notes.append,
        )
        opened.callback(self._pages.close)
        self._pages.open()
        self.listeners = diagnostics.listeners = [*self._spans.listeners, *self._pages.listeners]

    def _make_span_ports(self, on_left_out: Callable[[str], None]) -> SpanPorts | Receivers:
        """What serves the ports that take reports: this process, or others that hand on what they decoded."""
        common: Any = {
            "trapped": self._trapped,
            "mixed": self._mixed if self._serves_mixed else None,
            "faults": self._faults,
            "ready": lambda: not self._why_not_ready(),
            "on_left_out": on_left_out,
            "requests": self._requests if self._requests.on else None,
        }
        kept = self._certificates is None or self._certificates.kept
        if self._receivers_wanted and kept:
            receivers = Receivers(
                self._loaded,
                self._receivers_wanted,
                writer=self._writer,
                witness=self._witness,
                api=self._api,
                short_of_memory=self._memory.refuses,
                page=self._page,
                **common,
            )
            self._receivers = receivers
            self._metrics.watch_receivers(lambda: receivers.running)
            return receivers
        services = Services()
        add_explorer(services, self._api)
        return SpanPorts(
            self._loaded,
            intake=self._intake,
            certificates=self._certificates,
            clock_ns=self._clock_ns,
            services=services,
            spans_received=lambda: self._page.spans,
            fences=lambda: self._page.fences,
            sockets=self._sockets,
            **common,
        )

    def _diagnostics(self) -> Diagnostics:
        certificates = self._certificates
        return Diagnostics(
            version=version(),
            started_ns=self._clock_ns(),
            clock_ns=self._clock_ns,
            why_not_ready=self._why_not_ready,
            projects=self._figures,
            writer=self._writer,
            waiting_bytes=self._page.waiting_bytes,
            waiting_bytes_max=self._settings.max_waiting_bytes,
            token_mode=self._tokens.mode,
            certificates=certificates.describe if certificates else list,
            certificate_notes=(lambda: certificates.notes) if certificates else list,
            certificate_warnings=(lambda: certificates.warnings) if certificates else list,
            traps=self._traps,
            settings=[Setting(one.name, one.value, one.origin) for one in self._loaded.shown()],
            notes=[
                f"memory: {self._memory_limit // 2**20:,} MiB ({self._memory_limit_of})",
                *(f"accepted without effect: {text}" for text in self._loaded.no_effect),
            ],
            problems=self._loaded.unknown,
            damage=lambda: self._store.damage,
        )

    def _announce(self) -> None:
        for text in self._loaded.no_effect:
            log.info("setting.no_effect", what=text)
        for text in self._loaded.unknown:
            log.warning("setting.unknown", what=text)
        log.info(
            "satellite.started",
            version=version(),
            listeners={one.setting: one.address for one in self.listeners},
        )

    # Run

    def _upkeep(self) -> Upkeep:
        return Upkeep(
            store=self._store,
            arrivals=self._arrivals,
            streams=self._streams,
            certificates=self._certificates,
            keep=(partial(self._writer.keep, self._kept), self._faults.keep),
            show_readiness=self._spans.show_readiness,
            show_certificates=self._receivers.show_certificates if self._receivers else lambda: None,
        )

    def _why_not_ready(self) -> str:
        full = "too many reports are waiting" if self._page.full else ""
        return self._state or self._store.problem or self._memory.problem or full

    def _figures(self) -> list[ProjectStats]:
        """All projects at a glance; none while the store is away, which readiness says."""
        try:
            return self._store.projects()
        except StoreFailed:
            return []

    def _resident_bytes(self) -> int:
        """What all processes of this satellite take."""
        return resident_bytes() + (self._receivers.resident_bytes if self._receivers is not None else 0)

    def _trapped(self, kind: str, port: int, peer: str, detail: str, right: str = "") -> None:
        line = self._traps.note(kind, port, peer, detail, right)
        if kind in OF_CONNECTIONS:
            self._requests.troubled(Trouble(kind, port, peer, line.right))
        self._witness.connection_failed(kind, port, peer, detail, right)

    def _mixed(self, kind: str, port: int, peer: str) -> None:
        self._traps.note(f"{kind}_served", port, peer, "")

    @property
    def _serves_mixed(self) -> bool:
        chosen = self._settings.mixed_tls
        return self._tokens.mode in ("open", "single") if chosen is None else chosen

    def _obey_signals(self, opened: AsyncExitStack) -> None:
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGTERM, signal.SIGINT)

        def obey() -> None:
            disobey()  # the next one has its usual effect
            self._told.set()

        def disobey() -> None:
            for number in numbers:
                loop.remove_signal_handler(number)

        for number in numbers:
            loop.add_signal_handler(number, obey)
        opened.callback(disobey)

    # Stop

    async def _stop(self) -> None:
        """Take nothing new, answer what is in hand, within the bound; the intake and the store close after it."""
        self._state = "stopping"
        log.info("satellite.stopping")
        self._arrivals.close()
        grace_seconds = self._settings.shutdown_grace_seconds
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._spans.stop(grace_seconds))
            tasks.create_task(self._pages.stop(grace_seconds))


async def _settle_down(making: asyncio.Task[None]) -> None:
    """The start is over when the API is made."""
    await making
    keep_for_good()
    await asyncio.to_thread(forget_start)


def _save(close: Callable[[], None]) -> None:
    """Close what hands its things to the disk; one that does not take them must not keep the others from closing."""
    try:
        close()
    except StoreFailed as error:
        log.warning("data.not_saved", reason=error.message)
