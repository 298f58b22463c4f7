"""ClickHouse in a wheel is 180 MB and in no lock of ours, so it is installed beside us, as the real clients are."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from satellite.store.clickhouse.connection import Connection
from satellite.store.clickhouse.engine import TABLES, ClickHouseStore
from tests.interop.conftest import environment

HERE = Path(__file__).parent

WHOLE = os.environ.get("CLICKHOUSE_WHOLE") == "1"
"""Set by `make clickhouse`: all of the suite. A statement takes ClickHouse milliseconds, however few spans there are, so of
a test with many cases the others are left to that."""

CASES = 1
"""Of each test when not all are run."""

LONG = (
    "test_the_size_of_batches_does_not_matter",
    "test_distinct_values_are_counted_so_far",
    "test_projects_do_not_see_each_other",
)
"""Write or ask hundreds of times."""

POOLED = ("test_drop", "test_later_arrivals", "test_a_part_without", "test_readers_see")
"""Of the suite on a pool when not all of it is run: where a pool does otherwise than a satellite alone."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    mine = [item for item in items if item.path.is_relative_to(HERE)]
    cases = Counter[str]()
    left = []
    for item in mine:
        item.add_marker(pytest.mark.interop)
        test = item.nodeid.partition("[")[0]
        cases[test] += 1
        pooled = "::TestPool::" in item.nodeid or "::TestCluster::" in item.nodeid
        if not WHOLE and (
            cases[test] > CASES or item.name.startswith(LONG) or (pooled and not item.name.startswith(POOLED))
        ):
            left.append(item)
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]


@pytest.fixture(scope="session")
def packages() -> str:
    """The folder with ClickHouse's packages, importable from here on, after our own."""
    (folder,) = (environment("clickhouse") / "lib").glob("python*/site-packages")
    sys.path.append(str(folder))
    return str(folder)


def opened_at(folder: Path, **settings: Any) -> ClickHouseStore:
    """A store in a folder."""
    return ClickHouseStore(Connection(folder), clock_seconds=time.monotonic, **settings)


@pytest.fixture(scope="module")
def opened(packages: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseStore]:
    """A store for all tests of a module: to open ClickHouse takes longer than most of them. A process has one folder at a time."""
    store = opened_at(tmp_path_factory.mktemp("clickhouse"))
    yield store
    store.close()


@pytest.fixture
def store(opened: ClickHouseStore) -> ClickHouseStore:
    """It, empty."""
    emptied(opened)
    return opened


def emptied(store: ClickHouseStore) -> None:
    """As it was when it was made; to drop its projects would have ClickHouse write what is left anew."""
    for table in TABLES:
        store.connection.run(f"TRUNCATE TABLE {table}")
    store._projects.take_stock()


class ClickHouse:
    """A server of ClickHouse's HTTP interface in a process of its own, on a port that stays when it is started again."""

    def __init__(self, packages: str, folder: Path) -> None:
        self._packages, self._folder, self.port = packages, folder, 0
        self.start()

    def url(self, user: str = "writer:secret@", database: str = "satellite") -> str:
        return f"http://{user}127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "server.py"), str(self._folder), str(self.port)],
            env={"PYTHONPATH": self._packages},
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture(scope="module")
def clickhouse(packages: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    """One for all tests of a module."""
    server = ClickHouse(packages, tmp_path_factory.mktemp("server"))
    yield server
    server.kill()


@pytest.fixture(scope="session")
def command(packages: str) -> list[str]:
    """`satellite` with ClickHouse's packages after its own."""
    code = f"import sys; sys.path.append({packages!r}); from mock_lightstep_satellite.cli import main; main()"
    return [sys.executable, "-c", code]
