"""A trace as one HTML file that needs nothing else: to be kept with the results of a failed test.

No scripts, nothing loaded: a waterfall of bars, and behind each row what the span carries.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape
from typing import Any

from satellite.explore.trace_tree import ROWS_MAX, TraceTree, Tree, TreeRow
from satellite.explore.whole_trace import WholeTrace
from satellite.model.span import Span, latency
from satellite.model.tag import text_of

_VALUE_MAX = 10_000
"""Characters shown of one value."""

_STYLE = """
:root { color-scheme: light dark; --line: light-dark(#d8dce3, #363b46); --dim: light-dark(#59606d, #9aa1ae);
  --bar: light-dark(#7b93c4, #56719f); --path: light-dark(#11151c, #f3f5f9); --error: #d92d20; }
body { margin: 24px; font: 13px/1.45 system-ui, sans-serif; background: light-dark(#fff, #16181d);
  color: light-dark(#1c1f26, #e8eaef); }
h1 { font-size: 18px; margin: 0 0 4px; } p { margin: 4px 0; } .dim { color: var(--dim); }
code, dd, dt { font: 12px ui-monospace, monospace; } .note { color: var(--error); }
table { border-collapse: collapse; margin: 12px 0; } td, th { padding: 2px 12px 2px 0; text-align: right; }
td:first-child, th:first-child { text-align: left; }
details { border-top: 1px solid var(--line); } summary { display: grid; grid-template-columns: 2fr 3fr 7em; gap: 8px;
  padding: 3px 0; cursor: pointer; align-items: center; }
.name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.lane { position: relative; height: 14px; } .lane i { position: absolute; top: 1px; height: 9px; min-width: 1px;
  background: var(--bar); border-radius: 2px; } .lane b { position: absolute; top: 11px; height: 3px; min-width: 1px;
  background: var(--path); }
.bad .lane i { background: var(--error); } .bad .name { color: var(--error); } .took { text-align: right; }
dl { display: grid; grid-template-columns: minmax(10em, max-content) 1fr; gap: 1px 16px; margin: 4px 0 10px 24px; }
dt { color: var(--dim); } dd { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
""".strip()


def trace_page(whole: WholeTrace) -> str:
    """The page; of a large trace the first ROWS_MAX rows."""
    tree = Tree(whole)
    found = tree.page(limit=ROWS_MAX)
    rows = [tree.drawn.of[row.row] for row in found.rows]
    held = [row for row in rows if row >= 0]
    spans = dict(zip(held, whole.batch.spans(held, marks=whole.marks[held].tolist()), strict=True))
    title = f"Trace {found.trace_id}"
    errors = f', <span class="note">{found.errors} errors</span>' if found.errors else ""
    left = f"<p>The first {len(found.rows)} of {found.total} rows.</p>" if found.next_cursor else ""
    services = "".join(
        f"<tr><td>{_text(one.service)}<td>{one.spans}<td>{one.errors}<td>{latency(one.path_us)}"
        f"<td>{100 * one.path_share:.1f} %</tr>"
        for one in found.services
    )
    body = "".join(_row(row, spans.get(at), found) for row, at in zip(found.rows, rows, strict=True))
    # A trace of less than a microsecond lasts as long as its longest span, as far as the tree says.
    whole_us = found.duration_us or max((span.exact_duration_us for span in spans.values()), default=0)
    notes = "".join(f'<p class="note">{_text(note)}</p>' for note in found.notes)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        "<meta http-equiv=\"content-security-policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style><h1>{title}</h1>"
        f"<p>{found.spans} spans{errors}, {len(found.services)} services, {latency(whole_us)},"
        f" depth {found.depth}; began {_clock(found.start_us)}</p>{notes}{left}"
        "<table><tr><th>service<th>spans<th>errors<th>critical path<th>share</tr>"
        f"{services}</table>{body}</html>\n"
    )


def _row(row: TreeRow, span: Span | None, found: TraceTree) -> str:
    pad = f'style="padding-left:{min(row.depth, 60) * 14}px"'
    if span is None:
        name = f"missing span {row.span_id}, named as a parent"
        return f'<details><summary><span class="name dim" {pad}>{name}</span></summary></details>'
    label = f"<strong>{_text(span.service)}</strong> {_text(span.operation)}"
    bar = _bar("i", row.start_us - found.start_us, row.duration_us, found.duration_us)
    path = "".join(_bar("b", begin, end - begin, found.duration_us) for begin, end in row.segments)
    return (
        f'<details{" class=bad" if row.error else ""}><summary><span class="name" {pad}>{label}</span>'
        f'<span class="lane">{bar}{path}</span><span class="took">{latency(span.exact_duration_us)}</span></summary>'
        f"<dl>{_facts(row, span)}</dl></details>"
    )


def _bar(tag: str, begin_us: float, length_us: float, whole_us: int) -> str:
    left, width = (100 * us / (whole_us or 1) for us in (begin_us, length_us))
    return f'<{tag} style="left:{left:.3f}%;width:{width:.3f}%"></{tag}>'


def _facts(row: TreeRow, span: Span) -> str:
    facts: dict[str, Any] = {
        "span id": span.span_id,
        "parent": span.parent_span_id or "none",
        "kind": span.kind or "not said",
        "start": f"{_clock(span.start_us)} ({latency(row.offset_us)} after the root)",
        "self time": f"{latency(row.self_us)} ({100 * row.self_share:.1f} %)",
        "critical path": f"{latency(row.path_us)} ({100 * row.path_share:.1f} %)",
    }
    if row.skew_us:
        facts["clock"] = f"starts {latency(row.skew_us)} before its parent"
    if row.pair:
        facts["other half"] = f"{row.pair.span_id}, {latency(row.pair.between_us)} lie between the two"
    if row.joined_by:
        facts["joined by"] = f"an equal {row.joined_by} only"
    for log in span.logs:
        fields = ", ".join(f"{key}={text_of(value)}" for key, value in log.fields.items())
        facts[f"log at {latency(log.time_us - span.start_us)}"] = fields
    return _list(facts) + _list(dict(sorted(span.tags.items()))) + _list(span.reporter.attributes)


def _list(facts: Mapping[str, Any]) -> str:
    return "".join(f"<dt>{_text(key)}<dd>{_text(_cut(text_of(value)))}" for key, value in facts.items())


def _cut(text: str) -> str:
    return text if len(text) <= _VALUE_MAX else f"{text[:_VALUE_MAX]}… ({len(text)} characters)"


def _text(text: str) -> str:
    return escape(text.replace("\0", "\ufffd"))


def _clock(start_us: int) -> str:
    try:
        return datetime.fromtimestamp(start_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S.%f") + " UTC"
    except (OverflowError, ValueError, OSError):
        return f"{start_us} µs"
