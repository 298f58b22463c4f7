"""What the transport alone could do: `h2load` repeats one body over gRPC with TLS.

Four bodies: an empty report; 88 KB that are one unknown field, so there is nothing to decode but as much to carry as
in 100 spans; and real reports of 100 and of 5 spans, of which all but the first are duplicates, so these two are the
cost of re-sent reports and no ceiling.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.envoy_spans import Reports, field, grpc_message
from bench.figures import Figure
from bench.http2 import PATH
from bench.server import Server
from bench.workbench import Workbench

TOKEN = "transport"
CONNECTIONS, IN_FLIGHT = 4, 8
UNKNOWN_FIELD = 15


def bodies() -> dict[str, bytes]:
    """By what to call them, gRPC messages."""
    auth = field(2, field(1, TOKEN.encode()))
    real = {
        f"re-sent report of {spans} spans": bytes(
            Reports(TOKEN, spans, seed=1, now_s=time.time_ns() // 10**9).fresh(1)[0][0]
        )
        for spans in (100, 5)
    }
    ballast = field(UNKNOWN_FIELD, bytes(len(real["re-sent report of 100 spans"])))
    return {"empty report": grpc_message(auth), "88 KB without spans": grpc_message(auth + ballast)} | real


def measure(bench: Workbench) -> Iterator[Figure]:
    """Calls a second for each body; nothing where there is no h2load."""
    if shutil.which("h2load") is None:
        print("transport: left out, for there is no h2load (Debian package nghttp2-client)")
        return
    with Server() as server, tempfile.TemporaryDirectory(prefix="satellite-bench-") as folder:
        file = Path(folder, "body")
        for name, body in bodies().items():
            file.write_bytes(body)
            _calls_per_second(server, file, 0.5)
            values = [_calls_per_second(server, file, bench.seconds * 2 / 3) for _ in range(bench.rounds)]
            yield Figure("transport", f"h2load, {name}", "reports/s", values, "more")


def _calls_per_second(server: Server, body: Path, seconds: float) -> float:
    command = [
        "h2load",
        f"--duration={round(seconds * 1000)}ms",
        f"--clients={CONNECTIONS}",
        f"--max-concurrent-streams={IN_FLIGHT}",
    ]
    command += ["--header=content-type: application/grpc", "--header=te: trailers", f"--data={body}"]
    command.append(f"https://localhost:{server.ports['grpc_secure_port']}{PATH}")
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 60).stdout
    found = re.search(r"requests: \d+ total, .* (\d+) succeeded, (\d+) failed", output)
    assert found is not None, output
    assert found[2] == "0", output
    return int(found[1]) / seconds
