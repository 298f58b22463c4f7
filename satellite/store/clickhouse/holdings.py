"""What the tables hold of each project, at a glance: how many spans, of which services, how large, how old."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from satellite.store import ProjectStats, ServiceWindow
from satellite.store.clickhouse.commits import Standing
from satellite.store.clickhouse.connection import Connection

SERVICES_SHOWN = 50
"""Of a project (ours)."""

_AGE = "((toUnixTimestamp64Nano(now64(9)) - arrived_ns) / 1e9)"
"""Seconds since a span arrived, by ClickHouse's clock."""


class Holdings:
    """Asked by any thread."""

    def __init__(self, connection: Connection) -> None:
        """Over the tables of a connection."""
        self._connection = connection
        self._counted: dict[str, tuple[Standing, int]] = {}
        """How many spans a project had when it stood so."""

    def spans(self, standing: Standing) -> int:
        """How many a project has; counted again when something changed."""
        known = self._counted.get(standing.name)
        if known is None or known[0] != standing:
            known = (standing, self.count("spans", standing.moment.condition))
            self._counted[standing.name] = known
        return known[1]

    def count(self, table: str, condition: str) -> int:
        """The rows of a condition."""
        found = self._connection.ask(f"SELECT count() AS rows FROM {table} WHERE {condition}")
        return int(found["rows"][0].as_py())

    def span_bytes(self) -> float:
        """Bytes on disk of one span, on average."""
        found = self._connection.ask(
            f"SELECT sum(bytes_on_disk) / greatest(sum(rows), 1) AS each FROM {self._connection.tables.parts}"
        )
        return float(found["each"][0].as_py() or 0)

    def stats(self, held: Sequence[tuple[Standing, int]]) -> list[ProjectStats]:
        """What is said of these projects; beside each how many spans it has."""
        if not held:
            return []
        span_bytes = self.span_bytes()
        services: dict[int, list[ServiceWindow]] = {}
        windows_us: dict[int, int] = {}
        firsts_us: dict[int, int] = {}
        for row in self._services(held):
            number = row["project"]
            windows_us[number] = max(0, row["newest"] - row["first"]) // 1000
            firsts_us[number] = row["first"] // 1000
            since_us = max(0, row["newest"] - row["oldest"]) // 1000
            shown = ServiceWindow(row["service"].decode("utf-8", "replace"), row["spans"], since_us)
            services.setdefault(number, []).append(shown)
        return [
            ProjectStats(
                project=standing.name,
                spans=spans,
                bytes=int(spans * span_bytes),
                recall_window_us=windows_us.get(standing.moment.project, 0),
                mark=standing.moment.mark,
                ledger=standing.ledger(spans),
                disk_bytes=int(spans * span_bytes),
                services=services.get(standing.moment.project, []),
                oldest_arrived_us=firsts_us.get(standing.moment.project),
            )
            for standing, spans in held
        ]

    def _services(self, held: Sequence[tuple[Standing, int]]) -> list[dict[str, Any]]:
        moments = [standing.moment for standing, _ in held]
        replaced = any(moment.replaced for moment in moments)
        seen = "(project, mark) GLOBAL NOT IN (SELECT project, mark FROM gone)" if replaced else "1"
        projects = ", ".join(f"toUInt64({moment.project})" for moment in moments)
        floors = ", ".join(f"toInt64({moment.floor})" for moment in moments)
        rows: list[dict[str, Any]] = self._connection.ask(
            "SELECT project, service, count() AS spans,"
            " if(countIf(status != 2) > 0, argMinIf(arrived_ns, mark, status != 2), argMin(arrived_ns, mark)) AS oldest,"
            " min(mark) AS first_mark, max(mark) AS last_mark, argMin(arrived_ns, mark) AS first_ns,"
            " argMax(arrived_ns, mark) AS last_ns,"
            " argMin(first_ns, first_mark) OVER (PARTITION BY project) AS first,"
            " argMax(last_ns, last_mark) OVER (PARTITION BY project) AS newest"
            f" FROM spans WHERE {seen} AND mark > transform(project, [{projects}], [{floors}], toInt64({2**63 - 1}))"
            f" GROUP BY project, service ORDER BY project, spans DESC, service LIMIT {SERVICES_SHOWN} BY project"
        ).to_pylist()
        return rows

    def oldest(self, standing: Standing, spans: int) -> int:
        """The mark up to which a project has so many spans."""
        return self._first(standing, "1", spans - 1)[0]

    def older(self, standing: Standing, seconds: float) -> int:
        """The mark up to which a project's spans arrived longer ago, by ClickHouse's clock; its floor when none did."""
        if self._first(standing)[1] <= seconds:
            return standing.moment.floor
        return self._first(standing, f"{_AGE} <= {seconds}")[0] - 1

    def _first(self, standing: Standing, which: str = "1", place: int = 0) -> tuple[int, float]:
        """Mark and age in seconds of a span in the order of marks; beyond the last when there is none."""
        moment = standing.moment
        found = self._connection.ask(
            f"SELECT mark, {_AGE} AS age FROM spans WHERE {moment.condition} AND {which} ORDER BY mark LIMIT 1 OFFSET {place}"
        ).to_pylist()
        return (found[0]["mark"], found[0]["age"]) if found else (moment.mark + 1, 0.0)
