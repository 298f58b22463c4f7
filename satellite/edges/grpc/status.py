"""How gRPC says that a call failed, and how long one may take (the specification «gRPC over HTTP2»)."""

from __future__ import annotations

import re

import grpc

from satellite.errors import BadReport, SatelliteError
from satellite.protocols.refused import grpc_code_of

DETAILS_TRAILER = "grpc-status-details-bin"
"""The serialised google.rpc.Status."""

_BY_NUMBER = {code.value[0]: code for code in grpc.StatusCode}

_UNITS = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
# The specification has eight digits and no space; grpcio takes more.
_TIMEOUT = re.compile(rb"([0-9]{1,12}) *([HMSmun])")


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
    return _BY_NUMBER[grpc_code_of(refusal)]


def code_of_message(fault: SatelliteError) -> grpc.StatusCode:
    """The status of a call with a message that cannot be taken apart or inflated."""
    return grpc.StatusCode.INTERNAL if isinstance(fault, BadReport) else code_of(fault)


def timeout_seconds(value: bytes) -> float | None:
    """What a `grpc-timeout` says; None when it says nothing that it may."""
    found = _TIMEOUT.fullmatch(value)
    return None if found is None else int(found[1]) * _UNITS[found[2]]
