"""The critical path of one trace: on which of its spans the time of its root was spent (explorer.md §11.1)."""

from __future__ import annotations

import msgspec
import numpy as np

from satellite.explore.trace_tree import Tree, TreeRow
from satellite.explore.whole_trace import WholeTrace


class TracePath(msgspec.Struct, frozen=True):
    """The spans on the path of a trace's root."""

    trace_id: str
    root: str
    """The root's span id."""
    duration_us: int
    """The root's."""
    spans: list[TreeRow]
    """As in the tree, the one with most of the time (`path_us`) first."""


def trace_path(whole: WholeTrace) -> TracePath:
    """The path, from the first span that has no parent."""
    tree = Tree(whole)
    rows = np.flatnonzero((tree.top == tree.root) & (tree.spent > 0)).tolist()
    rows.sort(key=lambda row: (-tree.spent[row], tree.drawn.place[row]))
    root = tree.row(tree.drawn.place[tree.root])
    return TracePath(
        whole.trace_id, root.span_id, root.duration_us, [tree.row(tree.drawn.place[row]) for row in rows]
    )
