"""Statements on their way to ClickHouse: clients for several threads, limits, and its errors in our words."""

from __future__ import annotations

import queue
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from satellite.errors import BadRequest, Overloaded, SatelliteError, StoreFailed, TookTooLong
from satellite.query.limit import check, seconds_left
from satellite.store.durable.directory import BadDataDirectory

CLIENTS = 8
"""Statements under way at the same time (ours)."""

STATEMENT_BYTES = 64 * 2**20
"""A statement may be so long: it holds the marks and ids that are asked for."""

QUESTION_BYTES = 4 * 2**30
"""Memory that one statement may take (ours)."""

_TIMEOUT, _MEMORY, _TOO_MANY = 159, 241, 252
_BAD_PATTERN = (427, 36)


class Connection:
    """ClickHouse in a folder and in this process; any thread may use it."""

    def __init__(self, folder: Path, database: str) -> None:
        """Open it, and make the folder and the database when they are not there.

        Raises:
            BadDataDirectory: it cannot be opened, another process has it, or the extra is not installed.
        """
        self._path = folder
        self._database = database
        self._clients: queue.LifoQueue[Any] = queue.LifoQueue()
        self._made: list[Any] = []
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
        self._error = ClickHouseError
        self._connect: Callable[[], Any] = lambda: clickhouse_connect.get_client(
            interface="chdb",
            path=str(self._path),
            settings={
                "max_query_size": STATEMENT_BYTES,
                "max_memory_usage": QUESTION_BYTES,
                "output_format_arrow_string_as_string": 0,
                "output_format_arrow_compression_method": "none",
            },
        )
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            first = self._connect()
            self._made.append(first)
            first.command(f"CREATE DATABASE IF NOT EXISTS {database}")
            first.database = database
        except (OSError, self._error, RuntimeError) as error:
            self.close()
            raise BadDataDirectory(
                f"clickhouse_url: {self._path} cannot be opened: {_said(error)}",
                hint="it must be writable, on a disk with room, and in use by no other satellite",
            ) from error
        self._clients.put(first)
        for _ in range(CLIENTS - 1):
            self._clients.put(None)

    @contextmanager
    def _client(self) -> Iterator[Any]:
        client = self._clients.get()
        try:
            if client is None:
                client = self._connect()
                client.database = self._database
                self._made.append(client)
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
        """Add rows. Raises StoreFailed."""
        with self._translated(), self._client() as client:
            client.raw_insert(table, rows.column_names, _stream(rows), fmt="ArrowStream")

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
        return StoreFailed(f"ClickHouse does not take this now: {_said(error)}", hint="try again later")

    def close(self) -> None:
        """Free everything."""
        while self._made:
            self._made.pop().close()


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
