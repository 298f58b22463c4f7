"""What holds for edges on real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvloop


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Callable[[], Awaitable[None]]], None]:
    """Runs a coroutine function, in both event loops."""
    factory = uvloop.new_event_loop if request.param == "uvloop" else None

    def run_in_loop(main: Callable[[], Any]) -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(main())

    return run_in_loop
