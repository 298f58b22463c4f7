"""What a fault does to a report that is kept, and to its receipt."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from satellite.checks.spans import findings
from satellite.errors import BadReport
from satellite.faults.decision import Decision
from satellite.model.report import Receipt, Report
from satellite.model.spans import SpanBatch

REASON = "fault"
"""Under which the ledger counts what a fault lost."""


class Kept(NamedTuple):
    """A report, as a fault has it kept."""

    report: Report
    """As its sender is told of it."""
    rows: list[slice]
    """What is written; a row may be there twice."""
    lost: int
    """Spans that are dropped without a word."""


def kept(decision: Decision, report: Report) -> Kept:
    """What is left of a report."""
    rows = report.rows
    if decision.accept is not None and (cut := rows.stop - rows.start - decision.accept) > 0:
        rows = slice(rows.start, rows.start + decision.accept)
        report = replace(
            report,
            rows=rows,
            dropped=report.dropped | {REASON: report.dropped.get(REASON, 0) + cut},
            warnings=[*report.warnings, f"a fault accepts only {decision.accept} spans of a report"],
        )
    written, lost = [rows], 0
    if decision.drop is not None:
        stays = np.random.default_rng(decision.drop_seed).random(rows.stop - rows.start) >= decision.drop
        written = [slice(row, row + 1) for row in (np.flatnonzero(stays) + rows.start).tolist()]
        lost = int(np.count_nonzero(~stays))
    return Kept(report, written * 2 if decision.duplicate else written, lost)


def refused_as_odd(batch: SpanBatch) -> BadReport | None:
    """Why a report with these spans is refused where odd ones are: the findings that are errors; None when there are none."""
    found = [one for one in findings([batch]) if one.severity == "error"]
    if not found:
        return None
    said = "; ".join(f"{one.name}: {one.message} ({one.spans} of its spans), {one.advice}" for one in found)
    return BadReport(f"strict checks refuse this report: {said}")


def told(decision: Decision, receipt: Receipt) -> Receipt:
    """The receipt with what is to go wrong with its answer."""
    skew_ns = decision.skew_ms * 1_000_000
    return replace(
        receipt,
        received_ns=receipt.received_ns + skew_ns,
        answered_ns=receipt.answered_ns + skew_ns,
        warnings=[*receipt.warnings, *decision.warnings],
        fault=decision,
    )
