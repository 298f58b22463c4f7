"""`satellite serve` runs a satellite; `satellite healthcheck` asks whether the one on this machine is ready."""

from __future__ import annotations

import gc
import http.client
import os
import socket
import ssl
import sys
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from satellite.cli.settings import takes_settings
from satellite.settings import OFF, Loaded, Settings, load

if TYPE_CHECKING:
    from satellite.app import App

HEALTHCHECK_SECONDS = 5.0


class Mode(StrEnum):
    """How reports are answered."""

    TYPICAL = "typical"
    SLOW_SUCCEED = "slow_succeed"
    SLOW_FAIL = "slow_fail"


ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - names for addresses, no binding
"""Where on this machine to find what listens at every address."""


@takes_settings
def serve(loaded: Loaded) -> None:
    """Take spans and answer questions, until Ctrl-C or SIGTERM."""
    _run(loaded)


def benchmark_mock(
    port: Annotated[int, typer.Argument(min=1, max=65535, help="The only one that it listens at.")],
    mode: Annotated[Mode, typer.Argument(help="How reports are answered.")],
) -> None:
    """Stand in for `mock_satellite.py` of LightStep's benchmarks: the same arguments, answers and `GET /spans_received`.

    Who asks one second after the start must find the port, so it may have been bound before: a socket is taken over as systemd hands it on.
    """
    from satellite.ports import PURPOSES

    setting = "developer_plain_port"
    only = dict.fromkeys(PURPOSES, OFF) | {setting: port}
    handed_on = (os.environ.pop("LISTEN_PID", ""), os.environ.pop("LISTEN_FDS", ""))
    sockets = {setting: socket.socket(fileno=_FIRST_FD)} if handed_on == (str(os.getpid()), "1") else {}
    _run(load({**only, "benchmark_mode": mode.value, "receivers": 0}, os.environ), sockets)


_FIRST_FD = 3
"""Of those that are handed on, by sd_listen_fds(3)."""


def _run(loaded: Loaded, sockets: Mapping[str, socket.socket] | None = None) -> None:
    gc.disable()  # what is imported stays; the app enables it when all is made
    # gRPC's core logs to stderr in a form of its own; read when it is imported.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from satellite.app import App
    from satellite.edges.descriptors import raise_limit
    from satellite.edges.loop import run, share_interpreter
    from satellite.memory import tune_allocator
    from satellite.telemetry.logs import logs_to

    tune_allocator()
    share_interpreter()
    raise_limit()

    settings = loaded.settings
    level = "debug" if settings.logging_verbose else settings.logging_level
    app = App(loaded, sockets=sockets)

    def started() -> None:
        if sys.stdout.isatty():
            show(app, settings)

    with logs_to(sys.stderr, level=level, format=settings.logging_format):
        run(lambda: app.run(started, signals=True))


def show(app: App, settings: Settings) -> None:
    """Print where everything is, and how to go on."""
    from rich.console import Console
    from rich.table import Table

    from satellite.mesh.istio import banner

    console = Console(emoji=False, highlight=False, soft_wrap=True)
    table = Table("address", "", "what", box=None, pad_edge=False, header_style="bold")
    for listener in app.listeners:
        address = f"{_here(settings.host)}:{listener.port}"
        table.add_row(address, "TLS" if listener.tls else "plain", listener.purpose)
    console.print("\n[bold]Mock LightStep satellite[/bold]\n")
    console.print(table)
    lines: list[tuple[str, str]] = []
    if explorer := app.listener("explorer_port"):
        lines += [("Explorer, API", f"http://{_here(settings.host)}:{explorer.port}/")]
    if app.ca_file:
        lines += [("CA for clients", str(app.ca_file))]
        if anybody := app.listener("explorer_port") or app.listener("http_plain_port"):
            lines += [("", f"http://{_here(settings.host)}:{anybody.port}/ca.pem")]
    ca = "" if _finds_certificates(settings) or not app.ca_file else f" --ca {app.ca_file}"
    lines += [("Traffic to look at", f"satellite demo{ca}"), ("Stop", "Ctrl-C")]
    grid = Table.grid(padding=(0, 2))
    for name, text in lines:
        grid.add_row(f"[bold]{name}[/bold]", text)
    console.print()
    console.print(grid)
    console.print()
    if secure := app.listener("grpc_secure_port"):
        options = "" if _finds_certificates(settings) else f"--dir {settings.cert_dir}"
        address = f"{socket.gethostname()}:{secure.port}"
        console.print(banner(address=address, cert_options=options), markup=False)
        console.print()


def _finds_certificates(settings: Settings) -> bool:
    """Whether other commands, which read the same environment but not our flags, look where this satellite looks."""
    try:
        elsewhere = load({}, os.environ).settings
    except ValueError:
        return False
    return (elsewhere.cert_dir, elsewhere.tls_cert_prefix) == (settings.cert_dir, settings.tls_cert_prefix)


def _here(host: str) -> str:
    """The name to write in an address that somebody on this machine will use."""
    return "localhost" if host in ANYWHERE or host == "127.0.0.1" else f"[{host}]" if ":" in host else host


@takes_settings
def healthcheck(loaded: Loaded) -> None:
    """Whether the satellite on this machine is ready: exit code 0 or 1. Finds it by its settings."""
    settings = loaded.settings
    host = ANYWHERE.get(settings.host, settings.host)
    connection: http.client.HTTPConnection
    if settings.admin_plain_port > 0:
        connection = http.client.HTTPConnection(host, settings.admin_plain_port, timeout=HEALTHCHECK_SECONDS)
    elif settings.admin_secure_port > 0:
        # No secret is sent and it is this machine, so the certificate is not looked at.
        context = ssl._create_unverified_context()  # noqa: S323
        connection = http.client.HTTPSConnection(
            host, settings.admin_secure_port, timeout=HEALTHCHECK_SECONDS, context=context
        )
    else:
        typer.echo("satellite: no admin port is set, so there is nobody to ask", err=True)
        raise typer.Exit(2)
    try:
        connection.request("GET", "/_ready")
        with connection.getresponse() as answer:
            text = answer.read(1000).decode("utf-8", "replace").strip()
    except (OSError, http.client.HTTPException) as error:
        typer.echo(f"satellite: nothing answers at {connection.host}:{connection.port}: {error}", err=True)
        raise typer.Exit(1) from error
    finally:
        connection.close()
    typer.echo(text, err=answer.status != 200)
    raise typer.Exit(0 if answer.status == 200 else 1)
