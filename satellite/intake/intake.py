"""The one way in: what a socket received becomes spans that queries see, and a receipt for the sender.

Bodies wait in a queue bounded by bytes. One thread takes all that wait at a time, has them decoded in one call per
protocol, finds each report's project by its token, writes, wakes who waits for spans, and lets the senders know.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np

from satellite.errors import Overloaded, SatelliteError, StoreFailed
from satellite.intake.arrivals import Arrivals
from satellite.intake.tokens import NO_TOKEN, Tokens
from satellite.model.report import Decoded, Receipt, Report
from satellite.model.reporter import Reporter
from satellite.model.span import TagValue
from satellite.model.spans import SpanBatch, id_text
from satellite.protocols.wire import WireProtocol
from satellite.store import Store

REPORTS_PER_CALL = 512
BYTES_PER_CALL = 32 * 2**20
"""What one decoding call takes at most (one body of any size apart): enough to spread its fixed cost, little enough
that nobody waits long behind it. Ours."""

REFUSALS_REMEMBERED = 100
REPORTERS_REMEMBERED = 1000
"""Per project; those unheard of longest go first."""
FIGURES_REMEMBERED = 256
"""Names of counters, and of gauges, per reporter; later names are not kept (ours)."""


class Refusal(msgspec.Struct, frozen=True):
    """A report of which nothing was kept, for diagnostics. Never holds the token or anything of the body."""

    time_ns: int
    protocol: str
    code: str
    message: str
    peer: str


class ReporterStatus(msgspec.Struct):
    """What one reporter said and did, for diagnostics."""

    id: str
    service: str
    protocol: str
    last_seen_ns: int = 0
    reports: int = 0
    spans: int = 0
    counters: dict[str, float] = msgspec.field(default_factory=dict)
    """Sums of what the client counted: `spans.dropped` are those it lost before they could reach us."""
    gauges: dict[str, float] = msgspec.field(default_factory=dict)
    """What the client measured of itself, the last value of each name."""


class Observer(Protocol):
    """Hears what happened, for metrics and logs; called from the intake's thread."""

    def report_received(
        self, protocol: str, size_bytes: int, refusal: SatelliteError | None, peer: str
    ) -> None:
        """One report was kept or refused."""
        ...

    def spans_written(self, project: str, protocol: str, stored: int, client_dropped: float) -> None:
        """Spans of one project became visible."""
        ...

    def failed(self, what: str, error: Exception) -> None:
        """Something that should not happen did."""
        ...


class Delivery(NamedTuple):
    """One body, as an edge hands it over."""

    protocol: WireProtocol
    body: bytes
    header_token: str = ""
    peer: str = ""
    project: str | None = None
    """Where its spans go, whatever token they bring: for whoever imports spans, not for reporters."""


@dataclass(slots=True)
class _Waiting:
    """One body on its way."""

    protocol: WireProtocol
    body: bytes
    header_token: str
    peer: str
    project: str | None
    received_ns: int
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Receipt]


@dataclass(slots=True)
class _Share:
    """What one call brings for one project."""

    rows: list[slice] = field(default_factory=list)
    members: list[tuple[_Waiting, Report]] = field(default_factory=list)


