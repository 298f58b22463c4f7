from __future__ import annotations

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from satellite.model.span_json import span_jsons
from satellite.model.spans import SpanBatch
from satellite.model.tag import json_form
from tests import bookinfo
from tests.store.rows import Row, batch_of
from tests.store.strategies import rows

_ENCODER = msgspec.json.Encoder(enc_hook=json_form)


def _agree(batch: SpanBatch, chosen: list[int]) -> None:
    marks = [7 * row + 1 for row in chosen]
    written = span_jsons(batch, np.array(chosen, np.int64), marks)
    assert _ENCODER.encode(written) == _ENCODER.encode(batch.spans(chosen, marks=marks))


@given(st.lists(rows, min_size=1, max_size=20), st.data())
def test_it_is_the_text_of_the_objects(history: list[Row], data: st.DataObject) -> None:
    batch = batch_of(history)
    places = st.integers(0, len(batch) - 1)
    _agree(batch, data.draw(st.lists(places, max_size=20, unique=True)))
    _agree(batch, data.draw(st.permutations(range(len(batch)))))
    first = data.draw(places)
    part = batch.slice(first, len(batch))
    _agree(part, [*range(len(part))])


def test_long_tags_and_reporters_too() -> None:
    batch = bookinfo.batch().with_tags({"long": "ä" * 2000, "t" * 140: "short", "bin": b"\xff" * 600})
    _agree(batch, [*range(len(batch))][::-1])
