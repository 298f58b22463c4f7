from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.model.span_bytes import array_of, checksum, from_bytes, pack, to_bytes
from satellite.model.spans import SpanBatch
from tests import bookinfo
from tests.store.rows import Row, batch_of
from tests.store.strategies import rows


def test_a_batch_comes_back_whole() -> None:
    batch = bookinfo.batch()
    read = from_bytes(to_bytes(batch))
    assert read.spans() == batch.spans()
    assert read.spans() == batch.spans()


def test_a_slice_is_written_without_the_rest() -> None:
    batch = bookinfo.batch()
    part = batch.slice(8, 20).compact()
    assert from_bytes(to_bytes(part)).spans() == part.spans()
    assert to_bytes(part).size < to_bytes(batch).size


def test_an_empty_batch() -> None:
    empty: SpanBatch = bookinfo.batch().slice(0, 0).compact()
    assert len(from_bytes(to_bytes(empty))) == 0


@given(st.lists(rows, max_size=20))
def test_anything_comes_back(history: list[Row]) -> None:
    batch = batch_of(history)
    assert from_bytes(bytes(to_bytes(batch))).spans() == batch.spans()


@pytest.mark.parametrize("data", [b"", b"nonsense", bytes(1000), b"\xff" * 100])
def test_other_bytes_are_no_batch(data: bytes) -> None:
    with pytest.raises(ValueError, match="no span batch"):
        from_bytes(data)


def test_cut_bytes_are_no_batch() -> None:
    whole = bytes(to_bytes(bookinfo.batch()))
    for size in range(0, len(whole) - 64, 997):
        with pytest.raises(ValueError, match="no span batch"):
            from_bytes(whole[:size])


def test_a_checksum_sees_every_bit() -> None:
    packed = pack(bookinfo.batch())
    before = checksum(array_of(packed, "tags"))
    assert checksum(array_of(pack(bookinfo.batch()), "tags")) == before
    assert checksum(array_of(packed, "names")) != before
