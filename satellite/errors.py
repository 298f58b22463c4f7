"""Every way the satellite refuses or fails; the classes are those that its clients get, and so live where those do."""

from mock_lightstep_satellite.errors import (
    AccessDenied,
    BadQuery,
    BadReport,
    BadRequest,
    Exceeded,
    ExpectationError,
    NotFound,
    NotMet,
    Overloaded,
    SatelliteError,
    StoreFailed,
    TookTooLong,
    TooLarge,
)

__all__ = [
    "AccessDenied",
    "BadQuery",
    "BadReport",
    "BadRequest",
    "Exceeded",
    "ExpectationError",
    "NotFound",
    "NotMet",
    "Overloaded",
    "SatelliteError",
    "StoreFailed",
    "TooLarge",
    "TookTooLong",
]
