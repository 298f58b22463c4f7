"""Plans as conditions of SQL: the same spans as `satellite.query.plan` means, exactly."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from satellite.model.ids import hashed
from satellite.model.spans import Marks, Status
from satellite.model.tag import encode_tag, key_prefix
from satellite.query.plan import Field, Plan, Term
from satellite.store.clickhouse.columns import entry
from satellite.store.clickhouse.literal import text, texts
from satellite.store.clickhouse.shelves import PRESENT, found_on_shelf
from satellite.store.recall.terms import FULL_TRACE_TAGS

IS_ERROR = f"(status = {int(Status.ERROR)})"


UNSHELVED = "shelved = 0"
"""That a span was written before version 5 of the schema, and stands on no shelf."""


def microseconds(ns: str) -> str:
    """Nanoseconds rounded down, as Span.duration_us."""
    return f"(intDiv({ns}, 1000) - ({ns} < 0 AND {ns} % 1000 != 0))"


_META = f"(bitAnd(marks, {int(Marks.META_EVENT)}) != 0)"

_HALF = 2**64 - 1

_FEW = 8


SEATS = 256
"""Of a pool; the remainder of a mark by it is the seat of the satellite that gave it. A satellite alone counts all marks."""


class Moment(NamedTuple):
    """What of a project's spans can be seen: those in the table that counted when its mark was `mark`."""

    project: int
    """Its number."""
    mark: int
    floor: int
    """Up to here they are evicted."""
    replaced: bool
    """Whether others took the place of some."""
    seen: tuple[tuple[int, int], ...] = ()
    """In a pool how far each seat's spans counted; a satellite alone has only `mark`."""

    @property
    def condition(self) -> str:
        """Which rows."""
        found = f"project = {self.project} AND mark > {self.floor} AND mark <= {self.mark}{self._committed('mark')}"
        if self.replaced:
            gone = f"SELECT mark FROM gone WHERE project = {self.project} AND by_mark <= {self.mark}"
            found += f" AND mark GLOBAL NOT IN ({gone}{self._committed('by_mark')})"
        return found

    def _committed(self, mark: str) -> str:
        """That the seat which gave this mark had committed it; nothing where `mark` says it already."""
        if len(self.seen) < 1:
            return ""
        seats, marks = zip(*self.seen, strict=True)
        return (
            f" AND {mark} <= transform(toUInt8({mark} % {SEATS}), [{', '.join(f'toUInt8({seat})' for seat in seats)}],"
            f" [{', '.join(f'toInt64({one})' for one in marks)}], toInt64(0))"
        )


def where(moment: Moment, plan: Plan) -> str:
    """The rows of a moment that a plan means."""
    return " AND ".join([moment.condition, *bounds(plan), *terms(moment, plan)])


def counted(moment: Moment, plan: Plan) -> str:
    """How many rows a plan means, as a value."""
    if plan != Plan(since=plan.since, until=plan.until):
        return f"(SELECT count() FROM spans WHERE {where(moment, plan)})"
    # Of all spans ClickHouse knows it by the primary key; to find those that are no meta events it would read every mark.
    everything = f"SELECT count() FROM spans WHERE {' AND '.join([moment.condition, *_within(plan)])}"
    return f"({everything}) - ({everything} AND {_META})"


def bounds(plan: Plan) -> list[str]:
    """What a plan says beside its terms."""
    return _within(plan) if plan.meta_events else [*_within(plan), f"NOT {_META}"]


def _within(plan: Plan) -> list[str]:
    return [
        f"{column} {sign} {number}"
        for column, sign, number in (
            ("start_ns", ">=", plan.oldest_ns),
            ("start_ns", "<", plan.youngest_ns),
            ("duration_ns", ">=", plan.min_duration_ns),
            ("duration_ns", "<", plan.max_duration_ns),
            ("mark", ">", plan.since or None),
            ("mark", "<=", plan.until),
        )
        if number is not None
    ]


def terms(moment: Moment, plan: Plan) -> list[str]:
    """Each term of a plan."""
    positive = ((one, _positive(moment.project, one)) for one in plan.terms)
    return [f"NOT ({found})" if one.negated else f"({found})" for one, found in positive]


def _positive(project: int, term: Term) -> str:
    match term.field:
        case Field.SERVICE:
            return _text_is("service", term)
        case Field.OPERATION:
            return _text_is("name", term)
        case Field.TRACER_ID:
            return _text_is(_hex("tracer"), term)
        case Field.SPAN_ID:
            return _span_id(term)
        case Field.TRACE_ID:
            return _trace_id(project, term)
        case Field.TAG:
            return _tag(project, term)


def _text_is(column: str, term: Term) -> str:
    if term.patterns:
        return _any(f"match({column}, {_whole(pattern)})" for pattern in term.patterns)
    return f"{column} IN ({texts(term.values)})" if term.values else "0"


def _tag(project: int, term: Term) -> str:
    prefix = text(key_prefix(term.key))
    if term.patterns:
        said = f"substring(a, {len(key_prefix(term.key)) + 1})"
        rare_said = _rare_text("t", term.key)
        rare = f"arrayExists(t -> startsWith(t, {prefix}) AND ({_matches(rare_said, term)}), tags)"
        shelf = found_on_shelf(term.key)
        # Elements of lists, and logs, stand on no shelf.
        beside = f"({UNSHELVED} OR length(answers) > valued)"
        others = f"arrayExists(a -> startsWith(a, {prefix}) AND ({_matches(said, term)}), answers)"
        found = [
            _any(f"match({shelf}, {_whole(pattern, PRESENT)})" for pattern in term.patterns),
            f"{_some(project, beside)} AND {beside} AND {others}",
            f"{_has_rare(project, term.key)} AND {rare}",
        ]
    else:
        said = _has_one_of("answers", [entry(term.key, one) for one in term.values])
        tags = _has_one_of("tags", [encode_tag(term.key, one) for one in term.values])
        rare = f"{_has_rare(project, term.key)} AND ({tags})"
        found = [
            f"{_some(project, said)} AND ({said})",
            f"{_some(project, rare)} AND mark GLOBAL IN (SELECT mark FROM spans WHERE project = {project} AND {rare})",
        ]
    return _any([*found, IS_ERROR] if term.asks_for_errors else found)


