"""Compressed bodies inflated beside the event loop."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from satellite.protocols.readers.compression import inflate

INFLATE_IN_THREAD_BYTES = 8192
"""Compressed bodies beyond this are inflated in a worker thread; below, the change of thread costs more."""

_threads = ThreadPoolExecutor(2, "inflate")
"""For nothing else: who sends what takes long to inflate holds up who does the same. Of the process, started when needed."""


async def inflate_aside(body: bytes, encoding: str, limit: int) -> bytes:
    """The same in an event loop: a body that takes its time is inflated in a worker thread."""
    if len(body) > INFLATE_IN_THREAD_BYTES:
        return await asyncio.get_running_loop().run_in_executor(_threads, inflate, body, encoding, limit)
    return inflate(body, encoding, limit)
