"""A `satellite serve` in a process of its own, as a user starts it, with its certificates in a folder that goes."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

import msgspec

from satellite.settings import NEIGHBOURS_PORTS
from satellite.store import ProjectStats

START_SECONDS = 30.0
STOP_SECONDS = 30.0
PORTS = (
    "grpc_secure_port",
    "grpc_plain_port",
    "http_secure_port",
    "http_plain_port",
    "secure_port",
    "plain_port",
    "admin_plain_port",
    "explorer_port",
)
OFF = ("developer_plain_port", "admin_secure_port", *NEIGHBOURS_PORTS)


class _Projects(msgspec.Struct):
    projects: list[ProjectStats]


def free_ports(number: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody has just now."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


class Server:
    """Runs in its `with` block; leaves nothing behind."""

    def __init__(self, *, cert_dir: Path | None = None, **settings: object) -> None:
        """Settings by their names; `cert_dir` to use the certificates of an earlier one."""
        self._given = settings
        self._cert_dir = cert_dir
        self.ports: dict[str, int] = {}
        self.start_seconds = 0.0
        """From the start of the process to the first 200 of `/_ready`."""
        self.stop_seconds = 0.0

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="satellite-bench-"))
        self.cert_dir = self._cert_dir or self._folder / "certs"
        self.ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        settings: dict[str, object] = {
            "host": "127.0.0.1",
            "cert_dir": self.cert_dir,
            "bytes_per_project": 20_000_000_000,
            "bytes_in_total": 20_000_000_000,
            **dict.fromkeys(OFF, 0),
            **self.ports,
            **self._given,
        }
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COLLECTOR_")}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # compiled once, as it is where it was installed
        environment |= {f"COLLECTOR_{name.upper()}": str(value) for name, value in settings.items()}
        self._log = (self._folder / "log").open("wb")
        command = [str(Path(sys.executable).with_name("satellite")), "serve"]
        began = time.perf_counter()
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log
        )
        try:
            self._await_ready(began + START_SECONDS)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self.start_seconds = time.perf_counter() - began
        return self

    def _await_ready(self, until: float) -> None:
        while time.perf_counter() < until:
            if self._process.poll() is not None:
                break
            with contextlib.suppress(OSError, http.client.HTTPException):
                status, _ = ask(self.ports["admin_plain_port"], "GET", "/_ready")
                if status == 200:
                    return
            time.sleep(0.005)
        log = (self._folder / "log").read_text("utf-8", "replace")
        raise RuntimeError(f"the satellite did not become ready:\n{log[-4000:]}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        began = time.perf_counter()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self.stop_seconds = time.perf_counter() - began
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def ca_file(self) -> str:
        """The CA that signed its certificate."""
        return str(self.cert_dir / "ca.pem")

    # What the system says

    def cpu_seconds(self) -> float:
        """Processor time it has used so far, with its receivers; NaN where there is no /proc."""
        used = 0
        try:
            for pid in self._processes():
                fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
                used += int(fields[11]) + int(fields[12])
        except OSError:
            return float("nan")
        return used / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self) -> float:
        """Its memory, with its receivers'; NaN where there is no /proc."""
        try:
            texts = [Path(f"/proc/{pid}/status").read_text("ascii") for pid in self._processes()]
        except OSError:
            return float("nan")
        return sum(float(text.partition("VmRSS:")[2].split()[0]) * 1024 for text in texts)

    def _processes(self) -> list[int]:
        own = self._process.pid
        texts = [task.read_text("ascii") for task in Path(f"/proc/{own}/task").glob("*/children")]
        return [own, *(int(pid) for text in texts for pid in text.split())]

    # What it says itself

    def stats(self, project: str) -> ProjectStats | None:
        """What a project holds; None when there is none of that name."""
        _, body = ask(self.ports["explorer_port"], "GET", "/api/v1/projects")
        found = msgspec.json.decode(body, type=_Projects).projects
        return next((stats for stats in found if stats.project == project), None)

    def count(self, project: str) -> int:
        """How many spans its query finds."""
        status, body = ask(self.ports["explorer_port"], "GET", path(project, "spans", limit=1))
        return int(msgspec.json.decode(body)["total"]) if status == 200 else 0

    def drop(self, project: str) -> None:
        """Forget a project."""
        ask(self.ports["explorer_port"], "DELETE", path(project))


def path(project: str, what: str = "", **parameters: Any) -> str:
    """Of the API, with its query string."""
    parts = ["", "api", "v1", "projects", quote(project, safe=""), *([what] if what else [])]
    return "/".join(parts) + ("?" + urlencode(parameters) if parameters else "")


def ask(port: int, method: str, target: str) -> tuple[int, bytes]:
    """(status, body) of one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, target)
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()
