"""Correlations: what marks the traces that are slow, or failed, and not the others (explorer.md §9)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from satellite.explore.critical_path import CriticalPath
from satellite.explore.forest import Forest
from satellite.explore.operations import operations_of, reporters_of
from satellite.model.span import PARENT_TAG
from satellite.model.spans import Status
from satellite.model.tags import order_by_key, texts_of
from satellite.query.limit import check
from satellite.query.plan import Plan
from satellite.store import Questions
from satellite.store.assembled import TRACES_MAX, Assembled, Ints, Mask, Weights, mixed
from satellite.store.distinct import distinct

Of = Literal["latency", "errors"]

SLOW = "p95"
"""Without a range: traces whose slowest matching span is as slow as this percentile of the matches."""

PATH_SHARE_MIN = 0.005
"""Operations with less of the critical path on both sides are left out (ours): their scores are noise."""

_IDS = ("guid:", "join:", "lightstep.")
"""Keys that begin so hold ids, or say what the protocol needs."""


def _is_told(key: str) -> bool:
    """Whether a key may mark traces; the service's own name is told with its operations."""
    return not key.startswith(_IDS) and key not in (PARENT_TAG, "service.name")


@dataclass(frozen=True, slots=True)
class Inside:
    """Which matching spans put their trace «in»; all bounds None: the slowest 5 %."""

    from_us: int | None = None
    """Duration at least."""
    to_us: int | None = None
    """Duration below."""
    oldest_us: int | None = None
    """Start at or after: with `youngest_us` the other side of a box of the heat map."""
    youngest_us: int | None = None
    """Start before."""

    def __bool__(self) -> bool:
        """Whether there is any bound."""
        return self != Inside()


class Attribute(msgspec.Struct, frozen=True):
    """A tag with its value."""

    kind: Literal["result", "trace"]
    key: str
    value: str


class Correlation(msgspec.Struct, frozen=True):
    """Something that marks traces, and how much more it marks those inside."""

    kind: Literal["operation", "result", "trace"]
    """operation: a service's operation, by its share of the critical path. result: a tag on matching spans. trace: a
    tag on other spans of their traces."""
    key: str
    """The tag's key; of an operation the service."""
    value: str
    """The tag's value; of an operation its name."""
    span_kind: str | None
    """Of an operation: client, server, …."""
    score: float
    """(in − out) ÷ the greater: +1 only inside, −1 never inside, 0 equally likely."""
    in_share: float
    """Of the traces inside those that have it; of an operation its share of their critical path."""
    out_share: float
    in_traces: int
    """Traces inside that have it."""
    out_traces: int
    same: list[Attribute]
    """Other attributes that mark exactly the same traces."""


class Correlations(msgspec.Struct, frozen=True):
    """By |score| descending, then by traces that have it, key, value."""

    correlations: list[Correlation]
    total: int
    """How many there are, in this answer or not."""
    in_traces: int
    """Traces inside."""
    out_traces: int
    """All other traces of the matching spans."""
    traces: int
    """Traces that all matching spans are in; more than the two together: exemplars stand for them."""
    from_us: int | None
    """The least duration that counts as inside."""
    to_us: int | None
    reason: Literal["no_contrast"] | None
    """Why the list is empty: no trace is inside, or none is outside."""


def correlations(
    source: Questions,
    project: str,
    plan: Plan,
    *,
    of: Of = "latency",
    inside: Inside = Inside(),
    from_percentile: str | None = None,
    min_support: int = 2,
    limit: int = 100,
) -> Correlations:
    """What marks the traces of the matching spans that are inside.

    Args:
        source: who is asked.
        project: whose spans.
        plan: the matching spans; their traces are the unit.
        of: latency, by `inside`; or errors: inside are traces with a matching error span.
        inside: a range, or a box.
        from_percentile: in place of `inside.from_us`: what is as slow as this percentile of the matching spans.
        min_support: traces that an attribute must mark.
        limit: rows of the answer.
    """
    if of == "latency" and (from_percentile or not inside):
        percentiles = source.histogram(project, plan).percentiles
        inside = replace(inside, from_us=percentiles.get(from_percentile or SLOW))
    found = source.assemble(project, plan, traces_max=TRACES_MAX)
    is_in = _traces_of(found, found.matched & _inside(found, of, inside))
    sides = is_in, _traces_of(found, found.matched) & ~is_in
    number_in, number_out = (int(np.count_nonzero(side)) for side in sides)
    rows: list[Correlation] = []
    if number_in and number_out:
        rows = _attributes(found, sides, min_support, of)
        if of == "latency":
            rows += _operations(found, sides)
    rows.sort(key=lambda row: (-abs(row.score), -row.in_traces - row.out_traces, row.key, row.value))
    return Correlations(
        rows[:limit],
        len(rows),
        number_in,
        number_out,
        found.traces,
        inside.from_us if of == "latency" else None,
        inside.to_us if of == "latency" else None,
        None if number_in and number_out else "no_contrast",
    )


