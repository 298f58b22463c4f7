"""Questions about whole traces look at their time after the traces are found, too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from satellite.errors import TookTooLong
from satellite.explore.correlations import correlations
from satellite.explore.diagram import diagram
from satellite.explore.trace_list import trace_list
from satellite.query import parse
from satellite.query.limit import limited
from satellite.query.plan import ALL
from satellite.store.recall.engine import RecallStore

PLAN = parse('service IN ("productpage.default")').plan


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: correlations(store, "p", PLAN),
        lambda store: correlations(store, "p", ALL, of="errors"),
        lambda store: diagram(store, "p", PLAN),
        lambda store: diagram(store, "p", PLAN, inferred=True),
        lambda store: trace_list(store, "p", PLAN, limit=10),
    ],
)
def test_time_that_is_up_when_the_traces_are_there_ends_it(
    ask: Callable[[RecallStore], object], store: RecallStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    assemble = store.assemble

    def slowly(*args: Any, **kwargs: Any) -> Any:
        found = assemble(*args, **kwargs)
        assert found.held
        now[0] = 11.0
        return found

    monkeypatch.setattr(store, "assemble", slowly)
    with limited(10, lambda: now[0]), pytest.raises(TookTooLong):
        ask(store)


def test_traces_are_not_put_together_when_time_is_up(
    store: RecallStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]

    def slowly(*_: object) -> int:
        now[0] = 11.0
        return 1

    monkeypatch.setattr("satellite.store.recall.assembly.distinct_traces", slowly)
    with limited(10, lambda: now[0]), pytest.raises(TookTooLong):
        store.assemble("p", PLAN, traces_max=10)
