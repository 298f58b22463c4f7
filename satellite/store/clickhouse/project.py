"""One project as a satellite that writes to it knows it: how far it got, its ledger, and what came lately.

What other satellites of a pool committed is learnt before anything is decided (`learn`). Two may still take the same span at
the same moment, neither having seen the other's: twins. Whoever gave the higher mark finds that out when it learns next, and
lets its own go. Whoever else sees them gives it a minute; then its satellite is gone, or hears nothing of this project, and
no statement of it can be under way. Others may have seen them, too: each waits as many seconds more as its seat has for a number, so
that the first has done it when the next looks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from satellite.model.spans import Marks, SpanBatch, SpanBuilder
from satellite.store import Written
from satellite.store.clickhouse import commits, literal
from satellite.store.clickhouse.columns import IDENTITY, WHOLE, batch_of, table_of
from satellite.store.clickhouse.commits import Standing
from satellite.store.clickhouse.connection import Connection
from satellite.store.clickhouse.predicates import SEATS, Moment
from satellite.store.clickhouse.seats import LEASE_SECONDS
from satellite.store.identity import Identities, Keys, Mask, same_content, span_of
from satellite.store.recall.recent import Marked, RecentIds, Remembered
from satellite.store.recall.settle import Held, Settled, settle

MOST_RECENT = 2**21
"""Identities remembered for finding duplicates, whatever the window: 32 MiB a project."""

TWIN_SECONDS = LEASE_SECONDS
"""For a satellite to let go of its twin (ours)."""
TWINS_MAX = 100_000
"""Of a project, that are remembered in case their satellite is gone (ours); while it is there it needs nobody to remember them."""

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
    """Changed by the thread that writes, and by no other; `standing` may be read by all."""

    standing: Standing
    """What readers see."""
    seat: int
    """0: of a satellite that is alone."""
    window_ns: int
    connection: Connection
    remembered: Remembered
    clock_seconds: Callable[[], float]
    """Monotonic."""
    stored: int = 0
    """Counted only by a satellite that is alone."""

    def __post_init__(self) -> None:
        self.mark = self.moment.mark
        """The highest that is known; readers see it when it is in the tables."""
        self.own = dict(self.moment.seen).get(self.seat, 0) if self.seat else self.mark
        """The highest of this satellite."""
        self.recent = RecentIds(self.window_ns, MOST_RECENT, self.remembered)
        self.parts = RecentIds(self.window_ns, MOST_RECENT, self.remembered)
        """Of the recent spans those that are parts or have some, by `span_of` their keys."""
        self.pending = Pending()
        self._pending_gone: set[int] = set()
        self.twins: list[tuple[float, int, int]] = []
        """Until when another satellite may let go of a span, its mark, and the lower mark of the same span; the next to be due first."""
        self._step = SEATS if self.seat else 1
        self._learnt: dict[int, int] = {}
        """Up to which mark of each seat it is known what came lately."""

    @property
    def moment(self) -> Moment:
        """What can be seen of it."""
        return self.standing.moment

    @property
    def name(self) -> str:
        """Its name."""
        return self.standing.name

    # What others did

    def learn(self, standing: Standing, now_ns: int | None = None) -> None:
        """What is in the tables now, by whomever; `now_ns` when what is decided next arrived, None: after the last.

        Twins that are this satellite's to let go of are then pending to go.
        """
        if self.seat:
            self.mark = max(self.mark, standing.moment.mark)
        self.standing = standing
        moment = standing.moment
        reached = dict(moment.seen) if self.seat else {0: moment.mark}
        behind = [
            (seat, self._learnt.get(seat, 0), mark)
            for seat, mark in reached.items()
            if mark > max(self._learnt.get(seat, 0), moment.floor)
        ]
        self._learnt = reached
        if behind and self.window_ns:
            self._learn_rows(behind, now_ns)
        if self.twins:
            self._settle_twins()

    def _learn_rows(self, behind: list[tuple[int, int, int]], now_ns: int | None) -> None:
        here = self.moment.condition
        since = str(now_ns) if now_ns is not None else f"(SELECT max(arrived_ns) FROM spans WHERE {here})"
        first = max(min(low for _, low, _ in behind), self.mark - MOST_RECENT * self._step)
        wanted = ""
        if self.seat:
            which = " OR ".join(
                f"(mark % {SEATS} = {seat} AND mark > {low} AND mark <= {high})" for seat, low, high in behind
            )
            wanted = f" AND ({which})"
        while True:
            rows = self.connection.ask(
                f"SELECT {IDENTITY}, mark, arrived_ns FROM spans WHERE {here} AND mark > {first}{wanted}"
                f" AND arrived_ns >= {since} - {self.window_ns} ORDER BY mark LIMIT {_READ_SPANS}"
            )
            if not rows.num_rows:
                return
            batch = batch_of(rows)
            marks = np.asarray(rows["mark"].combine_chunks()).astype(np.int64)
            keys = Identities.of(batch).keys()
            kept = np.flatnonzero(~self._twins(keys, marks)) if self.seat else np.arange(len(keys))
            if len(kept):
                self._remember(batch.take(kept), keys[kept], marks[kept], rows["arrived_ns"][-1].as_py())
            first = int(marks[-1])
            if rows.num_rows < _READ_SPANS:
                return

    def _twins(self, keys: Keys, marks: Marked) -> Mask:
        """Which of these rows are twins of others with lower marks; what of all twins is ours to let go of, we do."""
        _, firsts, which = np.unique(keys, return_index=True, return_inverse=True)
        others = self.recent.marks(keys, 0)
        others = np.where(others > 0, others, marks[firsts][which])
        twins = np.flatnonzero(others != marks)
        twins = twins[self._alive(others[twins])]
        found = np.zeros(len(marks), np.bool_)
        found[twins] = others[twins] < marks[twins]
        kept, gone = np.minimum(others, marks)[twins], np.maximum(others, marks)[twins]
        ours = gone % SEATS == self.seat
        self._let_go_of(gone[ours], kept[ours])
        due = self.clock_seconds() + TWIN_SECONDS + self.seat
        self.twins += ((due, *pair) for pair in np.transpose([gone, kept])[~ours].tolist())
        del self.twins[TWINS_MAX:]
        return found

    def _settle_twins(self) -> None:
        """Let go of what others should have let go of and did not in time."""
        now = self.clock_seconds()
        due = [pair for at, *pair in self.twins if at <= now]
        self.twins = self.twins[len(due) :]
        gone, kept = np.array(due, np.int64).reshape(-1, 2).T
        self._let_go_of(gone, kept)

    def _let_go_of(self, gone: Marked, kept: Marked) -> None:
        """Of pairs of spans that are one, if both are still there."""
        if not len(gone):
            return
        both = self._alive(gone) & self._alive(kept)
        gone, kept = gone[both], kept[both]
        one, other = self._rows_at(gone), self._rows_at(kept)
        same = Identities.of(one).equal(Identities.of(other))
        repeats = int(np.count_nonzero(same & same_content(one, other)))
        leaving = gone[same].tolist()
        self.pending.gone += [(mark, self.own) for mark in leaving]
        self._pending_gone.update(leaving)
        for reason, count in (("duplicate", repeats), ("replaced", len(leaving) - repeats)):
            if count:
                self.pending.dropped[reason] = self.pending.dropped.get(reason, 0) + count

    # Deciding

    def take(self, batch: SpanBatch, arrived_ns: int, dropped: Mapping[str, int]) -> Written:
        """Decide what becomes of a batch; `flushed` says when it is in the tables."""
        if self.window_ns and len(batch):
            settled = settle(batch, Held(self.recent, self.parts, self._alive, self._rows_at), arrived_ns)
        else:
            settled = Settled(batch.compact(), np.empty(0, np.uint64), np.empty(0, np.int64))
        kept, first = settled.batch, (self.mark // self._step + 1) * self._step + self.seat
        pending = self.pending
        if self.window_ns and len(kept):
            self._remember(kept, settled.keys, self._marks(first, len(kept)), arrived_ns)
        if len(kept):
            self.mark = self.own = first + (len(kept) - 1) * self._step
            pending.batches.append((first, kept))
            pending.arrived_ns.append(arrived_ns)
        gone = settled.gone[self._alive(settled.gone)] if len(settled.gone) else settled.gone
        pending.gone += [(mark, self.own) for mark in gone.tolist()]
        self._pending_gone.update(gone.tolist())
        written = Written(
            self.mark, len(batch) - settled.kept_once, settled.duplicates, settled.replaced, settled.merged
        )
        pending.received += len(batch) + sum(dropped.values())
        for reason, number in (*dropped.items(), *written.kept_once().items()):
            if number:
                pending.dropped[reason] = pending.dropped.get(reason, 0) + number
        return written

    def _marks(self, first: int, count: int) -> Marked:
        return np.arange(first, first + count * self._step, self._step)

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
                f" WHERE project = {self.moment.project} AND mark IN ({literal.numbers(flushed)})"
            )
            parts.append(batch_of(rows))
            found.append(np.asarray(rows["mark"].combine_chunks()).astype(np.int64))
        for first, batch in self.pending.batches:
            mine = marks[(marks >= first) & (marks < first + len(batch) * self._step)]
            if len(mine):
                parts.append(batch.take((mine - first) // self._step).compact())
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
        marks = np.concatenate([self._marks(first, len(batch)) for first, batch in self.pending.batches])
        whole = SpanBatch.concat(batches).compact()
        return table_of(self.moment.project, whole, marks, arrived_ns)

    def commit_row(self) -> str:
        """What makes all that is pending count."""
        pending = self.pending
        return commits.row(
            self.moment.project,
            self.seat,
            self.name,
            self.own,
            received=pending.received,
            dropped=pending.dropped,
            replaced=len(pending.gone),
        )

    def flushed(self) -> None:
        """What was pending is in the tables: readers see it."""
        pending, self.pending = self.pending, Pending()
        self._pending_gone.clear()
        standing = self.standing
        self.stored += sum(len(batch) for _, batch in pending.batches) - len(pending.gone)
        dropped = dict(standing.dropped)
        for reason, number in pending.dropped.items():
            dropped[reason] = dropped.get(reason, 0) + number
        replaced = self.moment.replaced or bool(pending.gone)
        moment = self.moment._replace(mark=self.mark, replaced=replaced)
        if self.seat:
            moment = moment._replace(seen=tuple(sorted((dict(moment.seen) | {self.seat: self.own}).items())))
        self._learnt[self.seat] = self.own
        self.standing = replace(
            standing, moment=moment, received=standing.received + pending.received, dropped=dropped
        )

    def evicted_up_to(self, floor: int) -> None:
        """Spans up to this mark are gone."""
        self.standing = replace(self.standing, moment=self.moment._replace(floor=floor))
        self.stored = 0
        if floor >= self.mark:
            self.recent.clear()
            self.parts.clear()
