"""Programs under test as real processes: a tracer that is told what to do, and the command `satellite`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from satellite import Client
from satellite.settings import SECOND_PORTS

ROOT = Path(__file__).parents[2]
SATELLITE = Path(sys.executable).parent / "satellite"
"""The command as it is installed beside this Python."""

PATIENCE_S = 60
"""For what should take a second or two: beyond it something is broken."""

_TRUST = {
    "CURL_CA_BUNDLE",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE",  # goes before what a program asks of Python's requests
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
}
"""What machines set so that programs trust more than their libraries do."""


def environment(**more: str) -> dict[str, str]:
    """This process's, without settings of a satellite, of trust, and of proxies: all is on this machine."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COLLECTOR_", "SATELLITE_", "OTEL_"))
        and not name.lower().endswith("_proxy")
        and name not in _TRUST
    }
    return kept | {"NO_PROXY": "*", "COLUMNS": "160", **more}


class Tracer:
    """A process with a real tracer (tests/interop/clients), which does what it is told line by line."""

    def __init__(
        self,
        interpreter: Path,
        script: str,
        *,
        ca_file: Path | None = None,
        env: Mapping[str, str] = {},
        **options: Any,
    ) -> None:
        """`options` go to the tracer; without `ca_file` (or what `env` says) it trusts what its libraries trust."""
        self.ca_file = ca_file
        trust = {} if ca_file is None else {"REQUESTS_CA_BUNDLE": str(ca_file)}
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by `__exit__`
        self._process = subprocess.Popen(
            [interpreter, ROOT / "tests/interop/clients" / script, json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=environment(PYTHONWARNINGS="ignore", **trust, **env),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()
        self._errors.close()

    def do(self, command: str, *arguments: Any, **named: Any) -> Any:
        """Its answer to a command; fails with its traceback."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([command, *arguments, *([named] if named else [])]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the tracer's process ended: {self._said()}"
        reply = json.loads(line)
        assert "answer" in reply, reply.get("failed")
        return reply["answer"]

    def end(self) -> None:
        """Let the program come to its end, where tracers send what they still have."""
        self._process.communicate(timeout=PATIENCE_S)
        assert self._process.returncode == 0, self._said()

    def _said(self) -> str:
        self._errors.seek(0)
        return self._errors.read()


def satellite(*arguments: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    """What a verb of the command says, once it has ended."""
    return subprocess.run(
        [SATELLITE, *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        stdin=subprocess.DEVNULL,
        env=environment(**more),
    )


PORTS = (
    "grpc_secure_port",
    "grpc_plain_port",
    "http_secure_port",
    "http_plain_port",
    "admin_plain_port",
    "admin_secure_port",
    "explorer_port",
)


class Served:
    """`satellite serve` as a process of its own, on free ports unless others are given; ready within the block."""

    def __init__(
        self, cert_dir: Path, *arguments: str, ports: Mapping[str, int | str] = {}, **more: str
    ) -> None:
        """`arguments` go to the command, `more` is environment for it."""
        self.cert_dir = cert_dir
        chosen = dict.fromkeys(SECOND_PORTS, "off") | dict.fromkeys(PORTS, "free") | dict(ports)
        sets = [word for name, port in chosen.items() for word in ("--set", f"{name}={port}")]
        self._command: list[str | Path] = [
            SATELLITE,
            "serve",
            "--cert-dir",
            cert_dir,
            "--host",
            "127.0.0.1",
            *sets,
            *arguments,
        ]
        self._environment = environment(**more)
        self.lines: list[dict[str, Any]] = []
        """Its log so far; a line that is no JSON has only `text`."""
        self._changed = threading.Condition()
        self._ended = False

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self._environment,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        try:
            started = self.logged("satellite.started")
            self.ports = {name: int(at.rpartition(":")[2]) for name, at in started["listeners"].items()}
            self.client = Client(f"http://127.0.0.1:{self.ports['explorer_port']}")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self._end()

    def _end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                try:
                    parsed = json.loads(line)
                except ValueError:
                    parsed = {"text": line}
                with self._changed:
                    self.lines.append(parsed)
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def logged(self, event: str) -> dict[str, Any]:
        """The first log line of this event, waited for."""

        def found() -> dict[str, Any] | None:
            return next((line for line in self.lines if line.get("event") == event), None)

        with self._changed:
            self._changed.wait_for(lambda: found() or self._ended, timeout=PATIENCE_S)
            line = found()
        assert line is not None, f"no {event}: {self.lines}"
        return line

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Tell it to stop; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)

    @property
    def ca_file(self) -> Path:
        return self.cert_dir / "ca.pem"

    @property
    def grpc_target(self) -> str:
        return f"localhost:{self.ports['grpc_secure_port']}"

    @property
    def url(self) -> str:
        return self.client.url

    def verb(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """What a verb says that asks this satellite."""
        return satellite(*arguments, SATELLITE_URL=self.url)
