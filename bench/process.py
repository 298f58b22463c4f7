"""A server as a process of its own: started in a folder that goes with it, awaited, stopped, and what it takes meanwhile."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

START_SECONDS = 30.0
STOP_SECONDS = 30.0


def free_ports(number: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody has just now."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


class Served(ABC):
    """Runs in its `with` block; leaves nothing behind."""

    def __init__(self) -> None:
        """Not started yet."""
        self.ports: dict[str, int] = {}
        self.start_seconds = 0.0
        """From the start of the process until it was ready."""
        self.stop_seconds = 0.0

    # What a server must say

    @abstractmethod
    def command(self, folder: Path) -> tuple[list[str], dict[str, str]]:
        """(arguments, what its environment has beside ours); chooses the ports. It may write to that folder."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Asked again and again after the start; OSError means no."""

    # The process

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="satellite-bench-"))
        arguments, more = self.command(self._folder)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COLLECTOR_")}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # compiled once, as it is where it was installed
        self._log = (self._folder / "log").open("wb")
        began = time.perf_counter()
        self._process = subprocess.Popen(
            arguments, env=environment | more, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log
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
                if self.is_ready():
                    return
            time.sleep(0.005)
        log = (self._folder / "log").read_text("utf-8", "replace")
        raise RuntimeError(f"{type(self).__name__} did not become ready:\n{log[-4000:]}")

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

    # What the system says

    def cpu_seconds(self) -> float:
        """Processor time it has used so far, with its children; NaN where there is no /proc."""
        used = 0
        try:
            for pid in self._processes():
                fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
                used += int(fields[11]) + int(fields[12])
        except OSError:
            return float("nan")
        return used / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self) -> float:
        """Its memory, with its children's; NaN where there is no /proc."""
        try:
            texts = [Path(f"/proc/{pid}/status").read_text("ascii") for pid in self._processes()]
        except OSError:
            return float("nan")
        return sum(float(text.partition("VmRSS:")[2].split()[0]) * 1024 for text in texts)

    def _processes(self) -> list[int]:
        own = self._process.pid
        texts = [task.read_text("ascii") for task in Path(f"/proc/{own}/task").glob("*/children")]
        return [own, *(int(pid) for text in texts for pid in text.split())]


def ask(port: int, method: str, target: str) -> tuple[int, bytes]:
    """(status, body) of one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, target)
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()
