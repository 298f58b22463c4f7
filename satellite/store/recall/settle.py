"""What of a batch is new, came before, is a later version or a part: the rule of `store.identity` on columns.

Repeats and versions are found for all rows at once. Only parts, and spans that parts belong to, are looked at one by one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from satellite.model.reporter import Reporter, decode_reporter
from satellite.model.spans import Marks, SpanBatch
from satellite.store.distinct import all_differ, distinct
from satellite.store.identity import (
    Identities,
    Keys,
    Mask,
    Merger,
    Row,
    same_content,
    span_of,
)
from satellite.store.recall.recent import Marked, RecentIds

MOST_CANDIDATES = 64
"""Spans that share one span id among which a part looks for its own: the last so many (ours)."""


@dataclass(slots=True)
class Held:
    """The spans that came lately, and how to see them."""

    recent: RecentIds
    """By key."""
    parts: RecentIds
    """By span id: parts, and spans that took up some."""
    alive: Callable[[Marked], Mask]
    """Which of these marks are still held."""
    rows_at: Callable[[Marked], SpanBatch]
    """The rows with these marks, same order."""


@dataclass(slots=True)
class Settled:
    """What is to be done with a batch."""

    batch: SpanBatch
    """The rows to keep, in order of arrival."""
    keys: Keys
    gone: Marked
    """Marks of the held rows whose place they take."""
    duplicates: int = 0
    replaced: int = 0
    merged: int = 0

    @property
    def kept_once(self) -> int:
        """Rows that arrived and are no new spans."""
        return self.duplicates + self.replaced + self.merged


def settle(batch: SpanBatch, held: Held, now_ns: int) -> Settled:
    """Find for every row of a batch whether it is new, and what it does to those that are held."""
    identities = Identities.of(batch)
    keys = identities.keys()
    marks = held.recent.marks(keys, now_ns)
    apart = _apart(keys, identities.parts, held, now_ns)
    if apart is None and not marks.any() and all_differ(keys):
        return Settled(batch, keys, np.empty(0, np.int64))
    marks, stored = _verified(identities, marks, held)
    if apart is None or not apart.any():
        keep, settled = _versions(batch, keys, marks, identities, stored)
        if len(keep) < len(batch):
            settled.batch, settled.keys = batch.take(keep).compact(), keys[keep]
        return settled
    plain, touched = np.flatnonzero(~apart), np.flatnonzero(apart)
    rest = batch.take(plain)
    theirs = stored.take(np.flatnonzero(~apart[marks > 0]))
    keep, settled = _versions(rest, keys[plain], marks[plain], identities.take(plain), theirs)
    joined, places = _Parts(batch, touched, keys, marks, held).settle(settled)
    both = SpanBatch.concat([rest.take(keep), joined]).take(np.argsort(np.concatenate([plain[keep], places])))
    settled.batch, settled.keys = both.compact(), Identities.of(both).keys()
    return settled


def _apart(keys: Keys, parts: Mask, held: Held, now_ns: int) -> Mask | None:
    """The rows that are parts of others, or have parts; None: surely no row is."""
    apart = None
    spans = span_of(keys)
    if len(held.parts):
        apart = held.parts.marks(spans, now_ns) > 0
    if parts.any():
        theirs, counts = np.unique(spans, return_counts=True)
        mine = np.isin(theirs, spans[parts])
        theirs, counts = theirs[mine], counts[mine]
        related = np.isin(spans, theirs[(counts > 1) | held.recent.knows_spans(theirs)])
        apart = related if apart is None else apart | related
    return apart


def _verified(identities: Identities, marks: Marked, held: Held) -> tuple[Marked, SpanBatch]:
    """The marks without those of other spans (keys are hashes) and of rows that are gone; the rows of those left."""
    found = np.flatnonzero(marks)
    found = found[held.alive(marks[found])]
    stored = held.rows_at(marks[found])
    same = Identities.of(stored).equal(identities.take(found))
    sure = np.zeros_like(marks)
    sure[found[same]] = marks[found[same]]
    return sure, stored if same.all() else stored.take(np.flatnonzero(same))


def _versions(
    batch: SpanBatch, keys: Keys, marks: Marked, identities: Identities, stored: SpanBatch
) -> tuple[Marked, Settled]:
    """(rows to keep, the counts) where nothing is a part; the batch of the answer is not yet made.

    `stored` has the row of each mark that is not 0, in the same order.
    """
    settled = Settled(batch, keys, np.empty(0, np.int64))
    if not len(batch):
        return np.empty(0, np.int64), settled
    order = np.argsort(keys, kind="stable")
    ordered = identities.take(order)
    first = np.ones(len(order), np.bool_)
    first[1:] = ~ordered.take(np.arange(1, len(order))).equal(ordered.take(np.arange(len(order) - 1)))
    known = first & (marks[order] > 0)
    old = np.flatnonzero(known)
    row_of = np.cumsum(marks > 0) - 1
    before = stored.take(row_of[order[old]])
    # A version that has not ended never takes the place of one that has: such rows are left out of the comparison.
    group = np.cumsum(first) - 1
    ended = batch.column("duration_ns")[order] != 0
    ended_before = np.zeros(group[-1] + 1, np.bool_)
    ended_before[group[old]] = before.column("duration_ns") != 0
    so_far = np.maximum.accumulate(group * 2 + np.maximum(ended, first & ended_before[group])) - group * 2
    leads = ended >= (so_far > 0)
    # Each row that leads beside the one that led before it: the stored one, or another of the batch.
    leaders = np.flatnonzero(leads)
    previous = np.full(len(order), -1)
    same_group = group[leaders[1:]] == group[leaders[:-1]]
    previous[leaders[1:][same_group]] = leaders[:-1][same_group]
    changed = leads.copy()
    against_stored = np.flatnonzero(leads & (previous < 0) & np.isin(group, group[old]))
    place = np.searchsorted(group[old], group[against_stored])
    if len(against_stored):
        changed[against_stored] = ~same_content(batch.take(order[against_stored]), before.take(place))
    if len(repeated := np.flatnonzero(previous >= 0)):
        changed[repeated] = ~same_content(batch.take(order[repeated]), batch.take(order[previous[repeated]]))
    # Of each group the last row that changed something is the one to keep; none: what is stored stays.
    last = np.full(group[-1] + 1, -1)
    last[group[changed]] = np.flatnonzero(changed)
    keep = np.sort(order[last[last >= 0]])
    settled.gone = marks[keep][marks[keep] > 0]
    settled.duplicates = int(np.count_nonzero(leads & ~changed))
    settled.replaced = len(order) - settled.duplicates - int(np.count_nonzero(first & ~known))
    return keep, settled


@dataclass(slots=True, eq=False)
class _Entry:
    """A span as it stands while a batch is worked through."""

    row: Row
    reporter: Reporter
    identity: tuple[int, int]
    """Process and start as sent."""
    mark: int
    """Of the held row that it was; 0: none."""
    place: int
    """Of the row of the batch that last changed it; -1: none."""

    @property
    def is_part(self) -> bool:
        return bool(self.row["marks"] & Marks.TIME_INVENTED)


class _Parts:
    """Works through the rows that are parts or have some, one by one, beside the held spans of the same ids."""

    def __init__(self, batch: SpanBatch, touched: Marked, keys: Keys, marks: Marked, held: Held) -> None:
        spans = distinct(span_of(keys[touched]))
        near = held.recent.marks_of_spans(spans, MOST_CANDIDATES)
        near = np.union1d(near, marks[touched][marks[touched] > 0]).astype(np.int64)
        self._near = near[held.alive(near)]
        self._touched = touched
        pool = SpanBatch.concat([held.rows_at(self._near), batch.take(touched)])
        self._merger = Merger(pool)
        identities = Identities.of(pool)
        self._identities = list(zip(identities.process.tolist(), identities.start_ns.tolist(), strict=True))
        self._spans = list(
            zip(
                *(getattr(identities, name).tolist() for name in ("high", "low", "span_id", "shared")),
                strict=True,
            )
        )
        self._rows: list[Row] = pool.rows.to_pylist()
        reporters = [decode_reporter(encoded) for encoded in pool.reporters.to_pylist()]
        self._reporters = [reporters[row["reporter"]] for row in self._rows]

    def settle(self, counts: Settled) -> tuple[SpanBatch, Marked]:
        """(the rows to keep, the place of each in the batch); counts go to `counts`."""
        entries = defaultdict[tuple[int, ...], list[_Entry]](list)
        for i, mark in enumerate(self._near.tolist()):
            entries[self._spans[i]].append(self._entry(i, mark, -1))
        for i, place in enumerate(self._touched.tolist(), len(self._near)):
            self._add(entries[self._spans[i]], self._entry(i, 0, place), counts)
        changed = [entry for found in entries.values() for entry in found if entry.place >= 0]
        gone = [entry.mark for entry in changed if entry.mark]
        counts.gone = np.concatenate([counts.gone, np.array(gone, np.int64)])
        places = np.array([entry.place for entry in changed], np.int64)
        return self._merger.batch([entry.row for entry in changed]), places

    def _entry(self, i: int, mark: int, place: int) -> _Entry:
        return _Entry(self._rows[i], self._reporters[i], self._identities[i], mark, place)

    def _add(self, entries: list[_Entry], new: _Entry, counts: Settled) -> None:
        held = _home_of(new, entries)
        if held is None:
            entries.append(new)
            return
        joins = new.is_part or held.is_part
        row = new.row
        if joins or held.row["marks"] & Marks.MERGED:
            row = self._merger.merged(held.row, new.row)
        gets_time = held.is_part and not new.is_part
        if not gets_time and self._merger.same(row, held.row):
            counts.duplicates += 1
            return
        counts.merged += joins
        counts.replaced += not joins
        if held.row["duration_ns"] and not row["duration_ns"]:
            return
        if not new.is_part:
            held.reporter, held.identity = new.reporter, new.identity
        held.row, held.place = row, new.place
        entries.remove(held)
        entries.append(held)  # the last to arrive


def _home_of(new: _Entry, entries: list[_Entry]) -> _Entry | None:
    """The span that a row belongs to; None: it is one of its own."""
    if not new.is_part:
        for entry in entries:
            if entry.identity == new.identity:
                return entry
    best, rank = None, (False, False)
    for entry in entries:
        if (new.is_part or entry.is_part) and new.reporter.fits(entry.reporter):
            here = (entry.identity[0] == new.identity[0], not entry.is_part)
            if best is None or here >= rank:
                best, rank = entry, here
    return best
