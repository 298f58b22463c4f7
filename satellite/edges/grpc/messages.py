"""Length-prefixed messages: pieces of a body in, whole messages out."""

from __future__ import annotations

from collections import deque

from satellite.errors import BadReport, TooLarge

PREFIX_BYTES = 5
_MESSAGE_BYTES = 100
"""What a waiting message costs beside its content, about; there may be many that are empty."""


def message(body: bytes) -> bytes:
    """One message that is not compressed."""
    return b"\0" + len(body).to_bytes(4, "big") + body


class Messages:
    """Takes a body apart. Of a message that is not complete its parts are kept, and joined once."""

    __slots__ = (
        "_missing",
        "_parts",
        "_prefix",
        "_wait",
        "_whole_bytes",
        "fault",
        "limit_bytes",
        "unfinished_bytes",
        "whole",
    )

    def __init__(self, limit_bytes: int) -> None:
        """`limit_bytes` is the largest message as sent."""
        self.limit_bytes = limit_bytes
        self.fault: TooLarge | BadReport | None = None
        """Why nothing comes after the whole messages: one says that it is over the limit, or begins with neither 0 nor 1."""
        self.whole: deque[tuple[bool, bytes]] = deque()
        """(compressed, message), oldest first; see `take`."""
        self._whole_bytes = 0
        self.unfinished_bytes = 0
        """What is held of a message that is not complete."""
        self._prefix = b""
        self._parts: list[bytes] = []
        self._missing = 0
        self._wait = False
        """Whether a message's prefix is known and its end is not."""

    @property
    def held_bytes(self) -> int:
        """What is held in all."""
        return self._whole_bytes + self.unfinished_bytes

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left of what came: no message, whole or not, and no fault."""
        return not self.whole and not self.unfinished_bytes and self.fault is None

    def take(self) -> tuple[bool, bytes]:
        """The oldest whole message, with whether it is compressed. Raises IndexError when there is none."""
        compressed, body = self.whole.popleft()
        self._whole_bytes -= len(body) + _MESSAGE_BYTES
        return compressed, body

    def feed(self, data: bytes) -> None:
        """A piece of the body; what comes after a fault is left."""
        if self.fault is not None:
            return
        at = 0
        while True:
            if self._wait:
                size = len(data) - at
                if size < self._missing:
                    if size:
                        self._parts.append(data[at:] if at else data)
                        self._missing -= size
                        self.unfinished_bytes += size
                    return
                self._parts.append(data[at : at + self._missing])
                at += self._missing
                body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
                self.whole.append((self._prefix[0] == 1, body))
                self._whole_bytes += len(body) + _MESSAGE_BYTES
                self._parts.clear()
                self._prefix = b""
                self._wait = False
                self.unfinished_bytes = 0
            if at == len(data):
                return
            wanted = PREFIX_BYTES - len(self._prefix)
            self._prefix += data[at : at + wanted]
            at = min(at + wanted, len(data))
            self.unfinished_bytes = len(self._prefix)
            if len(self._prefix) == PREFIX_BYTES:
                self._missing = int.from_bytes(self._prefix[1:], "big")
                self._wait = True
                if self._prefix[0] > 1:
                    self.fault = BadReport("a gRPC message begins with neither 0 nor 1")
                elif self._missing > self.limit_bytes:
                    self.fault = TooLarge(f"the message is larger than {self.limit_bytes} bytes")
                if self.fault is not None:
                    self.unfinished_bytes = 0
                    return
