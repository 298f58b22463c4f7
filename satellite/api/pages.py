"""The pages that people see: the files that `web/` is built into, served beside the API.

Every page is one document, which reads its address in the browser; so each address that a page can have answers with
it. The policy on it allows no inline script or style, no frame around it and nothing from another host.
"""

from __future__ import annotations

import gzip
import mimetypes
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response

from satellite.api.operations import LIVE_PATHS, READY_PATHS

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

PAGES = frozenset(
    {"explorer", "trace", "services", "streams", "live", "snapshots", "reporters", "requests", "status"}
)
"""The second segments of a page's address; the first is the project."""
LIGHTSTEPS_PAGES = frozenset(
    {"stream", "operation", "service-directory", "monitoring", "notebooks", "developer-mode"}
)
"""Addresses that LightStep's tools and webhooks print (explorer.md §2); the browser leads on from them."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SAFE: Mapping[str, str] = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
"""On every answer that is a page or a part of one."""

_API = "/api/"
"""No page's address begins so."""

_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}
_OTHERS_TRACE = re.compile(r"/(?:trace|(?:zipkin/)?traces)/[0-9a-fA-F]{1,32}")
"""With `/search` what Kiali and Grafana link to when they are told that this is Jaeger or Zipkin; the browser leads on."""
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_COMPRESSED_FROM_BYTES = 1024

NOT_BUILT = """\
This satellite was started without its pages: they are built with Node.js (`make run` does it where npm is installed;
the wheel and the image have them).

/api/v1/projects          projects, spans, traces, histograms as JSON
/api/v1/openapi.json      the API's description
/readyz, /livez           whether it takes reports, whether it runs
/diagnostics              checks, listeners, certificates, settings, ledgers, refusals
/ca.pem                   the certificate that clients should trust
"""


@dataclass(frozen=True)
class _File:
    body: bytes
    media_type: str

    @cached_property
    def gzipped(self) -> bytes | None:
        """None when it is not worth it; made when it is first asked for, which in a test it never is."""
        if len(self.body) < _COMPRESSED_FROM_BYTES or self.media_type.startswith("image/png"):
            return None
        return gzip.compress(self.body, 9, mtime=0)


class Pages:
    """ASGI application: pages and their files; everything else is answered by the application behind."""

    def __init__(self, behind: App, folder: Path, *, prefix: str = "") -> None:
        """Reads the files once.

        Args:
            behind: the API and what else the port has.
            folder: what `web/` was built into; without an `index.html` in it there are no pages.
            prefix: where a proxy has put this port, `/` and a path; without one `X-Forwarded-Prefix` says it.
        """
        self._behind = behind
        self._prefix = prefix.rstrip("/")
        index = folder / "index.html"
        self._index = index.read_text("utf-8") if index.is_file() else None
        self._assets: dict[str, _File] = {}
        if self._index is not None:
            for path in sorted(folder.rglob("*")):
                if path.is_file() and path != index:
                    self._assets["/" + path.relative_to(folder).as_posix()] = _file(path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._behind(scope, receive, send)
            return
        prefix = self._prefix or _forwarded_prefix(scope)
        path = scope["path"]
        if prefix and (path == prefix or path.startswith(f"{prefix}/")):
            path = path[len(prefix) :] or "/"
            scope = {**scope, "path": path, "raw_path": path.encode()}
        answer = None
        if scope["method"] in ("GET", "HEAD") and not path.startswith(_API):
            answer = self._answer(path, Headers(scope=scope), prefix)
        await (answer or self._behind)(scope, receive, send)

    def _answer(self, path: str, headers: Headers, prefix: str) -> Response | None:
        if (file := self._assets.get(path)) is not None:
            return _asset(file, headers)
        if self._index is None:
            return PlainTextResponse(NOT_BUILT, headers=dict(SAFE)) if path == "/" else None
        if _is_page(path):
            return self._page(prefix)
        wants_page = "text/html" in headers.get("accept", "")
        if path == "/diagnostics" and wants_page:
            return self._page(prefix)
        served = path in (*READY_PATHS, *LIVE_PATHS) or path.startswith(("/assets/", "/public/"))
        if wants_page and not served and "." not in path:
            return self._page(prefix, status=404)
        return None

    def _page(self, prefix: str, status: int = 200) -> Response:
        assert self._index is not None
        # What is served depends on where the proxy has put us: files are named from there, and the script is told.
        document = self._index.replace('="./', f'="{escape(prefix)}/')
        document = document.replace('name="prefix" content=""', f'name="prefix" content="{escape(prefix)}"')
        return Response(
            document, status, {**SAFE, "cache-control": "no-cache", "vary": "x-forwarded-prefix"}, "text/html"
        )


def _is_page(path: str) -> bool:
    if path == "/search" or _OTHERS_TRACE.fullmatch(path):
        return True
    segments = path.strip("/").split("/")
    if len(segments) == 1:
        return segments[0] == ""
    return segments[0] != "api" and segments[1] in PAGES | LIGHTSTEPS_PAGES


def _forwarded_prefix(scope: Scope) -> str:
    """What a proxy says it took away from the path; nothing that could not be one."""
    header = next((value for name, value in scope["headers"] if name == b"x-forwarded-prefix"), b"")
    said = header.decode("latin-1").partition(",")[0].strip().rstrip("/")
    return said if _PREFIX.fullmatch(said) and "/." not in said else ""


def _file(path: Path) -> _File:
    media_type = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return _File(path.read_bytes(), media_type)


def _asset(file: _File, headers: Headers) -> Response:
    # A file's name changes with its content, so what a browser has is what there is.
    answer = {**SAFE, "cache-control": "public, max-age=31536000, immutable", "vary": "accept-encoding"}
    if "gzip" in headers.get("accept-encoding", "") and file.gzipped is not None:
        return Response(file.gzipped, 200, {**answer, "content-encoding": "gzip"}, file.media_type)
    return Response(file.body, 200, answer, file.media_type)