_Sides = tuple[Mask, Mask]
"""Which traces are inside, which outside."""


def _inside(found: Assembled, of: Of, inside: Inside) -> Mask:
    """Which rows put their trace inside, if they match."""
    if of == "errors":
        failed: Mask = found.batch.column("status") == np.uint8(Status.ERROR)
        return failed
    rows = np.ones(len(found.batch), np.bool_)
    duration_us, start_us = (found.batch.column(name) // 1000 for name in ("duration_ns", "start_ns"))
    for value, low, high in (
        (duration_us, inside.from_us, inside.to_us),
        (start_us, inside.oldest_us, inside.youngest_us),
    ):
        rows &= (low is None or value >= low) & (high is None or value < high)
    return rows


def _traces_of(found: Assembled, rows: Mask) -> Mask:
    traces = np.zeros(found.held, np.bool_)
    traces[found.trace[rows]] = True
    return traces


def score(in_share: Weights, out_share: Weights) -> Weights:
    """(in − out) ÷ the greater of the two; 0 when both are 0."""
    greater = np.maximum(in_share, out_share)
    scored: Weights = np.where(greater > 0, (in_share - out_share) / np.where(greater > 0, greater, 1), 0.0)
    return scored


# Service and operation


def _operations(found: Assembled, sides: _Sides) -> list[Correlation]:
    """Each service's operations by their share of the critical path below the matching spans."""
    batch = found.batch
    start, duration = batch.column("start_ns"), np.maximum(batch.column("duration_ns"), 0)
    path = CriticalPath(Forest.of(batch, found.trace).parent, start, duration, batch.column("span_id"))
    names, operation = operations_of(batch)
    weight = np.where(found.matched, found.trace_weights()[found.trace], 0.0)
    shares, traces = [], []
    for side in (side[found.trace] for side in sides):
        spent = path.spent(np.where(side, weight, 0.0))
        total = float((duration * weight)[side].sum())
        shares.append(np.bincount(operation, spent, len(names)) / (total or 1.0))
        marked = distinct(operation[spent > 0] * found.held + found.trace[spent > 0])
        traces.append(np.bincount(marked // max(found.held, 1), minlength=len(names)))
    scores = score(*shares)
    return [
        Correlation(
            "operation",
            *names[i],
            score=float(scores[i]),
            in_share=float(shares[0][i]),
            out_share=float(shares[1][i]),
            in_traces=int(traces[0][i]),
            out_traces=int(traces[1][i]),
            same=[],
        )
        for i in np.flatnonzero(np.maximum(*shares) >= PATH_SHARE_MIN).tolist()
    ]


# Tags


@dataclass(frozen=True, slots=True, eq=False)
class _Marks:
    """Attributes and the traces that they mark, one entry per attribute and place (on the matching spans, or not)."""

    attribute: Ints
    """Position of each in the attributes."""
    result: Mask
    counts: Ints
    """Per entry (traces inside, outside)."""
    weights: Weights
    """The same, by weight."""
    which: npt.NDArray[np.uint64]
    """Equal for entries that mark the same traces."""


def _attributes(found: Assembled, sides: _Sides, min_support: int, of: Of) -> list[Correlation]:
    """Each tag with its value: where it tells more (on the matching spans, or elsewhere); same traces, one row."""
    names, rows, attributes = _pairs(found, min_support)
    marks = _marked(found, sides, rows, attributes, len(names))
    totals = np.array([found.trace_weights()[side].sum() for side in sides])
    shares = marks.weights / totals
    scores = score(shares[:, 0], shares[:, 1])
    best: dict[int, int] = {}
    for i in np.flatnonzero(marks.counts.sum(1) >= min_support).tolist():
        attribute = int(marks.attribute[i])
        if of == "errors" and names[attribute][0] == "error":
            continue
        known = best.setdefault(attribute, i)
        if (abs(scores[i]), marks.result[i]) > (abs(scores[known]), marks.result[known]):
            best[attribute] = i
    folded: dict[int, list[int]] = {}
    for i in best.values():
        folded.setdefault(int(marks.which[i]), []).append(i)
    result = []
    for same in folded.values():
        same.sort(key=lambda i: (len(names[int(marks.attribute[i])][1]), names[int(marks.attribute[i])]))
        first, *others = (
            Attribute("result" if marks.result[i] else "trace", *names[int(marks.attribute[i])]) for i in same
        )
        i = same[0]
        result.append(
            Correlation(
                first.kind,
                first.key,
                first.value,
                None,
                score=float(scores[i]),
                in_share=float(shares[i, 0]),
                out_share=float(shares[i, 1]),
                in_traces=int(marks.counts[i, 0]),
                out_traces=int(marks.counts[i, 1]),
                same=others,
            )
        )
    return result


def _marked(found: Assembled, sides: _Sides, rows: Ints, attributes: Ints, size: int) -> _Marks:
    """From (row, attribute) pairs to what each attribute marks."""
    held = max(found.held, 1)
    entry = attributes * 2 + found.matched[rows]
    marked = _distinct(entry * held + found.trace[rows], size * 2 * held)
    entries, trace = marked // held, marked % held
    used, starts = np.unique(entries, return_index=True)
    counts, weights = np.zeros((len(used), 2), np.int64), np.zeros((len(used), 2), np.float64)
    which = np.zeros(len(used), np.uint64)
    if len(used):
        weight = found.trace_weights()[trace]
        for i, side in enumerate(sides):
            counts[:, i] = np.add.reduceat(side[trace].astype(np.int64), starts)
            weights[:, i] = np.add.reduceat(weight * side[trace], starts)
        which = np.add.reduceat(mixed(trace.astype(np.uint64)), starts)
    return _Marks(used // 2, used % 2 == 1, counts, weights, which)


_BITMAP_BYTES_MAX = 64 << 20


def _distinct(numbers: Ints, size: int) -> Ints:
    """The distinct ones of numbers below `size`."""
    if size > _BITMAP_BYTES_MAX:
        return distinct(numbers)
    seen = np.zeros(size, np.bool_)
    seen[numbers] = True
    return np.flatnonzero(seen)


def _pairs(found: Assembled, min_support: int) -> tuple[list[tuple[str, str]], Ints, Ints]:
    """(attributes; rows and the attributes that they carry): of keys that are no ids, from tags and reporters."""
    batch, most = found.batch, found.held / 2
    lists = batch.rows.column("tags")
    rows = np.repeat(np.arange(len(batch)), np.diff(lists.offsets.to_numpy()))
    codes = np.asarray(lists.flatten())
    reporters = [reporter.texts() for reporter in reporters_of(batch)]
    values: dict[str, dict[str, int]] = {}
    names: list[tuple[str, str]] = []

    def number(key: str, value: str) -> int:
        known = values.setdefault(key, {})
        if value not in known:
            known[value] = len(names)
            names.append((key, value))
        return known[value]

    attribute = np.full(len(batch.tags) + 1, -1, np.int64)
    times = np.bincount(codes, minlength=len(batch.tags))
    for key, tags, texts in _by_key(batch.tags, times, min_support, most):
        attribute[tags] = np.array([number(key, text) for text in texts.dictionary.to_pylist()])[
            texts.indices
        ]
    of_tags = attribute[codes]
    reporter = batch.column("reporter")
    parts = [(rows, of_tags)]
    for key in sorted({key for texts in reporters for key in texts}):
        if not _is_told(key):
            continue
        own = [number(key, texts[key]) if key in texts else -1 for texts in reporters]
        carried = np.array(own, np.int64)[reporter]
        if key in values:
            mine = np.isin(of_tags, list(values[key].values()))
            carried[rows[mine]] = -1  # a span's own tag comes first
        parts.append((np.flatnonzero(carried >= 0), carried[carried >= 0]))
    kept = np.zeros(len(names) + 1, np.bool_)
    for known in values.values():
        if len(known) <= most:
            kept[list(known.values())] = True
    all_rows, all_attributes = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    wanted = kept[all_attributes]
    return names, all_rows[wanted], all_attributes[wanted]


def _by_key(
    tags: pa.BinaryArray, times: Ints, min_support: int, values_max: float
) -> Iterator[tuple[str, Ints, pa.DictionaryArray]]:
    """(key, positions of its tags, their texts) of keys that occur often enough, without too many values."""
    keys, starts, order = order_by_key(tags)
    used = np.add.reduceat(times[order], starts[:-1]) if keys else times
    for i, key in enumerate(keys):
        check()
        if used[i] >= min_support and _is_told(key):
            here = order[starts[i] : starts[i + 1]]
            texts = texts_of(tags.take(pa.array(here)), key).dictionary_encode()
            if len(texts.dictionary) <= values_max:
                yield key, here, texts
