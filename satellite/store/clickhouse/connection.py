"""Statements on their way to ClickHouse: clients for several threads, limits, and its errors in our words."""

from __future__ import annotations

import fcntl
import logging
import queue
import re
import secrets
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from satellite.errors import BadRequest, Overloaded, SatelliteError, StoreFailed, TookTooLong
from satellite.query.limit import check, seconds_left
from satellite.store.clickhouse.literal import text
from satellite.store.clickhouse.server import DATABASE, Server
from satellite.store.clickhouse.tables import Tables
from satellite.store.durable.directory import BadDataDirectory

CLIENTS = 8
"""Statements under way at the same time (ours)."""

STATEMENT_BYTES = 64 * 2**20
"""A statement may be so long: it holds the marks and ids that are asked for."""

QUESTION_BYTES = 4 * 2**30
"""Memory that one statement may take (ours)."""

CONNECT_SECONDS = 3
ANSWER_SECONDS = 60
"""Until a server is taken for away (ours)."""

WRITE_SECONDS = 30
"""A statement that writes is given up after so long, by the server (ours); a seat is held longer, see `seats`."""

QUORUM_SECONDS = 20
"""In a cluster, for all replicas to have what is inserted (ours)."""

_TIMEOUT, _MEMORY, _TOO_MANY, _NO_ROOM = 159, 241, 252, 243
_BAD_PATTERN = (427, 36)
_ANOTHER_FOLDER = "already initialized with path"
_REFUSED = {
    516: "does not take the user or the password of clickhouse_url",
    194: "does not take the user or the password of clickhouse_url",
    193: "does not take the user or the password of clickhouse_url",
    192: "knows no such user as that of clickhouse_url",
    164: "lets this user only read; a satellite writes",
    497: "does not let this user do what a satellite needs",
    81: "has no such database, and this user may not make one",
}
"""What is said at the start, by ClickHouse's codes."""

_USER = "it must be a user who may create, alter, read and insert into tables of that database"

_SETTINGS = {
    "max_query_size": STATEMENT_BYTES,
    "max_memory_usage": QUESTION_BYTES,
    "output_format_arrow_string_as_string": 0,
    "output_format_arrow_compression_method": "none",
}


class Refused(StoreFailed):
    """ClickHouse does not let this user; that is not over by itself."""


