"""What Datadog's tracers ask of the agent that they take us for, beside taking their traces.

`GET /info` says which endpoints there are; the tracers' own telemetry is taken and not kept.
"""

from __future__ import annotations

import msgspec

from satellite.protocols.datadog.traces import PROTOCOL
from satellite.protocols.wire import Reply

TELEMETRY_PATH = "/telemetry/proxy/api/v2/apmtelemetry"


def reply(method: str, path: str) -> Reply | None:
    """The answer to a request that only Datadog's tracers make; None for all others."""
    if (method, path) == ("GET", "/info"):
        return Reply(200, "application/json", _INFO)
    if (method, path) == ("POST", TELEMETRY_PATH):
        return Reply(200, "application/json", b"")
    return None


_INFO = msgspec.json.encode(
    {
        "version": "7.0.0",
        "endpoints": [*dict.fromkeys(path for _, path in PROTOCOL.http_routes), TELEMETRY_PATH],
        "feature_flags": [],
        "client_drop_p0s": False,
        "long_running_spans": False,
        "config": {},
    }
)
"""As the agent's own; a version so that tracers do not take it for an old one. No dropping and no statistics by clients."""
