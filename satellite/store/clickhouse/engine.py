"""The engine over ClickHouse: spans in its tables, questions answered there, one thread that writes.

Whoever writes waits for the insert that has his spans. What comes meanwhile waits together and shares the next one, so
that inserts are large when reports are many; before a server there are at most five a second. An insert has three steps: spans, the marks
of those that others took the place of, and a row of `commits`. Only that row makes the spans up to its mark count;
spans beyond it were never acknowledged: their insert failed, or its satellite died. Whoever comes next deletes them.

A satellite with a folder of chDB is alone, and knows what is in the tables. Before a server there may be several: each has
a seat, looks at the commits of all before it decides what a batch is, and for each question.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from satellite.errors import Overloaded, SatelliteError, StoreFailed
from satellite.model.spans import SpanBatch
from satellite.store import ProjectStats, Written
from satellite.store.assembled import Ints
from satellite.store.clickhouse import commits, schema
from satellite.store.clickhouse.commons import ClickHouseCommons
from satellite.store.clickhouse.connection import Connection, Refused
from satellite.store.clickhouse.eviction import Eviction
from satellite.store.clickhouse.inbox import NO_ANSWER, PATIENCE_SECONDS, Arrival, Errand, Inbox
from satellite.store.clickhouse.predicates import Moment
from satellite.store.clickhouse.project import Project
from satellite.store.clickhouse.projects import Projects
from satellite.store.clickhouse.questions import ClickHouseQuestions
from satellite.store.clickhouse.retention import Retention
from satellite.store.clickhouse.seats import Seat
from satellite.store.commons import Commons
from satellite.store.durable.directory import BadDataDirectory
from satellite.store.durable.files import Damage
from satellite.store.recall.recent import Remembered

TABLES = ("spans", "gone", "commits", "commons")

PROBE_SECONDS = 1.0
"""How often a ClickHouse that failed is tried again (ours)."""

GATHER_SECONDS = 0.2
"""Between the inserts of one satellite of a pool, at most: each is a part of a table that has to be merged (ours)."""


class ClickHouseStore(ClickHouseQuestions):
    """Implements Store; see the module."""

    def __init__(
        self,
        connection: Connection,
        *,
        clock_seconds: Callable[[], float],
        host: str = "",
        retention: Retention | None = None,
        duplicate_window_seconds: float = 120,
    ) -> None:
        """The store with what is in the tables; it closes the connection, also when it cannot be made.

        Args:
            connection: to chDB or to a server.
            clock_seconds: monotonic.
            host: what this satellite is called among those of a pool.
            retention: how much is kept; None: everything.
            duplicate_window_seconds: how long after its arrival a span is recognised when it is sent again; 0: never.

        Raises:
            BadDataDirectory: a newer satellite wrote it, or ClickHouse does not let this user.
            SatelliteError: ClickHouse does not take what is needed.
        """
        self._damage: list[Damage] = []
        self._clock_seconds = clock_seconds
        self.connection = connection
        try:
            schema.bring_up(connection)
            seat = Seat(connection, host, clock_seconds) if self.shared else None
            self._projects = Projects(connection, seat, int(duplicate_window_seconds * 1e9), clock_seconds)
        except BaseException as error:
            connection.close()
            if isinstance(error, Refused):  # nobody waits for that to be over
                raise BadDataDirectory(f"clickhouse_url: {error.message}", hint=error.hint) from None
            raise
        self._eviction = Eviction(self._projects, retention or Retention(), clock_seconds)
        self._busy_since: float | None = None
        """When the writing thread began with what it does; None: it waits."""
        self.patience_seconds = PATIENCE_SECONDS
        """For an insert; then its sender is told to try later."""
        self._problem = ""
        """Why the last insert failed; stock is taken before the next."""
        self._inbox = Inbox()
        self._writer = threading.Thread(target=self._write_forever, name="clickhouse-write", daemon=True)
        self._writer.start()

    # What is there

    def moment(self, project: str) -> Moment | None:
        """See ClickHouseQuestions."""
        return self._projects.moment(project)

    def mark(self, project: str) -> int:
        """See Store."""
        moment = self.moment(project)
        return moment.mark if moment is not None else 0

    @property
    def write_waits(self) -> bool:
        """See Store."""
        return True

    def at_hand(self, project: str) -> bool:  # noqa: ARG002 - of none
        """See Store: a server has it, or chDB."""
        return False

    def small_trace(
        self,
        project: str,  # noqa: ARG002 - as above
        trace_ids: Sequence[tuple[int | None, int]],  # noqa: ARG002
        spans_max: int,  # noqa: ARG002
    ) -> tuple[SpanBatch, Ints] | None:
        """See Store."""
        return None

    @property
    def shared(self) -> bool:
        """Whether other satellites may write to it, too."""
        return self.connection.shared

    @property
    def commons(self) -> Commons | None:
        """See Engine."""
        return ClickHouseCommons(self.connection) if self.shared else None

    def newest(self, projects: Sequence[str]) -> dict[str, int]:
        """The newest mark of each of these projects, whichever satellite gave it; one cheap statement."""
        return commits.newest(self.connection, projects)

    def projects(self) -> list[ProjectStats]:
        """See Store."""
        return self._projects.holdings.stats(self._projects.held())

    # Writing

    def write(
        self, project: str, batch: SpanBatch, *, arrived_ns: int, dropped: Mapping[str, int] | None = None
    ) -> Written:
        """Keep a batch, see Store."""
        if self._is_stuck or (self.shared and self._problem):  # nobody waits for what is tried anyway
            raise StoreFailed(self.problem, hint="send again later")
        arrival = Arrival(project, batch, arrived_ns, dropped or {}, Future())
        self._inbox.put(arrival)
        return arrival.outcome(self.patience_seconds)

    def reset(self, project: str) -> int:
        """See Store."""
        removed: int = self._errand(partial(self._eviction.reset, project))
        return removed

    def drop(self, project: str) -> bool:
        """See Store."""
        dropped: bool = self._errand(partial(self._eviction.drop, project))
        return dropped

    def _errand(self, run: Callable[[], Any]) -> Any:
        errand = Errand(run, Future())
        self._inbox.put(errand)
        return errand.done.result()

    def _write_forever(self) -> None:
        while (taken := self._inbox.take(self._rest_seconds)) is not None:
            began = self._busy_since = self._clock_seconds()
            match taken:
                case Errand() as errand:
                    errand.settle()
                case []:
                    self._idle()
                case arrivals:
                    self._insert(arrivals)
                    self._tend()
            self._busy_since = None
            if taken and isinstance(taken, list) and self.shared and not self._problem:
                self._inbox.gather(began + GATHER_SECONDS - self._clock_seconds())
        if self._projects.seat is not None:
            self._projects.seat.leave()

    @property
    def _is_stuck(self) -> bool:
        """Whether what the writing thread does takes so long that nobody should wait for it."""
        since = self._busy_since
        return since is not None and self._clock_seconds() - since > self.patience_seconds

    @property
    def _rest_seconds(self) -> float | None:
        if self._problem:
            return PROBE_SECONDS
        waits = [PROBE_SECONDS] if self.shared else []
        if (every := self._eviction.look_seconds) is not None:
            waits.append(every)
        if (due := self._projects.settle_due) is not None:
            waits.append(max(0.0, due - self._clock_seconds()))
        return min(waits, default=None)

    def _idle(self) -> None:
        """Nothing came for a while."""
        try:
            self._projects.keep_seat()
            if self._problem:
                self._projects.take_stock()
                probe = commits.row(0, self._projects.seat_number, "", 0, forgotten=0)
                commits.commit(self.connection, probe)  # whether it takes anything again
                self._problem = ""
        except SatelliteError as error:
            self._problem = error.message
        self._tend()

    def _tend(self) -> None:
        """What is due now and then."""
        if self._problem:
            return
        try:
            self._projects.settle()
            self._eviction.keep_times()
        except SatelliteError as error:
            self._problem = error.message

    def _insert(self, arrivals: Sequence[Arrival]) -> None:
        """Decide and keep what some senders wait for."""
        answers: list[tuple[Arrival, Written | BaseException]] = []
        try:
            if self._problem:
                self._projects.take_stock()
            self._projects.keep_seat()  # also while there is no rest between inserts
            homes = self._projects.looked_at(
                {one.project for one in arrivals}, min(one.arrived_ns for one in arrivals)
            )
            touched: dict[str, Project] = {}
            for one in arrivals:
                try:
                    self._projects.admit(one.project, touched)
                except Overloaded as refusal:
                    answers.append((one, refusal))
                    continue
                touched[one.project] = home = homes[one.project]
                answers.append((one, home.take(one.batch, one.arrived_ns, one.dropped)))
            if touched:
                self._projects.write([*touched.values()])
        except BaseException as error:  # noqa: BLE001 - whoever waits is told
            self._problem = error.message if isinstance(error, SatelliteError) else "ClickHouse failed"
            answers = [(one, error) for one in arrivals]
        else:
            self._problem = ""
            self._eviction.after_insert()
        for one, answer in answers:
            if isinstance(answer, Written):
                one.done.set_result(answer)
            else:
                one.done.set_exception(answer)

    # For the satellite around it

    @property
    def remembered(self) -> Remembered:
        """What of recent spans is remembered, to know those that are sent again."""
        return self._projects.remembered

    @property
    def problem(self) -> str:
        """Why nothing can be kept now; "" when it can."""
        return NO_ANSWER if self._is_stuck else self._problem

    @property
    def damage(self) -> Sequence[Damage]:
        """What `check` found."""
        return self._damage

    def check(self) -> None:
        """Have ClickHouse look at every byte of every table; `damage` then says what it found."""
        for table in TABLES:
            for row in self.connection.ask(
                f"CHECK TABLE {self.connection.tables.own(table)} SETTINGS check_query_single_value_result = 0"
            ).to_pylist():
                part, passed, message = row.values()
                if not passed:
                    what = f"part {part.decode()} of the table {table}"
                    self._damage.append(Damage(Path(self.connection.where), what, message.decode()))

    def compact(self) -> None:
        """Everything into few large parts, without what was deleted."""
        tables = self.connection.tables
        for table in TABLES:
            self.connection.run(f"OPTIMIZE TABLE {tables.own(table)}{tables.everywhere} FINAL")

    def release(self) -> None:
        """Have ClickHouse let go of what it read, where that is memory of this process; a server's is not ours to empty."""
        if self.shared:
            return
        with suppress(SatelliteError):
            self.connection.run("SYSTEM DROP MARK CACHE")
            self.connection.run("SYSTEM DROP UNCOMPRESSED CACHE")

    def shrink(self, size_bytes: int) -> None:
        """Spans are not in memory, so there is no more than that."""
        del size_bytes
        self.release()

    def close(self) -> None:
        """See Store."""
        self._inbox.close()
        self._writer.join(self.patience_seconds)
        if not self._writer.is_alive():  # a statement that never ends would not let go of its client
            self.connection.close()
