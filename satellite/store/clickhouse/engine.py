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
from math import isfinite
from pathlib import Path
from typing import Any

import pyarrow as pa

from satellite.errors import Overloaded, SatelliteError, StoreFailed
from satellite.model.spans import SpanBatch
from satellite.store import ProjectStats, Written
from satellite.store.clickhouse import commits, schema
from satellite.store.clickhouse.commits import Standing, commit, number_of, standings
from satellite.store.clickhouse.commons import ClickHouseCommons
from satellite.store.clickhouse.connection import Connection
from satellite.store.clickhouse.holdings import Holdings
from satellite.store.clickhouse.inbox import NO_ANSWER, PATIENCE_SECONDS, Arrival, Errand, Inbox
from satellite.store.clickhouse.predicates import Moment
from satellite.store.clickhouse.project import Project
from satellite.store.clickhouse.questions import ClickHouseQuestions
from satellite.store.clickhouse.retention import Retention
from satellite.store.clickhouse.seats import Seat
from satellite.store.commons import Commons
from satellite.store.durable.files import Damage
from satellite.store.recall.recent import Remembered

TABLES = ("spans", "gone", "commits", "commons")

MOST_PROJECTS = 10_000
"""As of the engine in memory."""

BUDGET_INSERTS = 64
"""After so many inserts the budgets are looked at (ours)."""

PROBE_SECONDS = 1.0
"""How often a ClickHouse that failed is tried again (ours)."""

GATHER_SECONDS = 0.2
"""Between the inserts of one satellite of a pool, at most: each is a part of a table that has to be merged (ours)."""

