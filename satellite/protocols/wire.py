"""What a wire protocol is: the record that each codec ends in, what it is told of a request, what it answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from satellite.errors import SatelliteError
from satellite.report import Decoded, Receipt


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


@dataclass(frozen=True, slots=True)
class WireProtocol:
    """What the edges need to know of a protocol."""

    name: str
    """Also the name in metrics and in `Reporter.protocol`."""
    http_routes: tuple[tuple[str, str], ...]
    """(method, path) of each HTTP endpoint. Protocols may share one; the content type decides."""
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
