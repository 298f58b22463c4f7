"""OTLP's spans: the columns that ptars makes of trace requests become a SpanBatch. No statement runs once per span.

What a span sent and what is in the model differ in four ways, each of which `otlp_export` undoes:

* LightStep's view is added as tags after the span's own, so that queries read as they did there: VIEW_KEYS. A key the
  span has itself is left alone, and listed in `extra["own"]` when we would have added it. `otel.trace_id`, which late
  satellites added too, is left out: the model has all 128 bits, and a tag of its own per trace is dear.
* A span is an error by its status or by a tag `error`; in the second case `extra["status_code"]` has what was sent.
* What few spans have is in `extra`, under OTLP's own names: `scope`, `trace_state`, `flags`, `status_message`,
  `dropped_attributes_count` and so on; numbers outside an enum as `kind` and `status_code`; times that do not fit the
  columns as `start_time_unix_nano` and `end_time_unix_nano`; a parent id of odd length in hex as `parent_span_id`.
* The service of a span from an Envoy that was not told its name comes from Istio's tags (istio-envoy.md §3.2).

A span that is not finished (end 0) has a duration of 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from satellite.model.few_keys import FewKeys
from satellite.model.logs import begin_with_logs
from satellite.model.report import Report
from satellite.model.span import META_EVENT_TAG
from satellite.model.spans import SCHEMA, Kind, Marks, SpanBatch, Status, encode_reference
from satellite.model.tag import decode_tag
from satellite.model.tags import layout
from satellite.protocols.otlp.columns import (
    Extras,
    FlatTags,
    Numbers,
    ids_of,
    joined,
    list_array,
    offsets_of,
    parents,
)
from satellite.protocols.otlp.events import logs_of, read_link
from satellite.protocols.otlp.parts import (
    MESH_KEYS,
    UNTOLD_SERVICES,
    cached_resource,
    cached_scope,
    cached_status,
    mesh_services,
)
from satellite.protocols.otlp.tags import Ints, Mask, Occurrences, occurrences, text, to_tags
from satellite.protocols.otlp.views import KIND_VIEWS, OWN_EXTRAS, VIEW_KEYS, Views, ViewTags, is_true
from satellite.protocols.readers.columns import lengths_of, readable
from satellite.protocols.values import STATUS_TAG, says_error

_LIMIT = np.uint64(2**63 - 1)
_FUTURE_NS = 86_400_000_000_000

_KIND_MAX = max(Kind)

_KEYS = FewKeys((META_EVENT_TAG, *VIEW_KEYS, *MESH_KEYS))
"""STATUS_TAG and `error` are among the views' keys."""


