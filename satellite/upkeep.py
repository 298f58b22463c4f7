"""What a satellite does again and again while it serves: tell of trouble, gather, keep, renew, hear of others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from satellite.edges.tls import CertificateStore
from satellite.errors import SatelliteError
from satellite.explore.streams import Streams
from satellite.intake.arrivals import Arrivals
from satellite.storage import Engine
from satellite.telemetry.logs import get_logger

log = get_logger(__name__)

_READINESS_SECONDS = 1
_STREAMS_SECONDS = 1
_CERTIFICATES_SECONDS = 60
_POOL_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """The chores, each a coroutine function that goes on until it is cancelled, or has nothing to look after."""

    store: Engine
    arrivals: Arrivals
    streams: Streams
    certificates: CertificateStore | None
    keep: Sequence[Callable[[], None]]
    """What hands small state to the disk; called in a thread."""
    show_readiness: Callable[[], None]
    show_certificates: Callable[[], None]
    """Called when they changed."""

    @property
    def chores(self) -> Sequence[Callable[[], Coroutine[Any, Any, None]]]:
        """All of them."""
        return (self.follow_readiness, self.renew, self.gather_streams, self.hear_others)

    async def follow_readiness(self) -> None:
        """Say once what is damaged, and when the store is in trouble and out of it; show whether reports are taken."""
        told, problem = 0, ""
        while True:
            for damage in self.store.damage[told:]:
                event = "data.torn" if damage.torn else "data.damaged"
                log.warning(event, file=str(damage.path), what=damage.what, reason=damage.reason)
                told += 1
            if self.store.problem != problem:
                problem = self.store.problem
                log.warning("data.problem", reason=problem) if problem else log.info("data.recovered")
            self.show_readiness()
            await asyncio.sleep(_READINESS_SECONDS)

    async def gather_streams(self) -> None:
        """Count what arrived into the streams, and hand small state to the disk."""
        while True:
            await asyncio.sleep(_STREAMS_SECONDS)
            with suppress(
                SatelliteError
            ):  # readiness says that a store is away; it is gathered when it is back
                await asyncio.to_thread(self.streams.gather)
            for keep in self.keep:
                await asyncio.to_thread(keep)

    async def hear_others(self) -> None:
        """Wake who waits for what another satellite of the pool took: one look for all projects that are waited for."""
        newest: dict[str, int] = {}
        while self.store.shared:
            await asyncio.sleep(_POOL_SECONDS)
            watched = self.arrivals.watched()
            try:
                found = await asyncio.to_thread(self.store.newest, watched) if watched else {}
            except SatelliteError:  # readiness says it
                continue
            for project, mark in found.items():
                if mark != newest.get(project):
                    self.arrivals.notify(project)
            newest = found

    async def renew(self) -> None:
        """Read or make certificates anew before they end, and say once what is wrong with them."""
        told: Sequence[str] = ()
        while self.certificates is not None:
            if await asyncio.to_thread(self.certificates.refresh):
                log.info("certificate.reloaded")
                self.show_certificates()
            warnings = [*self.certificates.warnings, *self.certificates.notes]
            if warnings != told:
                for text in warnings:
                    if text not in told:
                        log.warning("certificate.problem", what=text)
                told = warnings
            await asyncio.sleep(_CERTIFICATES_SECONDS)
