"""Tags looked up by their fingerprints: whatever has a wanted value is among what is found."""

from __future__ import annotations

import struct

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.model.span import TagValue
from satellite.model.spans import SpanBatch
from satellite.model.tag import encode_tag, text_of
from satellite.query.plan import Field, Term
from satellite.store.recall import tag_index
from satellite.store.recall.fingerprints import fingerprints
from satellite.store.recall.tag_index import PostingIndex, ScanIndex, TagIndex, flat_codes
from satellite.store.recall.values import tags_matching
from tests.store.rows import tagged
from tests.store.strategies import TEXTS, VALUES

KEYS = ("tag", "host", "k" * 130, "ä")
values = (
    st.sampled_from(VALUES) | st.text(max_size=40) | st.integers(0, 50) | st.lists(st.sampled_from("abc"))
)
tags = st.lists(st.tuples(st.sampled_from(KEYS), values), max_size=60)


def indexes(pairs: list[tuple[str, TagValue]]) -> list[tuple[SpanBatch, TagIndex]]:
    batch = tagged(*(dict([pair]) for pair in pairs))
    return [(batch, ScanIndex(batch)), PostingIndex.seal(batch)]


@given(tags, st.lists(st.sampled_from(TEXTS) | st.text(max_size=40), min_size=1, max_size=3), st.booleans())
def test_a_lookup_finds_what_looking_through_finds(
    pairs: list[tuple[str, TagValue]], texts: list[str], asked_for_held: bool
) -> None:
    wanted = (*texts, *((text_of(pairs[0][1]),) if pairs and asked_for_held else ()))
    for batch, index in indexes(pairs) if pairs else []:
        for key in KEYS:
            term = Term(Field.TAG, key, wanted)
            everything, few = index.codes_of(key), index.codes_like(key, wanted)
            assert set(few.tolist()) <= set(everything.tolist())
            found = [
                codes[tags_matching(batch.tags.take(pa.array(codes)), key, term)].tolist()
                for codes in (everything, few)
            ]
            assert found[0] == found[1]


@pytest.mark.parametrize("sealed", [False, True])
def test_of_many_values_hardly_any_is_looked_at(sealed: bool) -> None:
    batch, index = indexes([("id", f"{number:016x}") for number in range(5000)])[sealed]
    found = batch.tags.take(pa.array(index.codes_like("id", (f"{77:016x}",)))).to_pylist()
    assert len(found) < 10
    assert encode_tag("id", f"{77:016x}") in found
    assert len(index.codes_like("id", ("never",))) < 10
    assert len(index.codes_like("other", ("never",))) == 0


def test_a_fingerprint_is_of_the_tag_alone() -> None:
    tags = pa.array(
        [encode_tag(key, value) for key, value in (("", None), ("a", "b"), ("k", "x" * 90))], pa.binary()
    )
    around = pa.concat_arrays([pa.array([b"xxxxxxxxxxxx"], pa.binary()), tags])
    assert fingerprints(around.slice(1)).tolist() == fingerprints(tags).tolist()
    assert [fingerprints(tags.slice(i, 1)).tolist() for i in range(3)] == [
        [n] for n in fingerprints(tags).tolist()
    ]
    assert np.array_equal(fingerprints(tags.slice(0, 0)), [])


def test_many_values_are_looked_up_as_few_are() -> None:
    batch, index = indexes([("id", number) for number in range(500)])[1]
    wanted = tuple(str(number) for number in range(0, 300, 3))
    found = batch.tags.take(pa.array(index.codes_like("id", wanted))).to_pylist()
    assert {encode_tag("id", int(value)) for value in wanted} <= set(found)
    assert len(found) < 200


@pytest.mark.parametrize("bits", [0x7FF8_0000_0000_0000, 0x7FF8_0000_0000_0001, 0xFFF8_0000_0000_0000])
def test_nan_is_found_however_it_is_written(bits: int) -> None:
    """As Python, Go and an x86 processor write it."""
    [nan] = struct.unpack("<d", struct.pack("<Q", bits))
    few: list[TagValue] = [nan, 1.5, "NaN", None, float("inf")]
    for others in ([], [float(number) for number in range(100)]):  # looked at one by one, and at once
        for batch, index in indexes([("k", value) for value in few + others]):
            codes = index.codes_like("k", ("NaN",))
            hits = codes[tags_matching(batch.tags_at(codes), "k", Term(Field.TAG, "k", ("NaN",)))]
            assert sorted(batch.tags_at(hits).to_pylist()) == sorted(
                [encode_tag("k", nan), encode_tag("k", "NaN")]
            )


@pytest.mark.parametrize("keys", [3, 300])
def test_keys_that_a_span_repeats_are_known_however_many_there_are(
    keys: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tag_index, "_TABLE_MAX", 2000)
    spans: list[dict[str, TagValue]] = [{f"key{number}": row for number in range(keys)} for row in range(20)]
    once = tagged(*spans)
    codes = flat_codes(once).copy()
    codes[1] = codes[0]  # the first span has its first tag twice, and not its second
    column = pa.ListArray.from_arrays(once.array("tags").offsets, pa.array(codes))
    place = once.rows.schema.get_field_index("tags")
    twice = SpanBatch(
        once.rows.set_column(place, "tags", column), once.tags, once.names, once.reporters, once.extras
    )
    for batch, repeated in ((once, set()), (twice, {"key0"})):
        for index in (ScanIndex(batch), PostingIndex.seal(batch)[1]):
            assert index.repeated == repeated
