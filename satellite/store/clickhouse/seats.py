"""A satellite's seat in a pool: a number below SEATS that nobody else has while it is held.

Marks of a satellite leave its seat as their remainder, so that two never give the same. A seat is held by saying so
every few seconds; one that was not heard of for LEASE_SECONDS, by ClickHouse's clock, is free. Whoever takes it deletes
what its holder before inserted and did not commit.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from contextlib import suppress

from satellite.errors import Overloaded, SatelliteError
from satellite.store.clickhouse.connection import Connection
from satellite.store.clickhouse.literal import text
from satellite.store.clickhouse.predicates import SEATS

LEASE_SECONDS = 60
"""Longer than any statement that writes may take (ours)."""

BEAT_SECONDS = 5
"""How often a holder says so (ours)."""

SETTLE_SECONDS = 0.3
"""Until the claims of others are there that were made at the same time (ours)."""

_TRIES = 5

_HOLDERS = (
    "SELECT seat, holder, min(taken) AS first,"
    f" max(left) = 0 AND max(seen) > now64(3) - toIntervalSecond({LEASE_SECONDS}) AS held FROM seats"
)


class Seat:
    """The seat of one satellite; used by its writing thread alone."""

    def __init__(self, connection: Connection, name: str, clock_seconds: Callable[[], float]) -> None:
        """Take one.

        Raises:
            Overloaded: all are taken.
            SatelliteError: ClickHouse does not take it.
        """
        self._connection, self._name, self._clock_seconds = connection, name, clock_seconds
        self.take()

    def take(self) -> None:
        """Take a seat, another one than that held before: rows under that may still be on their way."""
        self._holder = secrets.randbits(63)
        for _ in range(_TRIES):
            begun = self._clock_seconds()
            number, used = self._free()
            self._say(number)
            threading.Event().wait(SETTLE_SECONDS)
            if self.holders().get(number) == self._holder:
                self.number, self._heard = number, begun
                if used:
                    self._tidy()
                return
        raise Overloaded(
            "no seat in the pool: too many satellites take one at the same time", hint="try again later"
        )

    def _free(self) -> tuple[int, bool]:
        """The lowest free one, and whether somebody had it before."""
        found = self._connection.ask(
            f"SELECT seat, max(held) AS taken FROM ({_HOLDERS} GROUP BY seat, holder) GROUP BY seat"
        )
        known = {row["seat"]: bool(row["taken"]) for row in found.to_pylist()}
        for number in range(1, SEATS):
            if not known.get(number, False):
                return number, number in known
        raise Overloaded(
            f"all {SEATS - 1} seats of the pool are taken",
            hint="one is free a minute after its satellite ended",
        )

    def holders(self) -> dict[int, int]:
        """Of each seat that is held now who took it first: the number that it made up."""
        found = self._connection.ask(
            f"SELECT seat, argMin(holder, (first, holder)) AS holder FROM ({_HOLDERS} GROUP BY seat, holder) WHERE held GROUP BY seat"
        )
        return {row["seat"]: row["holder"] for row in found.to_pylist()}

    def _tidy(self) -> None:
        """Delete what was inserted under this number and never committed.

        In a cluster without looking whether there is any: a replica that is behind shows it later, and then the deletion finds it.
        """
        tables = self._connection.tables
        found = self._connection.ask(
            f"SELECT project, max(mark) AS mark FROM commits WHERE seat = {self.number} GROUP BY project"
        )
        projects = ", ".join(f"toUInt64({project})" for project in found["project"].to_pylist())
        marks = ", ".join(f"toInt64({mark})" for mark in found["mark"].to_pylist())
        committed = f"transform(project, [{projects}], [{marks}], toInt64(0))" if projects else "0"
        for table, mark in (("spans", "mark"), ("gone", "by_mark")):
            left = f"{mark} % {SEATS} = {self.number} AND {mark} > {committed}"
            counted = self._connection.ask(f"SELECT count() AS rows FROM {table} WHERE {left}")
            if tables.cluster or counted["rows"][0].as_py():
                self._connection.run(tables.deletion(table, left))

    def _say(self, number: int, *, left: bool = False) -> None:
        self._connection.run(
            f"INSERT INTO seats (seat, holder, name, left) VALUES ({number}, {self._holder}, {text(self._name)}, {int(left)})"
        )

    def keep(self) -> bool:
        """Say that it is held, when it is time to; take another one when that was not possible for too long.

        Whether it is another one now. Raises StoreFailed.
        """
        now = self._clock_seconds()
        if now - self._heard <= BEAT_SECONDS:
            return False
        if now - self._heard > LEASE_SECONDS / 2 or self.holders().get(self.number) != self._holder:
            self.take()
            return True
        self._say(self.number)
        self._heard = now
        return False

    def leave(self) -> None:
        """Give it up."""
        with suppress(SatelliteError):  # it is free a minute later
            self._say(self.number, left=True)
