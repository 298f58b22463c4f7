"""Spans out as OTLP and in again: nothing is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from satellite.model.reporter import Reporter
from satellite.model.spans import Kind, SpanBatch, SpanBuilder, Status, encode_log, encode_reference
from satellite.model.tag import encode_tag
from satellite.protocols.lightstep import protobuf as lightstep
from satellite.protocols.otlp.export import encode_request, encode_request_json, trace_request
from satellite.protocols.otlp.protobuf import decode, decode_json
from tests.protocols.otlp_requests import (
    NOW_NS,
    START_NS,
    keys,
    plain_pairs,
    request,
    requests,
    rows_of,
    span,
    values,
)

DATA = Path(__file__).parents[1] / "data"


@given(requests())
def test_what_came_as_otlp_comes_back_as_it_was(made: ExportTraceServiceRequest) -> None:
    batch = decode([made.SerializeToString()], NOW_NS).batch
    again = decode([encode_request(batch)], NOW_NS).batch
    assert sorted(rows_of(again)) == sorted(rows_of(batch))
    by_json = decode_json([encode_request_json(batch)], NOW_NS).batch
    assert sorted(rows_of(by_json)) == sorted(rows_of(batch))


@pytest.mark.parametrize("path", sorted((DATA / "otlp").glob("real-*.bin")), ids=lambda path: path.stem)
def test_what_real_clients_sent(path: Path) -> None:
    read = decode_json if path.stem.endswith("-json") else decode
    batch = read([path.read_bytes()], NOW_NS).batch
    assert len(batch) > 0
    assert sorted(rows_of(decode([encode_request(batch)], NOW_NS).batch)) == sorted(rows_of(batch))
    if not path.stem.endswith("-json"):
        sent = ExportTraceServiceRequest.FromString(path.read_bytes())
        assert attributes_of(trace_request(batch)) == attributes_of(sent)


def attributes_of(made: ExportTraceServiceRequest) -> dict[bytes, list[tuple[str, Any]]]:
    return {
        each.span_id: plain_pairs(each.attributes)
        for resource in made.resource_spans
        for scope in resource.scope_spans
        for each in scope.spans
    }


def test_ingestion_tags_stay_and_the_view_goes() -> None:
    sent = span({"a": 1}, kind=2)
    sent.status.code = 2
    batch = decode([request(sent).SerializeToString()], NOW_NS).batch.with_tags({"env": "test"})
    [[*pairs]] = attributes_of(trace_request(batch)).values()
    assert pairs == [("a", 1), ("env", "test")]


def test_json_is_otlps_own() -> None:
    sent = span({"n": 5, "b": b"\xff"}, kind=3, parent_span_id=bytes(7) + b"\x05")
    sent.links.add(trace_id=bytes(15) + b"\x07", span_id=bytes(7) + b"\x08")
    batch = decode([request(sent).SerializeToString()], NOW_NS).batch
    [shown] = json.loads(encode_request_json(batch))["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert (shown["traceId"], shown["spanId"], shown["parentSpanId"]) == (
        "0000000000000000fedcba9876543210",
        "0123456789abcdef",
        "0000000000000005",
    )
    assert (shown["kind"], shown["startTimeUnixNano"]) == (3, str(START_NS))
    assert shown["attributes"] == [
        {"key": "n", "value": {"intValue": "5"}},
        {"key": "b", "value": {"bytesValue": "/w=="}},
    ]
    assert shown["links"][0]["spanId"] == "0000000000000008"


# Other protocols


def test_a_lightstep_span_as_the_reference_maps_it() -> None:
    full = bytes.fromhex((DATA / "lightstep" / "full.hex").read_text())
    batch = lightstep.decode([full], NOW_NS).batch
    [resource] = trace_request(batch).resource_spans
    assert dict(plain_pairs(resource.resource.attributes)) == {
        "service.name": "shop",
        "service.instance.id": "1122334455667788",
        "satellite.protocol": "lightstep",
    }
    [made] = resource.scope_spans[0].spans
    assert (made.trace_id.hex(), made.span_id.hex(), made.parent_span_id.hex()) == (
        "0000000000000000fedcba9876543210",
        "0123456789abcdef",
        "0000000000000005",
    )
    assert (made.start_time_unix_nano, made.end_time_unix_nano) == (
        1_700_000_000_249_958_000,
        1_700_000_000_251_458_000,
    )
    assert plain_pairs(made.attributes) == [("error", True), ("satellite.extra", {"offset_us": -42})]
    assert made.status.code == 2
    [shown] = batch.spans()[0].logs
    assert [(event.name, event.time_unix_nano // 1000) for event in made.events] == [("hit", shown.time_us)]
    assert not made.links
    [before], [after] = batch.spans(), decode([encode_request(batch)], NOW_NS).batch.spans()
    assert after.tags == before.tags | {"satellite.extra": {"offset_us": -42}}
    assert (after.logs, after.references, after.error) == (before.logs, before.references, before.error)
    assert (after.service, after.reporter.id) == (before.service, before.reporter.id)


def test_reporters_of_tracers() -> None:
    attributes = {
        "lightstep.component_name": "shop",
        "lightstep.hostname": "h",
        "lightstep.command_line": "c",
        "lightstep.tracer_platform": "jre",
        "lightstep.tracer_platform_version": "17",
    }
    batch = built(reporter=Reporter("lightstep", "shop", 7, tuple(attributes.items())))
    [resource] = trace_request(batch).resource_spans
    assert dict(plain_pairs(resource.resource.attributes)) == {
        "service.name": "shop",
        "lightstep.hostname": "h",
        "lightstep.command_line": "c",
        "lightstep.tracer_platform": "jre",
        "lightstep.tracer_platform_version": "17",
        "host.name": "h",
        "process.command_line": "c",
        "telemetry.sdk.language": "java",
        "telemetry.sdk.version": "17",
        "service.instance.id": "0000000000000007",
        "satellite.protocol": "lightstep",
    }


def built(reporter: Reporter | None = None, **fields: Any) -> SpanBatch:
    builder = SpanBuilder()
    usual: dict[str, Any] = {
        "operation": "op",
        "trace_low": 1,
        "span_id": 2,
        "start_ns": START_NS,
        "duration_ns": 5,
    }
    builder.add(reporter=reporter or Reporter("lightstep", "s"), **(usual | fields))
    return builder.build()


def test_references_become_links_that_say_what_they_were() -> None:
    references = [
        encode_reference(follows=False, trace_high=0, trace_low=0, span_id=5),
        encode_reference(follows=True, trace_high=0, trace_low=0, span_id=6),
        encode_reference(follows=False, trace_high=3, trace_low=4, span_id=5),
    ]
    batch = built(parent_id=5, references=references)
    [made] = trace_request(batch).resource_spans[0].scope_spans[0].spans
    assert made.parent_span_id == bytes(7) + b"\x05"
    assert [(link.trace_id.hex(), link.span_id[-1], plain_pairs(link.attributes)) for link in made.links] == [
        (f"{1:032x}", 6, [("opentracing.ref_type", "follows_from")]),
        (f"{3:016x}{4:016x}", 5, [("opentracing.ref_type", "child_of")]),
    ]
    [after] = decode([encode_request(batch)], NOW_NS).batch.spans()
    assert [(one.kind, one.span_id[-1]) for one in after.references] == [
        ("child_of", "5"),
        ("follows_from", "6"),
        ("child_of", "5"),
    ]


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ([("event", "e"), ("message", "m")], "e"),
        ([("message", "m"), ("x", 1)], "m"),
        ([("name", "n")], "n"),
        ([("event", 5)], ""),
        ([], ""),
    ],
)
def test_names_of_events(fields: list[tuple[str, Any]], name: str) -> None:
    batch = built(logs=[encode_log(START_NS, fields), b"\xff"])
    [made] = trace_request(batch).resource_spans[0].scope_spans[0].spans
    event, broken = made.events
    assert event.name == name
    assert plain_pairs(event.attributes) == [pair for pair in fields if pair != ("event", name)]
    assert plain_pairs(broken.attributes) == [("satellite.malformed_log", b"\xff")]


@given(
    trace=st.tuples(st.integers(0, 2**64 - 1), st.integers(1, 2**64 - 1)),
    parent=st.integers(0, 2**64 - 1),
    duration_ns=st.integers(-(10**12), 10**12),
    kind=st.sampled_from(Kind),
    status=st.sampled_from(Status),
    tags=st.lists(st.tuples(keys, values), max_size=4),
)
def test_spans_of_any_protocol(
    trace: tuple[int, int],
    parent: int,
    duration_ns: int,
    kind: Kind,
    status: Status,
    tags: list[tuple[str, Any]],
) -> None:
    batch = built(
        trace_high=trace[0],
        trace_low=trace[1],
        parent_id=parent,
        duration_ns=duration_ns,
        kind=kind,
        status=status,
        tags=tags,
    )
    for again in (
        decode([encode_request(batch)], NOW_NS).batch,
        decode_json([encode_request_json(batch)], NOW_NS).batch,
    ):
        for column in ("trace_high", "trace_low", "span_id", "parent_id", "start_ns", "duration_ns", "kind"):
            assert again.column(column).tolist() == batch.column(column).tolist()
        kept = [again.tags[code].as_py() for code in again.rows.column("tags")[0].as_py()]
        assert kept[: len(tags)] == [encode_tag(key, value) for key, value in tags]
        if not any(key == "error" for key, _ in tags):
            assert again.column("status").tolist() == [status]
