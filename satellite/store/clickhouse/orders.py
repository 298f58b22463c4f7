"""Orders of spans in SQL."""

from __future__ import annotations

from typing import NamedTuple

from satellite.store import COMPARED, NUMBER, NUMBER_MAX, ByValue, Order
from satellite.store.clickhouse import literal
from satellite.store.clickhouse.predicates import value
from satellite.store.cursor import Cursor

_KEYS: dict[str, tuple[str, str]] = {
    "-latency": ("bitNot(duration_ns)", "bitNot(start_ns)"),
    "latency": ("duration_ns", "start_ns"),
    "-start": ("bitNot(start_ns)", "bitNot(duration_ns)"),
    "start": ("start_ns", "duration_ns"),
    "arrival": ("mark", "toInt64(0)"),
    "-arrival": ("bitNot(mark)", "toInt64(0)"),
}
"""Columns to compare ascending, before span id and mark."""


class Sorting(NamedTuple):
    """Parts of a SELECT."""

    place: str
    """The columns first, second and value: with span id and mark they are a place in the order."""
    keys: str
    """What stands behind ORDER BY."""
    later: str
    """True for what stands behind the cursor."""


def sorting(project: int, order: Order | ByValue, read: Cursor | None) -> Sorting:
    """The order of a project's spans, and what of it is behind a cursor; without one it is all."""
    if isinstance(order, str):
        keys = ", ".join((*_KEYS[order], "span_id", "mark"))
        first, second = _KEYS[order]
        later = "1" if read is None else f"({keys}) > ({', '.join(map(str, read.after))})"
        return Sorting(f"{first} AS first, {second} AS second, NULL AS value", keys, later)
    text, own, rest = value(project, order.key), "bitNot(duration_ns)", "bitNot(duration_ns), span_id, mark"
    lacking, *compared = _compared(text)
    direction, behind = ("DESC", "<") if order.descending else ("ASC", ">")
    keys = ", ".join([lacking, *(f"{key} {direction}" for key in compared), rest])
    later = "1"
    if read is not None:
        gone, *to = _compared("NULL" if read.value is None else literal.text(read.value))
        mine, others = f"({', '.join(compared)})", f"({', '.join(to)})"
        last = ", ".join(map(str, read.after[1:]))
        later = (
            f"({lacking} > {gone} OR {lacking} = {gone} AND"
            f" ({mine} {behind} {others} OR {mine} = {others} AND ({rest}) > ({last})))"
        )
    return Sorting(f"toInt64(0) AS first, {own} AS second, {text} AS value", keys, later)


def _compared(text: str) -> tuple[str, str, str, str]:
    """Of a Nullable(String): whether it lacks, whether it is no number, the number, the text as far as it counts."""
    cut = f"substringUTF8(ifNull(CAST({text}, 'Nullable(String)'), ''), 1, {COMPARED})"
    number = f"match({cut}, {literal.text(NUMBER)}) AND length({cut}) <= {NUMBER_MAX}"
    point = f"position({cut}, '.')"
    # Whole numbers below 2^63 and a power of ten: their quotient is the nearest float, as reading the text gives it.
    shown = (
        f"toInt64OrZero(replaceOne({cut}, '.', '')) / intExp10(if({point} = 0, 0, length({cut}) - {point}))"
    )
    return f"isNull({text})", f"NOT ({number})", f"if({number}, {shown}, 0.)", cut