class Intake:
    """Takes reports from any edge; see the module."""

    def __init__(
        self,
        store: Store,
        tokens: Tokens,
        arrivals: Arrivals,
        *,
        clock_ns: Callable[[], int],
        max_waiting_bytes: int,
        ingestion_tags: Mapping[str, TagValue] | None = None,
        observer: Observer | None = None,
    ) -> None:
        """Start the thread; `close` ends it.

        Args:
            store: where spans go.
            tokens: which project a token names.
            arrivals: told of each project that spans arrived for.
            clock_ns: ns since the epoch.
            max_waiting_bytes: bound of the queue; what does not fit is refused with Overloaded.
            ingestion_tags: put on every span.
            observer: for metrics and logs.
        """
        self._store = store
        self._tokens = tokens
        self._arrivals = arrivals
        self._clock_ns = clock_ns
        self._max_waiting_bytes = max_waiting_bytes
        self._ingestion_tags = dict(ingestion_tags or {})
        self._observer = observer
        self._queue: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._open = True
        self._full = False
        self._changed = threading.Condition()
        self._reporters: dict[str, dict[tuple[str, int, str], ReporterStatus]] = {}
        self.refusals: deque[Refusal] = deque(maxlen=REFUSALS_REMEMBERED)
        self._thread = threading.Thread(target=self._work, name="intake", daemon=True)
        self._thread.start()

    @property
    def waiting_bytes(self) -> int:
        """Bytes of the reports that wait or are being decoded."""
        return self._waiting_bytes

    @property
    def ready(self) -> bool:
        """False while the queue is full, from the first refusal until half of it is free again, and when closing."""
        return self._open and not self._full

    async def submit(
        self,
        protocol: WireProtocol,
        body: bytes,
        *,
        header_token: str = "",
        peer: str = "",
        project: str | None = None,
    ) -> Receipt:
        """The receipt, once the spans of this body are visible to queries or it is known why they never will be.

        Never raises for what a body holds; `Receipt.refusal` says what was wrong. With a `project` no token is
        looked at: that is for whoever imports spans, not for reporters.
        """
        return await self.hand_over([Delivery(protocol, body, header_token, peer, project)])[0]

    def hand_over(self, deliveries: Sequence[Delivery]) -> list[asyncio.Future[Receipt]]:
        """The same for several bodies that came together, which then wait as a group; one receipt each, same order."""
        loop = asyncio.get_running_loop()
        now_ns = self._clock_ns()
        items = [
            _Waiting(
                one.protocol,
                one.body,
                one.header_token,
                one.peer,
                one.project,
                now_ns,
                loop,
                loop.create_future(),
            )
            for one in deliveries
        ]
        refused: list[tuple[_Waiting, Overloaded]] = []
        with self._changed:
            for item in items:
                refusal = self._refuse_full(len(item.body))
                if refusal is None:
                    self._queue.append(item)
                    self._waiting_bytes += len(item.body)
                else:
                    refused.append((item, refusal))
            if len(refused) < len(items):
                self._changed.notify_all()
        for item, refusal in refused:
            item.answer.set_result(self._refused(item, refusal))
        return [item.answer for item in items]

    def refuse(self, protocol: str, error: SatelliteError, *, size_bytes: int = 0, peer: str = "") -> None:
        """Remember a report that an edge had to refuse before it was one (too large, wrong content type)."""
        self.refusals.append(Refusal(self._clock_ns(), protocol, error.code, error.message, peer))
        if self._observer:
            self._observer.report_received(protocol, size_bytes, error, peer)

    def _refuse_full(self, size_bytes: int) -> Overloaded | None:
        if not self._open:
            return Overloaded("the satellite is stopping; send again", hint="retry")
        if self._queue and self._waiting_bytes + size_bytes > self._max_waiting_bytes:
            self._full = True
            return Overloaded("too many reports are waiting; send again later", hint="retry with back-off")
        return None

    def _refused(self, item: _Waiting, refusal: SatelliteError, echo: Any = None) -> Receipt:
        self.refuse(item.protocol.name, refusal, size_bytes=len(item.body), peer=item.peer)
        return Receipt(item.received_ns, self._clock_ns(), refusal, echo=echo)

    def close(self, timeout_s: float) -> bool:
        """Take nothing more, finish what waits, end the thread. False when that took longer than `timeout_s`."""
        with self._changed:
            self._open = False
            self._changed.notify_all()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    # In the thread

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or not self._open)
                items = self._take()
            if not items:
                return
            receipts = self._process(items)
            with self._changed:
                self._waiting_bytes -= sum(len(item.body) for item in items)
                self._full = self._full and self._waiting_bytes > self._max_waiting_bytes // 2
            _answer(items, receipts)

    def _take(self) -> list[_Waiting]:
        """The next items, all of one protocol, in order of arrival."""
        items: list[_Waiting] = []
        size_bytes = 0
        while self._queue and len(items) < REPORTS_PER_CALL:
            item = self._queue[0]
            if items and (
                item.protocol is not items[0].protocol or size_bytes + len(item.body) > BYTES_PER_CALL
            ):
                break
            items.append(self._queue.popleft())
            size_bytes += len(item.body)
        return items

    def _process(self, items: list[_Waiting]) -> list[Receipt]:
        arrived_ns = self._clock_ns()
        protocol = items[0].protocol
        try:
            decoded = protocol.decode([item.body for item in items], arrived_ns)
        except Exception as error:  # noqa: BLE001 - a codec's mistake must not end the satellite
            return self._all_failed(items, error)
        receipts: dict[int, Receipt] = {}
        shares: dict[str, _Share] = {}
        for item, outcome in zip(items, decoded.reports, strict=True):
            if isinstance(outcome, SatelliteError):
                receipts[id(item)] = self._refused(item, outcome)
                continue
            try:
                project = item.project or self._tokens.project(_token_of(outcome, item))
            except SatelliteError as refusal:
                receipts[id(item)] = self._refused(item, refusal, outcome.echo)
                continue
            share = shares.setdefault(project, _Share())
            share.rows.append(outcome.rows)
            share.members.append((item, outcome))
        for project, share in shares.items():
            failure = self._write(project, protocol, decoded, share, arrived_ns)
            for item, report in share.members:
                receipts[id(item)] = self._receipt(item, report, failure)
        return [receipts[id(item)] for item in items]

    def _all_failed(self, items: Sequence[_Waiting], error: Exception) -> list[Receipt]:
        if self._observer:
            self._observer.failed("decode", error)
        return [self._refused(item, StoreFailed("the satellite failed; see its log")) for item in items]

    def _write(
        self, project: str, protocol: WireProtocol, decoded: Decoded, share: _Share, arrived_ns: int
    ) -> SatelliteError | None:
        dropped: dict[str, int] = {}
        for _, report in share.members:
            for reason, number in report.dropped.items():
                dropped[reason] = dropped.get(reason, 0) + number
        batch = _rows(decoded.batch, share.rows)
        if self._ingestion_tags:
            batch = batch.with_tags(self._ingestion_tags)
        try:
            written = self._store.write(project, batch, arrived_ns=arrived_ns, dropped=dropped)
        except SatelliteError as refusal:
            return refusal
        except Exception as error:  # noqa: BLE001 - the engine's mistake; senders are told to try again
            if self._observer:
                self._observer.failed("write", error)
            return StoreFailed("the store failed; see the satellite's log")
        if len(batch):
            self._arrivals.notify(project)
        client_dropped = 0.0
        for _, report in share.members:
            self._remember(project, report, arrived_ns)
            client_dropped += report.counters.get("spans.dropped", 0)
        if self._observer:
            self._observer.spans_written(project, protocol.name, written.stored, client_dropped)
        return None

    def _receipt(self, item: _Waiting, report: Report, refusal: SatelliteError | None) -> Receipt:
        if refusal is not None:
            return self._refused(item, refusal, report.echo)
        if self._observer:
            self._observer.report_received(item.protocol.name, len(item.body), None, item.peer)
        stored = report.rows.stop - report.rows.start
        return Receipt(
            item.received_ns, self._clock_ns(), None, stored, report.dropped, report.warnings, report.echo
        )

    def _remember(self, project: str, report: Report, now_ns: int) -> None:
        known = self._reporters.setdefault(project, {})
        reporter: Reporter = report.reporter
        key = (reporter.protocol, reporter.id, reporter.service)
        status = known.pop(key, None) or ReporterStatus(
            id_text(reporter.id), reporter.service, reporter.protocol
        )
        known[key] = status  # last in order: heard of just now
        if len(known) > REPORTERS_REMEMBERED:
            del known[next(iter(known))]
        status.last_seen_ns = now_ns
        status.reports += 1
        status.spans += report.rows.stop - report.rows.start
        for name, value in report.counters.items():
            if name in status.counters or len(status.counters) < FIGURES_REMEMBERED:
                status.counters[name] = status.counters.get(name, 0) + value
        gauges = reporter.detail.get("gauges")
        for name, value in gauges.items() if isinstance(gauges, dict) else ():
            if name in status.gauges or len(status.gauges) < FIGURES_REMEMBERED:
                status.gauges[name] = value

    def reporters(self, project: str) -> list[ReporterStatus]:
        """Who reported to a project, last heard first."""
        return [*self._reporters.get(project, {}).values()][::-1]

    def forget(self, project: str) -> None:
        """Its project was dropped."""
        self._reporters.pop(project, None)


def _token_of(report: Report, item: _Waiting) -> str:
    """The body is the authority, the header comes second (wire-protocols.md §0.3)."""
    return item.header_token if report.token in NO_TOKEN else report.token


def _rows(batch: SpanBatch, rows: list[slice]) -> SpanBatch:
    """The part of a batch that these slices are; the batch itself when they are all of it."""
    if sum(part.stop - part.start for part in rows) == len(batch):
        return batch
    return batch.take(np.concatenate([np.arange(part.start, part.stop) for part in rows])).compact()


def _answer(items: Sequence[_Waiting], receipts: Sequence[Receipt]) -> None:
    """Hand each waiting edge its receipt; one wake-up per event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Receipt], Receipt]]] = {}
    for item, receipt in zip(items, receipts, strict=True):
        by_loop.setdefault(item.loop, []).append((item.answer, receipt))
    for loop, answers in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_set_results, answers)


def _set_results(answers: Sequence[tuple[asyncio.Future[Receipt], Receipt]]) -> None:
    for answer, receipt in answers:
        if not answer.done():  # the sender may have gone
            answer.set_result(receipt)
