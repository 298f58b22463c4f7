"""The event loop that a satellite's processes run in."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any


def run(main: Callable[[], Any]) -> None:
    """Run a coroutine in an event loop of its own, uvloop where there is one."""
    with asyncio.Runner(loop_factory=_factory()) as runner:
        runner.run(main())


def _factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop
