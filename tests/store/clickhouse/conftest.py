"""ClickHouse in a wheel is 180 MB and in no lock of ours, so it is installed beside us, as the real clients are."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from satellite.store.clickhouse.engine import ClickHouseStore
from tests.interop.conftest import environment

HERE = Path(__file__).parent

WHOLE = os.environ.get("CLICKHOUSE_WHOLE") == "1"
"""Set by `make clickhouse`: all of the suite. A question takes ClickHouse milliseconds, however few spans there are, so the
same with other sizes of batches and pages is left to that."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    mine = [item for item in items if item.path.is_relative_to(HERE)]
    for item in mine:
        item.add_marker(pytest.mark.interop)
    left = [item for item in mine if not WHOLE and _is_long(item.name)]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]


def _is_long(name: str) -> bool:
    test, _, case = name.rstrip("]").partition("[")
    return (
        test == "test_the_size_of_batches_does_not_matter"
        or (test == "test_bookinfo_query" and not case.endswith("-12"))
        or (test == "test_pages_make_the_whole" and not case.startswith("12-"))
    )


@pytest.fixture(scope="session")
def packages() -> str:
    """The folder with ClickHouse's packages, importable from here on, after our own."""
    (folder,) = (environment("clickhouse") / "lib").glob("python*/site-packages")
    sys.path.append(str(folder))
    return str(folder)


@pytest.fixture(scope="module")
def opened(packages: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseStore]:
    """A store for all tests of a module: to open ClickHouse takes longer than most of them."""
    store = ClickHouseStore(tmp_path_factory.mktemp("clickhouse"))
    yield store
    store.close()


@pytest.fixture
def store(opened: ClickHouseStore) -> Iterator[ClickHouseStore]:
    """It, empty."""
    yield opened
    for found in opened.projects():
        opened.drop(found.project)
