"""Answers that go on for long: who takes no byte of one for a minute is cut off, and it is always known when one is over."""

from __future__ import annotations

import asyncio

from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

STALLED_SECONDS = 60
"""Who takes no byte for so long is cut off: others wait for their turn (ours)."""


class LongAnswer(StreamingResponse):
    """Sends its pieces as they are taken."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it (ASGI)."""

        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(STALLED_SECONDS):
                await send(message)

        try:
            await super().__call__(scope, receive, send_in_time)
        finally:
            await self.over()

    async def over(self) -> None:
        """It is over, however it ended."""
