"""What the satellites of a pool have in common besides spans, in the table `commons`."""

from __future__ import annotations

import pyarrow as pa

from satellite.store.clickhouse.connection import Connection
from satellite.store.clickhouse.literal import text
from satellite.store.commons import Common


class ClickHouseCommons:
    """Implements Commons."""

    def __init__(self, connection: Connection) -> None:
        """Over a server's tables."""
        self._connection = connection

    def put(self, kind: str, project: str, name: str, value: bytes, *, version: int) -> None:
        """See Commons."""
        row = {"kind": kind, "project": project, "name": name, "version": version, "value": value}
        self._connection.insert("commons", pa.Table.from_pylist([row]))

    def read(
        self, kind: str, project: str | None = None, name: str | None = None, *, values: bool = True
    ) -> list[Common]:
        """See Commons."""
        value = "value" if values else "'' AS value"
        found = self._connection.ask(
            f"SELECT project, name, version, dateDiff('millisecond', written, now64(3)) AS age_ms, {value}"
            f" FROM commons FINAL WHERE {_meant(kind, project, name)} ORDER BY project, name"
        )
        return [
            Common(
                row["project"].decode(),
                row["name"].decode(),
                row["version"],
                row["age_ms"] / 1000,
                row["value"],
            )
            for row in found.to_pylist()
        ]

    def remove(self, kind: str, project: str, name: str) -> None:
        """See Commons."""
        deletion = self._connection.tables.deletion("commons", _meant(kind, project, name))
        self._connection.run(f"{deletion} SETTINGS lightweight_deletes_sync = 2")


def _meant(kind: str, project: str | None, name: str | None) -> str:
    terms = {"kind": kind, "project": project, "name": name}
    return " AND ".join(f"{column} = {text(value)}" for column, value in terms.items() if value is not None)
