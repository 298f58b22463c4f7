"""Where the rows of a table are: on one node, or on those of a cluster, and so how statements that change tables are said.

In a cluster each table is two: `spans_local` on every node, replicated between the nodes of a shard, and `spans` over all shards, of
which questions and inserts speak. A trace stays on one shard.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from satellite.store.clickhouse.literal import text

SHARDED_BY = {
    "spans": "cityHash64(project, trace_low)",
    "gone": "project",
    "commits": "project",
    "seats": "seat",
    "commons": "cityHash64(kind, project, name)",
    "schema_versions": "version",
}
"""What decides the shard of a row."""

_CREATE = re.compile(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)")
_ALTER = re.compile(r"ALTER TABLE (\w+)")
_ENGINE = re.compile(r"ENGINE = (\w+)(?:\((\w+)\))?")


@dataclass(frozen=True, slots=True)
class Tables:
    """Of one database."""

    database: str
    cluster: str = ""
    """"": one node has all rows."""

    def own(self, table: str) -> str:
        """The table of a node that has rows."""
        return f"{self.database}.{table}_local" if self.cluster else table

    @property
    def everywhere(self) -> str:
        """What a statement says after the name of a node's own table, to be carried out on all nodes."""
        return f" ON CLUSTER {text(self.cluster)}" if self.cluster else ""

    def deletion(self, table: str, condition: str) -> str:
        """Rows go."""
        return f"DELETE FROM {self.own(table)}{self.everywhere} WHERE {condition}"

    @property
    def parts(self) -> str:
        """The files of `spans`, each shard's once."""
        source = f"cluster({text(self.cluster)}, system.parts)" if self.cluster else "system.parts"
        own = self.own("spans").rpartition(".")[2]
        return f"{source} WHERE active AND database = {text(self.database)} AND table = '{own}'"

    def statements(self, statement: str) -> list[str]:
        """What to run for a statement of a file in `schema/`, which speaks of one node."""
        if made := _CREATE.match(statement):
            rest = statement[made.end() :]
            if not self.cluster:
                return [f"CREATE TABLE IF NOT EXISTS {made[1]}{rest}"]
            return [
                f"CREATE TABLE IF NOT EXISTS {self.own(made[1])}{self.everywhere}{_replicated(made[1], rest)}",
                self._over_shards(made[1], "CREATE TABLE IF NOT EXISTS"),
            ]
        changed = _ALTER.match(statement)
        if changed is None or not self.cluster:
            return [statement]
        return [
            f"ALTER TABLE {self.own(changed[1])}{self.everywhere}{statement[changed.end() :]}",
            self._over_shards(changed[1], "CREATE OR REPLACE TABLE"),
        ]

    def _over_shards(self, table: str, create: str) -> str:
        own = self.own(table)
        return (
            f"{create} {self.database}.{table}{self.everywhere} AS {own} ENGINE = Distributed({text(self.cluster)},"
            f" {text(self.database)}, '{own.rpartition('.')[2]}', {SHARDED_BY[table]})"
        )


def _replicated(table: str, described: str) -> str:
    """The path names the table, not its UUID, so that a node that comes later finds the others."""
    path = f"'/clickhouse/tables/{{shard}}/{{database}}/{table}', '{{replica}}'"

    def said(engine: re.Match[str]) -> str:
        return f"ENGINE = Replicated{engine[1]}({path}{f', {engine[2]}' if engine[2] else ''})"

    found = _ENGINE.sub(said, described, count=1)
    return found.replace("non_replicated_deduplication_window", "replicated_deduplication_window")
