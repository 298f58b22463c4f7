"""A satellite as a process of its own, for tests that kill it, starve it or fill its disk."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from satellite.ports import PURPOSES

COMMAND = [sys.executable, "-c", "from mock_lightstep_satellite.cli import main; main()"]
START_SECONDS = 60


class Process:
    """`satellite serve` with these settings, on free ports: reports by HTTP, the admin port, Explorer."""

    def __init__(
        self,
        *,
        listens: Sequence[str] = (),
        wrapper: Sequence[str] = (),
        command: Sequence[str] = COMMAND,
        **settings: Any,
    ) -> None:
        open_ports = {"http_plain_port", "explorer_port", "admin_plain_port", *listens}
        given = (
            {"host": "127.0.0.1"}
            | {name: "free" if name in open_ports else 0 for name in PURPOSES}
            | settings
        )
        flags = [f"--set={name}={value}" for name, value in given.items()]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COLLECTOR_")}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # or each start would compile it all again
        self.process = subprocess.Popen(
            [*wrapper, *command, "serve", "--set=logging_format=json", *flags],
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        self.log: list[dict[str, Any]] = []
        self._wait_for_start()

    def _wait_for_start(self) -> None:
        assert self.process.stderr is not None
        lines: list[bytes] = []
        while not self.log or self.log[-1]["event"] != "satellite.started":
            ready, _, _ = select.select([self.process.stderr], [], [], START_SECONDS)
            line = self.process.stderr.readline() if ready else b""
            lines.append(line)
            if not line:
                self.kill()
                raise AssertionError(b"".join(lines).decode())
            if line.startswith(b"{"):
                self.log.append(json.loads(line))
        self.listeners: dict[str, str] = self.log[-1]["listeners"]

    def url(self, setting: str) -> str:
        """The base URL of a port."""
        return f"http://{self.listeners[setting]}"

    def kill(self) -> None:
        """`kill -9`."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()
        assert self.process.stderr is not None
        self.process.stderr.close()


def processor_seconds(process: int) -> float:
    """Of the processor that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(process: int, name: str = "VmRSS") -> int:
    """What the operating system counts for a process."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(name)
