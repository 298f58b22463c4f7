"""Real satellites on one ClickHouse: sent to one and asked of another, killed under load, left alone by the engine under load."""

from __future__ import annotations

import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.processes import Process
from tests.store.clickhouse.conftest import ClickHouse
from tests.store.clickhouse.test_processes import SPANS
from tests.test_crash import SPANS as REPORT_SPANS
from tests.test_crash import _held, _report

Start = Callable[[], Process]


@pytest.fixture(scope="module")
def start(command: list[str], clickhouse: ClickHouse) -> Iterator[Start]:
    """Starts a satellite on the server; its log is read, so that it never waits for us."""
    running: list[tuple[Process, threading.Thread]] = []

    def start() -> Process:
        satellite = Process(command=command, store="clickhouse", clickhouse_url=clickhouse.url())
        reader = threading.Thread(target=lambda: [*(satellite.process.stderr or ())])
        reader.start()
        running.append((satellite, reader))
        return satellite

    yield start
    for satellite, reader in running:
        with satellite:
            if satellite.process.poll() is None:
                satellite.kill()
            reader.join()


@pytest.fixture(scope="module")
def pool(start: Start) -> tuple[Process, Process]:
    """Two satellites; each test has a project of its own."""
    return start(), start()


class Sender(threading.Thread):
    """Sends numbered reports to whichever satellite answers, each until one acknowledges it."""

    def __init__(self, urls: list[str], project: str, first: int) -> None:
        super().__init__()
        self._urls, self._next = urls, first
        self._headers = {"Lightstep-Access-Token": project}
        self.acknowledged: list[int] = []
        self.ended = threading.Event()

    def run(self) -> None:
        with httpx.Client(timeout=20) as client:
            turn = 0
            while not self.ended.is_set():
                try:
                    answer = client.post(
                        f"{self._urls[turn % len(self._urls)]}/api/v2/spans",
                        json=list(_report(self._next)),
                        headers=self._headers,
                    )
                except httpx.HTTPError:
                    turn += 1
                    continue
                if answer.is_success:
                    self.acknowledged.append(self._next)
                    self._next += 1
                else:
                    turn += 1
                    self.ended.wait(0.05)  # as senders do that are told to try later


def wait_for(what: Callable[[], bool]) -> None:
    """Until it is so; far beyond what the slowest machine takes it will never be. What another process does is asked for."""
    end = time.monotonic() + 300
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


def assert_all_is_there_once(satellite: Process, project: str, senders: list[Sender]) -> None:
    acknowledged = {number for sender in senders for number in sender.acknowledged}
    assert sum(len(sender.acknowledged) for sender in senders) == len(acknowledged) > 0
    url = satellite.url("explorer_port")
    held: Counter[int] = Counter()
    expected = dict.fromkeys(acknowledged, REPORT_SPANS)
    for _ in range(50):  # a span that two took at the same moment is one a little later
        held = _held(url, project)
        if all(held[number] == count for number, count in expected.items()) and set(held.values()) == {
            REPORT_SPANS
        }:
            break
        time.sleep(0.1)
    assert {number: held[number] for number in acknowledged} == expected
    assert set(held.values()) == {REPORT_SPANS}
    projects = httpx.get(f"{url}/api/v1/projects", timeout=60).json()["projects"]
    (ledger,) = (found["ledger"] for found in projects if found["project"] == project)
    assert ledger["received"] == ledger["stored"] + sum(ledger["dropped"].values()) + ledger["evicted"]
    assert ledger["stored"] == sum(held.values())


