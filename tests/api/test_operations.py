"""Health, metrics, diagnostics and the start page, called without a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from satellite.api.operations import (
    Diagnostics,
    Listener,
    Setting,
    create_admin,
    create_explorer,
)
from satellite.api.traps import HINTS, LINES_REMEMBERED, TRAPS_REMEMBERED, Traps
from satellite.store import Ledger, ProjectStats

NOW_NS = 1_700_000_000 * 10**9


class Refusal(msgspec.Struct):
    time_ns: int = NOW_NS
    protocol: str = "lightstep"
    code: str = "access_denied"
    message: str = "unknown <access> token"
    peer: str = "10.0.0.1:5"


class Reporter(msgspec.Struct):
    id: str = "00000000000000ff"
    service: str = "<b>shop</b>"
    protocol: str = "lightstep"
    last_seen_ns: int = NOW_NS
    reports: int = 3
    spans: int = 30
    counters: dict[str, float] = msgspec.field(
        default_factory=lambda: {"spans.dropped": 12.0, "logs.dropped": 4}
    )
    gauges: dict[str, float] = msgspec.field(default_factory=lambda: {"<heap>": 0.5})


@dataclass
class FakeWriter:
    refusals: list[Refusal] = field(default_factory=lambda: [Refusal(message="first"), Refusal()])

    def reporters(self, project: str) -> Sequence[Any]:
        return [Reporter()] if project == "shop" else []


def diagnostics(**changes: Any) -> Diagnostics:
    ledger = Ledger(received=10, stored=5, dropped={"no_ids": 2, "duplicate": 1}, evicted=2, duplicates=1)
    known: dict[str, Any] = {
        "version": "1.2.3",
        "started_ns": NOW_NS,
        "clock_ns": lambda: NOW_NS,
        "why_not_ready": lambda: "",
        "projects": lambda: [ProjectStats("shop", 5, 4096, 3_725_000_000, 7, ledger)],
        "writer": FakeWriter(),
        "waiting_bytes": lambda: 17,
        "waiting_bytes_max": 1000,
        "token_mode": "open",
        "certificates": lambda: [
            {
                "role": "server",
                "subject": "CN=here",
                "names": ["localhost", "satellite"],
                "not_before": "2026-01-01",
                "not_after": "2027-01-01",
                "sha256": "AB:CD",
                "file": "server.pem",
            }
        ],
        "certificate_warnings": list,
        "certificate_notes": list,
        "traps": Traps(lambda: NOW_NS),
        "settings": [
            Setting("grpc_plain_port", 8184, "default"),
            Setting("access_tokens", {"tokens": 2}, "file"),
        ],
        "listeners": [Listener("grpc_secure_port", "reports over gRPC", "0.0.0.0:9292", 9292, tls=True)],
    }
    return Diagnostics(**(known | changes))


def get(app: Any, path: str, **how: Any) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://satellite") as client:
            return await client.get(path, **how)

    return asyncio.run(ask())


def admin(**changes: Any) -> Starlette:
    return create_admin(diagnostics(**changes), lambda accept: (f"for {accept}".encode(), "text/x-metrics"))


def explorer(**changes: Any) -> ASGIApp:
    async def projects(_: Request) -> PlainTextResponse:
        return PlainTextResponse("the API")

    api = Starlette(routes=[Route("/api/v1/projects", projects)])
    return create_explorer(diagnostics(**changes), api, lambda: b"the CA")


def test_ready() -> None:
    assert get(admin(), "/_ready").status_code == 200
    busy = get(admin(why_not_ready=lambda: "too many reports are waiting"), "/_ready")
    assert (busy.status_code, busy.text) == (503, "not ready: too many reports are waiting\n")


def test_ready_within_a_wait() -> None:
    reasons = iter(["starting", "starting", ""])
    for app in (admin, explorer):
        assert get(app(why_not_ready=lambda: next(reasons, "")), "/readyz?wait=10").text == "ready\n"
        assert get(app(), "/livez").text == "alive\n"
    for wait in ("-1", "61", "soon", "1" * 5000):
        assert get(admin(), f"/readyz?wait={wait}").status_code == 400


def test_live_says_nothing_of_readiness() -> None:
    assert get(admin(why_not_ready=lambda: "stopping"), "/_live").status_code == 200


def test_metrics() -> None:
    answer = get(admin(), "/metrics", headers={"accept": "text/plain"})
    assert (answer.text, answer.headers["content-type"]) == ("for text/plain", "text/x-metrics")


def test_nothing_else_at_the_admin_port() -> None:
    assert get(admin(), "/").status_code == 404


def test_diagnostics_as_json() -> None:
    traps = Traps(lambda: NOW_NS)
    traps.note("tls_client_on_plain_port", 8181, "10.0.0.9:1", "a TLS handshake began")
    parts = json.loads(get(explorer(traps=traps), "/diagnostics?format=json").content)
    assert parts["checks"] == {"ready": True, "alive": True, "configuration": True, "data": True}
    assert parts["listeners"][0]["port"] == 9292
    assert parts["certificates"][0]["sha256"] == "AB:CD"
    assert parts["settings"][1] == {"name": "access_tokens", "value": {"tokens": 2}, "origin": "file"}
    (project,) = parts["projects"]
    assert project["recall_window_us"] == 3_725_000_000
    assert project["ledger"]["dropped"] == {"no_ids": 2, "duplicate": 1}
    assert project["reporters"][0]["counters"]["spans.dropped"] == 12
    assert project["reporters"][0]["gauges"] == {"<heap>": 0.5}
    assert [refusal["message"] for refusal in parts["refusals"]] == ["unknown <access> token", "first"]
    assert parts["traps"]["counts"] == {"tls_client_on_plain_port": 1}
    assert parts["traps"]["last"][0]["peer"] == "10.0.0.9:1"
    assert parts["waiting"] == {"bytes": 17, "bytes_max": 1000}


def test_a_problem_fails_the_check_of_the_configuration() -> None:
    app = explorer(problems=["COLLECTOR_PROT: no such setting"], certificate_warnings=lambda: ["it expired"])
    parts = json.loads(get(app, "/diagnostics?format=json").content)
    assert parts["checks"]["configuration"] is False
    assert parts["problems"] == ["COLLECTOR_PROT: no such setting", "it expired"]


def test_the_explorers_port_has_the_api_and_the_ca() -> None:
    assert get(explorer(), "/api/v1/projects").text == "the API"
    assert get(explorer(), "/ca.pem").content == b"the CA"
    assert get(explorer(), "/elsewhere").status_code == 404
    without = create_explorer(diagnostics(), Starlette(), lambda: None)
    assert get(without, "/ca.pem").status_code == 404


def test_traps_are_a_line_per_kind_with_a_count() -> None:
    traps = Traps(lambda: NOW_NS)
    for number in range(3):
        traps.note("unknown_path", 8181, f"10.0.0.1:{number}", "POST /v1/trace", "POST /v1/traces")
    traps.note("unknown_path", 8181, "10.0.0.2:1", "POST /")
    first, second = traps.lines
    assert (first.detail, first.count, first.right) == ("POST /", 1, HINTS["unknown_path"])
    assert (second.count, second.peer, second.right) == (3, "10.0.0.1:2", "POST /v1/traces")
    page = get(explorer(traps=traps), "/diagnostics").text
    assert all(word in page for word in ("POST /v1/trace", "10.0.0.1:2", "8181"))
    for number in range(LINES_REMEMBERED + 10):
        traps.note("unknown_path", 8181, "10.0.0.3:1", f"POST /{number}")
    assert len(traps.lines) == LINES_REMEMBERED
    assert traps.counts["unknown_path"] == LINES_REMEMBERED + 14


def test_traps_count_all_and_remember_the_last() -> None:
    traps = Traps(lambda: NOW_NS)
    for number in range(TRAPS_REMEMBERED + 10):
        traps.note("not_http", 8181, f"10.0.0.1:{number}", "")
    assert traps.counts["not_http"] == TRAPS_REMEMBERED + 10
    assert len(traps.last) == TRAPS_REMEMBERED
    assert traps.last[-1].peer == f"10.0.0.1:{TRAPS_REMEMBERED + 9}"


def test_what_certificates_lack_is_a_note_and_no_problem() -> None:
    parts = json.loads(
        get(explorer(certificate_notes=lambda: ["no CA to offer"]), "/diagnostics?format=json").content
    )
    assert (parts["checks"]["configuration"], parts["problems"], parts["notes"]) == (
        True,
        [],
        ["no CA to offer"],
    )
