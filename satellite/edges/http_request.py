"""What is known of a report over HTTP while it comes: its head, and its body so far."""

from __future__ import annotations

import enum
from collections.abc import Callable, MutableMapping, Sequence
from typing import Any

from satellite.edges.budget import Share
from satellite.edges.http1 import HOLD, UNREAD
from satellite.edges.pace import PACE, Pace
from satellite.model.report import Receipt
from satellite.protocols.wire import WireProtocol
from satellite.requests.log import CUT_BYTES

Scope = MutableMapping[str, Any]


class BodyState(enum.Enum):
    """How far a body has come."""

    GROWING = enum.auto()
    COMPLETE = enum.auto()
    LEFT = enum.auto()
    """Its sender is gone, the end of it did not come."""


class Body:
    """A body as far as it was read."""

    __slots__ = ("_sent", "encoding", "parts", "share", "size", "so_far", "taken_apart")

    def __init__(self, share: Share) -> None:
        """Nothing was read; `share` counts what will be."""
        self.parts: list[bytes] = []
        self.size = 0
        self.share = share
        """What of it is counted as being in memory."""
        self.taken_apart = False
        self.so_far: Receipt | None = None
        """Of a body that is taken apart."""
        self.encoding = ""
        """How it turned out to be compressed."""
        self._sent = b""

    def add(self, part: bytes) -> None:
        """A piece more."""
        self.parts.append(part)
        self.size += len(part)

    def take(self) -> bytes:
        """All of it. The parts are not kept; a body that is not taken apart is, for as long as its request."""
        data = self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)
        self.parts.clear()
        if not self.taken_apart:
            self._sent = data
        return data

    def keep(self, piece: bytes) -> None:
        """Of one that is taken apart: remember its beginning, for the log."""
        if room := max(0, CUT_BYTES - len(self._sent)):
            self._sent += piece[:room]

    def forget(self) -> None:
        """What was sent is not asked for any more."""
        self.parts.clear()
        self._sent = b""

    def as_sent(self) -> bytes:
        """What is known of it still."""
        return self._sent or b"".join(self.parts)


class ReportRequest:
    """What matters of a request, its headers read in one pass."""

    __slots__ = (
        "accept",
        "began_ns",
        "chunked",
        "content_type",
        "encoding",
        "expects_continue",
        "fences",
        "hold",
        "length",
        "method",
        "pace",
        "path",
        "peer",
        "port",
        "protocol",
        "query",
        "token",
        "unread",
        "user_agent",
    )

    def __init__(
        self, scope: Scope, path: str, candidates: Sequence[WireProtocol], began_ns: int, fences: int
    ) -> None:
        """Of an ASGI scope.

        `candidates` are the protocols that have its path, `began_ns` is when it came, ns since the epoch, and `fences`
        how many there were.
        """
        self.began_ns = began_ns
        self.fences = fences
        self.accept = self.content_type = self.encoding = self.token = self.user_agent = ""
        self.length = 0
        self.expects_continue = False
        self.chunked = scope.get("http_version") == "2"  # or as good as: its length is not known before
        self.method: str = scope["method"]
        self.path = path
        self.query: bytes = scope["query_string"]
        client = scope["client"]
        self.peer = f"{client[0]}:{client[1]}" if client else ""
        self.port: int = scope["server"][1]
        self.pace: Pace = scope["extensions"][PACE]
        self.hold: Callable[[], int] = scope["extensions"][HOLD]
        self.unread: Callable[[], tuple[bytes, bool]] = scope["extensions"][UNREAD]
        for name, value in scope["headers"]:
            if name == b"content-type":
                self.content_type = media_type(value)
            elif name == b"lightstep-access-token":
                self.token = value.decode("latin-1").strip()
            elif name == b"content-length":
                self.length = int(value)  # the parser took digits only
                self.chunked = False
            elif name == b"content-encoding":
                self.encoding = value.decode("latin-1").strip().lower()
            elif name == b"transfer-encoding":
                self.chunked = True
            elif name == b"accept":
                self.accept = media_type(value)
            elif name == b"user-agent":
                self.user_agent = value.decode("latin-1")
            elif name == b"expect":
                self.expects_continue = True
        self.protocol = next(
            (one for one in candidates if self.content_type in one.content_types), candidates[0]
        )


def media_type(value: bytes) -> str:
    """Of a Content-Type, or the first of an Accept: without parameters, in lower case."""
    return value.split(b";", 1)[0].split(b",", 1)[0].strip().lower().decode("latin-1")
