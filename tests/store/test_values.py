"""Regular expressions over long texts: held against some at a time, within the question's time."""

from __future__ import annotations

from itertools import count

import pyarrow as pa
import pytest

from satellite.errors import TookTooLong
from satellite.query import parse
from satellite.query.limit import limited
from satellite.store.recall import values
from satellite.store.recall.values import matching

[TERM] = parse('"tag" MATCHES REGEXP ("a*b")').plan.terms
TEXTS = pa.array(["ab", None, "", "x" * 300, "aaab", "b" * 2, "a" * 500 + "b", "b"], pa.string())
MATCHING = [True, False, False, False, True, False, True, True]


@pytest.mark.parametrize("size", [1, 2, 7, 100, 400, 2**20])
def test_texts_match_alike_in_pieces_of_any_size(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "_PIECE_BYTES", size)
    assert matching(TEXTS, TERM).tolist() == MATCHING
    for start in range(len(TEXTS) + 1):
        assert matching(TEXTS[start:], TERM).tolist() == MATCHING[start:]


def test_the_time_is_looked_at_within_one_segment() -> None:
    texts = pa.array(["x" * 2**16] * 100, pa.string())
    seconds = count()
    with limited(3, lambda: next(seconds)), pytest.raises(TookTooLong):
        matching(texts, TERM)
    assert next(seconds) < 7
