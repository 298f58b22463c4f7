"""Orders of spans in SQL."""

from __future__ import annotations

from typing import NamedTuple

from satellite.store import COMPARED, NUMBER, NUMBER_MAX, ByValue, Order
from satellite.store.clickhouse import literal
from satellite.store.clickhouse.shelves import PRESENT
from satellite.store.cursor import Cursor

_COLUMNS = {
    "latency": ("duration_ns", "start_ns"),
    "start": ("start_ns", "duration_ns"),
}
"""What is compared before span id and mark."""


class Sorting(NamedTuple):
    """Parts of a SELECT."""

    place: str
    """The columns first, second and value: with span id and mark they are a place in the order."""
    keys: str
    """What stands behind ORDER BY."""
    later: str
    """True for what stands behind the cursor."""


def sorting(order: Order | ByValue, value: str, read: Cursor | None, *, by_columns: bool) -> Sorting:
    """The order of spans, and what of it is behind a cursor; without one it is all.

    `value`: of the key of ByValue, see `predicates.value`. `by_columns`: ClickHouse leaves out what cannot be among the first (its dynamic filter for LIMIT). That is a filter more, and costs
    more than it saves where few spans match.
    """
    if isinstance(order, str):
        name, falls = order.lstrip("-"), order.startswith("-")
        if name == "arrival":
            # Nothing stands beside the mark: then ClickHouse reads in this order, and no more than it needs.
            later = "1" if read is None else f"mark {'<' if falls else '>'} {read.after[3]}"
            first = "bitNot(mark)" if falls else "mark"
            return Sorting(
                f"{first} AS first, toInt64(0) AS second, NULL AS value", f"mark{' DESC' * falls}", later
            )
        columns = _COLUMNS[name]
        first, second = (f"bitNot({column})" if falls else column for column in columns)
        compared = [column + " DESC" * falls for column in columns] if by_columns else [first, second]
        keys = ", ".join([*compared, "span_id", "mark"])
        place = f"({first}, {second}, span_id, mark)"
        later = "1" if read is None else f"{place} > ({', '.join(map(str, read.after))})"
        return Sorting(f"{first} AS first, {second} AS second, NULL AS value", keys, later)
    text = f"substring(nullIf({value}, ''), {len(PRESENT) + 1})"
    own, rest = "bitNot(duration_ns)", "bitNot(duration_ns), span_id, mark"
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
