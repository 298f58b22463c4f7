"""The matching spans by the values of some keys: Explorer's «group by» (explorer.md §8)."""

from __future__ import annotations

import msgspec

from satellite.errors import BadRequest
from satellite.query.plan import Plan
from satellite.store import Group, Store

KEYS_MAX = 4
"""Keys to group by at once (ours)."""


class GroupRow(Group, frozen=True, kw_only=True):
    """A group, with its rate."""

    ops_per_s: float | None
    """count ÷ seconds of the window: youngest − oldest when both are given, else the recall window; None when
    that is 0."""


def groups(store: Store, project: str, plan: Plan, by: str) -> list[GroupRow]:
    """One row per combination of values, in the store's order; `by`: "service", "operation" or tags, with commas.

    Raises:
        BadRequest: no key, an empty or repeated one, or more than KEYS_MAX.
    """
    keys = [key.strip() for key in by.split(",")]
    if not all(keys) or len(set(keys)) < len(keys) or len(keys) > KEYS_MAX:
        hint = "by=service,operation or by=http.status_code"
        raise BadRequest(f"by needs 1 to {KEYS_MAX} different keys, separated by commas", hint=hint)
    seconds = _window_ns(store, project, plan) / 1e9
    found = store.groups(project, plan, keys)
    return [
        GroupRow(**msgspec.structs.asdict(group), ops_per_s=group.count / seconds if seconds > 0 else None)
        for group in found
    ]


def _window_ns(store: Store, project: str, plan: Plan) -> int:
    if plan.oldest_ns is not None and plan.youngest_ns is not None:
        return plan.youngest_ns - plan.oldest_ns
    return next((stats.recall_window_us * 1000 for stats in store.projects() if stats.project == project), 0)
