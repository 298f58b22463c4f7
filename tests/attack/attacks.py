"""The attacks: each sends bad things to a satellite for a while; `run` watches what it does to everybody else."""

from __future__ import annotations

import gzip
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx

from satellite import Satellite

SENDERS = 4
PROTOBUF = {"content-type": "application/octet-stream", "lightstep-access-token": "attacker"}
SMALL = {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "1" * 32, "spanId": "2" * 16}]}]}]}

Attack = Callable[[Satellite, httpx.Client], int]
"""Does it once; the HTTP status of the answer."""


def _posted(path: str, body: bytes) -> Attack:
    packed = gzip.compress(body, 1)
    headers = PROTOBUF | {"content-encoding": "gzip"}
    if path.startswith("/v1/"):
        headers["content-type"] = "application/x-protobuf"
    return lambda satellite, client: (
        client.post(f"{satellite.http_url}{path}", content=packed, headers=headers).status_code
    )


def _members(satellite: Satellite, client: httpx.Client) -> int:
    body = gzip.compress(b"") * 60_000
    headers = PROTOBUF | {"content-encoding": "gzip"}
    return client.post(f"{satellite.http_url}/api/v2/reports", content=body, headers=headers).status_code


def _asked(satellite: Satellite, client: httpx.Client) -> int:
    query = '"guid:x" MATCHES REGEXP ("(a|b|ab)*c")'
    url = f"{satellite.url}/api/v1/projects/victim/suggest"
    return client.get(url, params={"kind": "key", "query": query}).status_code


def _rebound(satellite: Satellite, client: httpx.Client) -> int:
    url = f"{satellite.url}/api/v1/projects/victim/reset"
    return client.post(url, headers={"host": "evil.example", "origin": "http://evil.example"}).status_code


def _different_tags(count: int) -> bytes:
    """Spans of 200 tags each, all of them different and written value first."""
    spans = []
    for first in range(0, count, 200):
        tags = b"".join(b"\x32\x0b\x12\x06%06d\x0a\x01k" % number for number in range(first, first + 200))
        span = b"\x0a\x04\x08\x01\x10\x02" + tags
        spans.append(b"\x1a%c%c" % (len(span) & 127 | 128, len(span) >> 7) + span)
    return b"".join(spans)


_MIB = 2**20
ATTACKS: dict[str, Attack] = {
    "groups": _posted("/api/v2/reports", b"\x0b" * (8 * _MIB)),
    "groups in OTLP": _posted("/v1/traces", b"\x08\x01\x0b" * (2 * _MIB)),
    "empty spans": _posted("/api/v2/reports", b"\x1a\x00" * (8 * _MIB)),
    "empty resources": _posted("/v1/traces", b"\x0a\x00" * (8 * _MIB)),
    "different tags": _posted("/api/v2/reports", _different_tags(200_000)),
    "gzip members": _members,
    "questions": _asked,
    "another site": _rebound,
}


@dataclass
class Outcome:
    """What an attack did."""

    sent: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    slowest_live_seconds: float = 0.0
    slowest_report_seconds: float = 0.0
    reports: int = 0
    resident_bytes: int = 0


def run(name: str, seconds: float) -> Outcome:
    """One attack by some senders, while somebody else reports one span after another and asks `/_live`."""
    outcome = Outcome()
    over = threading.Event()

    def attack(satellite: Satellite) -> None:
        with httpx.Client(timeout=120, trust_env=False) as client:
            while not over.is_set():
                status = ATTACKS[name](satellite, client)
                outcome.statuses[status] += 1
                outcome.sent += 1

    with (
        Satellite() as satellite,
        ThreadPoolExecutor(SENDERS) as senders,
        httpx.Client(timeout=120, trust_env=False) as victim,
    ):
        attacks = [senders.submit(attack, satellite) for _ in range(SENDERS)]
        until = time.monotonic() + seconds
        try:
            while time.monotonic() < until or not outcome.sent:
                began = time.monotonic()
                assert victim.get(f"{satellite.admin_url}/_live").status_code == 200
                asked = time.monotonic()
                headers = {"lightstep-access-token": "victim"}
                answer = victim.post(f"{satellite.http_url}/v1/traces", json=SMALL, headers=headers)
                assert answer.status_code == 200, answer.text
                outcome.reports += 1
                outcome.slowest_live_seconds = max(outcome.slowest_live_seconds, asked - began)
                outcome.slowest_report_seconds = max(outcome.slowest_report_seconds, time.monotonic() - asked)
                outcome.resident_bytes = max(outcome.resident_bytes, _resident_bytes())
        finally:
            over.set()
        for one in attacks:
            one.result()
        for project in satellite.client.projects():
            ledger = project["ledger"]
            dropped = sum(ledger["dropped"].values())
            assert ledger["received"] == ledger["stored"] + dropped + ledger["evicted"], ledger
    return outcome


def _resident_bytes() -> int:
    with open("/proc/self/statm") as file:  # noqa: PTH123 - nothing to name
        return int(file.read().split()[1]) * 4096
