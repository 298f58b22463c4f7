"""The tables of a database, made and brought up to date from the files in `schema/`."""

from __future__ import annotations

import re
from importlib import resources

from satellite.store.clickhouse.connection import Connection
from satellite.store.durable.directory import BadDataDirectory

_VERSIONS = "schema_versions"


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
    connection.run(
        f"CREATE TABLE IF NOT EXISTS {_VERSIONS} (version UInt32, file String) ENGINE = MergeTree ORDER BY version"
    )
    known, newest = version_of(connection), files()[-1][0]
    if known > newest:
        raise BadDataDirectory(
            f"the tables in ClickHouse have version {known} of their schema; this satellite knows up to {newest}",
            hint="run the newer satellite that wrote them, or choose another clickhouse_url",
        )
    for version, name, text in files():
        if version > known:
            for statement in statements(text):
                connection.run(statement.replace("CREATE TABLE ", "CREATE TABLE IF NOT EXISTS ", 1))
            connection.run(f"INSERT INTO {_VERSIONS} VALUES ({version}, '{name}')")
    if wrong := faults(connection):
        raise BadDataDirectory(
            f"the tables in ClickHouse are not as a satellite makes them: {'; '.join(wrong)}",
            hint="put back what was changed, or choose another clickhouse_url",
        )


def columns(text: str) -> dict[str, dict[str, str]]:
    """The type of each column of each table that the statements of a file make."""
    found: dict[str, dict[str, str]] = {}
    for statement in statements(text):
        table = re.match(r"CREATE TABLE (\w+)", statement)
        if table is not None:
            lines = statement.partition("\n(\n")[2].partition("\n)")[0].splitlines()
            described = (
                re.match(r"    (\w+) (.+?)(?:,$| CODEC| COMMENT| DEFAULT|$)", line) for line in lines
            )
            found[table[1]] = {one[1]: one[2] for one in described if one is not None and one[1] != "INDEX"}
    return found


def faults(connection: Connection) -> list[str]:
    """What is wrong with the tables: one that is missing, a column that is missing or has another type."""
    rows = connection.ask("SELECT table, name, type FROM system.columns WHERE database = currentDatabase()")
    there: dict[str, dict[str, str]] = {}
    for row in rows.to_pylist():
        there.setdefault(row["table"].decode(), {})[row["name"].decode()] = row["type"].decode()
    wrong = []
    for _, _, text in files():
        for table, wanted in columns(text).items():
            if table not in there:
                wrong.append(f"there is no table {table}")
                continue
            for name, kind in wanted.items():
                has = there[table].get(name)
                if has is None:
                    wrong.append(f"{table} has no column {name}")
                elif has.replace(" ", "") != kind.replace(" ", ""):
                    wrong.append(f"{table}.{name} is {has}, not {kind}")
    return wrong
