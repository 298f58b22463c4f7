"""How many traces some rows belong to: counted per segment, and those that lie in several segments once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from satellite.store.distinct import distinct, distinct_below
from satellite.store.recall.segment import Mask, Segment

Ids = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]
Weights = npt.NDArray[np.float64]


def distinct_traces(parts: Sequence[tuple[Segment, Mask | None]]) -> int:
    """Distinct lower halves of trace ids among the rows of these segments."""
    if len(parts) == 1:
        return len(_ids_in(*parts[0]))
    found = np.sort(np.concatenate([np.empty(0, np.uint64), *(_ids_in(*part) for part in parts)]))
    return len(found) - int(np.count_nonzero(found[1:] == found[:-1]))


def _ids_in(segment: Segment, mask: Mask | None) -> Ids:
    """The trace ids of the rows, each once."""
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
    return counts


def _weighted(
    parts: Sequence[tuple[Segment, Mask | None]], group: Ints, groups: int, weights: Weights
) -> Ints:
    """A trace stands for as many as its rows in the group do on average."""
    low = [segment.batch.column("trace_low") for segment, _ in parts]
    ids = [column if mask is None else column[mask] for column, (_, mask) in zip(low, parts, strict=True)]
    distinct_ids, number = np.unique(np.concatenate(ids), return_inverse=True)
    pairs, place = np.unique(group * len(distinct_ids) + number, return_inverse=True)
    means = np.bincount(place, weights) / np.bincount(place)
    return np.rint(np.bincount(pairs // len(distinct_ids), means, minlength=groups)).astype(np.int64)


def shared_ids(parts: Sequence[tuple[Segment, Mask | None]]) -> Ids:
    """The trace ids that lie in more than one of these segments, ascending."""
    if len(parts) < 2:
        return np.empty(0, np.uint64)
    ids = np.sort(np.concatenate([segment.trace_numbers[0] for segment, _ in parts]))
    return distinct(ids[1:][ids[1:] == ids[:-1]])
