"""Matching spans in order, page after page."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from satellite.errors import BadRequest
from satellite.model.span import Span
from satellite.query.plan import Plan
from satellite.store import Order, Page
from satellite.store.recall.matches import matches
from satellite.store.recall.segment import Segment

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Sorting:
    """An order as columns to compare ascending, before span id and mark."""

    keys: Callable[[Segment], tuple[Ints, Ints]]


_ORDERS: dict[str, _Sorting] = {
    "-latency": _Sorting(lambda s: (-s.duration_ns, -s.start_ns)),
    "latency": _Sorting(lambda s: (s.duration_ns, s.start_ns)),
    "-start": _Sorting(lambda s: (-s.start_ns, -s.duration_ns)),
    "start": _Sorting(lambda s: (s.start_ns, s.duration_ns)),
    "arrival": _Sorting(lambda s: (s.marks, np.zeros(len(s), np.int64))),
}

Place = tuple[int, int, int, int]
"""Where a span stands in an order: its two keys, span id, mark."""


class _Cursor(msgspec.Struct, array_like=True):
    order: str
    until: int
    after: Place


def find(
    segments: Sequence[Segment], plan: Plan, order: Order, limit: int, cursor: str | None, mark: int
) -> Page:
    """One page; the cursor remembers the last place shown and the mark of the first page."""
    after: Place | None = None
    if cursor is not None:
        read = _read_cursor(cursor, order)
        after, mark = read.after, read.until
    pinned = replace(plan, until=mark if plan.until is None else min(plan.until, mark))
    parts: list[tuple[Segment, Ints]] = []
    total = 0
    for segment, mask in matches(segments, pinned):
        rows = np.arange(len(segment)) if mask is None else np.flatnonzero(mask)
        total += len(rows)
        parts.append((segment, rows))
    places, owners = _first_places(parts, _ORDERS[order], limit + 1, after)
    chosen = list(zip(places, owners, strict=True))[:limit]
    spans = _render(parts, [owner for _, owner in chosen])
    following = None
    if len(places) > limit:
        packed = msgspec.msgpack.encode(_Cursor(order, mark, chosen[-1][0]))
        following = base64.urlsafe_b64encode(packed).decode().rstrip("=")
    return Page(spans, total, following, mark)


def _read_cursor(text: str, order: Order) -> _Cursor:
    try:
        cursor = msgspec.msgpack.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=_Cursor)
    except (msgspec.MsgspecError, binascii.Error, ValueError) as error:
        raise BadRequest(
            "cursor: not one that this satellite made", hint="pass next_cursor as it was given"
        ) from error
    if cursor.order != order:
        raise BadRequest(
            f"cursor: made for order {cursor.order}, not {order}", hint="keep the order while paging"
        )
    return cursor


def _first_places(
    parts: Sequence[tuple[Segment, Ints]], sorting: _Sorting, most: int, after: Place | None
) -> tuple[list[Place], list[tuple[int, int]]]:
    """The first `most` places after one, and (part, row) of each."""
    candidates: list[tuple[npt.NDArray[Any], ...]] = []
    for number, (segment, rows) in enumerate(parts):
        primary = sorting.keys(segment)[0][rows]
        if after is not None:
            later = primary >= after[0]
            rows, primary = rows[later], primary[later]  # noqa: PLW2901 - the part that is left
        # Of each part only what could be among the first: everything up to its own `most`-th key, ties included.
        bound = most + (0 if after is None else int(np.count_nonzero(primary == after[0])))
        if len(rows) > bound:
            near = primary <= np.partition(primary, bound - 1)[bound - 1]
            rows, primary = rows[near], primary[near]  # noqa: PLW2901
        secondary = sorting.keys(segment)[1][rows]
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


def _render(parts: Sequence[tuple[Segment, Ints]], owners: Sequence[tuple[int, int]]) -> list[Span]:
    """The spans at (part, row), in that order."""
    by_part: dict[int, list[int]] = {}
    for number, row in owners:
        by_part.setdefault(number, []).append(row)
    spans = {number: iter(parts[number][0].spans(rows)) for number, rows in by_part.items()}
    return [next(spans[number]) for number, _ in owners]
