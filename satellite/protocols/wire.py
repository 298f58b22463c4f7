"""What a wire protocol is: the record that each codec ends in, what it is told of a request, what it answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from satellite.errors import SatelliteError
from satellite.model.report import Decoded, Receipt


@dataclass(frozen=True, slots=True)
class RequestHead:
    """What an answer may depend on besides the receipt; all of it "" over gRPC."""

    path: str = ""
    content_type: str = ""
    """Media type without parameters, lower case."""
    accept: str = ""
    """The first media type of the Accept header."""
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer over HTTP; over gRPC only the body of an answer that is no refusal counts."""

    status: int
    """HTTP status."""
    content_type: str
    body: bytes


class BodySplitter(Protocol):
    """Takes a body that grows for seconds apart: bytes in, bodies out that `decode` understands."""

    @property
    def fault(self) -> SatelliteError | None:
        """Why this cannot go on, if so; what was complete before it is out."""
        ...

    @property
    def unfinished_bytes(self) -> int:
        """What is held because it is not complete."""
        ...

    def feed(self, data: bytes) -> bytes | None:
        """A body with all spans that are complete now and were in none before; None when there are none."""
        ...

    def finish(self) -> bytes | None:
        """At the end: a body with what was in none, no span among it; None when there is nothing."""
        ...


@dataclass(frozen=True, slots=True)
class WireProtocol:
    """What the edges need to know of a protocol."""

    name: str
    """Also the name in metrics and in `Reporter.protocol`."""
    http_routes: tuple[tuple[str, str], ...]
    """(method, path) of each HTTP endpoint. Protocols may share one; the content type decides. The body of a GET is
    its query string."""
    grpc_methods: tuple[str, ...]
    """Full paths of the methods, `/package.Service/Method`."""
    content_types: tuple[str, ...]
    """Request content types that `decode` understands over HTTP. A request without one is the first protocol's."""
    decode: Callable[[Sequence[bytes], int], Decoded]
    """(bodies, when they arrived in ns) → one Report or error per body; never raises for what a body holds."""
    encode: Callable[[Receipt, RequestHead], Reply]
    """The answer in this protocol's words."""
    grpc_streams: bool = False
    """Whether a client may send message after message in one call; each gets an answer when it is complete."""
    grpc_details: Callable[[SatelliteError], bytes | None] = lambda _refusal: None
    """The serialised google.rpc.Status that goes with a refusal over gRPC, if any."""
    splitter: Callable[[int], BodySplitter] | None = None
    """For bodies that clients keep open while they report; given the size of the largest span to wait for."""
    sender: Callable[[bytes], bytes] = lambda _body: b""
    """What tells the sender of a body from others without decoding it, the access token as a rule; b"" when that is dear
    to find. Asked only when many wait."""
