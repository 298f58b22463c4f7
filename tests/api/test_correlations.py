"""Correlations and the service diagram over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from satellite.store.recall.engine import RecallStore
from tests import bookinfo
from tests.api.test_explorer import PROJECT, Api


@pytest.fixture
def api() -> Iterator[Api]:
    """The Bookinfo spans in project p."""
    store = RecallStore()
    store.write("p", bookinfo.batch(), arrived_ns=1_000_000_000)
    yield Api(store)
    store.close()


def test_the_worked_example(api: Api) -> None:
    found = api.get(f"{PROJECT}/correlations", query=bookinfo.Q2.text, from_us=100_000)
    assert (found["in_traces"], found["out_traces"], found["reason"]) == (2, 10, None)
    scores = [round(one["score"], 2) for one in found["correlations"]]
    assert scores == [-1, -1, -0.99, -0.99, -0.98, 0.8, 0.6, 0]


def test_a_percentile_is_a_range(api: Api) -> None:
    found = api.get(f"{PROJECT}/correlations", query=bookinfo.Q2.text, from_percentile="p50")
    assert (found["in_traces"], found["from_us"]) == (7, 10_300)


@pytest.mark.parametrize(
    ("params", "parameter"),
    [
        ({"from_us": 5, "to_us": 5}, "to_us"),
        ({"from_start_us": 5, "to_start_us": 1}, "to_start_us"),
        ({"min_support": 0}, "min_support"),
        ({"of": "luck"}, "of"),
        ({"limit": 1001}, "limit"),
    ],
)
def test_ranges_turned_round_and_numbers_that_cannot_be(
    api: Api, params: dict[str, int], parameter: str
) -> None:
    error = api.refusal("GET", f"{PROJECT}/correlations", 400, params=params)
    assert parameter in error["message"]


def test_a_range_outside_of_everything_has_no_contrast(api: Api) -> None:
    found = api.get(f"{PROJECT}/correlations", query=bookinfo.Q2.text, from_us=10**15)
    assert (found["reason"], found["correlations"], found["in_traces"]) == ("no_contrast", [], 0)


def test_the_diagram_and_its_drawings(api: Api) -> None:
    found = api.get(f"{PROJECT}/diagram", query=bookinfo.Q1.text)
    first = found["edges"][0]
    assert (first["from"], first["to"], first["calls"]) == (bookinfo.GATEWAY, bookinfo.PRODUCTPAGE, 12)
    for form, begin in (("svg", "<svg "), ("dot", "digraph services {"), ("mermaid", "flowchart LR")):
        reply = api.request("GET", f"{PROJECT}/diagram", params={"query": bookinfo.Q1.text, "format": form})
        assert reply.status_code == 200
        assert reply.text.startswith(begin)
        assert "ratings.default" in reply.text
    assert api.get(f"{PROJECT}/diagram", query='service IN ("x")')["nodes"] == []
