"""The regular expressions that stand in for comparisons."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from satellite.query import parse
from satellite.query.comparison import at_least, at_most, instead

numbers = st.integers(0, 10**6) | st.integers(0, 120) | st.sampled_from([999, 1000, 1001, 9990, 4999, 5000])


@given(numbers, numbers)
def test_they_match_just_those_numbers(bound: int, number: int) -> None:
    for one in (number, bound, bound - 1, bound + 1):
        if one >= 0:
            assert bool(re.fullmatch(at_least(bound), str(one))) == (one >= bound)
            assert bool(re.fullmatch(at_most(bound), str(one))) == (one <= bound)


@given(numbers, st.sampled_from([">", ">=", "<", "<=", "=", "==", "!=", "<>", "=~", "!~"]))
def test_a_hint_is_a_query(number: int, sign: str) -> None:
    hint = instead("n", '"n"', sign, f' "{number}"')
    query = parse(hint.partition("write ")[2])
    assert [term.key for term in query.plan.terms] == ["n"]
