"""What is merged lies in a mapping of its own, and is what it was."""

from __future__ import annotations

import pytest

from satellite.store.recall import own_pages
from tests import bookinfo


@pytest.mark.parametrize("rows", [slice(0, None), slice(3, 9), slice(4, 4)])
def test_a_batch_that_is_moved_is_the_same(rows: slice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_pages, "LEAST_BYTES", 0)
    batch = bookinfo.batch()
    part = batch.slice(rows.start, len(batch) if rows.stop is None else rows.stop)
    moved = own_pages.moved(part)
    assert moved is not part
    assert moved.spans() == part.spans()
    assert moved.rows.equals(part.rows)


def test_little_stays_where_it_is() -> None:
    batch = bookinfo.batch()
    assert own_pages.moved(batch) is batch


def test_where_no_mapping_is_to_be_had_it_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_size_bytes: int) -> None:
        raise OSError

    monkeypatch.setattr(own_pages, "LEAST_BYTES", 0)
    monkeypatch.setattr(own_pages, "_mapping", full)
    batch = bookinfo.batch()
    assert own_pages.moved(batch) is batch
