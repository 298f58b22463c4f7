"""Which services report, and how much."""

from __future__ import annotations

from collections import Counter

import msgspec

from satellite.query.plan import Plan
from satellite.store import Questions


class Service(msgspec.Struct, frozen=True):
    """One line of the service directory."""

    service: str
    spans: int
    errors: int
    operations: int
    """Distinct operations."""


def services(source: Questions, project: str, plan: Plan) -> list[Service]:
    """The services of the matching spans, alphabetical as in LightStep's service directory."""
    spans: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    operations: Counter[str] = Counter()
    for group in source.groups(project, plan, ("service", "operation")).groups:
        name = group.values[0] or ""
        spans[name] += group.count
        errors[name] += group.errors
        operations[name] += 1
    return [Service(name, spans[name], errors[name], operations[name]) for name in sorted(spans)]
