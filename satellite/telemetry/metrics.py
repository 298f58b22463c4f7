"""Metrics: one registry for each Metrics, so that several satellites live in one process."""

from __future__ import annotations

import importlib.metadata
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from satellite.errors import AccessDenied

PROJECTS_MAX = 100
"""Projects with a label of their own (ours); the rest share OTHER, so that tests with a project each do no harm."""

OTHER = "other"


class LedgerFigures(Protocol):
    """What became of a project's spans; `satellite.store.Ledger` is one."""

    @property
    def received(self) -> int: ...
    @property
    def stored(self) -> int: ...
    @property
    def dropped(self) -> Mapping[str, int]: ...
    @property
    def evicted(self) -> int: ...


class ProjectFigures(Protocol):
    """One project at a glance; `satellite.store.ProjectStats` is one."""

    @property
    def project(self) -> str: ...
    @property
    def bytes(self) -> int: ...
    @property
    def recall_window_us(self) -> int: ...
    @property
    def ledger(self) -> LedgerFigures: ...


class Metrics:
    """What /metrics shows of one satellite. Methods may be called from any thread."""

    def __init__(self, *, projects_max: int = PROJECTS_MAX) -> None:
        """Args: `projects_max` projects get a label of their own, first come first served."""
        self.registry = CollectorRegistry()
        self._labels = ProjectLabels(projects_max)
        registry = self.registry
        ProcessCollector(registry=registry)
        self._reports = Counter(
            "satellite_reports", "Reports, kept or refused.", ["protocol", "outcome"], registry=registry
        )
        self._refusals = Counter(
            "satellite_report_refusals",
            "Reports of which nothing was kept.",
            ["protocol", "reason"],
            registry=registry,
        )
        self._report_spans = Counter(
            "satellite_report_spans", "New spans kept, by wire protocol.", ["protocol"], registry=registry
        )
        self._report_bytes = Counter(
            "satellite_report_bytes", "Size of reports after decompression.", ["protocol"], registry=registry
        )
        self._tokens_invalid = Counter(
            "satellite_access_tokens_invalid", "Reports with an unknown access token.", registry=registry
        )
        self._client_dropped = Counter(
            "satellite_client_spans_dropped",
            "Spans that tracers say they lost before sending.",
            ["project"],
            registry=registry,
        )
        self._connections_failed = Counter(
            "satellite_connections_failed",
            "Connections and requests that came to nothing: a failed TLS handshake, the wrong port or path.",
            ["kind", "port"],
            registry=registry,
        )
        self._failures = Counter(
            "satellite_failures", "What should not happen: see the log.", ["what"], registry=registry
        )
        self._receivers_lost = Counter(
            "satellite_receivers_lost", "Receivers that died and were replaced.", registry=registry
        )
        self._receivers = Gauge(
            "satellite_receivers", "Processes that take reports; 0: the satellite is one.", registry=registry
        )
        self._waiting_bytes = Gauge(
            "satellite_waiting_bytes", "Size of reports that wait to be stored.", registry=registry
        )
        self._waiting_bytes_max = Gauge(
            "satellite_waiting_bytes_max", "Beyond it reports are refused.", registry=registry
        )
        self._remembered_bytes = Gauge(
            "satellite_remembered_bytes",
            "Memory of the ids of recent spans of all projects, to know those that are sent again.",
            registry=registry,
        )
        self._remembered_bytes_max = Gauge(
            "satellite_remembered_bytes_max",
            "Beyond it those of the project that was quiet longest are forgotten.",
            registry=registry,
        )
        build = Gauge("satellite_build_info", "Always 1.", ["version", "python"], registry=registry)
        build.labels(version(), ".".join(map(str, sys.version_info[:3]))).set(1)

    def count_kept(self, protocol: str, reports: int, size_bytes: int) -> None:
        """So many reports were kept, which have so many bytes together."""
        self._reports.labels(protocol, "kept").inc(reports)
        self._report_bytes.labels(protocol).inc(size_bytes)

    def count_refused(self, protocol: str, size_bytes: int, refusal: str) -> None:
        """One report of which nothing was kept; `refusal` is the error's code (one of a few)."""
        self._reports.labels(protocol, "refused").inc()
        self._report_bytes.labels(protocol).inc(size_bytes)
        self._refusals.labels(protocol, refusal).inc()
        if refusal == AccessDenied.code:
            self._tokens_invalid.inc()

    def count_spans(self, project: str, protocol: str, kept: int, client_dropped: float) -> None:
        """Spans of one project; those that its tracers lost count from 0 up."""
        self._report_spans.labels(protocol).inc(kept)
        if client_dropped > 0:
            self._client_dropped.labels(self._labels.of(project)).inc(client_dropped)

    def count_failed_connection(self, kind: str, port: int) -> None:
        """A connection that came to nothing. `kind` is one of a few words."""
        self._connections_failed.labels(kind, str(port)).inc()

    def count_failure(self, what: str) -> None:
        """Something that should not happen did. `what` is one of a few words."""
        self._failures.labels(what).inc()

    def count_lost_receiver(self) -> None:
        """A receiver died."""
        self._receivers_lost.inc()

    def watch_receivers(self, running: Callable[[], int]) -> None:
        """At each scrape, ask how many receivers run."""
        self._receivers.set_function(running)

    def watch_waiting(self, waiting_bytes: Callable[[], float], *, max_bytes: int) -> None:
        """At each scrape, ask how many bytes wait to be stored."""
        self._waiting_bytes.set_function(waiting_bytes)
        self._waiting_bytes_max.set(max_bytes)

    def watch_remembered(self, remembered_bytes: Callable[[], float], *, max_bytes: int) -> None:
        """At each scrape, ask how much is remembered of recent spans."""
        self._remembered_bytes.set_function(remembered_bytes)
        self._remembered_bytes_max.set(max_bytes)

    def watch_projects(self, projects: Callable[[], Sequence[ProjectFigures]]) -> None:
        """At each scrape, ask for every project's figures (`store.projects`); once per Metrics."""
        self.registry.register(_Projects(projects, self._labels))

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """(body, content type) of /metrics: the format that the `Accept` header asks for, else Prometheus text."""
        encode, content_type = choose_encoder(accept)
        return encode(_Shown(self.registry)), content_type


