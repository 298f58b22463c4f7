"""A wait before an answer, on purpose: for a fault, or because an address asks too much in vain."""

from __future__ import annotations

import asyncio


async def pause(seconds: float) -> bool:
    """Wait; False when that was cut short, as it is when the satellite stops: then what follows is done at once."""
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        return False
    return True
