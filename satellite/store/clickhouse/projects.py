"""The projects in the tables, as one satellite knows them: how each stands, and what it decides by.

A satellite with a folder of chDB is alone: it reads how all projects stand once. In a pool the commits are asked each time; a
`Project` is made when something first comes for it or it is looked at for twins, and forgotten with the seat whose marks it gave.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import pyarrow as pa

from satellite.errors import Overloaded
from satellite.store.clickhouse.commits import Standing, commit, number_of, standings
from satellite.store.clickhouse.connection import Connection
from satellite.store.clickhouse.holdings import Holdings
from satellite.store.clickhouse.predicates import Moment
from satellite.store.clickhouse.project import Project
from satellite.store.clickhouse.seats import Seat
from satellite.store.recall.recent import Remembered

MOST_PROJECTS = 10_000
"""As of the engine in memory."""

LOOK_SECONDS = 0.1
"""After an insert into a pool it is looked what others took at the same moment, and at the start at one project after another (ours)."""


class Projects:
    """Any thread may ask for `standings`, `moment` and what is held; all else is for the thread that writes."""

    def __init__(
        self,
        connection: Connection,
        seat: Seat | None,
        window_ns: int,
        clock_seconds: Callable[[], float],
    ) -> None:
        """What the tables have.

        Args:
            connection: to tables that are brought up to date.
            seat: of this satellite in a pool; None: it is alone, and what nobody committed is deleted.
            window_ns: how long after its arrival a span is recognised when it is sent again; 0: never.
            clock_seconds: monotonic.
        """
        self.connection, self.seat = connection, seat
        self.remembered = Remembered()
        self.holdings = Holdings(connection)
        self._window_ns, self._clock_seconds = window_ns, clock_seconds
        self.known: dict[str, Project] = {}
        """By name; of a pool's only those that this satellite wrote to or looked at for twins."""
        self._unsettled: dict[str, float] = {}
        """When to look whether others took the same, by name."""
        if seat is None:
            self._read()
        else:
            self._begin()

    @property
    def seat_number(self) -> int:
        """0: of a satellite that is alone."""
        return self.seat.number if self.seat is not None else 0

    # How they stand

    def standings(self, names: Collection[str] | None = None) -> dict[str, Standing]:
        """How these projects (None: all) stand now, by name; those that were dropped are left out."""
        if self.seat is not None:
            found = standings(self.connection, names, pooled=True)
        else:
            wanted = [*self.known] if names is None else names
            found = [home.standing for name in wanted if (home := self.known.get(name)) is not None]
        return {one.name: one for one in sorted(found, key=lambda one: one.name) if one.exists}

    def moment(self, name: str) -> Moment | None:
        """What can be seen of a project now; None: there is none."""
        found = self.standings([name]).get(name)
        return found.moment if found is not None else None

    def held(self) -> list[tuple[Standing, int]]:
        """Each project, and how many spans it has."""
        return [(one, self.stored(one)) for one in self.standings().values()]

    def stored(self, standing: Standing) -> int:
        """How many spans a project has that stands so."""
        home = self.known.get(standing.name)
        if self.seat is None and home is not None and home.standing is standing:
            return home.stored
        return self.holdings.spans(standing)

    # What this satellite decides by

    def take_stock(self) -> None:
        """Begin anew with what the tables have, after something failed: with another seat, or without what was not committed."""
        if self.seat is not None:
            self.seat.take()
            self._begin()
        else:
            self._read()

    def keep_seat(self) -> None:
        """Say that we are there; with another seat nothing is known of any project."""
        if self.seat is not None and self.seat.keep():
            self._begin()

    def _begin(self) -> None:
        """With a new seat. What several satellites wrote to is looked at, one project after another: nobody else may know of twins there."""
        self.known = {}
        if self._window_ns:
            now = self._clock_seconds()
            shared = [one.name for one in self.standings().values() if len(one.moment.seen) > 1]
            for place, name in enumerate(shared, 1):
                self._unsettled.setdefault(name, now + LOOK_SECONDS * place)

    def _read(self) -> None:
        self.known = {one.name: self._home(one) for one in standings(self.connection, pooled=False)}
        homes = self.known.values()
        numbers = ", ".join(str(home.moment.project) for home in homes) or "0"
        orphans = " OR ".join(
            [f"project NOT IN ({numbers})"]
            + [f"(project = {one.moment.project} AND mark > {one.moment.mark})" for one in homes]
        )
        for table in ("spans", "gone"):
            place = orphans if table == "spans" else orphans.replace("mark >", "by_mark >")
            if self.holdings.count(table, place):
                self.connection.run(self.connection.tables.deletion(table, place))
        for home in homes:
            home.stored = self.holdings.count("spans", home.moment.condition)
            home.learn(home.standing)

    def _home(self, standing: Standing) -> Project:
        return Project(
            standing,
            self.seat_number,
            self._window_ns,
            self.connection,
            self.remembered,
            self._clock_seconds,
        )

    def looked_at(self, names: Collection[str], now_ns: int | None = None) -> dict[str, Project]:
        """These projects, with all that other satellites did until now; one that is new is known only when it was written."""
        found = (
            {one.name: one for one in standings(self.connection, names, pooled=True)}
            if self.seat is not None
            else {}
        )
        homes = {}
        for name in names:
            home = self.known.get(name)
            standing = found.get(name) or (home.standing if home else unheard_of(name))
            homes[name] = home = home or self._home(standing)
            if self.seat is not None:
                home.learn(standing, now_ns)
        return homes

    def admit(self, name: str, others: Mapping[str, Project]) -> None:
        """Whether there may be this project, beside those that are known and others. Raises Overloaded."""
        if name in self.known or name in others:
            return
        if len(self.known.keys() | others.keys()) >= MOST_PROJECTS:
            raise Overloaded(
                f"there are {MOST_PROJECTS} projects already, and this access token would make another",
                hint="drop some with DELETE /api/v1/projects/{project}, or list the access tokens in settings",
            )

    # What changes them

    def write(self, homes: Sequence[Project]) -> None:
        """What was decided goes into the tables: spans, the marks of those they replace, then the rows that make both count."""
        rows = [rows for home in homes if (rows := home.pending_rows()) is not None]
        if rows:
            self.connection.insert("spans", pa.concat_tables(rows).combine_chunks())
        gone = [(home.moment.project, *one) for home in homes for one in home.pending.gone]
        if gone:
            types = {"project": pa.uint64(), "mark": pa.int64(), "by_mark": pa.int64()}
            columns = map(pa.array, zip(*gone, strict=True), types.values())
            self.connection.insert("gone", pa.table(dict(zip(types, columns, strict=True))))
        commit(self.connection, *(home.commit_row() for home in homes))
        for home in homes:
            home.flushed()
            self.known[home.name] = home
            if self.seat is not None and self._window_ns:
                self._unsettled[home.name] = self._clock_seconds() + LOOK_SECONDS

    @property
    def settle_due(self) -> float | None:
        """By the clock, when to call `settle`; None: not before the next `write`."""
        return min(self._unsettled.values(), default=None)

    def settle(self) -> None:
        """Look, where it is time to, what other satellites took that this one took, too: of such twins one goes."""
        now = self._clock_seconds()
        due = [name for name, at in self._unsettled.items() if at <= now]
        if not due:
            return
        homes = self.looked_at(due)
        if changed := [home for home in homes.values() if home.pending.gone]:
            self.write(changed)
        for name, home in homes.items():
            self.known[name] = home
            del self._unsettled[name]
            if home.twins:
                self._unsettled[name] = home.twins[0][0]

    def evicted(self, name: str, floor: int) -> None:
        """A project's spans up to this mark count no more."""
        home = self.known.get(name)
        if home is not None:
            home.evicted_up_to(floor)
            if self.seat is None and floor < home.mark:
                home.stored = self.holdings.count("spans", home.moment.condition)

    def dropped(self, name: str) -> None:
        """A project was dropped."""
        self.known.pop(name, None)
        if self.seat is None:
            (after,) = standings(self.connection, [name], pooled=False)
            self.known[name] = self._home(after)


def unheard_of(name: str) -> Standing:
    """How a project stands of which nothing is in the tables."""
    return Standing(name, Moment(number_of(name), 0, 0, replaced=False), 0, {}, -1)
