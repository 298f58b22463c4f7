"""Why an answer is empty, over HTTP."""

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
    made = Api(store)
    made.arrivals.notify("p")
    yield made
    store.close()


def test_an_empty_page_says_why(api: Api) -> None:
    page = api.get(f"{PROJECT}/spans", query='"servce" IN ("x")')
    assert page["explanation"]["nearest_keys"][0]["value"] == "service"
    assert api.get(f"{PROJECT}/spans")["explanation"] is None


def test_a_query_is_explained_before_anything_arrived(api: Api) -> None:
    found = api.get("/api/v1/projects/nobody/explain", query='service IN ("x")')
    assert (found["arrived"], found["held"], found["other_projects"]) == (0, 0, ["p"])
    assert api.get(f"{PROJECT}/explain", query=bookinfo.Q2.text)["failing"] is None


def test_what_was_evicted_is_told_of_the_live_spans_alone(api: Api) -> None:
    kept = api.post(f"{PROJECT}/snapshots", json={"query": ""})["snapshot"]["id"]
    api.store.reset("p")
    found = api.get(f"{PROJECT}/explain", query="")
    assert (found["evicted"], found["held"]) == (88, 0)
    assert found["lines"][0].startswith("88 spans are gone")
    assert api.get(f"{PROJECT}/explain", query="", snapshot=kept)["evicted"] == 0
    assert api.get(f"{PROJECT}/explain", query="", since=1_000)["evicted"] == 0  # a mark that there never was
