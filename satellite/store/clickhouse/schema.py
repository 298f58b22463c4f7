"""The tables of a database, made and brought up to date from the files in `schema/`."""

from __future__ import annotations

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
        BadDataDirectory: a newer satellite wrote the tables.
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
