"""What the commits say: how far each satellite got with a project, its ledger, and what of it counts no more."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from satellite.store import Ledger
from satellite.store.clickhouse.connection import Connection
from satellite.store.clickhouse.literal import text
from satellite.store.clickhouse.predicates import Moment


def number_of(project: str) -> int:
    """What stands for a project's name in the tables; the same for all satellites, so that two may begin one together."""
    return int.from_bytes(hashlib.blake2b(project.encode("utf-8", "surrogatepass"), digest_size=8).digest())


@dataclass(frozen=True, slots=True)
class Standing:
    """One project as the commits have it."""

    name: str
    moment: Moment
    received: int
    dropped: Mapping[str, int]
    forgotten: int
    """The mark with which it was dropped; -1: never."""

    @property
    def exists(self) -> bool:
        """Whether something came since it was dropped."""
        return self.moment.mark > self.forgotten or self.received > 0

    def ledger(self, stored: int) -> Ledger:
        """The ledger while so many spans are held."""
        dropped = {reason: count for reason, count in self.dropped.items() if count}
        evicted = self.received - stored - sum(dropped.values())
        return Ledger(self.received, stored, dropped, evicted, dropped.get("duplicate", 0))


def standings(
    connection: Connection, names: Collection[str] | None = None, *, pooled: bool
) -> list[Standing]:
    """How these projects stand (None: all), by name; those that nobody ever heard of and that are gone are left out."""
    if names is not None and not names:
        return []
    which = "" if names is None else f" WHERE project IN ({', '.join(str(number_of(one)) for one in names)})"
    found = connection.ask(
        "SELECT project, anyLast(name) AS name, groupArray((seat, mark)) AS seen, max(mark) AS newest, sum(received) AS received,"
        " sumMap(dropped) AS dropped, sum(replaced) AS replaced, max(floor) AS floor, max(forgotten) AS forgotten FROM"
        " (SELECT project, seat, anyLast(name) AS name, max(mark) AS mark, sum(received) AS received, sumMap(dropped) AS dropped,"
        f" sum(replaced) AS replaced, max(floor) AS floor, max(forgotten) AS forgotten FROM commits{which} GROUP BY project, seat)"
        " GROUP BY project ORDER BY name"
    )
    return [_standing(row, pooled=pooled) for row in found.to_pylist()]


def _standing(row: dict[str, Any], *, pooled: bool) -> Standing:
    seen = tuple(sorted(tuple(one.values()) for one in row["seen"])) if pooled else ()
    moment = Moment(row["project"], row["newest"], row["floor"], row["replaced"] > 0, seen)
    reasons, counts = row["dropped"].values()
    dropped = {reason.decode(): count for reason, count in zip(reasons, counts, strict=True)}
    return Standing(row["name"].decode(), moment, row["received"], dropped, row["forgotten"] - 1)


def newest(connection: Connection, names: Sequence[str]) -> dict[str, int]:
    """The newest mark of each of these projects that has any."""
    if not names:
        return {}
    by_number = {number_of(one): one for one in names}
    found = connection.ask(
        f"SELECT project, max(mark) AS mark FROM commits WHERE project IN ({', '.join(map(str, by_number))}) GROUP BY project"
    )
    return {by_number[row["project"]]: row["mark"] for row in found.to_pylist()}


def commit(connection: Connection, *rows: str) -> None:
    """Rows that make what they say count, all at once. Raises StoreFailed."""
    token = f"insert_deduplication_token = '{connection.token()}'"  # two commits may say the same
    connection.run(f"INSERT INTO commits SETTINGS {token} VALUES {', '.join(rows)}")


def row(
    number: int,
    seat: int,
    name: str,
    mark: int,
    *,
    received: int = 0,
    dropped: Mapping[str, int] | None = None,
    replaced: int = 0,
    floor: int = 0,
    forgotten: int = -1,
) -> str:
    """One for `commit`, as VALUES has it."""
    given = dropped or {}
    reasons = ", ".join(map(text, given))
    counts = ", ".join(f"toInt64({count})" for count in given.values())
    maps = f"(CAST([{reasons}], 'Array(String)'), CAST([{counts}], 'Array(Int64)'))"
    return (
        f"({number}, {seat}, {text(name)}, {mark}, {received}, {maps}, {replaced}, {floor}, {forgotten + 1})"
    )
