"""The OTLP codec against the reference's rules, real clients' payloads, a plain reading, and anything at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status as RpcStatus
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan

from satellite.errors import AccessDenied, BadReport, Overloaded, SatelliteError, StoreFailed, TooLarge
from satellite.model.report import Receipt, Report
from satellite.model.span import Reference, Span
from satellite.model.spans import Kind, SpanBatch, Status
from satellite.model.tag import decode_tag
from satellite.protocols.otlp import events
from satellite.protocols.otlp.protobuf import (
    JSON_PROTOCOL,
    PROTOCOL,
    decode,
    encode,
    encode_json,
    grpc_details,
)
from satellite.protocols.otlp.views import VIEW_KEYS
from satellite.protocols.wire import RequestHead
from tests.protocols.neighbours import stay_whole
from tests.protocols.otlp_requests import (
    NOW_NS,
    SPAN_ID,
    START_NS,
    TRACE,
    good,
    key_values,
    plain_pairs,
    request,
    requests,
    rows_of,
    same,
    span,
)

DATA = Path(__file__).parents[1] / "data" / "otlp"
REAL = {
    path.stem: path.read_bytes()
    for path in sorted(DATA.glob("real-*.bin"))
    if not path.stem.endswith("-json")
}
HEAD = RequestHead()


def decode_one(made: ExportTraceServiceRequest) -> tuple[Report, list[Span]]:
    decoded = decode([made.SerializeToString()], NOW_NS)
    return good(decoded)[0], decoded.batch.spans()


def one(*args: Any, **fields: Any) -> Span:
    [kept] = decode_one(request(span(*args, **fields)))[1]
    return kept


def sent_tags(batch: SpanBatch, row: int) -> list[tuple[str, Any]]:
    return [decode_tag(batch.tags[code].as_py()) for code in batch.rows.column("tags")[row].as_py()]


# What is read


def test_a_span_with_everything() -> None:
    made = request()
    made.resource_spans[0].schema_url = "https://r"
    made.resource_spans[0].resource.dropped_attributes_count = 4
    scope = made.resource_spans[0].scope_spans[0]
    scope.scope.name, scope.scope.version, scope.schema_url = "lib", "1.2", "https://s"
    scope.scope.attributes.extend(key_values([("a", 1)]))
    scope.scope.dropped_attributes_count = 5
    sent = span(
        {"http.method": "GET", "size": 5},
        trace_id=bytes.fromhex("0102030405060708090a0b0c0d0e0f10"),
        parent_span_id=bytes(7) + b"\x05",
        trace_state="k=v",
        kind=2,
        flags=0x101,
        dropped_attributes_count=1,
        dropped_events_count=2,
        dropped_links_count=3,
    )
    sent.status.code, sent.status.message = 2, "boom"
    sent.events.add(
        time_unix_nano=START_NS + 7000,
        name="hit",
        attributes=key_values([("n", 1)]),
        dropped_attributes_count=9,
    )
    sent.links.add(trace_id=TRACE, span_id=bytes(7) + b"\x09", attributes=key_values([("why", "x")]))
    scope.spans.append(sent)
    said, [kept] = decode_one(made)
    assert (said.rows, said.dropped, said.warnings) == (slice(0, 1), {}, [])
    assert said.reporter.detail == {"dropped_attributes_count": 4, "schema_url": "https://r"}
    assert (kept.trace_id, kept.span_id) == ("0102030405060708090a0b0c0d0e0f10", SPAN_ID.hex())
    assert (kept.parent_span_id, kept.service, kept.operation) == ("0000000000000005", "shop", "op")
    assert (kept.kind, kept.error, kept.protocol) == ("server", True, "otlp")
    assert (kept.start_us, kept.duration_us) == (START_NS // 1000, 1)
    assert kept.tags == {
        "http.method": "GET",
        "size": 5,
        "span.kind": "server",
        "error": True,
        "otel.status_description": "boom",
        "otel.scope.name": "lib",
        "otel.scope.version": "1.2",
    }
    assert [(log.time_us, log.fields) for log in kept.logs] == [
        (START_NS // 1000 + 7, {"event": "hit", "n": 1})
    ]
    assert kept.references == [
        Reference("child_of", kept.trace_id, "0000000000000005"),
        Reference("follows_from", "fedcba9876543210", "0000000000000009", {"why": "x"}),
    ]
    assert kept.extra == {
        "scope": {
            "name": "lib",
            "version": "1.2",
            "attributes": [["a", 1]],
            "dropped_attributes_count": 5,
            "schema_url": "https://s",
        },
        "status_message": "boom",
        "dropped_attributes_count": 1,
        "dropped_events_count": 2,
        "dropped_links_count": 3,
        "flags": 0x101,
        "trace_state": "k=v",
    }
    assert kept.marks == []


@pytest.mark.parametrize("name", REAL)
def test_what_real_clients_send(name: str) -> None:
    check_against_plain_reading(ExportTraceServiceRequest.FromString(REAL[name]), REAL[name])


@given(requests())
def test_any_request_reads_as_plain_protobuf_does(made: ExportTraceServiceRequest) -> None:
    check_against_plain_reading(made, made.SerializeToString())


def check_against_plain_reading(made: ExportTraceServiceRequest, body: bytes) -> None:
    decoded = decode([body], NOW_NS)
    [said] = good(decoded)
    expected = [
        (resource, scope, sent)
        for resource in made.resource_spans
        for scope in resource.scope_spans
        for sent in scope.spans
        if any(sent.trace_id) and any(sent.span_id)
    ]
    batch = decoded.batch
    assert (len(batch), said.rows) == (len(expected), slice(0, len(expected)))
    shown = batch.spans()
    for row, (resource, scope, sent) in enumerate(expected):
        kept, extra = shown[row], shown[row].extra
        assert kept.trace_id.rjust(32, "0") == sent.trace_id.hex()
        assert kept.span_id == sent.span_id.hex()
        assert kept.operation == sent.name
        whole = len(sent.parent_span_id) == 8 and any(sent.parent_span_id)
        assert kept.parent_span_id == (sent.parent_span_id.hex() if whole else None)
        assert Kind[(kept.kind or "unspecified").upper()] == (sent.kind if sent.kind <= 5 else 0)
        tags = sent_tags(batch, row)
        attributes = plain_pairs(sent.attributes)
        assert same(tags[: len(attributes)], attributes)
        assert {key for key, _ in tags[len(attributes) :]} <= set(VIEW_KEYS)
        for key in ("trace_state", "flags", "dropped_attributes_count", "dropped_events_count"):
            assert extra.get(key, type(getattr(sent, key))()) == getattr(sent, key)
        assert extra.get("status_message", "") == sent.status.message
        assert extra.get("scope", {}).get("name", "") == scope.scope.name
        assert same(extra.get("scope", {}).get("attributes", []), plain_pairs(scope.scope.attributes))
        assert same(
            list(kept.reporter.attributes.items()),
            list(dict(plain_pairs(resource.resource.attributes)).items()),
        )
        if all(0 < time < 2**63 for time in (sent.start_time_unix_nano, sent.end_time_unix_nano)):
            assert batch.column("start_ns")[row] == sent.start_time_unix_nano
            assert batch.column("duration_ns")[row] == sent.end_time_unix_nano - sent.start_time_unix_nano
        else:
            assert extra["start_time_unix_nano"] == sent.start_time_unix_nano
            assert extra["end_time_unix_nano"] == sent.end_time_unix_nano
        assert [log.time_us for log in kept.logs] == [event.time_unix_nano // 1000 for event in sent.events]
        for log, event in zip(kept.logs, sent.events, strict=True):
            named = {"event": event.name} if event.name else {}
            assert same(log.fields, named | dict(plain_pairs(event.attributes)))
        links = kept.references[1:] if whole else kept.references
        if sent.links:
            attributes_of_links = [dict(plain_pairs(link.attributes)) for link in sent.links]
            assert same([link.attributes for link in links], attributes_of_links)


def test_several_resources_scopes_and_bodies_keep_apart() -> None:
    bodies = []
    for number in range(3):
        made = ExportTraceServiceRequest()
        for service in range(number):
            resource = made.resource_spans.add()
            resource.resource.attributes.extend(key_values([("service.name", f"s{number}-{service}")]))
            for scope in ("a", "b"):
                scoped = resource.scope_spans.add()
                scoped.scope.name = scope
                scoped.spans.extend(
                    [span(name=f"{scope}{i}", span_id=bytes([1] * 7 + [i + 1])) for i in range(2)]
                )
        bodies.append(made.SerializeToString())
    decoded = decode(bodies, NOW_NS)
    assert [said.rows for said in good(decoded)] == [slice(0, 0), slice(0, 4), slice(4, 12)]
    assert [said.reporter.service for said in good(decoded)] == ["unknown_service", "s1-0", "s2-0"]
    assert [(kept.service, kept.operation, kept.extra["scope"]) for kept in decoded.batch.spans([3, 8])] == [
        ("s1-0", "b1", {"name": "b"}),
        ("s2-1", "a0", {"name": "a"}),
    ]


def test_parts_of_one_message_that_come_apart_are_merged() -> None:
    """protobuf lets a singular message come in pieces."""
    raw = span().SerializeToString() + bytes.fromhex("7a0212007a021802")  # two pieces of a status
    resource = bytes.fromhex("0a00") + b"\x0a\x16\x0a\x14\x0a\x0cservice.name\x12\x04\x0a\x02ab"
    scope = b"\x12" + bytes([len(raw)]) + raw
    spans = resource + b"\x12" + bytes([len(scope)]) + scope
    decoded = decode([b"\x0a\xff\x01"[:1] + _length(len(spans)) + spans], NOW_NS)
    [kept] = decoded.batch.spans()
    assert (kept.service, kept.error) == ("ab", True)


def _length(size: int) -> bytes:
    return bytes([size]) if size < 128 else bytes([size & 0x7F | 0x80, size >> 7])


# Ids and times


@pytest.mark.parametrize(
    "ids",
    [
        {"trace_id": b""},
        {"trace_id": TRACE[:8]},
        {"trace_id": bytes(16)},
        {"trace_id": TRACE + b"\0"},
        {"span_id": b""},
        {"span_id": bytes(8)},
        {"span_id": SPAN_ID * 2},
    ],
)
def test_spans_with_bad_ids_are_dropped_and_their_neighbours_stay(ids: dict[str, bytes]) -> None:
    said, kept = decode_one(request(span(name="a"), span(**ids), span(name="b")))
    assert [each.operation for each in kept] == ["a", "b"]
    assert said.dropped == {"bad_ids": 1}
    assert said.warnings == ["1 spans without valid trace id and span id were dropped"]
    assert said.rows == slice(0, 2)


def test_logs_sent_to_the_traces_path_are_no_spans() -> None:
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

    logs = ExportLogsServiceRequest()
    logs.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=5, severity_text="INFO")
    [said] = decode([logs.SerializeToString()], NOW_NS).reports
    assert isinstance(said, BadReport) or (isinstance(said, Report) and said.dropped == {"bad_ids": 1})


@pytest.mark.parametrize(
    ("start", "end", "expected", "marks"),
    [
        (START_NS, START_NS + 5, (START_NS, 5), []),
        (START_NS, START_NS - 5, (START_NS, -5), ["negative_duration"]),
        (START_NS, 0, (START_NS, 0), []),
        (0, START_NS, (START_NS, 0), ["time_invented"]),
        (0, 0, (NOW_NS, 0), ["time_invented"]),
        (2**64 - 1, START_NS, (2**63 - 1, START_NS - 2**63 + 1), ["negative_duration", "clamped", "future"]),
        (START_NS, 2**63, (START_NS, 2**63 - 1 - START_NS), ["clamped"]),
        (NOW_NS + 2 * 86_400 * 10**9, 0, (NOW_NS + 2 * 86_400 * 10**9, 0), ["future"]),
    ],
)
def test_times(start: int, end: int, expected: tuple[int, int], marks: list[str]) -> None:
    made = request(span(start_time_unix_nano=start, end_time_unix_nano=end))
    batch = decode([made.SerializeToString()], NOW_NS).batch
    assert (batch.column("start_ns")[0], batch.column("duration_ns")[0]) == expected
    [kept] = batch.spans()
    assert kept.marks == marks
    odd = start == 0 or end == 0 or "clamped" in marks
    sent = {"start_time_unix_nano": start, "end_time_unix_nano": end}
    assert kept.extra == (sent if odd else {})


def test_a_parent_of_zeros_is_none_and_one_of_odd_length_is_kept_aside() -> None:
    assert one(parent_span_id=bytes(8)).parent_span_id is None
    odd = one(parent_span_id=b"\x01\x02")
    assert (odd.parent_span_id, odd.extra) == (None, {"parent_span_id": "0102"})


# Kind, status, LightStep's view


@pytest.mark.parametrize("kind", Kind)
def test_kinds_are_a_tag_too(kind: Kind) -> None:
    kept = one(kind=int(kind))
    assert kept.kind == (kind.name.lower() if kind else None)
    assert kept.tags == ({"span.kind": kind.name.lower()} if kind else {})


def test_unknown_kinds_are_kept_aside() -> None:
    kept = one(kind=17)
    assert (kept.kind, kept.tags, kept.extra) == (None, {}, {"kind": 17})


@pytest.mark.parametrize(
    ("encoded", "error", "tags", "extra"),
    [
        ("", False, {}, {}),
        ("1801", False, {"otel.status_code": "OK"}, {}),
        ("1802", True, {"error": True}, {}),
        ("12016d1802", True, {"error": True, "otel.status_description": "m"}, {"status_message": "m"}),
        ("12016d", False, {}, {"status_message": "m"}),
        ("1807", False, {}, {"status_code": 7}),
        ("0805", True, {"error": True}, {"deprecated_status_code": 5}),  # up to 0.5
        ("08051801", False, {"otel.status_code": "OK"}, {"deprecated_status_code": 5}),  # 0.6 to 0.14
        ("ff", False, {}, {"malformed_status": b"\xff"}),
    ],
)
def test_statuses(encoded: str, error: bool, tags: dict[str, Any], extra: dict[str, Any]) -> None:
    status = bytes.fromhex(encoded)
    raw = span().SerializeToString() + b"\x7a" + bytes([len(status)]) + status
    scope = b"\x12" + bytes([len(raw)]) + raw
    decoded = decode([b"\x0a" + bytes([len(scope) + 2, 0x12, len(scope)]) + scope], NOW_NS)
    [kept] = decoded.batch.spans()
    assert (kept.error, kept.tags, kept.extra) == (error, tags, extra)


@pytest.mark.parametrize(
    ("value", "error"),
    [(True, True), ("True", True), (1, True), ("false", False), ("", False), (False, False)],
)
def test_an_error_tag_makes_an_error(value: Any, error: bool) -> None:
    kept = one({"error": value})
    assert (kept.error, kept.tags) == (error, {"error": value})
    assert kept.extra == ({"status_code": 0} if error else {})


def test_of_several_error_tags_the_last_counts() -> None:
    assert one([("error", True), ("error", False)]).error is False


def test_what_a_span_says_itself_is_left_alone() -> None:
    sent = span({"span.kind": "proxy", "error": "false"}, kind=3)
    sent.status.code = 2
    _, [kept, plain] = decode_one(request(sent, span(kind=3)))
    assert kept.tags == {"span.kind": "proxy", "error": "false"}
    assert kept.extra == {"own": ["span.kind", "error"]}
    assert (plain.tags, plain.extra) == ({"span.kind": "client"}, {})
    assert kept.error


def test_tags_of_the_view_follow_the_spans_own_in_order() -> None:
    first, second = span([("a", 1), ("b", 2)], kind=2), span([("span.kind", "server")], kind=2)
    second.status.code = 1
    batch = decode([request(first, span(), second).SerializeToString()], NOW_NS).batch
    assert [sent_tags(batch, row) for row in range(3)] == [
        [("a", 1), ("b", 2), ("span.kind", "server")],
        [],
        [("span.kind", "server"), ("otel.status_code", "OK")],
    ]
    assert len(set(batch.tags.to_pylist())) == len(batch.tags)


@pytest.fixture(params=[False, True], ids=["together", "alone"])
def _alone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events are read together, and, as large ones are, each by itself."""
    if request.param:
        monkeypatch.setattr(events, "PART_BYTES", 0)


