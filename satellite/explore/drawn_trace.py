"""A trace drawn with characters, for those who read a failure."""

from __future__ import annotations

from collections.abc import Iterator

from mock_lightstep_satellite.visible import in_one_line
from satellite.explore.trace_tree import TreeRow, trace_tree
from satellite.explore.whole_trace import WholeTrace
from satellite.model.span import latency
from satellite.model.tag import text_of

_TEXT = 60
"""Characters of an operation's or a value's name (ours)."""


def drawn(whole: WholeTrace, *, rows: int, key: str = "") -> Iterator[str]:
    """One line a span, parents above children; `key`: a tag whose value is shown beside it."""
    tree = trace_tree(whole, limit=rows)
    batch = whole.batch
    values: dict[tuple[str, str], str] = {}
    if key:
        for span in batch.spans():
            if key in span.tags:
                values[span.trace_id, span.span_id] = text_of(span.tags[key])
    names = [(_branches(tree.rows, row), row) for row in tree.rows]
    width = max(
        (len(branch) + len(in_one_line(row.service or "missing span")) for branch, row in names), default=0
    )
    for branch, row in names:
        if row.missing:
            yield f"{branch}missing span {row.span_id}"
            continue
        name = branch + in_one_line(row.service or "")
        value = values.get((row.trace_id, row.span_id))
        told = f"  {key}={_short(value)}" if value is not None else ""
        failed = "  error" if row.error else ""
        yield f"{name:<{width}}  {_short(row.operation or '')}  {latency(row.duration_us)}{failed}{told}"
    if tree.total > len(tree.rows):
        yield f"and {tree.total - len(tree.rows)} more"


def _branches(rows: list[TreeRow], row: TreeRow) -> str:
    """What stands before a row: a line from each row above that has more below."""
    if row.parent is None:
        return ""
    text = "├─ " if _has_later(rows, row) else "└─ "
    above = rows[row.parent]
    while above.parent is not None:
        text = ("│  " if _has_later(rows, above) else "   ") + text
        above = rows[above.parent]
    return text


def _has_later(rows: list[TreeRow], row: TreeRow) -> bool:
    """Whether another child of its parent comes after it, among these rows."""
    after = row.row + row.below + 1
    return after < len(rows) and rows[after].parent == row.parent


def _short(text: str) -> str:
    text = in_one_line(text[: 4 * _TEXT])
    return text if len(text) <= _TEXT else text[: _TEXT - 1] + "…"
