from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from satellite.model.spans import SpanBatch
from satellite.protocols.files import formats
from satellite.protocols.files.formats import FILE_FORMATS
from satellite.protocols.files.reading import FileReader
from tests import bookinfo


@pytest.mark.parametrize("name", FILE_FORMATS)
@settings(max_examples=10)
@given(cuts=st.sets(st.integers(1, 87), max_size=4), piece=st.sampled_from([1, 7, 1000]))
def test_bookinfo_goes_out_and_comes_in_again(name: str, cuts: set[int], piece: int) -> None:
    before, known = bookinfo.batch(), FILE_FORMATS[name]
    edges = [0, *sorted(cuts), len(before)]
    batches = [before.slice(start, stop) for start, stop in pairwise(edges)]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(formats, "PIECE_SPANS", piece)
        content = b"".join(known.pieces(batches))
    reader = FileReader()
    bodies = [*reader.feed(content), *reader.finish()]
    assert {body.format for body in bodies} == {name}
    assert not reader.faults
    again = [body.protocol.decode([body.content], 1).batch for body in bodies]
    assert sorted(fact for batch in again for fact in _facts(batch)) == sorted(_facts(before))


def test_a_trace_of_jaeger_stands_in_one_place() -> None:
    before = bookinfo.batch()
    mixed = before.take(sorted(range(len(before)), key=lambda row: row % 11))  # type: ignore[arg-type]
    document = json.loads(b"".join(FILE_FORMATS["jaeger-json"].pieces([mixed])))
    ids = [trace["traceID"] for trace in document["data"]]
    assert len(ids) == len(set(ids)) == len({span.trace_id for span in before.spans()})
    for trace in document["data"]:
        assert {span["traceID"] for span in trace["spans"]} == {trace["traceID"]}
        assert {span["processID"] for span in trace["spans"]} == set(trace["processes"])


def test_no_spans_are_a_whole_file_too() -> None:
    files = {name: b"".join(known.pieces([])) for name, known in FILE_FORMATS.items()}
    assert json.loads(files["otlp-json"]) == {"resourceSpans": []}
    assert json.loads(files["jaeger-json"])["data"] == []
    assert json.loads(files["zipkin-json"]) == []
    assert files["otlp-protobuf"] == files["lightstep"] == b""


def _facts(batch: SpanBatch) -> list[tuple[object, ...]]:
    return [
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
    ]
