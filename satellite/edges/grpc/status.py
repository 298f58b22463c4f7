"""How gRPC says that a call failed, and how long one may take (the specification «gRPC over HTTP2»)."""

from __future__ import annotations

import re

import grpc

from satellite.errors import AccessDenied, BadReport, Overloaded, SatelliteError, StoreFailed, TooLarge

DETAILS_TRAILER = "grpc-status-details-bin"
"""The serialised google.rpc.Status."""

STATUS: dict[type[SatelliteError], grpc.StatusCode] = {
    BadReport: grpc.StatusCode.INVALID_ARGUMENT,
    AccessDenied: grpc.StatusCode.INVALID_ARGUMENT,
    TooLarge: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Overloaded: grpc.StatusCode.UNAVAILABLE,
    StoreFailed: grpc.StatusCode.UNAVAILABLE,
}
"""How a refused report is answered (wire-protocols.md §0.3, §1.2); an error that is not here is INTERNAL."""

_UNITS = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
# The specification has eight digits and no space; grpcio takes more.
_TIMEOUT = re.compile(rb"([0-9]{1,12}) *([HMSmun])")
_ESCAPED = re.compile(rb"[^ -$&-~]")


class CallFailed(Exception):
    """Ends a call with a status that is not OK."""

    def __init__(self, code: grpc.StatusCode, message: str = "", details: bytes | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details


def number(code: grpc.StatusCode) -> int:
    """The number of a status as it is on the wire."""
    return int(code.value[0])


def code_of(refusal: SatelliteError) -> grpc.StatusCode:
    """The status of a refused report."""
    return STATUS.get(type(refusal), grpc.StatusCode.INTERNAL)


def code_of_message(fault: SatelliteError) -> grpc.StatusCode:
    """The status of a call with a message that cannot be taken apart or inflated."""
    return grpc.StatusCode.INTERNAL if isinstance(fault, BadReport) else code_of(fault)


def timeout_seconds(value: bytes) -> float | None:
    """What a `grpc-timeout` says; None when it says nothing that it may."""
    found = _TIMEOUT.fullmatch(value)
    return None if found is None else int(found[1]) * _UNITS[found[2]]


def percent_encoded(message: str) -> bytes:
    """A message as `grpc-message` carries it."""
    return _ESCAPED.sub(lambda found: b"%%%02X" % found[0][0], message.encode("utf-8", "replace"))
