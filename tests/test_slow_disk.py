"""A disk that stalls, or takes nothing: it holds up the senders, and nobody who asks."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from satellite import Satellite
from satellite.store.durable.state import State

TRACE = f"{1:032x}"
QUESTIONS = [
    "/api/v1/projects",
    "/diagnostics",
    *(
        f"/api/v1/projects/default{question}"
        for question in (
            "",
            "/spans?query=",
            "/histogram?query=",
            "/heatmap?query=",
            "/groups?by=service",
            "/correlations?query=",
            "/explain?query=service%20IN%20(%22nobody%22)",
            "/traces?query=",
            f"/traces/{TRACE}",
            f"/traces/{TRACE}/tree",
            f"/traces/{TRACE}/critical-path",
            f"/traces/{TRACE}/spans/{1:016x}",
            "/services",
            "/services/shop",
            "/diagram",
            "/suggest?kind=key",
            "/checks",
            "/reporters",
            "/requests",
            "/streams",
            "/snapshots",
            "/export",
        )
    ),
]
"""One of each kind."""


def report(number: int, service: str) -> list[dict[str, Any]]:
    return [
        {
            "traceId": f"{number:032x}",
            "id": f"{number:016x}",
            "name": "buy",
            "timestamp": 1_700_000_000_000_000,
            "duration": 1000,
            "localEndpoint": {"serviceName": service},
        }
    ]


@contextmanager
def stalled(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Nothing that is written gets to the disk while this lasts; tells when the journal waits for it."""
    waits, goes_on = threading.Event(), threading.Event()
    sync, sync_all, run = os.fdatasync, os.fsync, State._run

    def wait(descriptor: int) -> None:
        waits.set()
        goes_on.wait()
        sync(descriptor)

    def wait_for_all(descriptor: int) -> None:
        goes_on.wait()
        sync_all(descriptor)

    def wait_to_run(self: State, step: Any) -> Any:
        goes_on.wait()
        return run(self, step)

    with monkeypatch.context() as disk:
        disk.setattr(os, "fdatasync", wait)
        disk.setattr(os, "fsync", wait_for_all)
        disk.setattr(State, "_run", wait_to_run)
        try:
            yield waits
        finally:
            goes_on.set()


def test_while_it_stalls_senders_wait_and_everybody_else_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A run makes room for itself among the snapshots every time, and the last report brings a service that needs a colour.
    with (
        Satellite(data_dir=tmp_path / "data", snapshot_bytes=20_000) as satellite,
        httpx.Client(timeout=60) as client,
        ThreadPoolExecutor(1) as sender,
    ):

        def send(number: int, service: str) -> int:
            url = satellite.http_url + "/api/v2/spans"
            return httpx.post(url, json=report(number, service), timeout=60).status_code

        def ask(path: str) -> int:
            return client.get(satellite.url + path).status_code

        def run() -> int:
            url = f"{satellite.url}/api/v1/projects/default/snapshots"
            return client.post(url, json={"query": ""}).status_code

        assert send(1, "shop") == 200
        assert [run() for _ in range(3)] == [200] * 3
        assert send(2, "bank") == 200
        with stalled(monkeypatch) as disk_waits:
            waits = sender.submit(send, 3, "mint")
            disk_waits.wait()
            assert {path: ask(path) for path in QUESTIONS} == dict.fromkeys(QUESTIONS, 200)
            satellite.client.project("default").expect("", count=2)
            assert [run() for _ in range(3)] == [200] * 3
            for path in ("/_live", "/metrics"):
                assert httpx.get(satellite.admin_url + path).status_code == 200
            monkeypatch.setattr("satellite.intake.intake.STALLED_SECONDS", 0.0)
            assert send(4, "mint") == 503
            assert httpx.get(satellite.admin_url + "/_ready").status_code == 503
            assert not waits.done()
        assert waits.result() == 200
        monkeypatch.undo()
        assert send(5, "mint") == 200
        satellite.client.project("default").expect("", count=4)
