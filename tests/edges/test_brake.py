"""So many answers at once, then so many a second; beyond that each waits, up to a bound."""

from __future__ import annotations

import pytest

from satellite.edges.brake import Brake


def test_beyond_the_first_each_waits_for_its_turn_up_to_the_bound() -> None:
    brake = Brake(at_once=3, per_second=10, wait_seconds_max=0.5)
    assert [brake.wait_seconds(100) for _ in range(3)] == [0, 0, 0]
    assert [brake.wait_seconds(100) for _ in range(6)] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.5])
    assert brake.wait_seconds(100.2) == pytest.approx(0.4)


def test_who_is_quiet_for_long_enough_has_all_of_them_again() -> None:
    brake = Brake(at_once=3, per_second=10, wait_seconds_max=0.5)
    for _ in range(100):
        brake.wait_seconds(100)
    assert [brake.wait_seconds(101) for _ in range(4)] == pytest.approx([0, 0, 0, 0.1])


def test_at_its_rate_nobody_waits() -> None:
    brake = Brake(at_once=3, per_second=10, wait_seconds_max=0.5)
    assert not any(brake.wait_seconds(100 + number / 9.9) for number in range(1000))
