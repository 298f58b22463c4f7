"""What came to the wrong place is taken for what it means, or told what would be right."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from satellite.edges.other_requests import ReportsElsewhere
from satellite.edges.paths import Paths
from satellite.protocols import PROTOCOLS
from tests.cases import case
from tests.edges.reports_app import Edge


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/v1/traces/", "/v1/traces"),
        ("//v1/traces", "/v1/traces"),
        ("/v1//traces//", "/v1/traces"),
        ("/v1/traces/v1/traces", "/v1/traces"),
        ("/v1/traces//v1/traces/", "/v1/traces"),
        ("/v1/traces/v1/metrics", "/v1/metrics"),
        ("/api/v2/spans/", "/api/v2/spans"),
        ("/api/v2/spans/api/v2/spans", "/api/v2/spans"),
        ("/api/traces/", "/api/traces"),
        ("/api/v2/reports/", "/api/v2/reports"),
        ("/api/v2/reports/api/v2/reports", "/api/v2/reports"),
        ("/v0.4/traces/", "/v0.4/traces"),
    ],
)
def test_slips_of_a_path_are_taken(path: str, meant: str) -> None:
    paths = Paths(PROTOCOLS)
    assert paths.find("POST", path) == paths.find("POST", meant)
    assert (found := paths.find("POST", path)) is not None
    assert found[0] == meant
    edge = Edge(protocols=PROTOCOLS)
    assert edge.must_ask(path=path, method="OPTIONS").status == 200
    assert edge.must_ask(path=path, method="GET").status == 405
    [trap] = edge.trapped
    assert (trap[0], trap[3]) == ("wrong_method", f"GET {path}")
    assert trap[4].startswith(f"{meant} takes ")


@pytest.mark.parametrize(
    ("method", "path", "right"),
    [
        ("POST", "/v1/trace", "POST /v1/traces takes otlp"),
        ("POST", "/V1/Traces", "POST /v1/traces takes otlp"),
        ("POST", "/otlp/v1/traces", "POST /v1/traces takes otlp"),
        ("POST", "/api/v2/span", "POST /api/v2/spans takes zipkin"),
        ("POST", "/", "reports go to /v1/traces (otlp"),
        ("GET", "/", "reports go to /v1/traces (otlp"),
        ("POST", "/nothing/like/it/at/all", "reports go to /v1/traces (otlp"),
        ("GET", "/_ready", "admin port"),
        ("GET", "/api/v1/projects", "Explorer's port"),
        ("POST", "/lightstep.collector.CollectorService/Report", "gRPC"),
    ],
)
def test_other_paths_are_named_with_what_would_be_right(method: str, path: str, right: str) -> None:
    edge = Edge(protocols=PROTOCOLS)
    answer = edge.must_ask(path=path, method=method)
    [(kind, port, peer, came, said)] = edge.trapped
    assert (answer.status, kind, port, peer) == (404, "unknown_path", 8181, "10.1.2.3:4567")
    assert came.startswith(f"{method} {path}")
    assert right in said
    assert right in answer.body.decode()


def test_what_was_asked_in_vain_is_known_before_it_is_answered() -> None:
    edge = Edge(protocols=PROTOCOLS)
    asked = [
        edge.must_ask(path="/nothing").status,
        edge.must_ask(path="/v1/traces", method="GET").status,
        edge.must_ask(b"x", path="/v1/traces", headers={"content-type": "text/csv"}).status,
    ]
    assert (asked, edge.in_vain) == ([404, 405, 400], [(8181, "10.1.2.3:4567")] * 3)
    edge = Edge(protocols=PROTOCOLS, reading_bytes_max=10)
    assert edge.must_ask(b"", path="/v1/traces").status == 200
    assert edge.must_ask(b"", path="/v1/traces", method="OPTIONS").status == 200
    assert edge.must_ask(b"x" * 11, path="/v1/traces").status == 503
    assert not edge.in_vain


def test_a_path_is_compared_with_ours_only_when_it_may_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []

    def get_close_matches(word: str, *_: Any) -> list[str]:
        compared.append(word)
        return []

    monkeypatch.setattr("satellite.edges.paths.get_close_matches", get_close_matches)
    Edge(protocols=PROTOCOLS).must_ask(path="/v1/trace")
    assert Edge(protocols=PROTOCOLS).must_ask(path="/" + "a/" * 30_000).status == 404
    assert compared == ["/v1/trace"]


def test_a_path_is_shown_short_and_printable_and_without_its_query() -> None:
    edge = Edge(protocols=PROTOCOLS)
    edge.must_ask(path="/\x1b[31m" + "x" * 500, query=b"token=secret")
    [(_, _, _, came, _)] = edge.trapped
    assert len(came) <= 100
    assert came.isprintable()
    assert "secret" not in came


def test_wrong_forms_are_named() -> None:
    edge = Edge(protocols=PROTOCOLS)
    assert edge.must_ask(b"x", path="/v1/traces", headers={"content-type": "text/csv"}).status == 400
    assert edge.must_ask(b"x", path="/v1/traces", headers={"content-encoding": "br"}).status == 400
    content, encoding = edge.trapped
    assert (content[0], content[3]) == ("wrong_content_type", "text/csv at /v1/traces")
    assert "application/json" in content[4]
    assert (encoding[0], encoding[3]) == ("wrong_content_encoding", "br at /v1/traces")
    assert "gzip" in encoding[4]


@pytest.mark.parametrize(
    ("name", "title", "right"),
    [
        ("otlp-logs.json", "logs at /v1/traces", "POST /v1/logs"),
        ("otlp-metrics.json", "metrics at /v1/traces", "POST /v1/metrics"),
        ("zipkin-plain.json", "Zipkin's JSON at /v1/traces", "POST /api/v2/spans"),
        (
            "jaeger-ui-download.json",
            "Jaeger's JSON at /v1/traces",
            "no path takes it; `satellite import` does",
        ),
        ("lightstep-python-error.json", "LightStep's reports as JSON at /v1/traces", "POST /api/v2/reports"),
    ],
)
def test_bodies_of_another_protocol_are_named(name: str, title: str, right: str) -> None:
    edge = Edge(protocols=PROTOCOLS)
    edge.must_ask(case(name), path="/v1/traces", headers={"content-type": "application/json"})
    assert [(trap[0], trap[3], trap[4]) for trap in edge.trapped] == [("wrong_protocol", title, right)]


def test_reports_at_a_port_that_takes_none_are_told_where_to_go() -> None:
    trapped: list[tuple[Any, ...]] = []
    sent: list[MutableMapping[str, Any]] = []

    async def other(scope: Any, receive: Any, send: Any) -> None:
        sent.append({"other": scope["path"]})

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.disconnect"}

    app = ReportsElsewhere(other, Paths(PROTOCOLS), lambda *trap: trapped.append(trap), lambda: "go to 8181")
    scope = {"type": "http", "headers": [], "client": ("10.0.0.1", 5), "server": ("x", 8000)}
    for method, path in (("POST", "/v1/traces/"), ("GET", "/metrics"), ("POST", "/api/v1/projects/p/mark")):
        asyncio.run(app(scope | {"method": method, "path": path}, receive, send))
    assert [message.get("status") or message.get("other") for message in sent if "body" not in message] == [
        404,
        "/metrics",
        "/api/v1/projects/p/mark",
    ]
    assert trapped == [("report_at_wrong_port", 8000, "10.0.0.1:5", "POST /v1/traces/", "go to 8181")]
