"""Zipkin in all its forms, against the rules of the wire reference and against anything at all."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from satellite.errors import AccessDenied, BadReport, Overloaded, StoreFailed, TooLarge
from satellite.model.report import Receipt, Report
from satellite.model.reporter import Reporter
from satellite.model.spans import Kind, SpanBuilder, Status, encode_log
from satellite.pb import zipkin_pb2 as pb
from satellite.protocols import rows
from satellite.protocols.readers.json_document import UNCOUNTED_BYTES
from satellite.protocols.wire import RequestHead
from satellite.protocols.zipkin import v2 as zipkin
from satellite.protocols.zipkin.export import encode_spans
from satellite.protocols.zipkin.v2 import PROTOCOL, decode, encode
from tests.protocols.neighbours import stay_whole
from tests.protocols.zipkin.sent import HASKELL, NOW_NS, V1, V2, decode_one, decode_span
from tests.protocols.zipkin.test_v1 import THRIFT


def test_a_v2_report_means_what_the_reference_says() -> None:
    report, [client, server] = decode_one(V2)
    assert (report.token, report.reporter.service, report.warnings) == ("tok", "backend", [])
    assert (client.trace_id, client.span_id) == ("5af7183fb1d4cf5f7a0c9b1de2f3a4b5", "352bff9a74ca9ad2")
    assert (client.parent_span_id, client.operation, client.kind) == (
        "6b221d5bc9e6496c",
        "get /api",
        "client",
    )
    assert (client.start_us, client.duration_us) == (1556604172355737, 1431)
    assert (client.service, client.protocol) == ("backend", "zipkin")
    assert client.reporter.attributes == {"ipv4": "192.168.99.1", "port": 3306}
    assert client.tags == {
        "http.method": "GET",
        "http.path": "/api",
        "span.kind": "client",
        "peer.service": "db",
        "peer.ipv4": "172.19.0.2",
        "peer.ipv6": "2001:db8::c001",
        "peer.port": 58648,
    }
    assert [(log.time_us, log.fields) for log in client.logs] == [(1556604172355999, {"event": "ws"})]
    assert (client.extra, client.marks, client.error) == ({"debug": True}, [], False)
    assert (server.service, server.kind, server.error, server.marks) == ("db", "server", True, ["shared"])


def test_the_servers_half_of_a_shared_span_is_the_child_of_the_clients() -> None:
    _, [client, server] = decode_one(V2)
    assert client.span_id == server.span_id == server.parent_span_id
    assert server.extra == {"shared_parent_id": client.parent_span_id}


def test_two_halves_in_one_report_are_shared_without_saying_so() -> None:
    halves = [{"traceId": "1", "id": "2", "kind": kind, "timestamp": 5} for kind in ("SERVER", "CLIENT")]
    _, spans = decode_one(json.dumps(halves).encode())
    assert [(span.kind, span.marks) for span in spans] == [("server", ["shared"]), ("client", [])]


def test_what_haskell_sends() -> None:
    report, [span] = decode_one(HASKELL)
    assert (report.token, span.service) == ("tok", "unknown_service")
    assert span.parent_span_id == "8000000000000001"
    assert span.tags == {"n": 3, "x": 0.5, "yes": True}


@pytest.mark.parametrize("body", [b"", b"[]", b" [ ] ", b"\n[]"])
def test_empty_reports_are_reports(body: bytes) -> None:
    report, spans = decode_one(body)
    assert (report.reporter, spans) == (Reporter("zipkin"), [])


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("1", "0000000000000001"),
        ("ABCDEF", "0000000000abcdef"),
        ("000000000000000000000000000000ff", "00000000000000ff"),
        ("5af7183fb1d4cf5f7a0c9b1de2f3a4b5", "5af7183fb1d4cf5f7a0c9b1de2f3a4b5"),
        (7, "0000000000000007"),
        (-1, "ffffffffffffffff"),
        (2**64 + 1, "00000000000000010000000000000001"),
    ],
)
def test_trace_ids(sent: str | int, shown: str) -> None:
    assert decode_span(traceId=sent).trace_id == shown


def test_ids_that_are_no_hex_keep_their_text() -> None:
    uuid = "01234567-89ab-cdef-0123-456789abcdef"
    span = decode_span(traceId=uuid, id="span/nine")
    assert span.trace_id == uuid.replace("-", "")
    assert span.extra == {"trace_id_text": uuid, "span_id_text": "span/nine"}
    assert span.span_id == decode_span(parentId="span/nine").parent_span_id


@pytest.mark.parametrize("parent", ["", "0000000000000000", 0, None, [], {}, True and "0"])
def test_no_parent(parent: Any) -> None:
    assert decode_span(parentId=parent).parent_span_id is None


def test_spans_without_ids_are_dropped_by_name() -> None:
    report, [kept, other] = decode_one(
        b'[{"name":"lost"},{"id":"1","timestamp":1},{"traceId":"1","timestamp":1}]'
    )
    assert report.dropped == {"no_ids": 1}
    assert report.warnings == ["1 spans without trace id and span id were dropped"]
    assert (kept.marks, other.marks) == (["zero_id"], ["zero_id"])


@pytest.mark.parametrize(
    ("fields", "start_us", "duration_us", "marks"),
    [
        ({"timestamp": 0}, NOW_NS // 1000, 0, ["time_invented"]),
        ({"timestamp": None, "duration": 5}, NOW_NS // 1000, 5, ["time_invented"]),
        ({"timestamp": 2**70}, NOW_NS // 1000, 0, ["time_invented"]),
        ({"timestamp": "soon"}, NOW_NS // 1000, 0, ["time_invented"]),
        ({"timestamp": "17", "duration": "4"}, 17, 4, []),
        ({"timestamp": 17.9, "duration": 4.9}, 17, 4, []),
        ({"timestamp": 5, "duration": -3}, 5, -3, ["negative_duration"]),
        ({"timestamp": 5, "duration": 2**64}, 5, (2**63 - 1) // 1000, ["clamped"]),
        ({"timestamp": 2 * NOW_NS // 1000}, 2 * NOW_NS // 1000, 0, ["future"]),
    ],
)
def test_times(fields: dict[str, Any], start_us: int, duration_us: int, marks: list[str]) -> None:
    span = decode_span(**fields)
    assert (span.start_us, span.duration_us, span.marks) == (start_us, duration_us, marks)


@pytest.mark.parametrize(
    ("value", "error"),
    [("", True), ("true", True), ("boom", True), (True, True), ("False", False), (False, False)],
)
def test_an_error_tag_means_error_whatever_its_value(value: Any, error: bool) -> None:
    span = decode_span(tags={"error": value})
    assert (span.error, span.tags) == (error, {"error": value})


@pytest.mark.parametrize(
    ("fields", "service"),
    [
        ({}, "unknown_service"),
        ({"localEndpoint": {"serviceName": "local"}}, "local"),
        ({"localEndpoint": {"ipv4": "::"}, "tags": {"lightstep.component_name": "component"}}, "component"),
        ({"localEndpoint": {"serviceName": "local"}, "tags": {"lightstep.service_name": "told"}}, "told"),
        ({"localEndpoint": {"serviceName": ["local"]}}, '["local"]'),
        ({"localEndpoint": 3}, "unknown_service"),
    ],
)
def test_service(fields: dict[str, Any], service: str) -> None:
    assert decode_span(**fields).service == service


@pytest.mark.parametrize("key", ["lightstep.access_token", "access_token"])
def test_a_token_is_used_and_not_kept(key: str) -> None:
    body = json.dumps(
        [{"traceId": "1", "id": "2", "tags": {key: "t1"}}, {"traceId": "1", "id": "3"}]
    ).encode()
    report, [span, _] = decode_one(body)
    assert (report.token, span.tags) == ("t1", {})


def test_odd_fields_do_not_lose_a_span() -> None:
    span = decode_span(
        name=5,
        kind="INTERPRETER",
        tags=[1],
        annotations=[3, {}, {"value": {"a": 1}}],
        remoteEndpoint="x",
        shared=1,
    )
    assert (span.operation, span.kind, span.tags, span.extra) == ("5", None, {}, {"kind_text": "INTERPRETER"})
    assert [log.fields for log in span.logs] == [{"event": '{"a":1}'}]
    assert decode_span(tags={"span.kind": "internal"}).kind == "internal"
    assert decode_span(tags={"deep": [{"a": None}], "huge": 10**40}).tags == {
        "deep": '[{"a":null}]',
        "huge": str(10**40),
    }
    assert decode_span(remoteEndpoint={"port": 70000, "ipv4": ""}).tags == {}
    listed = [{"key": "a", "value": "b"}, {"key": 5, "value": "c"}, {"key": "n"}, None]
    assert decode_span(tags=listed).tags == {"a": "b", "n": None}


def test_elements_that_are_no_spans_are_dropped_and_the_others_kept() -> None:
    report, [span] = decode_one(b'[1, {"traceId":"1","id":"2","tags":{"a":1e400}}, null]')
    assert report.dropped == {"malformed": 2}
    assert span.tags == {"a": float("inf")}


@pytest.mark.parametrize("text", [b"a\xff", b"a\\ud800"])
def test_invalid_unicode_is_replaced_and_marked(text: bytes) -> None:
    body = (
        b'[{"traceId":"1","id":"2","timestamp":5,"tags":{"k":"%b"}},{"traceId":"1","id":"3","timestamp":5}]'
        % text
    )
    _, [broken, whole] = decode_one(body)
    assert (broken.tags, broken.marks, whole.marks) == ({"k": "a�"}, ["bad_utf8"], [])
    _, [named] = decode_one(b'[{"traceId":"1","id":"2","timestamp":5,"name":"%b"}]' % text)
    assert (named.operation, named.marks) == ("a�", ["bad_utf8"])


def test_of_a_key_that_stands_twice_the_last_counts() -> None:
    _, [span] = decode_one(b'[{"traceId":"1","id":"2","tags":{"k":"1","k":"2"}}]')
    assert span.tags == {"k": "2"}


BAD = [
    b"{}",
    b'{"batch":{"spans":[]}}',
    b"[",
    b"[1,2]",
    b'["a"]',
    b"nope",
    b"[{]",
    b"[" * 100_000,
    b'[{"a":' + b"[" * 100_000,
    b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\x0a\x02\xff\xff",
    b"\x0a\x05\x00",
    b"\x0c\xff\xff\xff\xff",
    b"\x0c\x7f\xff\xff\xff",
    b"\x0c\x00\x00\x00\x01\x0d",
    b"\x0b\x00\x00\x00\x01",
]


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_report_does_not_touch_its_neighbours(bad: bytes) -> None:
    stay_whole(decode, V2, bad)


def test_jaegers_json_is_told_apart() -> None:
    [fault] = decode([b'{"batch":{}}'], NOW_NS).reports
    assert isinstance(fault, BadReport)
    assert "Jaeger" in fault.message


@pytest.mark.parametrize("element", [b"{}", b'{"a":1e999}'])
def test_more_spans_than_real_reports_hold_are_refused(
    monkeypatch: pytest.MonkeyPatch, element: bytes
) -> None:
    monkeypatch.setattr(rows, "SPANS_MAX", 10)
    outcomes = decode([b"[" + b",".join([element] * 20) + b"]", b"[{}]"], NOW_NS).reports
    assert [type(outcome) for outcome in outcomes] == [TooLarge, Report]


LARGE = UNCOUNTED_BYTES + 1


def different_tags(first: int, stop: int) -> bytes:
    """A span of many tags that no other span has."""
    return b'{"id":"1","tags":{%b}}' % b",".join(b'"%06x":""' % i for i in range(first, stop))


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b"{}," * LARGE + b"{}]",
        b"[" + b'{"a":NaN},' * LARGE + b"{}]",
        b"[" + b"1," * LARGE + b"{}]",
        b'[{"id":"1","tags":{' + b",".join(b'"%x":""' % i for i in range(LARGE // 4)) + b"}}]",
        b'[{"id":"1","tags":{"a":[' + b"[]," * LARGE + b"1]}}]",
        b'[{"id":"1","annotations":[' + b'{"value":1},' * (LARGE // 4) + b"{}]}]",
        b"[" + b",".join(different_tags(first, first + 100) for first in range(0, 150_000, 100)) + b"]",
        b"\x0c\0\0\0\1\x0f\0\6\x0c\0\4\0\0" + b"\0" * 0x40000 + b"\0",
    ],
    ids=["spans", "odd spans", "numbers", "tags", "lists", "annotations", "different tags", "Thrift"],
)
def test_more_values_than_bytes_for_them_are_refused_and_leave_nothing(body: bytes) -> None:
    decoded = decode([V2, body, V2], NOW_NS)
    assert [type(outcome) for outcome in decoded.reports] == [Report, TooLarge, Report]
    assert len(decoded.batch) == 4
    assert len(decoded.batch.tags) == len(decode([V2], NOW_NS).batch.tags)


def test_a_long_text_is_no_list_of_values() -> None:
    text = '1,2,[3],{4},\\",' * 2**17
    body = msgspec.json.encode([{"id": "1", "traceId": "2", "name": "a", "tags": {"sql": text}}])
    decoded = decode([body], NOW_NS)
    [span] = decoded.batch.spans()
    assert span.tags["sql"] == text


@pytest.mark.parametrize(
    "body", [b"\x0a\0" * 2000, b"[{}" + b",{}" * 2000 + b"]", b"\x0c\0\0\x10\0" + b"\0" * 0x1000]
)
def test_spans_of_a_byte_or_two_are_refused(body: bytes) -> None:
    [outcome] = decode([body], NOW_NS).reports
    assert isinstance(outcome, BadReport)


def test_more_protobuf_spans_than_real_reports_hold_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "SPANS_MAX", 10)
    [outcome] = decode([b"\x0a\x00" * 20], NOW_NS).reports
    assert isinstance(outcome, TooLarge)


# Protobuf


def proto_span(**fields: Any) -> bytes:
    whole: dict[str, Any] = {"trace_id": b"\1" * 16, "id": b"\2" * 8, "timestamp": 5} | fields
    return pb.Span(**whole).SerializeToString()


def test_a_protobuf_report_says_the_same_as_json() -> None:
    client = pb.Span(
        trace_id=bytes.fromhex("5af7183fb1d4cf5f7a0c9b1de2f3a4b5"),
        id=bytes.fromhex("352bff9a74ca9ad2"),
        parent_id=bytes.fromhex("6b221d5bc9e6496c"),
        name=b"get /api",
        kind=1,
        timestamp=1556604172355737,
        duration=1431,
        local_endpoint=pb.Endpoint(service_name=b"backend", ipv4=bytes([192, 168, 99, 1]), port=3306),
        remote_endpoint=pb.Endpoint(
            service_name=b"db",
            ipv4=bytes([172, 19, 0, 2]),
            ipv6=bytes.fromhex("20010db800000000000000000000c001"),
            port=58648,
        ),
        annotations=[pb.Annotation(timestamp=1556604172355999, value=b"ws")],
        tags=[pb.Tag(key=b"http.method", value=b"GET"), pb.Tag(key=b"http.path", value=b"/api")],
        debug=True,
    )
    client.tags.add(key=b"lightstep.access_token", value=b"tok")
    report, [span] = decode_one(pb.ListOfSpans(spans=[client.SerializeToString()]).SerializeToString())
    assert report.token == "tok"
    assert span == decode_one(V2)[1][0]


def test_broken_protobuf_spans_are_dropped_and_the_others_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipkin, "SPAN_BYTES_MAX", 100)
    spans = [proto_span(), b"\xff\xff", proto_span(name=b"n" * 200), proto_span(name=b"a\xff", kind=9)]
    report, [whole, broken] = decode_one(pb.ListOfSpans(spans=spans).SerializeToString())
    assert report.dropped == {"malformed": 1, "span_too_large": 1}
    assert (whole.trace_id, broken.operation, broken.marks) == ("01" * 16, "a�", ["bad_utf8"])
    assert broken.extra == {"kind_text": "kind 9"}


# Anything at all

PROTO = pb.ListOfSpans(spans=[proto_span(tags=[pb.Tag(key=b"k", value=b"v")])] * 2).SerializeToString()
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
FIELDS = [
    "traceId", "id", "parentId", "name", "kind", "timestamp", "duration", "localEndpoint", "remoteEndpoint",
    "annotations", "tags", "debug", "shared", "binaryAnnotations",
]  # fmt: skip


@given(
    st.binary(max_size=100)
    | st.binary(max_size=100).map(lambda rest: b"\x0a" + rest)
    | st.text().map(str.encode)
)
@example(b"\x0c\0\0\0\1\0")
def test_any_bytes_give_a_report_or_bad_report(body: bytes) -> None:
    decoded = decode([body], NOW_NS)
    [outcome] = decoded.reports
    assert isinstance(outcome, Report | BadReport)
    decoded.batch.spans()


@given(st.lists(st.dictionaries(st.sampled_from(FIELDS), JSON_VALUES), max_size=2))
def test_any_values_of_fields_are_kept_or_dropped(spans: list[Any]) -> None:
    report, kept = decode_one(json.dumps(spans).encode())
    assert len(kept) + sum(report.dropped.values()) >= len(spans)


@given(st.sampled_from([V2, HASKELL, V1, PROTO, THRIFT]), st.data())
def test_a_mutated_report_never_harms_its_neighbours(whole: bytes, data: st.DataObject) -> None:
    place, byte = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(0, 255))
    cut = data.draw(st.booleans())
    mutated = whole[:place] if cut else whole[:place] + bytes([byte]) + whole[place + 1 :]
    decoded = decode([V2, mutated, V2], NOW_NS)
    first, outcome, last = decoded.reports
    assert isinstance(outcome, Report | BadReport)
    expected = decode_one(V2)[1]
    for report in (first, last):
        assert isinstance(report, Report)
        part = decoded.batch.slice(report.rows.start, report.rows.stop)
        assert part.spans() == expected
    decoded.batch.spans()


# Written out


TEXT = st.text(max_size=5)
IDS = st.integers(1, 2**64 - 1)
PORTS = st.integers(1, 65535)
ADDRESSES = st.fixed_dictionaries(
    {}, optional={"ipv4": st.just("10.0.0.1"), "ipv6": st.just("::1"), "port": PORTS}
)
ENDPOINTS = st.builds(lambda name, rest: ({"serviceName": name} if name else {}) | rest, TEXT, ADDRESSES)
SPANS = st.fixed_dictionaries(
    {"traceId": st.integers(1, 2**128 - 1).map(lambda n: f"{n:032x}"), "id": IDS.map(lambda n: f"{n:016x}")},
    optional={
        "parentId": IDS.map(lambda n: f"{n:016x}"),
        "name": TEXT,
        "kind": st.sampled_from(["CLIENT", "SERVER", "PRODUCER", "CONSUMER"]),
        "timestamp": st.integers(1, 2**50),
        "duration": st.integers(1, 2**50),
        "localEndpoint": ENDPOINTS,
        "remoteEndpoint": ENDPOINTS,
        "annotations": st.lists(
            st.fixed_dictionaries({"timestamp": st.integers(1, 2**50), "value": TEXT}), max_size=2
        ),
        "tags": st.dictionaries(
            TEXT | st.sampled_from(["error", "span.kind", "peer.service"]), TEXT, max_size=3
        ),
        "debug": st.booleans(),
        "shared": st.booleans(),
    },
)


@given(st.lists(SPANS, max_size=4))
def test_what_came_by_zipkin_goes_out_without_loss(spans: list[Any]) -> None:
    first = decode([json.dumps(spans).encode()], NOW_NS).batch
    again = decode([encode_spans(first)], NOW_NS).batch
    assert again.spans() == first.spans()
    assert encode_spans(again) == encode_spans(first)


ODD = st.dictionaries(
    st.sampled_from(FIELDS),
    JSON_VALUES
    | st.sampled_from(["", "0", "x", "0x1", " 1", "+1", "f" * 33, 0, -1, 2**62, 2**80, "\ud800"])
    | st.sampled_from([[{"value": "cs", "endpoint": {}}], {"lightstep.service_name": "shop"}, {"a": [1]}]),
    max_size=1,
)


@given(st.lists(st.tuples(SPANS, ODD).map(lambda two: {"timestamp": 5} | two[0] | two[1]), max_size=4))
def test_plain_spans_mean_the_same_at_a_stroke_and_one_by_one(spans: list[Any]) -> None:
    body = json.dumps(spans).encode()

    def seen() -> Any:
        decoded = decode([V2, body, V2], NOW_NS)
        return decoded.batch.spans(), decoded.batch.rows.to_pydict()["start_ns"], decoded.reports

    at_a_stroke = seen()
    with patch.object(zipkin, "add_plain", lambda *_: False):
        one_by_one = seen()
    assert str(at_a_stroke) == str(one_by_one)


def test_the_files_go_out_without_loss() -> None:
    for body in (V2, HASKELL, V1):
        first = decode([body], NOW_NS).batch
        texts = decode([encode_spans(first)], NOW_NS).batch
        assert encode_spans(texts) == encode_spans(first)
        assert [span.logs for span in texts.spans()] == [span.logs for span in first.spans()]


def test_what_zipkin_has_no_place_for() -> None:
    builder = SpanBuilder()
    builder.add(
        reporter=Reporter("otlp", "shop", 0, (("service.version", "1"), ("port", "none"))),
        operation="buy",
        trace_low=2,
        span_id=3,
        start_ns=NOW_NS + 999,
        duration_ns=5_999,
        kind=Kind.INTERNAL,
        status=Status.ERROR,
        tags=[("n", 1), ("list", [1]), ("error", False), ("peer.port", "80"), ("span.kind", "internal")],
        logs=[encode_log(NOW_NS, [("k", 1)], name="hit")],
    )
    builder.add(
        reporter=Reporter("lightstep"),
        operation="",
        trace_low=2,
        span_id=4,
        start_ns=NOW_NS,
        duration_ns=0,
        tags=[("error", "")],
    )
    shop, plain = json.loads(encode_spans(builder.build()))
    assert shop == {
        "traceId": f"{2:016x}",
        "id": f"{3:016x}",
        "name": "buy",
        "timestamp": NOW_NS // 1000,
        "duration": 5,
        "localEndpoint": {"serviceName": "shop"},
        "annotations": [{"timestamp": NOW_NS // 1000, "value": '{"event":"hit","k":1}'}],
        "tags": {
            "n": "1",
            "list": "[1]",
            "error": "true",
            "peer.port": "80",
            "span.kind": "internal",
            "service.version": "1",
        },
    }
    assert plain == {
        "traceId": f"{2:016x}",
        "id": f"{4:016x}",
        "timestamp": NOW_NS // 1000,
        "tags": {"error": "false"},
    }


# Answers


@pytest.mark.parametrize(
    ("user_agent", "status"),
    [("", 202), ("envoy/1.40", 202), ("istio-proxy", 202), ("python-requests/2.32", 200), ("okhttp/4", 200)],
)
@pytest.mark.parametrize("path", ["/api/v2/spans", "/api/v1/spans"])
def test_envoy_hears_202_and_all_others_200(user_agent: str, status: int, path: str) -> None:
    reply = encode(Receipt(NOW_NS, NOW_NS), RequestHead(path=path, user_agent=user_agent))
    assert (reply.status, reply.body) == (status, b"")


def test_warnings_are_said_over_http_and_grpc_gets_an_empty_message() -> None:
    receipt = Receipt(NOW_NS, NOW_NS, warnings=["odd", "too"])
    assert encode(receipt, RequestHead(path="/api/v2/spans")).body == b"odd\ntoo"
    assert encode(receipt, RequestHead()).body == b""


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (BadReport("bad"), 400),
        (AccessDenied("unknown"), 400),
        (TooLarge("big"), 413),
        (Overloaded("later"), 503),
        (StoreFailed("broken"), 503),
    ],
)
def test_refusals_are_text(refusal: Any, status: int) -> None:
    reply = encode(Receipt(NOW_NS, NOW_NS, refusal), RequestHead(path="/api/v2/spans"))
    assert (reply.status, reply.content_type) == (status, "text/plain; charset=utf-8")
    assert reply.body.decode() == refusal.message


def test_the_record_names_what_the_edges_need() -> None:
    assert PROTOCOL.http_routes == (("POST", "/api/v2/spans"), ("POST", "/api/v1/spans"))
    assert PROTOCOL.grpc_methods == ("/zipkin.proto3.SpanService/Report",)
    assert {"application/json", "application/x-protobuf", "application/x-thrift"} <= set(
        PROTOCOL.content_types
    )


def test_names_as_protobuf_has_them() -> None:
    sent = {
        "trace_id": "5b",
        "id": "2",
        "parent_id": "3",
        "timestamp": 7,
        "local_endpoint": {"service_name": "shop"},
    }
    [span] = decode([json.dumps([sent]).encode()], 1).batch.spans()
    assert (span.trace_id, span.parent_span_id, span.service) == (f"{0x5B:016x}", f"{3:016x}", "shop")


def test_a_span_without_its_list_is_told_what_it_lacks() -> None:
    [outcome] = decode([b' {"traceId": "1", "id": "2"}'], NOW_NS).reports
    assert isinstance(outcome, BadReport)
    assert outcome.message == "not Zipkin: a JSON object; spans come in an array, one, too: [{…}]"
