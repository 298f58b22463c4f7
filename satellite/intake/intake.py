"""The one way in: what a socket received becomes spans that queries see, and a receipt for the sender.

Bodies wait in two lanes (`queue`), large ones in their own. The thread of each takes what waits, some of each sender, has
it decoded in one call, finds each report's project by its token, writes, wakes who waits for spans, and lets the
senders know. What nobody waits for any more is not decoded.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np

from satellite.errors import Overloaded, SatelliteError, StoreFailed
from satellite.faults.book import Faults, Request
from satellite.faults.decision import Decision
from satellite.intake.arrivals import Arrivals
from satellite.intake.faulted import REASON, kept, told
from satellite.intake.head import NOWHERE, Head
from satellite.intake.queue import Queue, Waiting
from satellite.intake.refusals import Refusal, Refusals
from satellite.intake.reporters import Reporters, ReporterStatus
from satellite.intake.tokens import NO_TOKEN, Tokens
from satellite.model.report import Decoded, Receipt, Report
from satellite.model.span import TagValue
from satellite.model.spans import SpanBatch
from satellite.protocols.readers.columns import has_stack
from satellite.protocols.wire import WireProtocol
from satellite.store import Store, Written
from satellite.store.durable.state import State

LARGE_BYTES = 2**20
"""Bodies beyond it wait in a lane of their own, so that none that takes long holds up others. Ours."""

WAIT_SECONDS_MAX = 2.0
"""What would wait longer is refused at once: senders give up after a few seconds, and send again. Ours."""

STACK_BYTES = 32 * 2**20
"""Of the threads that decode, which decoders of deep bodies count on (`readers.columns`); taken as far as it is used."""

_PEEK_BYTES = 2**20
"""From so many waiting bytes on, a body is looked into for its sender."""


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
    head: Head = NOWHERE


@dataclass(slots=True)
class _Share:
    """What one call brings for one project."""

    rows: list[slice] = field(default_factory=list)
    members: list[tuple[Waiting, Report]] = field(default_factory=list)
    lost: int = 0
    """Spans that a fault drops without a word to their senders."""


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
        short_of_memory: Callable[[int], str] = lambda _: "",
        writers: int = 1,
        faults: Faults | None = None,
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
            writers: projects of one call that are written at the same time, for a store that waits for a disk.
            short_of_memory: why a report of so many bytes cannot be let in now; "" when it can.
            faults: what is to go wrong with reports, on purpose.
        """
        self._short_of_memory = short_of_memory
        self._writers = ThreadPoolExecutor(writers, "intake-write") if writers > 1 else None
        self._store = store
        self._tokens = tokens
        self._arrivals = arrivals
        self._clock_ns = clock_ns
        self._max_waiting_bytes = max_waiting_bytes
        self._ingestion_tags = dict(ingestion_tags or {})
        self._observer = observer
        self._faults = faults or Faults(clock_ns)
        self._waiting_bytes = 0
        self._open = True
        self._full = False
        self._changed = threading.Condition()
        self._reporters = Reporters()
        self._refusals = Refusals()
        self._small, self._large = Queue(), Queue()
        self._threads = [
            _start(lambda: self._work(self._small), "intake"),
            _start(lambda: self._work(self._large), "intake-large"),
        ]

    @property
    def waiting_bytes(self) -> int:
        """Bytes of the reports that wait or are being decoded."""
        return self._waiting_bytes

    @property
    def ready(self) -> bool:
        """False while the queue is full, from the first refusal until half of it is free again, and when closing."""
        return self._open and not self._full

    @property
    def refusals(self) -> list[Refusal]:
        """Reports of which nothing was kept, the newest of each project and kind, in the order in which they came."""
        return self._refusals.all()

    async def submit(
        self,
        protocol: WireProtocol,
        body: bytes,
        *,
        header_token: str = "",
        peer: str = "",
        project: str | None = None,
        head: Head = NOWHERE,
    ) -> Receipt:
        """The receipt, once the spans of this body are visible to queries or it is known why they never will be.

        Never raises for what a body holds; `Receipt.refusal` says what was wrong. With a `project` no token is
        looked at: that is for whoever imports spans, not for reporters.
        """
        return await self.hand_over([Delivery(protocol, body, header_token, peer, project, head)])[0]

    def hand_over(self, deliveries: Sequence[Delivery]) -> list[asyncio.Future[Receipt]]:
        """The same for several bodies that came together, which then wait as a group; one receipt each, same order."""
        loop = asyncio.get_running_loop()
        now_ns = self._clock_ns()
        items = [
            Waiting(
                one.protocol,
                one.body,
                one.header_token,
                one.peer,
                one.project,
                self._sender(one),
                one.head,
                now_ns,
                loop,
                loop.create_future(),
            )
            for one in deliveries
        ]
        refused: list[tuple[Waiting, Overloaded]] = []
        with self._changed:
            for item in items:
                queue = self._queue_of(item)
                refusal = self._refuse_full(item, queue)
                if refusal is None:
                    queue.put(item)
                    self._waiting_bytes += len(item.body)
                else:
                    refused.append((item, refusal))
            if len(refused) < len(items):
                self._changed.notify_all()
        for item, refusal in refused:
            item.answer.set_result(self._refused(item, refusal))
        return [item.answer for item in items]

    def _queue_of(self, item: Waiting) -> Queue:
        return self._large if len(item.body) > LARGE_BYTES else self._small

    def _sender(self, one: Delivery) -> str:
        """Who waits together: a project, those with one token, or those at one address."""
        if one.project is not None:
            return f"project {one.project}"
        token: bytes = one.header_token.encode("utf-8", "surrogatepass")
        if not token and self._waiting_bytes > _PEEK_BYTES:
            token = one.protocol.sender(one.body)
        if token:
            return f"token {hash(token)}"
        return f"peer {one.peer.rpartition(':')[0]}"

    def refuse(self, protocol: str, error: SatelliteError, *, size_bytes: int = 0, peer: str = "") -> None:
        """Remember a report that an edge had to refuse before it was one (too large, wrong content type)."""
        self._note(protocol, error, size_bytes, peer, "")

    def _note(self, protocol: str, error: SatelliteError, size_bytes: int, peer: str, project: str) -> None:
        self._refusals.add(Refusal(self._clock_ns(), protocol, error.code, error.message, peer, project))
        if self._observer:
            self._observer.report_received(protocol, size_bytes, error, peer)

    def _refuse_full(self, item: Waiting, queue: Queue) -> Overloaded | None:
        if not self._open:
            return Overloaded("the satellite is stopping; send again", hint="retry")
        if reason := self._short_of_memory(len(item.body)):
            return Overloaded(reason, hint="retry with back-off")
        if not queue:
            return None
        if self._waiting_bytes + len(item.body) > self._max_waiting_bytes:
            self._full = True
            return Overloaded("too many reports are waiting; send again later", hint="retry with back-off")
        if queue.wait_seconds_of(item.sender, queue.seconds(item)) > WAIT_SECONDS_MAX:
            self._full = True
            return Overloaded(
                f"reports wait longer than {WAIT_SECONDS_MAX:g} s; send again later",
                hint="retry with back-off",
            )
        return None

    def _refused(
        self, item: Waiting, refusal: SatelliteError, echo: Any = None, project: str = ""
    ) -> Receipt:
        self._note(item.protocol.name, refusal, len(item.body), item.peer, item.project or project)
        return Receipt(item.received_ns, self._clock_ns(), refusal, echo=echo)

    def close(self, timeout_s: float) -> bool:
        """Take nothing more, finish what waits, end the thread. False when that took longer than `timeout_s`."""
        with self._changed:
            self._open = False
            self._changed.notify_all()
        until = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        if self._writers is not None:
            self._writers.shutdown(wait=False, cancel_futures=True)
        return not any(thread.is_alive() for thread in self._threads)

    # In the threads

    def _work(self, queue: Queue) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: queue or not self._open)
                taken = queue.take()
            if not taken:
                return
            items = [item for item in taken if not item.abandoned]
            began = time.perf_counter()
            receipts = self._process(items) if items else []
            with self._changed:
                if items:
                    queue.measured(items, time.perf_counter() - began)
                self._waiting_bytes -= sum(len(item.body) for item in taken)
                self._full = self._full and not self._relieved()
            _answer(items, receipts)
            for item in taken:
                if item.abandoned and item not in items:
                    self._refused(item, Overloaded("its sender gave up before its turn came"))

    def _relieved(self) -> bool:
        waits = max(self._small.wait_seconds, self._large.wait_seconds)
        return self._waiting_bytes <= self._max_waiting_bytes // 2 and waits <= WAIT_SECONDS_MAX / 2

    def _process(self, items: list[Waiting]) -> list[Receipt]:
        arrived_ns = self._clock_ns()
        protocol = items[0].protocol
        try:
            decoded = protocol.decode([item.body for item in items], arrived_ns)
        except Exception as error:  # noqa: BLE001 - a codec's mistake must not end the satellite
            return self._all_failed(items, error)
        receipts: dict[int, Receipt] = {}
        decisions: dict[int, Decision] = {}
        shares: dict[tuple[str, bool], _Share] = {}
        for item, outcome in zip(items, decoded.reports, strict=True):
            if isinstance(outcome, SatelliteError):
                receipts[id(item)] = self._refused(item, outcome)
                continue
            try:
                project = item.project or self._tokens.project(_token_of(outcome, item))
            except SatelliteError as refusal:
                receipts[id(item)] = self._refused(item, refusal, outcome.echo)
                continue
            imported = (
                item.project is not None
            )  # what became of imports is counted apart from what reporters send
            share = shares.setdefault((project, imported), _Share())
            decision = None if imported else self._decide(item, outcome, project)
            if decision is None:
                share.rows.append(outcome.rows)
                share.members.append((item, outcome))
                continue
            decisions[id(item)] = decision
            if (refused := decision.refusal(len(item.body))) is not None:
                receipts[id(item)] = self._refused(item, refused, outcome.echo, project)
                continue
            report, rows, lost = kept(decision, outcome)
            share.rows += rows
            share.members.append((item, report))
            share.lost += lost
        due = [(*whose, share) for whose, share in shares.items() if share.members]

        def write(one: tuple[str, bool, _Share]) -> Written | SatelliteError:
            return self._write(one[0], protocol, decoded, one[2], arrived_ns)

        # Projects that are written at the same time share a wait for the disk.
        apart = self._writers.map if self._writers is not None and len(due) > 1 else map
        for (project, imported, share), written in zip(due, list(apart(write, due)), strict=True):
            for item, report in share.members:
                receipts[id(item)] = self._receipt(item, report, written, project)
            if imported and isinstance(written, Written):
                receipts[id(share.members[0][0])].kept_once = written.kept_once()
        for number, decision in decisions.items():
            receipts[number] = told(decision, receipts[number])
        return [receipts[id(item)] for item in items]

    def _decide(self, item: Waiting, report: Report, project: str) -> Decision | None:
        """What is to go wrong with a report."""
        if not self._faults.late:
            return None
        request = Request(*item.head, item.peer, item.protocol.name, report.reporter)
        return self._faults.of_report(request, project)

    def _all_failed(self, items: Sequence[Waiting], error: Exception) -> list[Receipt]:
        if self._observer:
            self._observer.failed("decode", error)
        return [self._refused(item, StoreFailed("the satellite failed; see its log")) for item in items]

    def _write(
        self, project: str, protocol: WireProtocol, decoded: Decoded, share: _Share, arrived_ns: int
    ) -> Written | SatelliteError:
        dropped: dict[str, int] = {REASON: share.lost} if share.lost else {}
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
            self._reporters.heard(project, report, arrived_ns)
            client_dropped += report.counters.get("spans.dropped", 0)
        if self._observer:
            self._observer.spans_written(project, protocol.name, written.stored, client_dropped)
        return written

    def _receipt(
        self, item: Waiting, report: Report, outcome: Written | SatelliteError, project: str
    ) -> Receipt:
        if isinstance(outcome, SatelliteError):
            return self._refused(item, outcome, report.echo, project)
        if self._observer:
            self._observer.report_received(item.protocol.name, len(item.body), None, item.peer)
        stored = report.rows.stop - report.rows.start
        return Receipt(
            item.received_ns,
            self._clock_ns(),
            stored=stored,
            dropped=report.dropped,
            warnings=report.warnings,
            echo=report.echo,
        )

    def reporters(self, project: str) -> list[ReporterStatus]:
        """Who reported to a project, last heard first."""
        return self._reporters.of(project)

    def forget(self, project: str) -> None:
        """Its project was dropped."""
        self._reporters.drop(project)

    def keep(self, state: State) -> None:
        """Write down who reported, as far as it changed. Raises StoreFailed."""
        self._reporters.keep(state)

    def restore(self, state: State) -> None:
        """Remember who reported before a restart."""
        self._reporters.restore(state)


def _start(work: Callable[[], None], name: str) -> threading.Thread:
    def run() -> None:
        has_stack(STACK_BYTES)
        work()

    before = threading.stack_size(STACK_BYTES)
    try:
        thread = threading.Thread(target=run, name=name, daemon=True)
        thread.start()
    finally:
        threading.stack_size(before)
    return thread


def _token_of(report: Report, item: Waiting) -> str:
    """The body is the authority, the header comes second (wire-protocols.md §0.3)."""
    return item.header_token if report.token in NO_TOKEN else report.token


def _rows(batch: SpanBatch, rows: list[slice]) -> SpanBatch:
    """The part of a batch that these slices are; the batch itself when they are all of it, one after the other."""
    starts = [0, *(part.stop for part in rows)]
    if [*(part.start for part in rows), len(batch)] == starts:
        return batch
    if not rows:
        return batch.slice(0, 0).compact()
    return batch.take(np.concatenate([np.arange(part.start, part.stop) for part in rows])).compact()


def _answer(items: Sequence[Waiting], receipts: Sequence[Receipt]) -> None:
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
