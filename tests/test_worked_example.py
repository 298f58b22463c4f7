"""The worked example (explorer.md §15), one fixture, all ways in: functions, HTTP, both clients, gRPC."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import httpx
import msgspec
import pytest
from google.protobuf import json_format

from mock_lightstep_satellite.async_client import AsyncClient
from satellite.api.explorer_service import SERVICE
from satellite.embedded import Satellite
from satellite.errors import BadQuery
from satellite.explore.correlations import Inside, correlations
from satellite.explore.diagram import diagram
from satellite.explore.groups import groups
from satellite.explore.histogram import histogram
from satellite.explore.trace_tree import trace_tree
from satellite.explore.whole_trace import whole_trace
from satellite.pb import explorer_pb2
from satellite.protocols.files.formats import FILE_FORMATS
from satellite.query import parse
from satellite.store.recall.engine import RecallStore
from tests import bookinfo

Ask = Callable[..., Any]
"""(question, parameters as the API names them) → its answer as plain data, numbers perhaps as text."""


@pytest.fixture(scope="module")
def satellite() -> Iterator[Satellite]:
    with Satellite() as satellite:
        file = b"".join(FILE_FORMATS["lightstep"].pieces([bookinfo.batch()]))
        satellite.client.project("p").import_(file, format="lightstep")
        yield satellite


@pytest.fixture(params=["function", "HTTP", "client", "async client", "gRPC"])
def ask(request: pytest.FixtureRequest, satellite: Satellite) -> Iterator[Ask]:
    match request.param:
        case "function":
            store = RecallStore()
            store.write("p", bookinfo.batch(), arrived_ns=bookinfo.START_US * 1000)
            yield _function(store)
            store.close()
        case "HTTP":
            yield _http(f"{satellite.url}/api/v1/projects/p")
        case "client":
            yield _client(satellite)
        case "async client":
            yield _async_client(satellite)
        case "gRPC":
            with grpc.insecure_channel(satellite.grpc_plain_target) as channel:
                yield _grpc(channel)


def _function(store: RecallStore) -> Ask:
    def ask(question: str, *, query: str = "", **more: Any) -> Any:
        plan = parse(query).plan
        answer: Any
        match question:
            case "histogram":
                answer = histogram(store, "p", plan)
            case "groups":
                source = (
                    store.over("p", store.assemble("p", plan, traces_max=100)) if more.get("whole") else store
                )
                answer = groups(source, "p", parse("").plan if more.get("whole") else plan, more["by"])
            case "correlations":
                answer = correlations(store, "p", plan, inside=Inside(more["from_us"]))
            case "diagram":
                answer = diagram(store, "p", plan)
            case "tree":
                answer = trace_tree(whole_trace(store, "p", more["trace_id"]), limit=100)
        return msgspec.to_builtins(answer)

    return ask


def _http(base: str) -> Ask:
    def ask(question: str, **parameters: Any) -> Any:
        trace_id = parameters.pop("trace_id", "")
        answer = httpx.get(
            f"{base}/traces/{trace_id}/tree" if trace_id else f"{base}/{question}", params=parameters
        )
        assert answer.is_success, answer.text
        return answer.json()

    return ask


def _client(satellite: Satellite) -> Ask:
    project = satellite.client.project("p")

    def ask(question: str, **parameters: Any) -> Any:
        answer = getattr(project, "trace_tree" if question == "tree" else question)(**parameters)
        return {"groups": answer} if question == "groups" else answer

    return ask


def _async_client(satellite: Satellite) -> Ask:
    async def answer(question: str, parameters: dict[str, Any]) -> Any:
        async with AsyncClient(satellite.url) as client:
            project = client.project("p")
            return await getattr(project, "trace_tree" if question == "tree" else question)(**parameters)

    def ask(question: str, **parameters: Any) -> Any:
        found = asyncio.run(answer(question, parameters))
        return {"groups": found} if question == "groups" else found

    return ask


def _grpc(channel: grpc.Channel) -> Ask:
    def ask(question: str, **parameters: Any) -> Any:
        name = "TraceTree" if question == "tree" else question.capitalize()
        method = explorer_pb2.DESCRIPTOR.services_by_name["Explorer"].methods_by_name[name]
        kinds = (getattr(explorer_pb2, kind.name) for kind in (method.input_type, method.output_type))
        asked, answered = kinds
        call = channel.unary_unary(
            f"/{SERVICE}/{name}",
            request_serializer=asked.SerializeToString,
            response_deserializer=answered.FromString,
        )
        try:
            answer = call(asked(project="p", **parameters), timeout=60)
        except grpc.RpcError as error:
            raise ValueError(error.details()) from error
        return json_format.MessageToDict(
            answer, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )

    return ask


@pytest.mark.parametrize("answer", bookinfo.ANSWERS, ids=lambda answer: answer.name)
def test_queries(ask: Ask, answer: bookinfo.Answer) -> None:
    """§15.2."""
    found = ask("histogram", query=answer.text)
    assert [int(found[name]) for name in ("count", "traces", "errors")] == [
        answer.spans,
        answer.traces,
        answer.errors,
    ]
    expected = {"p50": answer.p50_us, "p95": answer.p95_us, "p99": answer.p99_us}
    for name, value in expected.items():
        assert value is None or int(found["percentiles"][name]) == value


@pytest.mark.parametrize("text", bookinfo.INVALID)
def test_queries_that_are_refused(ask: Ask, text: str) -> None:
    """§15.2."""
    with pytest.raises((BadQuery, ValueError, AssertionError), match="Invalid query predicate"):
        ask("histogram", query=text)


def test_histogram(ask: Ask) -> None:
    """§15.3."""
    buckets = ask("histogram", query=bookinfo.Q2.text)["buckets"]
    assert {int(one["index"]): int(one["count"]) for one in buckets} == bookinfo.Q2_BUCKETS
    edges = {int(one["index"]): (round(one["from_us"]), round(one["to_us"])) for one in buckets}
    assert {index: edges[index] for index in bookinfo.BUCKET_EDGES_US} == bookinfo.BUCKET_EDGES_US


@pytest.mark.parametrize(
    ("by", "whole", "expected"),
    [
        ("operation", False, bookinfo.Q1_BY_OPERATION),
        ("service", True, bookinfo.ALL_BY_SERVICE),
        ("istio.canonical_revision", True, bookinfo.ALL_BY_REVISION),
    ],
)
def test_group_by(ask: Ask, by: str, whole: bool, expected: tuple[bookinfo.GroupAnswer, ...]) -> None:
    """§15.4."""
    found = ask("groups", query=bookinfo.Q1.text, by=by, whole=whole)["groups"]
    assert expected == tuple(
        bookinfo.GroupAnswer(
            one["values"][0], int(one["count"]), round(one["avg_latency_us"], 1), round(one["error_ratio"], 4)
        )
        for one in found
    )


def test_correlations(ask: Ask) -> None:
    """§15.5."""
    found = ask("correlations", query=bookinfo.Q2.text, from_us=100_000)["correlations"]
    tags = {
        (one["key"], one["value"]): (round(one["score"], 2), int(one["in_traces"]), int(one["out_traces"]))
        for one in found
        if one["kind"] != "operation"
    }
    revision = "istio.canonical_revision"
    assert tags[revision, "v1"] == tags[revision, "v2"] == (-1, 0, 4)
    assert tags[revision, "v3"] == (0.8, 2, 2)
    assert {score for (key, _), (score, *_) in tags.items() if key != revision} == {0}
    shares = {
        (one["key"], one["value"], one["span_kind"]): (
            round(one["in_share"] * 100, 2),
            round(one["out_share"] * 100, 2),
            round(one["score"], 2),
        )
        for one in found
        if one["kind"] == "operation"
    }
    assert shares == {
        (bookinfo.RATINGS, bookinfo.RATINGS_CALL, "server"): (99.38, 39.47, 0.60),
        (bookinfo.REVIEWS, bookinfo.REVIEWS_CALL, "server"): (0.47, 47.85, -0.99),
        (bookinfo.PRODUCTPAGE, bookinfo.REVIEWS_CALL, "client"): (0.08, 8.37, -0.99),
        (bookinfo.REVIEWS, bookinfo.RATINGS_CALL, "client"): (0.07, 4.31, -0.98),
    }


def test_service_diagram(ask: Ask) -> None:
    """§15.6."""
    found = ask("diagram", query=bookinfo.Q1.text)
    assert {(one["from"], one["to"]): int(one["calls"]) for one in found["edges"]} == {
        (bookinfo.GATEWAY, bookinfo.PRODUCTPAGE): 12,
        (bookinfo.PRODUCTPAGE, bookinfo.DETAILS): 12,
        (bookinfo.PRODUCTPAGE, bookinfo.REVIEWS): 12,
        (bookinfo.REVIEWS, bookinfo.RATINGS): 8,
    }
    assert len(found["nodes"]) == 5
    failing = {one["service_name"] for one in found["nodes"] if int(one["error_count"])}
    assert failing == {bookinfo.REVIEWS, bookinfo.RATINGS}


@pytest.mark.parametrize(
    ("trace_id", "ratings_us"), [("00000000b00c0002", 10_000), ("00000000b00c0005", 800_000)]
)
def test_critical_path(ask: Ask, trace_id: str, ratings_us: int) -> None:
    """§15.7."""
    rows = ask("tree", trace_id=trace_id)["rows"]
    spent = {int(row["span_id"], 16) & 15: row["path_us"] for row in rows}
    expected = {1: 1000, 2: 3000, 3: 500, 4: 3000, 5: 700, 6: 4000, 7: 600, 8: ratings_us}
    assert spent == expected
    root_us = sum(expected.values())
    assert {int(row["span_id"], 16) & 15: round(row["path_share"] * 100, 2) for row in rows} == {
        n: round(us / root_us * 100, 2) for n, us in expected.items()
    }
    assert int(rows[0]["duration_us"]) == root_us == 12_800 + ratings_us
    by_service = Counter[str]()
    for row in rows:
        by_service[row["service"]] += row["path_us"]
    assert by_service == {
        bookinfo.RATINGS: ratings_us,
        bookinfo.REVIEWS: 4600,
        bookinfo.PRODUCTPAGE: 4200,
        bookinfo.DETAILS: 3000,
        bookinfo.GATEWAY: 1000,
    }
