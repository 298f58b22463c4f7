"""The engine over ClickHouse: spans in its tables, questions answered there, one thread that writes.

Whoever writes waits for the insert that has his spans. What comes meanwhile waits together and shares the next one, so
that inserts are large when reports are many and nobody waits for a clock. An insert has three steps: spans, the marks
of those that others took the place of, and a row of `commits`. Only that row makes the spans up to its mark count;
spans beyond it were never acknowledged: their insert failed, or its satellite died. Whoever comes next deletes them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from satellite.errors import Overloaded, SatelliteError, StoreFailed
from satellite.model.spans import SpanBatch
from satellite.store import ProjectStats, ServiceWindow, Written
from satellite.store.clickhouse import schema
from satellite.store.clickhouse.connection import Connection
from satellite.store.clickhouse.literal import text
from satellite.store.clickhouse.predicates import Moment
from satellite.store.clickhouse.project import Project
from satellite.store.clickhouse.questions import ClickHouseQuestions
from satellite.store.durable.files import Damage

DATABASE = "satellite"

TABLES = ("spans", "gone", "commits")

SHARED_SPANS = 100_000
"""Spans that share one insert at most (ours)."""

WAITING_BYTES = 256 * 2**20
"""Of batches that wait for their insert; beyond it senders are told to try later (ours)."""

MOST_PROJECTS = 10_000
"""As of the engine in memory."""

SERVICES_SHOWN = 50
"""In what is said of a project at a glance (ours)."""

BUDGET_INSERTS = 64
"""After so many inserts the budgets are looked at (ours)."""

PROBE_SECONDS = 1.0
"""How often a ClickHouse that failed is tried again (ours)."""


@dataclass(frozen=True, slots=True)
class _Arrival:
    project: str
    batch: SpanBatch
    arrived_ns: int
    dropped: Mapping[str, int]
    done: Future[Written]


@dataclass(frozen=True, slots=True)
class _Errand:
    """Something else that only the writing thread may do."""

    run: Callable[[], Any]
    done: Future[Any]


class ClickHouseStore(ClickHouseQuestions):
    """Implements Store; see the module."""

    def __init__(
        self,
        folder: Path,
        *,
        database: str = DATABASE,
        disk_bytes_per_project: int = 2**63,
        disk_overrides: Mapping[str, int] | None = None,
        disk_bytes_in_total: int = 2**63,
        duplicate_window_seconds: float = 120,
    ) -> None:
        """The store with what is in the tables.

        Args:
            folder: of its own; no other process may have it.
            database: in it.
            disk_bytes_per_project: beyond it a project's oldest spans go; counted as its share of the table, by spans.
            disk_overrides: other budgets for some projects.
            disk_bytes_in_total: beyond it the oldest spans of the largest project go.
            duplicate_window_seconds: how long after its arrival a span is recognised when it is sent again; 0: never.

        Raises:
            BadDataDirectory: it cannot be opened, or a newer satellite wrote it.
        """
        self._budget, self._budgets = disk_bytes_per_project, dict(disk_overrides or {})
        self._whole_budget = disk_bytes_in_total
        self._window_ns = int(duplicate_window_seconds * 1e9)
        self._folder = folder
        self._damage: list[Damage] = []
        self.connection = Connection(folder, database)
        try:
            schema.bring_up(self.connection)
            self._projects = self._recovered()
        except BaseException:
            self.connection.close()
            raise
        self._stale = False
        self._waiting: list[_Arrival | _Errand] = []
        self._waiting_bytes = 0
        self._inserts = 0
        self._problem = ""
        self._closed = False
        self._wake = threading.Condition()
        self._writer = threading.Thread(target=self._write_forever, name="clickhouse-write", daemon=True)
        self._writer.start()

    # What is there

    def _recovered(self) -> dict[str, Project]:
        """The projects as the tables have them; what nobody committed is deleted."""
        self._last_number = 0
        found = self.connection.ask(
            "SELECT project, anyLast(name) AS name, max(mark) AS mark, sum(received) AS received,"
            " sumMap(dropped) AS dropped, max(floor) AS floor, max(forgotten) AS forgotten"
            " FROM commits GROUP BY project ORDER BY project"
        )
        projects: dict[str, Project] = {}
        for row in found.to_pylist():
            self._last_number = row["project"]
            if not row["forgotten"]:
                home = self._load(row)
                projects[home.name] = home
        known = ", ".join(str(home.number) for home in projects.values()) or "0"
        orphans = " OR ".join(
            [f"project NOT IN ({known})"]
            + [f"(project = {one.number} AND mark > {one.mark})" for one in projects.values()]
        )
        for table in ("spans", "gone"):
            place = orphans if table == "spans" else orphans.replace("mark >", "by_mark >")
            if self._count_of(table, place):
                self.connection.run(f"DELETE FROM {table} WHERE {place}")
        for home in projects.values():
            home.stored = self._count_of("spans", home.moment.condition)
            home.remember_held()
        return projects

    def _load(self, row: dict[str, Any]) -> Project:
        number, mark = row["project"], row["mark"]
        replaced = self._count_of("gone", f"project = {number} AND by_mark <= {mark}") > 0
        moment = Moment(number, mark, row["floor"], replaced)
        home = Project(number, row["name"].decode(), self._window_ns, self.connection, moment)
        home.mark, home.received = mark, row["received"]
        reasons, counts = row["dropped"].values()
        home.dropped = {reason.decode(): count for reason, count in zip(reasons, counts, strict=True)}
        return home

    def _count_of(self, table: str, condition: str) -> int:
        found = self.connection.ask(f"SELECT count() AS rows FROM {table} WHERE {condition}")
        return int(found["rows"][0].as_py())

    def moment(self, project: str) -> Moment | None:
        """See ClickHouseQuestions."""
        home = self._projects.get(project)
        return home.moment if home is not None else None

    def mark(self, project: str) -> int:
        """See Store."""
        home = self._projects.get(project)
        return home.moment.mark if home is not None else 0

    def projects(self) -> list[ProjectStats]:
        """See Store."""
        homes = sorted(self._projects.items())
        if not homes:
            return []
        each = self._bytes_each()
        services: dict[int, list[ServiceWindow]] = {}
        windows: dict[int, int] = {}
        for row in self._said_of_services():
            windows[row["number"]] = max(0, row["newest"] - row["first"]) // 1000
            since_us = max(0, row["newest"] - row["oldest"]) // 1000
            shown = ServiceWindow(row["service"].decode("utf-8", "replace"), row["spans"], since_us)
            services.setdefault(row["number"], []).append(shown)
        return [
            ProjectStats(
                name,
                home.stored,
                int(home.stored * each),
                windows.get(home.number, 0),
                home.moment.mark,
                home.ledger(),
                int(home.stored * each),
                services.get(home.number, []),
            )
            for name, home in homes
        ]

    def _said_of_services(self) -> list[dict[str, Any]]:
        replaced = any(home.moment.replaced for home in self._projects.values())
        seen = "(project, mark) NOT IN (SELECT project, mark FROM gone)" if replaced else "1"
        found: list[dict[str, Any]] = self.connection.ask(
            "SELECT project AS number, service, count() AS spans,"
            " if(countIf(status != 2) > 0, argMinIf(arrived_ns, mark, status != 2), argMin(arrived_ns, mark)) AS oldest,"
            " min(mark) AS first_mark, max(mark) AS last_mark, argMin(arrived_ns, mark) AS first_ns,"
            " argMax(arrived_ns, mark) AS last_ns,"
            " argMin(first_ns, first_mark) OVER (PARTITION BY project) AS first,"
            " argMax(last_ns, last_mark) OVER (PARTITION BY project) AS newest"
            f" FROM spans WHERE {seen} GROUP BY project, service"
            f" ORDER BY project, spans DESC, service LIMIT {SERVICES_SHOWN} BY project"
        ).to_pylist()
        return found

    def _bytes_each(self) -> float:
        """Bytes on disk of one span, on average."""
        found = self.connection.ask(
            "SELECT sum(bytes_on_disk) / greatest(sum(rows), 1) AS each FROM system.parts"
            " WHERE active AND database = currentDatabase() AND table = 'spans'"
        )
        return float(found["each"][0].as_py() or 0)

    # Writing

    def write(
        self, project: str, batch: SpanBatch, *, arrived_ns: int, dropped: Mapping[str, int] | None = None
    ) -> Written:
        """Keep a batch, see Store."""
        arrival = _Arrival(project, batch, arrived_ns, dropped or {}, Future())
        with self._wake:
            if self._waiting_bytes > WAITING_BYTES:
                raise Overloaded("too much waits for ClickHouse already", hint="send again later")
            self._waiting_bytes += batch.nbytes
            self._enqueue(arrival)
        return arrival.done.result()

    def _errand(self, run: Callable[[], Any]) -> Any:
        errand = _Errand(run, Future())
        with self._wake:
            self._enqueue(errand)
        return errand.done.result()

    def _enqueue(self, one: _Arrival | _Errand) -> None:
        if self._closed:
            raise StoreFailed("the store is closed")
        self._waiting.append(one)
        self._wake.notify_all()

    def _write_forever(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(
                    lambda: self._waiting or self._closed, PROBE_SECONDS if self._problem else None
                )
                if self._closed and not self._waiting:
                    return
                taken = self._take()
            if not taken:
                self._probe()
                continue
            match taken[0]:
                case _Errand() as errand:
                    _settle(errand.done, errand.run)
                case _:
                    self._insert([one for one in taken if isinstance(one, _Arrival)])

    def _take(self) -> list[_Arrival | _Errand]:
        """One errand, or the arrivals before the next one."""
        taken: list[_Arrival | _Errand] = []
        spans = 0
        while self._waiting and spans < SHARED_SPANS:
            first = self._waiting[0]
            if isinstance(first, _Errand):
                if not taken:
                    taken.append(self._waiting.pop(0))
                break
            spans += len(first.batch)
            self._waiting_bytes -= first.batch.nbytes
            taken.append(self._waiting.pop(0))
        return taken

    def _insert(self, arrivals: Sequence[_Arrival]) -> None:
        """Decide and keep what some senders wait for."""
        touched: dict[str, Project] = {}
        answers: list[tuple[_Arrival, Written | BaseException]] = []
        try:
            if self._stale:
                self._projects, self._stale = self._recovered(), False
            for one in arrivals:
                try:
                    home = touched.setdefault(one.project, self._home(one.project, touched))
                except Overloaded as refusal:
                    answers.append((one, refusal))
                    continue
                answers.append((one, home.take(one.batch, one.arrived_ns, one.dropped)))
            self._flush([*touched.values()])
        except BaseException as error:  # noqa: BLE001 - whoever waits is told
            self._stale = True
            self._problem = error.message if isinstance(error, SatelliteError) else "ClickHouse failed"
            answers = [(one, error) for one in arrivals]
        else:
            self._problem = ""
            for home in touched.values():
                home.flushed()
                self._projects[home.name] = home
            self._inserts += 1
            if self._inserts % BUDGET_INSERTS == 0:
                with suppress(SatelliteError):  # looked at again after the next inserts
                    self._keep_budgets()
        for one, answer in answers:
            if isinstance(answer, Written):
                one.done.set_result(answer)
            else:
                one.done.set_exception(answer)

    def _home(self, project: str, touched: Mapping[str, Project]) -> Project:
        home = touched.get(project) or self._projects.get(project)
        if home is None:
            if len(self._projects) >= MOST_PROJECTS:
                raise Overloaded(
                    f"there are {MOST_PROJECTS} projects already, and this access token would make another",
                    hint="drop some with DELETE /api/v1/projects/{project}, or list the access tokens in settings",
                )
            self._last_number += 1
            moment = Moment(self._last_number, 0, 0, replaced=False)
            home = Project(self._last_number, project, self._window_ns, self.connection, moment)
        return home

    def _flush(self, homes: Sequence[Project]) -> None:
        """Spans, what they replace, then the row that makes them count."""
        rows = [rows for home in homes if (rows := home.pending_rows()) is not None]
        if rows:
            self.connection.insert("spans", pa.concat_tables(rows).combine_chunks())
        gone = [(home.number, *one) for home in homes for one in home.pending.gone]
        if gone:
            columns = [pa.array(column, pa.int64()) for column in zip(*gone, strict=True)]
            table = pa.table(dict(zip(("project", "mark", "by_mark"), columns, strict=True)))
            self.connection.insert("gone", table)
        commits = ", ".join(
            _commit(home, home.mark, home.pending.received, home.pending.dropped) for home in homes
        )
        self._commit(commits)

    def _commit(self, rows: str) -> None:
        self.connection.run(f"INSERT INTO commits VALUES {rows}")

    def _probe(self) -> None:
        """Whether ClickHouse takes something again: a row that says nothing."""
        with suppress(SatelliteError):
            self._projects, self._stale = self._recovered(), False
            self._commit(_commit_row(0, "", 0, 0, {}, 0, forgotten=1))
            self._problem = ""

    # Letting go

    def reset(self, project: str) -> int:
        """See Store."""
        removed: int = self._errand(partial(self._reset, project))
        return removed

    def _reset(self, project: str) -> int:
        home = self._projects.get(project)
        if home is None:
            return 0
        before = home.stored
        self._evict(home, home.mark)
        return before

    def _evict(self, home: Project, floor: int) -> None:
        self._commit(_commit_row(home.number, home.name, home.mark, 0, {}, floor, forgotten=0))
        home.evicted_up_to(floor, 0 if floor >= home.mark else home.stored)
        if floor < home.mark:
            home.stored = self._count_of("spans", home.moment.condition)
        self._delete(f"project = {home.number} AND mark <= {floor}", wait=True)

    def _delete(self, condition: str, *, wait: bool) -> None:
        for table in ("spans", "gone"):
            self.connection.run(
                f"DELETE FROM {table} WHERE {condition} SETTINGS lightweight_deletes_sync = {int(wait)}"
            )

    def drop(self, project: str) -> bool:
        """See Store."""
        dropped: bool = self._errand(partial(self._drop, project))
        return dropped

    def _drop(self, project: str) -> bool:
        home = self._projects.get(project)
        if home is None:
            return False
        self._commit(_commit_row(home.number, home.name, home.mark, 0, {}, home.mark, forgotten=1))
        del self._projects[project]
        self._delete(f"project = {home.number}", wait=False)  # nothing looks for its number any more
        return True

    def _keep_budgets(self) -> None:
        """The oldest spans go where there are more than the budgets hold."""
        each = self._bytes_each()
        homes = sorted(self._projects.values(), key=lambda home: home.stored, reverse=True)
        over = sum(home.stored for home in homes) * each - self._whole_budget
        for home in homes:
            size = home.stored * each
            budget = min(self._budgets.get(home.name, self._budget), size - max(over, 0))
            if size > budget:
                over -= size - budget
                self._evict_oldest(home, home.stored - int(max(budget, 0) * ROOM / each))

    def _evict_oldest(self, home: Project, spans: int) -> None:
        spans = min(spans, home.stored)
        found = self.connection.ask(
            f"SELECT mark FROM spans WHERE {home.moment.condition} ORDER BY mark LIMIT 1 OFFSET {spans - 1}"
        )
        if found.num_rows:
            self._evict(home, found["mark"][0].as_py())

    # For the satellite around it

    @property
    def problem(self) -> str:
        """Why nothing can be kept now; "" when it can."""
        return self._problem

    @property
    def damage(self) -> Sequence[Damage]:
        """What `check` found."""
        return self._damage

    def check(self) -> None:
        """Have ClickHouse look at every byte of every table; `damage` then says what it found."""
        for table in TABLES:
            for row in self.connection.ask(
                f"CHECK TABLE {table} SETTINGS check_query_single_value_result = 0"
            ).to_pylist():
                part, passed, message = row.values()
                if not passed:
                    what = f"part {part.decode()} of the table {table}"
                    self._damage.append(Damage(self._folder, what, message.decode()))

    def compact(self) -> None:
        """Everything into few large parts, without what was deleted."""
        for table in TABLES:
            self.connection.run(f"OPTIMIZE TABLE {table} FINAL")

    def release(self) -> None:
        """Have ClickHouse let go of what it read."""
        with suppress(SatelliteError):
            self.connection.run("SYSTEM DROP MARK CACHE")
            self.connection.run("SYSTEM DROP UNCOMPRESSED CACHE")

    def shrink(self, size_bytes: int) -> None:
        """Spans are not in memory, so there is no more than that."""
        del size_bytes
        self.release()

    def close(self) -> None:
        """See Store."""
        with self._wake:
            self._closed = True
            self._wake.notify_all()
        self._writer.join()
        self.connection.close()


ROOM = 0.95
"""What is left of a budget that was exceeded, so that it is not exceeded again at once (ours)."""


def _commit(home: Project, mark: int, received: int, dropped: Mapping[str, int]) -> str:
    return _commit_row(home.number, home.name, mark, received, dropped, 0, forgotten=0)


def _commit_row(
    number: int,
    name: str,
    mark: int,
    received: int,
    dropped: Mapping[str, int],
    floor: int,
    *,
    forgotten: int,
) -> str:
    reasons = ", ".join(map(text, dropped))
    counts = ", ".join(f"toUInt64({count})" for count in dropped.values())
    maps = f"(CAST([{reasons}], 'Array(String)'), CAST([{counts}], 'Array(UInt64)'))"
    return f"({number}, {text(name)}, {mark}, {received}, {maps}, {floor}, {forgotten})"


def _settle(done: Future[Any], run: Callable[[], Any]) -> None:
    try:
        done.set_result(run())
    except BaseException as error:  # noqa: BLE001 - whoever waits is told
        done.set_exception(error)
