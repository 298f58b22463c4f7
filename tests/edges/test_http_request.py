"""Bodies that pause: their spans are handed over before they end, and what is complete of one that is cut off is kept."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from dataclasses import replace
from typing import Any

import pytest

from satellite.edges.http1 import HOLD, UNREAD
from satellite.edges.pace import PACE, Pace
from satellite.errors import AccessDenied, Overloaded
from satellite.model.report import Receipt
from satellite.pb.lightstep_collector_pb2 import ReportResponse
from tests.edges.reports_app import PATH, Edge, FakeIntake

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
            "extensions": {HOLD: lambda: 0, UNREAD: lambda: self.unread, PACE: Pace(lambda: 0.0)},
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
