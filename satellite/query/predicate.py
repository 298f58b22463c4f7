"""The predicate language: text in, tree out. Its grammar is `predicate.lark`; what it says of an error is here."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from functools import cache
from typing import Any, cast

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from satellite.errors import BadQuery
from satellite.query.comparison import instead, latency_bound
from satellite.query.complaint import complaint, shown
from satellite.query.elsewhere import field_named, is_trace_id, outcome
from satellite.query.forms import quoted
from satellite.query.plan import Field
from satellite.query.tree import FIELDS, QUOTES, Tree, TreeTerm, Word


def read(text: str, *, lenient: bool = False) -> Tree:
    """The terms of a query, as written.

    An identifier with a colon right behind it starts chip text, anything else is form A. Lenient: only a known
    chip does, so that `guid:x-request-id IN (…)` is a bare key.

    Raises:
        BadQuery: it does not parse.
    """
    text = text.removeprefix("\ufeff")  # of a file that an editor on Windows wrote
    if not text.strip():
        return Tree()
    head = _CHIP_HEAD.match(text)
    chips = head is not None and (not lenient or head[1] == "tag" or head[1] in FIELDS)
    try:
        return cast(Tree, _grammar().parse(text, start="chips" if chips else "predicate"))
    except UnexpectedInput as error:
        raise _explained(text, error) from None


class _TreeMaker(Transformer[Token, Tree]):
    """Makes each piece while lark parses; method names are the grammar's rules."""

    def predicate(self, terms: list[TreeTerm]) -> Tree:
        return Tree("predicate", tuple(terms))

    def chips(self, terms: list[TreeTerm]) -> Tree:
        return Tree("chips", tuple(terms))

    def operator(self, signs: list[Token]) -> list[str]:
        return [sign.type for sign in signs]

    def term(self, parts: list[Any]) -> TreeTerm:
        key, signs, *values = parts
        word, regexp = _word(key), "REGEXP" in signs
        field = Field.TAG if word.quoted else FIELDS.get(word.text, Field.TAG)
        return TreeTerm(
            field, word, tuple(_word(value, regexp=regexp) for value in values), "NOT" in signs, regexp
        )

    def chip(self, parts: list[Token]) -> TreeTerm:
        head, *words = (_word(part) for part in parts)
        negated = head.text.startswith("-")
        if parts[0].type == "TAG":
            return TreeTerm(Field.TAG, words[0], tuple(words[1:]), negated)
        name = head.text.removeprefix("-").removesuffix(":")
        return TreeTerm(
            FIELDS[name], Word(name, head.start + negated, head.end - 1, False), tuple(words), negated
        )


@cache
def _grammar() -> Lark:
    """Made when the first query comes: it takes a tenth of a start."""
    return Lark.open(
        "predicate.lark",
        rel_to=__file__,
        parser="lalr",
        start=["predicate", "chips"],
        transformer=_TreeMaker(),
    )


_PERCENT = re.compile("%(?:20|22|28)")
_CHIP_HEAD = re.compile(r"\s*-?([\w.\-]+):")


def _word(token: Token, *, regexp: bool = False) -> Word:
    start = cast(int, token.start_pos)
    if token[0] not in QUOTES:
        return Word(str(token), start, start + len(token), False)
    return Word(_unescaped(token[1:-1], regexp=regexp), start, start + len(token), True)


def _unescaped(text: str, *, regexp: bool) -> str:
    r"""What stands between two quotes: a backslash goes, and the character behind it stays what it is.

    Within a regular expression that holds for quotes and backslashes only (ours), so that `\d` may be written as is.
    """
    escape = _REGEXP_ESCAPE if regexp else _ESCAPE
    return escape.sub(lambda found: found[1] or (found[0] if found[0][0] == "\\" else '"'), text)


_ESCAPE = re.compile(rf"\\(.)|[{QUOTES}]", re.DOTALL)
_REGEXP_ESCAPE = re.compile(rf"\\([{QUOTES}\\])|\\.|[{QUOTES}]", re.DOTALL)


# Errors

_EXPECTED = {
    "KEY": "a key",
    "FIELD": "a chip (service:, operation:, tag:)",
    "TAG_KEY": "an attribute name",
    "IN": "IN",
    "NOT": "NOT IN",
    "MATCHES": "MATCHES REGEXP",
    "REGEXP": "REGEXP",
    "_OPEN": '"("',
    "BARE": "a value",
    "_EQUALS": '"="',
    "_COMMA": '","',
    "_CLOSE": '")"',
    "_AND": "AND or the end",
}
"""What may come next, in the order in which a message names it; a terminal not here comes with one that is."""

