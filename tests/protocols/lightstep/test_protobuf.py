"""The LightStep codec against the test vectors of the wire reference, and against anything at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satellite.errors import AccessDenied, BadReport, Overloaded, SatelliteError, StoreFailed, TooLarge
from satellite.model.report import Decoded, Receipt, Report
from satellite.model.span import Span
from satellite.pb import lightstep_collector_pb2 as pb
from satellite.protocols.lightstep.protobuf import PROTOCOL, decode, encode
from satellite.protocols.wire import RequestHead
from tests.protocols.neighbours import stay_whole

NOW_NS = 1_700_000_001_000_000_000
FULL = bytes.fromhex((Path(__file__).parents[1] / "data" / "lightstep" / "full.hex").read_text())


def report(**fields: Any) -> pb.ReportRequest:
    request = pb.ReportRequest(**fields)
    request.auth.access_token = "tok"
    return request


def span(**fields: Any) -> pb.Span:
    made = pb.Span(operation_name="op", duration_micros=10, **fields)
    made.span_context.trace_id = made.span_context.trace_id or 1
    made.span_context.span_id = made.span_context.span_id or 2
    if not made.HasField("start_timestamp"):
        made.start_timestamp.seconds = 1_700_000_000
    return made


def decode_one(request: pb.ReportRequest) -> tuple[Report, list[Span]]:
    decoded = decode([request.SerializeToString()], NOW_NS)
    return good(decoded)[0], decoded.batch.spans()


def good(decoded: Decoded) -> list[Report]:
    assert all(isinstance(outcome, Report) for outcome in decoded.reports)
    return [outcome for outcome in decoded.reports if isinstance(outcome, Report)]


def test_the_full_vector_means_what_the_reference_says() -> None:
    decoded = decode([FULL], NOW_NS)
    [said], [kept] = good(decoded), decoded.batch.spans()
    assert said.token == "tok"
    assert (said.reporter.id, said.reporter.service) == (0x1122334455667788, "shop")
    assert (kept.trace_id, kept.span_id, kept.parent_span_id) == (
        "fedcba9876543210",
        "0123456789abcdef",
        "0000000000000005",
    )
    assert decoded.batch.column("start_ns").tolist() == [1_700_000_000_249_958_000]
    assert decoded.batch.column("duration_ns").tolist() == [1_500_000]
    assert kept.error
    assert kept.tags == {"error": True}
    assert kept.logs[0].fields == {"event": "hit"}
    assert kept.logs[0].time_us == 1_700_000_000_250_458
    assert kept.marks == ["offset_applied"]


def test_an_empty_report_is_a_report() -> None:
    [said] = good(decode([bytes.fromhex("12050a03746f6b")], NOW_NS))
    assert (said.token, said.reporter.service, said.rows) == ("tok", "unknown_service", slice(0, 0))


@pytest.mark.parametrize(
    "bad", [b"\xff\xff", FULL[:-3], b"\x1a" + b"\xff" * 9 + b"\x01", b"\x0b" * 40, b"GET / HTTP"]
)
def test_a_bad_report_does_not_touch_its_neighbours(bad: bytes) -> None:
    stay_whole(decode, FULL, bad)


@pytest.mark.parametrize("crowd", [b"\x1a\x00" * 700_000, b"\x1a\x80\x80\x40" + b"\x32\x00" * 524_288])
def test_a_crowd_of_empty_messages_is_refused_alone(crowd: bytes) -> None:
    decoded = decode([FULL, crowd, FULL], NOW_NS)
    assert [type(outcome) for outcome in decoded.reports] == [Report, TooLarge, Report]
    assert len(decoded.batch) == 2


def test_each_report_gets_its_own_rows_and_reporter() -> None:
    bodies = []
    for number in range(3):
        request = report(spans=[span() for _ in range(number)])
        request.reporter.reporter_id = number
        request.reporter.tags.add(key="lightstep.component_name", string_value=f"service-{number}")
        bodies.append(request.SerializeToString())
    decoded = decode(bodies, NOW_NS)
    assert [said.rows for said in good(decoded)] == [slice(0, 0), slice(0, 1), slice(1, 3)]
    assert [kept.service for kept in decoded.batch.spans()] == ["service-1", "service-2", "service-2"]


def test_values_keep_their_types() -> None:
    tags = [
        pb.KeyValue(key="text", string_value="ü"),
        pb.KeyValue(key="int", int_value=-1),
        pb.KeyValue(key="double", double_value=0.5),
        pb.KeyValue(key="bool", bool_value=False),
        pb.KeyValue(key="json", json_value='{"a": 1}'),
        pb.KeyValue(key="none"),
        pb.KeyValue(),
        pb.KeyValue(key="repeated", string_value="first"),
        pb.KeyValue(key="repeated", int_value=2),
    ]
    _, [kept] = decode_one(report(spans=[span(tags=tags)]))
    assert kept.tags == {
        "text": "ü",
        "int": -1,
        "double": 0.5,
        "bool": False,
        "json": '{"a": 1}',
        "none": None,
        "repeated": 2,
    }


def test_invalid_utf8_is_replaced_and_said() -> None:
    good_span, bad_span = span(tags=[pb.KeyValue(key="a", string_value="x")]), span()
    bad_span.span_context.span_id = 3
    body = report(spans=[good_span]).SerializeToString()
    raw = bad_span.SerializeToString() + bytes.fromhex("32070a0161120261ff")
    decoded = decode([body + b"\x1a" + bytes([len(raw)]) + raw], NOW_NS)
    first, second = decoded.batch.spans()
    assert (first.tags, first.marks) == ({"a": "x"}, [])
    assert (second.tags, second.marks) == ({"a": "a�"}, ["bad_utf8"])
    assert good(decoded)[0].warnings == ["1 tags held invalid UTF-8; it was replaced by U+FFFD"]


def test_invalid_utf8_in_an_operation() -> None:
    raw = span().SerializeToString() + b"\x12\x02a\xff"
    decoded = decode([b"\x1a" + bytes([len(raw)]) + raw], NOW_NS)
    [kept] = decoded.batch.spans()
    assert (kept.operation, kept.marks) == ("a�", ["bad_utf8"])


def test_spans_without_ids_are_dropped_by_name_and_one_zero_is_kept() -> None:
    half = pb.Span(operation_name="half")
    half.span_context.span_id = 9
    half.start_timestamp.seconds = 5
    said, [kept, other] = decode_one(report(spans=[pb.Span(operation_name="lost"), half, span()]))
    assert said.dropped == {"no_ids": 1}
    assert said.warnings == ["1 spans without trace id and span id were dropped"]
    assert (kept.operation, kept.marks, other.marks) == ("half", ["zero_id"], [])


@pytest.mark.parametrize(
    ("seconds", "nanos"), [(0, 0), (2**62, 0), (-(2**62), 5)], ids=["missing", "far future", "far past"]
)
def test_absurd_starts_become_the_arrival(seconds: int, nanos: int) -> None:
    late = span()
    late.start_timestamp.seconds, late.start_timestamp.nanos = seconds, nanos
    _, [kept] = decode_one(report(spans=[late]))
    assert (kept.start_us, kept.marks) == (NOW_NS // 1000, ["time_invented"])


def test_negative_and_huge_durations() -> None:
    negative, huge = span(), span()
    negative.duration_micros = 2**64 - 5
    huge.duration_micros = 2**63 - 1
    _, kept = decode_one(report(spans=[negative, huge]))
    assert [(one.duration_us, one.marks) for one in kept] == [
        (-5, ["negative_duration"]),
        ((2**63 - 1) // 1000, ["clamped"]),
    ]


def test_a_clock_correction_of_days_is_not_applied() -> None:
    said, [kept] = decode_one(report(spans=[span()], timestamp_offset_micros=-(2**63)))
    assert kept.start_us == 1_700_000_000_000_000
    assert said.warnings == ["timestamp_offset_micros is more than a day and was not applied"]


def reference(span_id: int, trace_id: int = 0, *, follows: bool = False) -> pb.Reference:
    return pb.Reference(
        relationship=pb.Reference.FOLLOWS_FROM if follows else pb.Reference.CHILD_OF,
        span_context=pb.SpanContext(trace_id=trace_id, span_id=span_id),
    )


@pytest.mark.parametrize(
    ("references", "parent", "shown"),
    [
        ([], None, []),
        ([reference(5)], 5, [("child_of", 1, 5)]),
        ([reference(5, 1)], 5, [("child_of", 1, 5)]),
        ([pb.Reference()], None, []),
        ([reference(5, 7)], None, [("child_of", 7, 5)]),
        ([reference(5, follows=True)], 5, [("follows_from", 1, 5)]),
        ([reference(5, follows=True), reference(6)], 6, [("follows_from", 1, 5), ("child_of", 1, 6)]),
        (
            [reference(4, 9), reference(5), reference(6)],
            5,
            [("child_of", 9, 4), ("child_of", 1, 5), ("child_of", 1, 6)],
        ),
    ],
)
def test_parent_and_references(
    references: list[pb.Reference], parent: int | None, shown: list[tuple[str, int, int]]
) -> None:
    _, [kept] = decode_one(report(spans=[span(references=references)]))
    assert kept.parent_span_id == (None if parent is None else f"{parent:016x}")
    assert [(one.kind, int(one.trace_id, 16), int(one.span_id, 16)) for one in kept.references] == shown


def test_a_parent_that_only_a_tag_names_is_used_and_not_shown_as_tag() -> None:
    tag = pb.KeyValue(key="parent_span_guid", string_value="1d78e2de32f43bda")
    _, kept = decode_one(report(spans=[span(tags=[tag]), span(tags=[tag], references=[reference(5)])]))
    assert [(one.parent_span_id, one.tags) for one in kept] == [("1d78e2de32f43bda", {}), (f"{5:016x}", {})]


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ({"bool_value": True}, True),
        ({"bool_value": False}, False),
        ({"string_value": "True"}, True),
        ({"string_value": "false"}, False),
        ({"string_value": ""}, False),
        ({"int_value": 1}, True),
        ({"int_value": 0}, False),
    ],
)
def test_error_by_tag(value: dict[str, Any], error: bool) -> None:
    _, [kept] = decode_one(report(spans=[span(tags=[pb.KeyValue(key="error", **value)])]))
    assert kept.error is error


def test_kind_meta_event_and_baggage() -> None:
    told = span(
        tags=[
            pb.KeyValue(key="span.kind", string_value="Server"),
            pb.KeyValue(key="lightstep.meta_event", bool_value=True),
        ]
    )
    told.span_context.baggage["tenant"] = "t1"
    _, [kept, plain] = decode_one(report(spans=[told, span()]))
    assert (kept.kind, kept.marks, kept.extra) == ("server", ["meta_event"], {"baggage": {"tenant": "t1"}})
    assert (plain.kind, plain.marks, plain.extra) == (None, [], {})


@pytest.mark.parametrize(
    ("entry", "kept_as"),
    [
        (b"\x0a\1k\x12\1\xff", {"k": "\ufffd"}),
        (b"\x0a\1k", {"k": ""}),
        (b"\x0a\1k\x42\1\xc1", {"k": ""}),  # a field that no baggage has, and our own tags have
        (b"\x0a\x09k", {"satellite.malformed_tag": "Cglr"}),
    ],
)
def test_baggage_that_is_none_costs_itself(entry: bytes, kept_as: dict[str, str]) -> None:
    context = span().span_context.SerializeToString() + b"\x1a" + bytes([len(entry)]) + entry
    body = b"\x1a" + bytes([len(context) + 2]) + b"\x0a" + bytes([len(context)]) + context
    [kept] = decode([body], NOW_NS).batch.spans()
    assert kept.extra == {"baggage": kept_as}


def test_client_counters_are_summed_and_nameless_samples_skipped() -> None:
    request = report()
    request.internal_metrics.counts.add(name="spans.dropped", int_value=3)
    request.internal_metrics.counts.add(name="spans.dropped", double_value=1.5)
    request.internal_metrics.counts.add()
    said, _ = decode_one(request)
    assert said.counters == {"spans.dropped": 4.5}


def test_fields_in_unusual_order_and_given_twice() -> None:
    # A streaming tracer writes span_context last and may write the name twice; singular messages may come in parts.
    body = (
        bytes.fromhex("1a0c120161120162")
        + bytes.fromhex("0a0408011002")
        + bytes.fromhex("12030a017412030a0175")
    )
    decoded = decode([body], NOW_NS)
    [kept] = decoded.batch.spans()
    assert (kept.operation, kept.span_id, good(decoded)[0].token) == ("b", f"{2:016x}", "u")


@given(st.binary(max_size=200))
def test_any_bytes_give_a_report_or_bad_report(body: bytes) -> None:
    decoded = decode([body], NOW_NS)
    [outcome] = decoded.reports
    assert isinstance(outcome, Report | BadReport)
    decoded.batch.spans()


@given(st.integers(0, len(FULL) - 1), st.integers(0, 255), st.booleans())
def test_a_mutated_report_never_harms_its_neighbours(place: int, byte: int, cut: bool) -> None:
    mutated = FULL[:place] if cut else FULL[:place] + bytes([byte]) + FULL[place + 1 :]
    decoded = decode([FULL, mutated, FULL], NOW_NS)
    first, _, last = decoded.reports
    [expected] = decode([FULL], NOW_NS).batch.spans()
    for outcome in (first, last):
        assert isinstance(outcome, Report)
        [kept] = decoded.batch.slice(outcome.rows.start, outcome.rows.stop).spans()
        assert kept == expected
    decoded.batch.spans()


def answer(receipt: Receipt) -> pb.ReportResponse:
    return pb.ReportResponse.FromString(encode(receipt, RequestHead()).body)


def test_an_accepted_report_is_answered_with_times_and_warnings_but_no_errors() -> None:
    reply = encode(Receipt(NOW_NS, NOW_NS + 1_000_000, warnings=["odd"]), RequestHead())
    response = pb.ReportResponse.FromString(reply.body)
    assert (reply.status, reply.content_type) == (200, "application/octet-stream")
    assert response.receive_timestamp.ToNanoseconds() == NOW_NS
    assert response.transmit_timestamp.ToNanoseconds() == NOW_NS + 1_000_000
    assert (list(response.errors), list(response.warnings)) == ([], ["odd"])


def test_the_small_response_vector() -> None:
    reply = encode(Receipt(NOW_NS, NOW_NS + 1_000_000), RequestHead())
    assert reply.body.hex() == "12060881e2cfaa061a0a0881e2cfaa0610c0843d"


@pytest.mark.parametrize(
    ("refusal", "status"),
    [(BadReport("100% bad"), 400), (AccessDenied("unknown"), 400), (TooLarge("big"), 413)],
)
def test_permanent_refusals_are_parseable(refusal: BadReport, status: int) -> None:
    receipt = Receipt(NOW_NS, NOW_NS, refusal)
    assert encode(receipt, RequestHead()).status == status
    [said] = answer(receipt).errors
    assert "%" not in said


@pytest.mark.parametrize("later", [Overloaded("later"), StoreFailed("later")])
def test_try_later_is_plain_text_so_that_clients_send_again(later: SatelliteError) -> None:
    reply = encode(Receipt(NOW_NS, NOW_NS, later), RequestHead())
    assert (reply.status, reply.content_type) == (503, "text/plain; charset=utf-8")


def test_the_record_names_what_the_edges_need() -> None:
    assert ("POST", "/api/v2/reports") in PROTOCOL.http_routes
    assert ("POST", "/api/v2/report") in PROTOCOL.http_routes
    assert PROTOCOL.grpc_methods == ("/lightstep.collector.CollectorService/Report",)
