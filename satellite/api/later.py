"""An application that is there before it is made."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from satellite.api.explorer import Api


class Later:
    """An application that is made while the satellite takes its first spans; whoever asks it before, waits.

    Its imports take a fifth of the start.
    """

    def __init__(self, factory: Callable[[], Api]) -> None:
        self._factory = factory
        self._made: asyncio.Future[Api] = asyncio.get_running_loop().create_future()

    async def make(self) -> None:
        """Make it, in a thread."""
        self._made.set_result(await asyncio.to_thread(self._factory))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        application = await asyncio.shield(self._made)
        await application(scope, receive, send)

    def close(self) -> None:
        """Nobody asks it any more."""
        if self._made.done():
            self._made.result().close()
