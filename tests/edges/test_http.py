"""The HTTP edge for reports, called as an ASGI application: no sockets."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from satellite.edges.budget import ReadingBudget
from satellite.edges.compression import INFLATE_IN_THREAD_BYTES
from satellite.edges.http import ReportsApp
from satellite.edges.http1 import UNREAD
from satellite.edges.other_requests import ReportsElsewhere
from satellite.edges.pace import PACE, Pace
from satellite.edges.paths import Paths
from satellite.errors import AccessDenied, BadReport, Overloaded, SatelliteError, TooLarge
from satellite.faults.book import Faults
from satellite.intake.head import NOWHERE, Head
from satellite.model.report import Receipt
from satellite.pb.lightstep_collector_pb2 import ReportResponse
from satellite.protocols import PROTOCOLS
from satellite.protocols.lightstep.protobuf import PROTOCOL
from satellite.protocols.otlp import protobuf as otlp
from satellite.protocols.wire import Reply, WireProtocol
from tests.cases import case

PATH = "/api/v2/reports"
LIMIT = 100_000
NOW_NS = 1_700_000_000_000_000_000


@dataclass
class FakeIntake:
    """Remembers what came, answers as told."""

    refusal: SatelliteError | None = None
    came: list[tuple[bytes, str, str]] = field(default_factory=list)
    refused: list[tuple[str, SatelliteError, str]] = field(default_factory=list)

    async def submit(
        self,
        protocol: WireProtocol,
        body: bytes,
        *,
        header_token: str = "",
        peer: str = "",
        head: Head = NOWHERE,
        fences: int | None = None,
    ) -> Receipt:
        self.came.append((body, header_token, peer))
        return Receipt(NOW_NS, NOW_NS + 1000, refusal=self.refusal)

    def refuse(self, protocol: str, error: SatelliteError, *, size_bytes: int = 0, peer: str = "") -> None:
        self.refused.append((protocol, error, peer))


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def response(self) -> ReportResponse:
        assert self.headers["content-type"] == "application/octet-stream"
        return ReportResponse.FromString(self.body)


@dataclass
class Edge:
    """The application, and what it told."""

    intake: FakeIntake = field(default_factory=FakeIntake)
    reading_bytes_max: int = 10 * LIMIT
    protocols: Sequence[WireProtocol] = (PROTOCOL,)
    trapped: list[tuple[str, int, str, str, str]] = field(default_factory=list)
    in_vain: list[tuple[int, str]] = field(default_factory=list)
    read: int = 0
    """How many times a body's next part was asked for."""

    def ask(
        self,
        *parts: bytes,
        method: str = "POST",
        path: str = PATH,
        headers: dict[str, str] | None = None,
        query: bytes = b"",
        gone: bool = False,
        unread: tuple[bytes, bool] = (b"", False),
    ) -> Answer | None:
        """One request in these parts; with `gone` the client leaves after them, and after what is `unread`."""
        messages: list[MutableMapping[str, Any]] = [
            {"type": "http.request", "body": part, "more_body": gone or i < len(parts) - 1}
            for i, part in enumerate(parts or (b"",))
        ]
        if gone:
            messages.append({"type": "http.disconnect"})
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
            "query_string": query,
            "client": ("10.1.2.3", 4567),
            "server": ("10.9.9.9", 8181),
            "extensions": {UNREAD: lambda: unread, PACE: Pace(lambda: 0.0)},
        }
        sent: list[MutableMapping[str, Any]] = []

        async def receive() -> MutableMapping[str, Any]:
            self.read += 1
            return messages.pop(0)

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        asyncio.run(self.app()(scope, receive, send))
        if not sent:
            return None
        start, body = sent
        answer_headers = {name.decode(): value.decode() for name, value in start["headers"]}
        assert int(answer_headers["content-length"]) == len(body["body"])
        return Answer(start["status"], answer_headers, body["body"])

    def app(self, pause_seconds: float = 10) -> ReportsApp:
        return ReportsApp(
            self.intake,
            protocols=self.protocols,
            clock_ns=lambda: NOW_NS,
            body_bytes_max=LIMIT,
            budget=ReadingBudget(self.reading_bytes_max),
            ca_pem=lambda: b"the CA",
            on_trap=lambda *trap: self.trapped.append((*trap, "")[:5]),
            vain_wait_seconds=self.vain_wait_seconds,
            faults=Faults(lambda: 0),
            pause_seconds=pause_seconds,
        )

    def vain_wait_seconds(self, port: int, peer: str) -> float:
        self.in_vain.append((port, peer))
        return 0.001

    def must_ask(self, *parts: bytes, **how: Any) -> Answer:
        answer = self.ask(*parts, **how)
        assert answer is not None
        return answer

    @property
    def aborted(self) -> list[tuple[int, str]]:
        return [(port, peer) for kind, port, peer, *_ in self.trapped if kind == "left_in_mid_report"]

    def refusals(self) -> list[str]:
        return [error.code for _, error, _ in self.intake.refused]


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
    assert edge.intake.refused == []  # it has counted them itself
    if status != 503:
        assert answer.response().errors == [refusal.message]


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


