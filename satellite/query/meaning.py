"""What a tree means: its checks, and the Plan that engines get (explorer.md §4.3, §4.4)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from satellite.model.ids import hashed, hex_digits
from satellite.query import patterns
from satellite.query.comparison import QUOTING, quoted_pattern
from satellite.query.complaint import clipped, complaint, shown
from satellite.query.elsewhere import field_named, outcome
from satellite.query.forms import quoted
from satellite.query.plan import Field, Plan, Term
from satellite.query.tree import FIELDS, QUOTES, Tree, TreeTerm, Word

_IDS = {Field.SPAN_ID, Field.TRACE_ID, Field.TRACER_ID}


def plan_of(text: str, tree: Tree, *, lenient: bool = False) -> Plan:
    """The plan of a tree: terms in the order written, values without repeats.

    Args:
        text: the query the tree was read from, for errors.
        tree: what was read.
        lenient: take a bare custom key for a quoted one, and merge terms of one key that differ in values only.

    Raises:
        BadQuery: a bare custom key, a key twice, or a bad regular expression.
    """
    terms: dict[tuple[Field, str], Term] = {}
    for written in tree.terms:
        if tree.form == "predicate" and written.field is Field.TAG and not written.key.quoted and not lenient:
            raise complaint(
                text,
                written.key.start,
                f"attribute name {shown(written.key.text)} without quotes",
                _quote_hint(written),
            )
        term = _term(written)
        earlier = terms.get((term.field, term.key))
        if earlier is not None:
            merged = _merged(earlier, term)
            if not lenient or merged is None:
                raise complaint(text, written.key.start, f"key {shown(term.key)} twice", _merge_hint(merged))
            term = merged
        terms[term.field, term.key] = term
    _check_patterns(text, [value for written in tree.terms if written.regexp for value in written.values])
    return Plan(tuple(terms.values()))


def notes_on(plan: Plan) -> tuple[str, ...]:
    """What is worth knowing about a query that is right, but perhaps not what was meant; a sentence each."""
    return tuple(dict.fromkeys(note for term in plan.terms for note in _notes(term)))


def _notes(term: Term) -> Iterator[str]:
    key = quoted(term.key) if term.field is Field.TAG else term.key
    if (term.field, term.key, term.negated) == (Field.TAG, "error", False) and "false" in term.values:
        yield 'spans without the tag do not match "error" IN ("false"); NOT IN ("true") finds them too'
    if term.field is Field.TAG and term.key in FIELDS:
        yield (
            f"{key} in quotes is an attribute of that name; the span's own {term.key} is written without: "
            f"{term.key} {_operator(term)} (…)"
        )
    elif term.field is Field.TAG and (field := field_named(term.key)) in _IDS:
        yield f"{key} is an attribute of that name; the id itself is {field.value} {_operator(term)} (…)"
    for value in term.values:
        shown_value = clipped(value)
        failed = outcome(term.key, value, negated=term.negated) if term.field is Field.TAG else None
        if failed is not None:
            yield f"{key} is an attribute of that name; whether a span failed says {failed}"
        if len(value) > 1 and value[0] in _NO_QUOTES and value[-1] in _NO_QUOTES:
            inner = quoted(clipped(value[1:-1]))
            yield (
                f"texts stand in double quotes, others are part of the value: write {key} {_operator(term)} ({inner}) "
                f"for {shown_value}"
            )
        elif term.field is not Field.OPERATION and _WILDCARD.fullmatch(value):
            pattern = quoted_pattern(
                _WILD.sub(lambda found: _REGEXP[found[0]], re.sub(r"[.+()\[\]]", r"\\\g<0>", value))
            )
            yield (
                f"values are exact, {shown_value} has no wildcard; write {key} "
                f"{'NOT ' * term.negated}MATCHES REGEXP ({clipped(pattern, 80)})"
            )


_NO_QUOTES = frozenset(QUOTING) - frozenset(QUOTES)
_WILDCARD = re.compile(r"(?:[\w.:/-]*[\w.:-])?[*%]|[*%][\w.:/-]+|[1-5]xx", re.IGNORECASE)
"""What people write for a pattern; Envoy's own names end in `/*`."""
_WILD = re.compile(r"[*%xX]")
_REGEXP = {"*": ".*", "%": ".*", "x": r"\d", "X": r"\d"}


def _operator(term: Term) -> str:
    return "NOT IN" if term.negated else "IN"


def _quote_hint(written: TreeTerm) -> str:
    if written.key.text.lower() in FIELDS:
        return f"write {written.key.text.lower()} in lower case, or an attribute name in double quotes"
    if (field := field_named(written.key.text)) is not None:
        return f"write {field.value} {written.operator} (…)"
    failed = outcome(written.key.text, written.values[0].text, negated=written.negated)
    if failed is not None:
        return f"write {failed}"
    return f"put the attribute name in double quotes: {shown(quoted(written.key.text.strip(QUOTING)))} {written.operator} (…)"


def _term(written: TreeTerm) -> Term:
    key = written.key.text if written.field is Field.TAG else written.field.value
    texts = [value.text for value in written.values]
    if written.regexp:
        return Term(written.field, key, patterns=tuple(dict.fromkeys(texts)), negated=written.negated)
    if written.field in _IDS:
        texts = [_id(text, of_span=written.field is not Field.TRACE_ID) for text in texts]
    return Term(written.field, key, tuple(dict.fromkeys(texts)), negated=written.negated)


def _id(text: str, *, of_span: bool) -> str:
    """An id as plans have it: lower-case digits without leading zeros; a text that is no number stays."""
    digits = hex_digits(text, of_span=of_span)
    if text and int(digits, 16) == hashed(text.strip()):
        return text
    return digits.lower().lstrip("0") or text[:1]


def _merged(one: Term, other: Term) -> Term | None:
    """One term with the values of both; None when their operators differ."""
    if (one.negated, bool(one.patterns)) != (other.negated, bool(other.patterns)):
        return None
    return replace(
        one,
        values=tuple(dict.fromkeys(one.values + other.values)),
        patterns=tuple(dict.fromkeys(one.patterns + other.patterns)),
    )


def _merge_hint(merged: Term | None) -> str:
    return (
        "a key has one term; keep one of the two" if merged is None else "merge the value lists into one term"
    )


def _check_patterns(text: str, written: list[Word]) -> None:
    if not written:
        return
    size = 0
    for word in written:
        size += len(word.text.encode())
        if size > patterns.LIMIT:
            raise complaint(
                text,
                word.start,
                f"more than {patterns.LIMIT} bytes of regular expressions",
                "list plain values with IN where no regular expression is needed",
            )
    fault = patterns.fault([word.text for word in written])
    if fault is not None:
        at, why = fault
        what = f"invalid regular expression {shown(written[at].text)} ({clipped(why, 80)})"
        raise complaint(
            text, written[at].start, what, "the syntax is RE2's: no look-around, no back-references"
        )
