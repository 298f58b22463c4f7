"""The pages' files, called without a socket, over a folder of three small ones."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from satellite.api.pages import Pages

INDEX = """<!doctype html><html><head><meta name="prefix" content="">
<link rel="stylesheet" href="./assets/main-1.css"><script type="module" src="./assets/main-1.js"></script></head></html>"""
SCRIPT = "console.log('pages');" * 200


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text(INDEX)
    (tmp_path / "assets/main-1.js").write_text(SCRIPT)
    (tmp_path / "assets/main-1.css").write_text("body{}")
    return tmp_path


def get(folder: Path, path: str, *, prefix: str = "", method: str = "GET", **headers: str) -> httpx.Response:
    async def echo(request: Request) -> PlainTextResponse:
        return PlainTextResponse(f"behind {request.url.path}")

    behind = Starlette(
        routes=[
            Route(path, echo)
            for path in (
                "/api/v1/projects",
                "/diagnostics",
                "/ca.pem",
                "/readyz",
                "/_ready",
                "/livez",
                "/_live",
            )
        ]
    )

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(Pages(behind, folder, prefix=prefix))
        async with httpx.AsyncClient(transport=transport, base_url="http://satellite") as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(ask())


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/default/explorer",
        "/shop/trace/0000000b00c00025",
        "/a%20b/streams/x/y",
        "/t0k3n/trace?span_guid=1",
        "/trace/3abad6f90441a7ed",
        "/zipkin/traces/3abad6f90441a7ed",
        "/traces/3abad6f90441a7ed",
        "/search?service=productpage.default",
    ]
    + [f"/p/{page}" for page in ("service-directory/shop/deployments", "operation/7", "developer-mode")],
)
def test_every_address_of_a_page_answers_with_the_document(folder: Path, path: str) -> None:
    answer = get(folder, path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert 'src="/assets/main-1.js"' in answer.text


def test_a_page_allows_nothing_inline_nothing_from_elsewhere_and_no_frame(folder: Path) -> None:
    for path in ("/default/explorer", "/assets/main-1.js"):
        headers = get(folder, path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"


def test_files_are_compressed_and_kept_by_the_browser(folder: Path) -> None:
    plain = get(folder, "/assets/main-1.js", **{"accept-encoding": "identity"})
    assert plain.text == SCRIPT
    assert plain.headers["content-type"].startswith("text/javascript")
    assert "immutable" in plain.headers["cache-control"]
    packed = get(folder, "/assets/main-1.js", **{"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.text == SCRIPT
    assert len(gzip.compress(SCRIPT.encode())) < len(SCRIPT)
    assert get(folder, "/default/explorer").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("stripped", [True, False])
def test_below_a_prefix_files_are_named_from_there(folder: Path, stripped: bool) -> None:
    said = {"x-forwarded-prefix": "/mesh/satellite"}
    answer = get(folder, "/default/explorer" if stripped else "/mesh/satellite/default/explorer", **said)
    assert 'src="/mesh/satellite/assets/main-1.js"' in answer.text
    assert 'name="prefix" content="/mesh/satellite"' in answer.text
    set_ = get(folder, "/mesh/satellite/", prefix="/mesh/satellite")
    assert 'href="/mesh/satellite/assets/main-1.css"' in set_.text
    assert (
        get(folder, "/mesh/satellite/api/v1/projects", prefix="/mesh/satellite").text
        == "behind /api/v1/projects"
    )


@pytest.mark.parametrize("said", ['/a"><script>', "//evil.example", "/a/../b", "evil", "/a b"])
def test_what_cannot_be_a_prefix_is_none(folder: Path, said: str) -> None:
    assert 'src="/assets/main-1.js"' in get(folder, "/default/explorer", **{"x-forwarded-prefix": said}).text


def test_all_else_is_answered_behind(folder: Path) -> None:
    for path in ("/readyz", "/_ready", "/livez", "/_live"):
        assert get(folder, path, accept="text/html,*/*").text == f"behind {path}"
    assert get(folder, "/readyz/explorer").status_code == 200  # a project may have this name
    assert get(folder, "/api/v1/projects", accept="text/html").text == "behind /api/v1/projects"
    assert get(folder, "/ca.pem", accept="text/html,*/*").text == "behind /ca.pem"
    assert get(folder, "/diagnostics?format=json").text == "behind /diagnostics"
    assert get(folder, "/default/explorer", method="POST").status_code == 404
    for path in ("/assets/none.js", "/assets/../index.html", "/default/elsewhere", "/api/explorer/x"):
        assert get(folder, path).status_code == 404


def test_a_person_sees_pages_where_a_program_sees_json(folder: Path) -> None:
    status = get(folder, "/diagnostics", accept="text/html")
    assert (status.status_code, "<script" in status.text) == (200, True)
    lost = get(folder, "/default/elsewhere", accept="text/html,*/*")
    assert (lost.status_code, "<script" in lost.text) == (404, True)


def test_without_the_pages_there_is_a_start_page_of_text(tmp_path: Path) -> None:
    answer = get(tmp_path, "/", accept="text/html")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "/api/v1/projects" in answer.text
    assert get(tmp_path, "/default/explorer").status_code == 404
    assert get(tmp_path, "/api/v1/projects").text == "behind /api/v1/projects"


def test_head(folder: Path) -> None:
    answer: Any = get(folder, "/default/explorer", method="HEAD")
    assert (answer.status_code, answer.content) == (200, b"")
