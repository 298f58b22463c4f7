"""Whose spans go when there is no room: those of the services that have more than their share, oldest first, errors last.

The budget is shared out among services as water among vessels: who needs less than an equal part keeps all, and what it
leaves is shared by the others (max-min fairness). So a quiet service keeps its spans until it reaches its share,
however loud the others are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from satellite.store import ServiceWindow
from satellite.store.recall.segment import Mask, Segment

WORTHWHILE = 1 / 64
"""A segment is written anew when it loses at least such a part of its rows (ours)."""

GROWTH = 4
"""What is left of a segment joins its elder neighbour when that is at most so many times as large (ours)."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A kind of rows that may go while it lasts."""

    services: frozenset[str] | None
    """Those with more than their share; None: all."""
    errors: bool

    def rows(self, segment: Segment) -> int:
        """How many rows of this kind a segment has."""
        counts = segment.service_rows
        chosen = counts if self.services is None else self.services & counts.keys()
        return sum(counts[name].rows if self.errors else counts[name].plain for name in chosen)

    def keeps(self, segment: Segment) -> Mask:
        """The live rows that are not of this kind."""
        names, of_reporter = segment.services
        goes = np.array([self.services is None or name in self.services for name in names], np.bool_)
        going = goes[of_reporter][segment.batch.column("reporter")]
        if not self.errors:
            going &= ~segment.is_error
        kept: Mask = ~going
        kept[segment.dead] = False
        return kept


def turns(segments: Sequence[Segment], budget: int) -> Iterator[Turn]:
    """What goes first, and what when that was not enough."""
    loud = over_share(bytes_of_services(segments), budget)
    yield Turn(loud, errors=False)
    yield Turn(loud, errors=True)
    yield Turn(None, errors=True)


def bytes_of_services(segments: Iterable[Segment]) -> dict[str, int]:
    """About how much each service takes."""
    totals: dict[str, int] = {}
    for segment in segments:
        each = segment.weight / max(len(segment), 1)
        for name, count in segment.service_rows.items():
            totals[name] = totals.get(name, 0) + int(count.rows * each)
    return totals


def over_share(totals: Mapping[str, int], budget: int) -> frozenset[str]:
    """The services that have more than their share of a budget that all together exceed; else the one that takes most."""
    left, others = budget, len(totals)
    for size in sorted(totals.values()):
        if size * others > left:
            share = left / others
            return frozenset(name for name, total in totals.items() if total > share)
        left -= size
        others -= 1
    return frozenset(sorted(totals, key=lambda name: totals[name])[-1:])


def windows(segments: Sequence[Segment], most: int) -> list[ServiceWindow]:
    """How far back each service can be seen, those with the most spans first.

    From the oldest segment in which it has more than errors, which stay longer than all else.
    """
    spans: dict[str, int] = {}
    oldest_ns: dict[str, int] = {}
    errors_ns: dict[str, int] = {}
    for segment in segments:
        for name, count in segment.service_rows.items():
            spans[name] = spans.get(name, 0) + count.rows
            (oldest_ns if count.plain else errors_ns).setdefault(name, segment.oldest_arrived_ns)
    newest_ns = segments[-1].newest_arrived_ns if segments else 0
    found = sorted(spans.items(), key=lambda item: (-item[1], item[0]))[:most]
    return [
        ServiceWindow(
            name, count, max(0, newest_ns - oldest_ns.get(name, errors_ns.get(name, newest_ns))) // 1000
        )
        for name, count in found
    ]
