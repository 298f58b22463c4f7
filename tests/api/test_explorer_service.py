"""The gRPC service: the API's questions in another form, on the ports of either engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import httpx
import msgspec
import pytest
from google.protobuf import json_format
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from satellite.api import ROOT
from satellite.api.explorer_service import ERROR_TRAILER, METHODS, SERVICE
from satellite.embedded import Satellite
from satellite.pb import explorer_pb2 as pb
from satellite.protocols.files.formats import FILE_FORMATS
from tests import bookinfo


@pytest.fixture(scope="module", params=["edge", "grpcio"])
def satellite(request: pytest.FixtureRequest) -> Iterator[Satellite]:
    """With Bookinfo's spans in project p."""
    with Satellite(grpc_engine=request.param) as satellite:
        file = b"".join(FILE_FORMATS["lightstep"].pieces([bookinfo.batch()]))
        satellite.client.project("p").import_(file, format="lightstep")
        yield satellite


@pytest.fixture(scope="module")
def channel(satellite: Satellite) -> Iterator[grpc.Channel]:
    """The gRPC port without TLS."""
    with grpc.insecure_channel(satellite.grpc_plain_target) as channel:
        yield channel


def ask(channel: grpc.Channel, method_name: str, /, **fields: Any) -> Any:
    """The answer of one method."""
    method = pb.DESCRIPTOR.services_by_name["Explorer"].methods_by_name[method_name]
    request, answer = (getattr(pb, kind.name) for kind in (method.input_type, method.output_type))
    call = channel.unary_unary(
        f"/{SERVICE}/{method_name}",
        request_serializer=request.SerializeToString,
        response_deserializer=answer.FromString,
    )
    return call(request(**fields), timeout=20)


def test_the_worked_example(channel: grpc.Channel) -> None:
    spans = ask(channel, "Spans", project="p", query=bookinfo.Q1.text, limit=5)
    assert (spans.total, len(spans.spans)) == (36, 5)
    assert spans.spans[0].tags["http.method"] == "GET"
    histogram = ask(channel, "Histogram", project="p", query=bookinfo.Q2.text)
    assert {one.index: one.count for one in histogram.buckets} == bookinfo.Q2_BUCKETS
    assert histogram.percentiles["p95"] == bookinfo.Q2.p95_us
    groups = ask(channel, "Groups", project="p", query=bookinfo.Q1.text, by="operation")
    assert [one.values[0].string_value for one in groups.groups] == [
        row.value for row in bookinfo.Q1_BY_OPERATION
    ]
    found = ask(channel, "Correlations", project="p", query=bookinfo.Q2.text, from_us=100_000)
    assert [round(one.score, 2) for one in found.correlations] == [-1, -1, -0.99, -0.99, -0.98, 0.8, 0.6, 0]
    diagram = ask(channel, "Diagram", project="p", query=bookinfo.Q1.text)
    assert [one.calls for one in diagram.edges] == [12, 12, 12, 8]
    tree = ask(channel, "TraceTree", project="p", trace_id="b00c0002")
    assert [one.path_us for one in tree.rows] == [1000, 3000, 500, 3000, 700, 4000, 600, 10_000]
    assert tree.rows[0].segments[0].values[1].number_value == 22_800
    assert not tree.rows[0].HasField("parent")


