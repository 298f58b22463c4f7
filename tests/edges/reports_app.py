"""The HTTP edge for reports as an ASGI application that a test calls: no sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from satellite.edges.budget import ReadingBudget
from satellite.edges.http import ReportsApp
from satellite.edges.http1 import HOLD, UNREAD
from satellite.edges.pace import PACE, Pace
from satellite.errors import Overloaded, SatelliteError
from satellite.faults.book import Faults
from satellite.intake.head import NOWHERE, Head
from satellite.model.report import Receipt
from satellite.pb.lightstep_collector_pb2 import ReportResponse
from satellite.protocols.lightstep.protobuf import PROTOCOL
from satellite.protocols.wire import WireProtocol

PATH = "/api/v2/reports"
LIMIT = 100_000
NOW_NS = 1_700_000_000_000_000_000


@dataclass
class FakeIntake:
    """Remembers what came, answers as told."""

    refusal: SatelliteError | None = None
    bytes_max: int = 10 * LIMIT
    """Of one body, while the intake is busy."""
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

    def busy_for(
        self, protocol: WireProtocol, size_bytes: int, *, header_token: str = "", peer: str = ""
    ) -> Overloaded | None:
        return Overloaded("busy") if size_bytes > self.bytes_max else None

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
    later_wait_seconds: float = 0.001
    told_later: int = 0
    """Of the answers, how many were asked to wait that long."""
    held_bytes: int = 0
    """Of a request that waits for such an answer."""
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
        scope = self.scope(method, path, headers or {}, query, unread)
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

    def scope(
        self,
        method: str = "POST",
        path: str = PATH,
        headers: Mapping[str, str] = MappingProxyType({}),
        query: bytes = b"",
        unread: tuple[bytes, bool] = (b"", False),
    ) -> MutableMapping[str, Any]:
        return {
            "type": "http",
            "method": method,
            "path": path,
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "query_string": query,
            "client": ("10.1.2.3", 4567),
            "server": ("10.9.9.9", 8181),
            "extensions": {HOLD: lambda: self.held_bytes, UNREAD: lambda: unread, PACE: Pace(lambda: 0.0)},
        }

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
            later_wait_seconds=self.later,
            faults=Faults(lambda: 0),
            pause_seconds=pause_seconds,
        )

    def vain_wait_seconds(self, port: int, peer: str) -> float:
        self.in_vain.append((port, peer))
        return 0.001

    def later(self) -> float:
        self.told_later += 1
        return self.later_wait_seconds

    def must_ask(self, *parts: bytes, **how: Any) -> Answer:
        answer = self.ask(*parts, **how)
        assert answer is not None
        return answer

    @property
    def aborted(self) -> list[tuple[int, str]]:
        return [(port, peer) for kind, port, peer, *_ in self.trapped if kind == "left_in_mid_report"]

    def refusals(self) -> list[str]:
        return [error.code for _, error, _ in self.intake.refused]
