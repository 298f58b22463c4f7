"""A call's deadline: watched from far, timed when it is near."""

from __future__ import annotations

import asyncio
from typing import cast
from unittest.mock import Mock

import grpc
import pytest

from satellite.edges.budget import ReadingBudget
from satellite.edges.grpc.call import Call, CallHead, Wire
from satellite.edges.grpc.metadata import Metadata
from satellite.edges.grpc.status import CallFailed
from satellite.edges.http2 import Stream


class Failing(Call):
    """One that says how it failed."""

    __slots__ = ("failed",)
    failed: asyncio.Future[None]

    def fail(self, failure: CallFailed, trailers: Metadata = ()) -> None:
        assert not trailers
        assert failure.code is grpc.StatusCode.DEADLINE_EXCEEDED
        self.failed.set_result(None)  # which can be said once


FAR_SECONDS = 60.0


@pytest.mark.parametrize("timeout_seconds", [0.0, FAR_SECONDS, 3.6e11])
def test_a_call_ends_at_its_deadline(timeout_seconds: float) -> None:
    async def watch() -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        head = CallHead(None, None, (), "", "", timeout_seconds, None)
        wire, stream = cast("Wire", Mock(peer="127.0.0.1:1", port=1)), cast("Stream", Mock())
        call = Failing(wire, stream, head, message_bytes_max=1, budget=ReadingBudget(1))
        call.failed = loop.create_future()
        if timeout_seconds:
            call.tick(began + timeout_seconds / 2)
            await asyncio.sleep(0)
            assert not call.failed.done()
        for _ in range(3):
            call.tick(began + timeout_seconds + 1)
        await call.failed

    asyncio.run(watch())
