"""The satellite's own logs and metrics.

Logs: structlog in front of the standard library's logger `satellite`. Event names are `noun.verb`, what varies is in
keys. Whoever embeds a satellite decides where the lines go; `serve` takes `logs_to`. Metrics: one registry for each
Metrics, so that several satellites live in one process.
"""

from __future__ import annotations

import importlib.metadata
import logging
import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, Protocol, TextIO

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

# Logs

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["auto", "json", "text"]

REDACTED = "***"

_SECRET_KEY = re.compile(
    r"(^|[-_. ])(tokens?|secrets?|passwords?|authorization|(private|api|satellite)[-_]key)$", re.IGNORECASE
)

_Event = MutableMapping[str, Any]


def redact(logger: object, method: str, event: _Event) -> _Event:
    """A structlog processor: hides what stands under a key that ends in token, secret, password and the like.

    Numbers stay, for they are counts. A second line of defence: no caller logs a token.
    """
    del logger, method
    return {key: _redacted(key, value) for key, value in event.items()}


def _redacted(key: object, value: Any) -> Any:
    if isinstance(key, str) and _SECRET_KEY.search(key) and not isinstance(value, bool | int | float | None):
        return REDACTED
    if isinstance(value, Mapping):
        return {inner: _redacted(inner, part) for inner, part in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted("", part) for part in value]
    return value


_STAMPS: tuple[structlog.typing.Processor, ...] = (
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    redact,
)


def get_logger(name: str = "satellite") -> structlog.stdlib.BoundLogger:
    """A logger: `log.info("report.accepted", project=…)`. `name` is a module's `__name__`, below `satellite`.

    Independent of structlog's global configuration, which belongs to the program around us.
    """
    logger: structlog.stdlib.BoundLogger = structlog.wrap_logger(
        logging.getLogger(name),
        processors=[
            structlog.stdlib.filter_by_level,
            *_STAMPS,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return logger


@contextmanager
def logs_to(stream: TextIO, *, level: LogLevel = "info", format: LogFormat = "auto") -> Iterator[None]:  # noqa: A002
    """Write the log lines of this process to `stream` until the block ends; libraries' only from warning on.

    `auto` is text on a terminal, JSON elsewhere. Tracebacks never show local variables, where tokens may be.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_STAMPS,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(as_text=format == "text" or (format == "auto" and stream.isatty())),
            ],
        )
    )
    root, ours = logging.getLogger(), logging.getLogger("satellite")
    before = root.handlers[:], root.level, ours.level
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    ours.setLevel(level.upper())
    try:
        yield
    finally:
        root.handlers[:] = before[0]
        root.setLevel(before[1])
        ours.setLevel(before[2])


def _renderers(*, as_text: bool) -> list[structlog.typing.Processor]:
    if as_text:
        return [
            structlog.dev.ConsoleRenderer(
                colors=sys.platform != "win32", exception_formatter=structlog.dev.plain_traceback
            )
        ]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]


# Metrics

PROJECTS_MAX = 100
"""Projects with a label of their own (ours); the rest share OTHER, so that tests with a project each do no harm."""

OTHER = "other"

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


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
            "satellite_reports", "Reports answered.", ["protocol", "outcome"], registry=registry
        )
        self._refusals = Counter(
            "satellite_report_refusals",
            "Reports of which nothing was kept.",
            ["protocol", "reason"],
            registry=registry,
        )
        self._report_spans = Counter(
            "satellite_report_spans", "Spans kept, by wire protocol.", ["protocol"], registry=registry
        )
        self._report_bytes = Counter(
            "satellite_report_bytes", "Size of reports after decompression.", ["protocol"], registry=registry
        )
        self._report_seconds = Histogram(
            "satellite_report_seconds",
            "From a report's last byte to its answer.",
            ["protocol"],
            buckets=_SECONDS,
            registry=registry,
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
        self._handshakes_failed = Counter(
            "satellite_tls_handshakes_failed",
            "Connections lost before TLS stood.",
            ["listener"],
            registry=registry,
        )
        self._waiting_bytes = Gauge(
            "satellite_waiting_bytes", "Size of reports that wait to be stored.", registry=registry
        )
        self._waiting_bytes_max = Gauge(
            "satellite_waiting_bytes_max", "Beyond it reports are refused.", registry=registry
        )
        build = Gauge("satellite_build_info", "Always 1.", ["version", "python"], registry=registry)
        build.labels(version(), ".".join(map(str, sys.version_info[:3]))).set(1)

    def report_kept(self, protocol: str, *, spans: int, size_bytes: int, seconds: float) -> None:
        """A report was stored: how many spans, how large, how long from its last byte to the answer."""
        self._report(protocol, "kept", size_bytes, seconds)
        self._report_spans.labels(protocol).inc(spans)

    def report_refused(self, protocol: str, reason: str, *, size_bytes: int, seconds: float) -> None:
        """Nothing of a report was kept. `reason` is the error's code, one of a few."""
        self._report(protocol, "refused", size_bytes, seconds)
        self._refusals.labels(protocol, reason).inc()
        if reason == "access_denied":
            self._tokens_invalid.inc()

    def _report(self, protocol: str, outcome: str, size_bytes: int, seconds: float) -> None:
        self._reports.labels(protocol, outcome).inc()
        self._report_bytes.labels(protocol).inc(size_bytes)
        self._report_seconds.labels(protocol).observe(max(seconds, 0.0))

    def client_dropped(self, project: str, spans: float) -> None:
        """A tracer said that it lost so many spans; negative numbers are not counted."""
        self._client_dropped.labels(self._labels.of(project)).inc(max(spans, 0.0))

    def handshake_failed(self, listener: str) -> None:
        """A connection ended before TLS stood. `listener` is its setting's name, `grpc_secure_port`."""
        self._handshakes_failed.labels(listener).inc()

    def watch_waiting(self, waiting_bytes: Callable[[], float], *, max_bytes: int) -> None:
        """At each scrape, ask how many bytes wait to be stored."""
        self._waiting_bytes.set_function(waiting_bytes)
        self._waiting_bytes_max.set(max_bytes)

    def watch_projects(self, projects: Callable[[], Sequence[ProjectFigures]]) -> None:
        """At each scrape, ask for every project's figures (`store.projects`); once per Metrics."""
        self.registry.register(_Projects(projects, self._labels))

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """(body, content type) of /metrics: the format that the `Accept` header asks for, else Prometheus text."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type


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


def version() -> str:
    """This distribution's version."""
    return importlib.metadata.version("mock-lightstep-satellite")
