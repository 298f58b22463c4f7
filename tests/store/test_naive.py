"""The oracle keeps the contract too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from satellite.store import Store
from tests.store.conformance import StoreConformance
from tests.store.naive import NaiveStore


class TestNaive(StoreConformance):
    """The suite on the naive engine."""

    many_spans = 2_100

    @pytest.fixture
    def store(self) -> Iterator[Store]:
        """An empty engine, closed afterwards."""
        store = NaiveStore()
        yield store
        store.close()
