"""What LightStep's relatives of its own report share (Thrift, JSON): how spans that are read one by one become rows.

So parents, kinds, errors, clock correction and absurd times mean the same in each of them as in `columns`, where they come in
columns.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from satellite.model.report import Report
from satellite.model.reporter import Reporter
from satellite.model.span import META_EVENT_TAG, PARENT_TAG, TagValue
from satellite.model.spans import Kind, Marks, Status
from satellite.protocols.lightstep.columns import OFFSET_LIMIT_US
from satellite.protocols.readers.json_document import clean_text
from satellite.protocols.rows import Rows, say_broken, say_dropped
from satellite.protocols.values import (
    FUTURE_NS,
    KIND_TAG,
    STATUS_TAG,
    SpanId,
    is_true,
    kind_of,
    read_times,
    says_error,
)

_DURATION_US_MAX = (2**63 - 1) // 1000

Ids = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]


class SpanWriter:
    """Adds the spans of one report to rows."""

    def __init__(self, rows: Rows, received_ns: int, reporter: Reporter, offset_us: int) -> None:
        """A writer.

        Args:
            rows: where they go.
            received_ns: when the report came.
            reporter: who sent them.
            offset_us: the clock correction as sent.
        """
        self.rows = rows
        self.report = Report("", reporter, slice(len(rows), len(rows)))
        self._reporter = rows.reporter(reporter)
        self._received_ns = received_ns
        self._broken = rows.broken
        if abs(offset_us) > OFFSET_LIMIT_US:
            self.report.warnings.append("timestamp_offset_micros is more than a day and was not applied")
            offset_us = 0
        self._offset_us = offset_us

    def add(
        self,
        *,
        operation: str,
        trace_id: int,
        span_id: int,
        start_ns: int,
        duration_us: int,
        tags: Sequence[int],
        told: Iterable[tuple[str, TagValue]],
        parent: int = 0,
        failed: bool = False,
        logs: Sequence[bytes] = (),
        references: Sequence[bytes] = (),
        extra: dict[str, TagValue] | None = None,
    ) -> None:
        """Add a span, of whose ids one is not 0.

        Args:
            operation: its name.
            trace_id: 64 bits, unsigned.
            span_id: as `trace_id`.
            start_ns: before clock correction; 0 when there was none.
            duration_us: of any sign and size.
            tags: as `Rows.tag` gave them.
            told: those of them that `Rows.told` names.
            parent: its parent's id; 0 for none.
            failed: whether it is an error, whatever its tags say.
            logs: as `Rows.log` made them.
            references: as `read_references` made them.
            extra: what only its protocol has.
        """
        kind, status, marks = Kind.UNSPECIFIED, Status.UNSET, Marks(0)
        error_told = False
        for key, value in told:
            if key == KIND_TAG:
                kind = kind_of(value)
            elif key == "error":
                status, error_told = Status.ERROR if is_true(value) else Status.UNSET, True
            elif key == STATUS_TAG and not error_told:
                status = Status.ERROR if says_error(value) else Status.UNSET
            elif key == META_EVENT_TAG and is_true(value):
                marks |= Marks.META_EVENT
        offset_us = self._offset_us
        times = read_times(
            start_ns + offset_us * 1000 if start_ns else 0, duration_us * 1000, self._received_ns
        )
        if offset_us:
            extra = {"offset_us": offset_us} | (extra or {})
            if not times.marks & Marks.TIME_INVENTED:
                marks |= Marks.OFFSET_APPLIED
        self.rows.add(
            reporter=self._reporter,
            operation=operation,
            trace=SpanId(0, trace_id),
            span_id=SpanId(0, span_id),
            times=times,
            parent=parent,
            kind=kind,
            status=Status.ERROR if failed else status,
            marks=marks,
            tags=tags,
            logs=logs,
            references=references,
            extra=extra,
        )

    def add_columns(
        self,
        *,
        operations: Sequence[str],
        trace_ids: Ids,
        span_ids: Ids,
        start_us: Ints,
        end_us: Ints,
        failed: npt.NDArray[np.bool_],
        distinct: Sequence[int],
        tags: Ints,
        tag_counts: Ints,
        logs: Sequence[bytes],
        log_counts: Ints,
        number: Callable[[TagValue], int],
        extras: Sequence[dict[str, TagValue]],
    ) -> bool:
        """Add many spans of sound text, of whose ids none is 0; False, and none is added, when the time of one is odd.

        Args:
            operations: of each span.
            trace_ids: of each.
            span_ids: of each.
            start_us: of each, before clock correction.
            end_us: of each, likewise.
            failed: of each, whether it is an error whatever its tags say.
            distinct: the different tags, as `Rows.tag` gave them.
            tags: of all spans, as places in `distinct`.
            tag_counts: how many each has.
            logs: of all spans, as `Rows.log` made them.
            log_counts: how many each has.
            number: what id the value of a tag stands for.
            extras: what only its protocol has of a span that has not failed, and of one that has.
        """
        rows, offset_us = self.rows, self._offset_us
        corrected_us, duration_us = start_us + offset_us, end_us - start_us
        if (
            min(start_us.min(), end_us.min(), corrected_us.min()) <= 0
            or int(corrected_us.max()) * 1000 > self._received_ns + FUTURE_NS
            or duration_us.min() < 0
            or duration_us.max() > _DURATION_US_MAX
        ):
            return False
        row = np.repeat(np.arange(len(start_us)), tag_counts)
        parents, marks = np.zeros(len(start_us), np.uint64), np.zeros(len(start_us), np.uint16)
        kinds, statuses = np.zeros((2, len(start_us)), np.uint8)
        telling: dict[str, dict[int, TagValue]] = {}
        for place, (key, value) in rows.telling(distinct):
            telling.setdefault(key, {})[place] = value
        told: tuple[tuple[str, npt.NDArray[Any], Callable[[TagValue], int]], ...] = (
            (PARENT_TAG, parents, number),
            (KIND_TAG, kinds, kind_of),
            (STATUS_TAG, statuses, lambda value: Status.ERROR if says_error(value) else Status.UNSET),
            ("error", statuses, lambda value: Status.ERROR if is_true(value) else Status.UNSET),
        )
        for key, target, meaning in told:  # of several tags of a span with the same key the last counts
            if said := telling.get(key):
                means, there = np.zeros(len(distinct), target.dtype), np.zeros(len(distinct), np.bool_)
                means[[*said]], there[[*said]] = [*map(meaning, said.values())], True
                slots = there[tags].nonzero()[0]
                target[row[slots]] = means[tags[slots]]
        if said := telling.get(META_EVENT_TAG):
            is_event = np.zeros(len(distinct), np.bool_)
            is_event[[*said]] = [*map(is_true, said.values())]
            marks[row[is_event[tags]]] |= np.uint16(Marks.META_EVENT)
        if offset_us:
            marks |= np.uint16(Marks.OFFSET_APPLIED)
            extras = [{"offset_us": offset_us} | extra for extra in extras]
        rows.add_columns(
            {
                "trace_low": trace_ids,
                "span_id": span_ids,
                "parent_id": parents,
                "start_ns": corrected_us * 1000,
                "duration_ns": duration_us * 1000,
                "name": [*map(rows.name, operations)],
                "reporter": self._reporter,
                "extra": np.array([rows.packed(extra) for extra in extras])[failed.astype(np.int64)],
                "kind": kinds,
                "status": np.where(failed, np.uint8(Status.ERROR), statuses),
                "marks": marks,
                "tags": tag_counts,
                "logs": log_counts,
            },
            tags=np.array(distinct, np.int32)[tags].tolist(),
            logs=logs,
        )
        return True

    def finish(self, malformed: int, nameless: int) -> Report:
        """The report of the spans added, and of so many that were none."""
        report = self.report
        report.rows = slice(report.rows.start, len(self.rows))
        say_dropped(report, "malformed", malformed, "that were no objects")
        say_dropped(report, "no_ids", nameless, "without trace id and span id")
        say_broken(report, self.rows.broken - self._broken)
        return report


def plain(value: TagValue) -> TagValue:
    """A value as a tag or an attribute may have it: scalar, integers of 64 bits; texts may still be broken."""
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str(value) if value.bit_length() < 4096 else hex(value)
    return json.dumps(value) if isinstance(value, list | dict) else value


def clean(value: Any) -> TagValue:
    """`plain`, and texts without what is broken in them: fit for a Reporter and for extras."""
    value = plain(value)
    return str(clean_text(value)) if isinstance(value, str) else value  # no JsonText, which is for tags
