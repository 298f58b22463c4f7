"""What a test or a script needs of a satellite: the client, the pytest plugin, and what they find out about traces.

Light to install and to import: no server, nothing compiled that could conflict with the program under test. The names
below are loaded when first used.
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
    from mock_lightstep_satellite.frames import to_arrow, to_pandas
    from mock_lightstep_satellite.remote import connected
    from mock_lightstep_satellite.selector import Selector, q
    from mock_lightstep_satellite.span import Span
    from mock_lightstep_satellite.spans import AsyncSpans, Spans
    from mock_lightstep_satellite.trace import Trace, TracedSpan, assert_same_trace

__all__ = [
    "AccessDenied",
    "AsyncClient",
    "AsyncSpans",
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
    "SatelliteError",
    "Selector",
    "Span",
    "Spans",
    "StoreFailed",
    "TooLarge",
    "TookTooLong",
    "Trace",
    "TracedSpan",
    "Unreachable",
    "assert_same_trace",
    "connected",
    "q",
    "to_arrow",
    "to_pandas",
]

_MODULES = {
    "AsyncClient": "async_client",
    "AsyncSpans": "spans",
    "Spans": "spans",
    "Client": "client",
    "connected": "remote",
    "Selector": "selector",
    "Span": "span",
    "q": "selector",
    "Trace": "trace",
    "TracedSpan": "trace",
    "assert_same_trace": "trace",
    "to_arrow": "frames",
    "to_pandas": "frames",
}
"""Module of each public name; the others are errors."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
