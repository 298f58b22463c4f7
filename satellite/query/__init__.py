"""The query languages: text in, Plan out.

`predicate.py` reads text into a tree, `meaning.py` checks it and makes the Plan, `forms.py` prints a Plan,
`complaint.py` says what is wrong with a text, and where. Nothing here knows of spans or engines.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from satellite.query import forms
from satellite.query.complaint import complaint
from satellite.query.meaning import notes_on, plan_of
from satellite.query.plan import Plan
from satellite.query.tree import Tree

__all__ = ["LIMIT_BYTES", "Query", "parse"]

LIMIT_BYTES = 64 * 1024
"""The longest query, in UTF-8 (ours)."""


@dataclass(frozen=True, slots=True)
class Query:
    """A query that parsed and makes sense."""

    text: str
    """As posted."""
    tree: Tree
    """As written: terms and words with their places in `text`."""
    plan: Plan
    """What it means: the terms in the order written; no bounds."""
    canonical: str
    """Form A, the same for every way to write this query; parses to the same plan but for the order."""
    chips: str
    """Form B, for the screen; parses to the same plan unless there is a regular expression."""
    notes: tuple[str, ...] = field(default=())
    """Sentences about what this query does not find, for people."""


def parse(text: str, *, lenient: bool = False) -> Query:
    """The query that a text in any of the three written forms stands for (explorer.md §4).

    Empty text is all spans. A keyword may have any letter case; keys and values are exact. Takes linear time.

    Args:
        text: as posted.
        lenient: for the query bar and the command line: a bare custom key counts as quoted, and terms of one key
            with the same operator are merged.

    Raises:
        BadQuery: it does not parse or makes no sense; the message has three lines, the last one a caret.
    """
    return (_known if len(text) <= _KNOWN_LENGTH else _parsed)(text, lenient=lenient)


_KNOWN_LENGTH = 512
"""A longer text is parsed each time, so that what is known is bounded in bytes."""


def _parsed(text: str, *, lenient: bool) -> Query:
    from satellite.query.predicate import read  # with its grammar and lark a thirtieth of a start

    _check_text(text)
    tree = read(text, lenient=lenient)
    plan = plan_of(text, tree, lenient=lenient)
    return Query(text, tree, plan, forms.canonical(plan), forms.chips(plan), notes_on(plan))


_known = lru_cache(maxsize=256)(_parsed)
"""A page asks several questions about the same query, again and again."""


def _check_text(text: str) -> None:
    try:
        encoded = text[: LIMIT_BYTES + 1].encode()
    except UnicodeEncodeError as error:
        raise complaint(text, error.start, "half of a surrogate pair, which is no character") from None
    if len(encoded) > LIMIT_BYTES:
        at = len(encoded[:LIMIT_BYTES].decode(errors="ignore"))
        raise complaint(text, at, f"more than {LIMIT_BYTES} bytes", "ask for less at once")
