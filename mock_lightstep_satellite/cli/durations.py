"""Durations as every command takes them."""

from __future__ import annotations

import re

from mock_lightstep_satellite.errors import BadRequest

FORMS = "500ms, 30s, 1m, 2h, 1d or plain seconds"

_UNITS = {"us": 1e-6, "µs": 1e-6, "ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(duration: str) -> float:
    """The seconds of a duration such as 500us, 500ms, 30s, 5m, 2h, 1d, or 30. Raises BadRequest."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?|\.\d+)\s*(us|µs|ms|s|m|h|d|)", duration.strip(), flags=re.ASCII)
    if match is None:
        raise BadRequest(f"not a duration: {duration!r}", hint=FORMS)
    return float(match[1]) * _UNITS[match[2]]
