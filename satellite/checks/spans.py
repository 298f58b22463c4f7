"""The checks on spans, as masks over columns: no statement runs once per span."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from satellite.checks.finding import CHECKS, Example, Finding
from satellite.model import compute as pc
from satellite.model.reporter import UNKNOWN_SERVICE, decode_reporter
from satellite.model.spans import Marks, SpanBatch, id_text, trace_text

EXAMPLES = 3
SERVICES = 20

Mask = npt.NDArray[np.bool_]

_MARKS = {
    "zero-id": Marks.ZERO_ID,
    "no-start-time": Marks.TIME_INVENTED,
    "negative-duration": Marks.NEGATIVE_DURATION,
    "clamped-time": Marks.CLAMPED,
    "starts-in-future": Marks.FUTURE,
    "bad-utf8": Marks.BAD_UTF8,
}
"""What the codecs saw already."""


def masks(batch: SpanBatch) -> dict[str, Mask]:
    """For each check, by name, which rows of the batch it is true of. Relations are looked for among these rows only."""
    marks = batch.column("marks")
    found: dict[str, Mask] = {name: (marks & np.uint16(mark)) != 0 for name, mark in _MARKS.items()}
    found["no-service"] = _of_codes(batch, "reporter", _unnamed(batch.reporters))
    found["no-operation"] = _of_codes(batch, "name", np.asarray(pc.equal(pc.binary_length(batch.names), 0)))
    return found | _relations(batch)


def findings(batches: Iterable[SpanBatch]) -> list[Finding]:
    """What is odd about the spans of these batches taken together, in the order of CHECKS."""
    parts = [batch for batch in batches if len(batch)]
    if not parts:
        return []
    batch = parts[0] if len(parts) == 1 else SpanBatch.concat([_light(part) for part in parts])
    return told(batch, masks(batch))


def told(batch: SpanBatch, masks_by_name: Mapping[str, Mask]) -> list[Finding]:
    """The masks that are true of any row, as findings."""
    made = []
    for check in CHECKS:
        rows = np.flatnonzero(masks_by_name[check.name])
        if len(rows):
            made.append(
                Finding(
                    check.name,
                    check.severity,
                    check.says,
                    check.advice,
                    len(rows),
                    _services(batch, rows),
                    [_example(batch, int(row)) for row in rows[:EXAMPLES]],
                )
            )
    return made


def _light(batch: SpanBatch) -> SpanBatch:
    """The batch without what no check looks at, so that joining many costs little."""
    rows = batch.rows
    none = pa.ListArray.from_arrays(pa.array(np.zeros(len(batch) + 1, np.int32)), pa.array([], pa.int32()))
    empty = pa.ListArray.from_arrays(pa.array(np.zeros(len(batch) + 1, np.int32)), pa.array([], pa.binary()))
    for name, column in (("tags", none), ("logs", empty), ("references", empty)):
        rows = rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), column)
    return SpanBatch(rows, pa.array([], pa.binary()), batch.names, batch.reporters, batch.extras)


def _of_codes(batch: SpanBatch, column: str, true_of: Mask) -> Mask:
    mask: Mask = true_of[batch.column(column)]
    return mask


def _unnamed(reporters: pa.BinaryArray) -> Mask:
    return np.array(
        [decode_reporter(one).service in {UNKNOWN_SERVICE, ""} for one in reporters.to_pylist()], np.bool_
    )


def _relations(batch: SpanBatch) -> dict[str, Mask]:
    size = len(batch)
    span, parent = batch.column("span_id"), batch.column("parent_id")
    shared = (batch.column("marks") & np.uint16(Marks.SHARED)) != 0
    trace = _codes_of(batch.column("trace_high"), batch.column("trace_low"))
    own = (parent == span) & (parent != 0) & ~shared
    codes = _codes_of(np.concatenate([trace, trace]), np.concatenate([span, parent]))
    present = np.zeros(int(codes.max(initial=0)) + 1, np.bool_)
    present[codes[:size]] = True
    unknown = (parent != 0) & ~own & ~present[codes[size:]]
    # Halves of a shared id are two spans by right: each half is looked at among its own.
    halves = codes[:size] * 2 + shared
    repeated = np.bincount(halves)[halves] > 1
    roots = (parent == 0) & ~shared
    several = roots & (np.bincount(trace[roots], minlength=int(trace.max(initial=0)) + 1)[trace] > 1)
    return {
        "unknown-parent": unknown,
        "own-parent": own,
        "repeated-id": repeated & (span != 0),
        "several-roots": several,
    }


def _codes_of(high: npt.NDArray[Any], low: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """A number for each pair, the same for equal ones. The halves are never one array: numbers of unlike types in one are floats."""
    if not len(low):
        return np.zeros(0, np.int64)
    order = np.lexsort((low, high))
    high, low = high[order], low[order]
    new = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
    codes = np.empty(len(low), np.int64)
    codes[order] = np.concatenate([[0], np.cumsum(new)])
    return codes


def _services(batch: SpanBatch, rows: npt.NDArray[np.int64]) -> list[str]:
    used = np.unique(batch.column("reporter")[rows])
    return sorted({decode_reporter(batch.reporters[int(code)].as_py()).service for code in used})[:SERVICES]


def _example(batch: SpanBatch, row: int) -> Example:
    reporter = decode_reporter(batch.reporters[int(batch.column("reporter")[row])].as_py())
    return Example(
        trace_text(int(batch.column("trace_high")[row]), int(batch.column("trace_low")[row])),
        id_text(int(batch.column("span_id")[row])),
        reporter.service,
        batch.names[int(batch.column("name")[row])].as_py().decode("utf-8", "replace"),
    )
