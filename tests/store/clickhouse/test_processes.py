"""Real processes of `satellite serve` with store = clickhouse: killed, started again, two on one folder, looked after."""

from __future__ import annotations

import subprocess
from pathlib import Path

import httpx

from tests.processes import Process
from tests.test_crash import PROJECTS, SENDERS, Sender, check

SPANS = [
    {
        "traceId": f"{i + 1:016x}",
        "id": f"{i + 1:016x}",
        "name": "buy",
        "timestamp": 1_700_000_000_000_000,
        "duration": 1_000 * (i + 1),
        "localEndpoint": {"serviceName": "shop"},
        "tags": {"number": str(i)},
    }
    for i in range(20)
]


def test_nothing_acknowledged_is_missing_after_kill_9(command: list[str], tmp_path: Path) -> None:
    settings = {"command": command, "store": "clickhouse", "clickhouse_url": f"chdb://{tmp_path}"}
    with Process(**settings) as satellite:
        url = satellite.url("http_plain_port")
        assert httpx.post(
            f"{url}/api/v2/spans", json=SPANS, timeout=300
        ).is_success  # the first takes longest
        senders = [Sender(url, PROJECTS[number % 2], number * 10_000_000, []) for number in range(SENDERS)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.has_some.wait()
        satellite.kill()
        for sender in senders:
            sender.join()
    acknowledged: dict[str, set[int]] = {project: set() for project in PROJECTS}
    for number, sender in enumerate(senders):
        assert len(sender.acknowledged) >= 3
        acknowledged[PROJECTS[number % 2]] |= set(sender.acknowledged)
    with Process(**settings) as satellite:
        check(satellite, acknowledged, dict.fromkeys(PROJECTS, 0))


def test_a_folder_is_one_satellite_s_and_is_looked_after(command: list[str], tmp_path: Path) -> None:
    url = f"chdb://{tmp_path}"
    settings = ["--set=store=clickhouse", f"--set=clickhouse_url={url}"]
    with Process(command=command, store="clickhouse", clickhouse_url=url) as satellite:
        sent = httpx.post(f"{satellite.url('http_plain_port')}/api/v2/spans", json=SPANS, timeout=300)
        assert sent.is_success
        second = subprocess.run([*command, "serve", *settings], capture_output=True, text=True, check=False)
        assert second.returncode == 1
        assert second.stderr.count("\n") <= 3
        assert "cannot be opened" in second.stderr
        answer = httpx.get(
            f"{satellite.url('explorer_port')}/api/v1/projects/default/spans",
            params={"query": '"number" IN ("7")'},
            timeout=300,
        )
        assert [span["duration_us"] for span in answer.json()["spans"]] == [8_000]
        assert satellite.stop() == 0
    checked = subprocess.run(
        [*command, "data", "check", str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert "default: 20 spans" in checked.stdout
    assert checked.stdout.endswith("all is whole\n")
