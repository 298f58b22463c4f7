"""Two snapshots beside each other: what came, what went, what became slower or fails more (explorer.md §13)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from satellite.explore.diagram import diagram
from satellite.explore.groups import keys_of
from satellite.query.plan import ALL
from satellite.store import Group, Questions

GROUPS_MAX = 1000
"""Groups of each side that are compared, the most frequent (ours)."""


class Change(msgspec.Struct, frozen=True):
    """A number before and after."""

    before: float
    after: float
    diff: float
    """after − before."""
    pct: float | None
    """diff in percent of before; None when that is 0."""


class Connection(msgspec.Struct, frozen=True):
    """One service calls another."""

    from_: str = msgspec.field(name="from")
    to: str


class OperationChange(msgspec.Struct, frozen=True):
    """An operation that both have."""

    operation: str
    count: Change
    avg_latency_us: Change
    p99_us: Change
    error_ratio: Change


class ServiceChange(msgspec.Struct, frozen=True):
    """A service that both have."""

    service: str
    count: Change
    avg_latency_us: Change
    p99_us: Change
    error_ratio: Change
    added_operations: list[str]
    deleted_operations: list[str]
    operations: list[OperationChange]


class GroupChange(msgspec.Struct, frozen=True):
    """A group that both have."""

    values: list[str | None]
    count: Change
    avg_latency_us: Change
    p99_us: Change
    error_ratio: Change


class GroupChanges(msgspec.Struct, frozen=True):
    """The groups of both, by the values of keys."""

    by: list[str]
    new: list[list[str | None]]
    """Only after."""
    missing: list[list[str | None]]
    """Only before."""
    diffs: list[GroupChange]
    """In both, the greatest change of latency first."""


class Comparison(msgspec.Struct, frozen=True):
    """From the first snapshot, the baseline, to the second: all spans of their traces."""

    before: str
    after: str
    added_services: list[str]
    deleted_services: list[str]
    added_connections: list[Connection]
    deleted_connections: list[Connection]
    services: list[ServiceChange]
    """Those that both have, by name."""
    group_by: GroupChanges | None
    """When keys were given."""


def compare(
    project: str, before: tuple[str, Questions], after: tuple[str, Questions], *, by: str = ""
) -> Comparison:
    """Compare two snapshots, each given by its id and as a source. `by`: keys whose groups to compare too.

    Raises:
        BadRequest: what `by` names are no keys.
    """
    (old_id, old), (new_id, new) = before, after
    old_services, new_services = (_groups(source, project, ("service",)) for source in (old, new))
    old_rows, new_rows = (_groups(source, project, ("service", "operation")) for source in (old, new))
    old_edges, new_edges = (_connections(source, project) for source in (old, new))
    names = sorted({key[0] or "" for key in old_services} & {key[0] or "" for key in new_services})
    return Comparison(
        before=old_id,
        after=new_id,
        added_services=sorted(key[0] or "" for key in new_services.keys() - old_services.keys()),
        deleted_services=sorted(key[0] or "" for key in old_services.keys() - new_services.keys()),
        added_connections=[Connection(*edge) for edge in sorted(new_edges - old_edges)],
        deleted_connections=[Connection(*edge) for edge in sorted(old_edges - new_edges)],
        services=[
            _service(
                name,
                (old_services[name,], new_services[name,]),
                ({key[1] or "": row for key, row in old_rows.items() if key[0] == name}),
                ({key[1] or "": row for key, row in new_rows.items() if key[0] == name}),
            )
            for name in names
        ],
        group_by=_group_changes(project, old, new, keys_of(by)) if by else None,
    )


_Key = tuple[str | None, ...]


def _groups(
    source: Questions, project: str, keys: Sequence[str], limit: int | None = None
) -> dict[_Key, Group]:
    found = source.groups(project, ALL, keys, order="-count", limit=limit).groups
    return {tuple(group.values): group for group in found}


def _connections(source: Questions, project: str) -> set[tuple[str, str]]:
    return {(edge.from_, edge.to) for edge in diagram(source, project, ALL).edges}


def _service(
    name: str, both: tuple[Group, Group], old: dict[str, Group], new: dict[str, Group]
) -> ServiceChange:
    operations = [
        OperationChange(operation, *_changes(old[operation], new[operation]))
        for operation in sorted(old.keys() & new.keys())
    ]
    return ServiceChange(
        name,
        *_changes(*both),
        added_operations=sorted(new.keys() - old.keys()),
        deleted_operations=sorted(old.keys() - new.keys()),
        operations=operations,
    )


def _changes(old: Group, new: Group) -> tuple[Change, Change, Change, Change]:
    return (
        _change(old.count, new.count),
        _change(old.avg_latency_us, new.avg_latency_us),
        _change(old.p99_us, new.p99_us),
        _change(old.error_ratio, new.error_ratio),
    )


def _change(before: float, after: float) -> Change:
    diff = after - before
    return Change(before, after, diff, diff / before * 100 if before else None)


def _group_changes(project: str, old: Questions, new: Questions, keys: list[str]) -> GroupChanges:
    before, after = (_groups(source, project, keys, GROUPS_MAX) for source in (old, new))

    def place(values: _Key) -> list[tuple[bool, str]]:
        return [(value is None, value or "") for value in values]

    diffs = [
        GroupChange(list(values), *_changes(before[values], after[values]))
        for values in sorted(before.keys() & after.keys(), key=place)
    ]
    return GroupChanges(
        by=keys,
        new=[list(values) for values in sorted(after.keys() - before.keys(), key=place)],
        missing=[list(values) for values in sorted(before.keys() - after.keys(), key=place)],
        diffs=sorted(diffs, key=lambda change: -abs(change.avg_latency_us.diff)),
    )