TWINS_SECONDS = 0.1
"""After an insert into a pool it is looked what others took at the same moment (ours)."""


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
            BadDataDirectory: a newer satellite wrote it.
            SatelliteError: ClickHouse does not take what is needed.
        """
        self._retention = retention or Retention()
        self._window_ns = int(duplicate_window_seconds * 1e9)
        self._remembered = Remembered()
        self._damage: list[Damage] = []
        self._clock_seconds = clock_seconds
        self.connection = connection
        self._holdings = Holdings(connection)
        self._seat: Seat | None = None
        try:
            schema.bring_up(connection)
            self._take_stock(Seat(connection, host, clock_seconds) if self.shared else None)
        except BaseException:
            connection.close()
            raise
        self._stale = False
        self._busy_since: float | None = None
        """When the writing thread began with what it does; None: it waits."""
        self.patience_seconds = PATIENCE_SECONDS
        """For an insert; then its sender is told to try later."""
        self._inserts = 0
        self._looked = clock_seconds()
        """At what is to go."""
        self._problem = ""
        self._unsettled: set[str] = set()
        """Projects of which others may have taken the same at the same moment."""
        self._inbox = Inbox()
        self._writer = threading.Thread(target=self._write_forever, name="clickhouse-write", daemon=True)
        self._writer.start()

    # What is there

    def _take_stock(self, seat: Seat | None = None) -> None:
        """Begin with what the tables have; what nobody committed is deleted."""
        if self.shared:
            if seat is not None:
                self._seat = seat
            elif self._seat is not None:
                self._seat.take()
            self._projects: dict[str, Project] = {}  # each is looked at when something comes for it
            return
        self._projects = {one.name: self._home(one) for one in standings(self.connection, pooled=False)}
        homes = self._projects.values()
        known = ", ".join(str(home.moment.project) for home in homes) or "0"
        orphans = " OR ".join(
            [f"project NOT IN ({known})"]
            + [f"(project = {one.moment.project} AND mark > {one.moment.mark})" for one in homes]
        )
        for table in ("spans", "gone"):
            place = orphans if table == "spans" else orphans.replace("mark >", "by_mark >")
            if self._holdings.count(table, place):
                self.connection.run(self.connection.tables.deletion(table, place))
        for home in homes:
            home.stored = self._holdings.count("spans", home.moment.condition)
            home.learn(home.standing)

    def _home(self, standing: Standing) -> Project:
        return Project(standing, self._number, self._window_ns, self.connection, self._remembered)

    @property
    def _number(self) -> int:
        return self._seat.number if self._seat is not None else 0

    def _standings(self, names: Sequence[str] | None = None) -> dict[str, Standing]:
        """How projects stand now, those that were dropped left out."""
        if self.shared:
            found = standings(self.connection, names, pooled=True)
        else:
            found = [home.standing for home in self._projects.values() if names is None or home.name in names]
        return {one.name: one for one in sorted(found, key=lambda one: one.name) if one.exists}

    def moment(self, project: str) -> Moment | None:
        """See ClickHouseQuestions."""
        if not self.shared:
            home = self._projects.get(project)
            return home.moment if home is not None and home.standing.exists else None
        found = self._standings([project]).get(project)
        return found.moment if found is not None else None

    def mark(self, project: str) -> int:
        """See Store."""
        moment = self.moment(project)
        return moment.mark if moment is not None else 0

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
        return self._holdings.stats(self._held())

    def _held(self) -> list[tuple[Standing, int]]:
        """Each project, and how many spans it has."""
        return [(one, self._stored(one)) for one in self._standings().values()]

    def _stored(self, standing: Standing) -> int:
        if not self.shared and (home := self._projects.get(standing.name)) and home.standing is standing:
            return home.stored
        return self._holdings.spans(standing)

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
            self._busy_since = None
            if taken and isinstance(taken, list) and self.shared and not self._problem:
                self._inbox.gather(began + GATHER_SECONDS - self._clock_seconds())
        if self._seat is not None:
            self._seat.leave()

    @property
    def _is_stuck(self) -> bool:
        """Whether what the writing thread does takes so long that nobody should wait for it."""
        since = self._busy_since
        return since is not None and self._clock_seconds() - since > self.patience_seconds

    @property
    def _rest_seconds(self) -> float | None:
        if self._unsettled:
            return TWINS_SECONDS
        waits = [PROBE_SECONDS] if self._problem or self.shared else []
        if (every := self._retention.look_seconds) is not None:
            waits.append(every)
        return min(waits, default=None)

    def _idle(self) -> None:
        """Nothing came for a while: what is due now and then."""
        try:
            self._keep_seat()
            if self._problem or self._stale:
                self._take_stock()
                self._commit(commit(0, self._number, "", 0, forgotten=0))  # whether it takes anything again
                self._stale, self._problem = False, ""
            elif self._unsettled:
                homes = self._looked_at(self._unsettled)
                self._unsettled = {name for name, home in homes.items() if home.twins}
                if changed := [home for home in homes.values() if home.pending.gone]:
                    self._flush(changed)
            if self._is_time_up() and not self._problem:
                self._keep_times()
        except SatelliteError as error:
            self._stale, self._problem = True, error.message

    def _looked_at(self, names: set[str], now_ns: int | None = None) -> dict[str, Project]:
        """These projects, with all that other satellites did; new ones are not kept before their first insert."""
        found = (
            {one.name: one for one in standings(self.connection, sorted(names), pooled=True)}
            if self.shared
            else {}
        )
        homes = {}
        for name in names:
            home = self._projects.get(name)
            standing = found.get(name) or (home.standing if home else _unheard_of(name))
            home = home or self._home(standing)
            if self.shared:
                home.learn(standing, now_ns)
                if home.twins and self._seat is not None:
                    home.settle_twins(self._seat.holders())
            homes[name] = home
        return homes

    def _keep_seat(self) -> None:
        """Say that we are there; with another seat nothing is known of any project."""
        if self._seat is not None and self._seat.keep():
            self._projects = {}

    def _insert(self, arrivals: Sequence[Arrival]) -> None:
        """Decide and keep what some senders wait for."""
        answers: list[tuple[Arrival, Written | BaseException]] = []
        try:
            if self._stale:
                self._take_stock()
                self._stale = False
            self._keep_seat()  # also while there is no rest between inserts
            homes = self._looked_at(
                {one.project for one in arrivals}, min(one.arrived_ns for one in arrivals)
            )
            touched: dict[str, Project] = {}
            for one in arrivals:
                try:
                    touched[one.project] = home = self._admitted(homes[one.project], touched)
                except Overloaded as refusal:
                    answers.append((one, refusal))
                    continue
                answers.append((one, home.take(one.batch, one.arrived_ns, one.dropped)))
            if touched:
                self._flush([*touched.values()])
        except BaseException as error:  # noqa: BLE001 - whoever waits is told
            self._stale = True
            self._problem = error.message if isinstance(error, SatelliteError) else "ClickHouse failed"
            answers = [(one, error) for one in arrivals]
        else:
            self._problem = ""
            if self.shared and self._window_ns:
                self._unsettled |= touched.keys()
            self._inserts += 1
            if self._inserts % BUDGET_INSERTS == 0:
                self._keep_budgets()
            if self._is_time_up():
                self._keep_times()
        for one, answer in answers:
            if isinstance(answer, Written):
                one.done.set_result(answer)
            else:
                one.done.set_exception(answer)

    def _admitted(self, home: Project, touched: Mapping[str, Project]) -> Project:
        known = self._projects.keys() | touched.keys()
        if home.name not in known and len(known) >= MOST_PROJECTS:
            raise Overloaded(
                f"there are {MOST_PROJECTS} projects already, and this access token would make another",
                hint="drop some with DELETE /api/v1/projects/{project}, or list the access tokens in settings",
            )
        return home

    def _flush(self, homes: Sequence[Project]) -> None:
        """Spans, what they replace, then the row that makes them count."""
        rows = [rows for home in homes if (rows := home.pending_rows()) is not None]
        if rows:
            self.connection.insert("spans", pa.concat_tables(rows).combine_chunks())
        gone = [(home.moment.project, *one) for home in homes for one in home.pending.gone]
        if gone:
            types = (pa.uint64(), pa.int64(), pa.int64())
            columns = [
                pa.array(column, of) for column, of in zip(zip(*gone, strict=True), types, strict=True)
            ]
            table = pa.table(dict(zip(("project", "mark", "by_mark"), columns, strict=True)))
            self.connection.insert("gone", table)
        self._commit(", ".join(home.commit() for home in homes))
        for home in homes:
            home.flushed()
            self._projects[home.name] = home

    def _commit(self, rows: str) -> None:
        token = f"insert_deduplication_token = '{self.connection.token()}'"  # two commits may say the same
        self.connection.run(f"INSERT INTO commits SETTINGS {token} VALUES {rows}")

    # Letting go

    def reset(self, project: str) -> int:
        """See Store."""
        removed: int = self._errand(partial(self._reset, project))
        return removed

    def _reset(self, project: str) -> int:
        standing = self._standings([project]).get(project)
        if standing is None:
            return 0
        before = self._stored(standing)
        self._evict(standing, standing.moment.mark)
        return before

    def _evict(self, standing: Standing, floor: int) -> None:
        """Its spans up to this mark go: first they count no more, then they are deleted."""
        number = standing.moment.project
        self._commit(commit(number, self._number, standing.name, 0, floor=floor))
        home = self._projects.get(standing.name)
        if home is not None:
            home.evicted_up_to(floor, 0)
            if floor < home.mark:
                home.stored = self._holdings.count("spans", home.moment.condition)
        self._delete(f"project = {number} AND mark <= {floor}", wait=True)

    def _delete(self, condition: str, *, wait: bool) -> None:
        for table in ("spans", "gone"):
            deletion = self.connection.tables.deletion(table, condition)
            self.connection.run(f"{deletion} SETTINGS lightweight_deletes_sync = {2 * wait}")

    def drop(self, project: str) -> bool:
        """See Store."""
        dropped: bool = self._errand(partial(self._drop, project))
        return dropped

    def _drop(self, project: str) -> bool:
        """Its counts go back to nothing and its spans are evicted; its marks go on, should it come again."""
        standing = self._standings([project]).get(project)
        if standing is None:
            return False
        moment = standing.moment
        less = {reason: -count for reason, count in standing.dropped.items() if count}
        row = commit(
            moment.project,
            self._number,
            project,
            0,
            received=-standing.received,
            dropped=less,
            floor=moment.mark,
            forgotten=moment.mark,
        )
        self._commit(row)
        if self.shared:
            self._projects.pop(project, None)
        else:
            (after,) = standings(self.connection, [project], pooled=False)
            self._projects[project] = self._home(after)
        self._delete(f"project = {moment.project} AND mark <= {moment.mark}", wait=False)
        return True

    def _keep_budgets(self) -> None:
        """The oldest spans go where there are more than the budgets hold."""
        with suppress(SatelliteError):  # looked at again after the next inserts
            for standing, spans in self._retention.over_budget(self._held(), self._holdings.span_bytes()):
                self._evict(standing, self._holdings.oldest(standing, spans))

    def _is_time_up(self) -> bool:
        """Whether to look for spans that were kept long enough."""
        every = self._retention.look_seconds
        return every is not None and self._clock_seconds() - self._looked >= every

    def _keep_times(self) -> None:
        """Spans go whose time is up."""
        self._looked = self._clock_seconds()
        with suppress(SatelliteError):  # looked at again later
            for standing in self._standings().values():
                seconds = self._retention.seconds(standing.name)
                if isfinite(seconds):
                    floor = self._holdings.older(standing, seconds)
                    if floor > standing.moment.floor:
                        self._evict(standing, floor)

    # For the satellite around it

    @property
    def remembered(self) -> Remembered:
        """What of recent spans is remembered, to know those that are sent again."""
        return self._remembered

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


def _unheard_of(project: str) -> Standing:
    return Standing(project, Moment(number_of(project), 0, 0, replaced=False), 0, {}, -1)
