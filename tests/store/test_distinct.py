"""Numbers in order, by their digits as by comparing them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from satellite.store.distinct import order_below


@given(st.lists(st.integers(0, 5) | st.integers(0, 2**16 + 5) | st.integers(0, 2**31 - 1), max_size=60))
def test_equal_numbers_stay_as_they_stand(numbers: list[int]) -> None:
    given = np.array(numbers, np.int32)
    order = order_below(given, max(numbers, default=0) + 1)
    assert order.tolist() == sorted(range(len(numbers)), key=numbers.__getitem__)
