"""The tables of a database, made and brought up to date from the files in `schema/`."""

from __future__ import annotations

import re
from contextlib import nullcontext, suppress
from importlib import resources

from satellite.errors import StoreFailed
from satellite.store.clickhouse import literal
from satellite.store.clickhouse.connection import Connection
from satellite.store.durable.directory import BadDataDirectory

_VERSIONS = "schema_versions"

_MAY_FAIL = "TYPE text("
"""An index that older ClickHouse does not have; questions are slower without."""

_ALTERED = re.compile(r"ALTER TABLE (\w+)")
_ADDED = re.compile(r"ADD COLUMN IF NOT EXISTS (\w+) (.+?)(?: CODEC|\s+COMMENT| AFTER|,?$)", re.MULTILINE)


def files() -> list[tuple[int, str, str]]:
    """(version, name, statements) of each file, ascending."""
    folder = resources.files("satellite.store.clickhouse") / "schema"
    found = [(int(file.name.split("_")[0]), file.name, file.read_text("utf-8")) for file in folder.iterdir()]
    return sorted(found)


def statements(text: str) -> list[str]:
    """The statements of a file; comments go."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    return [statement.strip() for statement in "\n".join(lines).split(";\n") if statement.strip(" \n;")]


def version_of(connection: Connection) -> int:
    """The version that the tables have; 0 without any."""
    found = connection.ask(f"SELECT max(version) AS version FROM {_VERSIONS}")
    return int(found["version"][0].as_py())


def bring_up(connection: Connection) -> None:
    """Run the files that the database has not seen.

    Raises:
        BadDataDirectory: a newer satellite wrote the tables, or they were changed.
    """
    tables = connection.tables
    for statement in tables.statements(
        f"CREATE TABLE {_VERSIONS} (version UInt32, file String) ENGINE = MergeTree ORDER BY version"
    ):
        connection.run(statement)
    known, newest = version_of(connection), files()[-1][0]
    if known > newest:
        raise BadDataDirectory(
            f"the tables in ClickHouse have version {known} of their schema; this satellite knows up to {newest}",
            hint="run the newer satellite that wrote them, or choose another clickhouse_url",
        )
    for version, name, text in files():
        if version > known:
            for one in statements(text):
                with suppress(StoreFailed) if _MAY_FAIL in one else nullcontext():
                    for statement in tables.statements(one):
                        connection.run(statement)
            connection.run(f"INSERT INTO {_VERSIONS} VALUES ({version}, '{name}')")
    if wrong := faults(connection):
        raise BadDataDirectory(
            f"the tables in ClickHouse are not as a satellite makes them: {'; '.join(wrong)}",
            hint="put back what was changed, or choose another clickhouse_url",
        )


def columns(text: str) -> dict[str, dict[str, str]]:
    """The type of each column of each table that the statements of a file make or add."""
    found: dict[str, dict[str, str]] = {}
    for statement in statements(text):
        table = re.match(r"CREATE TABLE (\w+)", statement)
        if table is not None:
            lines = statement.partition("\n(\n")[2].partition("\n)")[0].splitlines()
            described = (
                re.match(r"    (\w+) (.+?)(?:,$| CODEC| COMMENT| DEFAULT|$)", line) for line in lines
            )
            found[table[1]] = {one[1]: one[2] for one in described if one is not None and one[1] != "INDEX"}
        elif (altered := _ALTERED.match(statement)) is not None:
            for name, kind in _ADDED.findall(statement):
                found.setdefault(altered[1], {})[name] = kind
    return found


def faults(connection: Connection) -> list[str]:
    """What is wrong with the tables: one that is missing, a column that is missing or has another type."""
    tables = connection.tables
    rows = connection.ask(
        f"SELECT table, name, type FROM system.columns WHERE database = {literal.text(tables.database)}"
    )
    there: dict[str, dict[str, str]] = {}
    for row in rows.to_pylist():
        there.setdefault(row["table"].decode(), {})[row["name"].decode()] = row["type"].decode()
    wrong = []
    for _, _, text in files():
        for table, wanted in columns(text).items():
            for name in dict.fromkeys((table, tables.own(table).rpartition(".")[2])):
                wrong += _differences(name, there.get(name), wanted)
    return wrong


def _differences(table: str, there: dict[str, str] | None, wanted: dict[str, str]) -> list[str]:
    if there is None:
        return [f"there is no table {table}"]
    found = []
    for name, kind in wanted.items():
        has = there.get(name)
        if has is None:
            found.append(f"{table} has no column {name}")
        elif has.replace(" ", "") != kind.replace(" ", ""):
            found.append(f"{table}.{name} is {has}, not {kind}")
    return found