HEAD = bytes.fromhex("0a02080712050a03746f6b321322110a0d7370616e732e64726f707065641000")
SPAN = bytes.fromhex("1a090a0408011002120161")


class Stream:
    """A chunked body whose next part comes when the test says so."""

    def __init__(self, **edge: Any) -> None:
        self.edge = Edge(**edge)
        self.messages: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
        self.sent: list[MutableMapping[str, Any]] = []
        self.came = asyncio.Event()
        self.asked = 0
        self.taken_apart = asyncio.Event()
        """When it is read again after the pause that followed its first part."""
        self.unread = (b"", False)
        submit = self.edge.intake.submit

        async def submitted(*args: Any, **how: Any) -> Receipt:
            receipt = await submit(*args, **how)
            self.came.set()
            return replace(receipt, stored=1, dropped={"no_ids": 1}, warnings=["w"])

        self.edge.intake.submit = submitted  # type: ignore[method-assign]

    def write(self, part: bytes, *, last: bool = False) -> None:
        self.messages.put_nowait({"type": "http.request", "body": part, "more_body": not last})

    def leave(self, unread: bytes = b"", *, complete: bool = False) -> None:
        self.unread = (unread, complete)
        self.messages.put_nowait({"type": "http.disconnect"})

    async def answer(self) -> None:
        async def receive() -> MutableMapping[str, Any]:
            self.asked += 1
            if self.asked == 3:
                self.taken_apart.set()
            return await self.messages.get()

        async def send(message: MutableMapping[str, Any]) -> None:
            self.sent.append(message)

        scope = {
            "method": "POST",
            "path": PATH,
            "headers": [(b"transfer-encoding", b"chunked")],
            "query_string": b"",
            "client": ("10.1.2.3", 4567),
            "server": ("10.9.9.9", 8181),
            "extensions": {UNREAD: lambda: self.unread, PACE: Pace(lambda: 0.0)},
        }
        await self.edge.app(pause_seconds=0.001)(scope, receive, send)

    def headers(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])

    def bodies(self) -> list[bytes]:
        return [body for body, _, _ in self.edge.intake.came]


