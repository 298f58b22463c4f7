"""Explorer's analyses the plain way: objects, recursion, one span after another. The real ones must agree."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from satellite.model.span import PARENT_TAG, Span
from satellite.model.tag import text_of


@dataclass(eq=False)
class Row:
    """A span in its tree."""

    span: Span
    parent: Row | None = None
    children: list[Row] = field(default_factory=list)

    @property
    def start(self) -> int:
        """µs."""
        return self.span.start_us

    @property
    def end(self) -> int:
        """µs."""
        return self.span.start_us + max(self.span.duration_us, 0)


def forest(spans: Iterable[Span]) -> list[Row]:
    """The spans with their parents; ids are unique, and there are no cycles."""
    rows = [Row(span) for span in spans]
    by_id = {(row.span.trace_id, row.span.span_id): row for row in rows}
    for row in rows:
        row.parent = by_id.get((row.span.trace_id, row.span.parent_span_id or ""))
        if row.parent:
            row.parent.children.append(row)
    return rows


def critical_path(root: Row) -> dict[Row, int]:
    """The definition of §11.1, word by word: µs of each row on the path of `root`."""
    spent: dict[Row, int] = defaultdict(int)

    def walk(row: Row, begin: int) -> None:
        begin = max(begin, row.start)
        end = row.end
        for child in sorted(row.children, key=lambda child: (-child.end, child.start, child.span.span_id)):
            if child.end > end or child.end <= begin:
                continue
            spent[row] += end - child.end
            walk(child, begin)
            end = max(begin, child.start)
        spent[row] += max(0, end - begin)

    walk(root, root.start)
    return spent


def self_time(row: Row) -> int:
    """µs in which no child runs, counted one by one."""
    running = set(range(row.start, row.end))
    for child in row.children:
        running -= set(range(child.start, child.end))
    return len(running)


Mark = tuple[str, str, str]


def marks(spans: Iterable[Span], matching: set[str]) -> set[Mark]:
    """(where, key, value) of all tags of a trace."""
    found = set()
    for span in spans:
        attributes = {key: text_of(value) for key, value in span.reporter.attributes.items()}
        tags = {key: text_of(value) for key, value in span.tags.items()}
        for key, value in (attributes | tags).items():
            if not key.startswith(("guid:", "join:", "lightstep.")) and key not in (
                PARENT_TAG,
                "service.name",
            ):
                found.add(("result" if span.span_id in matching else "trace", key, value))
    return found


def correlations(
    traces: list[list[Span]], matching: set[str], inside: list[bool], min_support: int = 2
) -> dict[tuple[str, str], tuple[float, int, int]]:
    """(key, value) → (score, traces inside, outside): the better of its two places."""
    found = [marks(spans, matching) for spans in traces]
    values: dict[str, set[str]] = defaultdict(set)
    for _, key, value in set().union(*found):
        values[key].add(value)
    best: dict[tuple[str, str], tuple[float, bool, int, int]] = {}
    for where, key, value in set().union(*found):
        ins = sum(is_in and (where, key, value) in one for is_in, one in zip(inside, found, strict=True))
        outs = sum(not is_in and (where, key, value) in one for is_in, one in zip(inside, found, strict=True))
        if ins + outs < min_support or len(values[key]) > len(traces) / 2:
            continue
        score = scored(ins / sum(inside), outs / (len(inside) - sum(inside)))
        known = best.get((key, value))
        if known is None or (abs(score), where == "result") > (abs(known[0]), known[1]):
            best[key, value] = (score, where == "result", ins, outs)
    return {name: (round(score, 9), ins, outs) for name, (score, _, ins, outs) in best.items()}


def scored(in_share: float, out_share: float) -> float:
    """The formula of §9."""
    return (in_share - out_share) / max(in_share, out_share) if max(in_share, out_share) else 0.0


def calls(rows: list[Row]) -> Counter[tuple[str, str]]:
    """How often one service's span stands below another's."""
    return Counter(
        (row.parent.span.service, row.span.service)
        for row in rows
        if row.parent and row.parent.span.service != row.span.service
    )