@dataclass
class TraceColumns:
    """The spans of several requests on their way from the wire's columns to those of SpanBatch."""

    columns: pa.RecordBatch
    """ptars' reading of `satellite.otlp.Request`, one row per body."""
    reports: list[Report]
    """One per body; `batch` fills them in."""
    received_ns: int
    marks: npt.NDArray[np.uint16] = field(init=False)
    extras: Extras = field(init=False)

    def batch(self) -> SpanBatch:
        """The kept spans; says in each report which rows are its own and what was dropped."""
        resources = self.columns.column("resource_spans")
        body_of_resource = parents(resources)
        resource = resources.values
        scopes = resource.field("scope_spans")
        resource_of_scope = parents(scopes)
        scope = scopes.values
        spans = scope.field("spans")
        scope_of_span = parents(spans)
        spans = spans.values

        trace, trace_ok = ids_of(spans.field("trace_id"), 16)
        span_id, span_ok = ids_of(spans.field("span_id"), 8)
        body = body_of_resource[resource_of_scope[scope_of_span]]
        keep = trace_ok & span_ok & (trace != 0).any(axis=1) & (span_id[:, 0] != 0)
        if not keep.all():
            self._drop(body[~keep])
            spans, body, scope_of_span = spans.filter(pa.array(keep)), body[keep], scope_of_span[keep]
            trace, span_id = trace[keep], span_id[keep]
        ends = np.cumsum(np.bincount(body, minlength=len(self.reports))).tolist() if self.reports else []
        for report, first, last in zip(self.reports, [0, *ends], ends, strict=False):
            report.rows = slice(first, last)
        self.marks = np.zeros(len(spans), np.uint16)
        self.extras = Extras(len(spans))

        scope_codes, scope_views = self._scopes(scope, scope_of_span)
        parent = self._parent(spans)
        logs = self._logs(spans)
        start_ns, duration_ns = self._times(spans, logs)
        sent_kind = np.asarray(spans.field("kind"))
        kind = np.where((sent_kind >= 0) & (sent_kind <= _KIND_MAX), sent_kind, 0).astype(np.uint8)
        self.extras.number("kind", np.where(kind == sent_kind, 0, sent_kind))
        status, status_codes, status_views = self._statuses(spans)
        for name in ("attributes", "events", "links"):
            self.extras.number(f"dropped_{name}_count", np.asarray(spans.field(f"dropped_{name}_count")))
        self.extras.number("flags", np.asarray(spans.field("flags")))
        self._trace_states(spans)
        tags, tag_lists, lists = self._tags(spans, body)
        errors = self._errors(lists, status)
        views = Views(
            [
                (kind.astype(np.int64), KIND_VIEWS),
                (status_codes, status_views),
                (scope_codes, scope_views),
            ]
        )
        reporter, reporters = self._reporters(
            resource, resource_of_scope[scope_of_span], body_of_resource, lists
        )
        tags, tag_lists, own = views.added(tags, lists, tag_lists)
        if own.any():
            self.extras.add(own, OWN_EXTRAS)
        names = spans.field("name").dictionary_encode()
        operations, broken = readable(names)
        if broken:
            self._mark(np.isin(names.indices.to_numpy(), broken), Marks.BAD_UTF8)
        extra, extras = self.extras.encoded()
        columns = [
            pa.array(np.ascontiguousarray(trace[:, 0])),
            pa.array(np.ascontiguousarray(trace[:, 1])),
            pa.array(span_id[:, 0]),
            pa.array(parent),
            pa.array(start_ns),
            pa.array(duration_ns),
            names.indices,
            pa.array(reporter),
            pa.array(extra),
            pa.array(kind),
            pa.array(np.where(errors, np.uint8(Status.ERROR), status)),
            None,
            tag_lists,
            logs,
            self._references(spans, parent),
        ]
        columns[SCHEMA.get_field_index("marks")] = pa.array(self.marks)
        rows = pa.RecordBatch.from_arrays(
            [c if c.type == f.type else c.cast(f.type) for c, f in zip(columns, SCHEMA, strict=True)],
            schema=SCHEMA,
        )
        return SpanBatch(rows, tags, operations, reporters, extras)

    def _drop(self, body: Ints) -> None:
        for i, lost in enumerate(np.bincount(body, minlength=len(self.reports)).tolist()):
            if lost:
                self.reports[i].dropped["bad_ids"] = lost
                self.reports[i].warnings.append(
                    f"{lost} spans without valid trace id and span id were dropped"
                )

    def _mark(self, rows: Mask, mark: Marks) -> None:
        self.marks[rows] |= np.uint16(mark)

    def _warn(self, body: Ints, what: str) -> None:
        """Tell each report how many places in it are concerned."""
        for i, count in enumerate(np.bincount(body, minlength=len(self.reports)).tolist()):
            if count:
                self.reports[i].warnings.append(f"{count} {what}")

    def _times(self, spans: pa.StructArray, logs: pa.ListArray) -> tuple[Ints, Ints]:
        """(start, duration); without a start that was sent it is the end, the first event or the time of arrival."""
        start = np.asarray(spans.field("start_time_unix_nano"))
        end = np.asarray(spans.field("end_time_unix_nano"))
        started, ended = start != 0, end != 0
        start_ns, end_ns = (np.minimum(moment, _LIMIT).astype(np.int64) for moment in (start, end))
        duration_ns = np.where(started & ended, end_ns - start_ns, 0)
        clamped = (start > _LIMIT) | (end > _LIMIT)
        self._mark(~started, Marks.TIME_INVENTED)
        self._mark(clamped, Marks.CLAMPED)
        self._mark(duration_ns < 0, Marks.NEGATIVE_DURATION)
        if not started.all():
            start_ns = np.where(started, start_ns, np.where(ended, end_ns, self.received_ns))
            begin_with_logs(start_ns, logs, ~started & ~ended)
        self._mark(start_ns > self.received_ns + _FUTURE_NS, Marks.FUTURE)
        odd = ~started | ~ended | clamped
        if odd.any():
            pairs = [
                {"start_time_unix_nano": first, "end_time_unix_nano": last}
                for first, last in zip(start[odd].tolist(), end[odd].tolist(), strict=True)
            ]
            self.extras.add_some(odd, pairs)
        return start_ns, duration_ns

    def _parent(self, spans: pa.StructArray) -> Numbers:
        """Parent of each span, 0 for none."""
        column = spans.field("parent_span_id")
        parent, whole = ids_of(column, 8)
        start, end, _ = layout(column)
        odd = ~whole & (end > start)
        if odd.any():
            texts = [{"parent_span_id": value.hex()} for value in column.filter(pa.array(odd)).to_pylist()]
            self.extras.add_some(odd, texts)
        return np.ascontiguousarray(parent[:, 0])

    def _statuses(self, spans: pa.StructArray) -> tuple[npt.NDArray[np.uint8], Ints, list[ViewTags]]:
        """(Status of each span, which of the views it has, the distinct views)."""
        encoded = joined(spans.field("status")).dictionary_encode()
        read = [cached_status(value) for value in encoded.dictionary.to_pylist()]
        codes = encoded.indices.to_numpy().astype(np.int64)
        self.extras.add(codes, [found.extra for found in read])
        self._mark_broken(codes, [found.broken for found in read])
        status = np.array([found.status for found in read], np.uint8)
        return status[codes], codes, [found.view for found in read]

    def _mark_broken(self, codes: Ints, broken: Sequence[bool]) -> None:
        if any(broken):
            self._mark(np.array(broken)[codes], Marks.BAD_UTF8)

    def _trace_states(self, spans: pa.StructArray) -> None:
        column = spans.field("trace_state")
        start, end, _ = layout(column)
        if len(start) and end[-1] > start[0]:
            encoded = column.dictionary_encode()
            broken: list[list[bytes]] = [[] for _ in range(len(encoded.dictionary))]
            states = [
                text(value, bad) for value, bad in zip(encoded.dictionary.to_pylist(), broken, strict=True)
            ]
            codes = encoded.indices.to_numpy().astype(np.int64)
            self.extras.add(codes, [{"trace_state": state} if state else {} for state in states])
            self._mark_broken(codes, [bool(bad) for bad in broken])

    def _scopes(self, scope: pa.StructArray, scope_of_span: Ints) -> tuple[Ints, list[ViewTags]]:
        """(which of the views each span has, the distinct views)."""
        heads = joined(scope.field("scope")).to_pylist()
        urls = scope.field("schema_url").to_pylist()
        distinct: dict[tuple[bytes, bytes], int] = {}
        codes = [distinct.setdefault(pair, len(distinct)) for pair in zip(heads, urls, strict=True)]
        read = [cached_scope(*pair) for pair in distinct]
        result = np.array(codes, np.int64)[scope_of_span]
        self.extras.add(result, [found.extra for found in read])
        self._mark_broken(result, [found.broken for found in read])
        return result, [found.view for found in read]

    def _tags(self, spans: pa.StructArray, body: Ints) -> tuple[pa.BinaryArray, pa.ListArray, FlatTags]:
        """(distinct tags, the positions of each span's tags, the same with their rows)."""
        column = spans.field("attributes")
        offsets = offsets_of(column)
        encoded = column.values.dictionary_encode()
        codes = encoded.indices.to_numpy()
        clean = to_tags(encoded.dictionary)
        row = np.repeat(np.arange(len(spans)), lengths_of(column))
        if len(clean.repaired):
            broken = row[np.isin(codes, clean.repaired)]
            self._mark_rows(broken, Marks.BAD_UTF8)
            self._warn(body[broken], "attributes held invalid UTF-8; it was replaced by U+FFFD")
        if clean.mapping is not None:
            codes = clean.mapping[codes]
        lists = FlatTags(codes, row, offsets, occurrences(clean.tags, codes, _KEYS))
        self._mark_rows(row[_slots_saying_yes(lists.of(META_EVENT_TAG))], Marks.META_EVENT)
        return clean.tags, list_array(offsets, codes), lists

    def _mark_rows(self, rows: Ints, mark: Marks) -> None:
        self.marks[rows] |= np.uint16(mark)

    def _errors(self, lists: FlatTags, status: npt.NDArray[np.uint8]) -> Mask:
        """Which spans are errors only by a tag: `error`, or without it and without a status `otel.status_code`."""
        errors, told = np.zeros((2, len(status)), np.bool_)
        hits = lists.of("error")
        if len(hits.slots):
            meaning = np.array([is_true(decode_tag(tag)[1]) for tag in hits.tags.to_pylist()])
            errors[lists.row[hits.slots]] = meaning[hits.which]  # of several the last counts
            told[lists.row[hits.slots]] = True
        hits = lists.of(STATUS_TAG)
        if len(hits.slots):
            meaning = np.array([says_error(decode_tag(tag)[1]) for tag in hits.tags.to_pylist()])
            said = np.zeros(len(status), np.bool_)
            said[lists.row[hits.slots]] = meaning[hits.which]
            errors |= said & ~told & (status == Status.UNSET)
        errors &= status != Status.ERROR
        if errors.any():
            sent = np.where(errors, status.astype(np.int64) + 1, 0)
            self.extras.add(sent, [{}, *({"status_code": int(code)} for code in Status)], first=True)
        return errors

    def _reporters(
        self,
        resource: pa.StructArray,
        resource_of_span: Ints,
        body_of_resource: Ints,
        lists: FlatTags,
    ) -> tuple[Ints, pa.BinaryArray]:
        """(position of each span's reporter, distinct reporters); tells each report its own."""
        heads = joined(resource.field("resource")).to_pylist()
        urls = resource.field("schema_url").to_pylist()
        read = [cached_resource(head, url) for head, url in zip(heads, urls, strict=True)]
        for i, found in zip(body_of_resource.tolist()[::-1], read[::-1], strict=True):
            self.reports[i].reporter = found.reporter  # the first one stays
        distinct: dict[bytes, int] = {}
        codes = [distinct.setdefault(found.reporter.encoded, len(distinct)) for found in read]
        result = np.array(codes, np.int64)[resource_of_span]
        self._mark_broken(resource_of_span, [found.broken for found in read])
        known = {found.reporter.encoded: found.reporter for found in read}
        untold = [known[encoded].service in UNTOLD_SERVICES for encoded in distinct]
        if any(untold):
            result = mesh_services(result, np.array(untold)[result], known, distinct, lists)
            for report in self.reports:
                if report.rows.stop > report.rows.start and report.reporter.service in UNTOLD_SERVICES:
                    report.reporter = known[list(distinct)[result[report.rows.start]]]
        return result, pa.array(list(distinct), pa.binary())

    def _logs(self, spans: pa.StructArray) -> pa.ListArray:
        column = spans.field("events")
        offsets = offsets_of(column)
        if offsets[-1] == 0:
            return list_array(offsets, pa.array([], pa.binary()))
        logs, broken = logs_of(column.values)
        self._mark_rows(np.repeat(np.arange(len(spans)), lengths_of(column))[broken], Marks.BAD_UTF8)
        return list_array(offsets, logs)

    def _references(self, spans: pa.StructArray, parent: Numbers) -> pa.ListArray:
        """The links of each span, its parent before them; nothing where there are none."""
        column = spans.field("links")
        offsets = offsets_of(column)
        if offsets[-1] == 0:
            return list_array(offsets, pa.array([], pa.binary()))
        counts = lengths_of(column)
        kept: list[list[bytes]] = [[] for _ in range(len(counts))]
        for i in np.flatnonzero(counts).tolist():
            broken: list[bytes] = []
            if parent[i]:
                kept[i].append(
                    encode_reference(follows=False, trace_high=0, trace_low=0, span_id=int(parent[i]))
                )
            kept[i].extend(read_link(link, broken) for link in column[i].as_py())
            if broken:
                self.marks[i] |= np.uint16(Marks.BAD_UTF8)
        return pa.array(kept, pa.list_(pa.binary()))


def _slots_saying_yes(hits: Occurrences) -> Ints:
    """The slots whose tag says yes."""
    meaning = np.array([is_true(decode_tag(tag)[1]) for tag in hits.tags.to_pylist()], np.bool_)
    return hits.slots[meaning[hits.which]] if len(hits.slots) else hits.slots
