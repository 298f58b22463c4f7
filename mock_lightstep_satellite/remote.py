"""A satellite that runs elsewhere, or as a process of its own: its addresses, and its start by a command."""

from __future__ import annotations

import random
import shlex
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from mock_lightstep_satellite.client import Client
from mock_lightstep_satellite.connection import untraced
from mock_lightstep_satellite.errors import SatelliteError, Unreachable

if TYPE_CHECKING:
    from mock_lightstep_satellite.spans import Spans
    from satellite.embedded import Satellite

PORTS = {
    "grpc_target": "grpc_secure_port",
    "grpc_plain_target": "grpc_plain_port",
    "http_url": "http_plain_port",
    "https_url": "http_secure_port",
    "plain_target": "plain_port",
    "secure_target": "secure_port",
}
"""Each address, and the setting of its port."""
_OTHER_PORTS = (
    "developer_plain_port", "admin_plain_port", "admin_secure_port", "otlp_grpc_port", "otlp_http_port", "zipkin_port",
    "jaeger_grpc_port", "jaeger_http_port",
)  # fmt: skip
START_SECONDS = 60.0
"""For a command to answer: images may have to be pulled first."""
STOP_SECONDS = 10.0
LOOK_SECONDS = 0.02
"""How often a start is looked at."""
_OUTPUT_BYTES = 4000
_NOT_GIVEN_OUT = range(20_000, 32_000)
"""Ports below those that systems pick for who asks for any, and for outgoing connections."""


class NotStarted(SatelliteError):
    """The command ended, or nothing answers; the message has the end of its output."""

    code = "not_started"


@dataclass(frozen=True)
class RemoteSatellite:
    """A satellite that runs elsewhere, with the addresses that answer from here; "" for those that do not."""

    url: str
    client: Client
    grpc_target: str
    grpc_plain_target: str
    http_url: str
    https_url: str
    plain_target: str
    secure_target: str
    ca_file: Path | None
    """A copy of its CA; None when it has none."""

    def project(self, token: str = "") -> Spans:
        """A project, and how to report to it and ask it; a fresh one unless its token is given."""
        from mock_lightstep_satellite.spans import project_of

        return project_of(self, token)


def environment(satellite: RemoteSatellite | Satellite, token: str) -> dict[str, str]:
    """What a program is told to report to it with this token; see `Spans.env`."""
    found = {name: str(getattr(satellite, name) or "") for name in PORTS}
    host, _, port = found["grpc_target"].rpartition(":")
    ca_file = str(satellite.ca_file or "")
    any_protocol = f"http://{found['plain_target']}" if found["plain_target"] else ""
    only_http = "" if any_protocol or not found["http_url"] else "http/protobuf"
    env = {
        "LIGHTSTEP_ACCESS_TOKEN": token,
        "LIGHTSTEP_HOST": host,
        "LIGHTSTEP_PORT": port,
        "LS_ACCESS_TOKEN": token,
        "OTEL_EXPORTER_OTLP_ENDPOINT": any_protocol or found["http_url"],
        "OTEL_EXPORTER_OTLP_PROTOCOL": only_http,
        "OTEL_EXPORTER_OTLP_HEADERS": f"lightstep-access-token={token}",
        "OTEL_EXPORTER_OTLP_CERTIFICATE": ca_file,
        "SATELLITE_URL": satellite.url,
        "SATELLITE_PROJECT": token,
        "SATELLITE_CA_FILE": ca_file,
        **{f"SATELLITE_{name.upper()}": address for name, address in found.items()},
    }
    return {name: value for name, value in env.items() if value}


