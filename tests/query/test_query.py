"""The query language through its front door: the examples, and what holds for any text."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.errors import BadQuery
from satellite.query import LIMIT_BYTES, Query, parse
from satellite.query.forms import canonical, chips
from satellite.query.plan import ALL, Field, Plan, Term

EXAMPLES: dict[str, list[dict[str, str]]] = tomllib.loads(
    Path(__file__).with_name("examples.toml").read_text()
)
REFUSED = [example for name in EXAMPLES if name != "valid" for example in EXAMPLES[name]]
COMMON = "InvalidArgument: Invalid query predicate: "


def by_text(examples: Iterable[dict[str, str]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "example", [pytest.param(example, id=example["text"]) for example in examples]
    )


def unordered(plan: Plan) -> set[tuple[Field, str, frozenset[str], frozenset[str], bool]]:
    return {(t.field, t.key, frozenset(t.values), frozenset(t.patterns), t.negated) for t in plan.terms}


@by_text(EXAMPLES["valid"])
def test_valid(example: dict[str, str]) -> None:
    text = example["text"]
    query = parse(text)
    assert query.text == text
    assert query.canonical == example.get("canonical", text)
    assert query.chips == example.get("chips", query.chips)
    assert all(example.get("note", "-") in note for note in query.notes)
    assert bool(query.notes) == ("note" in example)
    assert parse(text, lenient=True).plan == query.plan


@by_text(EXAMPLES["valid"])
def test_every_form_of_a_valid_query_means_the_same(example: dict[str, str]) -> None:
    query = parse(example["text"])
    again = parse(query.canonical)
    assert again.canonical == query.canonical
    assert unordered(again.plan) == unordered(query.plan)
    if not any(term.patterns for term in query.plan.terms):
        assert parse(query.chips).plan == query.plan


@by_text(REFUSED)
def test_refused(example: dict[str, str]) -> None:
    text = example["text"]
    with pytest.raises(BadQuery) as caught:
        parse(text)
    message, shown, caret = caught.value.message.split("\n")
    assert message == COMMON + example["problem"]
    assert shown == text
    assert caret == " " * (caught.value.details["column"] - 1) + "^"
    assert message.endswith(f" at column {caught.value.details['column']}")
    assert caught.value.details["line"] == 1
    assert example.get("hint", "") in (caught.value.hint or "")
    assert ("hint" in example) <= (caught.value.hint is not None)


@by_text(REFUSED)
def test_lenient(example: dict[str, str]) -> None:
    if "lenient" in example:
        assert parse(example["text"], lenient=True).canonical == example["lenient"]
    else:
        with pytest.raises(BadQuery):
            parse(example["text"], lenient=True)


def test_empty_text_is_all_spans() -> None:
    assert parse("").plan == ALL


def test_the_plan_keeps_the_order_written() -> None:
    plan = parse('"z" IN (b, a, b) AND service NOT IN ("c") AND "a" MATCHES REGEXP (x, w)').plan
    assert plan == Plan(
        (
            Term(Field.TAG, "z", ("b", "a")),
            Term(Field.SERVICE, "service", ("c",), negated=True),
            Term(Field.TAG, "a", patterns=("x", "w")),
        )
    )


def test_the_tree_knows_every_place() -> None:
    text = 'service IN (“a”) AND\n  "k\\"" NOT IN (b, "c d")'
    tree = parse(text).tree
    assert tree.form == "predicate"
    assert [text[word.start : word.end] for term in tree.terms for word in (term.key, *term.values)] == [
        "service",
        "“a”",
        '"k\\""',
        "b",
        '"c d"',
    ]
    assert [(term.key.text, term.operator) for term in tree.terms] == [("service", "IN"), ('k"', "NOT IN")]


def test_the_tree_of_chips() -> None:
    text = '-component:"a",b tag:"k"=v'
    tree = parse(text).tree
    assert tree.form == "chips"
    assert [text[word.start : word.end] for term in tree.terms for word in (term.key, *term.values)] == [
        "component",
        '"a"',
        "b",
        '"k"',
        "v",
    ]
    assert [(term.field, term.negated) for term in tree.terms] == [(Field.SERVICE, True), (Field.TAG, False)]


def test_a_query_has_a_longest() -> None:
    longest = f'service IN ( "{"é" * ((LIMIT_BYTES - 16) // 2)}")'
    assert len(longest.encode()) == LIMIT_BYTES
    assert len(parse(longest).plan.terms) == 1
    with pytest.raises(BadQuery, match=f"more than {LIMIT_BYTES} bytes at column {len(longest) + 1}\n"):
        parse(longest + " ")


def test_half_a_surrogate_pair_is_no_character() -> None:
    with pytest.raises(BadQuery, match=r"half of a surrogate pair, which is no character at column 14"):
        parse('service IN ("\ud83d")')


HOSTILE = {
    "quotes that never close": 'service IN ("' + '"a' * 32_000,
    "nothing but quotes": "service IN (" + '"' * 65_000,
    "quotes before white space": 'tag:"' + '" ' * 32_000,
    "backslashes": 'service IN ("' + "\\" * 60_000,
    "parentheses": "(" * 65_000,
    "white space": " " * 65_000 + "x",
    "dashes": "-" * 65_000,
    "a name without a colon": "a" * 65_000,
    "keywords": "NOT " * 16_000,
    "comparison signs": '"' + '"=' * 32_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_is_refused_in_a_short_message(text: str) -> None:
    for lenient in (False, True):
        with pytest.raises(BadQuery) as caught:
            parse(text, lenient=lenient)
        assert len(caught.value.message) < 500


def test_many_values_and_many_terms() -> None:
    assert len(parse(f"service IN ({','.join(map(str, range(10_000)))})").plan.terms[0].values) == 10_000
    assert len(parse(" ".join(f"tag:k{i}=v" for i in range(2_000))).plan.terms) == 2_000


ANY_TEXT = st.text(st.characters(exclude_categories=()))
WORDS_OF_THE_LANGUAGE = (
    "service operation component lightstep.trace_id tag: service: - k AND and OR IN NOT MATCHES REGEXP ( ) , = != "
    '" “ ” \\ "k" "v" [ 0x0F é \x00'
)
PIECES = st.sampled_from([*WORDS_OF_THE_LANGUAGE.split(" "), " ", "\n", 'IN ("a")', '"b" NOT IN (c, d)'])
SOUP = st.lists(PIECES, max_size=20).flatmap(
    lambda pieces: st.sampled_from([" ".join(pieces), "".join(pieces)])
)


def outcome(text: str, lenient: bool) -> Query | BadQuery:
    try:
        return parse(text, lenient=lenient)
    except BadQuery as error:
        return error


@given(ANY_TEXT | SOUP, st.booleans())
def test_any_text_is_a_query_or_a_bad_query(text: str, lenient: bool) -> None:
    result = outcome(text, lenient)
    if isinstance(result, BadQuery):
        first, shown, caret = result.message.split("\n")
        assert first.startswith(COMMON)
        assert caret.strip() == "^"
        assert len(caret) <= len(shown) + 1
        assert result.details.keys() == {"line", "column"}
    else:
        again = parse(result.canonical)
        assert again.canonical == result.canonical
        assert unordered(again.plan) == unordered(result.plan)


WORDS = st.text() | st.text('ab"“” ,()=\\:~-\n', max_size=8)
IDS = st.integers(0, 2**128 - 1).map(lambda number: f"{number:x}")
ID_FIELDS = st.sampled_from([Field.SPAN_ID, Field.TRACE_ID, Field.TRACER_ID])


@st.composite
def terms(draw: st.DrawFn) -> Term:
    values = draw(st.lists(WORDS, min_size=1, max_size=4, unique=True))
    negated = draw(st.booleans())
    match draw(st.sampled_from(["name", "id", "tag", "pattern"])):
        case "name":
            field = draw(st.sampled_from([Field.SERVICE, Field.OPERATION]))
            return Term(field, field.value, tuple(values), negated=negated)
        case "id":
            field = draw(ID_FIELDS)
            return Term(
                field, field.value, tuple(draw(st.lists(IDS, min_size=1, unique=True))), negated=negated
            )
        case "pattern":
            patterns = draw(
                st.lists(st.sampled_from(["a.*", '\\d+"', "[^“]", "\\\\", ""]), min_size=1, unique=True)
            )
            return Term(Field.TAG, draw(WORDS), patterns=tuple(patterns), negated=negated)
        case _:
            return Term(Field.TAG, draw(WORDS), tuple(values), negated=negated)


PLANS = st.lists(terms(), max_size=5, unique_by=lambda term: (term.field, term.key)).map(
    lambda listed: Plan(tuple(listed))
)


@given(PLANS)
def test_a_plan_survives_its_written_forms(plan: Plan) -> None:
    text = canonical(plan)
    query = parse(text)
    assert unordered(query.plan) == unordered(plan)
    assert query.canonical == text
    if not any(term.patterns for term in plan.terms):
        assert parse(chips(plan)).plan == plan
    elif len(plan.terms) == 1:
        with pytest.raises(BadQuery):
            parse(chips(plan))


@pytest.mark.parametrize("character", ["\u200b", "\ufeff", "\xad"])
def test_a_character_that_nobody_sees_is_named(character: str) -> None:
    with pytest.raises(
        BadQuery, match=rf"found an invisible character \(U\+{ord(character):04X}\) at column 17"
    ):
        parse(f'service IN ("a"){character}')