class TestStreamingUpload:
    def test_spans_are_handed_over_before_the_body_ends(self) -> None:
        async def run() -> Stream:
            upload = Stream()
            async with asyncio.TaskGroup() as tasks:
                upload.write(HEAD)
                answered = tasks.create_task(upload.answer())
                for _ in range(2):
                    upload.came.clear()
                    upload.write(SPAN)
                    await upload.came.wait()
                    assert not answered.done()
                upload.write(b"", last=True)
            return upload

        upload = asyncio.run(run())
        assert upload.bodies() == [HEAD + SPAN, HEAD[:11] + SPAN]
        assert upload.sent[0]["status"] == 200
        assert upload.headers()[b"connection"] == b"close"
        assert ReportResponse.FromString(upload.sent[1]["body"]).warnings == ["w", "w"]

    def test_without_a_pause_it_is_one_report(self) -> None:
        async def run() -> Stream:
            upload = Stream()
            for part in (HEAD, SPAN, SPAN):
                upload.write(part)
            upload.write(b"", last=True)
            await upload.answer()
            return upload

        upload = asyncio.run(run())
        assert upload.bodies() == [HEAD + SPAN + SPAN]
        assert b"connection" not in upload.headers()

    def test_a_stream_without_spans(self) -> None:
        async def run() -> Stream:
            upload = Stream()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(upload.answer())
                upload.write(HEAD)
                await upload.taken_apart.wait()
                upload.write(b"", last=True)
            return upload

        upload = asyncio.run(run())
        assert (upload.bodies(), upload.sent[0]["status"]) == ([HEAD], 200)

    @pytest.mark.parametrize("unread", [b"", SPAN, SPAN + SPAN[:5]])
    def test_a_stream_that_is_cut_off_keeps_its_complete_spans(self, unread: bytes) -> None:
        async def run() -> Stream:
            upload = Stream()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(upload.answer())
                upload.write(HEAD + SPAN + SPAN[:-1])
                await upload.came.wait()
                upload.leave(SPAN[-1:] + unread)
            return upload

        upload = asyncio.run(run())
        spans = b"".join(upload.bodies()).count(SPAN)
        assert spans == 2 + unread.count(SPAN)
        assert upload.sent == []
        assert upload.edge.aborted == [(8181, "10.1.2.3:4567")]
        assert upload.edge.refusals() == (["bad_report"] if len(unread) > len(SPAN) else [])

    def test_all_of_it_came_before_the_sender_left(self) -> None:
        async def run() -> Stream:
            upload = Stream()
            upload.write(HEAD)
            upload.leave(SPAN, complete=True)
            await upload.answer()
            return upload

        upload = asyncio.run(run())
        assert (upload.bodies(), upload.edge.aborted) == ([HEAD + SPAN], [])

    def test_an_announced_body_that_is_cut_off_keeps_its_complete_spans_too(self) -> None:
        edge = Edge()
        headers = {"Content-Length": "1000"}
        assert edge.ask(HEAD + SPAN, headers=headers, gone=True, unread=(SPAN + SPAN[:3], False)) is None
        assert [body for body, _, _ in edge.intake.came] == [HEAD + SPAN + SPAN]
        assert edge.aborted == [(8181, "10.1.2.3:4567")]
        assert edge.refusals() == ["bad_report"]

    def test_a_fault_ends_it_at_once(self) -> None:
        async def run() -> Stream:
            upload = Stream()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(upload.answer())
                upload.write(HEAD + SPAN)
                await upload.came.wait()
                upload.write(SPAN + b"\x00")
            return upload

        upload = asyncio.run(run())
        assert b"".join(upload.bodies()).count(SPAN) == 2
        assert (upload.sent[0]["status"], upload.edge.refusals()) == (400, ["bad_report"])

    def test_a_refused_stream_is_read_to_its_end_and_refused_once(self) -> None:
        async def run() -> Stream:
            upload = Stream(intake=FakeIntake(AccessDenied("unknown access token")))
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(upload.answer())
                upload.write(HEAD + SPAN)
                await upload.came.wait()
                upload.write(SPAN)
                upload.write(SPAN, last=True)
            return upload

        upload = asyncio.run(run())
        assert (upload.sent[0]["status"], len(upload.bodies())) == (400, 1)

    def test_a_full_queue_is_waited_for(self) -> None:
        async def run() -> Stream:
            intake = FakeIntake(Overloaded("try again later"))
            upload = Stream(intake=intake)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(upload.answer())
                upload.write(HEAD + SPAN)
                await upload.came.wait()
                intake.refusal = None
                upload.write(b"", last=True)
            return upload

        upload = asyncio.run(run())
        assert (upload.sent[0]["status"], upload.bodies()) == (200, [HEAD + SPAN] * 2)

    def test_too_much_held_of_all_bodies(self) -> None:
        async def run() -> Stream:
            upload = Stream(reading_bytes_max=1000)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(upload.answer())
                upload.write(HEAD + SPAN + b"\x1a\x88\x27")  # a span of 5000 bytes follows
                await upload.came.wait()
                upload.write(bytes(2000))
            return upload

        upload = asyncio.run(run())
        assert (upload.sent[0]["status"], len(upload.bodies())) == (503, 1)


class TestCompressed:
    def test_a_large_body_is_the_same_in_a_thread(self) -> None:
        body = zlib.compressobj(0, wbits=31)
        packed = body.compress(bytes(range(256)) * 100) + body.flush()
        assert len(packed) > INFLATE_IN_THREAD_BYTES
        edge = Edge()
        assert edge.must_ask(packed, headers={"Content-Encoding": "gzip"}).status == 200
        assert edge.intake.came[0][0] == bytes(range(256)) * 100


# What came to the wrong place


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
