"""Segment: some spans of one project that arrived one after another, and what they say to a plan. Immutable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from satellite.model.reporter import Reporter, decode_reporter
from satellite.model.span import Span
from satellite.model.spans import Marks, SpanBatch, Status, decode_names
from satellite.model.tags import texts_of
from satellite.store.distinct import distinct
from satellite.store.latency import bucket_of
from satellite.store.recall import own_pages
from satellite.store.recall.log_fields import RowFields, row_fields
from satellite.store.recall.satisfied import Satisfied
from satellite.store.recall.tag_index import PostingIndex, ScanIndex, TagIndex

if TYPE_CHECKING:
    from satellite.store.recall.segment_file import SegmentFile

Mask = npt.NDArray[np.bool_]

SEGMENT_SPANS = 65_536
"""Rows of a segment at most: as many as 16-bit row numbers reach."""

OVERHEAD_BYTES = 8192
"""What a segment costs besides its buffers: Python and Arrow objects, measured at about this."""


class Rows(NamedTuple):
    """How many live rows there are of something."""

    rows: int
    plain: int
    """Those that are no errors."""


@dataclass(frozen=True, eq=False)
class Segment:
    """Rows in order of arrival. Rows in `dead` were replaced by later versions."""

    batch: SpanBatch
    index: TagIndex
    first_mark: int
    oldest_arrived_ns: int
    newest_arrived_ns: int
    dead: npt.NDArray[np.int64]
    steps: npt.NDArray[np.uint32] | None = None
    """Row i has mark `first_mark + steps[i]`; None: `first_mark + i`, as long as none between them was evicted."""
    file: SegmentFile | None = None
    """Where it is mapped from; None: all of it is in memory."""
    weights: npt.NDArray[np.float64] | None = None
    """How many spans each row stands for, see Assembled; None: itself."""

    @staticmethod
    def of(batch: SpanBatch, first_mark: int, arrived_ns: int) -> Segment:
        """A batch as it arrived."""
        return Segment(batch, ScanIndex(batch), first_mark, arrived_ns, arrived_ns, np.empty(0, np.int64))

    @staticmethod
    def pieces(batch: SpanBatch, first_mark: int, arrived_ns: int, segment_spans: int) -> list[Segment]:
        """The same of a batch that may have more rows than a full segment: as many as it takes."""
        if len(batch) <= segment_spans:
            return [Segment.of(batch, first_mark, arrived_ns)] if len(batch) else []
        return [
            Segment.of(
                batch.slice(start, min(start + segment_spans, len(batch))).compact(),
                first_mark + start,
                arrived_ns,
            )
            for start in range(0, len(batch), segment_spans)
        ]

    @staticmethod
    def held(
        batch: SpanBatch, marks: npt.NDArray[np.int64], weights: npt.NDArray[np.float64] | None
    ) -> Segment:
        """Rows that somebody put together; `weights`: how many spans each stands for."""
        first = int(marks[0])
        steps = (marks - first).astype(np.uint32)
        return Segment(batch, ScanIndex(batch), first, 0, 0, np.empty(0, np.int64), steps, weights=weights)

    @staticmethod
    def merged(parts: Sequence[Segment], *, sealed: bool) -> Segment:
        """Neighbours as one; `sealed`: with postings and everything else that makes questions cheap."""
        batch = SpanBatch.concat([part.batch for part in parts])
        bases = np.cumsum([0, *(len(part.batch) for part in parts[:-1])])
        dead = np.concatenate([part.dead + base for part, base in zip(parts, bases, strict=True)])
        index: TagIndex
        if sealed:
            batch, index = PostingIndex.seal(batch)
        else:
            batch = own_pages.moved(batch)
            index = ScanIndex(batch)
        first, last = parts[0], parts[-1]
        steps = None
        if last.last_mark - first.first_mark >= len(batch):
            marks = np.concatenate([part.marks for part in parts])
            steps = (marks - first.first_mark).astype(np.uint32)
        segment = Segment(
            batch, index, first.first_mark, first.oldest_arrived_ns, last.newest_arrived_ns, dead, steps
        )
        if sealed:
            segment.prepare()
        return segment

    def picked(self, kept: Mask) -> Segment:
        """Only these rows, in memory, as sealed as it was."""
        rows = np.flatnonzero(kept)
        batch = self.batch.take(rows).compact()
        marks = self.marks_of(rows)
        first = int(marks[0])
        steps = (marks - first).astype(np.uint32) if int(marks[-1]) - first >= len(rows) else None
        index: TagIndex = ScanIndex(batch)
        if self.sealed:
            batch, index = PostingIndex.seal(batch)
        nothing = np.empty(0, np.int64)
        segment = Segment(batch, index, first, self.oldest_arrived_ns, self.newest_arrived_ns, nothing, steps)
        if self.sealed:
            segment.prepare()
        return segment

    @property
    def alive_rows(self) -> Mask:
        """The rows that questions see."""
        mask = np.ones(len(self), np.bool_)
        mask[self.dead] = False
        return mask

    @property
    def weight(self) -> int:
        """Bytes that it takes, of memory or of disk."""
        return self.nbytes if self.file is None else self.file.nbytes

    @cached_property
    def service_rows(self) -> dict[str, Rows]:
        """How many live rows each service has."""
        names, of_reporter = self.services
        service = of_reporter[self.batch.column("reporter")]
        live = self.alive_rows
        rows = np.bincount(service[live], minlength=len(names)).tolist()
        plain = np.bincount(service[live & ~self.is_error], minlength=len(names)).tolist()
        return {name: Rows(*counts) for name, *counts in zip(names, rows, plain, strict=True) if counts[0]}

    @cached_property
    def key_errors(self) -> npt.NDArray[np.int64]:
        """In how many error rows, dead or not, each of the index's keys occurs."""
        return self.index.key_counts(self.is_error)

    def prepare(self) -> None:
        """Make what is otherwise made at the first question."""
        _ = (
            self.start_ns,
            self.duration_ns,
            self.bucket,
            self.trace_order,
            self.trace_numbers,
            self.trace_uppers,
            self.is_error,
            self.start_bounds_ns,
            self.service_rows,
        )

    @property
    def sealed(self) -> bool:
        """Whether it is as good as it gets."""
        return isinstance(self.index, PostingIndex)

    def without(self, rows: Sequence[int]) -> Segment:
        """The same with these rows dead too."""
        return replace(self, dead=np.union1d(self.dead, np.array(rows, np.int64)))

    def __len__(self) -> int:
        """Rows, dead ones included."""
        return len(self.batch)

    @property
    def alive(self) -> int:
        """Rows that questions see."""
        return len(self.batch) - len(self.dead)

    @property
    def last_mark(self) -> int:
        """The mark of the last row."""
        return self.first_mark + (len(self.batch) - 1 if self.steps is None else int(self.steps[-1]))

    @property
    def marks(self) -> npt.NDArray[np.int64]:
        """The mark of each row, ascending."""
        steps = np.arange(len(self.batch)) if self.steps is None else self.steps.astype(np.int64)
        return steps + self.first_mark

    def marks_of(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The marks of these rows."""
        return (rows if self.steps is None else self.steps[rows].astype(np.int64)) + self.first_mark

    def rows_at(self, marks: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The rows with these marks, which it has."""
        places: npt.NDArray[np.int64] = marks - self.first_mark
        return places if self.steps is None else np.searchsorted(self.steps, places)

    def holds(self, marks: npt.NDArray[np.int64]) -> Mask:
        """Which of these marks, none of them before its first, it has rows for that are not dead."""
        held: Mask = marks <= self.last_mark
        if self.steps is not None:
            held &= np.isin(marks, self.marks)
        held[held] = ~np.isin(self.rows_at(marks[held]), self.dead)
        return held

    @cached_property
    def nbytes(self) -> int:
        """Bytes of memory it keeps from others; a mapped one keeps none that count."""
        if self.file is not None:
            return 0
        nbytes = OVERHEAD_BYTES + self.batch.nbytes + self.index.nbytes
        if self.steps is not None:
            nbytes += self.steps.nbytes
        if self.sealed:  # before that nothing is made unless a question needs it
            made = (self.bucket, self.trace_order, *self.trace_numbers, *self.trace_uppers, self.is_error)
            nbytes += sum(int(part.nbytes) for part in (*made, *filter(None, self.tallies.values())))
        return nbytes

    def stored_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """What a file of it holds beside the spans."""
        arrays: dict[str, npt.NDArray[Any]] = {} if self.steps is None else {"steps": self.steps}
        if isinstance(self.index, PostingIndex):
            ids, number = self.trace_numbers
            arrays |= self.index.arrays() | {
                "bucket": self.bucket,
                "error": self.is_error.view(np.uint8),
                "trace_order": self.trace_order,
                "trace_ids": ids,
                "trace_number": number,
            }
            upper, several = self.trace_uppers
            arrays |= {"trace_upper": upper, "trace_several": several}
        for by, tally in self.tallies.items():
            arrays |= {} if tally is None else tally.arrays(self, by)
        return arrays

    def _stored(self, name: str) -> npt.NDArray[Any] | None:
        return self.file.numbers(name) if self.file is not None and self.file.has(name) else None

    # Columns, made when first needed

    @cached_property
    def start_ns(self) -> npt.NDArray[np.int64]:
        """Start of each row."""
        return self.batch.column("start_ns")

    @cached_property
    def duration_ns(self) -> npt.NDArray[np.int64]:
        """Duration of each row."""
        return self.batch.column("duration_ns")

    @cached_property
    def bucket(self) -> npt.NDArray[np.uint16]:
        """Histogram bucket of each row."""
        found = self._stored("bucket")
        return bucket_of(self.duration_ns) if found is None else found

    @cached_property
    def is_error(self) -> Mask:
        """Whether each row is an error span."""
        found = self._stored("error")
        if found is not None:
            return found.view(np.bool_)
        status: npt.NDArray[np.uint8] = self.batch.column("status")
        wrong: Mask = status == np.uint8(Status.ERROR)
        return wrong

    @cached_property
    def meta_events(self) -> Mask | None:
        """Which rows are meta events; None: no row is one."""
        if self.file is not None and not self.file.head.meta_events:
            return None
        marks: npt.NDArray[np.uint16] = self.batch.column("marks")
        found: Mask = (marks & np.uint16(Marks.META_EVENT)) > 0
        return found if found.any() else None

    @cached_property
    def trace_order(self) -> npt.NDArray[np.unsignedinteger[Any]]:
        """Rows by lower half of the trace id."""
        found = self._stored("trace_order")
        if found is not None:
            return found
        return np.argsort(self.batch.column("trace_low"), kind="stable").astype(np.uint16)

    @cached_property
    def trace_numbers(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint16]]:
        """(distinct lower halves of trace ids, ascending; the position in them of each row)."""
        ids, numbers = self._stored("trace_ids"), self._stored("trace_number")
        if ids is not None and numbers is not None:
            return ids, numbers
        ordered = self.batch.column("trace_low")[self.trace_order]
        first = np.ones(len(ordered), np.bool_)
        first[1:] = ordered[1:] != ordered[:-1]
        number = np.empty(len(ordered), np.uint16)
        number[self.trace_order] = np.cumsum(first) - 1
        return ordered[first], number

    @cached_property
    def trace_uppers(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
        """(the greatest upper half beside each of the distinct lower halves; those that have several, ascending).

        Both are empty when no trace id has an upper half.
        """
        stored, several = self._stored("trace_upper"), self._stored("trace_several")
        if stored is not None and several is not None:
            return stored, several
        high = self.batch.column("trace_high")
        if not high.any():
            return np.empty(0, np.uint64), np.empty(0, np.uint64)
        ids, number = self.trace_numbers
        order = self.trace_order
        begins = np.searchsorted(number[order], np.arange(len(ids)))
        upper = np.maximum.reduceat(high[order], begins)
        return upper, distinct(ids[number[(high != upper[number]) & (high != 0)]])

    @cached_property
    def tallies(self) -> dict[tuple[str, ...], Any]:
        """Its groups by some keys, see tally.py; filled there."""
        return {}

    @cached_property
    def satisfied(self) -> Satisfied:
        """What it was asked for last; filled by `terms`."""
        return Satisfied()

    @property
    def bounded_by_nothing(self) -> bool:
        """Whether a question without terms and bounds sees every row."""
        return not len(self.dead) and self.meta_events is None

    @cached_property
    def start_bounds_ns(self) -> tuple[int, int]:
        """Least and greatest start."""
        if self.file is not None:
            return self.file.head.start_bounds_ns
        return int(self.start_ns.min()), int(self.start_ns.max())

    @cached_property
    def reporters(self) -> list[Reporter]:
        """The reporters that the `reporter` column points to."""
        return [decode_reporter(encoded) for encoded in self.batch.reporters.to_pylist()]

    @cached_property
    def services(self) -> tuple[list[str], npt.NDArray[np.int32]]:
        """(distinct services, position in them of each reporter)."""
        names = sorted({reporter.service for reporter in self.reporters})
        place = {service: i for i, service in enumerate(names)}
        return names, np.array([place[reporter.service] for reporter in self.reporters], np.int32)

    @cached_property
    def operations(self) -> pa.StringArray:
        """The operations that the `name` column points to."""
        return decode_names(self.batch.names)

    # Questions

    def rows_of_trace(self, high: int | None, low: int) -> list[int]:
        """Live rows of one trace; any upper half when `high` is None."""
        wanted = np.uint64(low)
        if self.sealed:
            ids, number = self.trace_numbers
            place = int(ids.searchsorted(wanted))
            if place == len(ids) or ids[place] != wanted:
                return []
            rows = np.flatnonzero(number == place)
        else:
            rows = np.flatnonzero(self.batch.column("trace_low") == wanted)
        if high is not None and len(rows):
            rows = rows[self.batch.column("trace_high")[rows] == np.uint64(high)]
        return [row for row in rows.tolist() if row not in self._dead_rows]

    @cached_property
    def _dead_rows(self) -> frozenset[int]:
        return frozenset(self.dead.tolist())

    def spans(self, rows: Sequence[int]) -> list[Span]:
        """These rows as objects, same order."""
        return self.batch.spans(rows, marks=self.marks_of(np.array(rows, np.int64)).tolist())

    def log_fields(self, key: str) -> RowFields:
        """The field of each log that has it."""
        return row_fields(self.batch, key)

    def attributes(self, key: str) -> list[str | None] | None:
        """The attribute of each reporter as text; None when no reporter has it."""
        return [texts.get(key) for texts in self._attribute_texts] if key in self._attribute_keys else None

    @cached_property
    def _attribute_keys(self) -> frozenset[str]:
        return frozenset().union(*self._attribute_texts)

    @cached_property
    def _attribute_texts(self) -> list[dict[str, str]]:
        return [reporter.texts() for reporter in self.reporters]

    def values(self, key: str) -> tuple[npt.NDArray[np.int64], list[str | None]]:
        """(for each row the position of its value, the values), for "service", "operation" or a tag's key.

        A span without the tag has its reporter's attribute; without that too, the value None.
        """
        if key == "service":
            names, of_reporter = self.services
            return of_reporter[self.batch.column("reporter")].astype(np.int64), list(names)
        if key == "operation":
            return self.batch.column("name").astype(np.int64), self.operations.to_pylist()
        fallback = self.attributes(key) or [None] * len(self.reporters)
        texts: list[str | None] = list(fallback)
        place = self.batch.column("reporter").astype(np.int64)
        codes = self.index.codes_of(key)
        if len(codes):
            rows, last = self.index.occurrences(key)
            place[rows] = np.searchsorted(codes, last) + len(fallback)
            texts += texts_of(self.batch.tags_at(codes), key).to_pylist()
        return place, texts


def held_ns(segments: Sequence[Segment]) -> int:
    """The time between the arrivals of the first and the last span of segments in order of arrival.

    0 when the clock was moved back between them: arrivals are ordered by their marks, times are only shown.
    """
    if not segments:
        return 0
    return max(0, segments[-1].newest_arrived_ns - segments[0].oldest_arrived_ns)
