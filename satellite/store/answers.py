"""Answers over several segments: each says its part, here the parts become one. No locks, no state."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from satellite.errors import BadRequest
from satellite.model.span import PARENT_TAG, Span
from satellite.model.spans import SpanBatch, id_text
from satellite.model.tags import texts_of
from satellite.query.plan import Plan
from satellite.store import Bucket, Group, Histogram, Order, Page, Suggestion, SuggestionKind
from satellite.store.latency import PERCENTILES, bounds_us, nearest_rank, rank
from satellite.store.recall.segment import Mask, Segment
from satellite.store.recall.tag_index import flat_codes, tag_rows

Ints = npt.NDArray[np.int64]

EXEMPLARS = 5


def _matches(segments: Sequence[Segment], plan: Plan) -> Iterator[tuple[Segment, Mask | None]]:
    """The segments that have any match, with the rows that do (None: all)."""
    for segment in _within(segments, plan):
        mask = segment.match(plan)
        if mask is None or mask.any():
            yield segment, mask


def _within(segments: Sequence[Segment], plan: Plan) -> Iterator[Segment]:
    """The segments that the plan's marks touch."""
    for segment in segments:
        if segment.last_mark > plan.since and (plan.until is None or segment.first_mark <= plan.until):
            yield segment


def _of(values: npt.NDArray[Any], mask: Mask | None) -> npt.NDArray[Any]:
    return values if mask is None else values[mask]


def _size(segment: Segment, mask: Mask | None) -> int:
    return len(segment) if mask is None else int(np.count_nonzero(mask))


def count(segments: Sequence[Segment], plan: Plan) -> int:
    """How many spans match."""
    return sum(_size(segment, mask) for segment, mask in _matches(segments, plan))


def batches(segments: Sequence[Segment], plan: Plan) -> Iterator[SpanBatch]:
    """The matching rows of each segment."""
    for segment, mask in _matches(segments, plan):
        yield segment.batch if mask is None else segment.batch.take(np.flatnonzero(mask)).compact()


def funnel(segments: Sequence[Segment], plan: Plan) -> list[int]:
    """How many match the bounds and the first 0, 1, … all terms."""
    steps = [0] * (len(plan.terms) + 1)
    for segment in _within(segments, plan):
        left = segment.bounded(plan)
        steps[0] += _size(segment, left)
        for i, term in enumerate(plan.terms, 1):
            hit = segment.term(term)
            left = hit if left is None else left & hit
            steps[i] += _size(segment, left)
    return steps


# Spans in order


@dataclass(frozen=True, slots=True)
class _Sorting:
    """An order as columns to compare ascending, before span id and mark."""

    keys: Callable[[Segment], tuple[Ints, Ints]]