class Connection:
    """ClickHouse in a folder and in this process, or a server; any thread may use it."""

    def __init__(self, target: Path | Server, *, cluster: str = "") -> None:
        """Open it, and make the folder and the database when they are not there.

        Args:
            target: what to open.
            cluster: of the server, over whose nodes tables are made that are not there; "": that of the tables, or none.

        Raises:
            BadDataDirectory: it cannot be opened, another process has the folder, the tables are not those of this cluster, or the
                extra is not installed.
        """
        self.shared = isinstance(target, Server)
        """Whether other satellites may use it, too."""
        self.where = str(target)
        """It, without credentials."""
        self._database = target.database if isinstance(target, Server) else DATABASE
        self._settings: dict[str, int] = {}
        """Of every statement, beside those of all connections."""
        self._clients: queue.LifoQueue[Any] = queue.LifoQueue()
        self._made: list[Any] = []
        driver, self._error = _driver()
        self._connect: Callable[[], Any] = lambda: driver(target)
        try:
            if isinstance(target, Path):
                target.mkdir(parents=True, exist_ok=True)
            first = self._connect()
            self._made.append(first)
            self.tables = self._found_tables(first, cluster)
            """How statements that change tables are said."""
            databases = first.command(f"SELECT count() FROM system.databases WHERE name = '{self._database}'")
            if not databases:
                first.command(f"CREATE DATABASE IF NOT EXISTS {self._database}{self.tables.everywhere}")
            self._prepare(first)
        except BadDataDirectory:
            self.close()
            raise
        except (OSError, self._error, RuntimeError) as error:
            self.close()
            raise self._cannot_open(error) from None  # the cause may hold the URL with its password
        self._clients.put(first)
        for _ in range(CLIENTS - 1):
            self._clients.put(None)

    def _cannot_open(self, error: Exception) -> BadDataDirectory:
        if not self.shared:
            if _ANOTHER_FOLDER in str(error):
                return BadDataDirectory(
                    f"clickhouse_url: {self.where} cannot be opened: this process has another folder of ClickHouse open",
                    hint="one process, one folder; spans go from one folder to another as a file: satellite data export, then import",
                )
            return BadDataDirectory(
                f"clickhouse_url: {self.where} cannot be opened: {_of_the_folder(Path(self.where)) or _said(error)}",
                hint="it must be writable, on a disk with room, and in use by no other satellite",
            )
        code = getattr(error, "code", None)
        if code in _REFUSED:
            return BadDataDirectory(
                f"clickhouse_url: ClickHouse at {self.where} {_REFUSED[code]}", hint=_USER
            )
        reason = _said(error) if code else _of_the_network(error)
        return BadDataDirectory(
            f"clickhouse_url: ClickHouse at {self.where} does not answer: {reason}",
            hint="it is written http://user:password@host:8123/database, the port is that of ClickHouse's HTTP interface",
        )

    def _found_tables(self, client: Any, wanted: str) -> Tables:
        """Those of the cluster that the tables were made for, or will be. Raises BadDataDirectory."""
        made = f"FROM system.tables WHERE database = '{self._database}' AND name = 'spans'"
        cluster = wanted
        if client.command(f"SELECT count() {made}"):
            made_for = text(r"^Distributed\('([^']*)'")
            named = client.command(f"SELECT concat('=', extract(any(engine_full), {made_for})) {made}")
            cluster = str(named)[1:]
        if wanted and cluster != wanted:
            raise BadDataDirectory(
                f"clickhouse_cluster: the tables at {self.where} are of {f'the cluster {cluster}' if cluster else 'one node'}",
                hint="leave clickhouse_cluster out, or choose another database in clickhouse_url",
            )
        if cluster:
            self._settings = _settings_for(cluster, client)
        return Tables(self._database, cluster)

    def _prepare(self, client: Any) -> None:
        client.database = self._database
        for name, value in self._settings.items():
            client.set_client_setting(name, value)

    @contextmanager
    def _client(self) -> Iterator[Any]:
        client = self._clients.get()
        try:
            if client is None:
                client = self._connect()
                self._made.append(client)
                self._prepare(client)
            yield client
        finally:
            self._clients.put(client)

    def ask(self, statement: str) -> pa.Table:
        """The rows of a SELECT; text columns are binary.

        Raises:
            TookTooLong: the time of the question is up, or the statement took too much memory.
        """
        check()
        left = seconds_left()
        # In the statement: settings given beside it cost three statements more.
        limit = "" if left is None else f" SETTINGS max_execution_time = {max(left, 0.001):.3f}"
        with self._translated(), self._client() as client:
            answer = client.raw_query(statement + limit, fmt="ArrowStream")
        found: pa.Table = pa.ipc.open_stream(answer).read_all()
        return found

    def insert(self, table: str, rows: pa.Table) -> None:
        """Add rows, once, however often they have to be sent. Raises StoreFailed."""
        with self._translated(), self._client() as client:
            settings = (
                {
                    "insert_deduplication_token": self.token(),
                    "max_execution_time": WRITE_SECONDS,
                }
                if self.shared
                else None
            )
            client.raw_insert(table, rows.column_names, _stream(rows), settings=settings, fmt="ArrowStream")

    def token(self) -> str:
        """For one insert: what comes with it again is the same, nothing else is, whatever it says."""
        return secrets.token_hex(16)

    def run(self, statement: str) -> None:
        """A statement without rows. Raises StoreFailed."""
        with self._translated(), self._client() as client:
            client.command(statement)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except self._error as error:
            raise self._in_our_words(error) from error
        except (OSError, RuntimeError) as error:
            raise StoreFailed(
                f"ClickHouse does not take this now: {_said(error)}", hint="try again later"
            ) from error

    def _in_our_words(self, error: Exception) -> SatelliteError:
        code = getattr(error, "code", None)
        if code is None and self.shared:
            return StoreFailed(
                f"ClickHouse at {self.where} does not answer: {_of_the_network(error)}",
                hint="try again later",
            )
        if code in _REFUSED:
            return Refused(f"ClickHouse at {self.where} {_REFUSED[code]}", hint=_USER)
        if code == _TIMEOUT:
            return TookTooLong(
                "the question was given up when its time was up (question_seconds_max)",
                hint="narrow the query or the time window; a regular expression over long values costs most",
            )
        if code == _MEMORY:
            return TookTooLong(
                f"the question was given up: it needs more than {QUESTION_BYTES // 2**20:,} MiB of ClickHouse's memory",
                hint="narrow the query or the time window",
            )
        if code in _BAD_PATTERN and "regexp" in str(error).lower():
            return BadRequest(f"ClickHouse does not take this regular expression: {_said(error)}")
        if code == _TOO_MANY:
            return Overloaded(
                f"ClickHouse has more to merge than it may: {_said(error)}", hint="send again later"
            )
        if code == _NO_ROOM:
            return StoreFailed("ClickHouse has no room left on its disk", hint="try again later")
        return StoreFailed(f"ClickHouse does not take this now: {_said(error)}", hint="try again later")

    def close(self) -> None:
        """Free everything."""
        while self._made:
            self._made.pop().close()


