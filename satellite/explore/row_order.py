"""In which order the rows of a trace stand in its tree, and what stands above and below each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from satellite.explore.whole_trace import WholeTrace
from satellite.store.assembled import Ids, Ints

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class RowOrder:
    """Everything per row of the tree; rows of missing spans have -1 in `of`."""

    of: list[int]
    """The row of the batch."""
    above: list[int]
    """The row of the tree above; -1: none."""
    depth: list[int]
    children: list[int]
    below: list[int]
    """Rows below, children's children too."""
    missing: dict[int, int]
    """Row → the id of a span that is not held."""
    place: list[int]
    """For each row of the batch its row in the tree."""

    @staticmethod
    def of_trace(whole: WholeTrace) -> RowOrder:
        """Tops by start, then span id, then arrival; below each its children in the same order.

        A span that is not held stands where the first of its children would.
        """
        size = len(whole.parent)
        keys = (whole.marks, whole.batch.column("span_id"), whole.batch.column("start_ns"))
        rank = _places(np.lexsort(keys))
        orphans = np.flatnonzero((whole.parent < 0) & (whole.missing != 0))
        stands, firsts = _stands(whole.trace[orphans], whole.missing[orphans], rank[orphans])
        above = np.concatenate([whole.parent, np.full(len(firsts), -1)])
        above[orphans] = size + stands
        enter, leave = _walk(above, np.concatenate([rank, rank[orphans[firsts]]]))
        rows = np.argsort(enter)
        place = _places(rows)
        children = np.bincount(above[above >= 0], minlength=len(above))
        held = rows < size
        ids = whole.missing[orphans[firsts]][rows[~held] - size]
        return RowOrder(
            of=np.where(held, rows, -1).tolist(),
            above=np.where(above >= 0, place[above], -1)[rows].tolist(),
            depth=(2 * place - enter)[rows].tolist(),
            children=children[rows].tolist(),
            below=((leave - enter - 1) // 2)[rows].tolist(),
            missing=dict(zip(np.flatnonzero(~held).tolist(), ids.tolist(), strict=True)),
            place=place[:size].tolist(),
        )


def _places(order: Ints) -> Ints:
    """Where each number stands in an order of all of them."""
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    return places


def _stands(trace: Ints, missing: Ids, rank: Ints) -> tuple[Ints, Ints]:
    """(for each orphan the number of its missing parent, for each missing parent its first orphan)."""
    order = np.lexsort((rank, missing, trace))
    first = np.ones(len(order), np.bool_)
    first[1:] = (trace[order][1:] != trace[order][:-1]) | (missing[order][1:] != missing[order][:-1])
    numbers = np.empty(len(order), np.int64)
    numbers[order] = np.cumsum(first) - 1
    return numbers, order[first]


def _walk(above: Ints, rank: Ints) -> tuple[Ints, Ints]:
    """When each node of a forest is entered and when it is left, in one walk around it; siblings in order of their rank.

    The step after each step is known at once; how many are left until the end comes from going twice as far each time.
    """
    size = len(above)
    nodes = np.lexsort((rank, above))
    beside = above[nodes]
    alike: Mask = beside[1:] == beside[:-1]
    following = np.where(above >= 0, size + above, -1)  # after the last of its siblings the one above is left
    following[nodes[:-1][alike]] = nodes[1:][alike]
    child = np.arange(size, 2 * size)  # without children a node is left as soon as it is entered
    firsts = np.append(True, ~alike) & (beside >= 0)
    child[beside[firsts]] = nodes[firsts]
    step = np.concatenate([child, following])
    last = np.flatnonzero(step < 0)
    step[last] = last
    left = (step != np.arange(2 * size)).astype(np.int64)
    while (step != step[step]).any():
        left += left[step]
        step = step[step]
    at = 2 * size - 1 - left
    return at[:size], at[size:]
