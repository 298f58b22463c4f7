"""The event loop that a satellite's processes run in."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

SWITCH_SECONDS = 0.0005
"""How long the thread of the event loop may keep the interpreter from those that decode and answer questions, each time that
one of these wants it; 5 ms, as Python has it, are too much for reports of which many steps run without it. Ours."""


def share_interpreter() -> None:
    """Let threads take turns more often; for a process that is a satellite and nothing else."""
    sys.setswitchinterval(SWITCH_SECONDS)


def run(main: Callable[[], Any]) -> None:
    """Run a coroutine in an event loop of its own, uvloop where there is one."""
    with asyncio.Runner(loop_factory=_factory()) as runner:
        runner.run(main())


def _factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop
