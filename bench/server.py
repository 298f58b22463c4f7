"""A `satellite serve` in a process of its own, as a user starts it, with its certificates in a folder that goes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from bench.process import Served, ask, free_ports
from satellite.settings import NEIGHBOURS_PORTS
from satellite.store import ProjectStats

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


class Server(Served):
    """Runs in its `with` block; leaves nothing behind."""

    def __init__(self, *, cert_dir: Path | None = None, **settings: object) -> None:
        """Settings by their names; `cert_dir` to use the certificates of an earlier one."""
        super().__init__()
        self._given = settings
        self._cert_dir = cert_dir

    def command(self, folder: Path) -> tuple[list[str], dict[str, str]]:
        """`satellite serve` with all defaults but its ports, its certificates, and bytes that are enough."""
        self.cert_dir = self._cert_dir or folder / "certs"
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
        environment = {f"COLLECTOR_{name.upper()}": str(value) for name, value in settings.items()}
        return [str(Path(sys.executable).with_name("satellite")), "serve"], environment

    def is_ready(self) -> bool:
        """Whether `/_ready` says 200."""
        return ask(self.ports["admin_plain_port"], "GET", "/_ready")[0] == 200

    @property
    def ca_file(self) -> str:
        """The CA that signed its certificate."""
        return str(self.cert_dir / "ca.pem")

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
