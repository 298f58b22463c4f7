"""Who gives way when there is no room: what memory does not hold goes into files, what no budget holds goes for good."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from satellite.errors import Overloaded
from satellite.store.recall import fairness, row
from satellite.store.recall.budget import Budget, Budgets
from satellite.store.recall.disk import Disk
from satellite.store.recall.keeper import Keeper
from satellite.store.recall.project import Account, Project
from satellite.store.recall.segment import Segment
from satellite.store.recall.segment_file import DamagedFile

SEGMENTS_LEAST = 12
"""So many segments a full budget has at least, unless they would be smaller than SPANS_LEAST (ours)."""

SPANS_LEAST = 64
"""Rows of a full segment at least, whatever they weigh, or nothing would ever be sealed under a small budget (ours)."""


class Eviction:
    """One for a store."""

    def __init__(
        self,
        projects: Mapping[str, Project],
        account: Account,
        budgets: Budgets,
        *,
        segment_spans: int,
        disk: Disk | None,
        keeper: Keeper | None,
        lose: Callable[[str, DamagedFile], None],
    ) -> None:
        """For these projects, whose mapping grows and shrinks.

        Args:
            projects: by name.
            account: what they take together.
            budgets: what they may take.
            segment_spans: rows of a sealed segment, at most.
            disk: where everything is kept besides; None: nowhere.
            keeper: the disk's.
            lose: what is done when a file of a project turns out to be damaged.
        """
        self._projects = projects
        self._account = account
        self._budgets = budgets
        self._segment_spans = segment_spans
        self._disk = disk
        self._keeper = keeper
        self._lose = lose
        self._evicting = threading.Lock()

    def evict(self, home: Project) -> None:
        """Let go of what is beyond the project's budget."""
        budget = self._budgets.of(home.name)
        if budget.exceeded(home):
            self._make_room(home, budget.with_room())

    def _make_room(self, home: Project, budget: Budget) -> None:
        """Let go of spans by the rule of `fairness`, until the budget holds; the newest segment stays whatever its size."""
        with home.evicting:
            if not budget.exceeded(home):  # somebody else has made room meanwhile
                return
            for turn in fairness.turns(home.segments, budget.bytes):
                seen: row.Segments = ()
                # Again while others merge what we look at, or the next kind of rows would go in the place of this one.
                while seen is not home.segments:
                    seen = home.segments
                    for segment in seen[:-1]:
                        if not budget.exceeded(home):
                            return
                        try:
                            self._give_up(home, segment, turn)
                        except DamagedFile as damaged:
                            self._lose(home.name, damaged)
                        except OSError:  # no room on the disk for what should be left of it
                            if home.give_up((segment,), None):
                                self._let_go(home, (segment,))

    def _give_up(self, home: Project, segment: Segment, turn: fairness.Turn) -> None:
        """What of a segment is to go now; what is left of it joins its neighbour, or few questions would meet many."""
        going = turn.rows(segment)
        if going >= segment.alive:
            if home.give_up((segment,), None):
                self._let_go(home, (segment,))
            return
        if going < max(len(segment) * fairness.WORTHWHILE, 1):
            return
        parts: row.Segments = (segment,)
        left = segment.picked(turn.keeps(segment))
        at = home.segments.index(segment) if segment in home.segments else 0
        for elder in reversed(home.segments[:at]):
            if (
                elder.sealed != left.sealed
                or len(elder) > fairness.GROWTH * len(left)
                or len(elder) + len(left) > self.spans_of(home, (elder, left))
                or left.last_mark - elder.first_mark >= 2**32
            ):
                break
            parts, left = (elder, *parts), Segment.merged((elder, left), sealed=left.sealed)
        if self._disk is not None and any(part.file for part in parts):
            left = self._disk.file(home.name, home.born, left)
        self._let_go(home, parts if home.give_up(parts, left) else (left,))

    def _let_go(self, home: Project, gone: Sequence[Segment]) -> None:
        if self._keeper is not None:
            self._keeper.discard(home, gone)

    def evict_largest(self) -> None:
        """When all together are over their budget, the largest projects lose spans, until there is room again."""
        if self._budgets.whole.exceeded(self._account):
            self._evict_until(self._budgets.whole.with_room())

    def _evict_until(self, budget: Budget) -> None:
        with self._evicting:
            while budget.exceeded(self._account) and self._projects:
                largest, *others = sorted(self._projects.values(), key=budget.share, reverse=True)[:2]
                before = budget.share(largest)
                over = budget.share(self._account) - budget.bytes
                # No lower than the next largest, and never by more than half at a time.
                least = max(before // 2, *(budget.share(other) for other in others), 0)
                self._make_room(largest, budget.of_bytes(min(max(before - over, least), before - 1)))
                if budget.share(largest) >= before:
                    return

    def shrink(self, size_bytes: int) -> None:
        """See RecallStore."""
        target = max(self._account.bytes - size_bytes, 0)
        if self._keeper is not None:
            self._file_until(target)
        else:
            self._evict_until(Budget(target, 0))

    def unload(self, home: Project) -> None:
        """Put into files what takes more memory than it may; whoever writes pays for it."""
        if self._keeper is None:
            return
        if home.bytes > self._budgets.of(home.name).memory_bytes:
            with suppress(OSError):  # the next writer is told to try later
                self._keeper.file_all(home)
        if self._account.bytes > self._budgets.whole.memory_bytes:
            self._file_until(self._budgets.whole.memory_bytes)

    def _file_until(self, memory_bytes: int) -> None:
        while self._keeper is not None and self._account.bytes > memory_bytes and self._projects:
            largest = max(list(self._projects.values()), key=lambda one: one.bytes)
            before = largest.bytes
            with suppress(OSError):
                self._keeper.file_all(largest)
            if largest.bytes >= before:
                return

    def refuse_full(self, home: Project) -> None:
        """While the disk takes nothing and the memory is full, nobody writes."""
        if self._disk is None or not self._disk.problem:
            return
        full = home.bytes > self._budgets.of(home.name).memory_bytes
        if full or self._account.bytes > self._budgets.whole.memory_bytes:
            raise Overloaded(self._disk.problem, hint="send again later")

    def spans_of(self, home: Project, loose: Sequence[Segment]) -> int:
        """Rows of a full segment: fewer where 65,536 would be a large part of the budget.

        Sealing takes three times a segment's bytes for a moment, and what is let go is let go by segments.
        """
        rows = sum(map(len, loose))
        size = sum(segment.nbytes for segment in loose)
        if not size:
            return self._segment_spans
        budget = min(self._budgets.of(home.name).memory_bytes, self._budgets.whole.memory_bytes)
        fitting = budget // SEGMENTS_LEAST * rows // size
        return min(self._segment_spans, max(fitting, SPANS_LEAST))
