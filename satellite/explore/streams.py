"""Streams: saved queries whose latency, rate and errors are kept over time, also when their spans are long evicted.

A stream gathers from its creation on: the spans that arrived since it last looked go into the minute in which they
started. While a minute's spans are all held its percentiles are exact; afterwards they are told from its buckets.
In a pool each satellite has the streams of all: one of them gathers a stream when nobody did for a minute.
"""

from __future__ import annotations

import secrets
import string
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import msgspec

from satellite.errors import BadRequest, NotFound
from satellite.query import parse
from satellite.query.forms import canonical
from satellite.query.plan import Plan
from satellite.store import Cell, Column, Questions, Store
from satellite.store.commons import Common, Commons
from satellite.store.durable.state import State
from satellite.store.latency import PERCENTILES, rank

MINUTE_US = 60_000_000
KEPT_US = 3 * 24 * 60 * MINUTE_US
"""How long points are kept: three days, LightStep's default retention."""

STREAMS_MAX = 100
"""Streams of a project (ours)."""

COLUMNS_MAX = 2000
RANGES_US = (60 * MINUTE_US, 6 * 60 * MINUTE_US, 24 * 60 * MINUTE_US)
"""What a chart shows when nothing else is asked for: the first that reaches back to the stream's first span, or the last."""

_LETTERS = string.ascii_letters + string.digits
_KIND = "stream"
_SAVED_EVERY_US = MINUTE_US


class Stream(msgspec.Struct, frozen=True):
    """A saved query."""

    id: str
    """8 letters and digits."""
    project: str
    name: str
    query: str
    """As posted."""
    canonical: str
    """What makes it the same as another."""
    created_us: int
    backfilled: bool
    """Whether it began with the spans that were in memory at its creation."""


class StreamPoint(msgspec.Struct, frozen=True):
    """The spans of a stream that started in one step of time."""

    from_us: int
    count: int
    ops_per_s: float
    errors: int
    error_ratio: float
    """0 without spans, as in LightStep."""
    percentiles: dict[str, int]
    """As in Histogram; a step of several minutes, and a minute that came in parts: within a bucket's width (12 %)."""


class Series(msgspec.Struct, frozen=True):
    """A stream over time."""

    stream: Stream
    from_us: int
    to_us: int
    step_us: int
    """Whole minutes."""
    points: list[StreamPoint]
    """Every step, empty ones too."""
    count: int
    errors: int


class _Saved(msgspec.Struct):
    stream: Stream
    since: int
    mark: int
    minutes: dict[int, Column]


