"""What clients meet when a fault was asked for: a real satellite, its ports, grpcio and httpx."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import status_pb2

from mock_lightstep_satellite.client import Client, Project
from satellite import Satellite
from satellite.errors import BadRequest, NotFound
from satellite.pb import lightstep_collector_pb2 as pb

METHOD = "/lightstep.collector.CollectorService/Report"
PATH = "/api/v2/reports"


@pytest.fixture(
    scope="module",
    params=[
        pytest.param({"grpc_engine": "edge"}, id="edge"),
        pytest.param({"grpc_engine": "grpcio"}, id="grpcio"),
        pytest.param({"receivers": 2}, id="receivers", marks=pytest.mark.thorough),
    ],
)
def satellite(request: pytest.FixtureRequest) -> Iterator[Satellite]:
    with Satellite(**request.param) as started:
        yield started


@pytest.fixture
def edge(satellite: Satellite) -> Satellite:
    """The engine that has a hold on its connections."""
    if satellite._given.get("grpc_engine") == "grpcio":
        pytest.skip("grpcio has no hold on its connections")
    return satellite


@pytest.fixture
def project(satellite: Satellite, request: pytest.FixtureRequest) -> Iterator[Project]:
    asked = satellite.client.project(request.node.originalname)
    yield asked
    asked.remove_faults()
    asked.client.send(_everywhere("DELETE"))


def _everywhere(method: str, **fault: Any) -> Any:
    from mock_lightstep_satellite.calls import Call

    return Call(dict[str, Any], method, "/api/v1/faults", body=fault or None)


def report(
    project: Project, *, spans: int = 1, first: int = 1, trace: int = 1, service: str = "shop"
) -> bytes:
    made = [
        pb.Span(
            span_context=pb.SpanContext(trace_id=trace, span_id=number),
            operation_name="o",
            start_timestamp=Timestamp(seconds=1_700_000_000),
            duration_micros=5,
        )
        for number in range(first, first + spans)
    ]
    named = pb.KeyValue(key="lightstep.component_name", string_value=service)
    reporter = pb.Reporter(reporter_id=7, tags=[named])
    auth = pb.Auth(access_token=project.name)
    return pb.ReportRequest(reporter=reporter, auth=auth, spans=made).SerializeToString()


def post(satellite: Satellite, body: bytes, *, http2: bool = False, timeout: float = 30) -> httpx.Response:
    del http2
    return httpx.post(
        satellite.http_url + PATH,
        content=body,
        headers={"content-type": "application/octet-stream"},
        trust_env=False,
        timeout=timeout,
    )


def call(satellite: Satellite, body: bytes, timeout: float = 30) -> pb.ReportResponse:
    with grpc.insecure_channel(satellite.grpc_plain_target) as channel:
        send: Any = channel.unary_unary(METHOD, response_deserializer=pb.ReportResponse.FromString)
        answer: pb.ReportResponse = send(body, timeout=timeout)
        return answer


def refused(satellite: Satellite, body: bytes) -> Any:
    with pytest.raises(grpc.RpcError) as failed:
        call(satellite, body)
    return failed.value


def held(project: Project) -> int:
    try:
        return len(project.spans())
    except NotFound:
        return 0


def test_a_reset_that_was_asked_for_is_no_error_in_the_log(
    edge: Satellite, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    with project.fault(connection="reset-after", times=1):
        with pytest.raises(httpx.TransportError):
            post(edge, report(project))
        assert post(edge, report(project)).status_code == 200
    assert "ASGI callable returned" not in caplog.text


def test_details_are_of_the_status_that_was_asked_for(satellite: Satellite, project: Project) -> None:
    """What is overloaded says UNAVAILABLE otherwise, and clients of gRPC make an INTERNAL error of such a contradiction."""

    def export() -> Any:
        with grpc.insecure_channel(satellite.grpc_plain_target) as channel:
            send: Any = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
            with pytest.raises(grpc.RpcError) as failed:
                send(b"", timeout=20, metadata=[("lightstep-access-token", project.name)])
        error: Any = failed.value
        trailers: dict[str, Any] = dict(error.trailing_metadata())
        return error.code(), trailers.get("grpc-status-details-bin")

    with project.fault(grpc_status="RESOURCE_EXHAUSTED"):
        assert export() == (grpc.StatusCode.RESOURCE_EXHAUSTED, None)
    with project.fault(status=429, retry_after_ms=250):
        code, details = export()
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert status_pb2.Status.FromString(details).code == code.value[0]


def test_a_status_over_http_and_grpc(satellite: Satellite, project: Project) -> None:
    with project.fault(status=503, times=2, retry_after_ms=1500):
        answer = post(satellite, report(project))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        with pytest.raises(DecodeError):
            pb.ReportResponse.FromString(answer.content)
        error = refused(satellite, report(project))
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        [details] = [value for key, value in error.trailing_metadata() if key == "grpc-status-details-bin"]
        assert len(status_pb2.Status.FromString(details).details) == 1
        assert held(project) == 0
        assert post(satellite, report(project)).status_code == 200
    assert held(project) == 1
    assert project.faults() == []
    with project.fault(grpc_status="FAILED_PRECONDITION"):
        assert refused(satellite, report(project)).code() is grpc.StatusCode.FAILED_PRECONDITION
        answer = post(satellite, report(project))
        assert answer.status_code == 400
        assert pb.ReportResponse.FromString(answer.content).errors


def test_it_is_for_one_project(satellite: Satellite, project: Project) -> None:
    other = satellite.client.project("another")
    with project.fault(status=400):
        assert post(satellite, report(other)).status_code == 200
        assert post(satellite, report(project)).status_code == 400


def test_commands_texts_and_times(satellite: Satellite, project: Project) -> None:
    with project.fault(commands=["disable", "dev_mode"], errors=["e"], warnings=["w"], infos=["i"]):
        for answer in (
            call(satellite, report(project)),
            pb.ReportResponse.FromString(post(satellite, report(project)).content),
        ):
            assert [(one.disable, one.dev_mode) for one in answer.commands] == [(True, False), (False, True)]
            assert ([*answer.errors], [*answer.warnings], [*answer.infos]) == (["e"], ["w"], ["i"])
    now = call(satellite, report(project)).receive_timestamp.seconds
    with project.fault(skew_ms=-3_600_000):
        assert 3500 < now - call(satellite, report(project)).receive_timestamp.seconds < 3700
    with project.fault(no_timestamps=True):
        assert not call(satellite, report(project)).HasField("receive_timestamp")


@pytest.mark.parametrize("wrong", ["malformed", "truncated", "empty", "wrong-type"])
def test_wrong_bodies(satellite: Satellite, project: Project, wrong: str) -> None:
    right = post(satellite, report(project))
    with project.fault(body=wrong):
        answer = post(satellite, report(project))
        assert answer.status_code == 200
        if wrong == "wrong-type":
            assert answer.headers["content-type"] == "text/html"
        elif wrong == "empty":
            assert answer.content == b""
        else:
            with pytest.raises(DecodeError):
                pb.ReportResponse.FromString(answer.content)
            assert answer.content != right.content


def test_a_wrong_message_over_grpc(edge: Satellite, project: Project) -> None:
    with project.fault(body="malformed"), grpc.insecure_channel(edge.grpc_plain_target) as channel:
        send: Any = channel.unary_unary(METHOD)  # what a generated client makes of it depends on its language
        with pytest.raises(DecodeError):
            pb.ReportResponse.FromString(send(report(project), timeout=30))
    with project.fault(body="truncated"), grpc.insecure_channel(edge.grpc_plain_target) as channel:
        send = channel.unary_unary(METHOD)
        with suppress(grpc.RpcError):
            assert send(report(project), timeout=30) is None
    with project.fault(body="oversized"):
        assert refused(edge, report(project)).code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert len(post(edge, report(project)).content) > 4 << 20


def test_time(satellite: Satellite, project: Project) -> None:
    with project.fault(delay_ms=60_000):
        with pytest.raises(httpx.ReadTimeout):
            post(satellite, report(project), timeout=0.3)
        with pytest.raises(grpc.RpcError) as late:
            call(satellite, report(project), timeout=0.3)
        assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    with project.fault(delay_ms=1, jitter_ms=1, bytes_per_second=200):
        assert call(satellite, report(project)).HasField("receive_timestamp")
        assert pb.ReportResponse.FromString(post(satellite, report(project)).content).HasField(
            "receive_timestamp"
        )


@pytest.mark.parametrize("late", [{"delay_ms": 600_000}, {"bytes_per_second": 1}])
def test_an_answer_that_is_late_leaves_when_the_satellite_stops(late: dict[str, Any]) -> None:
    with ThreadPoolExecutor(1) as pool:
        with Satellite(shutdown_grace_seconds=1) as stopping:
            project = stopping.client.project("late")
            project.add_fault(**late)
            sent = pool.submit(post, stopping, report(project), timeout=60)
            project.expect("", count=1)
        assert sent.result().status_code == 200
        assert pb.ReportResponse.FromString(sent.result().content).HasField("receive_timestamp")


def test_connections(edge: Satellite, project: Project) -> None:
    for kind in ("reset-after", "reset-mid-body"):
        with project.fault(connection=kind):
            with pytest.raises(httpx.TransportError):
                post(edge, report(project))
            assert refused(edge, report(project)).code() in {
                grpc.StatusCode.UNAVAILABLE,
                grpc.StatusCode.INTERNAL,
                grpc.StatusCode.UNKNOWN,
            }
    assert held(project) == 1  # what was read is kept, and is the same span each time
    with project.fault(connection="goaway"):
        assert post(edge, report(project)).headers["connection"] == "close"
        with grpc.insecure_channel(edge.grpc_plain_target) as channel:
            send: Any = channel.unary_unary(METHOD, response_deserializer=pb.ReportResponse.FromString)
            for _ in range(3):
                send(report(project), timeout=30, wait_for_ready=True)


def test_acceptance(satellite: Satellite, project: Project) -> None:
    with project.fault(accept=2):
        answer = call(satellite, report(project, spans=5))
        assert answer.warnings
    assert held(project) == 2
    with project.fault(drop=1.0):
        assert not call(satellite, report(project, spans=5, first=100)).warnings
    assert held(project) == 2
    with project.fault(duplicate=True):
        call(satellite, report(project, spans=3, first=200))
    with project.fault(size_limit_bytes=10):
        assert post(satellite, report(project)).status_code == 413
        assert refused(satellite, report(project)).code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert held(project) == 5
    [stats] = [one for one in satellite.client.projects() if one["project"] == project.name]
    ledger = stats["ledger"]
    assert ledger["dropped"] == {"fault": 8, "duplicate": 3}
    assert ledger["received"] == ledger["stored"] + sum(ledger["dropped"].values()) + ledger["evicted"]


def test_faults_go_with_a_project_that_had_no_report(project: Project) -> None:
    project.add_fault(status=503)
    with pytest.raises(NotFound):
        project.drop()
    assert project.faults() == []


def test_strict_checks_refuse_what_is_odd(satellite: Satellite, project: Project) -> None:
    repeated = pb.ReportRequest.FromString(report(project))
    repeated.spans.add().CopyFrom(repeated.spans[0])
    repeated.spans[1].operation_name = "another"
    with project.fault(strict=True):
        answer = post(satellite, repeated.SerializeToString())
        assert answer.status_code == 400
        assert "repeated-id" in str(pb.ReportResponse.FromString(answer.content).errors)
        error = refused(satellite, repeated.SerializeToString())
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert post(satellite, report(project)).status_code == 200
    assert held(project) == 1
    assert project.requests(outcome="refused")[0]["fault"]["did"] == ["strict=True"]


def test_before_a_request_is_read(edge: Satellite, project: Project) -> None:
    client = edge.client
    port = int(edge.http_url.rpartition(":")[2])
    for kind in ("refuse", "reset-before"):
        client.send(_everywhere("POST", connection=kind, port=port))
        with pytest.raises(httpx.TransportError):
            post(edge, report(project))
        client.send(_everywhere("DELETE"))
    client.send(_everywhere("POST", connection="stall", port=port))
    with pytest.raises(httpx.ReadTimeout):
        post(edge, report(project), timeout=0.3)
    client.send(_everywhere("DELETE"))
    client.send(_everywhere("POST", read_delay_ms=1, path=PATH))
    client.send(_everywhere("POST", read_delay_ms=1, path=METHOD))
    client.send(_everywhere("POST", streams=1))
    assert post(edge, report(project)).status_code == 200
    call(edge, report(project))
    assert [one["applied"] for one in client.send(_everywhere("GET"))["faults"]][:2] == [1, 1]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("expired", "certificate has expired"),
        ("wrong-name", "certificate is not valid for"),
        ("wrong-ca", "self-signed certificate|unable to get local issuer"),
        ("handshake-failure", "handshake failure"),
    ],
)
def test_tls(edge: Satellite, project: Project, wrong: str, reason: str) -> None:
    context = ssl.create_default_context(cafile=str(edge.ca_file))

    def fetch() -> int:
        return httpx.get(edge.https_url + "/ca.pem", verify=context, trust_env=False).status_code

    assert fetch() == 200
    edge.client.send(_everywhere("POST", tls=wrong, times=1))
    with pytest.raises(httpx.ConnectError, match=reason):
        fetch()
    assert fetch() == 200
    del project


def test_profiles_and_bad_input(satellite: Satellite, project: Project) -> None:
    with project.fault("wrong-token"):
        assert post(satellite, report(project)).status_code == 401
    with pytest.raises(BadRequest, match="no profile 'sunny'"):
        project.add_fault("sunny")
    with pytest.raises(BadRequest, match="statuz"):
        project.add_fault(statuz=1)
    with pytest.raises(NotFound, match="no fault f9"):
        project.remove_faults("f9")
    with Client(satellite.url) as client, pytest.raises(BadRequest, match="cannot be a project's name"):
        client.project("a b").add_fault(status=503)
