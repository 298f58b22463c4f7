"""Small questions are answered in the event loop, as a thread would answer them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import closing

import httpx
import pytest

from satellite.api.explorer import Api
from satellite.intake.arrivals import Arrivals
from satellite.store.recall.engine import RecallStore
from tests import bookinfo
from tests.serving import api_of
from tests.store.rows import one

PROJECT = "/api/v1/projects/p"
SMALL = [
    ("POST", f"{PROJECT}/mark"),
    ("POST", "/api/v1/projects/none/mark"),
    ("GET", f"{PROJECT}/suggest?kind=service"),
    ("GET", f"{PROJECT}/traces/b00c0001"),
    ("GET", f"{PROJECT}/traces/b00c0001?limit=3"),
    ("GET", f"{PROJECT}/traces/0000000000000000{bookinfo.trace_low(2):016x}"),
    ("GET", "/api/v1/projects/none/suggest?kind=service"),
]
LARGE = [
    ("GET", f"{PROJECT}/traces/nonsense"),
    ("GET", f"{PROJECT}/traces/7"),
    ("GET", f"{PROJECT}/suggest?kind=service&q=rat"),
    ("GET", "/api/v1/projects/none/traces/1"),
]


def _answers(api: Api, asked: Sequence[tuple[str, str]]) -> list[tuple[int, bytes]]:
    async def ask() -> list[tuple[int, bytes]]:
        transport = httpx.ASGITransport(api, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://satellite") as client:
            replies = [await client.request(*one) for one in asked]
        return [(reply.status_code, reply.content) for reply in replies]

    return asyncio.run(ask())


def test_they_need_no_thread_and_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(RecallStore()) as store:
        store.write("p", bookinfo.batch(), arrived_ns=1)
        store.write("p", bookinfo.batch(range(1, 2)), arrived_ns=2)  # repeats: rows of no segment
        for span_id in range(1, 100):
            store.write("p", one(trace_low=7, span_id=span_id), arrived_ns=3)
        api = api_of(store, Arrivals())
        with monkeypatch.context() as patch:
            patch.setattr(RecallStore, "at_hand", lambda *_: False)
            patch.setattr(RecallStore, "small_trace", lambda *_: None)
            of_threads = _answers(api, SMALL)
            large = _answers(api, LARGE)
        assert [status for status, _ in of_threads] == [200, 200, 200, 200, 200, 200, 404]
        assert _answers(api, LARGE) == large
        api.close()
        assert _answers(api, SMALL) == of_threads
        assert {status for status, _ in _answers(api, LARGE)} == {500}, "the threads are gone"
