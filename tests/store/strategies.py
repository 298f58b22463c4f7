"""Generated spans and questions, from alphabets so small that spans repeat and questions find something."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import strategies as st

from satellite.model.reporter import Reporter
from satellite.model.span import TagValue
from satellite.model.spans import Kind, Marks, Status, encode_log, encode_reference
from satellite.query.plan import Field, Plan, Term
from satellite.store import Store
from tests.store.rows import NOW_NS, OTHER_REPORTER, REPORTER, SECOND_NS, Row, batch_of

TRACES = (1, 2, 65, 2**63 + 5, 2**64 - 1)
HIGHS = (0, 0, 7, 9, 2**64 - 1)
SPAN_IDS = (1, 2, 3, 4, 5, 2**63, 2**64 - 1)
REPORTERS = (
    REPORTER,
    OTHER_REPORTER,
    Reporter("otlp", "shop", 5, (("host", "h1"), ("tag", "t"), ("tag", "ä"))),
    Reporter("lightstep", "ärger", 2**63, (("http.status_code", 500),)),
    Reporter("zipkin", "shop", 0, (("region", "eu"),)),
    Reporter("zipkin"),
    Reporter("lightstep", "shop", 0xF00D, (("region", "eu"), ("weight", 7), ("host", "h1"))),
)
OPERATIONS = ("buy", "buy/*", "", "ä☃", "x\ny")
DURATIONS_NS = (0, 1, 999, 1_000, 1_001, 1_999, 5_000, 10_000_000, 10**9, -1, -5_000, 2**63 - 1, -(2**63) + 1)
KEYS = ("tag", "host", "http.status_code", "ä", "parent_span_guid", "TAG")
VALUES: tuple[TagValue, ...] = (
    *("a", "b", "A", "", "ä☃", "x\ny", "500", 500, 500.0, "true", True, False, None),
    *(
        0,
        -0.0,
        0.5,
        -7,
        1e22,
        float("inf"),
        float("nan"),
        2**63 - 1,
        2**64,
        b"",
        b"\x00\xff",
        ["x", 1],
        {"k": None},
        [],
    ),
)
TEXTS = (
    *(
        "a",
        "b",
        "A",
        "",
        "ä☃",
        "x\ny",
        "500",
        "true",
        "false",
        "0",
        "0.5",
        "-7",
        "Infinity",
        "NaN",
        "500.0",
        "-0",
    ),
    *("10000000000000000000000", "9223372036854775807", "18446744073709551616", "AP8=", '["x",1]'),
    *('{"k":null}', "[]", "h1", "h2", "t", "missing", "shop", "bank", "ärger", "buy", "buy/*"),
)
PATTERNS = (
    *(
        "a",
        "[ab]",
        ".*",
        "(?s).*",
        "5.+|h.",
        "",
        "(?i)A",
        "ä.",
        r"\[.*",
        "b(uy|ank).*",
        "^a$",
        "t",
        "[0-9f]+",
    ),
)
LOGS = (
    encode_log(NOW_NS, [("event", "x")]),
    encode_log(NOW_NS, [("tag", "a"), ("tag", "b"), ("host", ["h1", 500])], "buy"),
    encode_log(NOW_NS + 1, [("event", "500"), ("ä", "ä☃"), ("host", 500.0)], "ä☃"),
    encode_log(0, [("tag", value) for value in (b"\x00\xff", {"k": None}, "t" * 200)]),
    b"",
    b"\x0a\x7f",
)
HEX_IDS = (
    *(f"{number:x}" for number in (*TRACES, *SPAN_IDS, 9, 0xF00D, 2**64 - 2, (7 << 64) | 1, (8 << 64) | 2)),
    "no id",
)

rows: st.SearchStrategy[Row] = st.fixed_dictionaries(
    {
        "trace_low": st.sampled_from(TRACES),
        "span_id": st.sampled_from(SPAN_IDS),
    },
    optional={
        "trace_high": st.sampled_from(HIGHS),
        "parent_id": st.sampled_from((0, 1, 2**64 - 1)),
        "operation": st.sampled_from(OPERATIONS),
        "reporter": st.sampled_from(REPORTERS),
        "start_ns": st.sampled_from((0, 1, 500, 1_000, SECOND_NS, -SECOND_NS)).map(lambda ns: NOW_NS + ns),
        "duration_ns": st.sampled_from(DURATIONS_NS),
        "kind": st.sampled_from(Kind),
        "status": st.sampled_from(Status),
        "marks": st.sampled_from(
            (
                Marks(0),
                Marks.SHARED,
                Marks.BAD_UTF8,
                Marks.TIME_INVENTED,
                Marks.OFFSET_APPLIED,
                Marks.OFFSET_APPLIED,
            )
        ),
        "tags": st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from(VALUES)), max_size=4),
        "logs": st.lists(st.sampled_from(LOGS), max_size=3),
        "references": st.just([encode_reference(follows=True, trace_high=0, trace_low=3, span_id=9)]),
        "extra": st.sampled_from([None, {"state": "x"}, {"offset_us": 1}, {"offset_us": -1, "state": "x"}]),
    },
)  # type: ignore[assignment]  # a TypedDict, key by key
"""One span."""


@dataclass(frozen=True)
class Write:
    """One batch."""

    rows: list[Row]


@dataclass(frozen=True)
class Resend:
    """An earlier batch again, by its number (modulo how many there are); or some of its spans."""

    number: int
    most: int


@dataclass(frozen=True)
class Reset:
    """Empty the project."""


Step = Write | Resend | Reset

steps: st.SearchStrategy[list[Step]] = st.lists(
    st.one_of(
        st.builds(Write, st.lists(rows, max_size=12)),
        st.builds(Write, st.lists(rows, min_size=1, max_size=2)),
        st.builds(Resend, st.integers(0, 20), st.sampled_from((1, 5, 12))),
        st.builds(Write, st.lists(rows, min_size=20, max_size=30)),
        st.builds(Write, st.lists(rows, max_size=5)),
        st.builds(Reset),
    ),
    max_size=16,
)
"""What happens to a project, in order."""


def play(store: Store, project: str, history: list[Step]) -> list[int]:
    """Do all steps, a second apart; the mark before the first and after each."""
    marks = [0]
    written: list[list[Row]] = []
    for i, step in enumerate(history):
        match step:
            case Reset():
                store.reset(project)
            case Write(given):
                written.append(given)
                store.write(project, batch_of(given), arrived_ns=NOW_NS + i * SECOND_NS)
            case Resend(number, most) if written:
                again = written[number % len(written)][:most]
                store.write(project, batch_of(again), arrived_ns=NOW_NS + i * SECOND_NS)
        marks.append(store.mark(project))
    return marks


def _terms(field: Field, key: str, texts: tuple[str, ...]) -> st.SearchStrategy[Term]:
    values = st.lists(st.sampled_from(texts), min_size=1, max_size=3, unique=True).map(tuple)
    patterns = st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=2, unique=True).map(tuple)
    return st.one_of(
        st.builds(Term, st.just(field), st.just(key), values=values, negated=st.booleans()),
        st.builds(Term, st.just(field), st.just(key), patterns=patterns, negated=st.booleans()),
    )


terms = st.one_of(
    _terms(Field.SERVICE, "service", TEXTS),
    _terms(Field.OPERATION, "operation", TEXTS),
    *(_terms(field, field.value, HEX_IDS) for field in (Field.SPAN_ID, Field.TRACE_ID, Field.TRACER_ID)),
    *(
        _terms(Field.TAG, key, TEXTS)
        for key in (*KEYS, "weight", "nowhere", "log:tag", "log:host", "log:event", "log:ä")
    ),
)


@dataclass(frozen=True)
class Question:
    """A plan whose mark bounds are numbers of steps, since engines may number marks as they like."""

    plan: Plan
    since: int | None
    until: int | None

    def for_marks(self, marks: list[int]) -> Plan:
        """The plan for a store whose marks after each step were these."""
        since = 0 if self.since is None else marks[self.since % len(marks)]
        until = None if self.until is None else marks[self.until % len(marks)]
        return replace(self.plan, since=since, until=until)


_starts = st.none() | st.sampled_from((0, 1, 2, 1_000, SECOND_NS)).map(lambda ns: NOW_NS + ns)
_durations = st.none() | st.sampled_from(DURATIONS_NS)
_step_numbers = st.none() | st.integers(0, 20)

questions = st.builds(
    Question,
    st.builds(
        Plan,
        terms=st.lists(terms, max_size=3).map(tuple),
        oldest_ns=_starts,
        youngest_ns=_starts,
        min_duration_ns=_durations,
        max_duration_ns=_durations,
    )
    | st.builds(Plan, terms=st.lists(terms, max_size=2).map(tuple)),
    _step_numbers,
    _step_numbers,
)
"""What to ask afterwards."""
