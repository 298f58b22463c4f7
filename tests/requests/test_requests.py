"""What a real satellite logs of real requests, over HTTP and both engines of gRPC; and asking for it."""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import Iterator
from typing import Any

import grpc
import httpx
import pytest

from mock_lightstep_satellite.async_client import AsyncClient
from mock_lightstep_satellite.client import Project
from satellite import Satellite
from satellite.errors import BadRequest, NotFound
from tests.faults.test_misbehaviour import METHOD, PATH, call, post, refused, report


@pytest.fixture(scope="module", params=["edge", "grpcio"])
def satellite(request: pytest.FixtureRequest) -> Iterator[Satellite]:
    with Satellite(grpc_engine=request.param) as started:
        yield started


@pytest.fixture
def project(satellite: Satellite, request: pytest.FixtureRequest) -> Project:
    return satellite.client.project(request.node.originalname)


def test_each_request_and_its_answer(satellite: Satellite, project: Project) -> None:
    body = report(project)
    post(satellite, body)
    call(satellite, report(project, first=2))
    with project.fault(status=503, times=1):
        assert post(satellite, body).status_code == 503
    with project.fault(grpc_status="RESOURCE_EXHAUSTED"):
        refused(satellite, body)
    found = project.requests()
    assert [(one["transport"], one["status"], one["grpc_status"], one["outcome"]) for one in found] == [
        ("http", 200, None, "stored"),
        ("grpc", 200, "OK", "stored"),
        ("http", 503, None, "refused"),
        ("grpc", 200, "RESOURCE_EXHAUSTED", "refused"),
    ]
    assert [one["stored"] for one in found] == [1, 1, 0, 0]
    assert found[2]["fault"]["did"] == ["status=503"]
    assert {one["service"] for one in found} == {"shop"}
    assert [one["status"] for one in project.requests(status="503")] == [503]
    assert len(project.requests(transport="grpc", outcome="stored")) == 1
    one = found[0]["number"]
    assert project.request_body(one) == body
    assert project.decode_request(one)["spans"][0]["operation"] == "o"
    headers = {header["name"]: header["value"] for header in project.request(one)["headers"]}
    assert headers["content-type"] == "application/octet-stream"


def test_since_a_mark_and_after_a_number(satellite: Satellite, project: Project) -> None:
    post(satellite, report(project))
    mark = project.mark()
    assert project.requests(since=mark) == []
    with project.fault(status=429, times=1):
        post(satellite, report(project))
    [one] = project.requests(since=mark)
    assert one["status"] == 429
    assert project.requests(after=one["number"]) == []


def test_a_body_is_kept_as_it_was_sent_and_decoded_when_asked(satellite: Satellite, project: Project) -> None:
    body = gzip.compress(report(project, spans=3))
    headers = {
        "content-type": "application/octet-stream",
        "content-encoding": "gzip",
        "lightstep-access-token": "s3cret",
    }
    httpx.post(satellite.http_url + PATH, content=body, headers=headers, trust_env=False)
    [one] = project.requests()
    assert (one["encoding"], one["body_bytes"]) == ("gzip", len(body))
    assert project.request_body(one["number"]) == body
    assert project.decode_request(one["number"])["total"] == 3
    assert "s3cret" not in str(project.request(one["number"]))


def test_strangers(satellite: Satellite) -> None:
    client = satellite.client
    before = max((one["number"] for one in client.requests()), default=0)
    httpx.post(f"{satellite.http_url}/nowhere?access_token=s3cret", trust_env=False)
    httpx.post(
        satellite.http_url + PATH,
        content=b"\xff\xff",
        headers={"content-type": "application/octet-stream"},
        trust_env=False,
    )
    nowhere, unreadable = client.requests(after=before)
    assert (nowhere["status"], nowhere["outcome"]) == (404, "other")
    assert nowhere["path"] == "/nowhere?access_token=(removed)"
    assert (unreadable["status"], unreadable["error"]) == (400, "bad_report")
    assert client.decode_request(unreadable["number"])["error"].startswith("not a ReportRequest")
    with pytest.raises(BadRequest, match="no protocol takes POST /nowhere"):
        client.decode_request(nowhere["number"])
    with pytest.raises(NotFound):
        client.request(nowhere["number"] + 1000)


def test_a_body_that_cannot_be_read_is_its_heads_project(satellite: Satellite, project: Project) -> None:
    headers = {"content-type": "application/x-protobuf", "lightstep-access-token": project.name}
    httpx.post(f"{satellite.http_url}/v1/traces", content=b"\xff\xff", headers=headers, trust_env=False)
    [one] = project.requests()
    assert (one["outcome"], one["protocol"]) == ("refused", "otlp")


def test_a_sender_that_leaves_in_the_middle(satellite: Satellite) -> None:
    client = satellite.client
    before = max((one["number"] for one in client.requests()), default=0)
    host, _, port = satellite.http_url.rpartition("//")[2].partition(":")
    head = f"POST {PATH} HTTP/1.1\r\nhost: a\r\ncontent-type: application/octet-stream\r\ncontent-length: 100\r\n\r\n"
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode() + b"\x0a\x02")
    while not (found := client.requests(after=before)):
        pass
    assert (found[0]["outcome"], found[0]["status"], found[0]["body_bytes"]) == ("aborted", 0, 2)


def test_calls_that_are_none(satellite: Satellite) -> None:
    if satellite._given["grpc_engine"] != "edge":
        pytest.skip("grpcio does not tell what it refuses")
    client = satellite.client
    before = max((one["number"] for one in client.requests()), default=0)
    with grpc.insecure_channel(satellite.grpc_plain_target) as channel:
        for path, body in (("/no.Such/Method", b""), (METHOD, b"\xff\xff")):
            method: Any = channel.unary_unary(path)
            with pytest.raises(grpc.RpcError):
                method(body, timeout=30)
    unknown, unreadable = client.requests(after=before)
    assert (unknown["grpc_status"], unknown["outcome"]) == ("UNIMPLEMENTED", "other")
    assert (unreadable["grpc_status"], unreadable["outcome"]) == ("INVALID_ARGUMENT", "refused")


def test_reset_and_drop_forget_them(satellite: Satellite, project: Project) -> None:
    post(satellite, report(project))
    project.reset()
    assert project.requests() == []
    post(satellite, report(project))
    project.drop()
    assert project.requests() == []


@pytest.mark.parametrize(
    "wrong", [{"status": "99"}, {"outcome": "fine"}, {"limit": 0}, {"reporter": "xyz"}, {"colour": 1}]
)
def test_what_cannot_be_asked(project: Project, wrong: dict[str, Any]) -> None:
    with pytest.raises(BadRequest, match=next(iter(wrong))):
        project.requests(**wrong)


def test_awaited(satellite: Satellite, project: Project) -> None:
    post(satellite, report(project))

    async def ask() -> list[Any]:
        async with AsyncClient(satellite.url) as client:
            asked = client.project(project.name)
            [one] = await asked.requests()
            number = one["number"]
            return [
                await asked.request(number),
                await asked.request_body(number),
                await asked.decode_request(number),
                await client.requests(limit=1),
            ]

    detail, body, decoded, _ = asyncio.run(ask())
    assert detail["request"]["stored"] == decoded["total"] == 1
    assert body == report(project)


def test_switched_off() -> None:
    with Satellite(request_log_bytes=0) as satellite:
        project = satellite.client.project("off")
        post(satellite, report(project))
        assert project.requests() == []
        with pytest.raises(NotFound, match="no request 1") as caught:
            project.request(1)
        assert caught.value.hint is not None
        assert "request_log_bytes is 0" in caught.value.hint
