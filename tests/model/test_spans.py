from __future__ import annotations

import msgspec
import numpy as np
import pytest

from satellite.model.reporter import Reporter
from satellite.model.span import Reference
from satellite.model.spans import Kind, Marks, SpanBatch, SpanBuilder, Status, encode_log, encode_reference
from satellite.pb import satellite_model_pb2 as pb

REPORTER = Reporter("lightstep", "shop", 7, (("lightstep.hostname", "h"),))


def batch(*numbers: int) -> SpanBatch:
    builder = SpanBuilder()
    for number in numbers:
        builder.add(
            reporter=REPORTER,
            operation=f"op-{number % 3}",
            trace_low=number,
            span_id=100 + number,
            start_ns=1_700_000_000_000_000_000 + number,
            duration_ns=number * 1000,
            parent_id=number % 2,
            tags=[("n", number), ("same", "x")],
            extra={"n": number} if number == 4 else None,
        )
    return builder.build()


def test_one_row_as_an_object() -> None:
    builder = SpanBuilder()
    builder.add(
        reporter=REPORTER,
        operation="buy",
        trace_low=0xFEDCBA9876543210,
        trace_high=1,
        span_id=2,
        parent_id=5,
        start_ns=1_700_000_000_250_000_999,
        duration_ns=-1_500,
        kind=Kind.SERVER,
        status=Status.ERROR,
        marks=Marks.NEGATIVE_DURATION,
        tags=[("a", 1), ("a", 2), ("parent_span_guid", "5")],
        logs=[encode_log(1_700_000_000_250_500_000, [("k", True)], name="hit")],
        references=[
            encode_reference(follows=False, trace_high=0, trace_low=0, span_id=5),
            encode_reference(follows=True, trace_high=0, trace_low=9, span_id=8),
        ],
        extra={"offset_us": 10},
    )
    [span] = builder.build().spans(first_mark=3)
    assert span.trace_id == "0000000000000001fedcba9876543210"
    assert (span.span_id, span.parent_span_id) == ("0000000000000002", "0000000000000005")
    assert (span.start_us, span.duration_us) == (1_700_000_000_250_000, -2)
    assert (span.kind, span.error, span.marks) == ("server", True, ["negative_duration"])
    assert span.tags == {"a": 2}
    assert (span.logs[0].time_us, span.logs[0].fields) == (1_700_000_000_250_510, {"event": "hit", "k": True})
    assert span.references == [
        Reference("child_of", span.trace_id, "0000000000000005"),
        Reference("follows_from", "0000000000000009", "0000000000000008"),
    ]
    assert (span.reporter.id, span.reporter.attributes) == ("0000000000000007", {"lightstep.hostname": "h"})
    assert (span.service, span.protocol, span.mark, span.extra) == ("shop", "lightstep", 3, {"offset_us": 10})


def test_the_parent_is_a_reference_when_nothing_else_is_said() -> None:
    [span] = batch(1).spans()
    assert span.references == [Reference("child_of", "0000000000000001", "0000000000000001")]


def test_concat_slice_take_and_compact_keep_the_spans() -> None:
    one, two = batch(1, 2, 3), batch(3, 4, 5, 6)
    spans = one.spans() + two.spans()
    joint = SpanBatch.concat([one, two])
    assert [span.tags for span in joint.spans()] == [span.tags for span in spans]
    assert [span.extra for span in joint.spans()] == [span.extra for span in spans]
    assert len(joint.tags) == 7
    assert len(joint.reporters) == 1
    part = joint.slice(2, 5)
    assert [span.operation for span in part.spans()] == [span.operation for span in spans[2:5]]
    picked = joint.take(np.array([6, 0])).compact()
    assert [span.span_id for span in picked.spans()] == [spans[6].span_id, spans[0].span_id]
    assert len(picked.tags) == 3
    again = SpanBatch.concat([part.compact(), picked])
    assert [span.tags["n"] for span in again.spans()] == [3, 3, 4, 6, 1]


def test_an_empty_batch_joins_too() -> None:
    assert len(SpanBatch.concat([batch(), batch(1), batch()])) == 1
    assert len(batch().compact()) == 0


def test_tags_put_on_every_span() -> None:
    tagged = batch(1, 2, 3).slice(1, 3).with_tags({"env": "dev", "same": "x"})
    assert [span.tags for span in tagged.spans()] == [
        {"n": 2, "same": "x", "env": "dev"},
        {"n": 3, "same": "x", "env": "dev"},
    ]
    assert batch().with_tags({"a": "b"}).spans() == []


@pytest.mark.parametrize("broken", [b"\xff\xff", b"\x12\x02\xff\xff"])
def test_a_broken_log_does_not_hide_its_span(broken: bytes) -> None:
    builder = SpanBuilder()
    builder.add(
        reporter=REPORTER, operation="x", trace_low=1, span_id=1, start_ns=0, duration_ns=0, logs=[broken]
    )
    [span] = builder.build().spans()
    assert len(span.logs) == 1


@pytest.mark.parametrize(
    "junk", [b"\xc1", b"\x91" * 2000, b"\xc7\x01\x05x", b"\x81\xc0\x01", b"\xd6\xff\0\0\0\0"]
)
def test_a_log_field_that_uses_our_own_field_numbers_does_no_harm(junk: bytes) -> None:
    field = pb.Tag(key=b"k", any_value=junk).SerializeToString()
    builder = SpanBuilder()
    log = pb.Log(fields=[field]).SerializeToString()
    builder.add(
        reporter=REPORTER, operation="x", trace_low=1, span_id=1, start_ns=0, duration_ns=0, logs=[log]
    )
    [span] = builder.build().spans()
    assert span.logs[0].fields == {"k": junk}
    assert msgspec.json.encode(span)
