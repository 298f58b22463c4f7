"""Killed at any moment, under load, again and again: what was acknowledged is there, once, and the books are right.

`make crash ROUNDS=100` runs it long; the rounds are in the environment as CRASH_ROUNDS.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from mock_lightstep_satellite.client import Client
from tests.processes import Process

ROUNDS = int(os.environ.get("CRASH_ROUNDS", "20"))
PROJECTS = ("first", "second")
SENDERS = 3
SPANS = 20
"""A report."""
SETTLED_SECONDS = 0.4


class Sender(threading.Thread):
    """Sends numbered spans as fast as they are acknowledged; one that was not is sent again after the restart."""

    def __init__(self, url: str, project: str, first: int, again: list[int]) -> None:
        super().__init__()
        self._url = f"{url}/api/v2/spans"
        self._headers = {"Lightstep-Access-Token": project}
        self._next = first
        self._again = again
        self.acknowledged: list[int] = []
        self.unsure: list[int] = []
        self.has_some = threading.Event()
        """Set when three were acknowledged, or no more will be."""

    def run(self) -> None:
        with httpx.Client(timeout=20) as client:
            while True:
                number = self._again.pop() if self._again else self._next
                self._next = max(self._next, number + 1)
                try:
                    answer = client.post(self._url, json=list(_report(number)), headers=self._headers)
                except httpx.HTTPError:
                    self.unsure = [number, *self._again]
                    self.has_some.set()
                    return
                if answer.is_success:
                    self.acknowledged.append(number)
                    if len(self.acknowledged) == 3:
                        self.has_some.set()

    @property
    def next(self) -> int:
        return self._next


def _report(number: int) -> Iterator[dict[str, object]]:
    for i in range(SPANS):
        span = number * SPANS + i + 1
        yield {
            "traceId": f"{number + 1:016x}",
            "id": f"{span:016x}",
            "name": f"operation-{i}",
            "timestamp": 1_700_000_000_000_000 + span,
            "duration": span,
            "localEndpoint": {"serviceName": f"service-{i % 3}"},
            "tags": {"number": str(number), "unique": f"value-{span}"},
        }


def _held(url: str, project: str) -> Counter[int]:
    """How often each report's spans are there, in spans."""
    held: Counter[int] = Counter()
    with httpx.Client(base_url=f"{url}/api/v1/projects/{project}", timeout=60) as client:
        cursor: dict[str, str] = {}
        while True:
            page = client.get("/spans", params={"limit": "1000", "order": "arrival"} | cursor).json()
            for span in page["spans"]:
                held[(int(span["span_id"], 16) - 1) // SPANS] += 1
            if not page.get("next_cursor"):
                return held
            cursor = {"cursor": page["next_cursor"]}


def _counted(url: str, project: str) -> Counter[int]:
    """The same by one question for a thousand reports: no span is read, only where their tags say they are."""
    counted: Counter[int] = Counter()
    with httpx.Client(base_url=f"{url}/api/v1/projects/{project}", timeout=60) as client:
        while True:
            asked = {"by": "number", "order": "avg_latency_us", "offset": str(len(counted))}
            page = client.get("/groups", params=asked).json()
            counted.update({int(group["values"][0]): group["count"] for group in page["groups"]})
            if not page["groups"]:
                return counted


@pytest.mark.thorough
def test_kill_9_under_load(tmp_path: Path) -> None:
    chance = random.Random(1)
    acknowledged: dict[str, set[int]] = {project: set() for project in PROJECTS}
    again: dict[int, list[int]] = {}
    following = {number: number * 10_000_000 for number in range(SENDERS)}
    marks = dict.fromkeys(PROJECTS, 0)
    for turn in range(ROUNDS):
        with Process(data_dir=tmp_path / "data") as satellite:
            assert not [line for line in satellite.log if line["event"] == "data.damaged"]
            check(satellite, acknowledged, marks, read_all=turn % 5 == 1)
            senders = {
                number: Sender(
                    satellite.url("http_plain_port"),
                    PROJECTS[number % 2],
                    following[number],
                    again.get(number, []),
                )
                for number in range(SENDERS)
            }
            for sender in senders.values():
                sender.start()
            time.sleep(chance.uniform(0.05, SETTLED_SECONDS * 3))
            satellite.kill()
            for number, sender in senders.items():
                sender.join()
                acknowledged[PROJECTS[number % 2]] |= set(sender.acknowledged)
                again[number], following[number] = sender.unsure, sender.next
    with Process(data_dir=tmp_path / "data") as satellite:
        check(satellite, acknowledged, marks)
    assert sum(map(len, acknowledged.values())) > ROUNDS


def check(
    satellite: Process, acknowledged: dict[str, set[int]], marks: dict[str, int], *, read_all: bool = True
) -> None:
    """Everything acknowledged is there, once, and the books are right; `read_all`: each span is read, which takes its time."""
    url = satellite.url("explorer_port")
    with Client(url) as client:
        found = {one["project"]: one for one in client.projects()}
    for project, numbers in acknowledged.items():
        if not numbers:
            continue
        mark, ledger = found[project]["mark"], found[project]["ledger"]
        assert mark >= marks[project]
        marks[project] = mark
        assert ledger["received"] == ledger["stored"] + sum(ledger["dropped"].values()) + ledger["evicted"]
        assert ledger["stored"] >= SPANS * len(numbers)
        held = _held(url, project) if read_all else _counted(url, project)
        missing = [number for number in numbers if held[number] < SPANS]
        doubled = [number for number, spans in held.items() if spans > SPANS]
        assert not missing, f"acknowledged and gone in {project}: {missing[:5]}"
        assert not doubled, f"doubled in {project}: {doubled[:5]}"
        assert ledger["stored"] == sum(held.values())
