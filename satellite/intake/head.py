"""Where a report came in."""

from __future__ import annotations

from typing import NamedTuple


class Head(NamedTuple):
    """What an edge knows of a request besides its body; made once for many."""

    transport: str = ""
    """grpc, http; "" for what no edge brought (an import)."""
    path: str = ""
    """HTTP path, or gRPC method."""
    port: int = 0
    """Ours."""


NOWHERE = Head()