def test_any_satellite_answers_for_all_and_wakes_who_waits(pool: tuple[Process, Process]) -> None:
    one, two = pool
    waiting: list[httpx.Response] = []
    thread = threading.Thread(
        target=lambda: waiting.append(
            httpx.post(
                f"{two.url('explorer_port')}/api/v1/projects/default/expect",
                json={"query": '"number" IN ("7")', "timeout_ms": 60_000},
                timeout=90,
            )
        )
    )
    thread.start()
    assert httpx.post(f"{one.url('http_plain_port')}/api/v2/spans", json=SPANS, timeout=60).is_success
    thread.join()
    (found,) = waiting
    assert (found.status_code, found.json()["total"]) == (200, 1)
    for satellite in (one, two):
        page = httpx.get(f"{satellite.url('explorer_port')}/api/v1/projects/default/spans", timeout=60).json()
        assert page["total"] == len(SPANS)


def test_a_snapshot_of_one_outlives_it(pool: tuple[Process, Process], start: Start) -> None:
    dying, other = start(), pool[0]
    at = "api/v1/projects/shared/snapshots"
    headers = {"Lightstep-Access-Token": "shared"}
    sent = httpx.post(f"{dying.url('http_plain_port')}/api/v2/spans", json=SPANS, headers=headers, timeout=60)
    assert sent.is_success
    run = httpx.post(f"{dying.url('explorer_port')}/{at}", json={"query": ""}, timeout=60).json()
    dying.kill()
    kept = httpx.get(f"{other.url('explorer_port')}/{at}/{run['snapshot']['id']}", timeout=60)
    assert kept.json() == {"snapshot": run["snapshot"], "histogram": run["histogram"]}
    assert kept.json()["snapshot"]["spans"] == len(SPANS)


def test_one_is_killed_under_load(pool: tuple[Process, Process], start: Start) -> None:
    dying, other = start(), pool[0]
    urls = [satellite.url("http_plain_port") for satellite in (dying, other)]
    senders = [Sender(urls if i % 2 else urls[::-1], "killed", (i + 1) * 1_000_000) for i in range(3)]
    for sender in senders:
        sender.start()
    wait_for(lambda: all(len(sender.acknowledged) >= 2 for sender in senders))
    dying.kill()
    go_on_a_little(senders)
    assert_all_is_there_once(other, "killed", senders)


def test_the_engine_is_stopped_and_started_under_load(
    pool: tuple[Process, Process], clickhouse: ClickHouse
) -> None:
    urls = [satellite.url("http_plain_port") for satellite in pool]
    senders = [Sender([urls[i % 2]], "stopped", (i + 1) * 1_000_000) for i in range(2)]
    for sender in senders:
        sender.start()
    wait_for(lambda: all(len(sender.acknowledged) >= 2 for sender in senders))
    clickhouse.kill()
    ready = [f"{satellite.url('admin_plain_port')}/_ready" for satellite in pool]
    wait_for(lambda: all(httpx.get(url).status_code == 503 for url in ready))
    refused = httpx.post(f"{urls[0]}/api/v2/spans", json=SPANS, timeout=60)
    assert refused.status_code == 503
    assert "does not answer" in refused.text
    assert "secret" not in refused.text
    clickhouse.start()
    wait_for(lambda: all(httpx.get(url).status_code == 200 for url in ready))
    go_on_a_little(senders)
    assert_all_is_there_once(pool[0], "stopped", senders)


def go_on_a_little(senders: list[Sender]) -> None:
    """Each has something more acknowledged, and ends."""
    counts = [len(sender.acknowledged) for sender in senders]
    wait_for(
        lambda: all(
            len(sender.acknowledged) > count + 1 for sender, count in zip(senders, counts, strict=True)
        )
    )
    for sender in senders:
        sender.ended.set()
    for sender in senders:
        sender.join()


def test_a_server_that_is_not_there_is_one_line(command: list[str]) -> None:
    url = "http://writer:pass9@127.0.0.1:1/satellite"
    tried = subprocess.run(
        [*command, "serve", "--set=store=clickhouse", f"--set=clickhouse_url={url}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert tried.returncode == 1
    assert "127.0.0.1:1/satellite does not answer: Connection refused" in tried.stderr
    assert tried.stderr.count("\n") <= 2
    assert "pass9" not in tried.stderr
