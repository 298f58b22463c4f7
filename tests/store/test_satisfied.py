"""Terms that were asked for before, and rows that only some terms leave: answers are the same as at the first time."""

from __future__ import annotations

import numpy as np
import pytest

from satellite.query import parse
from satellite.store.recall import terms
from satellite.store.recall.satisfied import TERMS
from satellite.store.recall.segment import Segment
from satellite.store.recall.terms import match
from tests.store.rows import OTHER_REPORTER, REPORTER, Row, batch_of

ROWS: list[Row] = [
    {
        "span_id": number + 1,
        "reporter": OTHER_REPORTER if number % 3 else REPORTER,
        "operation": ("buy", "sell", "look")[number % 7 % 3],
        "tags": [("rare", number % 40), ("common", "yes" if number % 4 else "no")],
    }
    for number in range(240)
]
QUERIES = (
    'service IN ("bank")',
    'service NOT IN ("bank") AND "rare" IN ("7", "21")',
    '"rare" IN ("7") AND operation IN ("sell") AND service IN ("bank")',
    '"rare" IN ("7") AND operation NOT IN ("sell")',
    '"common" IN ("yes") AND operation MATCHES REGEXP ("b.*|l.*")',
    '"common" NOT IN ("yes") AND service IN ("shop", "bank")',
    '"common" MATCHES REGEXP ("n.") AND "rare" NOT IN ("3")',
    'lightstep.tracer_id IN ("f00d") AND "common" IN ("no")',
    '"region" IN ("eu") AND "rare" IN ("12")',
    *(f'"rare" IN ("{number}")' for number in range(TERMS)),
)


@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize("dead", [(), (0, 7, 8, 239)])
def test_each_time_the_same_rows(
    sealed: bool, dead: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def rows(segment: Segment, text: str) -> list[int]:
        mask = match(segment, parse(text).plan)
        return list(range(len(ROWS))) if mask is None else np.flatnonzero(mask).tolist()

    plain = Segment.merged([Segment.of(batch_of(ROWS), 1, 0)], sealed=sealed).without(dead)
    wanted = {text: rows(plain, text) for text in QUERIES}
    assert len({str(found) for found in wanted.values()}) > len(QUERIES) // 2
    monkeypatch.setattr(terms, "_REMEMBERING", 0)
    remembering = Segment.merged([Segment.of(batch_of(ROWS), 1, 0)], sealed=sealed).without(dead)
    for text in (*QUERIES, *QUERIES, *reversed(QUERIES)):
        assert rows(remembering, text) == wanted[text], text


def test_what_is_remembered_of_a_segment_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terms, "_REMEMBERING", 0)
    segment = Segment.of(batch_of(ROWS), 1, 0)
    plans = [parse(f'"rare" IN ("{number}")').plan for number in range(3 * TERMS)]
    for plan in plans:
        match(segment, plan)
    remembered = [segment.satisfied.rows(plan.terms[0], len(ROWS)) is not None for plan in plans]
    assert remembered == [False] * 2 * TERMS + [True] * TERMS
