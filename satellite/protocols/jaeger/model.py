"""Jaeger's own span, whatever form it came in, and what it means to us."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from satellite.model.report import Report
from satellite.model.reporter import UNKNOWN_SERVICE, Reporter
from satellite.model.span import TagValue
from satellite.model.spans import Kind, Marks, Status
from satellite.model.tag import text_of
from satellite.protocols.halves import share
from satellite.protocols.id_texts import named_texts
from satellite.protocols.references import SentReference, read_references
from satellite.protocols.rows import SPAN_BYTES_MAX, Rows, say_broken, say_dropped
from satellite.protocols.values import (
    KIND_TAG,
    NO_ID,
    SERVICE_TAG,
    STATUS_TAG,
    SpanId,
    is_true,
    kind_of,
    read_times,
    says_error,
    sound_text,
)

NAME = "jaeger"

Tags = Sequence[tuple[str, TagValue]]


class Process(NamedTuple):
    """Who sent a span."""

    service: str = ""
    tags: Tags = ()


@dataclass(slots=True)
class JaegerSpan:
    """A span as Jaeger has it; times may be anything."""

    trace: SpanId = NO_ID
    span_id: SpanId = NO_ID
    operation: str = ""
    start_ns: int = 0
    duration_ns: int = 0
    references: Sequence[SentReference] = ()
    parent: int = 0
    """A field of its own for it; 0 for none."""
    parent_text: str = ""
    """As in `SentReference`."""
    flags: int = 0
    """1 sampled, 2 debug."""
    tags: Tags = ()
    logs: Sequence[tuple[int, Tags]] = ()
    """(ns since the epoch, fields) of each."""
    process_id: str = ""
    warnings: Sequence[str] = ()


class SpanWriter:
    """Adds Jaeger's spans of one report to rows."""

    def __init__(self, rows: Rows, received_ns: int) -> None:
        self._rows = rows
        self._received_ns = received_ns
        self._start = len(rows)
        self._broken = rows.broken
        self.reporter = Reporter(NAME)
        """The first one seen."""
        self._nameless = 0

    def report(self, malformed: int = 0, too_large: int = 0) -> Report:
        """The report of the spans added, and of those that could not be read."""
        report = Report("", self.reporter, slice(self._start, len(self._rows)))
        say_dropped(report, "no_ids", self._nameless, "without trace id and span id")
        say_dropped(report, "malformed", malformed, "that cannot be read")
        say_dropped(report, "span_too_large", too_large, f"of more than {SPAN_BYTES_MAX} bytes")
        say_broken(report, self._rows.broken - self._broken)
        return report

    def reporter_of(self, process: Process) -> Reporter:
        """The reporter that a process is."""
        told = next((text_of(value) for key, value in process.tags[::-1] if key == SERVICE_TAG), "")
        attributes = tuple(
            (sound_text(key), sound_text(value) if isinstance(value, str) else value)
            for key, value in process.tags
            if key != SERVICE_TAG
        )
        service = told or process.service
        reporter = Reporter(NAME, sound_text(service) or UNKNOWN_SERVICE, attributes=attributes)
        if self.reporter == Reporter(NAME):
            self.reporter = reporter
        return reporter

    def share(self) -> None:
        """Find the halves of one span among those added."""
        share(self._rows, self._start)

    def add(self, span: JaegerSpan, reporter: Reporter) -> None:
        """Add a span of a reporter, or count it as nameless."""
        codes: list[int] = []
        service = ""
        kind, status, marks = Kind.UNSPECIFIED, Status.UNSET, Marks(0)
        error_told = False
        code_of = self._rows.tag
        for key, value in span.tags:
            if key == SERVICE_TAG:
                service = text_of(value)
                continue
            if key == KIND_TAG:
                kind = kind_of(value)
            elif key == "error":
                status, error_told = Status.ERROR if is_true(value) else Status.UNSET, True
            elif key == STATUS_TAG and says_error(value) and not error_told:
                status = Status.ERROR
            elif key == "lightstep.meta_event" and is_true(value):
                marks |= Marks.META_EVENT
            codes.append(code_of(key, value))
        if service:
            reporter = Reporter(NAME, sound_text(service), attributes=reporter.attributes)
        parent, references = read_references(span.references, span.trace, span.span_id, span.parent)
        extra: dict[str, TagValue] = {}
        if span.flags:
            extra["flags"] = span.flags
        if span.warnings:
            extra["warnings"] = [sound_text(warning) for warning in span.warnings]
        if span.process_id:
            extra["process_id"] = sound_text(span.process_id)
        extra |= _texts(span, parent)
        kept = self._rows.add(
            reporter=self._rows.reporter(reporter),
            operation=span.operation,
            trace=span.trace,
            span_id=span.span_id,
            times=read_times(span.start_ns, span.duration_ns, self._received_ns),
            parent=parent,
            kind=kind,
            status=status,
            marks=marks,
            tags=codes,
            logs=[self._rows.log(time_ns, fields) for time_ns, fields in span.logs],
            references=references,
            extra=extra or None,
        )
        self._nameless += not kept


def _texts(span: JaegerSpan, parent: int) -> dict[str, TagValue]:
    """Ids named in another way than as numbers, for `extra`."""
    text = span.parent_text if span.parent == parent else ""
    others = []
    for one in span.references:
        if one.span_id == parent:
            text = text or one.text
        others += [SpanId(0, one.span_id, one.text)] + (
            [one.trace] if one.trace.text != span.trace.text else []
        )
    return named_texts(text, others) if text or any(one.text for one in others) else {}