class _Shown(Collector):
    """A registry without the time at which each counter began: a series per counter that nobody asks for.

    The library's own switch is for the whole process, which may not be ours alone.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        for metric in self._registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric


class ProjectLabels:
    """Few labels for any number of projects: the first ones get their own name, the rest OTHER."""

    def __init__(self, count_max: int) -> None:
        self._count_max = count_max
        self._named: set[str] = set()
        self._lock = threading.Lock()

    def of(self, project: str) -> str:
        """The project's label; it never changes, so that counters only grow."""
        with self._lock:
            if project not in self._named and len(self._named) < self._count_max:
                self._named.add(project)
            return project if project in self._named else OTHER


class _Projects(Collector):
    """Turns the engine's figures into metrics when somebody asks."""

    def __init__(self, projects: Callable[[], Sequence[ProjectFigures]], labels: ProjectLabels) -> None:
        self._projects = projects
        self._labels = labels

    def describe(self) -> Iterable[Metric]:
        """Names only: registering must not ask the engine."""
        return _families().values()

    def collect(self) -> Iterable[Metric]:
        families = _families()
        counts: dict[tuple[str, str, str], int] = {}
        windows: dict[str, float] = {}
        for stats in self._projects():
            label = self._labels.of(stats.project)
            ledger = stats.ledger
            figures = [
                ("received", "", ledger.received),
                ("stored", "", ledger.stored),
                ("evicted", "", ledger.evicted),
                ("bytes", "", stats.bytes),
                *(("dropped", reason, count) for reason, count in ledger.dropped.items()),
            ]
            for family, reason, count in figures:
                key = (family, label, reason)
                counts[key] = counts.get(key, 0) + count
            window = stats.recall_window_us / 1e6
            windows[label] = min(windows.get(label, window), window)
        for (family, label, reason), count in counts.items():
            families[family].add_metric([label, reason] if family == "dropped" else [label], count)
        for label, window in windows.items():
            families["window"].add_metric([label], window)
        return families.values()


def _families() -> dict[str, CounterMetricFamily | GaugeMetricFamily]:
    """By short name. `received = stored + dropped + evicted` holds for each project and for OTHER."""
    return {
        "received": CounterMetricFamily(
            "satellite_spans_received", "Spans that arrived.", labels=["project"]
        ),
        "stored": GaugeMetricFamily("satellite_spans_stored", "Spans held now.", labels=["project"]),
        "dropped": CounterMetricFamily(
            "satellite_spans_dropped", "Spans that were not kept, and why.", labels=["project", "reason"]
        ),
        "evicted": CounterMetricFamily(
            "satellite_spans_evicted", "Spans that were kept and are gone.", labels=["project"]
        ),
        "bytes": GaugeMetricFamily("satellite_stored_bytes", "Memory of the spans held.", labels=["project"]),
        "window": GaugeMetricFamily(
            "satellite_recall_window_seconds",
            "How far back all spans are kept; of several projects the shortest.",
            labels=["project"],
        ),
    }


@cache
def version() -> str:
    """This distribution's version."""
    return importlib.metadata.version("mock-lightstep-satellite")
