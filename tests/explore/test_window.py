from __future__ import annotations

import pytest

from satellite.errors import BadQuery, BadRequest
from satellite.explore.window import plan_of
from tests import bookinfo


def test_microseconds_become_nanoseconds() -> None:
    plan = plan_of(bookinfo.Q1.text, oldest_us=1, youngest_us=2, min_latency_us=3, max_latency_us=4, since=5)
    bounds = (plan.oldest_ns, plan.youngest_ns, plan.min_duration_ns, plan.max_duration_ns, plan.since)
    assert bounds == (1000, 2000, 3000, 4000, 5)
    assert plan.terms == bookinfo.Q1.plan.terms


def test_zero_is_a_bound() -> None:
    assert plan_of("", oldest_us=0).oldest_ns == 0
    assert plan_of("").oldest_ns is None


@pytest.mark.parametrize(
    "window", [{"oldest_us": 2, "youngest_us": 1}, {"min_latency_us": 2, "max_latency_us": 1}]
)
def test_a_window_that_ends_before_it_begins(window: dict[str, int]) -> None:
    with pytest.raises(BadRequest, match="before it begins"):
        plan_of("", **window)


def test_a_bad_query() -> None:
    with pytest.raises(BadQuery):
        plan_of("error = true")
