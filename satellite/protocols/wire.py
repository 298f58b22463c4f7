"""What a wire protocol is: the record that each codec ends in, and what it answers with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from satellite.report import Decoded, Receipt


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer over HTTP, or (status and headers aside) over gRPC."""

    status: int
    """HTTP status; over gRPC only the refusal's code counts."""
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class WireProtocol:
    """What the edges need to know of a protocol."""

    name: str
    """Also the name in metrics and in `Reporter.protocol`."""
    http_routes: tuple[tuple[str, str], ...]
    """(method, path) of each HTTP endpoint."""
    grpc_methods: tuple[str, ...]
    """Full paths of the unary methods, `/package.Service/Method`."""
    content_types: tuple[str, ...]
    """Request content types that `decode` understands over HTTP; the first is the answer's default."""
    decode: Callable[[Sequence[bytes], int], Decoded]
    """(bodies, when they arrived in ns) → one Report or error per body; never raises for what a body holds."""
    encode: Callable[[Receipt, str], Reply]
    """(receipt, content type of the request) → the answer in this protocol's words."""
