"""One project as its only writer knows it: how far it got, its ledger, and what came lately."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from satellite.model.spans import Marks, SpanBatch, SpanBuilder
from satellite.store import Ledger, Written
from satellite.store.clickhouse import literal
from satellite.store.clickhouse.columns import WHOLE, batch_of, table_of
from satellite.store.clickhouse.connection import Connection
from satellite.store.clickhouse.predicates import Moment
from satellite.store.identity import Identities, Keys, Mask, span_of
from satellite.store.recall.recent import Marked, RecentIds
from satellite.store.recall.settle import Held, Settled, settle

MOST_RECENT = 2**21
"""Identities remembered for finding duplicates, whatever the window: 32 MiB a project."""

_READ_SPANS = 65_536


@dataclass(slots=True)
class Pending:
    """What was decided of some batches and is not in the tables yet."""

    batches: list[tuple[int, SpanBatch]] = field(default_factory=list)
    """With the mark of the first row."""
    arrived_ns: list[int] = field(default_factory=list)
    """Of each batch."""
    gone: list[tuple[int, int]] = field(default_factory=list)
    """Marks of spans, and the mark from which on others have their places."""
    received: int = 0
    dropped: dict[str, int] = field(default_factory=dict)


@dataclass(eq=False)
class Project:
    """Changed by the thread that writes, and by no other; `moment` may be read by all."""

    number: int
    name: str
    window_ns: int
    connection: Connection
    moment: Moment
    """What readers see."""
    received: int = 0
    stored: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    mark: int = 0
    """Of the last span that was decided; readers see it when it is in the tables."""

    def __post_init__(self) -> None:
        self.recent = RecentIds(self.window_ns, MOST_RECENT)
        self.parts = RecentIds(self.window_ns, MOST_RECENT)
        """Of the recent spans those that are parts or have some, by `span_of` their keys."""
        self.pending = Pending()
        self._pending_gone: set[int] = set()

    def remember_held(self) -> None:
        """After a restart: its latest spans came lately, should they come again."""
        if not self.window_ns or not self.moment.mark:
            return
        here = self.moment.condition
        last = f"(SELECT max(arrived_ns) FROM spans WHERE {here})"
        found = self.connection.ask(
            f"SELECT min(mark) AS first, count() AS spans FROM spans WHERE {here} AND arrived_ns >= {last} - {self.window_ns}"
        )
        first = max(found["first"][0].as_py(), self.moment.mark - MOST_RECENT + 1)
        columns = ", ".join((*WHOLE, "mark", "arrived_ns"))
        for start in range(first, self.moment.mark + 1 if found["spans"][0].as_py() else 0, _READ_SPANS):
            rows = self.connection.ask(
                f"SELECT {columns} FROM spans WHERE {here} AND mark BETWEEN {start} AND {start + _READ_SPANS - 1} ORDER BY mark"
            )
            if rows.num_rows:
                batch = batch_of(rows)
                marks = np.asarray(rows["mark"].combine_chunks()).astype(np.int64)
                self._remember(batch, Identities.of(batch).keys(), marks, rows["arrived_ns"][-1].as_py())

    # Deciding

    def take(self, batch: SpanBatch, arrived_ns: int, dropped: Mapping[str, int]) -> Written:
        """Decide what becomes of a batch; `flushed` says when it is in the tables."""
        if self.window_ns and len(batch):
            settled = settle(batch, Held(self.recent, self.parts, self._alive, self._rows_at), arrived_ns)
        else:
            settled = Settled(batch.compact(), np.empty(0, np.uint64), np.empty(0, np.int64))
        kept, first = settled.batch, self.mark + 1
        pending = self.pending
        if self.window_ns and len(kept):
            marks = np.arange(first, first + len(kept))
            self._remember(kept, settled.keys, marks, arrived_ns)
        self.mark += len(kept)
        if len(kept):
            pending.batches.append((first, kept))
            pending.arrived_ns.append(arrived_ns)
        gone = settled.gone[self._alive(settled.gone)] if len(settled.gone) else settled.gone
        pending.gone += [(mark, self.mark) for mark in gone.tolist()]
        self._pending_gone.update(gone.tolist())
        written = Written(
            self.mark, len(batch) - settled.kept_once, settled.duplicates, settled.replaced, settled.merged
        )
        pending.received += len(batch) + sum(dropped.values())
        for reason, number in (*dropped.items(), *written.kept_once().items()):
            if number:
                pending.dropped[reason] = pending.dropped.get(reason, 0) + number
        return written

    def _remember(self, batch: SpanBatch, keys: Keys, marks: Marked, arrived_ns: int) -> None:
        self.recent.add(keys, marks, arrived_ns)
        flags = batch.column("marks") & np.uint16(Marks.TIME_INVENTED | Marks.MERGED)
        if flags.any():
            parts = np.flatnonzero(flags)
            self.parts.add(span_of(keys[parts]), marks[parts], arrived_ns)

    def _alive(self, marks: Marked) -> Mask:
        """Which of these are held: neither evicted nor replaced."""
        held = marks > self.moment.floor
        if self._pending_gone:
            held &= ~np.isin(marks, np.fromiter(self._pending_gone, np.int64))
        flushed = held & (marks <= self.moment.mark)
        if flushed.any():
            here = f"{self.moment.condition} AND mark IN ({literal.numbers(marks[flushed])})"
            found = self.connection.ask(f"SELECT mark FROM spans WHERE {here}")
            held[flushed] = np.isin(marks[flushed], np.asarray(found["mark"].combine_chunks()))
        return held

    def _rows_at(self, marks: Marked) -> SpanBatch:
        """The rows with these marks, which are held; same order."""
        parts, found = [SpanBuilder().build()], [np.empty(0, np.int64)]
        flushed = marks[marks <= self.moment.mark]
        if len(flushed):
            rows = self.connection.ask(
                f"SELECT {', '.join((*WHOLE, 'mark'))} FROM spans"
                f" WHERE project = {self.number} AND mark IN ({literal.numbers(flushed)})"
            )
            parts.append(batch_of(rows))
            found.append(np.asarray(rows["mark"].combine_chunks()).astype(np.int64))
        for first, batch in self.pending.batches:
            mine = marks[(marks >= first) & (marks < first + len(batch))]
            if len(mine):
                parts.append(batch.take(mine - first).compact())
                found.append(mine)
        which = np.concatenate(found)
        order = np.argsort(which)
        places = order[np.searchsorted(which[order], marks)]
        return SpanBatch.concat(parts).take(places)

    # In the tables

    def pending_rows(self) -> pa.Table | None:
        """What is to be inserted, as one table; None: nothing."""
        batches = [batch for _, batch in self.pending.batches]
        if not batches:
            return None
        arrived_ns = np.repeat(np.array(self.pending.arrived_ns, np.int64), [len(batch) for batch in batches])
        whole = SpanBatch.concat(batches).compact()
        return table_of(self.number, whole, self.pending.batches[0][0], arrived_ns)

    def flushed(self) -> None:
        """What was pending is in the tables: readers see it."""
        pending, self.pending = self.pending, Pending()
        self._pending_gone.clear()
        self.received += pending.received
        self.stored += sum(len(batch) for _, batch in pending.batches) - len(pending.gone)
        for reason, number in pending.dropped.items():
            self.dropped[reason] = self.dropped.get(reason, 0) + number
        replaced = self.moment.replaced or bool(pending.gone)
        self.moment = self.moment._replace(mark=self.mark, replaced=replaced)

    def evicted_up_to(self, floor: int, stored: int) -> None:
        """Spans up to this mark are gone; so many are left."""
        self.moment = self.moment._replace(floor=floor)
        self.stored = stored
        if floor >= self.mark:
            self.recent.clear()
            self.parts.clear()

    def ledger(self) -> Ledger:
        """What came, and what became of it."""
        dropped = dict(self.dropped)
        evicted = self.received - self.stored - sum(dropped.values())
        return Ledger(self.received, self.stored, dropped, evicted, dropped.get("duplicate", 0))