@dataclass
class _Gathering:
    """A stream and what it has; `lock` guards what changes."""

    stream: Stream
    plan: Plan
    since: int
    """Arrival mark of its creation."""
    mark: int
    """What arrived up to here is in."""
    minutes: dict[int, Column] = field(default_factory=dict)
    """By minute since the epoch."""
    saved_us: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Streams:
    """All streams, of all projects. Safe for several threads."""

    def __init__(
        self,
        store: Store,
        clock_ns: Callable[[], int],
        *,
        state: State | None = None,
        commons: Commons | None = None,
    ) -> None:
        """Those that the state holds, none without; it gets what is new once a minute and at `close`.

        With `commons`, which several satellites have, they are there and the state gets nothing.
        """
        self._store = store
        self._clock_ns = clock_ns
        self._state = state if commons is None else None
        self._commons = commons
        self._lock = threading.Lock()
        self._streams: dict[tuple[str, str], _Gathering] = {}
        for project in self._state.projects(_KIND) if self._state else ():
            for content in self._state.read(_KIND, project).values() if self._state else ():
                self._restore(content)

    def _restore(self, content: bytes) -> None:
        saved = msgspec.msgpack.decode(content, type=_Saved)
        plan = parse(saved.stream.query).plan
        gathering = _Gathering(saved.stream, plan, saved.since, saved.mark, saved.minutes)
        self._streams[saved.stream.project, saved.stream.id] = gathering

    def _meet(self, project: str | None = None) -> dict[tuple[str, str], Common]:
        """In a pool: have what others made, gathered and deleted since; how each stream stands there."""
        if self._commons is None:
            return {}
        found = {(one.project, one.name): one for one in self._commons.read(_KIND, project, values=False)}
        for key, one in found.items():
            known = self._streams.get(key)
            if known is None or known.mark < one.version:
                for whole in self._commons.read(_KIND, *key):
                    self._restore(whole.value)
        with self._lock:
            for key in list(self._streams):
                if project in {None, key[0]} and key not in found:
                    del self._streams[key]
        return found

    def create(self, project: str, query: str, *, name: str = "", backfill: bool = False) -> Stream:
        """The stream of a query: the one there is, or a new one.

        Raises:
            BadQuery: the query is none.
            BadRequest: the project has STREAMS_MAX streams already.
        """
        plan = parse(query).plan
        self._meet(project)
        with self._lock:
            known = self._mine(project, query)
            if known:
                return known[0]
            if len(self._mine(project)) >= STREAMS_MAX:
                raise BadRequest(f"a project has at most {STREAMS_MAX} streams", hint="delete some")
            identifier = "".join(secrets.choice(_LETTERS) for _ in range(8))
            stream = Stream(
                id=identifier,
                project=project,
                name=name or query,
                query=query,
                canonical=canonical(plan),
                created_us=self._clock_ns() // 1000,
                backfilled=backfill,
            )
            since = 0 if backfill else self._store.mark(project)
            gathering = self._streams[project, identifier] = _Gathering(stream, plan, since, since)
        self._gather(gathering)
        self._save(gathering)
        return stream

    def of(self, project: str, query: str | None = None) -> list[Stream]:
        """A project's streams, the oldest first; with a query only the one of the same meaning."""
        self._meet(project)
        return self._mine(project, query)

    def _mine(self, project: str, query: str | None = None) -> list[Stream]:
        wanted = None if query is None else canonical(parse(query).plan)
        mine = [one.stream for (owner, _), one in list(self._streams.items()) if owner == project]
        found = [stream for stream in mine if wanted is None or stream.canonical == wanted]
        return sorted(found, key=lambda stream: (stream.created_us, stream.id))

    def _find(self, project: str, identifier: str) -> _Gathering:
        self._meet(project)
        found = self._streams.get((project, identifier))
        if found is None:
            raise NotFound(
                f"project {project} has no stream {identifier[:64]}",
                hint="/streams lists those that there are",
                kept=[stream.id for stream in self._mine(project)],
            )
        return found

    def delete(self, project: str, identifier: str) -> None:
        """Forget it. Raises NotFound."""
        self._find(project, identifier)
        self._forget(project, identifier)

    def drop(self, project: str) -> None:
        """Forget all of a project."""
        for stream in self.of(project):
            self._forget(project, stream.id)

    def _forget(self, project: str, identifier: str) -> None:
        with self._lock:
            self._streams.pop((project, identifier), None)
        if self._state is not None:
            self._state.remove_soon(_KIND, project, identifier)
        if self._commons is not None:
            self._commons.remove(_KIND, project, identifier)

    # Gathering

    def gather(self) -> None:
        """Take in what arrived since; to be called every few seconds, before the store evicts it."""
        shared = self._meet()
        for key, gathering in list(self._streams.items()):
            theirs = shared.get(key)
            if theirs is not None and theirs.age_seconds * 1e6 < _SAVED_EVERY_US:
                continue
            self._gather(gathering)
            if theirs is not None:
                due = gathering.mark > theirs.version
            else:
                due = self._clock_ns() // 1000 - gathering.saved_us >= _SAVED_EVERY_US
            if due:
                self._save(gathering, soon=True)

    def _gather(self, gathering: _Gathering) -> None:
        with gathering.lock:
            project, mark = gathering.stream.project, self._store.mark(gathering.stream.project)
            if mark <= gathering.mark:
                return
            now_us = self._clock_ns() // 1000
            oldest_us = max(now_us - KEPT_US, 0)
            for minute in [minute for minute in gathering.minutes if minute * MINUTE_US < oldest_us]:
                del gathering.minutes[minute]
            plan = gathering.plan.starting(oldest_us * 1000, (now_us + MINUTE_US * 60) * 1000)
            new = _minutes(self._store, project, replace(plan, since=gathering.mark, until=mark))
            held = (
                _minutes(
                    self._store,
                    project,
                    replace(
                        plan.starting(min(new) * MINUTE_US * 1000, (max(new) + 1) * MINUTE_US * 1000),
                        since=gathering.since,
                        until=mark,
                    ),
                )
                if new
                else {}
            )
            for minute, column in new.items():
                merged = _merged(column.from_us, [gathering.minutes.get(minute), column])
                exact = held.get(minute)
                whole = exact is not None and exact.count >= merged.count
                gathering.minutes[minute] = exact if whole and exact is not None else merged
            gathering.mark = mark

    def series(
        self,
        project: str,
        identifier: str,
        *,
        oldest_us: int | None = None,
        youngest_us: int | None = None,
        columns: int = 288,
    ) -> Series:
        """A stream over [oldest, youngest), rounded to whole minutes.

        Without `oldest`: 24 hours (LightStep's default), or 6 or 1 where nothing lies before them (ours).

        Raises:
            NotFound: there is none.
            BadRequest: a range turned round, or not 1 to COLUMNS_MAX columns.
        """
        gathering = self._find(project, identifier)
        self._gather(gathering)
        if not 1 <= columns <= COLUMNS_MAX:
            raise BadRequest(f"columns must be 1 to {COLUMNS_MAX}", parameter="columns")
        until = (self._clock_ns() // 1000 if youngest_us is None else youngest_us - 1) // MINUTE_US + 1
        with gathering.lock:
            minutes = dict(gathering.minutes)
        since = until - _range(minutes, until) if oldest_us is None else oldest_us // MINUTE_US
        if since >= until:
            raise BadRequest(
                "youngest_us ends the range before it begins",
                hint="the end is exclusive",
                parameter="youngest_us",
            )
        step = -(-(until - since) // columns)
        steps: dict[int, list[Column]] = {}
        for minute, column in minutes.items():
            if since <= minute < until:
                steps.setdefault((minute - since) // step, []).append(column)
        points = [
            _point(_merged((since + i * step) * MINUTE_US, steps.get(i, ())), step)
            for i in range(-(-(until - since) // step))
        ]
        return Series(
            gathering.stream,
            since * MINUTE_US,
            until * MINUTE_US,
            step * MINUTE_US,
            points,
            sum(point.count for point in points),
            sum(point.errors for point in points),
        )

    def _save(self, gathering: _Gathering, *, soon: bool = False) -> None:
        if self._state is None and self._commons is None:
            return
        with gathering.lock:
            saved = _Saved(gathering.stream, gathering.since, gathering.mark, gathering.minutes)
            content = msgspec.msgpack.encode(saved)
            gathering.saved_us = self._clock_ns() // 1000
        stream = gathering.stream
        if self._commons is not None:
            self._commons.put(_KIND, stream.project, stream.id, content, version=saved.mark)
        elif self._state is not None:
            write = self._state.write_soon if soon else self._state.write
            write(_KIND, stream.project, {stream.id: content})

    def close(self) -> None:
        """Take in what is left, and hand all of them to the state; in a pool others go on, or who comes next."""
        for gathering in list(self._streams.values()) if self._commons is None else ():
            self._gather(gathering)
            self._save(gathering, soon=True)


def _range(minutes: Iterable[int], until: int) -> int:
    """How many minutes before `until` are shown of what a stream has."""
    first = min(minutes, default=until)
    ranges = [one // MINUTE_US for one in RANGES_US]
    return next((one for one in ranges if until - one <= first), ranges[-1])


def _minutes(source: Questions, project: str, plan: Plan) -> dict[int, Column]:
    """The matching spans by the minute in which they start; minutes that have any."""
    found = source.histogram(project, plan)
    if found.oldest_us is None or found.newest_us is None:
        return {}
    first = found.oldest_us // MINUTE_US
    columns = found.newest_us // MINUTE_US - first + 1
    steps = source.timeline(
        project, plan, from_ns=first * MINUTE_US * 1000, step_ns=MINUTE_US * 1000, columns=columns
    )
    return {first + i: column for i, column in enumerate(steps[()]) if column.count}


def _merged(from_us: int, parts: Iterable[Column | None]) -> Column:
    """All parts together; of more than one the percentiles are told from the buckets."""
    whole = [part for part in parts if part is not None]
    if len(whole) == 1:
        return msgspec.structs.replace(whole[0], from_us=from_us)
    cells: dict[int, Cell] = {}
    for part in whole:
        for cell in part.cells:
            known = cells.get(cell.index, Cell(cell.index, 0, 0))
            cells[cell.index] = Cell(cell.index, known.count + cell.count, known.errors + cell.errors)
    ordered = [cells[index] for index in sorted(cells)]
    count, errors = sum(part.count for part in whole), sum(part.errors for part in whole)
    percentiles = {name: _told(ordered, percent, count) for name, percent in PERCENTILES.items() if count}
    return Column(from_us, count, errors, percentiles, ordered)


def _told(cells: list[Cell], percent: float, count: int) -> int:
    """The percentile as if the spans of each bucket lay evenly in it, on the logarithmic axis."""
    place = rank(percent, count) + 0.5
    for cell in cells:
        if place < cell.count:
            return round(10 ** ((cell.index + place / cell.count) / 20))
        place -= cell.count
    return round(10 ** ((cells[-1].index + 1) / 20))


def _point(column: Column, minutes: int) -> StreamPoint:
    return StreamPoint(
        column.from_us,
        column.count,
        column.count / (minutes * 60),
        column.errors,
        column.errors / column.count if column.count else 0.0,
        column.percentiles,
    )
