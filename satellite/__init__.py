"""A LightStep satellite for dev clusters and tests: keeps every span, answers like Explorer, lets a test wait.

    from satellite import Satellite

    with Satellite() as satellite:
        ...  # let a program report to satellite.grpc_target
        satellite.client.project("my-token").expect('service IN ("checkout")', count=1)

The names below are loaded when first used: importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mock_lightstep_satellite.async_client import AsyncClient
    from mock_lightstep_satellite.client import Client
    from mock_lightstep_satellite.errors import (
        AccessDenied,
        BadQuery,
        BadReport,
        BadRequest,
        Exceeded,
        ExpectationError,
        NoServer,
        NotFound,
        NotMet,
        Overloaded,
        SatelliteError,
        StoreFailed,
        TookTooLong,
        TooLarge,
        Unreachable,
    )
    from mock_lightstep_satellite.selector import q
    from mock_lightstep_satellite.span import Span
    from satellite.embedded import Satellite

    __version__: str

__all__ = [
    "AccessDenied",
    "AsyncClient",
    "BadQuery",
    "BadReport",
    "BadRequest",
    "Client",
    "Exceeded",
    "ExpectationError",
    "NoServer",
    "NotFound",
    "NotMet",
    "Overloaded",
    "Satellite",
    "SatelliteError",
    "Span",
    "StoreFailed",
    "TooLarge",
    "TookTooLong",
    "Unreachable",
    "__version__",
    "q",
]

_ELSEWHERE = {
    "Satellite": "satellite.embedded",
    "AsyncClient": "mock_lightstep_satellite.async_client",
    "Client": "mock_lightstep_satellite.client",
    "q": "mock_lightstep_satellite.selector",
    "Span": "mock_lightstep_satellite.span",
}
"""Module of each public name; the others are errors."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("mock-lightstep-satellite")
    else:
        try:
            value = getattr(import_module(_ELSEWHERE.get(name, "mock_lightstep_satellite.errors")), name)
        except ModuleNotFoundError as error:
            if name != "Satellite":
                raise
            from mock_lightstep_satellite.errors import NoServer

            raise ImportError(str(NoServer.because(error, "satellite.Satellite"))) from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
