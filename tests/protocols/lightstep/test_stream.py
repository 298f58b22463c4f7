"""A report that grows, taken apart: whatever the chunks, the same spans as the whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.errors import BadReport, SatelliteError, TooLarge
from satellite.pb.lightstep_collector_pb2 import ReportRequest
from satellite.protocols.lightstep.stream import HEAD_BYTES_MAX, ReportSplitter

LIMIT = 10_000
HEAD = bytes.fromhex("0a02080712050a03746f6b")
COUNTERS = bytes.fromhex("321322110a0d7370616e732e64726f707065641000")
SPAN = bytes.fromhex("1a090a0408011002120161")
"""The chunks of wire-protocols.md B.3."""


def span(number: int, name: str = "") -> bytes:
    report = ReportRequest()
    made = report.spans.add(operation_name=name)
    made.span_context.trace_id, made.span_context.span_id = 1, number
    return report.SerializeToString()


def read(piece: bytes | None) -> ReportRequest:
    assert piece is not None
    return ReportRequest.FromString(piece)


def test_the_recorded_stream() -> None:
    splitter = ReportSplitter(LIMIT)
    assert splitter.feed(HEAD + COUNTERS) is None
    first = read(splitter.feed(SPAN))
    assert (first.reporter.reporter_id, first.auth.access_token) == (7, "tok")
    assert [count.name for count in first.internal_metrics.counts] == ["spans.dropped"]
    assert [(one.span_context.span_id, one.operation_name) for one in first.spans] == [(2, "a")]
    second = read(splitter.feed(SPAN + span(3)))
    assert (second.reporter.reporter_id, second.auth.access_token) == (7, "tok")
    assert not second.HasField("internal_metrics")
    assert [one.span_context.span_id for one in second.spans] == [2, 3]
    assert splitter.finish() is None
    assert (splitter.fault, splitter.unfinished_bytes) == (None, 0)


def test_a_stream_without_spans_is_one_report_at_its_end() -> None:
    splitter = ReportSplitter(LIMIT)
    assert splitter.feed(HEAD) is None
    assert splitter.feed(COUNTERS) is None
    last = read(splitter.finish())
    assert (last.auth.access_token, len(last.internal_metrics.counts), len(last.spans)) == ("tok", 1, 0)
    assert ReportSplitter(LIMIT).finish() == b""


def test_counters_after_the_spans() -> None:
    splitter = ReportSplitter(LIMIT)
    assert len(read(splitter.feed(HEAD + SPAN + COUNTERS[:5])).spans) == 1
    assert splitter.feed(COUNTERS[5:]) is None
    last = read(splitter.finish())
    assert (last.auth.access_token, len(last.internal_metrics.counts), len(last.spans)) == ("tok", 1, 0)
    assert splitter.finish() is None


def test_what_is_cut_off_stays_behind() -> None:
    splitter = ReportSplitter(LIMIT)
    assert len(read(splitter.feed(HEAD + SPAN + SPAN[:-1])).spans) == 1
    assert splitter.unfinished_bytes == len(SPAN) - 1
    assert splitter.finish() is None


@st.composite
def chunked(draw: st.DrawFn, whole: bytes) -> list[bytes]:
    cuts = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=20)))
    return [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]


@given(st.data(), st.lists(st.text(max_size=200), max_size=8), st.integers(-(2**63), 2**63 - 1))
def test_any_chunks_give_the_spans_of_the_whole(data: st.DataObject, names: list[str], offset: int) -> None:
    head = ReportRequest(timestamp_offset_micros=offset)
    head.reporter.reporter_id = 2**64 - 1
    head.auth.access_token = "tok"
    unknown = b"\x81\x01" + bytes(8) + b"\x8d\x01" + bytes(4)  # fields 16 (fixed64) and 17 (fixed32)
    spans = [span(number, name) for number, name in enumerate(names, 1)]
    whole = head.SerializeToString() + unknown + COUNTERS + b"".join(spans)
    splitter = ReportSplitter(LIMIT)
    pieces = [splitter.feed(chunk) for chunk in data.draw(chunked(whole))]
    rest = splitter.finish()
    reports = [read(piece) for piece in (*pieces, rest) if piece is not None]
    assert (splitter.fault, splitter.unfinished_bytes) == (None, 0)
    found = [one for report in reports for one in report.spans]
    assert found == list(ReportRequest.FromString(whole).spans)
    assert sum(len(report.internal_metrics.counts) for report in reports) == 1
    for report in reports:
        assert report.timestamp_offset_micros == offset
        assert report.reporter.reporter_id == 2**64 - 1
        assert report.auth.access_token == "tok"
    assert all(read(piece).spans for piece in pieces if piece is not None)


@given(st.data(), st.binary(max_size=300))
def test_any_bytes_in_any_chunks_end_the_same(data: st.DataObject, whole: bytes) -> None:
    def run(chunks: list[bytes]) -> tuple[str, int]:
        splitter = ReportSplitter(LIMIT)
        for chunk in chunks:
            splitter.feed(chunk)
        return splitter.fault.message if splitter.fault else "", splitter.unfinished_bytes

    assert run(data.draw(chunked(whole))) == run([whole])


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"\x00", BadReport),  # field 0
        (b"\x0b", BadReport),  # a group
        (b"\x0f", BadReport),  # no wire type
        (b"\xff" * 10, BadReport),  # a varint without end
        (b"\x1a" + b"\xff" * 10, BadReport),
        (b"\x1a\x91\x4e", TooLarge),  # a span of 10,001 bytes
        (b"\x1a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", TooLarge),
    ],
)
def test_faults_end_it_and_what_came_before_is_kept(body: bytes, error: type[SatelliteError]) -> None:
    splitter = ReportSplitter(LIMIT)
    assert len(read(splitter.feed(HEAD + SPAN + body + SPAN)).spans) == 1
    assert isinstance(splitter.fault, error)
    assert splitter.unfinished_bytes == 0
    assert splitter.feed(SPAN) is None


def test_a_head_has_a_limit() -> None:
    splitter = ReportSplitter(HEAD_BYTES_MAX)
    field = b"\x0a\x80\x80\x04" + bytes(2**16)
    for _ in range(HEAD_BYTES_MAX // len(field) + 1):
        assert splitter.feed(field) is None
    assert isinstance(splitter.fault, TooLarge)


def test_a_large_span_in_small_chunks() -> None:
    large = span(1, "x" * (LIMIT - 100))
    splitter = ReportSplitter(LIMIT)
    pieces = [splitter.feed(large[start : start + 7]) for start in range(0, len(large), 7)]
    assert pieces[:-1] == [None] * (len(pieces) - 1)
    assert pieces[-1] == large
