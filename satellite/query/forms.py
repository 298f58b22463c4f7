"""A plan's terms as text: the canonical predicate, and chips."""

from __future__ import annotations

import re

from satellite.query.plan import Field, Plan, Term

_SPECIAL = re.compile('[\\\\"\u201c\u201d\u201e\u201f]')
_BARE_KEY = re.compile(r'[^\s(),"\u201c\u201d\u201e\u201f=\\]+')


def canonical(plan: Plan) -> str:
    """Form A of the terms, the same for every way to write them (explorer.md §4.5); "" for none.

    Terms by key, values by text, both in the order of their UTF-8 bytes.
    """
    ordered = sorted(plan.terms, key=lambda term: (term.key, term.field is Field.TAG))
    return " AND ".join(map(_predicate_term, ordered))


def chips(plan: Plan) -> str:
    """Form B of the terms, in the plan's order; "" for none.

    Chips have no regular expressions: those are shown as `tag:key=~"…"`, which does not parse.
    """
    return " ".join(map(_chip, plan.terms))


def quoted(text: str) -> str:
    """The text in double quotes, as a query writes it."""
    return '"' + _SPECIAL.sub(r"\\\g<0>", text) + '"'


def _predicate_term(term: Term) -> str:
    key = quoted(term.key) if term.field is Field.TAG else term.key
    sign = "MATCHES REGEXP" if term.patterns else "IN"
    negation = "NOT " if term.negated else ""
    return f"{key} {negation}{sign} ({', '.join(map(quoted, sorted(term.values + term.patterns)))})"


def _chip(term: Term) -> str:
    values = ("~" if term.patterns else "") + ",".join(map(quoted, term.values + term.patterns))
    negation = "-" if term.negated else ""
    if term.field is not Field.TAG:
        return f"{negation}{term.key}:{values}"
    key = term.key if _BARE_KEY.fullmatch(term.key) else quoted(term.key)
    return f"{negation}tag:{key}={values}"
