"""What becomes of decoded reports: the project their token names, faults, the store, who waits, and their receipts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from satellite.errors import BadReport, SatelliteError, StoreFailed, TooLarge
from satellite.faults.book import Faults
from satellite.faults.decision import Decision
from satellite.faults.scope import Request
from satellite.intake.arrivals import Arrivals
from satellite.intake.faulted import REASON, kept, refused_as_odd, told
from satellite.intake.parcel import Origin, Parcel
from satellite.intake.refusals import Refusal, Refusals
from satellite.intake.reporters import Heard, Reporters, ReporterStatus, by_reporter, mixes_reporters
from satellite.intake.tokens import NO_TOKEN, Tokens
from satellite.model.report import Receipt, Report
from satellite.model.span import TagValue
from satellite.model.spans import SpanBatch
from satellite.store import Store, Written
from satellite.store.durable.state import State


class Observer(Protocol):
    """Hears what happened, for metrics and logs; called from any thread."""

    def reports_kept(self, protocol: str, reports: int, size_bytes: int) -> None:
        """So many reports were kept."""
        ...

    def report_refused(self, protocol: str, size_bytes: int, refusal: SatelliteError, peer: str) -> None:
        """Nothing was kept of a report."""
        ...

    def spans_written(self, project: str, protocol: str, stored: int, client_dropped: float) -> None:
        """Spans of one project became visible."""
        ...

    def failed(self, what: str, error: Exception) -> None:
        """Something that should not happen did."""
        ...


@dataclass(slots=True)
class _Share:
    """What one parcel brings for one project."""

    rows: list[slice] = field(default_factory=list)
    members: list[tuple[int, Report, int]] = field(default_factory=list)
    """Places in the parcel, what is there, and how many spans of it a fault drops without a word to their senders."""


class Writer:
    """Writes parcels, in the thread that brings them, and remembers who reported and what was refused."""

    def __init__(
        self,
        store: Store,
        tokens: Tokens,
        arrivals: Arrivals,
        *,
        clock_ns: Callable[[], int],
        ingestion_tags: Mapping[str, TagValue] | None = None,
        observer: Observer | None = None,
        writers: int = 1,
        faults: Faults | None = None,
        count: Callable[[int], None] = lambda _: None,
        begin_fence: Callable[[], int] = lambda: 1,
    ) -> None:
        """Nothing was reported yet.

        Args:
            store: where spans go.
            tokens: which project a token names.
            arrivals: told of each project that spans arrived for.
            clock_ns: ns since the epoch.
            ingestion_tags: put on every span.
            observer: for metrics and logs.
            writers: projects of one parcel that are written at the same time, for a store that waits for a disk.
            faults: what is to go wrong with reports, on purpose.
            count: hears of the spans of the reports that are taken, from any thread.
            begin_fence: makes one more, whose number whoever takes reports then knows; see `explore/fence.py`.
        """
        self._count = count
        self.begin_fence = begin_fence
        """Make one more fence: its number."""
        self._writers = ThreadPoolExecutor(writers, "intake-write") if writers > 1 else None
        self._store = store
        self.tokens = tokens
        """Which project a token names."""
        self._arrivals = arrivals
        self.clock_ns = clock_ns
        """ns since the epoch."""
        self._ingestion_tags = dict(ingestion_tags or {})
        self._observer = observer
        self._faults = faults or Faults(clock_ns)
        self._reporters = Reporters()
        self._refusals = Refusals()

    @property
    def refusals(self) -> list[Refusal]:
        """Reports of which nothing was kept, the newest of each project and kind, in the order in which they came."""
        return self._refusals.all()

    @property
    def waits(self) -> bool:
        """Whether the store waits for something when it writes."""
        return self._store.write_waits

    def write(self, parcel: Parcel, answer: Callable[[list[Receipt]], None]) -> None:
        """Write it; `answer` is called when its spans are visible, or it is known why they never will be."""
        answer(self._write(parcel))

    def refused(
        self, protocol: str, error: SatelliteError, *, size_bytes: int = 0, peer: str = "", project: str = ""
    ) -> None:
        """Remember a report of which nothing was kept; `project` is "" when it did not come so far that it had one."""
        self._refusals.add(Refusal(self.clock_ns(), protocol, error.code, error.message, peer, project))
        if self._observer:
            self._observer.report_refused(protocol, size_bytes, error, peer)

    def failed(self, what: str, error: Exception) -> None:
        """Something that should not happen did."""
        if self._observer:
            self._observer.failed(what, error)

    def close(self) -> None:
        """End the threads that write at the same time."""
        if self._writers is not None:
            self._writers.shutdown(wait=False, cancel_futures=True)

    def _write(self, parcel: Parcel) -> list[Receipt]:
        receipts: dict[int, Receipt] = {}
        decisions: dict[int, Decision] = {}
        shares: dict[tuple[str, bool], _Share] = {}
        projects: dict[str, str] = {}
        """Of tokens that several reports have."""
        for place, (origin, outcome) in enumerate(zip(parcel.origins, parcel.decoded.reports, strict=True)):
            if isinstance(outcome, SatelliteError):
                project = self._named_in_head(origin)
                receipts[place] = self._refused(parcel, origin, outcome, project=project)
                continue
            try:
                project = origin.project or self._project(_token_of(outcome, origin), projects)
            except SatelliteError as refusal:
                receipts[place] = self._refused(parcel, origin, refusal.bare(), outcome)
                continue
            # What became of imports is counted apart from what reporters send.
            imported = origin.project is not None
            share = shares.get((project, imported))
            if share is None:
                share = shares[project, imported] = _Share()
            decision = None if imported else self._decide(parcel, origin, outcome, project)
            if decision is None:
                share.rows.append(outcome.rows)
                share.members.append((place, outcome, 0))
                continue
            decisions[place] = decision
            if (refused := decision.refusal(origin.size_bytes)) is not None:
                receipts[place] = self._refused(parcel, origin, refused, outcome, project, wanted=True)
                continue
            if decision.strict and (odd := refused_as_odd(_rows(parcel.decoded.batch, [outcome.rows]))):
                receipts[place] = self._refused(parcel, origin, odd, outcome, project)
                continue
            report, rows, lost = kept(decision, outcome)
            share.rows += rows
            share.members.append((place, report, lost))
        due = [(*whose, share) for whose, share in shares.items() if share.members]
        mixed = mixes_reporters(parcel.decoded)

        def write(one: tuple[str, bool, _Share]) -> Written | SatelliteError:
            return self._write_share(one[0], parcel, one[2], mixed=mixed)

        # Projects that are written at the same time share a wait for the disk.
        apart = self._writers.map if self._writers is not None and len(due) > 1 else map
        for (project, imported, share), written in zip(due, list(apart(write, due)), strict=True):
            now_ns = self.clock_ns()
            for place, report, _ in share.members:
                receipts[place] = self._receipt(
                    parcel, parcel.origins[place], report, written, project, now_ns
                )
            if imported and isinstance(written, Written):
                receipts[share.members[0][0]].kept_once = written.kept_once()
        for place, decision in decisions.items():
            receipts[place] = told(decision, receipts[place])
        self._count(sum(receipt.stored for receipt in receipts.values()))
        return [receipts[place] for place in range(len(parcel.origins))]

    def _project(self, token: str, known: dict[str, str]) -> str:
        project = known.get(token)
        if project is None:
            project = known[token] = self.tokens.project(token)
        return project

    def _named_in_head(self, origin: Origin) -> str:
        """The project of a body that cannot be read; "" when its head names none."""
        if origin.header_token in NO_TOKEN:
            return ""
        try:
            return self.tokens.project(origin.header_token)
        except SatelliteError:
            return ""

    def _decide(self, parcel: Parcel, origin: Origin, report: Report, project: str) -> Decision | None:
        """What is to go wrong with a report."""
        if not self._faults.late:
            return None
        request = Request(*origin.head, origin.peer, parcel.protocol, report.reporter)
        return self._faults.of_report(request, project)

    def _write_share(
        self, project: str, parcel: Parcel, share: _Share, *, mixed: bool
    ) -> Written | SatelliteError:
        all_lost = sum(lost for _, _, lost in share.members)
        dropped: dict[str, int] = {REASON: all_lost} if all_lost else {}
        for _, report, _ in share.members:
            for reason, number in report.dropped.items():
                dropped[reason] = dropped.get(reason, 0) + number
        batch = _rows(parcel.decoded.batch, share.rows)
        if self._ingestion_tags:
            batch = batch.with_tags(self._ingestion_tags)
        try:
            written = self._store.write(project, batch, arrived_ns=parcel.arrived_ns, dropped=dropped)
        except SatelliteError as refusal:
            return refusal.bare()
        except Exception as error:  # noqa: BLE001 - the engine's mistake; senders are told to try again
            self.failed("write", error)
            return StoreFailed("the store failed; see the satellite's log")
        if len(batch):
            self._arrivals.notify(project)
        heard: Iterable[Heard] = [
            (report, lost, parcel.origins[place].fences) for place, report, lost in share.members
        ]
        if mixed:
            heard = by_reporter(heard, parcel.decoded.batch)
        self._reporters.heard(project, heard, parcel.arrived_ns)
        self._arrivals.reported(project)
        if self._observer:
            client_dropped = sum(report.counters.get("spans.dropped", 0.0) for _, report, _ in share.members)
            size_bytes = sum(parcel.origins[place].size_bytes for place, _, _ in share.members)
            self._observer.reports_kept(parcel.protocol, len(share.members), size_bytes)
            self._observer.spans_written(project, parcel.protocol, written.stored, client_dropped)
        return written

    def _receipt(
        self,
        parcel: Parcel,
        origin: Origin,
        report: Report,
        outcome: Written | SatelliteError,
        project: str,
        now_ns: int,
    ) -> Receipt:
        if isinstance(outcome, SatelliteError):
            return self._refused(parcel, origin, outcome, report, project)
        stored = report.rows.stop - report.rows.start
        return Receipt(
            origin.received_ns,
            now_ns,
            stored=stored,
            dropped=report.dropped,
            warnings=report.warnings,
            echo=report.echo,
            project=project,
            service=report.reporter.service,
            reporter_id=report.reporter.id,
            mark=outcome.mark,
        )

    def _refused(
        self,
        parcel: Parcel,
        origin: Origin,
        refusal: SatelliteError,
        report: Report | None = None,
        project: str = "",
        *,
        wanted: bool = False,
    ) -> Receipt:
        """`wanted`: a fault asked for it."""
        project = origin.project or project
        self.refused(
            parcel.protocol, refusal, size_bytes=origin.size_bytes, peer=origin.peer, project=project
        )
        receipt = Receipt(origin.received_ns, self.clock_ns(), refusal, project=project)
        if project and not wanted and isinstance(refusal, BadReport | TooLarge):
            self._arrivals.refused(project, refusal.message)
        if report is not None:
            receipt.echo = report.echo
            receipt.service, receipt.reporter_id = report.reporter.service, report.reporter.id
            if project and origin.project is None:
                self._reporters.refused(project, report.reporter, origin.received_ns)
        return receipt

    # Who reported

    def reporters(self, project: str) -> list[ReporterStatus]:
        """Who reported to a project, last heard first."""
        return self._reporters.of(project)

    def behind(self, project: str, fence: int) -> list[ReporterStatus]:
        """Those of them of whom a report was taken that began when there was this fence."""
        return self._reporters.behind(project, fence)

    def forget(self, project: str) -> None:
        """Its project was dropped."""
        self._reporters.drop(project)

    def keep(self, state: State) -> None:
        """Write down who reported, as far as it changed."""
        self._reporters.keep(state)

    def restore(self, state: State) -> None:
        """Remember who reported before a restart."""
        self._reporters.restore(state)


def _token_of(report: Report, origin: Origin) -> str:
    """The body is the authority, the header comes second (wire-protocols.md §0.3)."""
    return origin.header_token if report.token in NO_TOKEN else report.token


def _rows(batch: SpanBatch, rows: list[slice]) -> SpanBatch:
    """The part of a batch that these slices are; the batch itself when they are all of it, one after the other."""
    starts = [0, *(part.stop for part in rows)]
    if [*(part.start for part in rows), len(batch)] == starts:
        return batch
    if not rows:
        return batch.slice(0, 0).compact()
    return batch.take(np.concatenate([np.arange(part.start, part.stop) for part in rows])).compact()
