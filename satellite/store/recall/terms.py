"""Which rows of a segment lie within a plan's bounds and satisfy its terms."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from satellite.model import compute as pc
from satellite.model.ids import hashed
from satellite.model.tags import texts_of
from satellite.query.plan import Field, Plan, Term
from satellite.store.recall.segment import Mask, Segment
from satellite.store.recall.tag_index import Rows, few, one_of
from satellite.store.recall.values import attributes_matching, matching, names_matching, tags_matching

FULL_TRACE_TAGS = ("otlp.trace_id", "otel.trace_id")
"""Where LightStep kept the 32 digits of a trace id that it had cut to 16: its API, and its late satellites (and our export)."""

_REMEMBERING = 2048
"""A segment of fewer rows is soon looked through again, and soon merged."""


def lacks(segment: Segment, plan: Plan) -> bool:
    """Whether no row can match, by the names of services and operations alone: most of what is waited for is elsewhere."""
    for term in plan.terms:
        if term.negated:
            continue
        if term.field is Field.SERVICE:
            names = segment.services[0]
            there = bool(term.patterns) or any(name in term.values for name in names)
        elif term.field is Field.OPERATION:
            there = bool(matching(segment.operations, term).any())
        else:
            continue
        if not there:
            return True
    return False


def match(segment: Segment, plan: Plan) -> Mask | None:
    """Which live rows match; None: all rows do and none is dead."""
    mask = bounded(segment, plan)
    for term in sorted(plan.terms, key=_comes_late):
        if mask is not None and (coded := _coded(segment, term)) is not None and few(mask):
            rows = np.flatnonzero(mask)
            wanted, codes = coded
            mask = _of_rows(rows[wanted[codes[rows]] != term.negated], len(segment))
        else:
            hit = satisfies(segment, term)
            mask = hit if mask is None else mask & hit
    return mask


def _comes_late(term: Term) -> bool:
    """Whether a term is better looked at for the rows alone that others leave."""
    return term.field is not Field.TAG


def bounded(segment: Segment, plan: Plan) -> Mask | None:
    """Which live rows lie within the plan's bounds, terms aside; None as for `match`."""
    mask: Mask | None = None
    if len(segment.dead):
        mask = np.ones(len(segment), np.bool_)
        mask[segment.dead] = False
    conditions: list[Mask] = []
    if segment.meta_events is not None and not plan.meta_events:
        conditions.append(~segment.meta_events)
    if plan.since >= segment.first_mark or (plan.until is not None and plan.until < segment.last_mark):
        marks = segment.marks
        conditions.append(marks > plan.since)
        if plan.until is not None:
            conditions.append(marks <= plan.until)
    if plan.oldest_ns is not None and plan.oldest_ns > segment.start_bounds_ns[0]:
        conditions.append(segment.start_ns >= plan.oldest_ns)
    if plan.youngest_ns is not None and plan.youngest_ns <= segment.start_bounds_ns[1]:
        conditions.append(segment.start_ns < plan.youngest_ns)
    if plan.min_duration_ns is not None:
        conditions.append(segment.duration_ns >= plan.min_duration_ns)
    if plan.max_duration_ns is not None:
        conditions.append(segment.duration_ns < plan.max_duration_ns)
    for condition in conditions:
        mask = condition if mask is None else mask & condition
    return mask


def satisfies(segment: Segment, term: Term) -> Mask:
    """Which rows, dead or not, satisfy one term."""
    remembers = len(segment) >= _REMEMBERING
    if remembers and (known := segment.satisfied.rows(term, len(segment))) is not None:
        return known
    hit = _positive(segment, term)
    if term.negated:
        hit = ~hit
    if remembers:
        segment.satisfied.remember(term, hit)
    return hit


