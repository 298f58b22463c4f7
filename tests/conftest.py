"""What holds for all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing

import httpcore
import pytest
from hypothesis import HealthCheck, settings

from satellite.store.durable.state import State

assert httpcore
"""httpx loads it with its first request and remembers its errors. Were that within pytester, which takes modules away again that it
brought, the next copy's errors would be unknown to httpx for the rest of the process."""

# How many examples each property gets: few enough that `make unit` stays quick; `make unit EXAMPLES=1000` looks for what
# needs more. A busy machine is no defect: no test fails for the time it takes. CI judges a commit and does not explore:
# the same commit meets the same examples there.
settings.register_profile(
    "patient",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=int(os.environ.get("EXAMPLES", "25")),
    derandomize="CI" in os.environ,
)
settings.load_profile("patient")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """CI tries once more what hangs on a browser or another's program. The summary says RERUN: a fault to look for, none to live with."""
    for item in items if "CI" in os.environ else ():
        if item.get_closest_marker("interop"):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture
def state() -> Iterator[State]:
    """Small state in memory."""
    with closing(State()) as state:
        yield state
