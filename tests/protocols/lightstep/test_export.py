from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from satellite.model.reporter import Reporter
from satellite.model.span import Span
from satellite.model.spans import Kind, SpanBuilder, Status, encode_log, encode_reference
from satellite.pb import lightstep_collector_pb2 as pb
from satellite.protocols.lightstep.export import encode_reports
from satellite.protocols.lightstep.protobuf import decode

NOW_NS = 1_700_000_001_000_000_000

IDS = st.integers(1, 2**64 - 1)
DURATIONS = st.integers(0, 2**53) | st.integers(2**64 - 2**53, 2**64 - 1)
"""What fits nanoseconds; some negative."""
TEXTS = st.text(max_size=8)
KEYS = st.sampled_from(["a", "b", "error", "span.kind", "parent_span_guid", "ü"])
KEY_VALUES = st.builds(
    lambda key, value: pb.KeyValue(key=key, **value),
    KEYS,
    st.one_of(
        TEXTS.map(lambda text: {"string_value": text}),
        st.integers(-(2**63), 2**63 - 1).map(lambda number: {"int_value": number}),
        st.floats(allow_nan=False).map(lambda number: {"double_value": number}),
        st.booleans().map(lambda flag: {"bool_value": flag}),
        TEXTS.map(lambda text: {"json_value": text}),
        st.just({}),
    ),
)


@st.composite
def spans(draw: st.DrawFn) -> pb.Span:
    span = pb.Span(operation_name=draw(TEXTS), duration_micros=draw(DURATIONS))
    span.span_context.trace_id, span.span_context.span_id = draw(IDS), draw(IDS)
    for key, value in draw(st.dictionaries(TEXTS, TEXTS, max_size=2)).items():
        span.span_context.baggage[key] = value
    span.start_timestamp.seconds = draw(st.integers(1, 2_000_000_000))
    span.start_timestamp.nanos = draw(st.integers(0, 999_999_999))
    span.tags.extend(draw(st.lists(KEY_VALUES, max_size=4)))
    for _ in range(draw(st.integers(0, 2))):
        log = span.logs.add(fields=draw(st.lists(KEY_VALUES, max_size=3)))
        log.timestamp.seconds = draw(st.integers(0, 2_000_000_000))
    for _ in range(draw(st.integers(0, 3))):
        reference = span.references.add(relationship=draw(st.sampled_from([0, 1])))
        reference.span_context.trace_id = draw(st.sampled_from([0, 7, span.span_context.trace_id]))
        reference.span_context.span_id = draw(IDS)
    return span


@st.composite
def reports(draw: st.DrawFn) -> bytes:
    request = pb.ReportRequest(spans=draw(st.lists(spans(), max_size=3)))
    request.reporter.reporter_id = draw(IDS)
    request.reporter.tags.extend(draw(st.lists(KEY_VALUES, max_size=3, unique_by=lambda tag: tag.key)))
    request.timestamp_offset_micros = draw(st.sampled_from([0, -42, 10**9, 10**15]))
    return request.SerializeToString()


def shown(spans_: list[Span]) -> list[object]:
    """In an order of their own: spans are written out by reporter."""
    return sorted((repr((span.trace_id, span.span_id, span)) for span in spans_), key=str)


@given(st.lists(reports(), max_size=3))
def test_what_came_by_lightstep_goes_out_without_loss(bodies: list[bytes]) -> None:
    first = decode(bodies, NOW_NS).batch
    again = decode(encode_reports(first), NOW_NS).batch
    assert shown([_unmarked(span) for span in again.spans()]) == shown(
        [_unmarked(span) for span in first.spans()]
    )


def _unmarked(span: Span) -> Span:
    return Span(**{name: getattr(span, name) for name in Span.__struct_fields__} | {"mark": 0})


def test_what_lightstep_has_no_place_for_becomes_tags() -> None:
    builder = SpanBuilder()
    builder.add(
        reporter=Reporter("otlp", "shop", 0, (("service.name", "shop"),)),
        operation="buy",
        trace_low=2,
        trace_high=1,
        span_id=3,
        start_ns=NOW_NS,
        duration_ns=5_000,
        kind=Kind.CLIENT,
        status=Status.ERROR,
        tags=[("bytes", b"\x00\xff"), ("list", [1, "a"])],
        logs=[encode_log(NOW_NS, [("k", b"\x01")], name="hit")],
        references=[encode_reference(follows=True, trace_high=9, trace_low=8, span_id=7)],
    )
    [body] = encode_reports(builder.build())
    [span] = decode([body], NOW_NS).batch.spans()
    assert span.service == "shop"
    assert span.tags == {
        "bytes": "AP8=",
        "list": '[1,"a"]',
        "span.kind": "client",
        "error": True,
        "otel.trace_id": "00000000000000010000000000000002",
    }
    assert (span.kind, span.error, span.logs[0].fields) == ("client", True, {"event": "hit", "k": "AQ=="})
    assert [(one.kind, one.span_id[-1]) for one in span.references] == [("follows_from", "7")]
