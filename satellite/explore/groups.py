"""The matching spans by the values of some keys: Explorer's «group by» (explorer.md §8)."""

from __future__ import annotations

import msgspec

from satellite.errors import BadRequest
from satellite.query.plan import Plan
from satellite.store import Group, GroupOrder, Questions

KEYS_MAX = 4
"""Keys to group by at once (ours)."""


class GroupRow(Group, frozen=True, kw_only=True):
    """A group, with its rate."""

    ops_per_s: float | None
    """count ÷ seconds of the window: youngest − oldest when both are given, else the recall window; None when
    that is 0."""


class GroupTable(msgspec.Struct, frozen=True):
    """Some of the groups, in order."""

    by: list[str]
    groups: list[GroupRow]
    total: int
    """All groups, these or not."""


def groups(
    source: Questions,
    project: str,
    plan: Plan,
    by: str,
    *,
    order: GroupOrder = "-avg_latency_us",
    limit: int | None = None,
    offset: int = 0,
) -> GroupTable:
    """One row per combination of values; `by`: "service", "operation" or tags, with commas.

    Raises:
        BadRequest: no key, an empty or repeated one, or more than KEYS_MAX.
    """
    keys = keys_of(by)
    seconds = rate_window_us(source, project, plan) / 1e6
    found = source.groups(project, plan, keys, order=order, limit=limit, offset=offset)
    rows = [
        GroupRow(**msgspec.structs.asdict(group), ops_per_s=group.count / seconds if seconds > 0 else None)
        for group in found.groups
    ]
    return GroupTable(keys, rows, found.total)


def keys_of(by: str) -> list[str]:
    """The keys that a text names. Raises BadRequest, see `groups`."""
    keys = [key.strip() for key in by.split(",")]
    if not all(keys) or len(set(keys)) < len(keys) or len(keys) > KEYS_MAX:
        hint = "by=service,operation or by=http.status_code"
        raise BadRequest(
            f"by needs 1 to {KEYS_MAX} different keys, separated by commas", hint=hint, parameter="by"
        )
    return keys


def rate_window_us(source: Questions, project: str, plan: Plan) -> float:
    """What rates are told by: youngest − oldest when the plan has both, else the recall window."""
    if plan.oldest_ns is not None and plan.youngest_ns is not None:
        return (plan.youngest_ns - plan.oldest_ns) / 1000
    return source.recall_window_us(project)
