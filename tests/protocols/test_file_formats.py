from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.errors import BadReport
from satellite.model.report import Report
from satellite.model.spans import SpanBatch
from satellite.protocols.file_formats import FILE_FORMATS, join_delimited, split_delimited
from tests import bookinfo


@pytest.mark.parametrize("name", FILE_FORMATS)
def test_bookinfo_goes_out_and_comes_in_again(name: str) -> None:
    known = FILE_FORMATS[name]
    before = bookinfo.batch()
    decoded = known.reader.decode(known.bodies(known.encode(before)), 1)
    assert all(isinstance(report, Report) for report in decoded.reports)
    assert _facts(decoded.batch) == _facts(before)


def _facts(batch: SpanBatch) -> list[tuple[object, ...]]:
    return sorted(
        (
            span.trace_id,
            span.span_id,
            span.parent_span_id or "",
            span.service,
            span.operation,
            span.kind,
            span.start_us,
            span.duration_us,
            span.error,
            span.tags["http.status_code"],
        )
        for span in batch.spans()
    )


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_delimited(bodies: list[bytes]) -> None:
    content = join_delimited(bodies)
    assert split_delimited(content) == bodies
    if content:
        with pytest.raises(BadReport):
            split_delimited(content[:-1] if bodies[-1] else content + b"\xff")


@given(st.binary(max_size=60))
def test_any_file_is_split_or_refused(content: bytes) -> None:
    try:
        bodies = split_delimited(content)
    except BadReport:
        return
    assert sum(map(len, bodies)) <= len(content)
