"""Logged requests sent again, and the command that does it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from mock_lightstep_satellite.async_client import AsyncClient
from mock_lightstep_satellite.cli.requests import app
from mock_lightstep_satellite.client import Project
from mock_lightstep_satellite.errors import BadRequest, Unreachable
from mock_lightstep_satellite.replay import replay
from satellite import Satellite
from tests.faults.test_misbehaviour import call, post, report
from tests.serving import silent_url


@pytest.fixture(scope="module")
def satellite() -> Iterator[Satellite]:
    with Satellite() as started:
        yield started


@pytest.fixture
def project(satellite: Satellite, request: pytest.FixtureRequest) -> Project:
    return satellite.client.project(request.node.originalname)


def run(satellite: Satellite, project: Project, *arguments: str) -> tuple[int, str]:
    found = CliRunner().invoke(app, [*arguments, "--url", satellite.url, "--project", project.name])
    return found.exit_code, found.output


def test_over_http_and_grpc_with_the_token_put_back(satellite: Satellite, project: Project) -> None:
    post(satellite, report(project))
    call(satellite, report(project, first=2))
    headers = {"content-type": "application/x-protobuf", "lightstep-access-token": project.name}
    httpx.post(f"{satellite.http_url}/v1/traces", content=b"", headers=headers, trust_env=False)
    over_http, over_grpc, by_head = (one["number"] for one in project.requests())
    assert project.replay(over_http, satellite.http_url).status == 200
    assert project.replay(over_grpc, satellite.grpc_plain_target).grpc_status == "OK"
    secure = f"https://{satellite.grpc_target}"
    assert project.replay(over_grpc, secure, ca_file=satellite.ca_file).grpc_status == "OK"
    assert project.replay(by_head, satellite.http_url).status == 200
    assert len(project.requests()) == 7

    async def again() -> str | None:
        async with AsyncClient(satellite.url) as client:
            given = await client.project(project.name).replay(over_grpc, satellite.grpc_plain_target)
            return given.grpc_status

    assert asyncio.run(again()) == "OK"


def test_what_is_answered_this_time_is_told(satellite: Satellite, project: Project) -> None:
    post(satellite, report(project))
    call(satellite, report(project))
    over_http, over_grpc = (one["number"] for one in project.requests())
    with project.fault(status=503):
        assert project.replay(over_http, satellite.http_url).status == 503
        assert project.replay(over_grpc, satellite.grpc_plain_target).grpc_status == "UNAVAILABLE"


@pytest.mark.parametrize(
    "to", ["", "ftp://a:1", "http://", "http://a:b", "//a:1", "http://u:p@a:1", "http://a:1?x"]
)
def test_addresses_that_are_none(satellite: Satellite, project: Project, to: str) -> None:
    post(satellite, report(project))
    with pytest.raises(BadRequest, match=r"to: .* one is http://host:port"):
        project.replay(project.requests()[0]["number"], to)


def test_to_nowhere(satellite: Satellite, project: Project) -> None:
    post(satellite, report(project))
    call(satellite, report(project))
    over_http, over_grpc = (one["number"] for one in project.requests())
    with silent_url() as url:
        with pytest.raises(Unreachable, match="nobody took the request"):
            project.replay(over_http, url)
        with pytest.raises(Unreachable, match="nobody took the call"):
            project.replay(over_grpc, url)


def test_a_body_that_was_cut_stays() -> None:
    with pytest.raises(BadRequest, match="only the beginning"):
        replay({"request": {"cut": True, "number": 3}, "headers": []}, b"", "http://a:1")


def test_the_command(satellite: Satellite, project: Project, tmp_path: Path) -> None:
    body = report(project)
    post(satellite, body)
    number = str(project.requests()[0]["number"])
    code, listed = run(satellite, project)
    assert code == 0
    assert listed.splitlines()[1].split("\t")[2:7] == ["POST", "/api/v2/reports", "200", "stored", "1"]
    assert run(satellite, project, "--status", "503")[1].splitlines()[0].startswith("number\t")
    code, shown = run(satellite, project, "show", number)
    assert "content-type: application/octet-stream" in shown
    assert "lightstep: 1 span of shop" in shown
    assert run(satellite, project, "save", number, str(tmp_path / "body"))[0] == 0
    assert (tmp_path / "body").read_bytes() == body
    assert run(satellite, project, "replay", number, "--to", satellite.http_url) == (0, "200 OK\n")
    with project.fault(status=400):
        assert run(satellite, project, "replay", number, "--to", satellite.http_url)[0] == 1
