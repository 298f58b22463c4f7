"""The matching spans by their values of some keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from satellite.model.spans import id_text
from satellite.query.plan import Plan
from satellite.store import Group
from satellite.store.latency import nearest_rank
from satellite.store.recall.matches import matches, of
from satellite.store.recall.segment import Mask, Segment

Ints = npt.NDArray[np.int64]

EXEMPLARS = 5


def groups(segments: Sequence[Segment], plan: Plan, by: Sequence[str]) -> list[Group]:
    """The matches by their values of the keys."""
    texts: list[dict[str | None, int]] = [{} for _ in by]
    hits = list(matches(segments, plan))
    if not hits:
        return []
    keys = [
        np.concatenate([_numbered(segment, mask, key, texts[i]) for segment, mask in hits])
        for i, key in enumerate(by)
    ]
    combined = keys[0]
    for known, key in zip(texts[1:], keys[1:], strict=True):
        _, combined = np.unique(
            combined * len(known) + key, return_inverse=True
        )  # dense again: never overflows
    _, firsts, group = np.unique(combined, return_index=True, return_inverse=True)
    duration_ns = np.concatenate([of(segment.duration_ns, mask) for segment, mask in hits])
    is_error = np.concatenate([of(segment.is_error, mask) for segment, mask in hits])
    trace_low, span_id, start_ns = (
        np.concatenate([of(segment.batch.column(name), mask) for segment, mask in hits])
        for name in ("trace_low", "span_id", "start_ns")
    )
    ordered = _sorted_in_groups(group, duration_ns // 1000)
    bounds = np.concatenate([[0], np.cumsum(np.bincount(group))])
    exemplars = _slowest(group, duration_ns, start_ns, span_id)
    errors = np.bincount(group[is_error], minlength=len(bounds) - 1).tolist()
    traces = _distinct_per_group(group, trace_low)
    names = [list(known) for known in texts]
    found = []
    for i, (first, last) in enumerate(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)):
        durations = ordered[first:last]
        total = int(durations.sum())
        found.append(
            Group(
                values=[name[column[firsts[i]]] for name, column in zip(names, keys, strict=True)],
                count=last - first,
                errors=errors[i],
                error_ratio=errors[i] / (last - first),
                avg_latency_us=total / (last - first),
                sum_us=total,
                p50_us=nearest_rank(durations, 50),
                p95_us=nearest_rank(durations, 95),
                p99_us=nearest_rank(durations, 99),
                traces=int(traces[i]),
                exemplar_span_ids=[id_text(int(span_id[row])) for row in exemplars[i]],
            )
        )
    return sorted(found, key=_group_place)


def _sorted_in_groups(group: Ints, values: Ints) -> Ints:
    """The values, group after group, ascending in each."""
    least = int(values.min())
    width = (int(values.max()) - least).bit_length()
    if width + int(group.max()).bit_length() > 62:
        return values[np.lexsort((values, group))]
    # One number per row sorts with vector instructions, which an indirect sort by two keys does not.
    packed = np.sort((group << width) | (values - least))
    unpacked: Ints = (packed & ((1 << width) - 1)) + least
    return unpacked


def _slowest(group: Ints, duration_ns: Ints, start_ns: Ints, span_id: npt.NDArray[Any]) -> list[list[int]]:
    """Per group the rows of its EXEMPLARS slowest, in the order "-latency"."""
    ordered = _sorted_in_groups(group, duration_ns)
    ends = np.cumsum(np.bincount(group))
    begins = np.concatenate([[0], ends[:-1]])
    bar = ordered[np.maximum(ends - EXEMPLARS, begins)]
    rows = np.flatnonzero(duration_ns >= bar[group])
    rows = rows[np.lexsort((span_id[rows], -start_ns[rows], -duration_ns[rows], group[rows]))]
    found: list[list[int]] = [[] for _ in range(len(ends))]
    for row, number in zip(rows.tolist(), group[rows].tolist(), strict=True):
        if len(found[number]) < EXEMPLARS:
            found[number].append(row)
    return found


def _distinct_per_group(group: Ints, values: npt.NDArray[np.uint64]) -> Ints:
    """How many different values each group has."""
    order = np.argsort(values)
    values, number = np.unique(values[order], return_inverse=True)
    dense = np.empty(len(order), np.int64)
    dense[order] = number
    pairs = np.unique(group * len(values) + dense)
    counts: Ints = np.bincount(pairs // len(values))
    return counts


def _group_place(group: Group) -> tuple[Any, ...]:
    return (
        None in group.values,
        -group.avg_latency_us,
        [(value is None, value or "") for value in group.values],
    )


def _numbered(segment: Segment, mask: Mask | None, key: str, known: dict[str | None, int]) -> Ints:
    """Per matching row the number of its value in `known`, which learns the values it did not know."""
    place, values = segment.values(key)
    place = of(place, mask)
    used = np.unique(place)
    number = np.zeros(len(values), np.int64)
    for i in used.tolist():
        number[i] = known.setdefault(values[i], len(known))
    numbered: Ints = number[place]
    return numbered
