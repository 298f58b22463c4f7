"""The witness of what happens: counts all of it and logs the first of each kind."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from satellite.errors import SatelliteError
from satellite.telemetry.logs import Log
from satellite.telemetry.metrics import Metrics

QUIET_SECONDS = 10.0
"""Between two log lines about the same thing (ours): some tracers send a refused report again at once, for ever."""


class Witness:
    """Hears what happens at the edges and in the intake, counts all of it and logs the first of each kind.

    Lines about the same thing (a protocol and a reason, a port and a kind of failure) come once in QUIET_SECONDS; the
    next one says in `unlogged` how many it stands for. Methods may be called from any thread.
    """

    def __init__(self, metrics: Metrics, log: Log, *, clock_seconds: Callable[[], float]) -> None:
        """Args: `clock_seconds` only grows; where it starts does not matter."""
        self._metrics = metrics
        self._log = log
        self._clock_seconds = clock_seconds
        self._lock = threading.Lock()
        self._quiet: dict[tuple[str, ...], tuple[float, int]] = {}

    def reports_kept(self, protocol: str, reports: int, size_bytes: int) -> None:
        """So many reports were kept."""
        self._metrics.count_kept(protocol, reports, size_bytes)

    def report_refused(self, protocol: str, size_bytes: int, refusal: SatelliteError, peer: str) -> None:
        """Nothing was kept of a report."""
        self._metrics.count_refused(protocol, size_bytes, refusal.code)
        self._warn(
            "report.refused",
            (protocol, refusal.code),
            protocol=protocol,
            reason=refusal.code,
            message=refusal.message,
            peer=peer,
        )

    def spans_written(self, project: str, protocol: str, stored: int, client_dropped: float) -> None:
        """Spans of one project became visible."""
        self._metrics.count_spans(project, protocol, stored, client_dropped)
        self._log.debug("spans.stored", project=project, protocol=protocol, spans=stored)

    def connection_failed(self, kind: str, port: int, peer: str, detail: str, right: str = "") -> None:
        """A connection or request came to nothing; `right`: what would have been right."""
        self._metrics.count_failed_connection(kind, port)
        more = {"right": right} if right else {}
        self._warn(
            "connection.failed", (kind, str(port)), kind=kind, port=port, peer=peer, detail=detail, **more
        )

    def receiver_lost(self, code: int) -> None:
        """A receiver died, with this exit code (negative: a signal's number); another one is started."""
        self._metrics.count_lost_receiver()
        self._log.error("receiver.lost", exit_code=code)

    def failed(self, what: str, error: Exception) -> None:
        """Something that should not happen did."""
        self._metrics.count_failure(what)
        self._say(
            self._log.error, "satellite.failed", (what, type(error).__name__), what=what, exc_info=error
        )

    def _warn(self, event: str, sort: tuple[str, ...], **keys: Any) -> None:
        self._say(self._log.warning, event, sort, **keys)

    def _say(self, say: Callable[..., Any], event: str, sort: tuple[str, ...], **keys: Any) -> None:
        key = (event, *sort)
        now = self._clock_seconds()
        with self._lock:
            quiet_until, unlogged = self._quiet.get(key, (now, 0))
            speak = now >= quiet_until
            self._quiet[key] = (now + QUIET_SECONDS, 0) if speak else (quiet_until, unlogged + 1)
        if speak:
            say(event, **keys, **({"unlogged": unlogged} if unlogged else {}))