_UNCLOSED = 'a quote ends a text only before ",", ")", white space or the end; inside a text write \\"'
_OR = "there is no OR between terms: use IN / NOT IN with all values of a key in one list"
_PARENTHESES = 'values stand in parentheses: IN ("value")'
_PATTERN = 'patterns are regular expressions: MATCHES REGEXP ("prefix.*")'
_CHIPS = "chips stand side by side, with nothing between them"
_TRACEQL = (
    'terms stand without braces, and are joined by AND: service IN ("shop") AND "http.status_code" IN ("500")'
)
_ENCODED_TWICE = "the query is percent-encoded once too often"
_COMMA = "values are separated by commas; one with white space in it goes in double quotes"
_TERM = 'a term is a key, an operator and values: operation IN ("checkout"), "error" IN ("true")'
_TERMS = "terms are joined by AND"
_NEGATED = 'NOT stands behind the key: "error" NOT IN ("true")'
_TAG = "a tag is written tag:KEY=VALUE"
_EMPTY = "put at least one value between the parentheses"
_NEXT = re.compile(rf"[{QUOTES}][^{QUOTES}]*+[{QUOTES}]?|[=!<>~|&]+|[^\s(),{QUOTES}]+|.", re.DOTALL)
_COMPARED = re.compile(
    rf"(?:[{QUOTES}](?P<quoted>[^{QUOTES}]*)[{QUOTES}]|(?P<bare>[^\s(),=!<>~{QUOTES}]+))\s*(?P<sign>[=!<>~]+)"
)
_KEY_AND_VALUE = re.compile(
    rf"(-?)(?!tag:)((?:(?:log|guid|join):(?=[^:]+:))?[\w.][\w./-]*):([^\s(),={QUOTES}]+)"
)
"""A text that is one chip of a key that no chip has; some keys have a colon themselves."""
_PATTERNS = frozenset({"LIKE", "ILIKE", "CONTAINS", "STARTSWITH", "REGEX", "REGEXP", "MATCHES", "RLIKE"})


def _explained(text: str, error: UnexpectedInput) -> BadQuery:
    """The complaint for what lark stumbled over."""
    expected = _expected(error)
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        at, found = len(text.rstrip()), ""
    else:
        at = cast(int, error.pos_in_stream)
        found = cast(re.Match[str], _NEXT.match(text, at))[0]
    in_braces = text.lstrip().startswith("{")
    if not in_braces and (compared := _compared(text, at, expected, error)) is not None:
        return compared
    # A quote that is closed would be a token, if an unexpected one.
    if isinstance(error, UnexpectedCharacters) and found[0] in QUOTES:
        return complaint(text, at, "a quote that is never closed", _TRACEQL if in_braces else _UNCLOSED)
    if found == ")" and "BARE" in expected and "_CLOSE" not in expected:
        return complaint(text, at, "an empty value list", _EMPTY)
    what = f"expected {_listed(expected)}, found {_seen(found)}"
    hint = _hint(found, expected)
    if in_braces:
        hint = _TRACEQL
    elif _PERCENT.search(text) and " " not in text:
        hint = _ENCODED_TWICE
    if (chip := _KEY_AND_VALUE.fullmatch(text.strip())) is not None:
        negated, key, value = chip.groups()
        field = FIELDS.get(key) or field_named(key)
        hint = f"write {negated}{field.value}:{value}" if field else f"write {negated}tag:{key}={value}"
        if (failed := outcome(key, value, negated=bool(negated))) is not None:
            hint = f"write {failed}"
        hint = latency_bound(key, ":", value) or hint
    if is_trace_id(text):
        hint = f"the spans of a trace are {Field.TRACE_ID.value} IN ({quoted(text.strip())})"
    return complaint(text, at, what, hint)


def _seen(found: str) -> str:
    if found and not found.isprintable() and not found.strip("\u200b\u200c\u200d\u2060\ufeff\xad"):
        return f"an invisible character (U+{ord(found[0]):04X})"
    return shown(found) if found else "the end"


def _listed(expected: AbstractSet[str]) -> str:
    names = [name for terminal, name in _EXPECTED.items() if terminal in expected]
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


_OPERATORS = frozenset({"IN", "NOT", "MATCHES"})


def _compared(text: str, at: int, expected: AbstractSet[str], error: UnexpectedInput) -> BadQuery | None:
    """The complaint for `=`, `!=`, `<`, `>` where IN should stand, behind the key or glued to it; None for other errors."""
    if expected >= {"IN", "NOT"}:
        history = cast("list[Token] | None", getattr(error, "token_history", None))
        key = history[0] if history else cast(UnexpectedToken, error).token
        start = cast(int, key.start_pos)
    elif "KEY" in expected and text[at : at + 1] and text[at] in QUOTES:
        start = at
    else:
        return None
    found = _COMPARED.match(text, start)
    if found is None:
        return None
    key_text = found["quoted"] if found["quoted"] is not None else found["bare"]
    bare = key_text if found["bare"] in FIELDS else quoted(key_text)
    if (field := field_named(key_text)) is not None:
        bare = field.value
    hint = instead(key_text, bare, found["sign"], text[found.end() :])
    what = f"expected {_listed(_OPERATORS)}, found {shown(found['sign'])}"
    return complaint(text, found.start("sign"), what, hint)


def _hint(found: str, expected: AbstractSet[str]) -> str | None:
    match found.upper():
        case "OR" | "||" if "_AND" in expected:
            return _OR
        case "AND" | "&&" if "FIELD" in expected:
            return _CHIPS
        case word if "REGEXP" in expected or (word in _PATTERNS and "MATCHES" in expected):
            return _PATTERN
        case "NOT" if "KEY" in expected:
            return _NEGATED
        case _ if expected >= {"IN", "MATCHES"}:
            return _TERM
        case _ if found not in {"", ")"} and "_AND" in expected:
            return _TERMS
        case _ if expected == {"_OPEN"}:
            return _PARENTHESES
        case _ if expected == {"_EQUALS"} or (":" in found and "FIELD" in expected):
            return _TAG
        case _ if found and expected >= {"_COMMA", "_CLOSE"}:
            return _COMMA
    return None


def _expected(error: UnexpectedInput) -> AbstractSet[str]:
    """The terminals that could have come."""
    if isinstance(error, UnexpectedToken):
        return cast(AbstractSet[str], error.expected)
    return cast(AbstractSet[str], error.allowed) if isinstance(error, UnexpectedCharacters) else set()
