from __future__ import annotations

from satellite.edges.pace import Pace


def test_a_body_of_two_bytes_a_second() -> None:
    now = [100.0]
    pace = Pace(lambda: now[0])
    for _ in range(31):
        assert not pace.is_too_slow(now[0], 30, 500)
        now[0] += 1
        pace.came(2)
    assert pace.is_too_slow(now[0], 30, 500)
    assert not pace.is_too_slow(now[0], 30, 0)


def test_a_stream_whose_spans_come_one_by_one() -> None:
    now = [100.0]
    pace = Pace(lambda: now[0])
    for _ in range(100):
        pace.came(100)
        pace.progressed(rests=True)
        now[0] += 20
        assert not pace.is_too_slow(now[0], 30, 500)
    pace.came(1)
    now[0] += 29
    assert not pace.is_too_slow(now[0], 30, 500)
    now[0] += 2
    assert pace.is_too_slow(now[0], 30, 500)
