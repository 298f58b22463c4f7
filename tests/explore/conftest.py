from __future__ import annotations

from collections.abc import Iterator

import pytest

from satellite.store.recall.engine import RecallStore
from tests import bookinfo


@pytest.fixture
def store() -> Iterator[RecallStore]:
    """The Bookinfo spans in project p."""
    store = RecallStore()
    store.write("p", bookinfo.batch(), arrived_ns=1_000_000_000)
    yield store
    store.close()
