"""Replies as files: these tests write them, `web/test/replies.test.ts` reads the same, so that neither side drifts alone.

A reply that changes is written anew and the test fails once; whoever looks at the difference commits it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from satellite.store.recall.engine import RecallStore
from tests import bookinfo
from tests.api.test_explorer import PROJECT, Api

FILES = Path(__file__).parent / "snapshots"
TRACE = f"{PROJECT}/traces/00000000b00c0008"

ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "query": ("/api/v1/query", {"query": bookinfo.Q2.text, "lenient": True}),
    "suggest": (f"{PROJECT}/suggest", {"kind": "service"}),
    "histogram": (f"{PROJECT}/histogram", {"query": bookinfo.Q1.text}),
    "spans": (f"{PROJECT}/spans", {"query": bookinfo.Q2.text, "limit": 2}),
    "nothing": (f"{PROJECT}/spans", {"query": 'service IN ("nobody")'}),
    "groups": (f"{PROJECT}/groups", {"query": bookinfo.Q1.text, "by": "service", "whole": True}),
    "correlations": (f"{PROJECT}/correlations", {"query": bookinfo.Q2.text, "from_us": 100_000}),
    "diagram": (f"{PROJECT}/diagram", {"query": bookinfo.Q1.text}),
    "tree": (f"{TRACE}/tree", {}),
    "span": (f"{TRACE}/spans/0000000b00c00088", {}),
    "services": (f"{PROJECT}/services", {"series": 3}),
}


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """The Bookinfo spans in project p."""
    store = RecallStore()
    store.write("p", bookinfo.batch(), arrived_ns=1_000_000_000)
    yield Api(store)
    store.close()


@pytest.mark.parametrize("name", ASKED)
def test_a_reply_is_what_its_file_says(api: Api, name: str) -> None:
    path, params = ASKED[name]
    reply = json.dumps(api.get(path, **params), indent=1, ensure_ascii=False) + "\n"
    file = FILES / f"{name}.json"
    before = file.read_text("utf-8") if file.exists() else ""
    if reply != before:
        FILES.mkdir(exist_ok=True)
        file.write_text(reply, "utf-8")
    assert reply == before, (
        f"{file.name} was written anew: look at the difference, and at what the pages make of it"
    )


def test_every_file_has_its_question() -> None:
    assert {file.stem for file in FILES.iterdir()} == set(ASKED)