def _matches(said: str, term: Term) -> str:
    return _any(f"match({said}, {_whole(pattern)})" for pattern in term.patterns)


def _has_one_of(column: str, entries: list[bytes]) -> str:
    """`has` looks a value up in the dictionary, `hasAny` makes texts of all entries: 40 % dearer, unless values are many."""
    if len(entries) > _FEW:
        return f"hasAny({column}, [{texts(entries)}])"
    return _any(f"has({column}, {text(one)})" for one in entries)


# A value is among the answers or, of few spans, in `tags` alone. Which of both it is, or that there is none, is asked first: what no span has is
# a constant then, so that the other condition stands alone and an index finds its rows, or nothing is read.


def _some(project: int, condition: str) -> str:
    """Whether any span of a project fulfils a condition."""
    return (
        f"(SELECT count() > 0 FROM (SELECT 1 FROM spans WHERE project = {project} AND ({condition}) LIMIT 1))"
    )


def _has_rare(project: int, key: str) -> str:
    """Whether a span has a rare value of this key; most keys have none, which ClickHouse remembers of each part."""
    has = has_rare(key)
    return f"{_some(project, has)} AND {has}"


def _rare_text(tag: str, key: str) -> str:
    """The text in a canonical tag: after the key, a byte, and its length in one to four bytes."""
    before = len(key_prefix(key)) + 1
    return (
        f"substring({tag}, {before + 2} + (length({tag}) > {before + 128})"
        f" + (length({tag}) > {before + 16_385}) + (length({tag}) > {before + 2_097_154}))"
    )


def _span_id(term: Term) -> str:
    if term.patterns:
        return _text_is(_hex("span_id"), term)
    numbers = [number for number in map(_number, term.values) if number >> 64 == 0]
    return f"span_id IN ({', '.join(map(str, numbers))})" if numbers else "0"


def _trace_id(project: int, term: Term) -> str:
    if term.patterns:
        both = (
            f"if(trace_high = 0, {_hex('trace_low')}, concat({_hex('trace_high')}, {_hex_16('trace_low')}))"
        )
        return _text_is(both, term)
    found = []
    for number in map(_number, term.values):
        low, high = number & _HALF, (number >> 64) & _HALF
        upper = f" AND trace_high IN (0, {high})" if number >> 64 else ""
        found.append(f"(trace_low = {low}{upper})")
    own = "arraySlice(answers, 1, length(keys) - length(rare_keys))"
    for key in FULL_TRACE_TAGS:
        prefix = key_prefix(key)
        cut = f"trim(LEADING '0' FROM lowerUTF8(substring(a, {len(prefix) + 1})))"
        said = f"startsWith(a, {text(prefix)}) AND {cut} IN ({texts(term.values)})"
        has = f"has(keys, {text(key)})"
        found.append(f"{_some(project, has)} AND {has} AND arrayExists(a -> {said}, {own})")
    return _any(found)


def _number(value: str) -> int:
    try:
        return int(value, 16)
    except ValueError:  # a text that some sender uses as an id
        return hashed(value)


def _hex(column: str) -> str:
    """An id as queries spell it: lower-case hex without leading zeros."""
    return f"if({column} = 0, '0', trim(LEADING '0' FROM lower(hex({column}))))"


def _hex_16(column: str) -> str:
    return f"leftPad(lower(hex({column})), 16, '0')"


def _whole(pattern: str, before: str = "") -> str:
    """`.` is no line break, as in the other engines; ClickHouse's own default is that it is."""
    return text(rf"(?-s)\A{before}(?:{pattern})\z")


def _any(conditions: Iterable[str]) -> str:
    return " OR ".join(f"({one})" for one in conditions) or "0"


def has_rare(key: str) -> str:
    """That a span has a rare value of a key."""
    return f"has(rare_keys, {text(key)})"


NAMED = {"service": "service", "operation": "name"}
"""Keys to group by that are columns."""


def value(key: str, *, rare: bool = False, unshelved: bool = False) -> str:
    """PRESENT and a span's value of a key to group by; "": it has none.

    `rare`, `unshelved`: whether any span fulfils has_rare or UNSHELVED. It cannot be asked in the same statement: ClickHouse would read what only such
    spans need.
    """
    if key in NAMED:
        return f"concat('{PRESENT}', {NAMED[key]})"
    prefix = text(key_prefix(key))
    found = found_on_shelf(key)
    if unshelved:
        first = f"arrayFirst(a -> startsWith(a, {prefix}), arraySlice(answers, 1, valued))"
        said = f"concat('{PRESENT}', substring({first}, {len(key_prefix(key)) + 1}))"
        found = f"if({UNSHELVED}, if({first} = '', '', {said}), {found})"
    if rare:
        said = _rare_text(f"arrayFirst(t -> startsWith(t, {prefix}), tags)", key)
        found = f"if({has_rare(key)}, concat('{PRESENT}', {said}), {found})"
    return found