@pytest.mark.usefixtures("_alone")
def test_events_with_and_without_a_time_of_their_own() -> None:
    sent = span()
    for time, name in ((START_NS, "a"), (0, "b"), (2**64 - 1, "c"), (START_NS + 10**9, "a"), (1, "")):
        sent.events.add(time_unix_nano=time, name=name)
    kept = decode_one(request(span(), sent, span()))[1][1]
    assert [(log.time_us, log.fields) for log in kept.logs] == [
        (START_NS // 1000, {"event": "a"}),
        (0, {"event": "b"}),
        ((2**64 - 1) // 1000, {"event": "c"}),
        (START_NS // 1000 + 10**6, {"event": "a"}),
        (0, {}),
    ]


@pytest.mark.usefixtures("_alone")
def test_a_broken_event_costs_only_itself() -> None:
    raw = span(events=[{"name": "fine", "time_unix_nano": 5000}]).SerializeToString() + b"\x5a\x02\xff\xff"
    scope = b"\x12" + bytes([len(raw)]) + raw
    [kept] = decode([b"\x0a" + bytes([len(scope) + 2, 0x12, len(scope)]) + scope], NOW_NS).batch.spans()
    assert [log.fields for log in kept.logs] == [{"event": "fine"}, {"satellite.malformed_log": b"\xff\xff"}]


def test_links_say_what_they_are() -> None:
    sent = span(parent_span_id=SPAN_ID[::-1])
    sent.links.add(
        trace_id=TRACE,
        span_id=SPAN_ID,
        attributes=key_values([("opentracing.ref_type", "child_of")]),
        trace_state="a=b",
        flags=1,
    )
    sent.links.add(trace_id=b"short", span_id=b"")
    _, [kept, other] = decode_one(request(sent, span()))
    assert [(link.kind, link.span_id) for link in kept.references] == [
        ("child_of", SPAN_ID[::-1].hex()),
        ("child_of", SPAN_ID.hex()),
        ("follows_from", "0" * 16),
    ]
    assert kept.references[2].attributes == {"satellite.trace_id": b"short"}
    assert other.references == []


# Resources


def test_attributes_of_a_resource_keep_their_types() -> None:
    attributes = {"service.name": "shop", "n": 1, "list": ["a", {"b": b"c"}], "none": None}
    said, [kept] = decode_one(request(span(), resource=attributes))
    assert kept.reporter.attributes == attributes
    assert said.reporter.service == "shop"


@pytest.mark.parametrize(
    ("instance", "number"),
    [(None, 0), ("1122334455667788", 0x1122334455667788), ("pod-1", None), (7, None)],
)
def test_the_reporters_id_comes_from_the_instance(instance: Any, number: int | None) -> None:
    resource = {"service.name": "s"} | ({"service.instance.id": instance} if instance else {})
    ids = {decode_one(request(span(), resource=resource))[0].reporter.id for _ in range(2)}
    assert len(ids) == 1
    assert ids == {number} if number is not None else ids != {0}


@pytest.mark.parametrize(
    ("tags", "service"),
    [
        ({"istio.canonical_service": "reviews", "istio.namespace": "default"}, "reviews.default"),
        (
            {
                "node_id": "sidecar~172.17.0.20~productpage-v1-659cfd6ff-r4bz6.default~default.svc.cluster.local"
            },
            "productpage-v1.default",
        ),
        (
            {
                "istio.canonical_service": "unknown",
                "istio.namespace": "prod",
                "node_id": "router~10.0.0.1~gateway-0.istio-system~istio-system.svc.cluster.local",
            },
            "gateway-0.prod",
        ),
        ({"istio.canonical_service": "a"}, "a"),
        ({"node_id": "nonsense"}, "unknown_service:envoy"),
        ({}, "unknown_service:envoy"),
    ],
)
def test_an_envoy_that_was_not_told_its_name(tags: dict[str, str], service: str) -> None:
    untold = {"service.name": "unknown_service:envoy"}
    said, [kept, told] = decode_one(
        ExportTraceServiceRequest(
            resource_spans=[
                *request(span(tags), resource=untold).resource_spans,
                *request(span(tags)).resource_spans,
            ]
        )
    )
    assert (kept.service, told.service) == (service, "shop")
    assert kept.reporter.attributes == untold
    assert said.reporter.service == service


def test_spans_of_many_pods_in_one_request() -> None:
    untold = {"service.name": "unknown_service:envoy"}
    made = request(
        *[
            span({"istio.canonical_service": name, "istio.namespace": "n"}, span_id=bytes([1] * 7 + [i + 1]))
            for i, name in enumerate(["a", "b", "a", "c"])
        ],
        resource=untold,
    )
    assert [kept.service for kept in decode_one(made)[1]] == ["a.n", "b.n", "a.n", "c.n"]


def test_tokens_among_attributes_are_used_and_removed() -> None:
    key = "lightstep.access_token"
    said, [kept] = decode_one(request(span({"a": 1, key: "secret"})))
    assert (said.token, kept.tags) == ("secret", {"a": 1})
    resource = {"service.name": "s", key: "other"}
    decoded = decode([request(span({key: "secret"}), resource=resource).SerializeToString()], NOW_NS)
    assert good(decoded)[0].token == "other"
    assert decoded.batch.spans()[0].reporter.attributes == {"service.name": "s"}
    everything = [decoded.batch.tags, decoded.batch.reporters, decoded.batch.extras]
    assert not any(
        b"secret" in value or b"other" in value for part in everything for value in part.to_pylist()
    )


def test_meta_events_are_marked() -> None:
    _, kept = decode_one(request(span({"lightstep.meta_event": True}), span()))
    assert [each.marks for each in kept] == [["meta_event"], []]


# Older releases


def test_instrumentation_library_spans_of_field_1000() -> None:
    made = request(span(name="new"))
    scopes = made.resource_spans[0].scope_spans
    moved = b"\xc2\x3e" + _length(scopes[0].ByteSize()) + scopes[0].SerializeToString()
    resource = made.resource_spans[0].resource.SerializeToString()
    head = b"\x0a" + _length(len(resource)) + resource
    only_old, both = head + moved, made.resource_spans[0].SerializeToString() + moved
    bodies = [b"\x0a" + _length(len(content)) + content for content in (only_old, both)]
    decoded = decode([*bodies, request(span(name="usual")).SerializeToString()], NOW_NS)
    assert [said.rows for said in good(decoded)] == [slice(0, 1), slice(1, 2), slice(2, 3)]
    assert [kept.operation for kept in decoded.batch.spans()] == ["new", "new", "usual"]


# Broken bodies


@pytest.mark.parametrize("body", [b"", b"\x0a\x00", b"\x0a\x02\x12\x00", b"\x0a\x02\x0a\x00"])
def test_empty_requests_are_fine(body: bytes) -> None:
    [said] = good(decode([body], NOW_NS))
    assert (said.rows, said.dropped, said.warnings) == (slice(0, 0), {}, [])


def test_no_bodies() -> None:
    decoded = decode([], NOW_NS)
    assert (decoded.reports, len(decoded.batch)) == ([], 0)


def test_invalid_utf8_is_replaced_and_said() -> None:
    broken = span({"a": "xy", "fine": "é"}, name="é").SerializeToString().replace(b"xy", b"x\xff")
    scope = b"\x12" + _length(len(broken)) + broken
    bad = b"\x0a" + _length(len(scope) + 1 + len(_length(len(scope)))) + b"\x12" + _length(len(scope)) + scope
    decoded = decode([request(span()).SerializeToString(), bad], NOW_NS)
    first, second = decoded.batch.spans()
    assert (first.marks, second.marks, second.tags) == ([], ["bad_utf8"], {"a": "x�", "fine": "é"})
    warnings = [said.warnings for said in good(decoded)]
    assert warnings == [[], ["1 attributes held invalid UTF-8; it was replaced by U+FFFD"]]


@pytest.mark.parametrize("place", ["name", "trace_state", "status", "event", "scope", "resource", "link"])
def test_invalid_utf8_anywhere_is_marked(place: str) -> None:
    sent = span(
        {}, name="xy" if place == "name" else "op", trace_state="xy" if place == "trace_state" else ""
    )
    if place == "status":
        sent.status.message = "xy"
    if place == "event":
        sent.events.add(name="xy", time_unix_nano=1)
    if place == "link":
        sent.links.add(trace_id=TRACE, span_id=SPAN_ID, attributes=key_values([("k", "xy")]))
    made = request(sent, resource={"service.name": "xy" if place == "resource" else "s"})
    made.resource_spans[0].scope_spans[0].scope.name = "xy" if place == "scope" else ""
    [kept] = decode([made.SerializeToString().replace(b"xy", b"x\xff")], NOW_NS).batch.spans()
    assert kept.marks == ["bad_utf8"]
    assert "x�" in repr(kept)


@pytest.mark.parametrize(
    "bad",
    [
        b"\xff\xff",
        b"\x0a" + b"\xff" * 9 + b"\x01",
        b"\x0b" * 40,
        b"POST / HTTP",
        b"{}",
        b"\x0a\x05\x12\x03\x12\x01\x0a",
    ],
)
def test_a_bad_request_does_not_touch_its_neighbours(bad: bytes) -> None:
    stay_whole(decode, request(span({"a": 1})).SerializeToString(), bad)


@given(st.lists(st.binary(max_size=80), max_size=3))
def test_any_bytes(bodies: list[bytes]) -> None:
    decoded = decode(bodies, NOW_NS)
    assert all(isinstance(outcome, Report | BadReport) for outcome in decoded.reports)
    decoded.batch.spans()


@given(
    st.sampled_from([*REAL.values(), request(span({"a": [1, "x"]}, kind=2)).SerializeToString()]),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_a_changed_request_never_harms_its_neighbours(body: bytes, changes: list[tuple[int, int]]) -> None:
    fine = REAL["real-envoy-caller"]
    changed = bytearray(body)
    for place, byte in changes:
        changed[place % len(changed)] = byte
    decoded = decode([fine, bytes(changed), fine], NOW_NS)
    first, middle, last = decoded.reports
    assert isinstance(first, Report)
    assert isinstance(last, Report)
    assert isinstance(middle, Report | SatelliteError)
    alone = rows_of(decode([fine], NOW_NS).batch)
    shown = rows_of(decoded.batch)
    assert shown[first.rows] == alone
    assert shown[last.rows] == alone
    decoded.batch.spans()


# Answers


def receipt(refusal: SatelliteError | None = None, **fields: Any) -> Receipt:
    return Receipt(NOW_NS, NOW_NS, refusal, **fields)


def test_success_says_nothing() -> None:
    assert encode(receipt(stored=5), HEAD).body == b""
    assert encode_json(receipt(stored=5), HEAD).body == b"{}"
    assert encode(receipt(), HEAD).content_type == "application/x-protobuf"


def test_partial_success() -> None:
    partly = receipt(stored=1, dropped={"bad_ids": 3}, warnings=["3 spans without valid ids were dropped"])
    answer = ExportTraceServiceResponse.FromString(encode(partly, HEAD).body)
    assert (answer.partial_success.rejected_spans, answer.partial_success.error_message) == (
        3,
        "3 spans without valid ids were dropped",
    )
    assert msgspec.json.decode(encode_json(partly, HEAD).body) == {
        "partialSuccess": {"rejectedSpans": "3", "errorMessage": "3 spans without valid ids were dropped"}
    }
    unnamed = ExportTraceServiceResponse.FromString(encode(receipt(dropped={"x": 2}), HEAD).body)
    assert unnamed.partial_success.error_message == "2 x"


def test_a_warning_rejects_nothing() -> None:
    warned = receipt(stored=1, warnings=["1 attributes held invalid UTF-8"])
    answer = ExportTraceServiceResponse.FromString(encode(warned, HEAD).body)
    assert (answer.partial_success.rejected_spans, bool(answer.partial_success.error_message)) == (0, True)
    assert msgspec.json.decode(encode_json(warned, HEAD).body) == {
        "partialSuccess": {"errorMessage": "1 attributes held invalid UTF-8"}
    }


@pytest.mark.parametrize(
    ("refusal", "status", "code"),
    [
        (BadReport("no"), 400, 3),
        (AccessDenied("no"), 400, 3),
        (TooLarge("no"), 413, 8),
        (Overloaded("no"), 503, 14),
        (StoreFailed("no"), 503, 14),
    ],
)
def test_refusals(refusal: SatelliteError, status: int, code: int) -> None:
    reply, reply_json = encode(receipt(refusal), HEAD), encode_json(receipt(refusal), HEAD)
    assert (reply.status, reply_json.status) == (status, status)
    said = RpcStatus.FromString(reply.body)
    shown = msgspec.json.decode(reply_json.body)
    assert (said.code, said.message) == (code, "no") == (shown["code"], shown["message"])
    details = grpc_details(refusal)
    if status == 503:
        retry = RetryInfo()
        assert AnyMessage.Unpack(said.details[0], retry)
        assert retry.retry_delay.seconds == 1
        assert shown["details"] == [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1s"}]
        assert details == reply.body
    else:
        assert details is None
        assert not said.details


def test_the_records() -> None:
    assert {path for _, path in PROTOCOL.http_routes} >= {
        "/v1/traces",
        "/traces/otlp/v0.9",
        "/api/v2/otel/trace",
    }
    assert PROTOCOL.http_routes == JSON_PROTOCOL.http_routes
    assert PROTOCOL.grpc_streams
    assert not set(PROTOCOL.content_types) & set(JSON_PROTOCOL.content_types)


def test_statuses_in_columns() -> None:
    sent: Any = WireSpan(trace_id=TRACE, span_id=SPAN_ID)
    sent.status.code = 1
    batch = decode([request(sent, span({"error": True})).SerializeToString()], NOW_NS).batch
    assert batch.column("status").tolist() == [Status.OK, Status.ERROR]
