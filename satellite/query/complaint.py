"""What a bad query is told: the words, the column, and the text with a caret below the place."""

from __future__ import annotations

from satellite.errors import BadQuery

_SHOWN = 100
"""Characters of a long line that are shown (ours)."""
_BEFORE = 60
"""How many of them may stand before the caret."""


def complaint(text: str, at: int, what: str, hint: str | None = None) -> BadQuery:
    """The error to raise for the place `at` (from 0) of a query.

    Message: `InvalidArgument: Invalid query predicate: <what> at column <n>`, the words real clients look for, then a
    line of the query and a line with a caret. Details: `line` and `column`, from 1, counted in characters.
    """
    begin = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at)
    line, column = text.count("\n", 0, at) + 1, at - begin + 1
    place = f"at column {column}" if line == 1 else f"in line {line} at column {column}"
    shown, caret = _window(text[begin : end if end >= 0 else len(text)], at - begin)
    message = f"InvalidArgument: Invalid query predicate: {what} {place}\n{shown}\n{' ' * caret}^"
    return BadQuery(message, hint=hint, line=line, column=column)


def shown(word: str, limit: int = 40) -> str:
    """A piece of the query that is safe within a sentence: short, printable, in quotes."""
    word = clipped(word, limit)
    return word if len(word) > 1 and word[0] in '"“”„‟' else f'"{word}"'


def clipped(words: str, limit: int = 40) -> str:
    """The beginning of a text, printable."""
    return _printable(words if len(words) <= limit else words[: limit - 1] + "…")


def _window(line: str, at: int) -> tuple[str, int]:
    """The part of a line around a place, and where in it the place is."""
    first = max(0, min(at - _BEFORE, len(line) - _SHOWN))
    part = line[first : first + _SHOWN]
    before = "…" if first else ""
    after = "…" if first + _SHOWN < len(line) else ""
    return before + _printable(part) + after, at - first + len(before)


def _printable(text: str) -> str:
    """Same length, so that the caret stays in place: tabs and control characters become spaces."""
    return "".join(character if character.isprintable() else " " for character in text)
