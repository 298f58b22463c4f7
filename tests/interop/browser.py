"""A page with LightStep's browser build in a real Chromium without a window, from an origin of its own."""

from __future__ import annotations

import http.server
import json
import os
import queue
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.chromium import installed_browser
from tests.interop.processes import PATIENCE_S, ROOT, environment
from tests.interop.tracers import installed

PAGE = ROOT / "tests/interop/clients/lightstep_browser.html"


def visit(settings: dict[str, Any], *, trusted_key: str = "") -> dict[str, Any]:
    """What the page says that it did with these settings.

    `trusted_key` is the SHA-256 of a server's public key in base64: the browser then needs no other reason to trust it.
    """
    browser = installed_browser()
    with _site(settings) as (url, said), tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        command += ["--no-first-run", "--disable-background-networking", f"--user-data-dir={profile}"]
        command += [f"--ignore-certificate-errors-spki-list={trusted_key}"] if trusted_key else []
        with subprocess.Popen(
            [*command, url],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment(HOME=profile),
            start_new_session=True,  # it has children, which end with it
        ) as process:
            try:
                return said.get(timeout=PATIENCE_S)
            finally:
                os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def _site(settings: dict[str, Any]) -> Iterator[tuple[str, queue.Queue[dict[str, Any]]]]:
    """(URL of the page, what the page posts when it is done)."""
    said: queue.Queue[dict[str, Any]] = queue.Queue()
    library = installed("lightstep-js") / "node_modules/lightstep-tracer/dist/lightstep-tracer.min.js"
    files: dict[str, tuple[str, Path | bytes]] = {
        "/": ("text/html; charset=utf-8", PAGE),
        "/lightstep-tracer.js": ("text/javascript; charset=utf-8", library),
        "/settings.json": ("application/json", json.dumps(settings).encode()),
    }

    class Site(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, content = files.get(self.path, ("", b""))
            body = content.read_bytes() if isinstance(content, Path) else content
            self.send_response(200 if kind else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(204)
            self.end_headers()
            said.put(json.loads(body))

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", said
        finally:
            server.shutdown()
            thread.join()
