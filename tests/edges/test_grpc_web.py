"""gRPC-Web where it comes in: at the paths of gRPC methods, over HTTP/1 and HTTP/2."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from contextlib import closing

import hpack
import pytest

from mock_lightstep_satellite import Client
from satellite.edges.http2 import PREFACE
from satellite.edges.http2 import frames as f
from satellite.embedded import Satellite

PATH = "/lightstep.collector.CollectorService/Report"
EMPTY = bytes(5)
"""A report without a field, with its prefix."""


@pytest.fixture(scope="module")
def satellite() -> Iterator[Satellite]:
    with Satellite() as here:
        yield here


def asked(
    satellite: Satellite, method: str, body: bytes = b"", path: str = PATH, **headers: str
) -> http.client.HTTPResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with closing(http.client.HTTPConnection(*_address(satellite), timeout=60)) as connection:
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        answer.text = answer.read()  # type: ignore[attr-defined]
        return answer


def _address(satellite: Satellite) -> tuple[str, int]:
    host, _, port = satellite.http_url.removeprefix("http://").rpartition(":")
    return host, int(port)


def test_over_http1(satellite: Satellite) -> None:
    answer = asked(satellite, "POST", EMPTY, content_type="application/grpc-web+proto", x_grpc_web="1")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/grpc-web+proto")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.text.endswith(b"\x80\0\0\0\x10grpc-status: 0\r\n")  # type: ignore[attr-defined]


def test_over_http2(satellite: Satellite) -> None:
    fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", PATH),
        (":authority", "here"),
        ("content-type", "application/grpc-web"),
    ]
    with socket.create_connection(_address(satellite), 60) as connection:
        connection.sendall(
            PREFACE
            + f.frame(f.SETTINGS, 0, 0)
            + f.frame(f.HEADERS, f.END_HEADERS, 1, hpack.Encoder().encode(fields))
            + f.frame(f.DATA, f.END_STREAM, 1, EMPTY)
        )
        came = b""
        while b"grpc-status: 0\r\n" not in came:
            piece = connection.recv(65_536)
            assert piece, came
            came += piece


def test_a_browser_asks_whether_a_page_may(satellite: Satellite) -> None:
    answer = asked(
        satellite,
        "OPTIONS",
        origin="https://shop.example",
        access_control_request_method="POST",
        access_control_request_headers="x-grpc-web,content-type",
    )
    assert answer.status == 200
    assert answer.headers["access-control-allow-headers"] == "x-grpc-web,content-type"


def test_what_is_not_grpc_web_is_told_that_it_needs_http2(satellite: Satellite) -> None:
    assert asked(satellite, "POST", EMPTY, content_type="application/grpc").status == 505
    assert asked(satellite, "GET").status == 505


def test_other_methods_need_grpc(satellite: Satellite) -> None:
    health = "/grpc.health.v1.Health/Check"
    assert asked(satellite, "POST", EMPTY, health, content_type="application/grpc-web").status == 404


def test_the_log_of_requests_can_read_it(satellite: Satellite) -> None:
    asked(satellite, "POST", EMPTY, content_type="application/grpc-web", lightstep_access_token="logged")
    with Client(satellite.url) as client:
        logged = client.project("logged")
        [request] = logged.requests()
        assert (request["protocol"], request["path"], request["outcome"]) == ("lightstep_web", PATH, "stored")
        assert not logged.decode_request(request["number"])["error"]
