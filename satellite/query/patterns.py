"""Regular expressions of a query, tried out before an engine sees them.

Arrow is imported only for a query that has one, so that the command line starts quickly.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

LIMIT = 4096
"""Bytes of all regular expressions of one query (ours): RE2 takes 0.2 s for the worst ones of that length."""


def whole(pattern: str) -> str:
    """The RE2 pattern that finds what `pattern` matches from beginning to end."""
    return f"^(?:{pattern})$"


def fault(patterns: Sequence[str]) -> tuple[int, str] | None:
    """(position of the first that does not compile, why), or None when each does, alone and all in one.

    All in one comes first: RE2 bounds the size and thereby the time of one program, but not of a thousand. In a row,
    because alternatives with a common beginning would be made smaller.
    """
    together = _why_not_all(patterns)
    if together is None:
        reasons = ((at, _why_not(pattern)) for at, pattern in enumerate(patterns))
        return next(((at, why) for at, why in reasons if why is not None), None)
    if _TOO_LARGE in together:
        return 0, together if len(patterns) == 1 else "the expressions are too large together"
    counts = range(1, len(patterns) + 1)
    at = bisect_left(
        counts, True, key=lambda count: _TOO_LARGE not in (_why_not_all(patterns[:count]) or _TOO_LARGE)
    )
    return at, _why_not(patterns[at]) or together


_TOO_LARGE = "too large"
"""In what RE2 says of size; it says it only of what has no other fault."""


def _why_not_all(patterns: Sequence[str]) -> str | None:
    return _why_not("".join(map(whole, patterns)))


def _why_not(pattern: str) -> str | None:
    """Why RE2, the engine of Arrow, does not take a pattern; None: it does."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        pc.match_substring_regex(pa.array([""]), pattern=pattern)
    except pa.ArrowInvalid as error:
        return str(error).removeprefix("Invalid regular expression: ").split(" - ")[0]
    return None
