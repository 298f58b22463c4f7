"""What is shown, and kept as files, of the spans of a test that failed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from mock_lightstep_satellite.errors import NotFound, SatelliteError
from mock_lightstep_satellite.span import counted
from mock_lightstep_satellite.spans import Spans
from mock_lightstep_satellite.trace import Trace
from mock_lightstep_satellite.visible import visible

TRACES = 3
"""How many are shown and written: those with errors first, then the latest."""
_NEWEST_SPANS = 200
"""Among which they are chosen."""


def report(spans: Spans, artifacts: Path | None) -> str:
    """Why what was asked for may be missing: what arrived, trees of traces, findings, faults, and where it was saved.

    Never fails: a satellite that is gone is one line.
    """
    try:
        traces = _traces(spans)
        lines = [*_arrivals(spans), *_trees(traces), *_findings(spans), *_faults(spans)]
    except SatelliteError as error:
        return f"nothing can be said of project {spans.project}: {error.message}"
    lines.append(f"open: {spans.url}")
    if artifacts is not None:
        try:
            lines += [f"saved: {file}" for file in _saved(spans, traces, artifacts, lines)]
        except (OSError, SatelliteError) as error:
            lines.append(f"nothing could be saved in {artifacts}: {error}")
    return visible("\n".join(lines))


def _arrivals(spans: Spans) -> Iterator[str]:
    yield f"project {spans.project}"
    services = []
    with suppress(NotFound):  # a project begins with its first report
        services = spans.asked.services()
    if not services:
        yield from spans.asked.explain("")["lines"]
    for one in services:
        errors = f", {one['errors']} with errors" if one["errors"] else ""
        yield f"  {one['service']}: {counted(one['spans'], 'span')}{errors}"


def _traces(spans: Spans) -> list[Trace]:
    try:
        newest = spans.asked.spans("", order="-start", limit=_NEWEST_SPANS)
    except NotFound:
        return []
    failed = [span.trace_id for span in newest if span.error]
    chosen = list(dict.fromkeys([*failed, *(span.trace_id for span in newest)]))[:TRACES]
    return [spans.trace(one) for one in chosen]


def _trees(traces: list[Trace]) -> Iterator[str]:
    for trace in traces:
        yield from str(trace).splitlines()


def _findings(spans: Spans) -> Iterator[str]:
    for one in spans.checks():
        yield f"{one['severity']} {one['name']}: {one['message']} ({counted(one['spans'], 'span')})"


def _faults(spans: Spans) -> Iterator[str]:
    for one in spans.faults():
        what = ", ".join(f"{name}={value}" for name, value in one["fault"].items())
        yield f"fault {one['id']} ({what}): {one['applied']} of {one['seen']} requests hit"


def _saved(spans: Spans, traces: list[Trace], folder: Path, lines: list[str]) -> Iterator[Path]:
    """The text, the spans as OTLP JSON, and each trace as a page that needs nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    text = folder / "captured-spans.txt"
    text.write_text("\n".join(lines) + "\n", "utf-8")
    yield text
    if not traces:
        return
    exported = folder / "spans.json"
    exported.write_bytes(spans.asked.export("", format="otlp-json"))
    yield exported
    for trace in traces:
        page = folder / f"trace-{trace.trace_id}.html"
        page.write_text(spans.asked.trace_html(trace.trace_id), "utf-8")
        yield page


def folder_of(test: str) -> str:
    """A folder's name for a test, from its node id."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", test)[-120:].strip("-.")
