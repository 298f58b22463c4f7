"""Who reported to which project, and what they said of themselves: for diagnostics, bounded in number and in bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import msgspec
import numpy as np

from satellite.model.report import Decoded, Report
from satellite.model.reporter import Reporter, decode_reporter
from satellite.model.spans import SpanBatch, id_text
from satellite.store.durable.state import State

REPORTERS_REMEMBERED = 1000
"""Per project; those unheard of longest go first."""
FIGURES_REMEMBERED = 256
"""Names of counters, and of gauges, per reporter; later names are not kept (ours)."""
NAME_CHARACTERS = 200
"""What is remembered of a name, of a service or a figure (ours)."""
REMEMBERED_BYTES = 16 * 2**20
"""For the reporters of all projects together; those unheard of longest go first (ours)."""

_STATUS_BYTES, _FIGURE_BYTES = 1000, 150
"""What they take in memory besides the text of their names, measured at about this."""


class ReporterStatus(msgspec.Struct):
    """What one reporter said and did."""

    id: str
    """16 hex digits; zeros when its protocol has none."""
    service: str
    protocol: str
    tracer: str = ""
    """What it says it reports with: `lightstep python`, `opentelemetry java`; "" when it does not say."""
    tracer_version: str = ""
    last_seen_ns: int = 0
    """When its last report came, refused or not; ns since the epoch."""
    reports: int = 0
    """Those that were taken."""
    refused: int = 0
    """Reports of which nothing was kept."""
    spans: int = 0
    """Received in those that were taken, whether they were new or not."""
    dropped: int = 0
    """Spans that the client says it lost before they could reach us."""
    dropped_here: dict[str, int] = msgspec.field(default_factory=dict)
    """Spans of reports that were taken, which were not kept all the same, by reason."""
    counters: dict[str, float] = msgspec.field(default_factory=dict)
    """Sums of what the client counted, `spans.dropped` among them."""
    gauges: dict[str, float] = msgspec.field(default_factory=dict)
    """What the client measured of itself, the last value of each name."""


Heard = tuple[Report, int, int]
"""A report that was kept, but for so many of its spans that a fault dropped without a word; and how many fences there
were when it began."""

_Key = tuple[str, int, str]
_KIND = "reporters"


def mixes_reporters(decoded: Decoded) -> bool:
    """Whether any of these reports has spans of several reporters, as those of a Collector have, which forwards."""
    codes = decoded.batch.column("reporter")
    changes = np.flatnonzero(codes[1:] != codes[:-1]) + 1
    starts = [report.rows.start for report in decoded.reports if isinstance(report, Report)]
    return not bool(np.isin(changes, starts).all())


def by_reporter(heard: Iterable[Heard], batch: SpanBatch) -> Iterator[Heard]:
    """Each report once for each reporter that it has spans of; what else it says is said by the one that it names itself."""
    codes = batch.column("reporter")
    for report, lost, fences in heard:
        spans: dict[_Key, tuple[Reporter, int]] = {_key(report.reporter): (report.reporter, 0)}
        for code, number in zip(*np.unique(codes[report.rows], return_counts=True), strict=True):
            reporter = decode_reporter(batch.reporters[code].as_py())
            first, before = spans.get(_key(reporter), (reporter, 0))
            spans[_key(reporter)] = first, before + int(number)
        (_, own), *others = spans.values()
        yield replace(report, rows=slice(0, own)), lost, fences
        for reporter, number in others:
            yield Report("", reporter, slice(0, number)), 0, fences


def _key(reporter: Reporter) -> _Key:
    return reporter.protocol, reporter.id, reporter.service[:NAME_CHARACTERS]


class Reporters:
    """Remembers them; safe to use from any thread."""

    def __init__(self, bytes_max: int = REMEMBERED_BYTES) -> None:
        """None yet."""
        self._bytes_max = bytes_max
        self._lock = threading.Lock()
        self._heard: OrderedDict[tuple[str, _Key], int] = OrderedDict()
        """Project and reporter → bytes; who was heard of just now is last."""
        self._projects: dict[str, dict[_Key, ReporterStatus]] = {}
        self._fences: dict[tuple[str, _Key], int] = {}
        """How many there were when the newest of its reports that were taken began; since the start."""
        self._changed: set[str] = set()
        """Projects of which more is known than was kept."""
        self.bytes = 0
        """What they take in memory, about."""

    def heard(self, project: str, reports: Iterable[Heard], now_ns: int) -> None:
        """These were kept."""
        together: dict[int, list[Heard]] = {}
        for one in reports:
            together.setdefault(id(one[0].reporter), []).append(one)
        with self._lock:
            for same in together.values():
                self._heard_of(project, same[0][0].reporter, same, now_ns)
            self._make_room()

    def refused(self, project: str, reporter: Reporter, now_ns: int) -> None:
        """Nothing of a report was kept."""
        with self._lock:
            key, status = self._status(project, reporter, now_ns)
            status.refused += 1
            self._weigh(project, key, status)
            self._make_room()

    def _heard_of(self, project: str, reporter: Reporter, reports: Sequence[Heard], now_ns: int) -> None:
        key, status = self._status(project, reporter, now_ns)
        status.reports += len(reports)
        for report, lost, fences in reports:
            self._fences[project, key] = max(self._fences.get((project, key), 0), fences)
            status.spans += report.rows.stop - report.rows.start
            for reason, number in report.dropped.items():
                status.spans += number
                status.dropped_here[reason] = status.dropped_here.get(reason, 0) + number
            if lost:
                status.dropped_here["fault"] = status.dropped_here.get("fault", 0) + lost
            for name, value in report.counters.items():
                _put(status.counters, name, status.counters.get(name[:NAME_CHARACTERS], 0) + value)
                if "dropped" in name:
                    status.dropped += int(value)
        gauges = reporter.detail.get("gauges")
        for name, value in gauges.items() if isinstance(gauges, dict) else ():
            _put(status.gauges, name, value)
        self._weigh(project, key, status)

    def _status(self, project: str, reporter: Reporter, now_ns: int) -> tuple[_Key, ReporterStatus]:
        """Of who was heard of just now."""
        key = _key(reporter)
        known = self._projects.setdefault(project, {})
        status = known.pop(key, None)
        if status is None:
            status = ReporterStatus(id_text(reporter.id), key[2], reporter.protocol, *_tracer(reporter))
        known[key] = status
        self._changed.add(project)
        status.last_seen_ns = now_ns
        return key, status

    def _weigh(self, project: str, key: _Key, status: ReporterStatus) -> None:
        """Count what it takes."""
        known = self._projects[project]
        self.bytes -= self._heard.pop((project, key), 0)
        self._heard[project, key] = size = _size(status)
        self.bytes += size
        if len(known) > REPORTERS_REMEMBERED:
            self._forget(project, next(iter(known)))

    def _make_room(self) -> None:
        """Those unheard of longest go."""
        while self.bytes > self._bytes_max and len(self._heard) > 1:
            self._forget(*next(iter(self._heard)))

    def keep(self, state: State) -> None:
        """Write all that changed since the last time."""
        with self._lock:
            changed, self._changed = self._changed, set()
            values = {
                project: msgspec.msgpack.encode(list(self._projects.get(project, {}).items()))
                for project in changed
            }
        for project, value in values.items():
            state.write_soon(_KIND, project, {_KIND: value})

    def restore(self, state: State) -> None:
        """Remember what was written before a restart."""
        for project in state.projects(_KIND):
            for value in state.read(_KIND, project).values():
                for key, status in msgspec.msgpack.decode(value, type=list[tuple[_Key, ReporterStatus]]):
                    self._projects.setdefault(project, {})[key] = status
                    self._heard[project, key] = size = _size(status)
                    self.bytes += size

    def _forget(self, project: str, key: _Key) -> None:
        known = self._projects[project]
        del known[key]
        if not known:
            del self._projects[project]
        self._fences.pop((project, key), None)
        self.bytes -= self._heard.pop((project, key))

    def behind(self, project: str, fence: int) -> list[ReporterStatus]:
        """Those of `of` of whom a report was taken that began when there was this fence."""
        with self._lock:
            known = self._projects.get(project, {})
            return [one for key, one in known.items() if self._fences.get((project, key), 0) >= fence][::-1]

    def of(self, project: str) -> list[ReporterStatus]:
        """Who reported to a project, last heard first."""
        with self._lock:
            return [*self._projects.get(project, {}).values()][::-1]

    def drop(self, project: str) -> None:
        """Forget those of a project."""
        with self._lock:
            self._changed.add(project)
            for key in self._projects.pop(project, {}):
                self._fences.pop((project, key), None)
                self.bytes -= self._heard.pop((project, key))


def _tracer(reporter: Reporter) -> tuple[str, str]:
    """What it says it reports with, and the version: by LightStep's attributes, OpenTelemetry's, Jaeger's."""
    said = reporter.texts()
    if platform := said.get("lightstep.tracer_platform"):
        tracer, version = f"lightstep {platform}", said.get("lightstep.tracer_version", "")
    elif sdk := said.get("telemetry.sdk.name"):
        tracer = f"{sdk} {said.get('telemetry.sdk.language', '')}".strip()
        version = said.get("telemetry.sdk.version", "")
    else:
        language, _, version = said.get("jaeger.version", "").partition("-")  # `Go-2.30.0`
        tracer = f"jaeger {language.lower()}" if language else ""
    return tracer[:NAME_CHARACTERS], version[:NAME_CHARACTERS]


def _put(figures: dict[str, float], name: str, value: float) -> None:
    name = name[:NAME_CHARACTERS]
    if name in figures or len(figures) < FIGURES_REMEMBERED:
        figures[name] = value


def _size(status: ReporterStatus) -> int:
    names = [*status.counters, *status.gauges, *status.dropped_here]
    return (
        _STATUS_BYTES
        + len(status.service)
        + len(status.tracer)
        + len(status.tracer_version)
        + sum(map(len, names))
        + _FIGURE_BYTES * len(names)
    )
