"""Matching spans in order, page after page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from satellite.model.span import Span
from satellite.model.spans import spans_of
from satellite.query.plan import Plan
from satellite.store import ByValue, Order, Page
from satellite.store import cursor as cursors
from satellite.store.cursor import Place
from satellite.store.recall.distributions import Hits
from satellite.store.recall.matches import matches, size
from satellite.store.recall.segment import Mask, Segment
from satellite.store.recall.value_order import ranks

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Sorting:
    """An order as columns to compare ascending, before span id and mark."""

    primary: Callable[[Segment, Ints], Ints]
    """The first key of these rows, which are all of the segment that match."""
    secondary: Callable[[Segment, Ints], Ints]
    least: Callable[[Segment], int | None] = lambda _: None
    """A number that no row's first key is below; None: not known without a look at the rows."""


_ORDERS: dict[str, _Sorting] = {
    "-latency": _Sorting(lambda s, rows: -s.duration_ns[rows], lambda s, rows: -s.start_ns[rows]),
    "latency": _Sorting(lambda s, rows: s.duration_ns[rows], lambda s, rows: s.start_ns[rows]),
    "-start": _Sorting(
        lambda s, rows: -s.start_ns[rows],
        lambda s, rows: -s.duration_ns[rows],
        least=lambda s: -s.start_bounds_ns[1],
    ),
    "start": _Sorting(
        lambda s, rows: s.start_ns[rows],
        lambda s, rows: s.duration_ns[rows],
        least=lambda s: s.start_bounds_ns[0],
    ),
    "arrival": _Sorting(
        lambda s, rows: s.marks_of(rows),
        lambda _, rows: np.zeros(len(rows), np.int64),
        least=lambda s: s.first_mark,
    ),
    "-arrival": _Sorting(
        lambda s, rows: -s.marks_of(rows),
        lambda _, rows: np.zeros(len(rows), np.int64),
        least=lambda s: -s.last_mark,
    ),
}


def find(
    segments: Sequence[Segment],
    plan: Plan,
    order: Order | ByValue,
    limit: int,
    cursor: str | None,
    mark: int,
) -> Page:
    """One page; the cursor remembers the last place shown and the mark of the first page."""
    read = None if cursor is None else cursors.read(cursor, order)
    if read is not None:
        mark = read.until
    pinned = replace(plan, until=mark if plan.until is None else min(plan.until, mark))
    parts = [*matches(segments, pinned)]
    total = sum(size(segment, mask) for segment, mask in parts)
    if isinstance(order, str):
        sorting, after = _ORDERS[order], None if read is None else read.after
    else:
        sorting, after = _by_value(parts, order, read)
    places, owners = _first_places(parts, sorting, limit + 1, after)
    chosen = list(zip(places, owners, strict=True))[:limit]
    spans = _render(parts, [owner for _, owner in chosen])
    following = None
    if len(places) > limit:
        last, (part, row) = chosen[-1]
        value = None if isinstance(order, str) else _value(parts[part][0], row, order.key)
        following = cursors.Cursor.behind(order, mark, last, value).text()
    return Page(spans, total, following, mark)


def _by_value(
    parts: list[tuple[Segment, Mask | None]], order: ByValue, read: cursors.Cursor | None
) -> tuple[_Sorting, Place | None]:
    """The order among these parts, and the cursor's place in it: the first key is a value's rank among theirs."""
    number, values = Hits(parts).numbered(order.key) if parts else (np.zeros(0, np.int64), [])
    rank = ranks([*values, None if read is None else read.value], descending=order.descending)
    ends = np.cumsum([size(segment, mask) for segment, mask in parts])
    of_part = (
        dict(zip([id(segment) for segment, _ in parts], np.split(rank[number], ends[:-1]), strict=True))
        if parts
        else {}
    )
    sorting = _Sorting(lambda s, _: of_part[id(s)], lambda s, rows: -s.duration_ns[rows])
    return sorting, None if read is None else (int(rank[-1]), *read.after[1:])


def _value(segment: Segment, row: int, key: str) -> str | None:
    place, values = segment.values(key)
    return values[int(place[row])]


def _first_places(
    parts: Sequence[tuple[Segment, Mask | None]], sorting: _Sorting, most: int, after: Place | None
) -> tuple[list[Place], list[tuple[int, int]]]:
    """The first `most` places after one, and (part, row) of each.

    Parts are looked at in the order of what their rows may begin with; those that begin behind all that is wanted are not.
    """
    candidates: list[tuple[npt.NDArray[Any], ...]] = []
    least = {number: sorting.least(segment) for number, (segment, _) in enumerate(parts)}
    first = np.empty(0, np.int64)
    """The least primary keys so far behind `after`, ascending, `most` of them at most."""
    for number in sorted(least, key=lambda number: least[number] or 0):
        segment, mask = parts[number]
        begins = least[number]
        if begins is not None and len(first) == most and begins > first[-1]:
            break
        rows = np.arange(len(segment)) if mask is None else np.flatnonzero(mask)
        primary = sorting.primary(segment, rows)
        equal = 0
        if after is not None:
            later = primary >= after[0]
            rows, primary = rows[later], primary[later]
            equal = int(np.count_nonzero(primary == after[0]))
        if len(first) == most:
            near = primary <= first[-1]
            rows, primary = rows[near], primary[near]
        # Of each part only what could be among the first: everything up to its own `most`-th key, ties included.
        bound = most + equal
        if len(rows) > bound:
            near = primary <= np.partition(primary, bound - 1)[bound - 1]
            rows, primary = rows[near], primary[near]
        behind = primary if after is None else primary[primary > after[0]]
        first = np.sort(np.concatenate([first, behind]))[:most]
        secondary = sorting.secondary(segment, rows)
        ids = segment.batch.column("span_id")[rows]
        candidates.append((primary, secondary, ids, segment.marks_of(rows), np.full(len(rows), number), rows))
    if not candidates:
        return [], []
    primary, secondary, ids, marks, numbers, rows = (
        np.concatenate(column) for column in zip(*candidates, strict=True)
    )
    ranked = np.lexsort((marks, ids, secondary, primary))
    places: list[Place] = []
    owners: list[tuple[int, int]] = []
    for i in ranked.tolist():
        place = (int(primary[i]), int(secondary[i]), int(ids[i]), int(marks[i]))
        if after is not None and place <= after:
            continue
        places.append(place)
        owners.append((int(numbers[i]), int(rows[i])))
        if len(places) == most:
            break
    return places, owners


def _render(parts: Sequence[tuple[Segment, Mask | None]], owners: Sequence[tuple[int, int]]) -> list[Span]:
    """The spans at (part, row), in that order."""
    by_part: dict[int, list[int]] = {}
    for number, row in owners:
        by_part.setdefault(number, []).append(row)
    marks = [
        mark
        for number, rows in by_part.items()
        for mark in parts[number][0].marks_of(np.array(rows)).tolist()
    ]
    spans = spans_of([(parts[number][0].batch, rows) for number, rows in by_part.items()], marks)
    made = dict(zip([(number, row) for number, rows in by_part.items() for row in rows], spans, strict=True))
    return [made[place] for place in owners]
