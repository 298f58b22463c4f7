"""Wire protocols: bytes in, reports out, receipts back to bytes. No I/O, no clock.

A protocol is one module that ends in its one WireProtocol; PROTOCOLS is the list of them.
"""

from __future__ import annotations

from satellite.protocols import lightstep
from satellite.protocols.wire import Reply, RequestHead, WireProtocol

PROTOCOLS: tuple[WireProtocol, ...] = (lightstep.PROTOCOL,)

__all__ = ["PROTOCOLS", "Reply", "RequestHead", "WireProtocol"]
