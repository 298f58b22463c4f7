"""What a wait may want of the traces that its spans belong to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import msgspec
import numpy as np

from satellite.errors import NotFound
from satellite.explore.operations import services_of
from satellite.explore.whole_trace import WholeTrace, whole_trace
from satellite.store import Questions

TRACES_MAX = 100
"""Traces that are looked at (ours)."""

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]


class Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What must be true of each trace that a matching span belongs to, of the first TRACES_MAX of them."""

    complete: bool = False
    """It has one root, and no span's parent is missing."""
    path: Annotated[tuple[_Name, ...], msgspec.Meta(max_length=64)] = ()
    """A chain of calls goes through these services, each directly below the one before; several spans of one service in a
    row are one step."""


def lacking(source: Questions, project: str, trace_ids: Iterable[str], shape: Shape) -> tuple[str, str]:
    """What is not true of the first trace that is not as wanted, and its id; twice "" when all are."""
    for trace_id in list(dict.fromkeys(trace_ids))[:TRACES_MAX]:
        try:
            whole = whole_trace(source, project, trace_id, join=False)
        except NotFound:  # it has just left
            continue
        if reason := _incomplete(whole) if shape.complete else "":
            return f"trace {trace_id} is not complete: {reason}", trace_id
        if shape.path and (reached := _as_far(whole, shape.path)) < len(shape.path):
            got = " → ".join(shape.path[:reached]) or "not even the first"
            return (
                f"no call of trace {trace_id} goes {' → '.join(shape.path)}; as far as it goes: {got}",
                trace_id,
            )
    return "", ""


def _incomplete(whole: WholeTrace) -> str:
    missing = int(np.count_nonzero(whole.missing))
    roots = int(np.count_nonzero((whole.parent < 0) & (whole.missing == 0)))
    if missing:
        return "a parent is missing" if missing == 1 else f"{missing} parents are missing"
    return "" if roots == 1 else f"it has {roots} roots"


def _as_far(whole: WholeTrace, path: tuple[str, ...]) -> int:
    """How many steps of the path some call goes."""
    codes, names = services_of(whole.batch)
    services = [names[code] for code in codes.tolist()]
    below: dict[int, list[int]] = {}
    for row, above in enumerate(whole.parent.tolist()):
        below.setdefault(above, []).append(row)
    best = 0
    waiting: list[tuple[int, frozenset[int]]] = [(row, frozenset()) for row in below.get(-1, ())]
    while waiting and best < len(path):
        row, before = waiting.pop()
        reached = {0} | {at for one in before for at in (one, one + 1)}
        here = frozenset(at for at in reached if at < len(path) and path[at] == services[row])
        best = max([best, *(at + 1 for at in here)])
        waiting += [(child, here) for child in below.get(row, ())]
    return best
