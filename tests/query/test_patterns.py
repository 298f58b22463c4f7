"""Regular expressions are tried out together, in bounded time."""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from satellite.errors import BadQuery
from satellite.query import parse, patterns


def test_whole_is_from_beginning_to_end() -> None:
    texts = pa.array(["a", "ab", "ba", "b", "a\n", ""])
    assert pc.match_substring_regex(texts, pattern=patterns.whole("a|b")).to_pylist() == [1, 0, 0, 1, 0, 0]


@pytest.mark.parametrize(
    ("listed", "at", "why"),
    [
        (["a", "(", "b"], 1, "missing )"),
        (["a)(?:b"], 0, "unexpected )"),
        (["a)|(b"], 0, "unexpected )"),
        (["a", "x{1001}"], 1, "invalid repetition size"),
        (["\\Qa"], 0, "missing )"),
        (["\\"], 0, "trailing \\"),
        ([r"(a)\1"], 0, "invalid escape sequence"),
        ([r"\pL{1000}"], 0, "too large"),
        ([rf"\pL{{99}}{i}" for i in range(100)], 0, "the expressions are too large together"),
        ([*(rf"\pL{{9}}{i}" for i in range(100)), "["], 100, "missing ]"),
    ],
)
def test_faults(listed: list[str], at: int, why: str) -> None:
    found = patterns.fault(listed)
    assert found is not None
    assert found[0] == at
    assert why in found[1]


def test_no_fault() -> None:
    assert patterns.fault(["", "a|b", "^x$", "(?i)é", r"\d+\.\d*", r"\QGET /\E.*"]) is None


def test_all_expressions_of_a_query_share_one_limit() -> None:
    half = "x" * (patterns.LIMIT // 2)
    assert parse(f'"a" MATCHES REGEXP ({half}) AND "b" MATCHES REGEXP ({half})').plan
    with pytest.raises(
        BadQuery, match=re.escape(f"more than {patterns.LIMIT} bytes of regular expressions at column")
    ):
        parse(f'"a" MATCHES REGEXP ({half}) AND "b" MATCHES REGEXP ({half}x)')
