"""One stream (RFC 9113 §5.1): which halves of it are open, its windows, and what waits for the peer's window."""

from __future__ import annotations

from collections import deque
from typing import Any

from satellite.edges.http2.headers import Head


class Stream:
    """A request and its answer. The owner keeps what belongs to it in `owned`."""

    __slots__ = (
        "answered",
        "consumed",
        "ending",
        "expected_bytes",
        "head",
        "id",
        "local_open",
        "owned",
        "pending_bytes",
        "queue",
        "receive_window",
        "received_bytes",
        "remote_open",
        "send_window",
        "trailers",
        "unwanted",
    )

    def __init__(self, stream_id: int, head: Head, *, receive_window: int, send_window: int) -> None:
        self.id = stream_id
        self.head = head
        self.remote_open = True
        """Whether the client may still send."""
        self.local_open = True
        """Whether we may: neither end nor reset was written or queued."""
        self.answered = False
        """Whether our headers were written."""
        self.receive_window = receive_window
        self.consumed = 0
        """Bytes that the owner has dealt with and the peer was not told of yet."""
        self.send_window = send_window
        self.received_bytes = 0
        self.expected_bytes = head.content_length
        self.queue: deque[memoryview] = deque()
        """What the windows did not allow yet; then the end, or trailers."""
        self.pending_bytes = 0
        self.ending = False
        self.trailers: bytes | None = None
        self.unwanted = False
        """Whether the rest of the request is, once our answer is out."""
        self.owned: Any = None

    def __repr__(self) -> str:
        """Its number and which halves are open."""
        halves = f"remote {'open' if self.remote_open else 'ended'}, local {'open' if self.local_open else 'ended'}"
        return f"<Stream {self.id}: {halves}>"