_ORDERS: dict[str, _Sorting] = {
    "-latency": _Sorting(lambda s: (-s.duration_ns, -s.start_ns)),
    "latency": _Sorting(lambda s: (s.duration_ns, s.start_ns)),
    "-start": _Sorting(lambda s: (-s.start_ns, -s.duration_ns)),
    "start": _Sorting(lambda s: (s.start_ns, s.duration_ns)),
    "arrival": _Sorting(lambda s: (np.arange(s.first_mark, s.last_mark + 1), np.zeros(len(s), np.int64))),
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
    for segment, mask in _matches(segments, pinned):
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
        candidates.append(
            (primary, secondary, ids, rows + segment.first_mark, np.full(len(rows), number), rows)
        )
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


def trace(segments: Sequence[Segment], high: int | None, low: int) -> list[Span]:
    """Every span of one trace, by start, then span id."""
    found = [
        (int(segment.start_ns[row]), span.span_id, span.mark, span)
        for segment in segments
        if (rows := segment.rows_of_trace(high, low))
        for row, span in zip(rows, segment.spans(rows), strict=True)
    ]
    return [span for *_, span in sorted(found, key=lambda place: place[:3])]


# Latencies


def histogram(segments: Sequence[Segment], plan: Plan) -> Histogram:
    """Exact, over all matches: counts from the prepared buckets, percentiles from the durations of one bucket."""
    counts = np.zeros(1, np.int64)
    errors = np.zeros(1, np.int64)
    hits = list(_matches(segments, plan))
    for segment, mask in hits:
        buckets = _of(segment.bucket, mask)
        counts = _sum(counts, np.bincount(buckets))
        wrong = segment.is_error if mask is None else segment.is_error & mask
        if wrong.any():
            errors = _sum(errors, np.bincount(segment.bucket[wrong]))
    total = int(counts.sum())
    errors = _sum(errors, np.zeros(len(counts), np.int64))
    shown = [
        Bucket(i, *bounds_us(i), count=int(counts[i]), errors=int(errors[i]))
        for i in np.flatnonzero(counts).tolist()
    ]
    percentiles: dict[str, int] = {}
    cumulated = np.cumsum(counts)
    ordered: dict[int, npt.NDArray[Any]] = {}
    for name, percent in PERCENTILES.items() if total else ():
        place = rank(percent, total)
        bucket = int(np.searchsorted(cumulated, place, side="right"))
        if bucket not in ordered:
            ordered[bucket] = np.sort(np.concatenate([_durations_in(s, mask, bucket) for s, mask in hits]))
        percentiles[name] = int(ordered[bucket][place - (int(cumulated[bucket - 1]) if bucket else 0)])
    return Histogram(shown, percentiles, total, int(errors.sum()))


def _durations_in(segment: Segment, mask: Mask | None, bucket: int) -> Ints:
    """Durations in µs of the matches in one bucket."""
    inside = segment.bucket == bucket
    duration_us: Ints = segment.duration_ns[inside if mask is None else inside & mask] // 1000
    return duration_us


def _sum(left: Ints, right: npt.NDArray[Any]) -> Ints:
    """Element by element, the shorter one padded with zeros."""
    total = np.zeros(max(len(left), len(right)), np.int64)
    total[: len(left)] += left
    total[: len(right)] += right
    return total


# Groups


def groups(segments: Sequence[Segment], plan: Plan, by: Sequence[str]) -> list[Group]:
    """The matches by their values of the keys."""
    texts: list[dict[str | None, int]] = [{} for _ in by]
    hits = list(_matches(segments, plan))
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
    duration_ns = np.concatenate([_of(segment.duration_ns, mask) for segment, mask in hits])
    is_error = np.concatenate([_of(segment.is_error, mask) for segment, mask in hits])
    trace_low, span_id, start_ns = (
        np.concatenate([_of(segment.batch.column(name), mask) for segment, mask in hits])
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
    place = _of(place, mask)
    used = np.unique(place)
    number = np.zeros(len(values), np.int64)
    for i in used.tolist():
        number[i] = known.setdefault(values[i], len(known))
    numbered: Ints = number[place]
    return numbered


# Suggestions


def suggest(
    segments: Sequence[Segment], kind: SuggestionKind, plan: Plan, key: str, text: str, limit: int
) -> list[Suggestion]:
    """What occurs among the matches, most frequent first."""
    parts: list[tuple[pa.StringArray, Ints]] = []
    for segment, mask in _matches(segments, plan):
        match kind:
            case "service":
                names, of_reporter = segment.services
                rows = _of(of_reporter[segment.batch.column("reporter")], mask)
                parts.append((pa.array(names, pa.string()), np.bincount(rows, minlength=len(names))))
            case "operation":
                rows = _of(segment.batch.column("name"), mask)
                parts.append((segment.operations, np.bincount(rows, minlength=len(segment.operations))))
            case "key":
                parts.append(_key_counts(segment, mask))
            case "value":
                parts.append(_value_counts(segment, mask, key))
    if not parts:
        return []
    table = pa.table(
        {
            "value": pa.concat_arrays([names for names, _ in parts]),
            "spans": np.concatenate([n for _, n in parts]),
        }
    )
    table = table.filter(pc.greater(table["spans"], 0))
    if text:
        table = table.filter(pc.match_substring(table["value"], text, ignore_case=True))
    table = table.group_by("value").aggregate([("spans", "sum")])
    if len(table) > limit:  # all that could be among the first `limit`, so that only those are sorted by name
        least = np.partition(table["spans_sum"].to_numpy(), len(table) - limit)[len(table) - limit]
        table = table.filter(pc.greater_equal(table["spans_sum"], pa.scalar(least)))
    table = table.sort_by([("spans_sum", "descending"), ("value", "ascending")]).slice(0, limit)
    return [Suggestion(row["value"], row["spans_sum"]) for row in table.to_pylist()]


def _key_counts(segment: Segment, mask: Mask | None) -> tuple[pa.StringArray, Ints]:
    """Each tag key, and in how many of the rows it occurs; the parent's tag is not shown."""
    keys = [key for key in segment.index.keys() if key != PARENT_TAG]  # noqa: SIM118 - a method of ours
    of_code = np.full(len(segment.batch.tags), -1, np.int64)
    for i, key in enumerate(keys):
        of_code[segment.index.codes_of(key)] = i
    codes = of_code[flat_codes(segment.batch)]
    shown = codes >= 0 if mask is None else (codes >= 0) & mask[tag_rows(segment.batch)]
    counts = np.bincount(codes[shown], minlength=len(keys))
    for key in segment.index.repeated - {PARENT_TAG}:  # such a key counts once per span
        rows, _ = segment.index.occurrences(key)
        counts[keys.index(key)] = len(rows) if mask is None else np.count_nonzero(mask[rows])
    return pa.array(keys, pa.string()), counts


def _value_counts(segment: Segment, mask: Mask | None, key: str) -> tuple[pa.StringArray, Ints]:
    """Each value of a tag key, and in how many of the rows it is the one that counts."""
    codes = segment.index.codes_of(key)
    if not len(codes):
        return pa.array([], pa.string()), np.empty(0, np.int64)
    rows, last = segment.index.occurrences(key)
    chosen = last if mask is None else last[mask[rows]]
    counts = np.bincount(np.searchsorted(codes, chosen), minlength=len(codes))
    return texts_of(segment.tags_at(codes), key), counts
