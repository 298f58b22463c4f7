"""What docs/recipes.md puts in the place of the mock satellite of LightStep's benchmarks, started as they start it, and a tracer that reports to it."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from mock_lightstep_satellite.remote import free_port
from tests.interop.processes import PATIENCE_S, SATELLITE, Tracer, environment
from tests.interop.test_recipes import BLOCKS


def test_spans_received(lightstep_python: Path, tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with ExitStack() as started:
        (tmp_path / "mock_satellite.py").write_text(BLOCKS["python"])
        mock = subprocess.Popen(
            [sys.executable, tmp_path / "mock_satellite.py", str(port), "typical"],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(HOME=str(tmp_path)) | {"PATH": str(Path(SATELLITE).parent)},
        )
        started.callback(mock.communicate)
        started.callback(mock.kill)
        assert mock.stderr is not None
        said = iter(mock.stderr)
        assert any("satellite.started" in line for line in said)  # at the port that was bound for it
        options: dict[str, Any] = {"collector_host": urlsplit(url).hostname, "collector_port": port}
        options |= {"component_name": "shop", "access_token": "any", "collector_encryption": "none"}
        tracer = started.enter_context(
            Tracer(lightstep_python, "lightstep_python.py", periodic_flush_seconds=0, **options)
        )
        tracer.do("many", 7, "tick")
        assert tracer.do("flush")["failed"] is None
        answer = httpx.get(f"{url}/spans_received", trust_env=False, timeout=PATIENCE_S)
        assert (answer.status_code, int(answer.text)) == (200, 7)
        mock.terminate()
        assert not [line for line in said if "Traceback" in line]
        assert mock.wait(PATIENCE_S) == 0