def _driver() -> tuple[Callable[[Path | Server], Any], type[Exception]]:
    """What makes a client, and the class of its errors. Raises BadDataDirectory where it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pandas and numpy, which it brings
            import clickhouse_connect
            from clickhouse_connect.driver.exceptions import ClickHouseError
    except ImportError as error:
        raise BadDataDirectory(
            f"store = clickhouse needs what is not installed: {error}",
            hint='pip install "mock-lightstep-satellite[server,clickhouse]"',
        ) from error
    for quiet in ("clickhouse_connect", "urllib3"):  # what they warn of, they raise, too
        logging.getLogger(quiet).setLevel(logging.CRITICAL)

    def connect(target: Path | Server) -> Any:
        if isinstance(target, Path):
            own = {
                "deduplicate_insert": "disable"
            }  # nothing is sent twice in one process, and rows may be the same
            return clickhouse_connect.get_client(interface="chdb", path=str(target), settings=_SETTINGS | own)
        return clickhouse_connect.get_client(
            host=target.host,
            port=target.port,
            secure=target.secure,
            username=target.user,
            password=target.password,
            settings=_SETTINGS,
            connect_timeout=CONNECT_SECONDS,
            send_receive_timeout=ANSWER_SECONDS,
            autogenerate_session_id=False,  # sessions would have statements wait for each other
            query_retries=0,
        )

    return connect, ClickHouseError


def _settings_for(cluster: str, client: Any) -> dict[str, int]:
    """With which an insert that was acknowledged is there on every node of a cluster. Raises BadDataDirectory."""
    replicas = "SELECT {} FROM (SELECT count() AS replicas FROM system.clusters WHERE cluster = {} GROUP BY shard_num)"
    least, most = (
        int(client.command(replicas.format(f"{which}(replicas)", text(cluster)))) for which in ("min", "max")
    )
    if not most:
        raise BadDataDirectory(
            f"clickhouse_cluster: ClickHouse knows no cluster {cluster}",
            hint="system.clusters has those that it knows",
        )
    if least < most:
        raise BadDataDirectory(
            f"clickhouse_cluster: the shards of {cluster} have {least} to {most} replicas",
            hint="a report is acknowledged when all replicas of its shards have it: each shard needs as many",
        )
    return {
        "distributed_foreground_insert": 1,
        "insert_quorum": most if most > 1 else 0,
        "insert_quorum_parallel": 1,
        "insert_quorum_timeout": QUORUM_SECONDS * 1000,
        "distributed_ddl_task_timeout": WRITE_SECONDS,
    }


def _stream(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    written: bytes = sink.getvalue().to_pybytes()
    return written


def _said(error: Exception) -> str:
    """What the engine says, in one line without its version and stack."""
    line = str(error).split("Stack trace")[0].splitlines()
    return (line[0] if line else type(error).__name__).removeprefix("Code: ")[:300]


def _of_the_folder(folder: Path) -> str:
    """Why ClickHouse cannot have it, which it does not say itself; "": for no reason of these."""
    locked = folder / "status"  # by ClickHouse
    is_new = not locked.exists()
    try:
        with locked.open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if is_new:
            locked.unlink()
    except BlockingIOError:
        return "another process uses it"
    except OSError as error:
        return error.strerror or ""
    return ""


def _of_the_network(error: BaseException) -> str:
    """What the operating system said, without the address, which may be long; or that somebody else answers."""
    seen: BaseException | None = error
    found = ""
    while seen is not None:
        if isinstance(seen, OSError) and seen.strerror:
            found = seen.strerror
        following = seen.__cause__ or seen.__context__ or getattr(seen, "reason", None)
        seen = following if isinstance(following, BaseException) else None
    if not found and error.__cause__ is None:
        status = re.search(r"HTTP status (\d+)", str(error))
        return f"what answers there is not ClickHouse{f' (HTTP {status[1]})' if status else ''}"
    return found or type(error.__cause__).__name__