def connect(client: Client, folder: Path, *, mapped: Mapping[int, int] | None = None) -> RemoteSatellite:
    """The satellite of this client. Its listeners are those in its diagnostics, at the host of its URL, that can be reached.

    `mapped` has the ports by which they are reached, where these are others; a copy of its CA goes to the folder.

    Raises:
        Unreachable: nothing answers.
        SatelliteError: it takes only the access tokens that it lists, so that a test cannot have a project of its own.
    """
    client.projects()
    host = urlsplit(client.url).hostname or ""
    with untraced(), httpx.Client(base_url=client.url, trust_env=False, timeout=30) as http:
        diagnostics = http.get("/diagnostics", params={"format": "json"})
        ca = http.get("/ca.pem")
    found = diagnostics.json() if diagnostics.is_success else {}
    if found.get("tokens", "open") != "open":
        message = f"the satellite at {client.url} takes only the access tokens that it lists; each test reports with a fresh one"
        raise SatelliteError(message, hint="start it without access_tokens and disable_access_token_checking")
    ports = {listener["setting"]: listener["port"] for listener in found.get("listeners", ())}
    addresses = {}
    for name, setting in PORTS.items():
        port = ports.get(setting) if mapped is None else mapped.get(ports.get(setting, 0))
        target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        scheme, _, kind = name.partition("_")
        address = f"{scheme}://{target}" if kind == "url" else target
        addresses[name] = address if port and _answers(host, port, tls="secure" in setting) else ""
    ca_file = None
    if ca.is_success:
        ca_file = folder / "ca.pem"
        ca_file.write_bytes(ca.content)
    return RemoteSatellite(url=client.url, client=client, ca_file=ca_file, **addresses)


@contextmanager
def connected(url: str) -> Iterator[RemoteSatellite]:
    """The satellite whose Explorer is at this URL, for a block; raises as `connect`.

    with connected("http://localhost:8000") as satellite:
        satellite.project().expect(count=1)
    """
    with TemporaryDirectory(prefix="satellite-") as folder, Client(url) as client:
        yield connect(client, Path(folder))


@contextmanager
def started(command: str, url: str | None, folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """The URL of the satellite that this command starts and keeps in the foreground; it ends with the block.

    `{port}` in the command stands for a free port of this machine at which its Explorer is to answer. `satellite serve` needs
    none, it is told its ports, all of them free ones, by its environment. With `url` it is asked there instead.

    Raises:
        NotStarted: it ended, or does not answer within START_SECONDS.
    """
    port = free_port()
    address = url or f"http://127.0.0.1:{port}"
    output = folder / "satellite.log"
    try:
        with output.open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - the user's own command
                shlex.split(command.replace("{port}", str(port))),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**_settings(port, folder), **environment},
            )
    except (OSError, ValueError) as error:
        raise NotStarted(f"the satellite's command cannot be run: {error}") from error
    try:
        _wait(address, process, command, output)
        yield address
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _settings(port: int, folder: Path) -> dict[str, str]:
    """What `satellite serve` reads, where it is not set: ports that nobody has, certificates that nobody keeps."""
    free = [*PORTS.values(), *_OTHER_PORTS]
    return {f"COLLECTOR_{name.upper()}": "free" for name in free} | {
        "COLLECTOR_HOST": "127.0.0.1",
        "COLLECTOR_EXPLORER_PORT": str(port),
        "COLLECTOR_CERT_DIR": str(folder / "certs"),
    }


def _wait(url: str, process: subprocess.Popen[bytes], command: str, output: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    with Client(url) as client:
        while True:
            code = process.poll()
            if code is None:
                try:
                    client.projects()
                except Unreachable:
                    pass
                else:
                    return
            if code is not None or time.monotonic() > deadline:
                what = f"ended with exit code {code}" if code is not None else f"does not answer at {url}"
                said = output.read_bytes()[-_OUTPUT_BYTES:].decode("utf-8", "replace").strip()
                raise NotStarted(f"`{command}` {what}; it wrote:\n{said or '(nothing)'}")
            time.sleep(LOOK_SECONDS)


def free_port() -> int:
    """A port of this machine that nobody uses, nor is given by the system before somebody is told of it."""
    for port in random.sample(_NOT_GIVEN_OUT, len(_NOT_GIVEN_OUT)):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no port is free")


def _answers(host: str, port: int, *, tls: bool) -> bool:
    """Whether somebody takes connections there; a whole handshake where TLS is spoken, lest it is noted as a failed one."""
    try:
        with socket.create_connection((host, port), timeout=2) as connection:
            if tls:
                context = ssl._create_unverified_context()  # noqa: S323 - nothing is sent
                context.set_alpn_protocols(["http/1.1"])
                context.wrap_socket(connection, server_hostname=host).close()
            return True
    except OSError:
        return False