def test_answers_are_the_api_s(channel: grpc.Channel, satellite: Satellite) -> None:
    project = satellite.client.project("p")
    for name, expected, fields in (
        ("TraceTree", project.trace_tree("b00c0008"), {"trace_id": "b00c0008"}),
        ("Diagram", project.diagram(bookinfo.Q1.text), {"query": bookinfo.Q1.text}),
        ("Correlations", project.correlations(of="errors"), {"of": "errors"}),
        ("Explain", project.explain('"servce" IN ("x")'), {"query": '"servce" IN ("x")'}),
    ):
        answer = ask(channel, name, project="p", **fields)
        shown = json_format.MessageToDict(
            answer, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        assert compact(numbered(expected)) == compact(numbered(shown))


def numbered(answer: Any) -> Any:
    """With numbers as protobuf's JSON tells them apart: not at all."""
    match answer:
        case bool() | None:
            return answer
        case int() | float():
            return float(answer)
        case str() if answer.lstrip("-").isdecimal():
            return float(answer)
        case list():
            return [numbered(one) for one in answer]
        case dict():
            return {key: numbered(one) for key, one in answer.items()}
    return answer


def compact(answer: Any) -> Any:
    """Without what protobuf does not tell from a field that is not set: nulls, empty lists and texts."""
    match answer:
        case list():
            return [compact(one) for one in answer]
        case dict():
            return {key: compact(one) for key, one in answer.items() if one not in (None, [], {}, "")}
    return answer


def test_run_pin_and_delete_a_snapshot(channel: grpc.Channel) -> None:
    run = ask(channel, "Run", project="p", query=bookinfo.Q2.text, name="slow", limit=1)
    identifier = run.snapshot.id
    changed = ask(channel, "ChangeSnapshot", project="p", identifier=identifier, pinned=True)
    assert (changed.name, changed.pinned) == ("slow", True)
    assert ask(channel, "Histogram", project="p", snapshot=identifier).count == 12
    file = ask(channel, "ExportSnapshot", project="p", identifier=identifier)
    assert ask(channel, "ImportSnapshot", project="copy", content=file.content)
    ask(channel, "DeleteSnapshot", project="p", identifier=identifier)
    with pytest.raises(grpc.RpcError) as failure:
        ask(channel, "Snapshot", project="p", identifier=identifier)
    assert failure.value.code() is grpc.StatusCode.NOT_FOUND


def test_expect_and_a_file(channel: grpc.Channel) -> None:
    met = ask(channel, "Expect", project="p", query=bookinfo.Q3.text, count=pb.Range(min=2, max=2))
    assert met.total == 2
    with pytest.raises(grpc.RpcError) as failure:
        ask(channel, "Expect", project="p", query=bookinfo.Q3.text, count=pb.Range(min=3), timeout_ms=0)
    assert failure.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    drawing = ask(channel, "DrawDiagram", project="p", format="mermaid")
    assert (drawing.content[:12], drawing.media_type[:10]) == (b"flowchart LR", "text/plain")
    assert ask(channel, "TracePage", project="p", trace_id="b00c0002").content.startswith(b"<!doctype html>")


@pytest.mark.parametrize(
    ("name", "fields", "code", "text"),
    [
        ("Spans", {"project": "p", "query": "error = true"}, grpc.StatusCode.INVALID_ARGUMENT, "column 7"),
        ("Spans", {"project": "p", "limit": 5000}, grpc.StatusCode.INVALID_ARGUMENT, "limit"),
        ("Spans", {"project": "nobody"}, grpc.StatusCode.NOT_FOUND, "nobody"),
        ("Spans", {}, grpc.StatusCode.INVALID_ARGUMENT, "project"),
        ("TraceTree", {"project": "p", "trace_id": "../.."}, grpc.StatusCode.INVALID_ARGUMENT, "trace_id"),
        ("TraceTree", {"project": "p", "trace_id": "dead"}, grpc.StatusCode.NOT_FOUND, "are held"),
        ("Groups", {"project": "p", "by": ",".join("abcde")}, grpc.StatusCode.INVALID_ARGUMENT, "1 to 4"),
    ],
)
def test_errors_are_the_api_s(
    channel: grpc.Channel, name: str, fields: dict[str, Any], code: grpc.StatusCode, text: str
) -> None:
    with pytest.raises(grpc.RpcError) as failure:
        ask(channel, name, **fields)
    assert failure.value.code() is code
    assert text in (failure.value.details() or "")
    trailers: Any = failure.value.trailing_metadata()
    assert msgspec.json.decode(dict(trailers)[ERROR_TRAILER])["error"]["message"]


def test_the_tail_is_a_stream(channel: grpc.Channel, satellite: Satellite) -> None:
    tail = channel.unary_stream(
        f"/{SERVICE}/Tail",
        request_serializer=pb.TailRequest.SerializeToString,
        response_deserializer=pb.News.FromString,
    )
    stream = tail(pb.TailRequest(project="tailed", since=0), timeout=20)
    file = b"".join(FILE_FORMATS["lightstep"].pieces([bookinfo.batch(range(1))]))
    satellite.client.project("tailed").import_(file, format="lightstep")
    seen = 0
    for news in stream:
        seen += len(news.spans)
        if seen == 6:
            break
    stream.cancel()
    assert seen == 6


def test_every_endpoint_has_its_method(satellite: Satellite) -> None:
    """But what the pages alone need, and the faults, of which the endpoints below a project are enough."""
    aside = {"/query", "/reset", "/projects/{project}/demo"}
    paths = httpx.get(f"{satellite.url}{ROOT}/openapi.json").json()["paths"]
    endpoints = {(verb.upper(), path.removeprefix(ROOT)) for path, verbs in paths.items() for verb in verbs}
    without = endpoints - {(method.verb, method.path) for method in METHODS}
    assert {path for _, path in without if "/faults" not in path} == aside


def test_reflection_lists_and_describes_it(channel: grpc.Channel) -> None:
    database = ProtoReflectionDescriptorDatabase(channel)
    assert SERVICE in database.get_services()
    service = DescriptorPool(database).FindServiceByName(SERVICE)
    assert {method.name for method in service.methods} == {method.name for method in METHODS}
    file = database.FindFileContainingSymbol(f"{SERVICE}.Correlations")  # `grpcurl describe` of one method
    assert file.package == "satellite.explorer.v1"
