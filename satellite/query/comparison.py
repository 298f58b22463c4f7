"""What to write in place of a comparison, which the predicate language does not have."""

from __future__ import annotations

import re

from satellite.query.elsewhere import outcome
from satellite.query.forms import quoted

QUOTING = "\"'`\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2039\u203a\u00ab\u00bb\uff02\uff07"
"""What people take for quotes: of other languages, of word processors."""

_VALUE = re.compile(rf"\s*(?:[{QUOTING}](?P<quoted>[^{QUOTING}]*)[{QUOTING}]|(?P<bare>[^\s(),]+))")
_LATENCY = re.compile(r"(min|max)?(?:latency|duration)(us|micros|ms|ns|nano|nanos|s)?")
"""As `duration`, `minDuration`, `latency_us`, `duration_nano` are without their joints and in lower case."""
_AMOUNT = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)(ns|µs|us|ms|s|m|h)?", re.ASCII)
_US = {"ns": 0.001, "µs": 1, "us": 1, "ms": 1000, "s": 10**6, "m": 60 * 10**6, "h": 3600 * 10**6}
_US |= {"micros": 1, "nano": 0.001, "nanos": 0.001}
_NEGATED = frozenset({"!=", "<>", "!==", "!~"})


def instead(key: str, bare: str, sign: str, rest: str) -> str:
    """The term that means the same, as a hint.

    Args:
        key: the attribute's name, or a field's.
        bare: how the key is written in a query.
        sign: `=`, `>=`, …
        rest: the query behind the sign.
    """
    found = _VALUE.match(rest)
    value = (found["quoted"] or found["bare"] or "") if found else ""
    if (latency := latency_bound(key, sign, value)) is not None:
        return latency
    if "~" in sign:
        return f"write {bare} {'NOT ' * (sign in _NEGATED)}MATCHES REGEXP ({quoted(value or '…')})"
    if not ("<" in sign or ">" in sign) or sign == "<>":
        if (failed := outcome(key, value, negated=sign in _NEGATED)) is not None:
            return f"write {failed}"
        return f"write {bare} {'NOT ' * (sign in _NEGATED)}IN ({quoted(value) if value else '…'})"
    if not value.isascii() or not value.isdigit() or len(value) > 18:
        return f"values are texts and are not compared as numbers; write {bare} MATCHES REGEXP (…)"
    number = int(value)
    if ">" in sign:
        pattern = at_least(number if "=" in sign else number + 1)
    else:
        pattern = at_most(number if "=" in sign else number - 1)
    return f"values are texts; for whole numbers write {bare} MATCHES REGEXP ({quoted_pattern(pattern)})"


def latency_bound(key: str, sign: str, value: str) -> str | None:
    """How the bound of a latency is asked for; None for any other key, or one that is compared as a text."""
    found = _LATENCY.fullmatch(re.sub("[._ -]", "", key).lower())
    if found is None or not (found[1] or "<" in sign or ">" in sign) or sign == "<>":
        return None
    name = "min" if found[1] == "min" or (not found[1] and ">" in sign) else "max"
    amount = _AMOUNT.fullmatch(value.lower())
    unit = _US.get((amount and amount[2]) or found[2] or "")
    hint = f"bounds of the latency stand beside the query: {name}_latency_us"
    if amount is None or unit is None:
        return f"{hint}, in µs"
    us = round(float(amount[1]) * unit)
    return f"{hint}={us}, or in `satellite spans` --{name}-latency {us}us"


def quoted_pattern(pattern: str) -> str:
    """A regular expression in double quotes; backslashes stay as they are."""
    return f'"{pattern}"'


def at_least(number: int) -> str:
    r"""A regular expression for the whole numbers from this one on: 500 → `[5-9]\d{2}|\d{4,}`."""
    digits = str(max(0, number))
    kept = digits.rstrip("0") or digits[:1]
    parts = [f"{kept[:-1]}{_digits(int(kept[-1]), 9)}{_any(len(digits) - len(kept))}"]
    parts += [
        f"{digits[:place]}{_digits(int(digits[place]) + 1, 9)}{_any(len(digits) - place - 1)}"
        for place in range(len(kept) - 2, -1, -1)
        if kept[place] != "9"
    ]
    return "|".join([*parts, rf"\d{{{len(digits) + 1},}}"])


def at_most(number: int) -> str:
    r"""The same for the whole numbers up to this one: 499 → `\d{1,2}|[0-3]\d{2}|4\d{2}`."""
    digits = str(max(0, number))
    kept = digits.rstrip("9") or ""
    parts = []
    for place in range(len(kept)):
        low = 1 if place == 0 and len(digits) > 1 else 0
        high = int(digits[place]) - 1
        if place == len(kept) - 1 and len(kept) < len(digits):
            high += 1
        if high >= low:
            parts.append(f"{digits[:place]}{_digits(low, high)}{_any(len(digits) - place - 1)}")
    if len(kept) == len(digits):
        parts.append(digits)
    elif not kept:
        parts.append(rf"\d{{1,{len(digits)}}}" if len(digits) > 1 else r"\d")
        return "|".join(parts)
    if len(digits) > 1:
        parts.insert(0, rf"\d{{1,{len(digits) - 1}}}" if len(digits) > 2 else r"\d")
    return "|".join(parts)


def _digits(low: int, high: int) -> str:
    if low == high:
        return str(low)
    return r"\d" if (low, high) == (0, 9) else f"[{low}-{high}]"


def _any(count: int) -> str:
    return "" if not count else r"\d" if count == 1 else rf"\d{{{count}}}"
