"""How many traces some rows belong to: counted per segment, and those that lie in several segments once.

Lower halves of ids are counted first. Where one comes with several upper halves, which hardly ever happens, the traces
beyond the first are added.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from satellite.store.assembled import trace_numbers
from satellite.store.distinct import distinct, distinct_below
from satellite.store.recall.matches import of
from satellite.store.recall.segment import Mask, Segment

Ids = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]
Weights = npt.NDArray[np.float64]


def distinct_traces(parts: Sequence[tuple[Segment, Mask | None]]) -> int:
    """Distinct traces among the rows of these segments."""
    # In order within each segment: what is made for numbers in any order takes twice as long.
    found = np.sort(
        np.concatenate([np.empty(0, np.uint64), *(_ids_in(*part) for part in parts)]), kind="stable"
    )
    again = found[1:][found[1:] == found[:-1]]
    return len(found) - len(again) + int(beyond(parts, distinct(again), None, 1)[0])


def _ids_in(segment: Segment, mask: Mask | None) -> Ids:
    """The lower halves of the trace ids of the rows, each once, ascending."""
    ids, number = segment.trace_numbers
    if mask is None:
        return ids
    seen = np.zeros(len(ids), np.bool_)
    seen[number[mask]] = True
    return ids[seen]


def distinct_traces_by_group(
    parts: Sequence[tuple[Segment, Mask | None]], group: Ints, groups: int, weights: Weights | None
) -> Ints:
    """The same for each group; `group`: the group's number of each row of all parts."""
    if weights is not None:
        return _weighted(parts, group, groups, weights)
    counts = np.zeros(groups, np.int64)
    shared = shared_ids(parts)
    pairs: list[npt.NDArray[Any]] = []
    begin = 0
    for segment, mask in parts:
        ids, number = segment.trace_numbers
        number = number if mask is None else number[mask]
        mine = group[begin : begin + len(number)]
        begin += len(number)
        pair = distinct_below(mine * len(ids) + number, groups * len(ids))
        owner, trace = np.divmod(pair, len(ids))
        place = np.searchsorted(shared, ids[trace]) if len(shared) else np.zeros(len(trace), np.int64)
        in_others = shared[np.minimum(place, len(shared) - 1)] == ids[trace] if len(shared) else None
        if in_others is not None and in_others.any():
            pairs.append(owner[in_others] * len(shared) + place[in_others])
            owner = owner[~in_others]
        counts += np.bincount(owner, minlength=groups)
    if pairs:
        counts += np.bincount(distinct(np.concatenate(pairs)) // len(shared), minlength=groups)
    return counts + beyond(parts, shared, group, groups)


def beyond(
    parts: Sequence[tuple[Segment, Mask | None]], shared: Ids, group: Ints | None, groups: int
) -> Ints:
    """For each group how many more traces there are than lower halves of ids; `shared` as in `shared_ids`."""
    counts = np.zeros(groups, np.int64)
    several = _with_several_uppers([segment for segment, _ in parts], shared)
    if not len(several):
        return counts
    columns: list[tuple[Ids, Ids, Ints]] = []
    begin = 0
    for segment, mask in parts:
        ids, number = segment.trace_numbers
        wanted = np.isin(ids, several)[number]
        rows = np.flatnonzero(wanted if mask is None else wanted & mask)
        places = rows if mask is None else (np.cumsum(mask) - 1)[rows]
        mine = np.zeros(len(rows), np.int64) if group is None else group[begin + places]
        begin += len(segment) if mask is None else int(np.count_nonzero(mask))
        columns.append((segment.batch.column("trace_high")[rows], ids[number[rows]], mine))
    high, low, owner = (np.concatenate(column) for column in zip(*columns, strict=True))
    for upper, sign in ((high, 1), (np.zeros_like(high), -1)):
        trace = trace_numbers(upper, low, owner)
        group_of = np.empty(int(trace.max(initial=-1)) + 1, np.int64)
        group_of[trace] = owner
        counts += sign * np.bincount(group_of, minlength=groups)
    return counts


def _with_several_uppers(segments: Sequence[Segment], shared: Ids) -> Ids:
    """The lower halves of ids that come with several upper halves, in one segment or in different ones."""
    found = [np.empty(0, np.uint64), *(segment.trace_uppers[1] for segment in segments)]
    least, most = np.full(len(shared), 2**64 - 1, np.uint64), np.zeros(len(shared), np.uint64)
    for segment in segments if len(shared) else ():
        ids, (uppers, _) = segment.trace_numbers[0], segment.trace_uppers
        if len(uppers):
            place = np.minimum(np.searchsorted(ids, shared), len(ids) - 1)
            here = (ids[place] == shared) & (uppers[place] > 0)
            most[here] = np.maximum(most, uppers[place])[here]
            least[here] = np.minimum(least, uppers[place])[here]
    return distinct(np.concatenate([*found, shared[least < most]]))


def _weighted(
    parts: Sequence[tuple[Segment, Mask | None]], group: Ints, groups: int, weights: Weights
) -> Ints:
    """A trace stands for as many as its rows in the group do on average."""
    high, low = (
        np.concatenate([of(segment.batch.column(half), mask) for segment, mask in parts])
        for half in ("trace_high", "trace_low")
    )
    trace = trace_numbers(high, low, group)
    means = np.bincount(trace, weights) / np.bincount(trace)
    group_of = np.empty(len(means), np.int64)
    group_of[trace] = group
    return np.rint(np.bincount(group_of, means, minlength=groups)).astype(np.int64)


def shared_ids(parts: Sequence[tuple[Segment, Mask | None]]) -> Ids:
    """The lower halves of trace ids that lie in more than one of these segments, ascending."""
    if len(parts) < 2:
        return np.empty(0, np.uint64)
    ids = np.sort(np.concatenate([segment.trace_numbers[0] for segment, _ in parts]), kind="stable")
    return distinct(ids[1:][ids[1:] == ids[:-1]])
