"""What the rules decide for one request, and what its statuses stand for in the other transport."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from satellite.errors import AccessDenied, BadReport, Overloaded, SatelliteError, TooLarge
from satellite.faults.rule import Body, Command, Connection, GrpcStatus, Tls

GRPC_OF: Mapping[int, GrpcStatus] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    413: "RESOURCE_EXHAUSTED",
    416: "OUT_OF_RANGE",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""google.rpc.Code's table of HTTP statuses, read backwards; what is not in it is UNKNOWN."""

HTTP_OF: Mapping[GrpcStatus, int] = {
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "PERMISSION_DENIED": 403,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DATA_LOSS": 500,
    "UNAUTHENTICATED": 401,
}
"""The same table forwards."""


def asked_for(status: str) -> str:
    """What a refusal says whose only reason is that a fault asked for this status."""
    return f"a fault was asked for: {status}"


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do wrong with one request: of several rules that hit it, the first with a say in a matter has it."""

    rules: tuple[str, ...]
    """Ids of the rules that hit."""
    delay_s: float = 0.0
    """All their delays, one after the other."""
    read_delay_s: float = 0.0
    status: int | None = None
    grpc_status: GrpcStatus | None = None
    retry_after_s: float | None = None
    body: Body | None = None
    commands: tuple[Command, ...] = ()
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()
    no_timestamps: bool = False
    skew_ms: int = 0
    bytes_per_second: int | None = None
    connection: Connection | None = None
    streams: int | None = None
    tls: Tls | None = None
    accept: int | None = None
    drop: float | None = None
    drop_seed: int = 0
    """Which spans are lost: the same for the same request of a seeded rule."""
    size_limit_bytes: int | None = None
    duplicate: bool = False
    strict: bool = False

    def refusal(self, size_bytes: int) -> SatelliteError | None:
        """Why nothing of a report is to be kept; None when it is kept.

        Its kind gives the answer the body that the protocol has for such a status: what may be sent again is answered
        with what no tracer takes for a report's answer, what may not with an answer that can be read.
        """
        if self.size_limit_bytes is not None and size_bytes > self.size_limit_bytes:
            return TooLarge(f"a fault limits reports to {self.size_limit_bytes} bytes")
        status = self.http_status
        if status is None:
            return None
        text = asked_for(self.grpc_status or str(status))
        if status in {401, 403}:
            return AccessDenied(text)
        if status == 413:
            return TooLarge(text)
        return Overloaded(text) if status in {408, 429} or status >= 500 else BadReport(text)

    @property
    def http_status(self) -> int | None:
        """The HTTP status of a refusal; None: not refused."""
        return self.status if self.grpc_status is None else HTTP_OF[self.grpc_status]

    @property
    def grpc_code(self) -> GrpcStatus | None:
        """The gRPC status of a refusal; None: not refused."""
        if self.grpc_status is not None or self.status is None:
            return self.grpc_status
        return GRPC_OF.get(self.status, "UNKNOWN")