def _positive(segment: Segment, term: Term) -> Mask:
    if (coded := _coded(segment, term)) is not None:
        wanted, codes = coded
        return one_of(codes, np.flatnonzero(wanted), len(wanted))
    match term.field:
        case Field.SPAN_ID:
            return _has_id(segment, term, "span_id")
        case Field.TRACE_ID:
            return _has_id(segment, term, "trace_low", "trace_high")
        case _:
            return _has_tag(segment, term)


def _coded(segment: Segment, term: Term) -> tuple[Mask, npt.NDArray[np.int32]] | None:
    """(whether each code satisfies the term, negation aside; the code of each row), where each row has one; else None."""
    match term.field:
        case Field.SERVICE:
            names, of_reporter = segment.services
            return names_matching(names, term)[of_reporter], segment.batch.column("reporter")
        case Field.OPERATION:
            return matching(segment.operations, term), segment.batch.column("name")
        case Field.TRACER_ID:
            ids = [_id_text(reporter.id) for reporter in segment.reporters]
            return names_matching(ids, term), segment.batch.column("reporter")
        case _:
            return None


def _has_id(segment: Segment, term: Term, column: str, upper: str | None = None) -> Mask:
    """Ids compare as numbers; a trace id of more than 16 digits in both halves, or by its lower alone."""
    low = segment.batch.column(column)
    if term.patterns:
        high = segment.batch.column(upper) if upper else np.zeros(len(low), np.uint64)
        texts = [_id_text((h << 64) | i) for h, i in zip(high.tolist(), low.tolist(), strict=True)]
        return matching(pa.array(texts, pa.string()), term)
    hit = np.zeros(len(segment), np.bool_)
    for key in FULL_TRACE_TAGS if upper else ():
        if len(codes := segment.index.codes_of(key)):
            ids = pc.utf8_ltrim(pc.utf8_lower(texts_of(segment.batch.tags_at(codes), key)), characters="0")
            hit[segment.index.rows_of(key, codes[matching(ids, term)])] = True
    for value in term.values:
        try:
            number = int(value, 16)
        except ValueError:  # a text that some sender uses as an id
            number = hashed(value)
        if number >> 64 and upper is not None:
            here = low == np.uint64(number & 0xFFFF_FFFF_FFFF_FFFF)
            high = segment.batch.column(upper)
            hit |= here & ((high == np.uint64((number >> 64) & 0xFFFF_FFFF_FFFF_FFFF)) | (high == 0))
        elif number >> 64 == 0:
            hit |= low == np.uint64(number)
    return hit


def _has_tag(segment: Segment, term: Term) -> Mask:
    index = segment.index
    codes = index.codes_of(term.key) if term.patterns else index.codes_like(term.key, term.values)
    if len(codes):
        codes = codes[tags_matching(segment.batch.tags_at(codes), term.key, term)]
    hit = _of_rows(index.rows_of(term.key, codes), len(segment))
    if segment.attributes(term.key) is not None:
        by_reporter = attributes_matching(segment.reporters, term)
        if by_reporter.any():
            lacking = ~_of_rows(index.occurrences(term.key)[0], len(segment))
            hit |= lacking & one_of(
                segment.batch.column("reporter"), np.flatnonzero(by_reporter), len(by_reporter)
            )
    if term.asks_for_errors:
        hit |= segment.is_error
    if term.log_key is not None:
        fields = segment.log_fields(term.log_key)
        wanted_fields = tags_matching(fields.tags, term.log_key, term)
        hit[fields.rows[wanted_fields[fields.codes]]] = True
    return hit


def _of_rows(rows: Rows, size: int) -> Mask:
    """The rows, each there once, as a mask."""
    if len(rows) == size:
        return np.ones(size, np.bool_)
    mask = np.zeros(size, np.bool_)
    mask[rows.astype(np.intp)] = True  # numpy takes three times as long to do this itself
    return mask


def _id_text(number: int) -> str:
    """An id as queries spell it: lower-case hex without leading zeros."""
    return f"{number:x}"
