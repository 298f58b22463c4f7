"""What a connection tells its owner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from satellite.edges.http2.headers import Fields, Head

if TYPE_CHECKING:
    from satellite.edges.http2.stream import Stream


@dataclass(slots=True)
class Request:
    """A client began a stream: its header section is complete and well-formed."""

    stream: Stream
    head: Head
    ended: bool
    """Whether that was all: no body follows."""


@dataclass(slots=True)
class Data:
    """A piece of a body. It counts against the stream's window until `Connection.consume`."""

    stream: Stream
    data: bytes
    ended: bool


@dataclass(slots=True)
class Trailers:
    """The trailer section, with which the request ends."""

    stream: Stream
    fields: Fields


@dataclass(slots=True)
class Reset:
    """A stream ended before its request or our answer was complete; nothing can be sent on it any more."""

    stream: Stream
    code: int
    by_peer: bool
    detail: str = ""


@dataclass(slots=True)
class Drained:
    """All that was queued on a stream, more than its windows allowed at first, is written."""

    stream: Stream


@dataclass(slots=True)
class PingAnswered:
    """A ping of ours came back."""

    payload: bytes


@dataclass(slots=True)
class GoingAway:
    """The client begins no more streams here."""

    code: int
    detail: bytes


@dataclass(slots=True)
class Ended:
    """The peer broke a rule of the connection; GOAWAY is in `take`, and then it is to be closed."""

    code: int
    detail: str


Event = Request | Data | Trailers | Reset | Drained | PingAnswered | GoingAway | Ended
