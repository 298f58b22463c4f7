"""Text of strangers on a terminal: names of spans and services may hold what moves its cursor, names its window or turns its lines around."""

from __future__ import annotations

import re

_HIDDEN = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Control characters but tab and newline, what changes the direction of writing, and other ends of lines."""


def visible(text: str) -> str:
    r"""The text with `\x1b` and the like in place of characters that do something rather than show something."""
    if text.isprintable():
        return text
    return _HIDDEN.sub(lambda found: ascii(found[0])[1:-1], text)


def in_one_line(text: str) -> str:
    """The same with a space in place of a tab and of what ends a line, for a name within a line of others."""
    return visible(text.translate({9: " ", 10: " ", 13: " "}))
