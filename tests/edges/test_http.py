"""The HTTP edge for reports, called as an ASGI application: no sockets."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from dataclasses import replace
from typing import Any

import pytest

from satellite.edges.compression import INFLATE_IN_THREAD_BYTES
from satellite.errors import AccessDenied, BadReport, Overloaded, SatelliteError, TooLarge
from satellite.protocols import PROTOCOLS
from satellite.protocols.lightstep.protobuf import PROTOCOL
from satellite.protocols.otlp import protobuf as otlp
from satellite.protocols.wire import Reply
from tests.cases import case
from tests.edges.reports_app import LIMIT, NOW_NS, Edge, FakeIntake


@pytest.mark.parametrize("path", ["/api/v2/reports", "/api/v2/report"])
@pytest.mark.parametrize(
    "content_type", ["application/octet-stream", "application/x-protobuf; v=1", "Application/Protobuf", None]
)
def test_a_report_is_handed_on_and_answered(path: str, content_type: str | None) -> None:
    edge = Edge()
    headers = {"Lightstep-Access-Token": "the token"} | (
        {"Content-Type": content_type} if content_type else {}
    )
    answer = edge.must_ask(b"one ", b"", b"two", path=path, headers=headers)
    assert answer.status == 200
    assert answer.response().receive_timestamp.ToNanoseconds() == NOW_NS
    assert edge.intake.came == [(b"one two", "the token", "10.1.2.3:4567")]


def test_an_empty_report() -> None:
    edge = Edge()
    assert edge.must_ask(b"").status == 200
    assert edge.intake.came == [(b"", "", "10.1.2.3:4567")]


@pytest.mark.parametrize("size", [10, 50_000, LIMIT])
@pytest.mark.parametrize("content_type", ["application/octet-stream", ""])
def test_gzip(size: int, content_type: str) -> None:
    edge = Edge()
    body = bytes(i * i % 251 for i in range(size))
    packed = gzip.compress(body, 0 if size == 50_000 else 9)
    headers = {"Content-Encoding": "gzip"} | ({"Content-Type": content_type} if content_type else {})
    assert edge.must_ask(packed[:7], packed[7:], headers=headers).status == 200
    assert edge.intake.came[0][0] == body


@pytest.mark.parametrize(
    "body",
    [
        b"no gzip at all",
        gzip.compress(b"cut off" * 99)[:-9],
        gzip.compress(b"x")[:-3],
        b"",
        gzip.compress(b"x") + b"?",
    ],
    ids=["no gzip", "cut off", "without its end", "empty", "more behind it"],  # gzip has the time in it
)
def test_a_body_that_is_not_what_its_encoding_says(body: bytes) -> None:
    edge = Edge()
    answer = edge.must_ask(body, headers={"Content-Encoding": "gzip"})
    if body:
        assert answer.status == 400
        assert "gzip" in answer.response().errors[0]
        assert edge.refusals() == ["bad_report"]
    else:  # some clients compress nothing to nothing
        assert answer.status == 200


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip"])
def test_other_encodings(encoding: str) -> None:
    edge = Edge()
    answer = edge.must_ask(b"x", headers={"Content-Encoding": encoding})
    assert (answer.status, edge.refusals(), edge.intake.came) == (400, ["bad_report"], [])
    assert encoding in answer.response().errors[0]


def test_the_wrong_content_type_is_named_in_the_protocols_own_words() -> None:
    edge = Edge()
    answer = edge.must_ask(b"{}", headers={"Content-Type": "text/html; charset=utf-8"})
    assert answer.status == 400
    assert "text/html" in answer.response().errors[0]
    assert edge.intake.refused[0][0] == "lightstep"
    assert edge.intake.refused[0][2] == "10.1.2.3:4567"


class TestTooLarge:
    def test_by_its_announced_length_nothing_is_read(self) -> None:
        edge = Edge()
        answer = edge.must_ask(b"x", headers={"Content-Length": str(LIMIT + 1)})
        assert (answer.status, edge.refusals(), edge.read) == (413, ["too_large"], 0)
        assert str(LIMIT) in answer.response().errors[0]
        assert "connection" not in answer.headers

    def test_for_a_busy_intake_nothing_is_read(self) -> None:
        edge = Edge(FakeIntake(bytes_max=LIMIT // 2))
        headers = {"Content-Length": str(LIMIT // 2 + 1)}
        answer = edge.must_ask(b"x", headers=headers)
        assert (answer.status, edge.refusals(), edge.read) == (503, ["overloaded"], 0)
        assert (answer.headers["retry-after"], "connection" in answer.headers) == ("1", False)
        assert (
            edge.must_ask(b"x", headers=headers | {"Expect": "100-continue"}).headers["connection"] == "close"
        )
        assert edge.must_ask(b"x" * 10, headers={"Content-Length": "10"}).status == 200

    def test_a_client_that_waits_for_100_is_told_that_the_connection_ends(self) -> None:
        answer = Edge().must_ask(b"x", headers={"Content-Length": str(LIMIT + 1), "Expect": "100-continue"})
        assert (answer.status, answer.headers["connection"]) == (413, "close")

    def test_by_its_chunks_only_as_much_as_the_limit_is_read(self) -> None:
        edge = Edge()
        answer = edge.must_ask(*[b"x" * 40_000] * 10)
        assert (answer.status, edge.refusals(), edge.read) == (413, ["too_large"], 3)

    def test_after_decompression(self) -> None:
        edge = Edge()
        for size in (LIMIT + 1, 5_000_000, 50_000_000):
            packed = gzip.compress(bytes(size))
            assert edge.must_ask(packed, headers={"Content-Encoding": "gzip"}).status == 413
        assert edge.intake.came == []

    def test_the_limit_itself_is_fine(self) -> None:
        assert Edge().must_ask(bytes(LIMIT), headers={"Content-Length": str(LIMIT)}).status == 200


def test_too_much_at_once_is_told_to_try_again_in_plain_text() -> None:
    edge = Edge(reading_bytes_max=50_000)
    answer = edge.must_ask(b"x" * 40_000, b"x" * 20_000)
    assert (answer.status, edge.refusals()) == (503, ["overloaded"])
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (BadReport("no report"), 400),
        (AccessDenied("unknown access token"), 400),
        (TooLarge("too many spans"), 413),
        (Overloaded("try again"), 503),
    ],
)
def test_the_intakes_refusals(refusal: SatelliteError, status: int) -> None:
    edge = Edge(FakeIntake(refusal))
    answer = edge.must_ask(b"x")
    assert answer.status == status
    assert ("retry-after" in answer.headers) == (status == 503)
    assert edge.told_later == (status == 503)
    assert edge.intake.refused == []  # it has counted them itself
    if status != 503:
        assert answer.response().errors == [refusal.message]


def test_where_what_is_held_of_it_has_no_room_it_is_told_at_once_to_come_later() -> None:
    edge = Edge(FakeIntake(Overloaded("try again")), later_wait_seconds=3600, held_bytes=LIMIT + 1)
    edge.reading_bytes_max = LIMIT
    assert edge.must_ask(b"x").status == 503


def test_whoever_is_about_to_be_told_to_come_later_is_told_when_the_satellite_stops() -> None:
    edge = Edge(FakeIntake(Overloaded("try again")), later_wait_seconds=3600)

    async def run() -> list[Any]:
        sent: list[Any] = []
        asked = asyncio.Event()

        def wait() -> float:
            asked.set()
            return 3600

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"x"}

        async def send(message: Any) -> None:
            sent.append(message)

        edge.later = wait  # type: ignore[method-assign]
        task = asyncio.ensure_future(edge.app()(edge.scope(), receive, send))
        await asked.wait()
        assert not sent
        task.cancel()
        await task
        return sent

    assert asyncio.run(run())[0]["status"] == 503


def test_a_client_that_leaves_is_counted_and_not_answered() -> None:
    edge = Edge()
    assert edge.ask(b"half of", gone=True) is None
    assert edge.aborted == [(8181, "10.1.2.3:4567")]
    assert (edge.intake.came, edge.intake.refused) == ([], [])


def test_other_paths_and_methods() -> None:
    edge = Edge()
    assert edge.must_ask(path="/").status == 404
    for method in ("GET", "PUT", "HEAD"):
        answer = edge.must_ask(method=method)
        assert (answer.status, answer.headers["allow"]) == (405, "POST, OPTIONS")
    assert edge.must_ask(path="/ca.pem").status == 405
    ca = edge.must_ask(method="GET", path="/ca.pem")
    assert (ca.status, ca.headers["content-type"], ca.body) == (200, "application/x-pem-file", b"the CA")


def test_a_browser_may_ask_first() -> None:
    answer = Edge().must_ask(
        method="OPTIONS",
        headers={
            "Origin": "https://shop.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type,lightstep-access-token",
        },
    )
    assert answer.status == 200
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == "content-type,lightstep-access-token"


def test_preflight_from_a_public_page_to_this_machine() -> None:
    answer = Edge().must_ask(method="OPTIONS", headers={"Access-Control-Request-Private-Network": "true"})
    assert answer.headers["access-control-allow-private-network"] == "true"
    assert "access-control-allow-private-network" not in Edge().must_ask(method="OPTIONS").headers


def test_the_body_of_a_get_is_its_query_string() -> None:
    protocol = replace(PROTOCOL, http_routes=(("GET", "/uri"),), content_types=())
    edge = Edge(protocols=[protocol])
    answer = edge.must_ask(
        method="GET", path="/uri", query=b"report=%7B%7D&auth=x", headers={"Content-Type": "text/html"}
    )
    assert answer.status == 200
    assert edge.intake.came == [(b"report=%7B%7D&auth=x", "", "10.1.2.3:4567")]
    assert edge.must_ask(method="OPTIONS", path="/uri").headers["allow"] == "GET, OPTIONS"


def test_a_query_string_after_a_path_is_nothing() -> None:
    edge = Edge()
    assert edge.must_ask(b"x", query=b"format=any").status == 200
    assert edge.intake.came[0][0] == b"x"


def test_gzip_that_nobody_mentioned() -> None:
    edge = Edge()
    assert edge.must_ask(gzip.compress(b"hello")).status == 200
    assert edge.intake.came[0][0] == b"hello"


def test_paths_are_shared_by_content_type() -> None:
    other = replace(
        PROTOCOL, name="other", content_types=("application/json",), encode=lambda *_: Reply(202, "a/b", b"!")
    )
    edge = Edge(protocols=[PROTOCOL, other])
    assert edge.must_ask(b"{}", headers={"Content-Type": "application/json"}).status == 202
    assert edge.must_ask(b"", headers={"Content-Type": "application/octet-stream"}).status == 200
    assert edge.must_ask(b"").status == 200
    assert edge.must_ask(b"", headers={"Content-Type": "x/y"}).status == 400
    assert edge.intake.refused[0][0] == "lightstep"


@pytest.mark.parametrize("status", [429, 503])
def test_when_to_come_back(status: int) -> None:
    busy = replace(PROTOCOL, encode=lambda *_: Reply(status, "a/b", b""))
    assert Edge(protocols=[busy]).must_ask(b"x").headers["retry-after"] == "1"


class TestCompressed:
    def test_a_large_body_is_the_same_in_a_thread(self) -> None:
        body = zlib.compressobj(0, wbits=31)
        packed = body.compress(bytes(range(256)) * 100) + body.flush()
        assert len(packed) > INFLATE_IN_THREAD_BYTES
        edge = Edge()
        assert edge.must_ask(packed, headers={"Content-Encoding": "gzip"}).status == 200
        assert edge.intake.came[0][0] == bytes(range(256)) * 100


@pytest.mark.parametrize("encoding", ["zstd", "deflate"])
def test_what_the_collector_compresses_is_taken(encoding: str) -> None:
    edge = Edge(protocols=PROTOCOLS)
    headers = {"content-type": "application/x-protobuf", "content-encoding": encoding}
    body = case(f"clients/otelcol-0.139.0-otlp.{encoding}")
    assert edge.must_ask(body, path="/v1/traces", headers=headers).status == 200
    [(inflated, _, _)] = edge.intake.came
    [span] = otlp.PROTOCOL.decode([inflated], NOW_NS).batch.spans()
    assert (span.operation, len(span.logs), len(span.references)) == ("buy", 1, 1)


def test_a_compression_that_cannot_be_read_is_refused_in_words_and_counted() -> None:
    edge = Edge(protocols=PROTOCOLS)
    headers = {"content-type": "application/json", "content-encoding": "br"}
    answer = edge.must_ask(b"x", path="/v1/traces", headers=headers)
    assert answer.status == 400
    assert all(name in answer.body.decode() for name in ("br", "gzip", "zstd", "deflate", "snappy", "lz4"))
    assert edge.refusals() == ["bad_report"]
    assert [trap[0] for trap in edge.trapped] == ["wrong_content_encoding"]
