"""Profiles: faults that belong together, by the name of the day that they make (ours)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from satellite.errors import BadRequest
from satellite.faults.rule import Fault

PROFILES: Mapping[str, tuple[Fault, ...]] = {
    "flaky-network": (
        Fault(connection="reset-after", probability=0.05),
        Fault(status=503, probability=0.05),
        Fault(delay_ms=50, jitter_ms=450, probability=0.2),
    ),
    "overloaded": (
        Fault(status=429, retry_after_ms=1000, probability=0.5),
        Fault(delay_ms=500, jitter_ms=1500),
    ),
    "rolling-restart": (Fault(status=503, times=3), Fault(connection="goaway", after=3, times=1)),
    "wrong-token": (Fault(status=401),),
    "kill-switch": (Fault(commands=("disable",)),),
    "typical": (Fault(delay_ms=1),),
    "slow_succeed": (Fault(delay_ms=10.5),),
    "slow_fail": (Fault(delay_ms=0.6, status=400),),
}
"""All of them can be added to a project. The last three are the modes of the mock satellite in LightStep's benchmarks
(lightstep/lightstep-benchmarks `benchmark/mock_satellite.py`), with its times: half a millisecond for the network, and
0.5, 10 and 0.1 ms for the answer."""


def profile(name: str) -> list[Fault]:
    """The rules of a profile, each with its name. Raises BadRequest for one that nobody knows."""
    if name not in PROFILES:
        raise BadRequest(f"no profile {name!r}: {', '.join(PROFILES)}", parameter="profile")
    return [msgspec.structs.replace(fault, name=name) for fault in PROFILES[name]]
